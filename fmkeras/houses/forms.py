"""Forms in which cells may mean one thing or another: per cent or a share, the day or the month first, another unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fmkeras.houses import units
from fmkeras.houses.cells import dated, gap

if TYPE_CHECKING:
    import pandas as pd

    from fmkeras.houses.columns import Column

SAMPLE = 200  # cells by which it is known that a column holds dates
SHARE = 1.0  # bare numbers up to it may be shares of what is written as per cent elsewhere
MANY = 0.05  # of the rows: a few numbers beyond the training rows' are usual
OTHER = {False: "month", True: "day"}


def percent(cells: Sequence) -> bool | None:
    """Whether numbers carry a per cent sign: None if some do and some do not, or if there are none."""
    found = {"%" in str(cell) for cell in cells if not gap(cell)}
    return found.pop() if len(found) == 1 else None


def mixed(name: str, cells: Sequence) -> list[str]:
    """A line where some numbers of a column carry a per cent sign and some do not."""
    filled = [cell for cell in cells if not gap(cell)]
    signed = [cell for cell in filled if "%" in str(cell)]
    if len(signed) in (0, len(filled)):
        return []
    bare = next(cell for cell in filled if "%" not in str(cell))
    return [
        f"{name}: {len(signed):,} of {len(filled):,} cells have a per cent sign: {signed[0]} is read as "
        f"{str(signed[0]).replace('%', '').strip()}, and {bare} as {bare}: write them in one form"
    ]


def changed(column: Column, cells: Sequence) -> list[str]:
    """Lines on the cells of a new table for a fitted column: numbers in another form, dates in another order."""
    if column.part == "month":
        doubt = "" if column.day_first is not None else order([cell for cell in cells if not gap(cell)], False)
        return _contrary(column, cells) or [f"{column.source}{doubt}"] * bool(doubt)
    if column.kind != "number" or column.part:
        return []
    texts = [cell for cell in cells if isinstance(cell, str)]  # a number has none, and 85 is 85 m2
    if said := mixed(column.name, cells) + units.missing(column.name, texts, column.unit):
        return said
    now = percent(cells)
    if column.percent is None or now is None or now == column.percent:
        return []
    if column.percent and any(_large(cell) for cell in cells):
        return []  # 42 for 42%: the sign alone is missing
    signs = {False: "without", True: "with"}
    return [
        f"{column.name}: numbers come {signs[now]} a per cent sign, and came {signs[not now]} one in training, where "
        f"42% is 42 and not 0.42: write them as there"
    ]


def beyond(column: Column, values: pd.Series) -> list[str]:
    """A line where numbers lie where training saw none: far from there, or many, as they do in another unit."""
    if column.kind != "number" or column.low is None or column.high is None:
        return []
    away = (column.low - values).clip(lower=0) + (values - column.high).clip(lower=0)
    count = int((away > 0).sum())
    if count <= MANY * len(values) and not away.max() > column.high - column.low:
        return []
    return [
        f"{column.name}: {count:,} of {len(values):,} rows lie beyond the training rows' {column.low:.7g} to "
        f"{column.high:.7g}, as {values[away.idxmax()]:.7g} does: a guess, or another unit"
    ]


def order(cells: Sequence, day_first: bool) -> str:
    """What to say of dates of which none tells the order of day and month; "" if one does, or none could."""
    either = [cell for cell in cells if _unlike(cell)]
    if not either or not all(dated(cell, not day_first) for cell in cells):
        return ""
    month = dated(either[0], day_first)
    if not month:
        return ""
    return f"; no cell tells which is the month: {either[0]} is read as month {month[1]:g}; if not so, write 2014-05-02"


def undated(cells: Sequence) -> str:
    """What to say of a column of which most cells are dates, and some are none; "" of others."""
    if 2 * sum(bool(dated(cell) or dated(cell, True)) for cell in cells[:SAMPLE]) < len(cells[:SAMPLE]):
        return ""
    strange = min(([cell for cell in cells if not dated(cell, order)] for order in (False, True)), key=len)
    if not strange or 2 * len(strange) > len(cells):
        return ""
    return f"; of {len(cells):,} dates {len(strange):,} are none, as {strange[0]!r}: write 2014-05-02, or empty them"


def _contrary(column: Column, cells: Sequence) -> list[str]:
    """A line where some dates can only be read with day and month the other way round."""
    day_first = bool(column.day_first)
    wrong = [cell for cell in cells if not gap(cell) and not dated(cell, day_first)]
    wrong = [cell for cell in wrong if dated(cell, not day_first)]
    if not wrong:
        return []
    either = [str(cell) for cell in cells if _unlike(cell)]
    doubt = f", so {either[0]} and others like it may be read wrongly" if either else ""
    first = OTHER[day_first]
    return [f"{column.source}: the run reads the {first} first, {wrong[0]} has it second{doubt}: write 2014-05-02"]


def _unlike(cell: object) -> bool:
    """Whether a date is one with the month first, and another with the day first."""
    one, other = dated(cell), dated(cell, True)
    return bool(one and other and one != other)


def _large(cell: object) -> bool:
    try:
        return abs(float(cell)) > SHARE  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
