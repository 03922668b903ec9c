"""Tables in memory, in whatever form they are: DataFrames, columns, records, arrays, one house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fmkeras.errors import InputError


def frame_of(table: Any, columns: Sequence[str] = ()) -> pd.DataFrame:
    """A table as a DataFrame.

    Args:
        table: a DataFrame of pandas, polars or Arrow; a dict of columns; a list of dicts; an array; or one house: a
            Series, or a dict of single values.
        columns: names for the columns of an array that has none.

    Raises:
        InputError: it is none of these, or an array with another number of columns.
    """
    if isinstance(table, pd.DataFrame):
        return table
    try:
        if hasattr(table, "to_pandas"):  # polars, Arrow
            return table.to_pandas()
        if isinstance(table, pd.Series):
            table = table.to_dict()
        if isinstance(table, Mapping) and not any(_is_column(value) for value in table.values()):
            return pd.DataFrame([dict(table)])  # one house
        if columns and isinstance(table, np.ndarray) and not table.dtype.names:
            return _named(np.atleast_2d(table), columns)
        if table is not None:
            return pd.DataFrame(table)
        problem = "it is None"
    except InputError:
        raise
    except (TypeError, ValueError, ImportError) as error:
        problem = " ".join(str(error).split())
    raise InputError(f"the table cannot be read ({problem}): give a DataFrame, or the path of a file")


def cells_of(frame: pd.DataFrame, needed: Sequence[str] | None = None) -> dict[str, list]:
    """By column its cells; a name is text without blanks around it, as in files.

    Raises:
        InputError: two columns have one name, of those that are needed (None: all are).
    """
    names = [str(name).strip() for name in frame.columns]
    if twice := [name for name in (names if needed is None else needed) if names.count(name) > 1]:
        raise InputError(f"the table: two columns are named {twice[0]!r}: rename one")
    return {name: list(frame.iloc[:, i]) for i, name in enumerate(names)}


def _named(rows: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
    if rows.ndim != 2:
        raise InputError(f"the array has {rows.ndim} axes: give it two, rows and columns")
    if rows.shape[1] != len(columns):
        width, wanted = rows.shape[1], len(columns)
        raise InputError(f"the array has {width} columns; the model takes {wanted}: {', '.join(columns)}")
    return pd.DataFrame(rows, columns=list(columns))


def _is_column(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes)) and getattr(value, "ndim", 1) > 0
