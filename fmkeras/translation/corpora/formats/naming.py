"""What a cell says: the name of a language or of a side, a sentence, a number."""

import re
from collections.abc import Sequence

from fmkeras.translation.corpora.languages import code_of, same

SOURCES = ("source", "src", "original", "input")
TARGETS = ("target", "tgt", "trg", "translation", "translated", "output", "reference")
OTHERS = "id text sentence phrase attribution license score index frase texto line language lang".split()
REGION = re.compile(r"[A-Z]{2}")  # "pt BR"
PROSE = re.compile(r"[.!?…,;。！？।؟](\s|$)|\S\s+\S+\s+\S")  # in a cell that names no column: a stop, three words
ATTRIBUTION = re.compile(r"CC[- ]BY|tatoeba|attribution", re.IGNORECASE)
NUMBER = re.compile(r"[-+\d.,:eE]*\d[-+\d.,:eE%]*")
ID = re.compile(r"\S*(\d|\w[/.:@_\\]+\w)\S*")  # s1, news_a, a.txt, https://example.org/a
FEW = 10  # times that each word of a column stands in it, on average, if it is a label
LONGEST_NAME = 40  # characters of a column's name


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
    return named[0] if len(named) == 1 and len(name) <= LONGEST_NAME else ""


def role(name: str) -> str:
    """ "source" or "target" if a column's name says so."""
    words = re.split(r"[\W_]+", name.lower())
    return "source" if any(w in SOURCES for w in words) else "target" if any(w in TARGETS for w in words) else ""


def named(name: str, asked: Sequence[str]) -> str:
    """The language that a column's name says, though no table knows it, if it is one of those that are asked for."""
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word]
    for one in asked:
        others = [word for word in words if word != one.lower()]
        told = len(others) < len(words) and all(role(word) or word in OTHERS for word in others)
        if not code_of(one) and (told or same(name, one)):
            return one
    return language(name)


def is_header(cells: Sequence[str], asked: Sequence[str] = (), others: Sequence[Sequence[str]] = ()) -> bool:
    """Whether a row names columns: two different languages among them, or all are roles and what columns are called.

    Args:
        cells: of the row.
        asked: names of languages that somebody has named.
        others: the rows that follow. Where these name languages in the same places, a column tells each row's language.
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    literal = {name.strip().lower() for name in asked if name}
    if len(filled) < 2 or (len(literal) == 2 and literal <= {cell.lower() for cell in filled}):
        return len(filled) > 1
    known = [named(cell, asked) or role(cell) or (cell.lower() if cell.lower() in OTHERS else "") for cell in filled]
    codes = [code_of(name) or name for name in known]
    if all(known) and len(set(codes)) == len(codes) and max(map(len, filled)) <= LONGEST_NAME:
        return True
    places = [i for i, cell in enumerate(cells) if cell.strip() and named(cell, asked) and len(cell) <= LONGEST_NAME]
    languages = {code_of(name) or name.lower() for name in (named(cells[i], asked) for i in places)}
    telling = sum(any(len(row) > i and named(row[i], asked) for i in places) for row in others)
    return len(cells) > 2 and len(languages) >= 2 and bool(others) and telling < len(others) / 2


def like_names(cells: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a row looks as if it named the columns, in whatever words: a word in each, where other rows have more."""

    def words(row: Sequence[str]) -> bool:
        return all(re.fullmatch(r"\s*[^\W\d][\w-]*\s*", cell) for cell in row)

    return words(cells) and bool(others) and sum(map(words, others)) < len(others) / FEW


def kind(cells: Sequence[str]) -> str:
    """What a column holds: "text", "number", "id", "attribution", "constant", "label" (few words) or "blank"."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return "blank"
    if all(NUMBER.fullmatch(cell) for cell in filled):
        return "number"
    if len(filled) > 2 and len(set(filled)) == 1 and len(filled[0]) <= 10:
        return "constant"
    if len(set(filled)) <= len(filled) / FEW and not any(re.search(r"\s", cell) for cell in filled):
        return "label"
    if sum(bool(ATTRIBUTION.search(cell)) for cell in filled) > 0.9 * len(filled):
        return "attribution"
    if len(filled) > 2 and all(ID.fullmatch(cell) for cell in filled):
        return "id"
    return "text"
