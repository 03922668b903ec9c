"""One cell of a table: a number, a date, a gap or text.

A gap is an empty cell, NA, N/A, NaN, null, none, ?, a dash or a dot alone. Numbers may carry a currency sign, a per
cent sign and separators of thousands: "$415,186" is 415186, "12 %" is 12, "(7)" is -7. Whether the comma or the
point is the decimal mark is settled once for a file, by `decimal_mark`.
"""

import math
import re
from collections.abc import Iterable

from fmkeras.houses.money import MONEY, without_money

GAPS = frozenset(
    ["", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "nat", "?", "-", "--", "–", "—", ".", "0000-00-00"]
)
# As they stand in tables, and as pandas and Python write them: the saved model knows these spellings.
GAP_SPELLINGS = tuple(sorted({form for gap in GAPS for form in (gap, gap.upper(), gap.title())} | {"NaN", "NaT"}))
NO_VALUE = "(none)"  # the category of a gap
TRUTH = {"true": 1.0, "false": 0.0}
YES_NO = (frozenset(["yes", "no"]), frozenset(["y", "n"]), frozenset(["true", "false"]), frozenset(["t", "f"]))
LONGEST_NUMBER = 40  # characters: longer ones are text, and need not be looked at
LARGEST = 1e30  # float32, in which the model computes, ends at 3e38

_BLANK = "[ \u00a0\u202f]"
_MARKED = r"(?P<open>\()?(?P<sign>[-+\u2212]?){b}?(?:{money})?{b}?(?P<minus>[-+\u2212]?)(?P<digits>{digits})" + (
    r"{b}?(?:%|{money})?(?P<close>\))?"
)
_APART = r"[{mark}'’ \u00a0\u2009\u202f]"  # between thousands; in India 1,23,456
_DIGITS = rf"(?:\d{{{{1,3}}}}(?:{_APART}\d{{{{2,3}}}})*{_APART}\d{{{{3}}}}|\d*)(?:[{{decimal}}]\d*)?(?:[eE][-+]?\d+)?"
_NUMBER = {
    decimal: re.compile(_MARKED.format(b=_BLANK, money=MONEY, digits=_DIGITS.format(mark=mark, decimal=decimal)))
    for decimal, mark in ((".", ","), (",", "."))
}
# What can only be read with one of the two marks: 12,5 and 1.234.567 and 1.234,5; 12.5 and 1,234,567 and 1,234.5.
_TELLING = r"-?(?:\d+{d}(?:\d{{1,2}}|\d{{4,}})|0{d}\d+|\d{{1,3}}(?:{m}\d{{3}})+{d}\d+|\d{{1,3}}(?:{m}\d{{3}}){{2,}})"
_ONLY = {decimal: re.compile(_TELLING.format(d=d, m=m)) for decimal, d, m in ((".", r"\.", ","), (",", ",", r"\."))}
_NO_CENTS = re.compile(r"(?<=\d)[.,][-–—]{1,2}$")  # 450'000.- in Switzerland
_WHOLE = re.compile(r"\A([-+]?\d+)\.0*\Z")
_BESIDE = re.compile(r"[^\d.,-]")  # what stands beside the digits: money, blanks between thousands
_DATE = re.compile(
    r"(?:(\d{4})(?:[-/.](?=\d\d?[-/.])|(?=\d{4}(?!\d)))(\d\d?)[-/.]?(\d\d?)|(\d\d?)[-/.](\d\d?)[-/.](\d{4})"
    r"|(\d{4})[-/.]?(\d\d)|(\d\d?)[-/.](\d{4}))(?:[T ][\d:.]*(?: ?[AaPp][Mm])?(?:Z|[-+]\d{2}:?\d{2})?)?"
)


def gap(cell: object) -> bool:
    """Whether a cell holds no value, as "$ -" does in accounting."""
    text = str(cell).strip().lower()  # None, NaN, NaT and NA among them
    return text in GAPS or (text[-1] in "-–—" and without_money(str(cell)).strip() in GAPS)


def whole(cell: object) -> str:
    """A cell as text, of a whole number its digits alone: pandas writes 20140502.0 where there is a gap beside it."""
    text = str(cell).strip()
    return _WHOLE.sub(r"\1", text) if len(text) <= LONGEST_NUMBER else text


def number(cell: object, decimal: str = ".") -> float | None:
    """A cell as a number: NaN if it is a gap, None if it is text, infinity if it is beyond all use."""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return float(cell) if cell != cell or abs(cell) < 1e300 else math.inf
    text = str(cell).strip()
    lowered = text.lower()
    if gap(text):
        return math.nan
    text = _NO_CENTS.sub("", text)
    if lowered in TRUTH:
        return TRUTH[lowered]
    if decimal == "." or "." not in text:
        try:
            return None if "_" in text else float(text)  # Python would read 1_000 as 1000
        except ValueError:
            pass
    found = _NUMBER[decimal].fullmatch(text) if len(text) <= LONGEST_NUMBER else None
    if found is None or not any(map(str.isdigit, found["digits"])) or bool(found["open"]) != bool(found["close"]):
        return None
    plain = re.sub(r"[^\d.eE+-]", "", found["digits"].replace("." if decimal == "," else ",", "").replace(",", "."))
    negative = bool(found["open"]) or "-" in (found["sign"] + found["minus"]).replace("\u2212", "-")
    try:
        return -float(plain) if negative else float(plain)
    except ValueError:
        return None


def decimal_mark(cells: Iterable[str], default: str = ".") -> str:
    """ "," or ".": the mark that more of the cells need; the default where none of them tells.

    A cell tells if it can be read in one way only, as 12,5 or 1.234,56 or 1,234.56 can; 1,234 does not.
    """
    votes = {",": 0, ".": 0}
    for cell in cells:
        text = without_money(cell).strip("% \u00a0\u202f()")
        if len(text) <= LONGEST_NUMBER and ("," in text or "." in text):
            told = [decimal for decimal, pattern in _ONLY.items() if pattern.fullmatch(text)]
            if not told and _BESIDE.search(text):  # 450.000,00 EUR or 1 195,25
                told = [decimal for decimal in votes if number(cell, decimal) is not None]
            if len(told) == 1:
                votes[told[0]] += 1
    return default if votes[","] == votes["."] == 0 else "," if votes[","] > votes["."] else "."


def dated(cell: object, day_first: bool | None = False) -> tuple[float, float] | None:
    """(year, month) of a cell such as 2014-05-02, 20140502T000000, 5/2/2014, 2.5.2014 or 5.2014; None if it is none.

    With dots the day is always first.
    """
    found = _DATE.fullmatch(whole(cell)[:LONGEST_NUMBER])
    if found is None:
        return None
    year, month, day, first, second, last, alone, within, before, behind = (int(part or 0) for part in found.groups())
    if alone or behind:
        year, month, day = alone or behind, within or before, 1
    if last:
        dots = found.string[found.end(4)] == "."
        year, (day, month) = last, (first, second) if day_first or dots else (second, first)
    return (float(year), float(month)) if 1 <= month <= 12 and 1 <= day <= 31 and 1000 <= year <= 2999 else None
