"""Sentence pairs and their splits: TED, the bundled phrasebook, or a user's own file or folder.

The one place that knows which languages there are; everything after it sees a source and a target.
"""

import dataclasses
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmkeras.errors import InputError
from fmkeras.translation.corpora import accents, facts, formats, own, stored, ted, textform
from fmkeras.translation.corpora.facts import Pair
from fmkeras.translation.corpora.held_out import SPLITS
from fmkeras.translation.corpora.languages import same
from fmkeras.translation.corpora.own import Read
from fmkeras.translation.corpora.sentence_splitting import STOPS, split_sentences
from fmkeras.translation.corpora.stored import Pairs
from fmkeras.translation.settings import Settings

SAMPLE = 2_000  # lines at most by which it is told what lines look like
READ = 30_000  # lines at most by which it is told which words there are
MOST, FEW = 0.95, 0.01  # shares of them


@dataclasses.dataclass
class Corpus:
    """Sentence pairs, source first, and what is known of them.

    Attributes:
        name: "ted", "phrasebook" or the path.
        train, validation, test: the pairs; very many to train on are on the disk.
        source, target: names of the languages.
        style: the text form, see `textform.apply`.
        held_out: share of the sources of a file in validation, and in test; 0 where splits are not made by hashes.
        digest: of all pairs read, see `facts.digest`.
        notes: lines for the user: where it came from, what was read, dropped and kept.
        parts: of the test pairs, named groups to score apart: name -> indices.
    """

    name: str
    train: Pairs
    validation: list[Pair]
    test: list[Pair]
    source: str
    target: str
    style: str = "plain"
    held_out: float = 0.0
    digest: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)
    parts: dict[str, list[int]] = dataclasses.field(default_factory=dict)

    def split(self, name: str) -> Pairs:
        """The pairs of "train", "validation" or "test"."""
        return getattr(self, name)


Rows = Sequence[tuple[str, str]] | Sequence[Mapping[str, str]]
Data = str | os.PathLike | Corpus | Rows | Mapping[str, Rows]
BUNDLED = ("auto", "ted", "phrasebook")  # corpora that a name stands for
GIVEN = "a list of pairs"  # the name of a corpus that was given as lists


def name_of(data: Data) -> str:
    """What `Settings.dataset` calls the data that somebody gives: its name or path, or `GIVEN` for lists of pairs.

    Of two files (Moses' form) it is both, with a comma between.
    """
    if isinstance(data, Corpus):
        return data.name
    if isinstance(data, list | tuple) and len(data) == 2 and all(isinstance(part, str | os.PathLike) for part in data):
        return ",".join(map(os.fspath, data))
    return os.fspath(data) if isinstance(data, str | os.PathLike) else GIVEN


def of(data: Data, settings: Settings, cache: Path | None = None) -> Corpus:
    """The corpus that is given, or named: see `fmkeras.train_translator`.

    Raises:
        InputError: what is named cannot be had or read, what is given are no pairs, or too few are left.
    """
    if isinstance(data, Corpus):
        pairs = [pair for split in SPLITS for pair in data.split(split)]
        digest = facts.digest(facts.examine(pairs)[1])  # it may have been changed since it was read
        return dataclasses.replace(data, train=data.train[: settings.limit], digest=digest)
    if isinstance(data, str | os.PathLike) or name_of(data) != GIVEN:
        return load(settings, cache)
    if isinstance(data, Mapping):
        if set(data) != set(SPLITS):
            raise InputError(f"the data have the parts {', '.join(map(str, data)):.80}: give {', '.join(SPLITS)}")
        parts = {split: data[split] for split in SPLITS}
    else:
        parts = {own.UNSPLIT: data}
    return _corpus(GIVEN, _given(parts, settings), settings)


def _given(parts: Mapping[str, Any], settings: Settings) -> Read:
    """Pairs from Python, if they are such, or records with a text for each language.

    Raises:
        InputError: they are neither, or of other languages than those asked for.
    """
    pairs, source, target = dict[str, Sequence[Pair]](), "", ""
    reading = dataclasses.replace(own.reading_of(settings), columns="", source_column=1)
    for part, given in parts.items():
        if isinstance(given, str | bytes | Mapping) or not hasattr(given, "__iter__"):
            raise InputError(f"{part or 'the data'}: {given!r:.60} is no list of pairs: give (source, target) of each")
        rows = list(given)
        if not any(isinstance(row, Mapping) for row in rows):
            pairs[part] = _checked(rows)
            continue
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise InputError(f"pair {number} is {row!r:.80}: give all by name, as the others, or none")
        name = part or "the data"
        found = formats.read_rows(name, rows, reading).agreed(name, reading)
        source, target = source or found.source, target or found.target
        reading = dataclasses.replace(reading, source=reading.source or source, target=reading.target or target)
        pairs[part] = list(found.pairs)
    return dataclasses.replace(Read.of(pairs), source=source, target=target)


def _checked(rows: list) -> list[Pair]:
    """Pairs, each of two strings."""
    for number, row in enumerate(rows):
        ordered = hasattr(row, "__getitem__") and hasattr(row, "__len__") and not isinstance(row, str | bytes)
        if not ordered or len(row) != 2 or not all(isinstance(side, str) for side in row):
            raise InputError(f"pair {number} is {' '.join(repr(row).split()):.80}: give (source, target), both strings")
    return [(source, target) for source, target in rows]


def load(settings: Settings, cache: Path | None = None) -> Corpus:
    """Read the corpus that `settings.dataset` names, in the direction that `settings.source_column` says.

    "auto" is TED if it is on disk or can be fetched, else the phrasebook.

    Args:
        cache: where large files are kept as they were read; None: all is held in memory.

    Raises:
        InputError: it cannot be had or read, or too little of it is left.
    """
    name, notes = settings.dataset, []
    parts: dict[str, list[int]] = {}
    if name not in BUNDLED:
        return _corpus(name, own.read(settings, cache), settings)
    if name in ("auto", "ted"):
        try:
            splits, name, style = ted.load(), "ted", "ted"
        except InputError as error:
            if name == "ted":
                raise
            notes.append(f"the bundled phrasebook, not TED: {error}")
            name = "phrasebook"
    languages = ("pt", "en") if settings.source_column == 1 else ("en", "pt")
    if name == "phrasebook":
        splits, parts, style = *_phrasebook(), "plain"
    if settings.source_column == 2:
        splits = {split: [(target, source) for source, target in pairs] for split, pairs in splits.items()}
    data = dataclasses.replace(Read.of(splits), source=languages[0], target=languages[1], style=style, notes=notes)
    data.repeats = name == "phrasebook"  # what people say first stands in it several times
    return dataclasses.replace(_corpus(name, data, settings), parts=parts)


def _corpus(name: str, data: Read, settings: Settings) -> Corpus:
    """What of the data is used, in the languages that are asked for, or that the data name, or none in particular.

    Raises:
        InputError: nothing is left of a split.
    """
    bundled = name in BUNDLED
    source, target = data.source or "source", data.target or "target"
    if not bundled:
        source, target = settings.source or source, settings.target or target
    data = dataclasses.replace(data, source=source, target=target)
    choice = own.choose(data, settings, bundled)
    train, validation, test = (stored.chosen(data.pairs, choice.rows[split]) for split in SPLITS)
    return Corpus(
        *(name, train, list(validation), list(test), data.source, data.target),
        style=data.style or settings.style,
        held_out=choice.held_out,
        digest=choice.digest,
        notes=[*data.notes, *choice.notes],
    )


def settle(settings: Settings, corpus: Corpus, chosen: Mapping[str, Any] | None = None) -> None:
    """Note in the settings of a training what its data decide.

    Args:
        chosen: what the user has named.

    Raises:
        InputError: another text form or language than the corpus has is named, or another part where it has its own.
    """
    chosen = chosen or {}
    if corpus.name in BUNDLED:
        for name, language in (("source", corpus.source), ("target", corpus.target)):
            if not same(language, chosen.get(name) or language):
                raise InputError(f"--{name} {chosen[name]}: {corpus.name} is {corpus.source} → {corpus.target}")
    if corpus.name in (*BUNDLED, GIVEN):
        for name in ("validation", "test", "columns", "encoding", *["held_out"] * (corpus.name != GIVEN)):
            if chosen.get(name):
                option = f"--{name.replace('_', '-')} {chosen[name]}"
                raise InputError(f"{option}: it is for files, and {corpus.name} is none: name a file as --dataset")
    if corpus.name == GIVEN and chosen.get("source_column", 1) != 1:
        raise InputError("source_column=2 is for files: turn the pairs round")
    if chosen and chosen.get("style", corpus.style) != corpus.style:
        raise InputError(f"--style {chosen['style']}: {corpus.name} has the form {corpus.style}: leave the option out")
    settings.dataset, settings.style = corpus.name, corpus.style
    settings.source, settings.target = corpus.source, corpus.target
    settings.held_out, settings.data_sha256 = corpus.held_out, corpus.digest
    sources = _sources(corpus, SAMPLE)
    settings.sentences_per_line = sentences_per_line(sources, corpus.style, corpus.source)
    settings.end_marks, settings.capitals = end_marks(sources), capitals(sources)
    settings.accented, settings.homographs = accents.accented(_sources(corpus, READ), corpus.source)


def _sources(corpus: Corpus, most: int) -> list[str]:
    """Sources of training pairs, from all over them: as many as `most`, and less than twice as many."""
    return [source for source, _ in corpus.train[:: max(1, len(corpus.train) // most)]]


def end_marks(lines: Sequence[str]) -> str:
    """The marks with which lines end, the most frequent first, if `MOST` of them end with one; else "".

    A space stands for none, where a few lines have none.
    """
    last = Counter(line[-1:] for line in lines)
    marks = "".join(mark for mark, count in last.most_common() if mark and mark in STOPS and count >= FEW * len(lines))
    marked = sum(last[mark] for mark in marks)
    return (marks + " " * (len(lines) - marked >= FEW * len(lines))) * (marked >= MOST * len(lines) > 0)


def capitals(lines: Sequence[str]) -> bool:
    """Whether `MOST` of the lines that begin with a letter begin with a capital one."""
    first = (next((c for c in line if c.isalnum()), "") for line in lines)
    letters = [c for c in first if c.isalpha()]
    return sum(c.isupper() for c in letters) >= MOST * len(letters) > 0


def sentences_per_line(lines: list[str], style: str, language: str) -> int:
    """How many sentences the lines hold, all but the longest 5 %: a model that learns from them is used to as many.

    Counted in ordinary text: TED's lower-case tokens hide where a sentence begins.
    """
    counts = sorted(len(split_sentences(textform.undo(line, style, language), language)) for line in lines)
    return max(1, counts[math.ceil(0.95 * len(counts)) - 1]) if counts else 1


def drop_unusable(pairs: Pairs, drop_duplicates: bool = True) -> tuple[Pairs, str]:
    """Pairs without those that are of no use, or there already; and how many there were: see `facts.keep`."""
    kept, known = facts.examine(pairs)
    rows, note = facts.keep(known, np.arange(len(kept)), drop_duplicates)
    return stored.chosen(kept, rows), note


def _phrasebook() -> tuple[dict[str, list[Pair]], dict[str, list[int]]]:
    from fmkeras.translation.corpora import phrasebook

    table = phrasebook.load()
    rows = {split: table[table["split"] == split] for split in SPLITS}
    parts = rows["test"]["part"].reset_index(drop=True)
    groups = {str(part): parts.index[parts == part].tolist() for part in parts.unique()}  # the written ones first
    return {split: list(zip(part["pt"], part["en"], strict=True)) for split, part in rows.items()}, groups
