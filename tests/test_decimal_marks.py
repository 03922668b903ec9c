"""The decimal mark of numbers that are text: which cells tell it, and what is said where none does."""

import csv
import io
import warnings

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError
from fmkeras.houses.explaining import explain
from fmkeras.houses.table import from_frame
from fmkeras.houses.training import load_data

RNG = np.random.default_rng(0)
AREA = RNG.integers(1000, 9999, 120)
TABLE = pd.DataFrame({"lot": AREA, "price": 3 * AREA + RNG.integers(0, 40, 120)})
AMERICAN = [f"{area:,}" for area in AREA]
GERMAN = [text.replace(",", ".") for text in AMERICAN]


def trained(table, **options):
    return fmkeras.train_regressor(table, "price", **{"epochs": 3} | options)


def said(regressor, table):
    """Prices, and what is said of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return regressor.predict(table), [str(warning.message) for warning in caught]


@pytest.fixture(scope="module")
def point():
    """A run whose numbers have a point."""
    return trained(TABLE)


@pytest.fixture(scope="module")
def comma(tmp_path_factory):
    """A run whose numbers have a comma."""
    folder = tmp_path_factory.mktemp("comma")
    table = TABLE.assign(lot=GERMAN, energy=[f"{x:.1f}".replace(".", ",") for x in RNG.uniform(10, 99, 120)])
    table.to_csv(folder / "german.csv", sep=";", index=False)
    return trained(folder / "german.csv", run=folder / "run")


def test_only_columns_that_the_model_reads_as_numbers_tell_the_mark(point, tmp_path, capsys):
    table = TABLE.head(4).assign(lot=AMERICAN[:4], note=["", "3,5", "", "2,25 and more"])
    table.to_csv(tmp_path / "new.csv", index=False)
    expected = point.predict(TABLE.head(4))
    for new in (table, tmp_path / "new.csv", table.iloc[1].to_dict()):
        prices, lines = said(point, new)
        np.testing.assert_array_equal(prices, expected if len(prices) == 4 else expected[1:2])
        assert lines == []
    _, y, notes = point.labelled(tmp_path / "new.csv")
    assert (len(y), notes) == (4, [])


def test_notes_and_columns_left_out_do_not_tell_it_in_training():
    notes = np.where(np.arange(120) < 60, "sunny", "")
    notes[:9] = "3,5"
    table = TABLE.assign(lot=AMERICAN, note=notes, code=[f"{x},5" for x in range(120)])
    assert from_frame(table, "price", drop=["code"]).decimal == "."
    assert from_frame(table, "price", categorical=["code"]).decimal == "."


def test_text_in_a_frame_tells_the_mark_in_training_too(point):
    table = TABLE.assign(price=[f"{price},50" for price in TABLE.price])
    assert from_frame(table, "price").target.tolist() == (TABLE.price + 0.5).tolist()


def test_another_mark_than_the_runs_is_said(point):
    prices, lines = said(point, {"lot": "1.234,5"})
    assert lines == ["numbers are read with a decimal comma, as cells here need; the run was trained with a point"]
    assert prices == point.predict({"lot": 1234.5})


def test_a_house_is_read_as_its_table_is(comma):
    """By predict, and by explain, which the server asks; numbers stay numbers."""
    for house in ({"lot": "2.429", "energy": "40"}, {"lot": 2429, "energy": 40.0}, {"lot": "2.429", "energy": "40,0"}):
        assert explain(comma, house)["price"] == comma.predict(house)[0] == comma.predict({"lot": 2429, "energy": 40})
    assert explain(comma, {"lot": 1.125, "energy": 40})["price"] == comma.predict({"lot": 1.125, "energy": 40})


def test_a_doubt_is_said_in_predict_and_evaluate(point, tmp_path, capsys):
    table = TABLE.head(4).assign(lot=GERMAN[:4])
    table.to_csv(tmp_path / "new.csv", sep=";", index=False)
    doubt = f"lot: no cell tells the decimal mark: {GERMAN[0]} is read as {float(GERMAN[0]):g}; if it is a thousand "
    for lines in (said(point, tmp_path / "new.csv")[1], said(point, table)[1], point.labelled(tmp_path / "new.csv")[2]):
        assert any(line.startswith(doubt) for line in lines)
    table.to_csv(tmp_path / "new.csv", index=False)  # commas between the cells: the point is no mark of thousands
    assert not any("decimal mark" in line for line in said(point, tmp_path / "new.csv")[1])


@pytest.mark.parametrize("cells", [["403.064", "999", "12.500", ""], ["1.200", "950", "-"]])
def test_each_column_is_doubted_by_itself(cells, tmp_path):
    table = TABLE.assign(lat=[f"{x:.4f}" for x in RNG.uniform(52, 53, 120)], lot=np.resize(cells, 120))
    table.to_csv(tmp_path / "table.csv", sep="\t", index=False)
    notes = [note for note in load_data(str(tmp_path / "table.csv"), "price").notes if "decimal mark" in note]
    assert len(notes) == 1 and notes[0].startswith(f"lot: no cell tells the decimal mark: {cells[0]} is read as ")
    table.assign(lot=np.resize([*cells, "1200.5"], 120)).to_csv(tmp_path / "table.csv", sep="\t", index=False)
    assert not any("decimal mark" in note for note in load_data(str(tmp_path / "table.csv"), "price").notes)


@pytest.mark.parametrize("suffix", ["xlsx", "parquet"])
def test_numbers_of_a_workbook_are_no_text(tmp_path, suffix):
    pytest.importorskip("openpyxl" if suffix == "xlsx" else "pyarrow")
    distance = AREA // 10 * 10 / 1000 + 0.001  # three decimals each
    table = TABLE.assign(distance=distance, energy=[f"{x},5" for x in AREA])
    path = tmp_path / f"table.{suffix}"
    table.to_excel(path, index=False) if suffix == "xlsx" else table.to_parquet(path, index=False)
    loaded = load_data(str(path), "price")
    assert loaded.decimal == ","
    np.testing.assert_allclose(loaded.features["distance"], distance)
    np.testing.assert_allclose(loaded.features["energy"], AREA + 0.5)
    text, priced = trained(path).predict_csv(path)
    row = next(csv.DictReader(io.StringIO(text)))
    assert float(row["predicted_price"]) == priced.values[0] and float(row["distance"]) == pytest.approx(distance[0])


def test_two_columns_of_one_name_are_refused(point):
    twice = pd.concat([TABLE, TABLE[["lot"]]], axis=1).head(3)
    with pytest.raises(InputError, match="two columns are named 'lot': rename one"):
        point.predict(twice)
    other = pd.concat([TABLE, TABLE[["price"]]], axis=1).head(3)  # not asked for
    assert len(point.predict(other)) == 3
