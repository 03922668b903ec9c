"""Tables and options as Python programs have them: one house as a Series, Arrow, records, one name for a list."""

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError
from fmkeras.houses.frames import frame_of

RNG = np.random.default_rng(0)
AREA = RNG.integers(40, 200, 120)
TABLE = pd.DataFrame({"area": AREA, "rooms": AREA // 30, "price": 3 * AREA + RNG.integers(0, 40, 120)})
HOUSES = TABLE[["area", "rooms"]].head(3)


class Foreign:
    """A table of another package."""

    def __init__(self, frame):
        self.to_pandas = lambda: frame


@pytest.fixture(scope="module")
def regressor():
    return fmkeras.train_regressor(Foreign(TABLE.rename(columns={"area": " area "})), "price", epochs=3)


@pytest.mark.parametrize(
    "houses",
    [
        Foreign(HOUSES),
        HOUSES.to_records(index=False),
        HOUSES.to_dict("records"),
        HOUSES.rename(columns={"rooms": "rooms "}),
        HOUSES.to_numpy(),
    ],
    ids=["foreign", "records", "dicts", "blanks in names", "array"],
)
def test_houses_in_any_form_have_the_same_prices(regressor, houses):
    np.testing.assert_array_equal(regressor.predict(houses), regressor.predict(HOUSES))


def test_a_row_of_a_frame_is_a_house(regressor):
    assert regressor.predict(HOUSES.iloc[1]) == regressor.predict(HOUSES)[1]


@pytest.mark.parametrize("what", [None, 5, "x".join, np.zeros((1, 2, 2))])
def test_what_is_no_table_is_refused(regressor, what):
    with pytest.raises(InputError, match=r"the table cannot be read|the array has 3 axes"):
        regressor.predict(what)


def test_arrow_tables_are_tables():
    arrow = pytest.importorskip("pyarrow").Table.from_pandas(TABLE)
    pd.testing.assert_frame_equal(frame_of(arrow), TABLE)


def test_one_name_is_as_good_as_a_list():
    options = dict(epochs=1, drop="rooms", categorical="area")
    (column,) = fmkeras.train_regressor(TABLE.assign(area=AREA // 40), "price", **options).columns
    assert (column.name, column.kind) == ("area", "category")


@pytest.mark.parametrize("option", [{"epochs": 0}, {"epochs": "3"}, {"epochs": 2.5}, {"seed": -1}, {"seed": None}])
def test_numbers_that_are_none_are_refused_before_a_run_is_touched(option, tmp_path):
    (name,) = option
    with pytest.raises(InputError, match=rf"{name}=.*: give a whole number from"):
        fmkeras.train_regressor(TABLE, "price", run=tmp_path / "run", **option)
    assert not (tmp_path / "run").exists()
