"""Table files as text: CSV in its dialects, Excel, Parquet, compressed or not."""

import bz2
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fmkeras.errors import InputError
from fmkeras.houses import workbooks
from fmkeras.houses.cells import gap, number
from fmkeras.houses.notes import Heard

DELIMITERS = ",;\t|"
MOST_BYTES = 2**31  # unpacked: a table that fills more does not fit here, and a bomb would
FOREIGN = {
    "a web page or XML": re.compile(r"\s*<(?:!doctype|html|head|body|table|\?xml)", re.IGNORECASE),
    "JSON": re.compile(r"\s*(?:\[\s*[\[{]|\{\s*\")"),
}
DAMAGE = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, RuntimeError, ValueError)
OPENERS: dict[str, Callable[[Path], io.BufferedIOBase]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(frozen=True)
class Sheet:
    """A table: its header, its rows of cells, and the line of the file in which each row begins.

    Attributes:
        delimiter: "," ";" tab "|", or " " for blanks.
        rows: text; in Excel and Parquet files, numbers where they are numbers.
        typed: whether the file tells numbers from text.
        categories: columns that the file itself calls categories, as Parquet files may.
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
    categories: tuple[str, ...] = ()

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
    """Read a table file, blank lines left out, and blank rows above and below it.

    Args:
        header: whether the first line holds the names; if not, they are c1, c2, ...
        lenient: let rows of another length through, as `Sheet.misfits`.

    Raises:
        InputError: missing, unreadable, empty or no text; a name twice, or no names at all, in the header; a row of
            another length.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    notes, categories = tuple[str, ...](), tuple[str, ...]()
    if suffix in workbooks.NEEDED:
        notes = workbooks.other_sheets(path) if suffix != ".parquet" else ()
        typed, delimiter = True, ","
        numbered, categories = workbooks.rows_of(path, header)
    else:
        typed = False
        numbered, delimiter = _csv_rows(path, _text(path))
    numbered = _without_margins(numbered)
    if not numbered:
        raise InputError(f"{path} is empty{''.join(f' ({n})' for n in notes)}: a table needs a header line and rows")
    if header:
        if above := _above(numbered):
            titles = ", ".join(str(row[0]).strip()[:60] for row, _ in numbered[:above] if row[0])
            notes = (*notes, Heard(f"left out above the names of the columns: {titles}"))
        (names, _), *numbered = numbered[above:]
        names = [(name if isinstance(name, str) else workbooks.as_text(name)).strip() for name in names]
        _check_names(path, names)
    else:
        names = [f"c{i + 1}" for i in range(len(numbered[0][0]))]
    if not numbered:
        raise InputError(f"{path} has a header but no rows")
    misfits = {}
    for row, (cells, line) in enumerate(numbered):
        if not any(str(cell).strip() for cell in cells):
            numbered[row] = [""] * len(names), line
        elif len(cells) != len(names):
            first = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
            problem = (
                f"{path}, line {line}: {len(cells)} cells where the header ({first}) has {len(names)}: put it right, "
                f"or delete lines that are no rows of the table"
            )
            if not lenient:
                raise InputError(problem)
            misfits[row] = problem
    rows = [cells for cells, _ in numbered]
    return Sheet(path, names, rows, [line for _, line in numbered], delimiter, typed, misfits, notes, categories)


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


def _without_margins(numbered: list[tuple[list, int]]) -> list[tuple[list, int]]:
    """Without the blank rows above and below; one within stays, for what is predicted must line up with the table."""
    filled = [i for i, (row, _) in enumerate(numbered) if any(str(cell).strip() for cell in row)]
    return numbered[filled[0] : filled[-1] + 1] if filled else []


def _above(numbered: list[tuple[list, int]]) -> int:
    """How many rows stand above the names: a title, or sep=;, fills one cell and no second, in a table of several.

    So does a remark behind #, if it has not as many cells as the row below it.
    """
    below = [len(row) for row, _ in numbered[1:]] + [0]
    several = (
        i
        for i, (row, _) in enumerate(numbered)
        if any(str(cell).strip() for cell in row[1:]) and not (str(row[0]).startswith("#") and len(row) != below[i])
    )
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
    """The file's text: UTF-8 or UTF-16, each with or without a byte-order mark.

    Raises:
        InputError: it is none, or no table.
    """
    content = _bytes(path)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if b"\0" in content[:2]:
        encoding = "utf-16-le" if content[0] else "utf-16-be"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text: save the table as UTF-8 CSV") from None
    if form := next((form for form, start in FOREIGN.items() if start.match(text)), ""):
        raise InputError(
            f"{path} is {form}: open it in a spreadsheet, or with pandas, and save it as CSV, .xlsx or Parquet"
        )
    return text


def _csv_rows(path: Path, text: str) -> tuple[list[tuple[list[str], int]], str]:
    """Rows of cells with the line that each begins in (quotes may hold line breaks), and the delimiter."""
    delimiter = _delimiter(text)
    if delimiter == " ":
        text = "\n".join(line.strip() for line in text.splitlines())
    try:
        return _parsed(path, text, delimiter), delimiter
    except InputError:
        if '\\"' not in text:
            raise
        return _parsed(path, text, delimiter, escapechar="\\"), delimiter  # \" for "", as databases write it


def _parsed(path: Path, text: str, delimiter: str, escapechar: str | None = None) -> list[tuple[list[str], int]]:
    lines, blanks = io.StringIO(text, newline=""), delimiter == " "
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=blanks, escapechar=escapechar)
    numbered, line = [], 1
    try:
        for row in reader:
            if len(row) > 1 or "".join(row).strip():
                numbered.append((row, line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f'{path}, line {line}: {error}: in a cell within quotes, write "" for a quote') from None
    return numbered


def _delimiter(text: str) -> str:
    """The delimiter of which most lines have as many as the first that has it; blanks where all have as many words."""
    outside = (re.sub(r'"[^"]*"', '""', line) for line in text.splitlines()[:50])  # of cells in quotes
    lines = [line for line in outside if line.strip()] or [""]
    counts = {len(line.split()) for line in lines}
    parted = [line for line in lines if any(map(line.count, DELIMITERS))]
    if lines[0] not in parted and len(counts) == 1 and counts != {1} and not any("\t" in line for line in lines):
        return " "

    def agreeing(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        first = next(filter(None, counts), 0)
        return counts.count(first) if first else 0, (parted or lines)[0].count(delimiter)

    return max(DELIMITERS, key=agreeing)
