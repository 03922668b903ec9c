"""Tables of new rows, read as the run's own table was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fmkeras.errors import InputError
from fmkeras.houses.cells import LARGEST
from fmkeras.houses.encoding import as_frame
from fmkeras.houses.forms import beyond, changed
from fmkeras.houses.marks import NAMES, Mark, settle
from fmkeras.houses.units import bare

if TYPE_CHECKING:
    import pandas as pd

    from fmkeras.houses.columns import Column


def mark_of(columns: Sequence[Column], cells: Mapping, own: str, spaced: bool = False, target: str = "") -> Mark:
    """The decimal mark of a table of new rows, as the columns tell that the model reads as numbers.

    Args:
        own: the mark of the table that the run was trained on.
        spaced: as in `marks.settle`.
        target: a column of numbers, too, if there is one.
    """
    asked = {column.source: column.unit for column in columns if column.kind == "number" and not column.part}
    texts = {name: bare(cells[name], unit) for name, unit in (asked | {target: ""}).items() if name in cells}
    mark = settle(texts, own, spaced)
    if mark.decimal == own:
        return mark
    note = f"numbers are read with a decimal {NAMES[mark.decimal]}, as cells here need"
    return mark._replace(notes=[f"{note}; the run was trained with a {NAMES[own]}", *mark.notes])


def read_cells(
    columns: Sequence[Column], cells: Mapping, place: Callable[[int], str], decimal: str, skip: Sequence[int] = ()
) -> tuple[pd.DataFrame, list[str], dict[int, str]]:
    """The columns as a frame, notes on gaps and unknown categories, and the rows that cannot be read.

    Args:
        place: gives the words for a row's place, as in "houses.csv, line 7".
        skip: rows that count in no note.

    Raises:
        InputError: a column is missing.
    """
    sources = dict.fromkeys(column.source for column in columns)
    if absent := [name for name in sources if name not in cells]:
        raise InputError(f"the table lacks {'a column' if len(absent) == 1 else 'columns'}: {', '.join(absent)}")
    frame, unreadable = as_frame(columns, cells, decimal)
    problems: dict[int, str] = {}
    units = {column.source: f" (the run has it in {column.unit})" for column in columns if column.unit}
    for row, name, cell in unreadable:
        problem = f"{place(row)}, column {name!r}: {str(cell)!r} cannot be read{units.get(name, '')}"
        problems.setdefault(row, problem)
    notes, counted = [], frame.drop(index=[*problems, *skip])
    for column in columns:
        if note := column.note(counted[column.name]):
            notes.append(note)
        notes += changed(column, cells[column.source]) or beyond(column, counted[column.name])
    return frame, notes, problems


def too_large(columns: Sequence[Column], frame: pd.DataFrame, values: np.ndarray, place: Callable[[int], str]) -> dict:
    """The rows with prices beyond all use, as infinite ones are, and for each a line with its most unusual cell."""
    lines = {}
    for row in np.flatnonzero(~(np.abs(values) <= LARGEST)).tolist():
        unusual = farthest(columns, frame.iloc[row])
        lines[row] = f"{place(row)}: the price is too large to compute{unusual and f': is {unusual} right?'}"
    return lines


def farthest(columns: Sequence[Column], row: pd.Series) -> str:
    """The number of a read row that is farthest from the training rows' median, as "area = 120000"; "" without any."""
    numbers = [column for column in columns if column.kind == "number" and np.isfinite(row[column.name])]
    if not numbers:
        return ""
    column = max(numbers, key=lambda column: abs(row[column.name] - column.middle) / column.scale)
    return f"{column.name} = {row[column.name]:.10g}"


def shortest(value: np.float32) -> str:
    """The shortest decimal that is exactly this float32; nothing for what is no number."""
    return "" if not np.isfinite(value) else np.format_float_positional(value, trim="-")
