"""From columns to pairs: which two of a table's columns are the source and the target."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fmkeras.errors import InputError
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.languages import code_of

SOURCES = ("source", "src", "original", "input")
TARGETS = ("target", "tgt", "trg", "translation", "translated", "output", "reference")
OTHERS = "id text sentence phrase attribution license score index frase texto line language lang".split()
REGION = re.compile(r"[A-Z]{2}")  # "pt BR"
PROSE = re.compile(r"[.!?…,;。！？।؟](\s|$)|\S\s+\S+\s+\S")  # in a cell that names no column: a stop, three words
ATTRIBUTION = re.compile(r"CC[- ]BY|tatoeba|attribution", re.IGNORECASE)
NUMBER, ID = re.compile(r"[-+\d.,:eE]*\d[-+\d.,:eE%]*"), re.compile(r"\S*\d\S*")


class Table(NamedTuple):
    """A file as a table.

    Attributes:
        name: of the file.
        form: what it is, in words: "tab-separated".
        names: of the columns, as the file has them; "" for those without.
        sample: the first rows.
        rows: all rows, the sample's among them, each with where it stands. A row can have fewer cells than there are
            columns.
    """

    name: str
    form: str
    names: tuple[str, ...]
    sample: Sequence[Sequence[str]]
    rows: Iterator[tuple[str, Sequence[str]]]


def found(table: Table, reading: Reading) -> Found:
    """The pairs of a table, and what was understood of it.

    Raises:
        InputError: it cannot be said which two columns they are; names what there is.
    """
    first, second = _chosen(table, reading)
    names = _languages(table, first, second)
    left_out = [str(i + 1) for i in range(len(table.names)) if i not in (first, second)]
    note = f"{table.name}: {table.form}, {len(table.names)} columns, source {_title(table, first)}, "
    note += f"target {_title(table, second)}"
    note += f"; left out: {', '.join(left_out)}" * bool(left_out)
    return Found(_pairs(table, first, second), *names, note)


def _title(table: Table, column: int) -> str:
    return f"{column + 1} ({table.names[column]})" if table.names[column] else str(column + 1)


def _pairs(table: Table, first: int, second: int) -> Iterator[tuple[str, str]]:
    count = len(table.names)
    for place, cells in table.rows:
        if len(cells) <= max(first, second) or any(cell.strip() for cell in cells[count:]):
            if len(cells) <= 1 and not "".join(cells).strip():
                continue  # a blank line
            if count == 2:
                raise InputError(f"{place}: {len(cells)} columns, not two sentences with one tab between")
            raise InputError(f"{place}: {len(cells)} columns, where the first lines have {count}")
        yield cells[first], cells[second]


def _chosen(table: Table, reading: Reading) -> tuple[int, int]:
    """The places of source and target."""
    if reading.columns:
        first, second = (_numbered(table, column.strip()) for column in reading.columns.split(","))
        return first, second
    languages = {i: language(name) for i, name in enumerate(table.names) if language(name)}
    languages = {i: name for i, name in languages.items() if len(languages) < 3 or table.names[i].lower() != "id"}
    if len(languages) >= 2:
        return _by_language(table, reading, languages)
    roles = [next((i for i, n in enumerate(table.names) if role(n) == wanted), None) for wanted in ("source", "target")]
    if roles[0] is not None and roles[1] is not None:
        return _turned((roles[0], roles[1]), reading)
    text = [i for i in range(len(table.names)) if kind([r[i] for r in table.sample if len(r) > i]) == "text"]
    if len(table.names) == 3 and text == [0, 1, 2]:
        text = [0, 1]  # as in Anki's files: sentence, translation, a remark
    if len(table.names) == 2 or (len(text) == 2 and not any(table.names)):
        return _turned((text[0], text[1]) if len(text) == 2 else (0, 1), reading)
    raise InputError(
        f"{table.name}: {len(table.names)} columns, of which it cannot be said which two are the sentences "
        f"({_shown(table)}): name them with --columns, such as --columns 2,4"
    )


def _by_language(table: Table, reading: Reading, languages: dict[int, str]) -> tuple[int, int]:
    """The columns of the languages that are asked for, or of the only two that there are."""
    wanted = [reading.source, reading.target]
    if len(languages) == 2 and bool(wanted[0]) != bool(wanted[1]):  # the other is the other
        fits = [i for i, found in languages.items() if same(found, wanted[0] or wanted[1])]
        other = [i for i in languages if i not in fits]
        if len(fits) == 1:
            return (fits[0], other[0]) if wanted[0] else (other[0], fits[0])
    if not all(wanted) or wanted == ["source", "target"]:
        if len(languages) > 2:
            raise InputError(
                f"{table.name} holds {', '.join(languages.values())}: name two of them with --source and --target"
            )
        return _turned(tuple(languages), reading)
    places = []
    for name in wanted:
        of_this = [i for i, found in languages.items() if same(found, name)]
        if len(of_this) != 1:
            raise InputError(
                f"{table.name} holds {', '.join(languages.values())}, and {name} is "
                f"{'none' if not of_this else 'several'} of these: name --source and --target so, or --columns"
            )
        places += of_this
    return places[0], places[1]


def _turned(columns: Sequence[int], reading: Reading) -> tuple[int, int]:
    first, second = columns
    return (second, first) if reading.source_column == 2 else (first, second)


def _numbered(table: Table, column: str) -> int:
    """The place of a column that is named by its number, from 1, or by its name."""
    if column.isdigit() and 1 <= int(column) <= len(table.names):
        return int(column) - 1
    if column in table.names:
        return table.names.index(column)
    raise InputError(f"{table.name} has no column {column} (--columns): it has {len(table.names)}, {_shown(table)}")


def _shown(table: Table) -> str:
    """The names of the columns, or what the first row holds."""
    cells = table.names if any(table.names) else (table.sample[0] if table.sample else ())
    return " | ".join(f"{cell:.30}" for cell in cells)


def _languages(table: Table, first: int, second: int) -> tuple[str, str]:
    """The languages of two columns: by their names, or by two columns that name a language in every row (OPUS)."""
    named = language(table.names[first]), language(table.names[second])
    columns = [{row[i] for row in table.sample if len(row) > i} for i in range(len(table.names))]
    constant = [language(next(iter(cells))) for cells in columns if len(cells) == 1]
    constant = [name for name in constant if name]
    if any(named) or len(constant) != 2 or len(table.sample) < 3:
        return named
    return (constant[0], constant[1]) if first < second else (constant[1], constant[0])


def language(name: str) -> str:
    """The language that a column's name says, as it is written there: "pt", "Portuguese"; of "text_pt" it is "pt".

    Many words are codes: "He left", "Il est parti." So prose names none, and a code beside a word only if columns are
    called so.
    """
    words = [word for word in re.split(r"[\W_]+", name) if word]
    named = [word for word in words if code_of(word)]
    told = all(word in named or role(word) or word.lower() in OTHERS or REGION.fullmatch(word) for word in words)
    short = max(map(len, named), default=0) < 4
    if PROSE.search(name.strip()) or (short and not told and re.search(r"\w\s+\w", name)):
        return ""
    if code_of(name) and len({code_of(word) for word in named}) < 2:
        return name.strip()
    return named[0] if len(named) == 1 and len(name) <= 40 else ""


def role(name: str) -> str:
    """ "source" or "target" if a column's name says so."""
    words = re.split(r"[\W_]+", name.lower())
    return "source" if any(w in SOURCES for w in words) else "target" if any(w in TARGETS for w in words) else ""


def is_header(cells: Sequence[str]) -> bool:
    """Whether a row names columns: each cell a different language, a role, or what columns are called."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    known = [language(cell) or role(cell) or (cell.lower() if cell.lower() in OTHERS else "") for cell in filled]
    codes = [code_of(name) or name for name in known]
    return len(filled) >= 2 and all(known) and len(set(codes)) == len(codes) and max(map(len, filled)) <= 40


def same(one: str, other: str) -> bool:
    """Whether two names are of one language."""
    codes = code_of(one), code_of(other)
    return codes[0] == codes[1] if all(codes) else one.strip().lower() == other.strip().lower()


def kind(cells: Sequence[str]) -> str:
    """What a column holds: "text", "number", "id", "attribution", "constant" or "blank"."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return "blank"
    if all(NUMBER.fullmatch(cell) for cell in filled):
        return "number"
    if len(filled) > 2 and len(set(filled)) == 1 and len(filled[0]) <= 10:
        return "constant"
    if sum(bool(ATTRIBUTION.search(cell)) for cell in filled) > 0.9 * len(filled):
        return "attribution"
    if len(filled) > 2 and all(ID.fullmatch(cell) for cell in filled):
        return "id"
    return "text"
