"""Units beside numbers: 85 m², 1,200 sq ft, £415k, 3 rooms. They belong to a column, not to a cell.

A column in which one unit stands beside each number is one of numbers in that unit. Of two units nobody here knows
what one is in the other, so that they make no column of numbers.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from fmkeras.houses.cells import gap
from fmkeras.houses.money import MONEY, is_money, money

_NUMBER = r"[-+\u2212]?\d(?:[\d.,'’ \u00a0\u2009\u202f]*\d)?"
# Not 1e3, 20140502T000000 or 7 Elm Street: one word, or sq. ft., and no digits but the 2 and 3 of squares and cubes.
_UNIT = r"(?![eE]\d)(?:[^\W\d_]{1,2}\.?\s?)?[^\W\d_][^\d\s]{0,7}[23]?"
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![^\W\d_])")  # 1st floor
MEASURES = frozenset("ac acre acres ha sqft sf ft2 sqm m2 qm sqyd yd2 km2 km mi ft feet in cm mm kg lb k".split())
_SUFFIX = re.compile(rf"(?:(?P<money>{MONEY})\s?)?(?P<number>{_NUMBER})\s*(?P<unit>{_UNIT})")


def parted(cell: object) -> tuple[str, str]:
    """A cell's number and its unit in one spelling, ("85", "m2") of "85 m²", ("2", "$m") of "$2M"; ("", "") without."""
    found = _SUFFIX.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if not found or not found["unit"][0].isalpha() or is_money(found["unit"]) or _ORDINAL.match(found["unit"]):
        return "", ""
    unit = re.sub(r"[\s.^]", "", unicodedata.normalize("NFKC", found["unit"])).casefold()
    return found["number"], money(found["money"]) + unit


def of(cells: Iterable) -> list[str]:
    """The units of a column in which each filled cell is a number with one; none if a cell is anything else."""
    found: dict[str, None] = {}
    for cell in cells:
        unit = parted(cell)[1]
        if not unit:
            return []
        found[unit] = None
    return list(found)


def each(columns: Mapping[str, Sequence]) -> dict[str, str]:
    """By name the unit of each column that has one, and no other."""
    found = {name: of(cell for cell in cells if not gap(cell)) for name, cells in columns.items()}
    return {name: units[0] for name, units in found.items() if len(units) == 1}


def several(cells: Iterable) -> str:
    """A remark on a column of numbers in a few units; "" on others, as on kinds: 2 bed, 1 studio."""
    cells = list(cells)
    found = of(cells)
    if MEASURES.isdisjoint(found) and len(set(cells)) <= 3 * len(found):
        return ""
    return f"; numbers in {', '.join(found)}: write them in one unit" if 2 <= len(found) <= 3 else ""


def missing(name: str, cells: Iterable, unit: str) -> list[str]:
    """A line where numbers come without the unit which they had in training, where 358k was 358."""
    bare = [str(cell) for cell in cells if not gap(cell) and not parted(cell)[1]]
    if not unit or is_money(unit) or not bare:
        return []
    return [f"{name}: numbers come without {unit}, which they had in training: {bare[0]} is taken for {bare[0]} {unit}"]


def bare(cells: Sequence, unit: str) -> Sequence:
    """Cells without that unit; others as they are."""
    if not unit:
        return cells
    split = [(cell, *parted(cell)) for cell in cells]
    return [number if found == unit else cell for cell, number, found in split]
