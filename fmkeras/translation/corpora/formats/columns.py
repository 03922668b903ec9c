"""From columns to pairs: which two of a table's columns are the source and the target."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fmkeras.errors import InputError
from fmkeras.translation.corpora import sides
from fmkeras.translation.corpora.formats.naming import kind, language, named, role
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.languages import same

QUOTE_LEFT_OPEN = re.compile(r'"(?:[^"]|"")*|(?:[^"]|"")*"')  # a cell whose other end stands in another line


class Table(NamedTuple):
    """A file as a table.

    Attributes:
        name: of the file.
        form: what it is, in words: "tab-separated".
        names: of the columns, as the file has them; "" for those without.
        sample: the first rows.
        rows: all rows, the sample's among them, each with where it stands. A row can have fewer cells than there are
            columns.
        declared: whether the names are of languages, even if we know none such: the form says so.
    """

    name: str
    form: str
    names: tuple[str, ...]
    sample: Sequence[Sequence[str]]
    rows: Iterator[tuple[str, Sequence[str]]]
    declared: bool = False


def found(table: Table, reading: Reading) -> Found:
    """The pairs of a table, and what was understood of it.

    Raises:
        InputError: it cannot be said which two columns they are; names what there is.
    """
    first, second, names, decided = _chosen(table, reading)
    left_out = [str(i + 1) for i in range(len(table.names)) if i not in (first, second)]
    note = f"{table.name}: {table.form}, {len(table.names)} columns, source {_title(table, first)}, "
    note += f"target {_title(table, second)}"
    note += f"; left out: {', '.join(left_out)}" * bool(left_out)
    doubt = "" if any(names) else _doubt(table, reading, first, second)
    return Found(_pairs(table, first, second), *names, note, decided, doubt)


def _doubt(table: Table, reading: Reading, first: int, second: int) -> str:
    """What is to be said where neither names nor letters say which column is which; and of keys without sentences."""
    if any(table.sample) and _kind(table, first) == _kind(table, second) == "number":
        return "both hold numbers only: if these are keys, name a file with the sentences, or its --columns"
    roles = role(table.names[first]) and role(table.names[second])
    if roles or not all(reading.asked) or reading.columns or reading.source_column == 2:
        return ""
    pairs = [(row[first], row[second]) for row in table.sample if len(row) > max(first, second)]
    if not pairs or sides.by_letters(pairs, *reading.asked, fewest=1):
        return ""
    return f"by order alone column {first + 1} is {reading.source} ({pairs[0][0]:.30}): if not, --source-column 2"


def _title(table: Table, column: int) -> str:
    return f"{column + 1} ({table.names[column]})" if table.names[column] else str(column + 1)


def _pairs(table: Table, first: int, second: int) -> Iterator[tuple[str, str]]:
    count = len(table.names)
    for place, cells in table.rows:
        if len(cells) <= max(first, second) or any(cell.strip() for cell in cells[count:]):
            if len(cells) <= 1 and not "".join(cells).strip():
                continue  # a blank line
            if any(QUOTE_LEFT_OPEN.fullmatch(cell) for cell in (cells[0], cells[-1])):
                raise InputError(
                    f"{place}: a cell in quotes goes on in another line: save the file as CSV, with commas"
                )
            if count == 2:
                is_csv = table.form.startswith("CSV")
                told = ": one with a comma needs quotes around it" if is_csv else " with one tab between"
                raise InputError(f"{place}: {len(cells)} columns, not two sentences{told}")
            raise InputError(f"{place}: {len(cells)} columns, where the first lines have {count}")
        yield cells[first], cells[second]


def _chosen(table: Table, reading: Reading) -> tuple[int, int, tuple[str, str], int]:
    """The places of source and target, their languages, and what decided: see `Found.decided`."""
    if reading.columns:
        first, second = (_numbered(table, column.strip()) for column in reading.columns.split(","))
        return first, second, _told(table, reading, first, second), 0
    languages = _languages(table, reading)
    if len(languages) > 2:
        first, second = _of_many(table, reading, languages)
    elif len(languages) == 2:
        first, second = languages
    else:
        first, second = _by_role_or_content(table, reading, languages)
    names = _told(table, reading, first, second)
    decided = order(names, reading)
    if decided < 0:
        raise InputError(
            f"{table.name} holds {' and '.join(filter(None, names))}, and {_strange(names, reading)} is none of these: "
            "name --source and --target so, or --columns"
        )
    if decided == 2 or (not decided and reading.source_column == 2):
        return second, first, names[::-1], decided
    return first, second, names, decided


def _languages(table: Table, reading: Reading) -> dict[int, str]:
    """The columns whose names say a language, and which. Those of numbers and of keys are none: a score, an id."""
    languages = {i: _language(table, i, reading.asked) for i in range(len(table.names)) if not _key(table, i)}
    return {i: name for i, name in languages.items() if name and (table.declared or _kind(table, i) != "number")}


def _key(table: Table, column: int) -> bool:
    """Whether a column called id holds no Indonesian, but what tells rows apart: single words."""
    cells = [row[column].strip() for row in table.sample if len(row) > column]
    return len(table.names) > 2 and table.names[column].lower() == "id" and not any(" " in cell for cell in cells)


def _language(table: Table, column: int, asked: Sequence[str]) -> str:
    name = table.names[column]
    return (name if not role(name) and name != "*all*" else "") if table.declared else named(name, asked)


def _kind(table: Table, column: int) -> str:
    return kind([row[column] for row in table.sample if len(row) > column])


def _of_many(table: Table, reading: Reading, languages: dict[int, str]) -> tuple[int, int]:
    """The columns of the two languages that are asked for, in the file's order."""
    listed = ", ".join(languages.values())
    if not (reading.asked[0] and reading.asked[1]):
        raise InputError(f"{table.name} holds {listed}: name two of them with --source and --target")
    places = []
    for name in reading.asked:
        of_this = [i for i, found in languages.items() if same(found, name)]
        literal = name.strip().lower().replace("_", "-")  # pt-PT, where there is a pt-BR
        exactly = [i for i in of_this if languages[i].lower().replace("_", "-") == literal]
        of_this = exactly if len(exactly) == 1 else of_this
        if len(of_this) != 1:
            raise InputError(
                f"{table.name} holds {listed}, and {name} is {'several' if of_this else 'none'} of these: "
                "name --source and --target so, or --columns"
            )
        places += of_this
    return min(places), max(places)


def _by_role_or_content(table: Table, reading: Reading, languages: dict[int, str]) -> tuple[int, int]:
    """The columns of source and target by what they are called, or of text by what they hold, in the file's order."""
    count = len(table.names)
    text = [i for i in range(count) if _kind(table, i) == "text" and not _key(table, i)]
    sentences = [i for i in text if not _tells_language(table, i)]
    roles = [_of_role(table, wanted, sentences) for wanted in ("source", "target")]
    if roles[0] is not None and roles[1] is not None:
        return roles[0], roles[1]
    for column in languages:  # one, and another of text
        others = [i for i in (range(count) if count == 2 else sentences) if i != column]
        if len(others) == 1:
            return min(column, *others), max(column, *others)
    if not any(table.names) and count == 3 and text == [0, 1, 2]:
        return 0, 1  # as in Anki's files: sentence, translation, a remark
    if count == 2 or (len(text) == 2 and not any(table.names)):
        return (text[0], text[1]) if len(text) == 2 else (0, 1)
    raise InputError(
        f"{table.name}: {count} columns, of which it cannot be said which two are the sentences "
        f"({_shown(table)}): name them with --columns, such as --columns 2,4"
    )


def _of_role(table: Table, wanted: str, sentences: Sequence[int]) -> int | None:
    """The first column that is called a source, or a target, and of several one that holds sentences."""
    called = [i for i, name in enumerate(table.names) if role(name) == wanted]
    return next((i for i in called if i in sentences), called[0] if called else None)


def _tells_language(table: Table, column: int) -> bool:
    """Whether a column holds the name of a language in each row: "src_lang"."""
    cells = {row[column].strip() for row in table.sample if len(row) > column} - {""}
    return bool(cells) and all(language(cell) for cell in cells)


def order(names: Sequence[str], reading: Reading) -> int:
    """Which of two columns is the source by the languages that they hold and those that are asked for.

    Args:
        names: of the languages of both columns; "" where that is not known.

    Returns:
        1 or 2; 0 if both could be; -1 if neither can.
    """
    source, target = reading.asked

    def may_be(name: str, asked: str, other: str) -> bool:
        return not name or (same(name, asked) if asked else not (other and same(name, other)))

    straight = may_be(names[0], source, target) and may_be(names[1], target, source)
    turned = may_be(names[1], source, target) and may_be(names[0], target, source)
    if straight and turned and source and target:  # of two forms of one language, "pt-PT" and "pt-BR"
        literal = [name.strip().lower() for name in (*names, source, target)]
        straight, turned = straight and literal[:2] != literal[:1:-1], turned and literal[:2] != literal[2:]
    if straight and turned:
        return 0
    return 1 if straight else 2 if turned else -1


def _strange(names: Sequence[str], reading: Reading) -> str:
    """The language asked for that is none of these, or both."""
    strange = [one for one in reading.asked if one and not any(same(one, name) for name in names)]
    return " and ".join(strange[:1] if all(names) else strange) or reading.asked[0]


def _numbered(table: Table, column: str) -> int:
    """The place of a column that is named by its number, from 1, or by its name."""
    if column.isdecimal() and 1 <= int(column) <= len(table.names):
        return int(column) - 1
    if column in table.names:
        return table.names.index(column)
    raise InputError(f"{table.name} has no column {column} (--columns): it has {len(table.names)}, {_shown(table)}")


def _shown(table: Table) -> str:
    """The names of the columns, or what the first row holds."""
    cells = table.names if any(table.names) else (table.sample[0] if table.sample else ())
    return " | ".join(f"{cell:.30}" for cell in cells)


def _told(table: Table, reading: Reading, first: int, second: int) -> tuple[str, str]:
    """The languages of two columns: by their names, or by two columns that name a language in every row (OPUS)."""
    names = _language(table, first, reading.asked), _language(table, second, reading.asked)
    columns = [{row[i] for row in table.sample if len(row) > i} for i in range(len(table.names))]
    constant = {i: language(next(iter(cells))) for i, cells in enumerate(columns) if len(cells) == 1}
    constant = {i: name for i, name in constant.items() if name and i not in (first, second)}
    if any(names) or len(constant) != 2 or len(table.sample) < 3:
        return names
    roles = {role(table.names[i]): name for i, name in constant.items()}
    if set(roles) == {"source", "target"} == {role(table.names[first]), role(table.names[second])}:
        return roles[role(table.names[first])], roles[role(table.names[second])]
    one, other = constant.values()
    return (one, other) if first < second else (other, one)
