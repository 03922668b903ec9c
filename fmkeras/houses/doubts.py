"""What the numbers of a table make one ask: is the answer among the columns, does 9999 stand for "unknown"?"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fmkeras.houses.notes import Heard

LOW, FEW = 0.01, 0.2  # of the median price: what costs less was hardly sold; of the rows: more, and it is no price
GIVEN_AWAY = 0.999  # correlation with the target: more, and it is the target
LEAST_ROWS = 30  # in fewer, some two columns may well multiply to something like the target
KNOWN = 0.5  # of the cells of a column are above 0, or it is multiplied with no other
MOST_MULTIPLIED = 100  # columns of which each two are multiplied
LEAST_VARIED = 10  # different numbers in a column, beside one that stands apart
CODES_OF_GAPS = frozenset(["-1", "-9", "-99", "-999", "-9999", "99", "999", "9999", "99999", "999999"])
OWN = 0.9  # of the rows have a number of their own in a column of ids: a house that was sold twice has one id
IDS = frozenset("id ids pid uid uuid guid index idx key parcel apn mls mlsid record serial unnamed".split())
CODES = frozenset("zip zipcode postcode postalcode plz postleitzahl cep codigo code class tract district zone".split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # of names such as PID, zip_code, MS.SubClass, parcelId


def doubts(features: pd.DataFrame, target: pd.Series, as_numbers: Sequence[str] = ()) -> list[str]:
    """A line for each thing to ask about a table's columns (rows, features) and its target (rows,).

    Of columns that the user asked for as numbers (`as_numbers`) it is not asked whether they are any.
    """
    low = target <= LOW * max(target.median(), 0)
    columns = [*features.items(), (target.name, target[~low])]
    said = [line for name, values in columns for line in apart(str(name), values)] + no_prices(target, low)
    unsure = features.drop(columns=features.columns.intersection(list(as_numbers)))
    if found := ids(unsure):
        asked = f"if it names the rows, as ids do, --drop {_listed(found)}"
        said.append(Heard(f"{', '.join(found)}: weighed as a size; {asked}"))
    if found := codes(unsure):
        asked = f"if it names kinds or places, --categorical {_listed(found)}"
        said.append(Heard(f"{', '.join(found)}: weighed as a size, more or less of it; {asked}"))
    question = "is the answer among the columns?"
    if pair := product(features, target):
        said.append(Heard(f"{question} {' times '.join(pair)} is {target.name} itself; if so, --drop {pair[1]!r}"))
    if found := suspects(features, target):
        said.append(Heard(f"{question} {', '.join(found)}: nearly {target.name} itself; if so, --drop {found[0]!r}"))
    return said


def ids(frame: pd.DataFrame) -> list[str]:
    """The columns of whole numbers that count the rows, or by their name are ids and are new in nearly every row."""
    found = []
    for name, values in _whole(frame):
        counted = len(values) >= LEAST_ROWS and values.iloc[0] in (0, 1) and (values.diff().iloc[1:] == 1).all()
        if counted or (_called(name, IDS) and values.nunique() >= OWN * len(values)):
            found.append(name)
    return found


def codes(frame: pd.DataFrame) -> list[str]:
    """The columns of whole numbers that by their name are codes, as of places, which have no more and less."""
    return [name for name, values in _whole(frame) if values.nunique() > 2 and _called(name, CODES)]


def _whole(frame: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    columns = ((str(name), values.dropna()) for name, values in frame.select_dtypes("float64").items())
    return [(name, values) for name, values in columns if len(values) and (values % 1 == 0).all()]


def _listed(names: list[str]) -> str:
    return " ".join(map(repr, names))  # as a shell takes them


def _called(name: str, words: frozenset[str]) -> bool:
    return not words.isdisjoint(word.lower() for word in _WORD.findall(name))


def suspects(frame: pd.DataFrame, target: pd.Series) -> list[str]:
    """The columns that give the target away: nearly proportional to it or its logarithm, or one price a category."""
    found = []
    for name, values in frame.items():
        if values.dtype.kind == "f":
            both = values.notna()
            x, y = values[both], target[both]
            if len(x) < 3 or x.std() == 0 or y.std() == 0:
                continue
            forms = [y, np.log(y)] if y.min() > 0 else [y]
            if max(abs(x.corr(form)) for form in forms) >= GIVEN_AWAY:
                found.append(str(name))
        elif (
            values.nunique() < len(values)
            and target.groupby(values).transform("std").fillna(0).max() <= 1e-6 * target.std()
        ):
            found.append(str(name))
    return found


def product(frame: pd.DataFrame, target: pd.Series) -> tuple[str, ...]:
    """Two columns that multiplied are nearly the target, as the area and the price of a square metre are; or none."""
    numbers = frame.select_dtypes("float64")
    numbers = numbers.where(numbers > 0)  # gaps and zeros have no logarithm: other rows tell
    logarithms = np.log(numbers.loc[:, numbers.notna().mean() > KNOWN].iloc[:, :MOST_MULTIPLIED])
    if target.min() <= 0 or len(target) < LEAST_ROWS:
        return ()
    y = np.log(target)
    rounding = (1 - GIVEN_AWAY**2) * y.var()
    varied = logarithms.loc[:, logarithms.var() > rounding]
    for at, name in enumerate(varied):
        both = varied.iloc[:, at + 1 :].rsub(y - varied[name], axis=0)
        left = both.var().where(both.count() >= LEAST_ROWS)
        if (left <= rounding).any():
            return str(name), str(left.idxmin())
    return ()


def apart(name: str, values: pd.Series) -> list[str]:
    """A line for each number that stands apart from all others in several rows, as 9999 and -1 for "unknown" do."""
    said: list[str] = []
    for end in dict.fromkeys((values.min(), values.max())) if values.dtype.kind == "f" else ():
        others = values[values.notna() & (values != end)]
        low, high, count = others.min(), others.max(), int((values == end).sum())
        code = f"{end:g}" in CODES_OF_GAPS
        if count < 2 or others.empty or (others.nunique() < LEAST_VARIED and not code):
            continue
        # 0 garages are none, and so are the renovations of most houses; but a few were built in the year 0.
        away = min(abs(end - low), abs(end - high)) > high - low and (end != 0 or count < len(others))
        if away or end < 0 <= low:
            said.append(_gaps(name, f"{end:.7g}", count, others, "it stands for a gap"))
    return said


def no_prices(target: pd.Series, low: pd.Series) -> list[str]:
    """A line on those prices that are `low`, nothing or next to it, as a sale within the family has for 1 $."""
    if target.median() <= 0 or not 0 < low.mean() <= FEW:
        return []
    found = dict.fromkeys(f"{price:.7g}" for price in (target[low].min(), target[low].max()))
    stand = "they stand for gaps" if len(found) > 1 else "it stands for a gap"
    return [_gaps(str(target.name), " to ".join(found), int(low.sum()), target[~low], stand)]


def _gaps(name: str, found: str, count: int, others: pd.Series, stand: str) -> Heard:
    known = f"{others.min():.7g} to {others.max():.7g} in the others"
    return Heard(f"{name}: {found} in {count:,} rows, {known}: if {stand}, empty those cells")
