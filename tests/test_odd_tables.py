"""House tables as portals, offices, spreadsheets and databases write them: read right, asked about, or refused."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_brought_tables import AREA, PRICE, TABLE, trained

from fmkeras import InputError
from fmkeras.houses import table as housing
from fmkeras.houses.notes import Heard

RNG = np.random.default_rng(0)


def noted(words, **columns):
    """Those notes of the table with these columns that hold the words, as a file with commas has them."""
    text = TABLE.assign(**columns).to_csv(index=False)
    return [note for note in read_csv(text).notes if words in note]


def read_csv(text, name="table.csv"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return housing.load(str(path), "price")


def dotted(numbers):
    return [f"{number:,}".replace(",", ".") for number in numbers]


@pytest.mark.parametrize(
    "cells",
    [
        dotted(PRICE * 3),  # 851 beside 1.196
        [dotted([p])[0] if i % 10 == 0 else p for i, p in enumerate(PRICE * 1000)],
        dotted(PRICE * 1000),
    ],
    ids=["mixed with small ones", "mixed with plain ones", "all"],
)
def test_points_between_thousands_are_asked_about_in_files_with_commas_too(cells):
    assert len(noted("no cell tells the decimal mark", price=cells)) == 1
    assert len(noted("no cell tells the decimal mark", lot=cells[::-1])) == 1
    exact = [f"{x:.3f}" for x in RNG.uniform(45, 48, 120)]
    assert not noted("no cell tells the decimal mark", lat=exact, lot=np.round(PRICE / 7, 2)), "lot tells it"
    assert not noted("no cell tells the decimal mark", lot=[*cells[:-1], "12.5"])


@pytest.mark.parametrize(("low", "words"), [([0], "0 in 12"), ([1, 0, 2], "0 to 2 in 12"), ([-300], "-300 in 12")])
def test_prices_of_next_to_nothing_are_asked_about(low, words):
    prices = [low[i // 10 % len(low)] if i % 10 == 0 else p for i, p in enumerate(PRICE)]
    (line,) = noted("empty those cells", price=prices)
    assert line.startswith(f"price: {words} rows, ")
    assert len(noted("empty those cells", price=[prices[0], *PRICE[1:]])) == 1, "one is enough"
    assert not noted("empty those cells", price=PRICE - np.quantile(PRICE, 0.4)), "no prices at all"


def test_codes_of_gaps_are_asked_about_in_years_and_in_columns_of_few_values():
    assert noted("year: 0 in 12 rows, 1901 to", year=[0 if i % 10 == 0 else 1900 + i for i in range(120)])
    assert noted("rooms: 999 in 30 rows", rooms=np.resize([1, 2, 3, 999], 120))
    assert noted("rooms: -1 in 30 rows", rooms=np.resize([1, 2, 3, -1], 120))
    renovated = [1990 + i % 20 if i % 10 == 0 else 0 for i in range(120)]
    assert not noted("empty those cells", rooms=np.resize([1, 2, 3, 20], 120), renovated=renovated)


def test_a_price_of_a_square_metre_is_seen_beside_gaps_and_zeros():
    area = [None, 0, *AREA[2:]]
    assert noted("area times metre is price itself", area=area, metre=PRICE / AREA)


def test_the_columns_that_give_the_target_away_are_named_as_the_table_has_them():
    parts = {name: RNG.permutation(AREA) for name in ("land", "building", "garden")}
    table = pd.DataFrame({name: [None, *cells[1:]] for name, cells in parts.items()})
    price = sum(parts.values()).astype(float)
    price[0] = 9e3  # so that the column that marks the gap weighs most
    (said,) = [note for note in trained(table.assign(price=price), epochs=1).report["notes"] if "is the answer" in note]
    assert "gap" not in said and said.split("columns? ")[1].split(":")[0].split(", ")[0] in parts


@pytest.mark.parametrize("form", ["{month:02}.{year}", "{month}/{year}", "{year}{month:02}", "{year}.{month:02}"])
def test_months_are_dates(form):
    table = read_csv(
        TABLE.assign(sold=[form.format(month=i % 12 + 1, year=2005 + i % 9) for i in range(120)]).to_csv(index=False)
    )
    assert list(table.features) == ["area", "sold (year)", "sold (month)"]
    assert table.features["sold (month)"].tolist()[:3] == [1, 2, 3]


def test_one_number_and_gaps_are_a_category():
    table = read_csv(TABLE.assign(pool=np.where(AREA > 100, "1", "")).to_csv(index=False))
    assert sorted(set(table.features["pool"])) == ["(none)", "1"] and not any("left out" in n for n in table.notes)


def test_ids_with_zeros_before_them_are_left_out():
    assert noted("left out: parcel (text, 120 different values", parcel=[f"{i * 37:08}" for i in range(120)])
    assert noted("category: zip, 4 values", zip=np.resize(["02100", "02101", "10115", "10117"], 120))


def test_a_column_of_truth_and_text_is_a_category():
    assert noted("category: pool, 3 values", pool=np.resize(["TRUE", "FALSE", "unknown"], 120))


def test_a_cell_that_is_no_date_is_named():
    days = [f"2014-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(120)]
    assert noted("of 120 dates 1 are none, as 'n.d.'", sold=["n.d.", *days[1:]])
    assert noted("date: sold, as year and month", sold=["0000-00-00", *days[1:]])


def test_units_that_differ_are_named_also_in_few_values():
    (line,) = noted("numbers in ac, sqft: write them in one unit", lot=np.resize(["0.5 ac", "8500 sqft"], 120))
    assert isinstance(line, Heard)
    assert not noted("one unit", floor=np.resize(["1st floor", "2nd floor"], 120))
    assert not noted("one unit", kind=np.resize(["2 bed", "3 bed", "1 studio"], 120))


def test_numbers_that_differ_too_little_are_not_called_the_same():
    assert noted("left out: listing (differs beyond the sixth digit only)", listing=[10**15 + i for i in range(120)])


def test_a_blank_row_within_keeps_its_price_and_those_around_are_left_out(tmp_path):
    (tmp_path / "new.csv").write_text(",\narea,rooms\n100,1\n,\n120,2\n,\n")
    regressor = trained(TABLE.assign(rooms=AREA % 5))
    priced, _ = regressor.predict_csv(tmp_path / "new.csv")
    assert [line.split(",")[:2] for line in priced.splitlines()] == [
        ["area", "rooms"],
        ["100", "1"],
        ["", ""],
        ["120", "2"],
    ]
    assert all(line.split(",")[2] for line in priced.splitlines())


@pytest.mark.parametrize(("form", "unit"), [("{:.0f}k", "k"), ("£{:.0f}k", "£k"), ("$ {:.2f} M", "$m")])
def test_prices_of_another_size_than_in_training_are_said(form, unit, tmp_path):
    regressor = trained(TABLE.assign(price=[form.format(p) for p in PRICE]))
    (tmp_path / "new.csv").write_text((TABLE * [1, 1000]).to_csv(index=False))
    assert f"price: numbers come without {unit}" in "".join(regressor.labelled(tmp_path / "new.csv")[2])


def test_numbers_without_the_usual_unit_are_taken_for_it_where_they_are_numbers():
    regressor = trained(TABLE.assign(area=[f"{a} m²" for a in AREA]))
    assert not any("come without" in note for note in regressor.read_house({"area": 100.0})[1])
    assert any("come without m2" in note for note in regressor.read_house({"area": "100"})[1])


def test_rows_that_are_called_totals_are_asked_about():
    names = np.resize(["A", "B", "C"], 120).astype(object)
    names[[40, 80]] = "A total", "Subtotal"
    assert noted("name: 2 rows are called 'A total' or alike", name=names)
    assert not noted("rows are called", name=np.resize(["total", "partial"], 120))
    assert not noted("rows are called", condition=np.resize(["Good", "Fair", "Poor", *["Fine"] * 9, "Average"], 120))


ROWS = "50,1,150000\n60,2,180000\n70,3,200000\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.xls", "<html><table>", "is a web page in spite of its name"),
        ("t.xls", "area;price\n1;2\n", "is no Excel file in spite of its name"),
        ("t.csv", "<!DOCTYPE html><table>", "is a web page or XML"),
        ("t.csv", '[{"area": 1, "price": 2}]', "is JSON"),
        ("t.csv", '{"area": 1}\n{"area": 2}\n', "is JSON"),
        (
            "t.csv",
            f"area,rooms,price\n{ROWS}Source: land registry\n",
            "the header (area, rooms, price) has 3: put it right",
        ),
        ("t.csv", f"area,rooms,price\n{ROWS}80,1,POA\n", "or empty the cell, and the row is left out"),
        (
            "t.csv",
            "at,price\nElm 1,5\nElm 2,6\nElm 3,7\n",
            "nor one of text (left out: at (text, 3 different",
        ),
    ],
)
def test_what_is_no_table_is_refused_with_a_way_out(name, content, words):
    with pytest.raises(InputError) as error:
        read_csv(content, name)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        f"# source: gov, 2014, UK, open\narea,rooms,price\n{ROWS}",
        f"area,rooms,price,note\n{ROWS}".replace("000\n", '000,"a \\"nice\\" one, yes"\n'),
        f"area,rooms,price\n{ROWS}".encode("utf-16-le"),
        f"area,rooms,price\n{ROWS}".encode("utf-16-be"),
        "area, m2;rooms;price\n" + ROWS.replace(",", ";"),
        "area,rooms,price,at\n" + ROWS.replace("000\n", '000,"Elm St, Reno; door|gate"\n'),
        f"area,rooms,price\n{ROWS}".replace("60,", ",\n60,"),
        f"area,rooms,price\n{ROWS}".replace("150000", "CHF 150'000.-").replace("180000", "CHF 180'000.-"),
        f"area,rooms,price\n{ROWS}80,2, $ -   \n",
    ],
)
def test_tables_as_programs_write_them(content):
    table = read_csv(content)
    assert table.target.tolist() == [150_000, 180_000, 200_000] and table.features.shape[1] >= 2
