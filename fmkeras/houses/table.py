"""House-price tables: the bundled King County sales, California housing, or a user's own file.

Whatever the source, a table ends as columns of numbers (NaN in a gap) and of text, one target column without gaps,
a description of each column, and a line in `Table.notes` for each thing that was decided or left out on the way.
"""

import hashlib
import math
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fmkeras import DATA, InputError
from fmkeras.houses import columns, files, marks, money, units
from fmkeras.houses.cells import LARGEST, gap, number
from fmkeras.houses.checks import checked, named_totals, strike_total
from fmkeras.houses.columns import Column
from fmkeras.houses.files import Sheet
from fmkeras.houses.frames import cells_of
from fmkeras.houses.notes import Heard

BUNDLED = "king_county"
CALIFORNIA_URL = "https://ndownloader.figshare.com/files/5976036"  # where scikit-learn fetches it from
NETWORK_SECONDS = 5


@dataclass(frozen=True)
class Table:
    """A table fit for regression.

    Attributes:
        name: what to call it: king_county, california, or the file's path.
        features: (rows, columns) float64 with NaN in gaps, or text; one column a feature.
        target: (rows,) finite float64, in `unit`; its name is the target's column name.
        unit: "$" where the target is in dollars, "" where we cannot know (a user's own file).
        notes: one line for each thing that was decided, left out, or that the user should know.
        columns: what each feature is and how it is read.
        decimal: the decimal mark of the file.
        header: whether the file names its columns.
        target_unit: what stands beside the target's numbers in the file: a currency, or "k".
    """

    name: str
    features: pd.DataFrame
    target: pd.Series
    unit: str
    notes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    decimal: str = "."
    header: bool = True
    target_unit: str = ""

    @property
    def plain(self) -> bool:
        """Whether it is numbers without gaps and nothing else: then the model takes a matrix."""
        return all(kind == "f" for kind in (dtype.kind for dtype in self.features.dtypes)) and not (
            self.features.isna().any(axis=None) or any(column.part for column in self.columns)
        )

    def digest(self) -> str:
        """SHA-256 of all cells: tells a later process whether it sees the table that was trained on."""
        texts = self.features.select_dtypes(exclude="float64")
        numbers = self.features.select_dtypes("float64").to_numpy()
        content = texts.to_csv().encode() if texts.shape[1] else b""
        return hashlib.sha256(numbers.tobytes() + self.target.to_numpy().tobytes() + content).hexdigest()


def load(
    dataset: str = BUNDLED,
    target: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    header: bool = True,
) -> Table:
    """Load a table by name or path.

    Args:
        dataset: "king_county", "california", or the path of a table: CSV, Excel or Parquet, compressed or not.
        target: the column to predict; needed for a file, fixed for the other two.
        drop, categorical, numeric: columns to leave out, or to take as text or as numbers, whatever they look like.
        header: False if the file's first line holds no names; then they are c1, c2, ...

    Raises:
        InputError: no such table, or something in it cannot be used; the message names file, column and line.
    """
    asked = {"drop": drop, "categorical": categorical, "numeric": numeric}
    if dataset == "california":
        if given := [name for name, names in asked.items() if names]:
            raise InputError(f"--{given[0]}: california's columns are fixed; give a file")
        table = california()
    elif dataset == BUNDLED:
        table = king_county(**asked)
    elif target is None:
        names = ", ".join(filter(None, files.read(dataset, header).header))
        raise InputError(f"--target COLUMN is missing: which column of {dataset} is to be predicted? ({names})")
    else:
        return from_sheet(files.read(dataset, header), target, header, **asked)
    if target not in (None, table.target.name):
        raise InputError(f"--target {target}: {dataset} has the target {table.target.name}; give --dataset FILE.csv")
    return table


def king_county(**asked: Sequence[str]) -> Table:
    """21,613 house sales in King County, 2014-15: price in dollars and 16 features. See data/DATA.md."""
    if DATA is None or not (DATA / "king_county_houses.csv").is_file():
        raise InputError("data/king_county_houses.csv is missing: install fmkeras again, or use a full clone")
    table = from_sheet(files.read(DATA / "king_county_houses.csv"), "price", True, **asked)
    return Table(BUNDLED, table.features, table.target, "$", table.notes, table.columns)


def from_frame(frame: pd.DataFrame, target: str, **asked: Sequence[str]) -> Table:
    """A table from a DataFrame: see `from_sheet`."""
    cells = cells_of(frame)
    names = list(cells)
    categories = [n for n, dtype in zip(names, frame.dtypes, strict=True) if isinstance(dtype, pd.CategoricalDtype)]
    asked["categorical"] = _with_categories(categories, target, names, asked)
    return from_cells(cells, target, "the table", lambda row: f"row {frame.index[row]}", False, True, **asked)


def _with_categories(categories: Sequence[str], target: str, names: Sequence[str], asked: Mapping) -> list[str]:
    """The columns that the user takes as text, and those that the table itself calls categories."""
    numeric = columns.check_names(asked.get("numeric", ()), names, "--numeric")
    return [*asked.get("categorical", ()), *sorted({*categories} - {target, *numeric})]


def from_sheet(sheet: Sheet, target: str, header: bool = True, **asked: Sequence[str]) -> Table:
    """Turn a user's table into columns of numbers and text: see `from_cells`."""
    if target not in sheet.header:
        names = ", ".join(filter(None, sheet.header))
        found = "".join(f" ({note})" for note in sheet.notes)
        raise InputError(f"{sheet.path} has no column {target!r}{found}: choose --target from {names}")
    asked["categorical"] = _with_categories(sheet.categories, target, sheet.header, asked)
    table = from_cells(sheet.cells, target, str(sheet.path), sheet.place, sheet.spaced, header, **asked)
    return replace(table, notes=(*sheet.notes, *table.notes))


def from_cells(
    cells: Mapping[str, Sequence],
    target: str,
    name: str,
    place: Callable[[int], str],
    spaced: bool = False,
    header: bool = True,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
) -> Table:
    """Decide what each column is (see `fmkeras.houses.columns`) and read it.

    Rows whose target is missing are left out. A column counts as numbers if at least half of its cells are: then
    every other cell in it is a mistake, and no reason to lose the column in silence.

    Args:
        spaced: as in `marks.settle`.

    Raises:
        InputError: no target column, text or infinity among numbers, nothing left to learn from.
    """
    if target not in cells:
        raise InputError(f"{name} has no column {target!r}: choose a target from {', '.join(filter(None, cells))}")
    others = [column for column in cells if column != target]
    left_out = columns.check_names(drop, others, "--drop")
    as_text = columns.check_names(categorical, others, "--categorical")
    as_numbers = columns.check_names(numeric, others, "--numeric")
    if both := sorted({*as_text} & {*as_numbers}):
        raise InputError(f"{both[0]!r} is asked for as text and as numbers: name it in --categorical or --numeric")
    wanted = dict.fromkeys(as_text, "category") | dict.fromkeys(as_numbers, "number")
    # Columns that the user leaves out or takes as text say nothing of how numbers are written.
    asked = {n: column for n, column in cells.items() if n not in left_out and wanted.get(n) != "category"}
    unit = units.each(asked)
    cells = {n: units.bare(column, unit.get(n, "")) for n, column in cells.items()}
    asked = {n: cells[n] for n in asked}
    decimal, doubts = marks.settle(marks.numeric(asked), spaced=spaced)
    price = _target(cells[target], target, name, place, decimal)
    total = strike_total(price, target, place)
    known: list[int] = np.flatnonzero(~np.isnan(price)).tolist()
    notes = total + doubts
    notes += [f"numbers are read with a decimal comma: 1.234,5 is {number('1.234,5', ','):g}"] * (decimal == ",")
    notes += [f"{n}: numbers in {unit[n]}" for n in unit]
    notes += columns.marked(target, [cell for cell in cells[target] if not gap(cell)], decimal)
    notes += money.mixed(target, cells[target])
    if missing := len(price) - len(known) - len(total):
        notes.append(Heard(f"rows left out, since their {target} is missing: {missing:,} of {len(price):,}"))
    found: list[Column] = []
    frame = {}
    for column in others:
        if column in left_out:
            continue
        texts = [cells[column][row] for row in known]
        described, note = columns.describe(
            column, texts, decimal, lambda row: place(known[row]), wanted.get(column, ""), unit.get(column, "")
        )
        notes += [*([note] if note else []), *named_totals(column, texts)]
        for part in described:
            found.append(part)
            dtype = "float64" if part.kind == "number" else object
            frame[part.name] = pd.Series([part.read(cell, decimal) for cell in texts], dtype=dtype)
    features = pd.DataFrame(frame, index=range(len(known)))
    y, target_unit = pd.Series(price[known], name=target), unit.get(target) or money.only(cells[target])
    return checked(Table(name, features, y, "", tuple(notes), tuple(found), decimal, header, target_unit), as_numbers)


def _target(cells: Sequence, target: str, name: str, place: Callable, decimal: str) -> np.ndarray:
    """The target (rows,) float64, NaN where it is missing."""
    filled = [cell for cell in cells if not gap(cell)]
    if 2 * sum(number(cell, decimal) is not None for cell in filled) < max(len(filled), 1):
        example = next((f" ({cell}{units.several(filled)})" for cell in filled if number(cell, decimal) is None), "")
        raise InputError(f"{name}: the target {target!r} holds {'text' if filled else 'nothing'}, not numbers{example}")
    return exact_numbers(target, cells, place, decimal)


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
    found = tuple(Column(name, "number", name) for name in frame)
    return checked(Table("california", frame, target, "$", ("MedHouseVal: from 100,000 $ to $",), found))


def _network_problem(url: str) -> str | None:
    """Ask for the head of `url` (through the user's proxy, if there is one): None if any server answered in time."""
    outcome: list[str | None] = [f"no answer in {NETWORK_SECONDS} seconds"]

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


def exact_numbers(
    name: str, cells: Sequence, place: Callable[[int], str], decimal: str = ".", unit: str = ""
) -> np.ndarray:
    """One column as float64 (rows,), NaN in a gap, or an InputError that names place and column of the first bad cell.

    Args:
        place: gives the words for a row's place, as in "houses.csv, line 7".
        unit: what may stand beside the numbers, and no other currency.
    """
    for row, cell in enumerate(cells):
        if unit and money.money(cell) not in ("", money.money(unit)):
            raise InputError(f"{place(row)}, column {name!r}: {str(cell)!r} is not in {unit}: write it in {unit}")
    cells = units.bare(cells, unit)
    values = [number(cell, decimal) for cell in cells]
    for row, value in enumerate(values):
        if value is None:
            way_out = "write 1234.5, or empty the cell, and the row is left out"
            raise InputError(f"{place(row)}, column {name!r}: {str(cells[row])!r} is not a number ({way_out})")
        if abs(value) > LARGEST:
            raise InputError(
                f"{place(row)}, column {name!r}: {value:g} is too large" + " (infinity)" * math.isinf(value)
            )
    return np.array(values, dtype="float64")
