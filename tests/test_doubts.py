"""What a table's numbers make one ask: the answer among the columns, numbers for gaps."""

import numpy as np
import pandas as pd
import pytest

from fmkeras.houses.notes import Heard
from fmkeras.houses.table import from_frame

RNG = np.random.default_rng(0)
AREA = RNG.permutation(np.arange(40, 160))
PRICE = 3000 * AREA + RNG.integers(0, 90_000, 120)
TABLE = pd.DataFrame({"area": AREA, "price": PRICE})


def notes(**columns):
    return from_frame(TABLE.assign(**columns), "price").notes


def test_nothing_is_asked_of_a_table_as_it_should_be():
    assert notes() == notes(built=AREA[::-1] + 1900, garages=np.where(AREA < 50, 0, AREA % 3)) == ()


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (
            (PRICE / AREA).round(2),
            "area times new is price itself",
        ),
        (np.log(PRICE), "new: nearly price itself"),
    ],
    ids=["price of a square metre", "logarithm"],
)
def test_columns_that_give_the_target_away_in_another_form(column, said):
    (line,) = notes(new=column)
    assert line == f"is the answer among the columns? {said}; if so, --drop 'new'" and isinstance(line, Heard)


@pytest.mark.parametrize("number", [-1, 9999, -99.5])
def test_numbers_that_stand_for_gaps(number):
    cells = np.where(np.arange(120) % 9 == 4, number, AREA / 2)
    (line,) = notes(garden=cells)
    assert line.startswith(f"garden: {number:g} in 13 rows, ") and isinstance(line, Heard)
    assert notes(garden=np.where(np.arange(120) == 4, number, AREA / 2)) == ()  # once is no code


@pytest.mark.parametrize("number", [0, -1])
def test_prices_that_stand_for_gaps(number):
    (line,) = notes(price=np.where(np.arange(120) % 9 == 4, number, PRICE))
    assert line.startswith(f"price: {number} in 13 rows, ") and line.endswith("stands for a gap, empty those cells")
    assert notes(garden=np.where(np.arange(120) % 9 == 4, 0, AREA)) == ()  # no garden
