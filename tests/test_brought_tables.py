"""What people bring: tables and actions that once ended in a wrong price, a lost file or a traceback."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError, export, plots, regress, runs
from fmkeras.houses import exporting, files
from fmkeras.houses.cells import dated, decimal_mark
from fmkeras.houses.table import from_frame
from fmkeras.houses.training import load_data

RNG = np.random.default_rng(0)
AREA = RNG.integers(40, 200, 120)
PRICE = 3 * AREA + RNG.integers(0, 40, 120)
TABLE = pd.DataFrame({"area": AREA, "price": PRICE})


def trained(table=TABLE, **options):
    return fmkeras.train_regressor(table, "price", **{"epochs": 3} | options)


def test_two_trainings_do_not_share_a_folder(tmp_path):
    """The second is refused, and the first ends as if it were alone."""
    refused = []

    def meanwhile(row, epochs):
        if not refused:
            with pytest.raises(InputError, match=r"another training writes to .*: name another --run") as error:
                trained(TABLE.assign(rent=1.0), run=tmp_path / "run")
            refused.append(error)

    first = trained(run=tmp_path / "run", progress=meanwhile)
    assert refused and runs.read_json(tmp_path / "run" / runs.REPORT)["rows"] == 120
    assert fmkeras.load_regressor(tmp_path / "run").config["columns"] == first.config["columns"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.fixture(scope="module")
def german(tmp_path_factory):
    """A run of a table with the comma as its decimal mark."""
    folder = tmp_path_factory.mktemp("german")
    rows = "".join(f"{area + 1000},50;{price}\n" for area, price in zip(AREA, PRICE, strict=True))
    (folder / "german.csv").write_text("area;price\n" + rows)
    fmkeras.train_regressor(folder / "german.csv", "price", run=folder / "run", epochs=3)
    return folder / "run"


def test_a_runs_decimal_mark_is_that_of_its_tables(german, tmp_path):
    regressor = fmkeras.load_regressor(german)
    (tmp_path / "new.csv").write_text("area;note\n1.100;x\n1.190;y\n")
    text, _ = regressor.predict_csv(tmp_path / "new.csv")
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    expected = regressor.predict(pd.DataFrame({"area": [1100.0, 1190.0]}))
    found = [row[2] for row in rows[1:]]
    assert [float(cell.replace(",", ".")) for cell in found] == pytest.approx(expected.tolist())
    assert all("." not in cell for cell in found)


@pytest.mark.parametrize(
    ("cell", "mark"),
    [("450.000,00 EUR", ","), ("450 000,00 €", ","), ("1 195,25", ","), ("$1,234.50", "."), ("EUR 12.50", ".")],
)
def test_money_and_blanks_tell_the_decimal_mark(cell, mark):
    assert decimal_mark([cell, "some, text.", "1.234"]) == mark


def test_numbers_of_which_none_tells_the_mark_are_named(tmp_path):
    rows = "".join(f"{area};{price}.000\n" for area, price in zip(AREA, PRICE, strict=True))
    (tmp_path / "german.csv").write_text("area;price\n" + rows)
    (note,) = (note for note in load_data(str(tmp_path / "german.csv"), "price").notes if "decimal" in note)
    assert note.startswith(
        f"price: no cell tells the decimal mark: {PRICE[0]}.000 is read as {PRICE[0]}; if it is a thousand times"
    )
    (tmp_path / "german.csv").write_text("area;price\n12,5;1.000\n" + rows)
    assert load_data(str(tmp_path / "german.csv"), "price").target.iloc[-1] == 1000 * PRICE[-1]


def test_where_nothing_tells_the_default_counts():
    assert (decimal_mark(["1.234", "7"]), decimal_mark(["1.234", "7"], ",")) == (".", ",")


@pytest.mark.parametrize("name", ["priced.xlsx", "priced.csv.gz", "priced.parquet", "priced.zip"])
def test_a_prediction_is_written_as_csv_only(german, tmp_path, name):
    out = tmp_path / name
    out.write_bytes(b"precious")
    with pytest.raises(InputError, match=r"a table is written as plain CSV: name a \.csv as --out"):
        regress.main(["predict", str(out), "--run", str(german), "--out", str(out)])
    assert out.read_bytes() == b"precious"


def test_a_model_card_that_was_completed_stays(tmp_path, capsys):
    export._write_card(tmp_path, "made\n")
    export._write_card(tmp_path, "made\n")
    assert "kept as it is" not in capsys.readouterr().out
    (tmp_path / runs.CARD).write_text("made, and completed\n")
    export._write_card(tmp_path, "made anew\n")
    assert (tmp_path / runs.CARD).read_text() == "made, and completed\n"
    assert "is kept as it is: move it away for a new one" in capsys.readouterr().out


@pytest.mark.parametrize(
    "table",
    [
        TABLE.assign(area=np.where(AREA > 100, "large", "small")),  # no numbers
        TABLE.assign(price=2.0 * AREA),  # no error
        TABLE.rename(columns={"area": "linear"}).assign(zone=np.where(AREA > 90, "a", "b")),  # a layer's name
        TABLE.assign(category_0=AREA, zone=np.where(AREA > 90, "$25K_$50K", "b$")),  # mathematics
    ],
    ids=["categories", "exact", "names", "dollars"],
)
def test_ordinary_tables_end_as_runs(table, tmp_path, capsys):
    table.to_csv(tmp_path / "table.csv", index=False)
    words = ["--dataset", tmp_path / "table.csv", "--target", "price", "--epochs", "2", "--run", tmp_path / "run"]
    regress.main([*map(str, words)])
    loaded = fmkeras.load_regressor(tmp_path / "run")
    assert np.isfinite(loaded.predict(table.drop(columns="price").head(3))).all()
    assert (tmp_path / "run" / runs.REPORT).exists() and "MSE" in capsys.readouterr().out


def test_a_score_that_there_is_not_is_none():
    assert (exporting._short(None), exporting._short(0.5)) == ("none", "0.5000")


def test_dollar_signs_are_no_mathematics():
    figure = plots.coefficients(["a_$1$_b", "b"], np.ones(2), np.ones(2), "title", "price ($) of $x$", "")
    figure.canvas.draw()


def test_a_damaged_zip_is_named(tmp_path):
    import zipfile

    path = tmp_path / "houses.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("houses.csv", TABLE.to_csv() * 20)
    content = bytearray(path.read_bytes())
    content[60:90] = b"\xff" * 30
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"houses\.zip cannot be unpacked"):
        files.read(path)


def test_folds_that_cannot_be_are_refused_before_anything_is_touched(tmp_path):
    for folds in (1, 61):
        with pytest.raises(InputError, match=f"--folds {folds}: choose from 2 to 60, half of the rows"):
            trained(run=tmp_path / "run", folds=folds)
    assert not (tmp_path / "run").exists()


def test_with_dots_the_day_is_first():
    assert dated("05.02.2014") == dated("5.2.2014", True) == dated("2014-02-05") == (2014, 2)
    assert dated("5/2/2014") == (2014, 5) and dated("5/2/2014", True) == (2014, 2)


def test_an_export_is_compared_by_the_size_of_its_predictions():
    expected = np.array([60_000.0, -0.001, 3.0], "float32")
    assert "largest difference" in exporting.compare(expected, expected + np.float32(0.002))
    small = np.array([0.045, 0.05], "float32")
    with pytest.raises(InputError, match="does not do what its run does"):
        exporting.compare(small, small + np.float32(0.001))


def test_a_category_may_have_the_name_of_what_keras_never_met(tmp_path):
    """Keras took "[UNK]" for its own mark: a weight too few, or all of them shifted by one."""
    zones = np.where(AREA > 150, "[UNK]", np.where(AREA > 90, "a", "b"))
    regressor = trained(TABLE.assign(zone=zones), run=tmp_path / "run")
    both = [fmkeras.load_regressor(tmp_path / "run"), regressor]
    house = {"area": 100, "zone": "[UNK]"}
    prices = [one.predict([house, house | {"zone": "a"}]) for one in both]
    np.testing.assert_array_equal(*prices)
    weights = pd.read_csv(tmp_path / "run" / "coefficients.csv", index_col=0)["trained_per_unit"]
    difference = weights["zone = [UNK]"] - weights["zone = a"]
    assert prices[0][0] - prices[0][1] == pytest.approx(difference, rel=1e-3, abs=1e-2)


@pytest.mark.parametrize("name", ["class_name", "registered_name"])
def test_names_that_keras_keeps_for_itself_are_refused(name, tmp_path):
    with pytest.raises(InputError, match=f"name {name} for itself: rename that column, or --drop {name}"):
        trained(TABLE.assign(**{name: np.where(AREA > 90, "a", "b")}), run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_any_names_of_columns_can_be_exported(tmp_path):
    """Words of Python, and names that differ by capitals only."""
    others = {name: RNG.integers(0, 9, 120) for name in ("Area", "class", "None", "self", "2nd floor", "面积")}
    regressor = trained(pd.concat([TABLE, pd.DataFrame(others)], axis=1), run=tmp_path / "run")
    assert "200 made-up rows" in exporting.export(tmp_path / "out", regressor, "savedmodel")
    inputs = runs.read_json(tmp_path / "out" / exporting.DESCRIPTION)["inputs"]
    assert len({name.lower() for name in inputs.values()}) == 7 and inputs["class"] == "class_2"


def test_the_example_of_a_runs_card_has_a_column_of_the_table():
    regressor = trained(TABLE.rename(columns={"area": "living area"}))
    assert 'predict({"living area": ..., ...})' in exporting.card(regressor, "run", "run", 1)


def test_intervals_of_logarithms_hold_what_they_say():
    """They stand around the predictions that are given, which are means and not medians."""
    rng = np.random.default_rng(1)
    size = rng.normal(size=4000)
    table = pd.DataFrame({"size": size, "price": np.exp(10 + 0.3 * size + rng.normal(0, 1, 4000))})
    report = trained(table, log_target=True, epochs=2).report
    assert report["coverage"]["90"] == pytest.approx(0.9, abs=0.03)
    assert report["coverage"]["50"] == pytest.approx(0.5, abs=0.05)


def test_rows_that_are_copies_are_counted():
    twice = pd.concat([TABLE, TABLE.head(5)])
    assert not any("repeat another" in note for note in from_frame(TABLE.drop_duplicates(), "price").notes)
    found = [note for note in from_frame(twice, "price").notes if "rows repeat another" in note]
    assert len(found) == 1 and found[0].startswith(f"{int(twice.duplicated().sum())} of 125 rows")


def coded(**others):
    rng = np.random.default_rng(0)
    rows = len(TABLE)
    numbers = {"house_id": rng.permutation(rows) + 7_000_000, "zipcode": rng.choice([98001, 98103, 98178], rows)}
    return TABLE.assign(**numbers, **others)


def weighed(table, **asked):
    return [note for note in from_frame(table, "price", **asked).notes if "weighed as a size" in note]


def test_numbers_that_name_rows_or_places_are_asked_about():
    """An id and a zip code have no more and less, and a linear model weighs both as if they had."""
    told = weighed(coded(**{"Unnamed: 0": range(len(TABLE))}))
    assert [note.split(": weighed")[0] for note in told] == ["house_id, Unnamed: 0", "zipcode"]
    assert told[0].endswith("--drop 'house_id' 'Unnamed: 0'") and told[1].endswith("--categorical 'zipcode'")


def test_columns_that_the_user_has_decided_on_are_not_asked_about():
    assert not weighed(coded(), drop=["house_id"], categorical=["zipcode"])
    assert not weighed(coded(), numeric=["house_id", "zipcode"])


@pytest.mark.parametrize("name", ["sqft_zipped", "keyboards", "classical", "area", "grade"])
def test_other_whole_numbers_are_sizes(name):
    assert not weighed(TABLE.assign(**{name: np.random.default_rng(0).permutation(len(TABLE)) * 3}))


def test_copies_with_an_id_of_their_own_are_copies():
    twice = pd.concat([TABLE.drop_duplicates(), TABLE.head(30)], ignore_index=True)
    twice["id"] = range(len(twice))
    assert any("rows repeat another" in note for note in from_frame(twice, "price").notes)
