"""Tab- and comma-separated files: Anki's, Tatoeba's, those that pandas and spreadsheets write, and plain pairs."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from fmkeras.errors import InputError
from fmkeras.translation.corpora.formats.columns import Table, found
from fmkeras.translation.corpora.formats.naming import is_header, like_names
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.formats.source import FORMS, LONGEST_LINE, Source

SAMPLE = 2000  # lines by which a file's form is told
BARS = " ||| "  # between the sides of a pair, for the programs that align words (fast_align)
FORM = {"\t": "tab-separated", BARS: "separated by |||", ",": "CSV"}
SIGNS = ";,|"  # of CSV; what stands between cells stands as often in each line, and of two such a comma is the text's
QUOTED = re.compile(r'"(?:[^"]|"")*"')  # a cell in which quotes are quoting
SEPARATOR = re.compile(r"sep=.", re.IGNORECASE)  # a first line, which tells Excel what stands between cells

Rows = Iterator[tuple[str, Sequence[str]]]


def read(source: Source, reading: Reading) -> Found:
    """The pairs of a file of cells.

    Raises:
        InputError: it has none, or it cannot be said which columns they are.
    """
    lines = source.lines(reading.encoding, languages=reading.asked)
    sample = list(itertools.islice(lines, SAMPLE))
    if sample and SEPARATOR.fullmatch(sample[0][1]):
        del sample[0]
    filled = [line for _, line in sample if line.strip()]
    if not filled:
        raise InputError(f"{source.name} holds no sentence pairs")
    delimiter = delimiter_of(source, filled, reading.asked)
    if not delimiter:
        raise InputError(
            f"{source.name} holds no pairs: its lines have no two columns (the first is {filled[0]!r:.60}); {FORMS}"
        )
    lines = itertools.chain(sample, lines)
    is_csv = delimiter not in ("\t", BARS)
    quoted = is_csv or quotes_are_quoting([line.split(delimiter) for line in filled])
    kept = 0 if quoted else sum(bool(QUOTED.fullmatch(cell)) for line in filled for cell in line.split(delimiter))
    rows = csv_rows(source.name, lines, delimiter) if quoted else ((p, line.split(delimiter)) for p, line in lines)
    first = list(itertools.islice(rows, SAMPLE // 2))
    rows, header = itertools.chain(first, rows), next((row for row in first if any(row[1])), first[0])
    names: Sequence[str] = ()
    others = [row[1] for row in first if row is not header and any(row[1])]
    if by_name(reading, header[1]) or is_header(header[1], reading.asked, others):
        names = [cell.strip() for cell in header[1]]
        first, rows = [row for row in first if row is not header], (row for row in rows if row is not header)
    elif is_csv and not reading.columns:
        raise InputError(
            f"{source.name}: its first line names no two languages that we know ({' | '.join(header[1]):.60}): name "
            "them as it does with --source and --target, or add a line such as pt,en, or name --columns 1,2"
        )
    samples = [cells for _, cells in first if any(cells)]
    count = len(names) or _count(samples)
    form = FORM.get(delimiter, f"CSV with {delimiter!r}")
    form += ", quotes undone" * (quoted and not is_csv) + ", first line its names" * bool(names)
    result = found(Table(source.name, form, tuple(names) or ("",) * count, samples, rows), reading)
    result.note += f"; {kept:,} cells of the first {len(filled):,} lines keep their quotes" * bool(kept)
    if not names and like_names(header[1], samples[1:]):
        shown = " | ".join(cell.strip() for cell in header[1])
        result.note += f"; the first line counts as sentences ({shown}): if it names columns, use --source and --target"
    return result


def by_name(reading: Reading, cells: Sequence[str]) -> bool:
    """Whether --columns names some of these cells, and none that is not among them."""
    asked = {column.strip() for column in reading.columns.split(",") if not column.strip().isdecimal()}
    return bool(reading.columns) and bool(asked) and asked <= {cell.strip() for cell in cells}


def delimiter_of(source: Source, lines: Sequence[str], asked: Sequence[str] = ()) -> str:
    """What stands between the cells: a tab, three bars, a comma or a semicolon; nothing if the lines have no cells.

    A comma counts only in files that are named .csv: it stands in most sentences.

    Args:
        lines: of the file's beginning.
        asked: names of languages, by which a first line of names is known.
    """
    tabbed = sum("\t" in line for line in lines)
    if tabbed and (tabbed > len(lines) / 2 or source.suffix == ".tsv" or source.suffix != ".csv"):
        return "\t"
    if sum(BARS in line for line in lines) > len(lines) / 2:
        return BARS
    if source.suffix != ".csv":
        return ""
    for sign in SIGNS:
        if is_header(lines[0].split(sign), asked):
            return sign
    bare = QUOTED.sub("", "\n".join(lines)).split("\n")
    shares = {sign: _regularity([line.count(sign) for line in bare]) for sign in SIGNS}
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] else ""


def _regularity(counts: Sequence[int]) -> float:
    """In which share of the lines a sign stands as often as in most, if it stands there at all."""
    often = Counter(count for count in counts if count).most_common(1)
    return often[0][1] / len(counts) if often else 0.0


def quotes_are_quoting(rows: Sequence[Sequence[str]]) -> bool:
    """Whether quotes at both ends of a cell belong to the file's form, and are doubled within.

    So it is where every cell that begins with one is well-formed, and some hold doubled ones, or all cells have them,
    or, as in Excel's text files, just those with a comma. Else they are the text's: "Hello," she said.
    """
    cells = [cell for row in rows for cell in row]
    quoted = [cell for cell in cells if cell.startswith('"')]
    if not quoted or not all(QUOTED.fullmatch(cell) for cell in quoted):
        return False
    if len(quoted) == len(cells) or any('""' in cell[1:-1] for cell in quoted):
        return True
    return all(("," in cell) == cell.startswith('"') == ('"' in cell) for cell in cells)


def csv_rows(name: str, lines: Iterator[tuple[str, str]], delimiter: str) -> Rows:
    """Rows of cells in which quotes are undone; a quoted cell may hold line ends, which become spaces."""
    place = [f"{name}, line 1"]

    def texts() -> Iterator[str]:
        for at, line in lines:
            place[0] = at
            yield line + "\n"

    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(texts(), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            yield place[0], [" ".join(cell.split()) if "\n" in cell else cell for cell in row]
    except csv.Error as error:
        raise InputError(f"{place[0]}: {error}: is a quote left open?") from None


def _count(rows: Sequence[Sequence[str]]) -> int:
    """How many columns a file has: those of most rows."""
    counts = [len(row) for row in rows]
    return max(dict.fromkeys(counts), key=counts.count) if counts else 0
