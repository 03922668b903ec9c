"""What is looked at once a table is read: columns that say nothing or too much, and sizes that float32 cannot carry."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fmkeras.errors import InputError
from fmkeras.houses.doubts import doubts, ids
from fmkeras.houses.notes import Heard

if TYPE_CHECKING:
    from fmkeras.houses.table import Table

MOST_TOTALS = 0.2  # of the rows: more, and it is a kind of house
_TOTAL = re.compile(r"(?:.*\W)?(?:sub-?)?(?:totals?|summe|gesamt)\W*", re.IGNORECASE)
COPIES = 0.01  # of the rows: from so many repeated ones on it is said
LEAST_SUMMED = 5  # rows: of fewer, one may well be the sum of the others


def checked(table: Table, as_numbers: Sequence[str] = ()) -> Table:
    """Leave out the columns that say nothing, note those that say too much, refuse what float32 cannot carry.

    Args:
        as_numbers: the columns that the user calls numbers: nobody asks whether they are ids or codes.

    Raises:
        InputError: the target never varies or is among the columns, a column varies too much, or none is left.
    """
    features, notes, target = table.features, list(table.notes), str(table.target.name)
    seen: dict[bytes, str] = {}
    if kept_by_keras := sorted({"class_name", "registered_name"}.intersection(features)):
        name = kept_by_keras[0]
        raise InputError(f"{table.name}: Keras keeps the name {name} for itself: rename that column, or --drop {name}")
    for name, values in [*features.items(), (target, table.target)]:
        if values.dtype.kind != "f":
            continue
        low, high, spread = values.min(), values.max(), values.std(ddof=0)
        if high - low <= 1e-6 * max(abs(low), abs(high)):  # the model computes in float32: 7 digits
            if name == target:
                raise InputError(
                    f"{table.name}: the target {name!r} is the same in every row ({low:g}): nothing to learn"
                )
            same = f"the same in every row: {low:g}" if low == high else "differs beyond the sixth digit only"
            notes.append(Heard(f"left out: {name} ({same})"))
            features = features.drop(columns=name)
            continue
        if not 1e-6 < spread < 1e15:
            raise InputError(f"{table.name}: {name!r} varies by {spread:.1g}: give it in a unit of more usual size")
        twin = seen.setdefault(values.to_numpy().tobytes(), name)
        if twin != name and name != target:
            notes.append(f"{name} repeats {twin}: both are used and share one weight")
        elif twin != name:
            raise InputError(f"{table.name}: {twin!r} repeats the target {name!r}: remove it (--drop {twin!r})")
    if features.shape[1] == 0:
        left_out = [note for note in notes if "left out" in note]
        why = f" ({'; '.join(left_out[:3])})" * bool(left_out)
        raise InputError(f"{table.name}: no numeric column is left to predict {target!r} from, nor one of text{why}")
    described = features.drop(columns=ids(features)) if features.shape[1] > 1 else features  # a copy with its own id
    if (copies := int(pd.concat([described, table.target], axis=1).duplicated().sum())) >= COPIES * len(features):
        notes.append(
            f"{copies:,} of {len(features):,} rows repeat another: of copies, remove all but one, or tests flatter"
        )
    notes += doubts(features, table.target, as_numbers)
    kept = tuple(column for column in table.columns if column.name in features)
    return replace(table, features=features, notes=tuple(notes), columns=kept)


def named_totals(name: str, cells: Sequence) -> list[str]:
    """A line on a few rows that are called totals, as those below groups of others are."""
    found = [str(cell) for cell in cells if isinstance(cell, str) and _TOTAL.fullmatch(cell)]
    if not 0 < len(found) <= MOST_TOTALS * len(cells):
        return []
    return [Heard(f"{name}: {len(found):,} rows are called {found[0]!r} or alike: if they sum up others, delete them")]


def strike_total(values: np.ndarray, target: str, place: Callable[[int], str]) -> list[str]:
    """Make a gap of a last value that is the sum of all others, as spreadsheets have it below a column, and say so."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < LEAST_SUMMED or values[known].min() < 0:
        return []
    *others, last = known
    if not math.isclose(values[others].sum(), values[last], rel_tol=1e-9):
        return []
    values[last] = math.nan
    return [Heard(f"left out: {place(int(last))}, whose {target} is the sum of all above, a total")]
