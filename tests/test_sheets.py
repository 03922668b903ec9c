"""Tables as spreadsheets have them: titles above the names, a total below, Excel's sep=, an empty first sheet."""

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError
from fmkeras.houses import files
from fmkeras.houses.notes import Heard
from fmkeras.houses.training import load_data

RNG = np.random.default_rng(0)
AREA = RNG.permutation(np.arange(40, 160, 2))
TABLE = pd.DataFrame({"area": AREA, "rooms": AREA // 30, "price": 3 * AREA + RNG.integers(0, 40, 60)})
TOTAL = [None, None, TABLE.price.sum()]


def written(path, *above, sep=",", table=TABLE):
    path.write_text("".join(f"{line}\n" for line in above) + table.to_csv(sep=sep, index=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("sep", list(",;\t|"))
@pytest.mark.parametrize(
    "above", [["House prices 2014"], ["# mine", "", "# of 2014"], ["House prices 2014{0}{0}"], ["sep={0}"]]
)
def test_titles_above_the_names_are_left_out_and_said(sep, above, tmp_path):
    path = written(tmp_path / "mine.csv", *(line.format(sep) for line in above), sep=sep)
    table = load_data(str(path), "price")
    pd.testing.assert_frame_equal(table.features, TABLE[["area", "rooms"]].astype(float))
    titles = ", ".join(line.removesuffix("{0}").removesuffix("{0}") for line in above if line)
    assert table.notes == (f"left out above the names of the columns: {titles}",)
    assert isinstance(table.notes[0], Heard)


def test_what_stands_above_other_tables_is_no_title(tmp_path):
    table = TABLE.set_axis(["", "rooms", "price"], axis=1)  # as pandas writes an index
    assert files.read(written(tmp_path / "index.csv", table=table)).header == ["", "rooms", "price"]
    (tmp_path / "blanks.txt").write_text("area price\n" + "1,5 20\n" * 20)
    sheet = files.read(tmp_path / "blanks.txt")
    assert (sheet.header, sheet.delimiter, sheet.notes) == (["area", "price"], " ", ())
    (tmp_path / "one.csv").write_text("price\n" + "20\n" * 20)
    assert files.read(tmp_path / "one.csv").header == ["price"]


def test_a_workbook_with_a_title_a_total_and_an_empty_sheet(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    rows = [["House prices", None, None], [], list(TABLE), *TABLE.to_numpy().tolist(), TOTAL]
    for row in rows:
        book.active.append(row)
    book.active.merge_cells("A1:C1")
    book.save(tmp_path / "book.xlsx")
    table = load_data(str(tmp_path / "book.xlsx"), "price")
    pd.testing.assert_frame_equal(table.features, TABLE[["area", "rooms"]].astype(float))
    book.create_sheet("empty", 0)
    book.save(tmp_path / "book.xlsx")
    with pytest.raises(InputError, match=r"book.xlsx is empty \(of its sheets 'empty' is read, and not 'Sheet'\)"):
        load_data(str(tmp_path / "book.xlsx"), "price")


@pytest.mark.parametrize("first", ["", "Total"])
def test_a_total_below_is_no_house(first, tmp_path):
    total = pd.DataFrame([[first, None, TABLE.price.sum()]], columns=list(TABLE))
    path = written(tmp_path / "total.csv", table=pd.concat([TABLE.astype(object), total]))
    table = load_data(str(path), "price")
    assert len(table.target) == 60
    assert table.notes == (f"left out: {path}, line 62, whose price is the sum of all above, a total",)
    regressor = fmkeras.train_regressor(TABLE, "price", epochs=3)
    _, y, notes = regressor.labelled(path)
    assert len(y) == 60 and table.notes[0] in notes
    other = pd.concat([TABLE.astype(object), total.assign(price=TABLE.price.sum() + 1, area=9)])
    assert len(load_data(str(written(tmp_path / "other.csv", table=other)), "price").target) == 61


def test_titles_are_said_when_houses_are_priced(tmp_path):
    regressor = fmkeras.train_regressor(TABLE, "price", epochs=3)
    text, priced = regressor.predict_csv(written(tmp_path / "new.csv", "My houses", table=TABLE.head(3)))
    assert text.startswith("area,rooms,price,predicted_price\n") and len(priced.values) == 3
    assert priced.notes == ["left out above the names of the columns: My houses"]
