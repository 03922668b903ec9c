"""The decimal mark of some columns of numbers, settled once for all of them, and what is to be said of it.

Only text tells a mark: a cell that is a number already has been read by whoever made the table. And only columns of
numbers are asked, since "3,5" in a note says nothing about the prices beside it.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fmkeras.houses.cells import decimal_mark, gap, number
from fmkeras.houses.money import without_money
from fmkeras.houses.notes import Heard

LEAST_ASKED = 0.1  # of a column's cells are filled, or it is left out, and tells nothing
NAMES = {".": "point", ",": "comma"}
_AROUND = "% \u00a0\u202f()-"
# By mark: a number that would be a thousand times as much with the other one.
_EITHER = {mark: re.compile(rf"[1-9]\d{{0,2}}{re.escape(mark)}\d{{3}}") for mark in ".,"}


class Mark(NamedTuple):
    """How numbers are read.

    Attributes:
        decimal: "." or ",".
        notes: one line for each column that may be meant otherwise.
    """

    decimal: str
    notes: list[str]


def settle(columns: Mapping[str, Sequence], default: str = ".", spaced: bool = False) -> Mark:
    """Find the decimal mark of columns of numbers.

    Args:
        columns: by name the cells of those that are read as numbers.
        default: the mark where no cell tells it.
        spaced: whether commas or blanks part the cells of the file, so that a few of 403.064 in it are decimal numbers.
    """
    texts = {name: [cell for cell in cells if isinstance(cell, str)] for name, cells in columns.items()}
    told = decimal_mark((cell for column in texts.values() for cell in column), "")
    decimal = told or default
    if decimal == "," and not told:
        return Mark(decimal, [])  # the tables that the run was trained on tell
    least: dict[bool, float] = {True: 1, False: 1}
    if spaced and decimal == ".":
        least = {True: 3, False: math.inf if told else 10}  # a few have three decimals by chance
    doubts = ((name, _doubt(cells, decimal, least)) for name, cells in texts.items())
    return Mark(
        decimal,
        [
            Heard(
                f"{name}: no cell tells the decimal mark: {cell} is read as {number(cell, decimal):.10g}; if it is a "
                f"thousand times as much, leave the {NAMES[decimal]}s out"
            )
            for name, cell in doubts
            if cell
        ],
    )


def numeric(cells: Mapping[str, Sequence]) -> dict[str, Sequence]:
    """Those columns of a new table that are numbers, with one mark or the other."""
    return {name: column for name, column in cells.items() if _numbers(column)}


def _numbers(cells: Sequence) -> bool:
    filled = [cell for cell in cells if not gap(cell)]
    if len(filled) < LEAST_ASKED * len(cells):
        return False
    read = sum(number(cell, ".") is not None or number(cell, ",") is not None for cell in filled)
    return 2 * read >= max(len(filled), 1)


def _doubt(cells: Sequence[str], decimal: str, least: Mapping[bool, float]) -> str:
    """The first cell that may be thousands, if no other number has decimals; else "".

    Args:
        least: how many cells must be like it, if others are whole and if none is.
    """
    found, whole = [], 0
    if not any(decimal in cell for cell in cells):
        return ""
    for cell in cells:
        text = without_money(cell).strip(_AROUND)
        if _EITHER[decimal].fullmatch(text):
            found.append(cell.strip())
        elif not gap(cell):
            if decimal in text or number(cell, decimal) is None:
                return ""
            whole += 1
    return found[0] if found and len(found) >= least[whole > 0] else ""
