"""Units and currencies beside numbers: one a column is read, two are said, another one than in training is refused."""

import warnings

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError
from fmkeras.houses import units
from fmkeras.houses.cells import number
from fmkeras.houses.explaining import explain
from fmkeras.houses.notes import Heard
from fmkeras.houses.table import from_frame

RNG = np.random.default_rng(0)
AREA = RNG.permutation(np.arange(40, 160))
PRICE = 3000 * AREA + RNG.integers(0, 40_000, 120)
TABLE = pd.DataFrame({"area": AREA, "price": PRICE})


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("₹45,00,000", 4_500_000),
        ("Rs. 45,00,000", 4_500_000),
        ("CHF 1’200’000", 1_200_000),
        ("US$ 5", 5),
        ("-$5", -5),
        ("450\u2009000 kr", 450_000),
        ("PLN 5", 5),
        ("ABC 5", None),
        ("5 houses", None),
    ],
)
def test_currencies_and_thousands_of_many_countries(cell, value):
    assert number(cell) == value


def test_real_and_zloty_have_the_comma():
    assert number("R$ 1.200,50", ",") == number("1 200,50 zł", ",") == 1200.5


@pytest.mark.parametrize(
    ("form", "unit"),
    [("{} m²", "m2"), ("{}m2", "m2"), ("{} sq. ft.", "sqft"), ("{},5 m²", "m2"), ("{}k", "k"), ("{} rooms", "rooms")],
)
def test_one_unit_beside_each_number_is_that_of_the_column(form, unit):
    table = from_frame(TABLE.assign(area=[form.format(area) for area in AREA]), "price")
    np.testing.assert_array_equal(table.features["area"], AREA + 0.5 * (",5" in form))
    assert table.columns[0].unit == unit and f"area: numbers in {unit}" in table.notes


@pytest.mark.parametrize("form", ["{}e5", "2014{:03d}T000000", "{}½", "{}-100 m²", "flat {}", "{} Elm Street"])
def test_what_is_no_unit_is_none(form):
    assert units.of(form.format(area) for area in AREA) == []


def test_a_target_with_a_unit():
    table = from_frame(TABLE.assign(price=[f"{price // 1000}k" for price in PRICE]), "price")
    assert table.target_unit == "k" and table.target.tolist() == (PRICE // 1000).tolist()
    mixed = [f"{price // 1000}k" if price < 200_000 else f"{price / 1e6}M" for price in PRICE]
    with pytest.raises(InputError, match=r"'price' holds text, .*numbers in .*: write them in one unit"):
        from_frame(TABLE.assign(price=mixed), "price")


def test_two_units_or_two_currencies_in_a_column_are_said():
    mixed = [f"{area} m²" if area > 100 else f"{10.76 * area} sqft" for area in AREA]
    notes = from_frame(TABLE.assign(area=mixed, rooms=AREA // 9), "price").notes
    assert any("left out: area (text" in note and "write them in one unit" in note for note in notes)
    for name, signs in (("tax", "$€"), ("price", "$€")):
        cells = [f"{signs[row == 7]}{price % 9000}" for row, price in enumerate(PRICE)]
        table = from_frame(TABLE.assign(**{name: cells}), "price")
        (line,) = (note for note in table.notes if f"{name}: $, € are taken as one currency: write all" in note)
        assert isinstance(line, Heard) and table.target_unit == table.columns[-1].unit == ""


@pytest.fixture(scope="module")
def regressor():
    table = TABLE.assign(area=[f"{area} m²" for area in AREA], tax=[f"${price // 90}" for price in PRICE])
    return fmkeras.train_regressor(table.assign(price=[f"€{price}" for price in PRICE]), "price", epochs=3)


def test_houses_are_priced_in_the_units_of_training(regressor, tmp_path):
    house = {"area": "100 m²", "tax": "$3500"}
    (expected,) = regressor.predict(house)
    for other in ({"area": 100}, {"area": "100m2"}, {"tax": 3500}, {"tax": "3500 USD"}):
        assert regressor.predict(house | other) == expected
    assert explain(regressor, house)["price"] == expected
    for other, unit in (({"area": "1076 sqft"}, "m2"), ({"tax": "€3500"}, r"\$")):
        with pytest.warns(UserWarning, match=rf"cannot be read \(the run has it in {unit}\)"):
            assert np.isnan(regressor.predict(house | other))


def test_a_comma_before_a_unit_tells_the_mark(regressor):
    with warnings.catch_warnings(record=True):
        prices = regressor.predict({"area": ["100,5 m²", "99,5 m²"], "tax": [3500, 3500]})
    np.testing.assert_allclose(prices, regressor.predict({"area": [100.5, 99.5], "tax": [3500, 3500]}))


def test_a_table_in_another_currency_is_not_measured(regressor, tmp_path):
    table = TABLE.head(9).assign(tax=3500)
    table.assign(price=[f"€ {price}" for price in PRICE[:9]]).to_csv(tmp_path / "same.csv", index=False)
    assert regressor.labelled(tmp_path / "same.csv")[1].tolist() == PRICE[:9].tolist()
    table.assign(price=[f"$ {price}" for price in PRICE[:9]]).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(InputError, match=r"line 2, column 'price': '\$ \d+' is not in €"):
        regressor.labelled(tmp_path / "other.csv")
