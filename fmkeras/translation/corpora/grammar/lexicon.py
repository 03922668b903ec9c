"""The phrasebook's words: reads and checks the CSV files of `data/phrasebook/` and inflects what they list.

`data/phrasebook/README.md` describes every column for those who edit the files. A mistake in them is an InputError that
names file, line and column.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from fmkeras.errors import InputError
from fmkeras.translation.corpora.grammar import english, portuguese
from fmkeras.translation.corpora.grammar.words import Adjective, Noun, Phrase, Verb, Word

NOUN_COLUMNS = ("pt", "gender", "pt_plural", "pt_feminine", "en", "en_plural", "class", "kind", "en_place")
VERB_COLUMNS = ("pt", "en", "class", "object", "en_past", "en_participle", "en_ing")
IRREGULAR_COLUMNS = ("lemma", "tense", "eu", "tu", "ele", "nós", "eles")
ADJECTIVE_COLUMNS = (
    "pt",
    "pt_feminine",
    "pt_plural",
    "pt_comparative",
    "en",
    "en_comparative",
    "copula",
    "place",
    "for",
)
PHRASE_COLUMNS = ("class", "pt", "en")
RARE = "rare"  # the folder of further words, which are dealt less often
KINDS = ("count", "mass", "plural", "name", "named")
PLACES = ("in", "at", "on")
ADJECTIVE_CLASSES = ("anger", "colours")  # classes of adjectives alone: "got angry about the news"


@dataclass(frozen=True)
class Row:
    """One line of a CSV file, which knows where it stands so that an error can say so."""

    file: str
    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def fail(self, column: str, problem: str) -> NoReturn:
        """Raise the InputError that names file, line and column."""
        raise InputError(f"{self.file}, line {self.line}, column {column}: {problem}")

    def require(self, *columns: str) -> None:
        """Fail unless each of these cells is filled."""
        for column in columns:
            if not self[column]:
                self.fail(column, "is empty: fill it in")

    def choose(self, column: str, choices: tuple[str, ...], default: str = "") -> str:
        """The cell, which must be one of `choices`; an empty one means `default`."""
        value = self[column] or default
        if value not in choices:
            self.fail(column, f"{value!r} is not one of {', '.join(c or '(empty)' for c in choices)}")
        return value


@dataclass(frozen=True)
class Lexicon:
    """All words, in the order of their files: the common ones, then those of `RARE`."""

    nouns: tuple[Noun, ...]
    verbs: tuple[Verb, ...]
    adjectives: tuple[Adjective, ...]
    phrases: tuple[Phrase, ...]
    rare: frozenset[Word] = frozenset()  # those of `RARE`

    @property
    def words(self) -> tuple:
        """All entries, of every part of speech."""
        return (*self.nouns, *self.verbs, *self.adjectives, *self.phrases)


def rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """The lines of a CSV file as Rows, its header and the number of its cells checked.

    In a .tsv file tabs separate the cells, and quotes are text.

    Raises:
        InputError: the file is missing or not UTF-8, or its columns are not `columns`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}): restore data/phrasebook/") from None
    has_tabs = path.suffix == ".tsv"
    form: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if has_tabs else {}
    reader = csv.reader(text.splitlines(), **form)
    header = tuple(next(reader, ()))
    if header != columns:
        raise InputError(f"{path}, line 1: the columns must be {(chr(9) if has_tabs else ',').join(columns)}")
    for cells in reader:
        if not any(cells):
            continue
        row = Row(str(path), reader.line_num, dict(zip(columns, (c.strip() for c in cells), strict=False)))
        if len(cells) != len(columns):
            column = columns[min(len(cells), len(columns) - 1)]
            way_out = "one tab between two cells" if has_tabs else "put text with a comma in double quotes"
            row.fail(column, f"{len(cells)} cells, not {len(columns)}: {way_out}")
        yield row


def read(folder: Path) -> Lexicon:
    """Read nouns.csv, verbs.csv, irregular_verbs.csv, adjectives.csv and phrases.csv, here and in the folder `RARE`.

    Raises:
        InputError: a row is wrong; the message names file, line and column.
    """
    irregular = _read_irregular(folder / "irregular_verbs.csv")
    nouns, rare_nouns = _words(folder, "nouns.csv", NOUN_COLUMNS, _noun)
    groups = {group for noun in (*nouns, *rare_nouns) for group in noun.groups}
    verbs, rare_verbs = _words(folder, "verbs.csv", VERB_COLUMNS, lambda row: _verb(row, irregular, groups))
    adjectives, rare_adjectives = _words(
        folder, "adjectives.csv", ADJECTIVE_COLUMNS, lambda row: _adjective(row, groups)
    )
    phrases, rare_phrases = _words(folder, "phrases.csv", PHRASE_COLUMNS, _phrase)
    rare: tuple[Word, ...] = (*rare_nouns, *rare_verbs, *rare_adjectives, *rare_phrases)
    return Lexicon(
        *(nouns + rare_nouns, verbs + rare_verbs, adjectives + rare_adjectives, phrases + rare_phrases),
        rare=frozenset(rare),
    )


def _words(folder: Path, name: str, columns: tuple[str, ...], make: Callable[[Row], Word]) -> tuple[tuple, tuple]:
    """One word for each row of a file, and of its like in `RARE`, if there is one; none may come twice."""
    words: dict[str, Word] = {}
    common = 0
    for path in (folder / name, folder / RARE / name):
        if common and not path.exists():
            break
        for row in rows(path, columns):
            word = make(row)
            if word.key in words:
                row.fail("pt", f"{row['pt']!r} stands above already with this meaning: delete one of the two lines")
            words[word.key] = word
        common = common or len(words)
    found = tuple(words.values())
    return found[:common], found[common:]


def _noun(row: Row) -> Noun:
    row.require("pt", "en", "class")
    is_feminine = row.choose("gender", ("m", "f")) == "f"
    kind = row.choose("kind", KINDS, "count")
    if row["pt_feminine"] and is_feminine:
        row.fail("pt_feminine", "only a masculine noun has a feminine form: set gender to m")
    pt, en, feminine = row["pt"], row["en"], None
    if kind == "plural":
        pt_forms, en_forms = (pt, pt), (en, en)
    else:
        pt_forms = pt, row["pt_plural"] or portuguese.plural(pt)
        en_forms = en, row["en_plural"] or english.plural(en)
    if row["pt_feminine"]:
        feminine = row["pt_feminine"], portuguese.plural(row["pt_feminine"])
    place = row.choose("en_place", PLACES, "in")
    return Noun(f"{pt}/{en}", is_feminine, pt_forms, feminine, en_forms, tuple(row["class"].split("|")), kind, place)


def _read_irregular(path: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """lemma -> tense -> forms. A participle stands in the column "eu" alone."""
    irregular: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in rows(path, IRREGULAR_COLUMNS):
        row.require("lemma", "eu")
        tense = row.choose("tense", (*portuguese.SIMPLE, "participle"))
        if tense != "participle":
            row.require(*IRREGULAR_COLUMNS[2:])
        irregular.setdefault(row["lemma"], {})[tense] = tuple(row[c] for c in IRREGULAR_COLUMNS[2:])
    return irregular


def _verb(row: Row, irregular: dict, groups: set[str]) -> Verb:
    row.require("pt", "en", "class")
    head, _, tail = row["pt"].partition(" ")
    lemma = head.removesuffix("-se")
    if lemma[-2:] not in ("ar", "er", "ir", "ôr"):
        row.fail("pt", f"{head!r} is no infinitive (-ar, -er, -ir, pôr), with or without -se")
    for group in row["object"].split(" ")[0].split("|"):
        if group and group not in groups:
            row.fail("object", f"{group!r} is no class of nouns.csv")
    en_head, _, en_tail = row["en"].partition(" ")
    forms = {name: row[f"en_{name}"] for name in ("past", "participle", "ing")}
    return Verb(
        *(f"{row['class']}:{row['pt']}/{row['en']}", lemma, head != lemma, tail, irregular.get(lemma, {})),
        *(en_head, en_tail, forms, tuple(row["class"].split("|")), row["object"]),
    )


def _adjective(row: Row, groups: set[str]) -> Adjective:
    row.require("pt", "en", "for")
    pt = row["pt"]
    feminine = row["pt_feminine"] or portuguese.feminine(pt)
    forms = pt, feminine, row["pt_plural"] or portuguese.plural(pt), portuguese.plural(feminine)
    comparative = None
    if row["pt_comparative"]:
        word = row["pt_comparative"]
        comparative = word, word, portuguese.plural(word), portuguese.plural(word)
    goes_with = tuple(row["for"].split("|"))
    for group in goes_with:
        if group not in groups and group not in ADJECTIVE_CLASSES:
            row.fail("for", f"{group!r} is no class of nouns.csv")
    copula, place = row.choose("copula", ("ser", "estar", "state", "none")), row.choose("place", ("", "before"))
    return Adjective(
        *(
            f"{pt}/{row['en']}",
            forms,
            comparative,
            row["en"],
            row["en_comparative"],
            copula,
            place == "before",
            goes_with,
        ),
    )


def _phrase(row: Row) -> Phrase:
    row.require("class", "pt", "en")
    return Phrase(f"{row['class']}:{row['pt']}", tuple(row["class"].split("|")), row["pt"], row["en"])
