"""One house's price, and what moved it: the same house with one column at a time as it usually is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fmkeras.errors import InputError
from fmkeras.houses.cells import LARGEST
from fmkeras.houses.reading import too_large

if TYPE_CHECKING:
    import pandas as pd

    from fmkeras.houses.columns import Column
    from fmkeras.houses.regressor import Regressor

INTERVALS = (90, 80)  # per cent; the first that the run has


def usual(column: Column) -> float | str:
    """What stands for a column's usual value: the median, or the most frequent category."""
    return column.middle if column.kind == "number" else column.values[0]


def explain(regressor: Regressor, house: Mapping[str, Any]) -> dict[str, Any]:
    """A price, its interval, and what each column adds to it, compared with its usual value.

    In a linear model what the columns add does not depend on their order, and together they are all of the difference
    from the house whose columns are all usual; where logarithms are predicted, only nearly.

    Args:
        regressor: a loaded run.
        house: a value for each of `regressor.sources`.

    Returns:
        price, unit, interval ({percent, low, high} or None), usual (the usual house's price), notes, and moved: a list
        of {column, value, usual, effect}, the largest effect first.

    Raises:
        InputError: a column is missing or cannot be read, or the price is too large to compute.
    """
    frame, notes = regressor.read_house(house)
    columns = regressor.columns
    middle = frame.assign(**{column.name: usual(column) for column in columns})
    rows = [frame, middle, *(frame.assign(**{column.name: usual(column)}) for column in columns)]
    values = _predicted(regressor, rows)
    if not np.all(np.abs(values) <= LARGEST):  # JSON has no infinity, nor is it a price
        raise InputError(too_large(columns, frame, np.array([np.inf]), lambda row: "house")[0])
    moved = [
        {
            "column": column.name,
            "value": _plain(frame[column.name].iloc[0]),
            "usual": usual(column),
            "effect": float(values[0] - without),
        }
        for column, without in zip(columns, values[2:], strict=True)
    ]
    return {
        "price": float(values[0]),
        "unit": regressor.unit,
        "usual": float(values[1]),
        "interval": interval(regressor, values[:1]),
        "moved": sorted(moved, key=lambda row: -abs(float(row["effect"]))),
        "notes": notes,
    }


def interval(regressor: Regressor, value: np.ndarray) -> dict[str, float] | None:
    """The interval of a (1,) price; None if the run has none."""
    for percent in INTERVALS:
        try:
            low, high = regressor.interval(value, percent)
            if not high[0] <= LARGEST:
                continue
            return {"percent": percent, "low": float(low[0]), "high": float(high[0])}
        except InputError:
            continue
    return None


def form(regressor: Regressor) -> list[dict[str, Any]]:
    """The fields of a form: for each column that a house must have its kind, usual value and categories."""
    fields: dict[str, dict[str, Any]] = {}
    for column in regressor.columns:
        if column.part in ("year", "month"):
            fields[column.source] = {"column": column.source, "kind": "date", "usual": "", "values": []}
        else:
            values = list(column.values) if column.kind == "category" else []
            fields[column.source] = {
                "column": column.source,
                "kind": column.kind,
                "usual": usual(column),
                "values": values,
            }
    return list(fields.values())


def _predicted(regressor: Regressor, rows: list[pd.DataFrame]) -> np.ndarray:
    """(rows,) prices of frames of one row each."""
    import pandas as pd

    inputs = regressor.inputs(pd.concat(rows, ignore_index=True))
    return regressor.model.predict(inputs, batch_size=4096, verbose=0)[:, 0]


def _plain(value: Any) -> float | str | None:
    """A cell as JSON has it; None for a gap."""
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else float(value)
