"""Cells that mean one thing or another: per cent or shares, days or months, numbers or codes."""

import numpy as np
import pandas as pd
import pytest
import towns

import fmkeras
from fmkeras import InputError
from fmkeras.houses import exporting
from fmkeras.houses.cells import dated
from fmkeras.houses.table import from_frame

RNG = np.random.default_rng(0)
AREA = RNG.integers(40, 200, 120)
TABLE = pd.DataFrame({"area": AREA, "price": 3 * AREA + RNG.integers(0, 40, 120)})
SHARE = RNG.integers(2, 99, 120)


def trained(table=TABLE, **options):
    return fmkeras.train_regressor(table, "price", **{"epochs": 3} | options)


def said(regressor, table):
    return towns.warned(regressor.predict, table)


def test_per_cent_and_shares_in_one_column_are_said():
    cells = [f"{share}%" if share % 2 else share / 100 for share in SHARE]
    (line,) = (note for note in from_frame(TABLE.assign(share=cells), "price").notes if "sign" in note)
    assert f"share: {sum(SHARE % 2)} of 120 cells have a per cent sign: " in line
    assert not any("sign" in note for note in from_frame(TABLE.assign(share=SHARE), "price").notes)


def test_per_cent_in_another_form_than_in_training_is_said():
    texts = [f"{share} %" for share in SHARE]
    signed, bare = trained(TABLE.assign(share=texts)), trained(TABLE.assign(share=SHARE / 100))
    shares = TABLE.assign(share=SHARE / 100).head()
    for regressor, table, way in ((signed, shares, "without"), (bare, TABLE.assign(share=texts).head(), "with")):
        (line,) = said(regressor, table)
        assert line.startswith(f"share: numbers come {way} a per cent sign, and came ")
    assert said(signed, TABLE.assign(share=SHARE).head()) == said(bare, shares) == []  # 42 is what 42 % is


def test_dates_that_may_be_either_are_said():
    days, months = RNG.integers(1, 13, 120), RNG.integers(1, 13, 120)
    table = TABLE.assign(sold=[f"{day:02d}/{month:02d}/2014" for day, month in zip(days, months, strict=True)])
    table.loc[0, "sold"] = "04/05/2014"
    regressor = trained(table)
    note, _ = regressor.fitted.table.notes  # and that the year is always the same
    assert note.startswith("date: sold, as year and month; no cell tells which is the month: ")
    lines = said(regressor, table.head(3).assign(sold=["25/02/2015", "04/05/2014", "2014-01-01"]))
    contrary = "sold: the run reads the month first, 25/02/2015 has it second, so 04/05/2014 and others like it may be "
    assert any(line.startswith(contrary) for line in lines)
    told = TABLE.assign(sold=[f"{day + 12}/{month}/2014" for day, month in zip(days, months, strict=True)])
    assert from_frame(told, "price").notes[0] == "date: sold, as year and month (day before month)"
    assert not any("first" in line for line in said(regressor, table.head(3)))


def test_dates_that_may_be_either_are_said_where_training_had_none_such():
    regressor = trained(TABLE.assign(sold=pd.date_range("2014-01-01", periods=120, freq="9D")))
    house = {"area": 90, "sold": "2014-05-02"}
    assert said(regressor, house) == []
    assert any("25/02/2015 has it second: write" in line for line in said(regressor, house | {"sold": "25/02/2015"}))
    (line,) = said(regressor, house | {"sold": "3/4/2014"})
    assert line.startswith("sold; no cell tells which is the month: 3/4/2014 is read as month 3; if not so, write ")


@pytest.mark.parametrize(
    "cell",
    [
        "2014-05-02 00:00:00+00:00",
        "2014-05-02T10:11:12.5-0800",
        "20140502.0",
        20140502.0,
        "2014/5/2",
        "2014-5-02",
        "5/2/2014 12:00:00 AM",
        "2014-05",
        "201405",
        201405.0,
        "2014.05",
        "05.2014",
        "5/2014",
        pd.Period("2014-05"),
    ],
)
def test_dates_of_other_forms(cell):
    assert dated(cell) == (2014, 5)


@pytest.mark.parametrize("cell", ["2014111", "201415", "13.2014", "2014-15", "2014-052", "98101-1234", "2014-5"])
def test_numbers_with_a_dash_are_no_dates(cell):
    assert dated(cell) is None


def test_dates_with_zones_and_of_numbers_with_a_gap_are_dates():
    days = pd.date_range("2014-01-01", periods=120)
    numbers = days.strftime("%Y%m%d").astype(float).to_numpy().copy()
    numbers[0] = np.nan
    for cells in (days.tz_localize("UTC"), numbers, [str(cell) for cell in numbers]):
        assert "sold (month)" in from_frame(TABLE.assign(sold=cells), "price").features


def test_codes_are_the_same_with_and_without_a_fraction_of_nothing(tmp_path):
    kinds = np.where(AREA > 90, 20, 30)
    regressor = trained(TABLE.assign(kind=kinds), categorical=["kind"])
    expected = regressor.predict({"area": 90, "kind": 20})
    for kind in ("20", 20.0, "20.0"):
        assert regressor.predict({"area": 90, "kind": kind}) == expected
    assert "200 made-up rows" in exporting.export(tmp_path / "out", regressor, "savedmodel")
    texts = TABLE.assign(kind=[f"{kind}.0" for kind in kinds])
    assert from_frame(texts, "price", categorical=["kind"]).features["kind"].tolist() == [str(kind) for kind in kinds]


def test_a_column_is_text_or_numbers():
    with pytest.raises(InputError, match="'area' is asked for as text and as numbers: name it in --categorical or"):
        trained(categorical=["area"], numeric=["area"])
    grouped = TABLE.assign(area=TABLE.area.astype("category"))
    assert from_frame(grouped, "price", numeric=["area"]).columns[0].kind == "number"  # pandas' type is no wish


def test_tables_in_other_shapes():
    assert trained(TABLE.to_dict("records")).sources == ["area"]
    numbered = TABLE.set_axis([0, 3], axis=1)
    assert fmkeras.train_regressor(numbered, 3, epochs=2).target == "3"
    with pytest.raises(InputError, match="the table cannot be read"):
        trained([[1, 2], {"area": 3}, 4])


def test_ridge_takes_more_columns_than_rows():
    wide = pd.concat([TABLE.head(60), pd.DataFrame(RNG.normal(size=(60, 70))).add_prefix("q")], axis=1)
    assert trained(wide, ridge=True).report["ridge"] > 0
    with pytest.raises(InputError, match="add --ridge"):
        trained(wide)
