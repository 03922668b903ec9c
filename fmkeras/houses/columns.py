"""What each column of a table is, decided once, said in one line, and stored with the run.

| what the cells are | what becomes of the column |
|---|---|
| numbers, with currency, per cent, thousands separators, gaps | a number; a gap becomes the median, with an indicator |
| yes/no, true/false; one number, else gaps | a category of two |
| text of few values | a category: one weight a value; gaps are the value "(none)" |
| dates, also months as 5.2014 or 201405 | two numbers, year and month |
| text of nearly as many values as rows (ids, addresses) | left out |
| nothing, almost nothing, or the same in every row | left out |
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from fmkeras.errors import InputError
from fmkeras.houses import forms, money, units
from fmkeras.houses.cells import GAP_SPELLINGS, LARGEST, NO_VALUE, TRUTH, YES_NO, dated, gap, number, whole
from fmkeras.houses.notes import Heard

if TYPE_CHECKING:
    import pandas as pd

LEAST_FILLED = 0.1  # of the cells; a column of numbers with less is left out
MOST_DISTINCT = 0.5  # of the filled cells; text with more different values is left out
_CODE = re.compile(r"[0-9]+")
_YEAR, _MONTH = r"(?:1[89]|20)\d\d", r"(?:0[1-9]|1[0-2])"
_DAY = re.compile(rf"{_YEAR}\d{{4}}|{_YEAR}\.?{_MONTH}|(?:{_MONTH}|[1-9])\.{_YEAR}")  # 20140502, 201405, 5.2014
MOST_VALUES = 100  # categories of a column; rarer ones count as never met


@dataclass(frozen=True)
class Column:
    """One column: how its cells are read and, once it is fitted, what the training rows say of it.

    Attributes:
        name: what the model calls it.
        kind: "number" or "category".
        source: the column of the file that it is read from; another than `name` for the parts of a date.
        part: "year" or "month" of a date, "yes/no" for a category whose capitals do not matter, else "".
        day_first: whether 5/2/2014 is in February; None if no training row told, and it is in May.
        percent: whether numbers carry a per cent sign; None if some do, or if nobody looked.
        gaps: whether a training row has a gap in it.
        middle, scale: median and standard deviation of a number in the training rows, gaps left aside.
        low, high: the least and the largest of them; None if nobody looked.
        values: the categories of the training rows, most frequent first.
        unit: what stands beside each number, as "m2", or the currency; "" for nothing.
        spellings: other forms of them in the file, as "WD " for "WD".
    """

    name: str
    kind: str
    source: str
    part: str = ""
    day_first: bool | None = False
    gaps: bool = False
    middle: float = 0.0
    scale: float = 1.0
    values: tuple[str, ...] = ()
    spellings: dict[str, str] = field(default_factory=dict)
    percent: bool | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""

    def read(self, cell: object, decimal: str) -> float | str | None:
        """A cell as the model takes it: a number (NaN for a gap) or a category; None if it cannot be read."""
        if self.kind == "category":
            return self.category(cell)
        if self.part:
            if gap(cell):
                return math.nan
            date = dated(cell, self.day_first)
            return date and date[self.part == "month"]
        if self.unit and money.money(cell) not in ("", money.money(self.unit)):
            return None
        (cell,) = units.bare([cell], self.unit)
        value = number(cell, decimal)
        return None if value is not None and abs(value) > LARGEST else value

    def category(self, cell: object) -> str:
        """A cell as a category; a gap is one as well, and 7.0 is 7, as text too."""
        text = str(cell).strip()
        text = text if text in self.values else whole(text)  # runs of earlier versions have values such as 7.0
        return NO_VALUE if gap(text) else text.lower() if self.part == "yes/no" else text

    def fit(self, values: pd.Series) -> Column:
        """The same column with the statistics of `values` (rows,), which are training rows and no others."""
        if self.kind == "number":
            statistics = values.median(), values.std(ddof=0), values.min(), values.max()
            middle, scale, low, high = (0.0 if math.isnan(x) else float(x) for x in statistics)
            gaps = bool(values.isna().any())
            return replace(self, gaps=gaps, middle=middle, scale=scale or 1.0, low=low, high=high)
        counts = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        kept = tuple(counts.index[:MOST_VALUES])
        spellings = {raw: value for raw, value in self.spellings.items() if value in kept}
        return replace(self, gaps=NO_VALUE in kept, values=kept, spellings=spellings)

    def note(self, values: pd.Series) -> str:
        """One line about those of its read values of which training says little or nothing; "" if there are none."""
        if self.kind == "number":
            gaps = int(values.isna().sum())
            filled = f"{self.name}: gaps in {gaps:,} of {len(values):,} rows, filled with {self.middle:.7g}"
            return filled if gaps else ""
        unknown = values[~values.isin(self.values)]
        said = []
        if gaps := int((values == NO_VALUE).sum()):
            said.append(f"gaps in {gaps:,} of {len(values):,} rows, taken as {NO_VALUE!r}")
        if strange := sorted(set(unknown) - {NO_VALUE}):
            some = ", ".join(map(repr, strange[:3])) + ", ..." * (len(strange) > 3)
            count = int((unknown != NO_VALUE).sum())
            said.append(f"{count:,} rows have values without a weight ({some}), which add nothing")
        return f"{self.name}: {'; '.join(said)}" if said else ""

    def to_json(self) -> dict:
        """For config.json; `Column.from_json` reads it."""
        return asdict(self) | {"values": list(self.values)}

    @classmethod
    def from_json(cls, content: dict) -> Column:
        """A column as `to_json` wrote it.

        Raises:
            InputError: it is none.
        """
        try:
            return cls(**content | {"values": tuple(content["values"])})
        except (TypeError, KeyError):
            raise InputError("config.json describes a column in a way that is not ours: train again") from None


def describe(
    name: str,
    cells: Sequence,
    decimal: str,
    place: Callable[[int], str],
    wanted: str = "",
    unit: str = "",
) -> tuple[list[Column], str]:
    """Decide what a column is.

    Args:
        cells: all of its cells, text or values.
        place: gives the words for a row's place, as in "houses.csv, line 7".
        wanted: "number" or "category" where the user has said so.
        unit: what stood beside each of the cells.

    Returns:
        The columns that it gives (none if it is left out, two for a date), and one line about what was decided; ""
        for plain numbers without gaps.

    Raises:
        InputError: a cell of a column of numbers is none, or infinite; named with its place.
    """
    filled = [cell for cell in cells if not gap(cell)]
    if not name:
        return [], Heard("left out: a nameless column")
    if not filled:
        return [], Heard(f"left out: {name} (empty)")
    texts = [whole(cell) for cell in filled]
    if not wanted and all(map(_DAY.fullmatch, texts)) and (date := _date(name, filled)):
        return date, f"date: {name}, as year and month"
    if wanted == "category" or (not wanted and _is_category(cells, filled, texts, decimal)):
        truth = _yes_no(filled)
        if not truth and not wanted and (date := _date(name, filled)):
            said, doubt = " (day before month)" * bool(date[0].day_first), forms.order(filled, bool(date[0].day_first))
            return date, (Heard if doubt else str)(f"date: {name}, as year and month{said}{doubt}")
        return _category(name, cells, filled, truth, wanted)
    return _number(name, cells, filled, decimal, place, wanted, unit)


def _is_category(cells: Sequence, filled: list, texts: list[str], decimal: str) -> bool:
    """Whether a column is no numbers: yes and no, codes, text in most of its cells, or one number and gaps."""
    # 02100 is a zip code: no number is written so.
    codes = all(map(_CODE.fullmatch, texts)) and any(text.startswith("0") and len(text) > 1 for text in texts)
    if codes or _yes_no(filled):
        return True
    values = [value for cell in filled if (value := number(cell, decimal)) is not None]
    words = sum(text.lower() in TRUTH for text in texts)  # which are read as 1 and 0: TRUE, FALSE, unknown
    flag = LEAST_FILLED * len(cells) <= len(filled) < len(cells) and len(set(values)) == 1
    return flag or 0 < words == len(values) or 2 * len(values) < len(filled)


def _number(
    name: str, cells: Sequence, filled: list, decimal: str, place: Callable[[int], str], wanted: str, unit: str
) -> tuple[list[Column], str]:
    unit = unit or money.only(filled)
    column = Column(name, "number", name, percent=forms.percent(filled), unit=unit)
    for row, cell in enumerate(cells):
        value = number(cell, decimal)
        if value is None:
            raise InputError(
                f"{place(row)}, column {name!r}: {str(cell)!r} is not a number (write 1234.5): put it right, or take "
                f"the column as text with --categorical, or leave it out with --drop"
            )
        if abs(value) > LARGEST:
            raise InputError(
                f"{place(row)}, column {name!r}: {value:g} is too large" + " (infinity)" * math.isinf(value)
            )
    share = len(filled) / len(cells)
    if share < LEAST_FILLED and not wanted:
        return [], Heard(f"left out: {name} (empty in {len(cells) - len(filled):,} of {len(cells):,} rows)")
    gaps = len(cells) - len(filled)
    said = [f"number: {name}, gaps in {gaps:,} rows: median, and marked"] * bool(gaps) + marked(name, filled, decimal)
    doubts = forms.mixed(name, filled) + money.mixed(name, filled)
    return [column], (Heard if doubts else str)("; ".join(said + doubts))


def marked(name: str, filled: Sequence, decimal: str) -> list[str]:
    """One line on how numbers with signs in them are read, the first as example; none if all are plain."""
    example = next((cell for cell in filled if _plain(cell) is None), None)
    return [] if example is None else [f"{name}: {str(example).strip()!r} read as {number(example, decimal):.10g}"]


def _plain(cell: object) -> float | None:
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _category(name: str, cells: Sequence, filled: list, truth: bool, wanted: str) -> tuple[list[Column], str]:
    column = Column(name, "category", name, part="yes/no" if truth else "")
    read = {str(cell): column.category(cell) for cell in cells}
    values = set(read.values())
    distinct = len(values - {NO_VALUE})
    if len(values) == 1:
        return [], Heard(f"left out: {name} (the same in every row: {next(iter(values))})")
    doubt = "" if wanted else units.several(filled) or forms.undated(filled)
    if distinct > max(MOST_DISTINCT * len(filled), 2) and not wanted:
        varied = f"text, {distinct:,} different values in {len(filled):,} rows{doubt}"
        return [], Heard(f"left out: {name} ({varied})")
    spellings = {raw: value for raw, value in read.items() if raw != value and raw not in GAP_SPELLINGS}
    if truth:
        spellings |= {form: value for value in values - {NO_VALUE} for form in (value.title(), value.upper())}
    said = f"{'yes/no' if truth else 'category'}: {name}, {distinct:,} value{'s' * (distinct != 1)}"
    if len(cells) > len(filled):
        said += f', gaps in {len(cells) - len(filled):,} rows: "{NO_VALUE}"'
    if distinct > MOST_VALUES:
        said += f"; the {MOST_VALUES} most frequent have weights, the others count as never met"
    return [replace(column, spellings=spellings)], Heard(said + doubt) if doubt else said


def _yes_no(filled: list) -> bool:
    found = {str(cell).strip().lower() for cell in filled}
    return any(found <= words for words in YES_NO)


def _date(name: str, filled: list) -> list[Column]:
    """Year and month, where all cells are dates; else nothing."""
    orders = [day_first for day_first in (False, True) if all(dated(cell, day_first) for cell in filled)]
    told = orders[0] if len(orders) == 1 else None
    return [Column(f"{name} ({part})", "number", name, part, told) for part in ("year", "month")] if orders else []


def check_names(asked: Iterable[str], there: Sequence[str], option: str) -> list[str]:
    """The names that an option gives, several of them or with commas between.

    Raises:
        InputError: there is no such column.
    """
    names = []
    for text in asked:
        parts = [text] if text in there else [part.strip() for part in text.split(",") if part.strip()]
        if unknown := [part for part in parts if part not in there]:
            raise InputError(
                f"{option} {unknown[0]}: there is no such column; choose from {', '.join(filter(None, there))}"
            )
        names += parts
    return names
