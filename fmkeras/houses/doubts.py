"""What the numbers of a table make one ask: is the answer among the columns, does 9999 stand for "unknown"?"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fmkeras.houses.notes import Heard

GIVEN_AWAY = 0.999  # correlation with the target: more, and it is the target
LEAST_ROWS = 30  # in fewer, some two columns may well multiply to something like the target
MOST_MULTIPLIED = 100  # columns of which each two are multiplied
LEAST_VARIED = 10  # different numbers in a column, beside one that stands apart
OWN = 0.9  # of the rows have a number of their own in a column of ids: a house that was sold twice has one id
IDS = frozenset("id ids pid uid uuid guid index idx key parcel apn mls mlsid record serial unnamed".split())
CODES = frozenset("zip zipcode postcode postalcode plz postleitzahl cep codigo code class tract district zone".split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # of names such as PID, zip_code, MS.SubClass, parcelId


def doubts(features: pd.DataFrame, target: pd.Series, as_numbers: Sequence[str] = ()) -> list[str]:
    """A line for each thing to ask about a table's columns (rows, features) and its target (rows,).

    Of columns that the user asked for as numbers (`as_numbers`) it is not asked whether they are any.
    """
    columns = [*features.items(), (str(target.name), target)]
    said = [line for name, values in columns for line in apart(name, values, values is target)]
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
        counted = len(values) >= LEAST_ROWS and (values.diff().iloc[1:] == 1).all()
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
    logarithms = np.log(numbers.loc[:, (numbers > 0).all()].iloc[:, :MOST_MULTIPLIED])
    if target.min() <= 0 or len(target) < LEAST_ROWS:
        return ()
    y = np.log(target)
    rounding = (1 - GIVEN_AWAY**2) * y.var()
    varied = logarithms.loc[:, logarithms.var() > rounding]
    for at, name in enumerate(varied):
        left = varied.iloc[:, at + 1 :].rsub(y - varied[name], axis=0).var()
        if (left <= rounding).any():
            return str(name), str(left.idxmin())
    return ()


def apart(name: str, values: pd.Series, target: bool = False) -> list[str]:
    """A line on a number that stands apart from all others in several rows, as 9999 and -1 for "unknown" do."""
    if values.dtype.kind != "f":
        return []
    for end in (values.min(), values.max()):
        others = values[values.notna() & (values != end)]
        low, high, count = others.min(), others.max(), int((values == end).sum())
        if count < 2 or others.nunique() < LEAST_VARIED:
            continue
        away = end != 0 and min(abs(end - low), abs(end - high)) > high - low  # 0 garages are none
        if away or end < 0 <= low or (target and end == 0 < low):
            known = f"{low:.7g} to {high:.7g} in the others"
            return [Heard(f"{name}: {end:.7g} in {count:,} rows, {known}: if it stands for a gap, empty those cells")]
    return []
