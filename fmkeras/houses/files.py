"""Table files as text: CSV in its dialects, Excel, Parquet, compressed or not."""

import bz2
import csv
import decimal
import gzip
import io
import lzma
import numbers
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fmkeras.errors import InputError
from fmkeras.houses.cells import gap, number
from fmkeras.houses.notes import Heard

DELIMITERS = ",;\t|"
MOST_BYTES = 2**31  # unpacked: a table that fills more does not fit here, and a bomb would
DAMAGE = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, RuntimeError, ValueError)
OPENERS: dict[str, Callable[[Path], io.BufferedIOBase]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(frozen=True)
class Sheet:
    """A table: its header, its rows of cells, and the line of the file in which each row begins.

    Attributes:
        delimiter: "," ";" tab "|", or " " for blanks.
        rows: text; in Excel and Parquet files, numbers where they are numbers.
        typed: whether the file tells numbers from text.
        notes: what is to be said of the file.
        misfits: rows with more or fewer cells than the header, by row; only where they were let through.
    """

    path: Path
    header: list[str]
    rows: list[list]
    lines: list[int]
    delimiter: str = ","
    typed: bool = False
    misfits: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """The words for a row's place."""
        return f"{self.path}, line {self.lines[row]}"

    @property
    def spaced(self) -> bool:
        """Whether it is text that commas or blanks part: 403.064 in it is a decimal number."""
        return not self.typed and self.delimiter in ", "

    @property
    def cells(self) -> dict[str, Sequence]:
        """By column its cells; gaps in rows of another length."""
        width = len(self.header)
        rows = [row if len(row) == width else [""] * width for row in self.rows]
        return dict(zip(self.header, zip(*rows, strict=True), strict=True))


def read(path: str | Path, header: bool = True, lenient: bool = False) -> Sheet:
    """Read a table file, blank lines left out.

    Args:
        header: whether the first line holds the names; if not, they are c1, c2, ...
        lenient: let rows of another length through, as `Sheet.misfits`.

    Raises:
        InputError: missing, unreadable, empty or no text; a name twice, or no names at all, in the header; a row of
            another length.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    notes: tuple[str, ...] = ()
    if suffix in (".xlsx", ".xls", ".parquet"):
        notes = _other_sheets(path) if suffix != ".parquet" else ()
        typed, delimiter, numbered = True, ",", _with_pandas(path, header)
    else:
        typed = False
        numbered, delimiter = _csv_rows(path, _text(path))
    if not numbered:
        raise InputError(f"{path} is empty{''.join(f' ({n})' for n in notes)}: a table needs a header line and rows")
    if header:
        if above := _above(numbered):
            titles = ", ".join(str(row[0]).strip()[:60] for row, _ in numbered[:above])
            notes = (*notes, Heard(f"left out above the names of the columns: {titles}"))
        (names, _), *numbered = numbered[above:]
        names = [(name if isinstance(name, str) else as_text(name)).strip() for name in names]
        _check_names(path, names)
    else:
        names = [f"c{i + 1}" for i in range(len(numbered[0][0]))]
    if not numbered:
        raise InputError(f"{path} has a header but no rows")
    misfits = {}
    for row, (cells, line) in enumerate(numbered):
        if len(cells) != len(names):
            problem = f"{path}, line {line}: {len(cells)} cells where the header has {len(names)}"
            if not lenient:
                raise InputError(problem)
            misfits[row] = problem
    rows = [cells for cells, _ in numbered]
    return Sheet(path, names, rows, [line for _, line in numbered], delimiter, typed, misfits, notes)


def _check_names(path: Path, names: list[str]) -> None:
    for name in names:
        if name and names.count(name) > 1:
            raise InputError(f"{path}: two columns are named {name!r}: rename one")
    filled = [name for name in names if name]
    if filled and all(number(name) is not None and not gap(name) for name in filled):
        raise InputError(
            f"{path} has no column names: its first line holds numbers only ({', '.join(filled[:3])}, ...); with "
            f"--no-header the columns are named c1 to c{len(names)}"
        )


def _above(numbered: list[tuple[list, int]]) -> int:
    """How many rows stand above the names: a title, or sep=;, fills one cell and no second, in a table of several."""
    several = (i for i, (row, _) in enumerate(numbered) if any(str(cell).strip() for cell in row[1:]))
    return next(several, 0)


def _bytes(path: Path) -> bytes:
    """The file's bytes, unpacked where its name says that it is packed."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [entry for entry in archive.infolist() if not entry.is_dir()]
                if len(members) != 1:
                    raise InputError(f"{path} holds {len(members)} files: give one table")
                with archive.open(members[0]) as file:
                    content = file.read(MOST_BYTES + 1)
        elif suffix in OPENERS:
            with OPENERS[suffix](path) as file:
                content = file.read(MOST_BYTES + 1)
        else:
            content = path.read_bytes()
    except DAMAGE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be unpacked ({error}): pack it again") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path} cannot be read ({reason}): give the path of a CSV file") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{path} unpacks to more than {MOST_BYTES:,} bytes: give a smaller table")
    return content


def _text(path: Path) -> str:
    """The file's text: UTF-8 with or without a byte-order mark, or Excel's UTF-16 with one."""
    content = _bytes(path)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text: save the table as UTF-8 CSV") from None


def _csv_rows(path: Path, text: str) -> tuple[list[tuple[list[str], int]], str]:
    """Rows of cells with the line that each begins in (quotes may hold line breaks), and the delimiter."""
    delimiter = _delimiter(text)
    if delimiter == " ":
        text = "\n".join(line.strip() for line in text.splitlines())
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=delimiter == " "
    )
    numbered, line = [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                numbered.append((row, line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: {error}") from None
    return numbered, delimiter


def _delimiter(text: str) -> str:
    """The delimiter that the first line has most of; if it has none, blanks where lines agree in their words.

    Else it was a title, and the first line that has one tells.
    """
    lines = [line for line in text.splitlines()[:50] if line.strip()] or [""]
    counts = {len(line.split()) for line in lines}
    parted = [line for line in lines if any(map(line.count, DELIMITERS))]
    if lines[0] not in parted and len(counts) == 1 and counts != {1} and not any("\t" in line for line in lines):
        return " "
    return max(DELIMITERS, key=(parted or lines)[0].count)


def _with_pandas(path: Path, header: bool) -> list[tuple[list, int]]:
    """An Excel or Parquet file as rows of text and numbers, the names first where there are names."""
    import pandas as pd

    excel = path.suffix.lower() != ".parquet"
    read: Callable = pd.read_excel if excel else pd.read_parquet
    try:
        frame = read(path, header=None, dtype=object) if excel else read(path)
    except ImportError as error:
        package = "openpyxl" if excel else "pyarrow"
        raise InputError(f"{path} needs another package ({error.name or package}): pip install {package}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): give the path of a table") from None
    except Exception as error:  # each engine has errors of its own for damaged files
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())[:120]}): save it again") from None
    rows = [[_value(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    if not excel and header:
        rows.insert(0, [str(name) for name in frame.columns])
    return [(row, line) for line, row in enumerate(rows, start=1) if any(cell != "" for cell in row)]


def _other_sheets(path: Path) -> tuple[str, ...]:
    """A line about the sheets of a workbook that are not read, if there are any."""
    import pandas as pd

    try:
        with pd.ExcelFile(path) as workbook:
            first, *others = map(str, workbook.sheet_names)
    except Exception:  # `_with_pandas` says why
        return ()
    return (f"of its sheets {first!r} is read, and not {', '.join(map(repr, others))}",) * bool(others)


def _value(value: object) -> str | int | float:
    """A number as it is, since its text would be read with some decimal mark; everything else as text."""
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, decimal.Decimal)) or gap(value):
        return as_text(value)
    real = float(value)
    return int(real) if real.is_integer() and abs(real) < 1e15 else real


def as_text(value: object) -> str:
    """A value as the text of a cell: nothing for a gap, 3 for 3.0, the day alone for midnight."""
    if gap(value):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).removesuffix(" 00:00:00")
