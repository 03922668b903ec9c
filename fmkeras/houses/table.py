"""House-price tables: the bundled King County sales, California housing, or a user's own CSV.

Whatever the source, a table ends as finite numbers with one target column, and each thing left out on the way is
named in `Table.notes`. A cell counts as missing if it is empty, NA, N/A, NaN, null or none; true and false count as
1 and 0; 1,234.5 and $99 are mistakes to be put right, not text to be skipped.
"""

import csv
import hashlib
import io
import math
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from fmkeras import DATA, InputError

BUNDLED = "king_county"
CALIFORNIA_URL = "https://ndownloader.figshare.com/files/5976036"  # where scikit-learn fetches it from
NETWORK_SECONDS = 5
WORDS = {"true": 1.0, "false": 0.0} | dict.fromkeys(["", "na", "n/a", "nan", "null", "none", "<na>", "nat"], math.nan)
ALMOST_NUMBER = re.compile(r"[-+(]?[$€£¥]?[-+]?[\d.,']*\d[.,']*[%$€£¥)]?")  # $1,234.5  12%
LONGEST_NUMBER = 40  # characters: longer ones are text, and need not be looked at


@dataclass(frozen=True)
class Table:
    """A table fit for regression.

    Attributes:
        name: what to call it: king_county, california, or the CSV's path.
        features: (rows, features) finite float64, one column a feature.
        target: (rows,) finite float64, in `unit`; its name is the target's column name.
        unit: "$" where the target is in dollars, "" where we cannot know (a user's own CSV).
        notes: one line for each thing that was left out or that the user should know.
    """

    name: str
    features: pd.DataFrame
    target: pd.Series
    unit: str
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 of all numbers: tells a later process whether it sees the table that was trained on."""
        return hashlib.sha256(self.features.to_numpy().tobytes() + self.target.to_numpy().tobytes()).hexdigest()


class Sheet(NamedTuple):
    """A CSV as text: its header, its rows of cells, and the line of the file in which each row begins."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str


def load(dataset: str = BUNDLED, target: str | None = None) -> Table:
    """Load a table by name or path.

    Args:
        dataset: "king_county", "california", or the path of a CSV with a header line.
        target: the column to predict; needed for a CSV, fixed for the other two.

    Raises:
        InputError: no such table, or something in it cannot be used; the message names file, column and line.
    """
    if dataset in (BUNDLED, "california"):
        table = king_county() if dataset == BUNDLED else california()
        if target not in (None, table.target.name):
            raise InputError(
                f"--target {target}: {dataset} has the target {table.target.name}; give --dataset FILE.csv"
            )
        return table
    if target is None:
        columns = ", ".join(filter(None, read_csv(dataset).header))
        raise InputError(f"--target COLUMN is missing: which column of {dataset} is to be predicted? ({columns})")
    return from_sheet(read_csv(dataset), target)


def king_county() -> Table:
    """21,613 house sales in King County, 2014-15: price in dollars and 16 features. See data/DATA.md."""
    if DATA is None or not (DATA / "king_county_houses.csv").is_file():
        raise InputError("data/king_county_houses.csv is missing: install fmkeras again, or use a full clone")
    table = from_sheet(read_csv(DATA / "king_county_houses.csv"), "price")
    return Table(BUNDLED, table.features, table.target, "$", table.notes)


def california() -> Table:
    """California housing, 20,640 districts of 1990, through scikit-learn, which keeps a copy after the first time.

    scikit-learn gives the median price in 100,000 $; here it is in dollars.

    Raises:
        InputError: it is not on disk and there is no network; found out within `NETWORK_SECONDS`.
    """
    from sklearn.datasets import fetch_california_housing

    try:
        bunch = fetch_california_housing(as_frame=True, download_if_missing=False)
    except OSError:
        problem = _network_problem(CALIFORNIA_URL)
        if problem is None:
            try:
                bunch = fetch_california_housing(as_frame=True)
            except (OSError, ValueError) as error:  # ValueError: half a file, refused by its checksum
                problem = str(error)
        if problem:
            raise InputError(
                f"California housing cannot be fetched ({problem}): use --dataset {BUNDLED}, or connect to the network"
            ) from None
    frame = bunch.frame.astype("float64")
    target = frame.pop("MedHouseVal") * 100_000
    return _checked(Table("california", frame, target, "$", ("MedHouseVal: from 100,000 $ to $",)))


def _network_problem(url: str) -> str | None:
    """Ask for the head of `url` (through the user's proxy, if there is one): None if any server answered in time."""
    outcome = [f"no answer in {NETWORK_SECONDS} seconds"]

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=NETWORK_SECONDS).close()
            outcome[0] = None
        except urllib.error.HTTPError:  # an answer, even if this file wants another method
            outcome[0] = None
        except (OSError, ValueError) as error:
            outcome[0] = str(getattr(error, "reason", error))

    # A thread, because a timeout does not cover the name look-up, which can hang for half a minute.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(NETWORK_SECONDS)
    return outcome[0]


def read_csv(path: str | Path) -> Sheet:
    """Read a CSV (comma, semicolon or tab; UTF-8, with or without BOM) as text, blank lines left out.

    Raises:
        InputError: missing, unreadable, empty or not UTF-8; a name twice in the header; a row of another length.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give the path of a CSV file") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text: save the table as UTF-8 CSV") from None
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    numbered, line = [], 1  # rows with the line that each begins in: quotes may hold line breaks
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                numbered.append((row, line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: {error}") from None
    if not numbered:
        raise InputError(f"{path} is empty: a table needs a header line and rows")
    header = [name.strip() for name in numbered[0][0]]
    for name in header:
        if name and header.count(name) > 1:
            raise InputError(f"{path}: two columns are named {name!r}: rename one")
    for row, line in numbered[1:]:
        if len(row) != len(header):
            raise InputError(f"{path}, line {line}: {len(row)} cells where the header has {len(header)}")
    if len(numbered) == 1:
        raise InputError(f"{path} has a header but no rows")
    return Sheet(path, header, [row for row, _ in numbered[1:]], [line for _, line in numbered[1:]], delimiter)


def from_sheet(sheet: Sheet, target: str) -> Table:
    """Turn a user's table into numbers: numeric columns are used, others left out; rows with gaps are dropped.

    A column counts as numeric if at least half of its cells are numbers or nearly ($1,234.5): then every other cell
    in it is a mistake and not a reason to lose the column in silence.

    Raises:
        InputError: no target column, text or infinity among numbers, nothing left to learn from.
    """
    if target not in sheet.header:
        names = ", ".join(filter(None, sheet.header))
        raise InputError(f"{sheet.path} has no column {target!r}: choose --target from {names}")
    columns, left_out = {}, []
    for name, cells in zip(sheet.header, zip(*sheet.rows, strict=True), strict=True):
        values = [number(cell) for cell in cells]
        filled = [(value, cell) for value, cell in zip(values, cells, strict=True) if value is None or value == value]
        numeric = [value is not None or almost_number(cell) for value, cell in filled]
        if not name or not filled or 2 * sum(numeric) < len(numeric):
            if name == target:
                raise InputError(
                    f"{sheet.path}: the target {name!r} holds {'text' if filled else 'nothing'}, not numbers"
                )
            left_out.append(f"{name} (text)" if name and filled else f"{name} (empty)" if name else "a nameless one")
            continue
        columns[name] = exact_numbers(name, cells, lambda row: f"{sheet.path}, line {sheet.lines[row]}", missing=True)
    frame = pd.DataFrame(columns)
    notes = [f"columns left out: {', '.join(left_out)}"] if left_out else []
    gaps = frame.isna()
    if (dropped := int(gaps.any(axis=1).sum())) > 0:
        counts = ", ".join(f"{name} in {count:,}" for name, count in gaps.sum().items() if count)
        notes.append(f"rows left out for a missing value: {dropped:,} of {len(frame):,} ({counts})")
        frame = frame[~gaps.any(axis=1)].reset_index(drop=True)
        if frame.empty:
            raise InputError(f"{sheet.path}: every row has a missing value ({counts}): fill or remove those columns")
    price = frame.pop(target)
    return _checked(Table(str(sheet.path), frame, price, "", tuple(notes)))


def _checked(table: Table) -> Table:
    """Leave out the columns that say nothing, note those that say the same, refuse what float32 cannot carry."""
    features, notes, seen = table.features, list(table.notes), {}
    for name, values in [*features.items(), (table.target.name, table.target)]:
        low, high, spread = values.min(), values.max(), values.std(ddof=0)
        if high - low <= 1e-6 * max(abs(low), abs(high)):  # the model computes in float32: 7 digits
            if name == table.target.name:
                raise InputError(
                    f"{table.name}: the target {name!r} is the same in every row ({low:g}): nothing to learn"
                )
            notes.append(f"column left out: {name} (the same in every row: {low:g})")
            features = features.drop(columns=name)
            continue
        if not 1e-6 < spread < 1e15:
            raise InputError(f"{table.name}: {name!r} varies by {spread:.1g}: give it in a unit of more usual size")
        twin = seen.setdefault(values.to_numpy().tobytes(), name)
        if twin != name and name != table.target.name:
            notes.append(f"{name} repeats {twin}: both are used and share one weight")
        elif twin != name:
            raise InputError(f"{table.name}: {twin!r} repeats the target {name!r}: remove it")
    if features.empty:
        raise InputError(f"{table.name}: no numeric column is left to predict {table.target.name!r} from")
    return Table(table.name, features, table.target, table.unit, tuple(notes))


def number(cell: object) -> float | None:
    """A cell as a number: NaN if it is missing, None if it is text, infinity if it is beyond all use."""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return float(cell) if cell != cell or abs(cell) < 1e300 else math.inf
    text = str(cell).strip().lower()
    if text in WORDS:
        return WORDS[text]
    try:
        return None if "_" in text else float(text)  # Python would read 1_000 as 1000
    except ValueError:
        return None


def almost_number(cell: str) -> bool:
    """Whether a cell that is no number looks as if it was meant as one."""
    text = "".join(cell.split())
    return len(text) <= LONGEST_NUMBER and ALMOST_NUMBER.fullmatch(text) is not None


def exact_numbers(name: str, cells: Sequence, place: Callable[[int], str], missing: bool = False) -> np.ndarray:
    """One column as float64 (rows,), or an InputError that names the place and the column of the first bad cell.

    Args:
        place: gives the words for a row's place, as in "houses.csv, line 7".
        missing: whether missing values may stay, as NaN.
    """
    values = [number(cell) for cell in cells]
    for row, value in enumerate(values):
        if value is None:
            raise InputError(f"{place(row)}, column {name!r}: {str(cells[row])!r} is not a number (write 1234.5)")
        if abs(value) > 1e30:  # float32, in which the model computes, ends at 3e38
            raise InputError(
                f"{place(row)}, column {name!r}: {value:g} is too large" + " (infinity)" * math.isinf(value)
            )
        if math.isnan(value) and not missing:
            raise InputError(f"{place(row)}, column {name!r}: a value is missing ({str(cells[row])!r})")
    return np.array(values, dtype="float64")


def feature_matrix(
    table: Mapping[str, Sequence], features: Sequence[str], place: Callable[[int], str]
) -> np.ndarray:  # (rows, features) float64
    """The named columns of `table`, in the order of `features` and not in the table's own.

    Raises:
        InputError: a column is missing, or a cell is text, missing or infinite: named with its column and row.
    """
    if absent := [name for name in features if name not in table]:
        raise InputError(f"the table lacks {'a column' if len(absent) == 1 else 'columns'}: {', '.join(absent)}")
    return np.stack([exact_numbers(name, list(table[name]), place) for name in features], axis=1)
