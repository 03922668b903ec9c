"""What a run is scored on: a part of its own data, any other file of pairs, or plain text files with references."""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmkeras.errors import InputError
from fmkeras.translation.corpora import cache as caches
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import facts, formats, held_out, own, stored, textform
from fmkeras.translation.corpora.monolingual import plain_lines
from fmkeras.translation.inference.parting import OnDoubt
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.settings import Settings

# How files of pairs are read of which nothing is known.
PLAIN: dict[str, Any] = {"columns": "", "encoding": "", "source_column": 1}
# What readers advise to those who choose the languages. Here they are the run's, and no option names them.
_NAMING = re.compile(r"--(?:source|target)(?![\w-])|name the languages")


@dataclasses.dataclass
class EvaluationSet:
    """Sentences to translate, and what they are held against.

    Attributes:
        name: what it is, for people.
        sources: (N,) sentences.
        references: (N,) of each sentence the first reference.
        more: further lists of N references; None where a line has no further one.
        own: whether it is a part of the run's own data, in the corpus' own form, and translated line by line as that
            was trained on; other text is translated as `text` does.
        notes: lines for the user.
        parts: named groups of it to score apart, as indices.
    """

    name: str
    sources: list[str]
    references: list[str]
    more: list[list[str | None]] = dataclasses.field(default_factory=list)
    own: bool = False
    notes: list[str] = dataclasses.field(default_factory=list)
    parts: dict[str, list[int]] = dataclasses.field(default_factory=dict)


def load(
    settings: Settings, run: str, dataset: str | None = None, split: str | None = None, **reading: str | int
) -> EvaluationSet:
    """What `evaluate --dataset` names, for a run with these settings.

    The run's own data are split as they were for training, and one split is taken. That is its file, under whatever
    name and in whatever order, or a file in its place that has been edited. Any other file is taken whole.

    Args:
        settings: of the run.
        run: its name, for messages.
        dataset: a bundled corpus, a file or a folder; None: what the run was trained on.
        split: "train", "validation" or "test", the default.
        reading: `columns`, `encoding`, `source_column` of other data; the run's are of its own.

    Raises:
        InputError: it cannot be had, or is of other languages than the run.
    """
    try:
        test = _load(settings, run, dataset, split, reading)
    except InputError as error:
        raise InputError(for_a_run(str(error))) from None
    return dataclasses.replace(test, notes=[for_a_run(note) for note in test.notes])


def for_a_run(message: str) -> str:
    """What a reader says, without the advice to name languages, which are the run's.

    Example:
        >>> for_a_run("x.csv holds fr and en: name --source and --target so, or --columns")
        'x.csv holds fr and en: name --columns, or choose another --dataset'
    """
    message = re.sub(r"(two of them with|use) --source and --target", r"\1 --columns", message)
    if not _NAMING.search(message):
        return message
    said, _, advice = re.sub(r" \(--(source|target)\)", "", message).rpartition(": ")
    ways = [way for way in advice.removesuffix(", or others").split(", or ") if not _NAMING.search(way)]
    named = [f"name {way}" if way.startswith("--") else way for way in ways]
    return f"{said}: {', or '.join([*named, 'choose another --dataset'])}"


def _load(
    settings: Settings, run: str, dataset: str | None, split: str | None, reading: dict[str, str | int]
) -> EvaluationSet:
    """The same, with what readers say to those who choose the languages."""
    settings = dataclasses.replace(settings, limit=None)
    name, cache = dataset or settings.dataset, caches.place(settings.cache, run)
    other = dataclasses.replace(settings, dataset=name, validation="", test="", **PLAIN | reading)
    files = _files(other)
    own_data = name == settings.dataset or (bool(files) and files == _files(settings))
    own_data = own_data or (bool(files) and _holds_its_pairs(name, settings, cache))
    if files and not own_data and not os.path.isdir(name):
        if split is not None:
            raise InputError(f"{run} was not trained on {name}, which is scored whole: leave --split out")
        return _whole(name, own.read(other, cache))
    if own_data and reading:
        options = ", ".join(f"--{option.replace('_', '-')}" for option in reading)
        raise InputError(f"{run} was trained on {name}, and knows how it is read: leave out {options}")
    corpus = corpora.load(dataclasses.replace(settings, dataset=name) if own_data else other, cache)
    if (corpus.source, corpus.target) != (settings.source, settings.target):
        raise InputError(
            f"{run} translates {settings.source} → {settings.target}, but {corpus.name} is "
            f"{corpus.source} → {corpus.target}: choose another --dataset"
        )
    split = split or "test"
    notes = [note for note in corpus.notes if note.startswith(split)]
    if settings.data_sha256 and corpus.digest != settings.data_sha256:
        notes.append(f"{corpus.name} is not what {run} was trained on, or has been edited since")
    sources, references = (list(side) for side in zip(*corpus.split(split), strict=True))
    parts = corpus.parts if split == "test" else {}
    return EvaluationSet(
        f"{split}: {len(sources):,} pairs of {corpus.name}", sources, references, own=True, notes=notes, parts=parts
    )


def _files(settings: Settings) -> list[str]:
    """The files that data lie in, wherever links lead; none of bundled data."""
    if settings.dataset in corpora.BUNDLED:
        return []
    return sorted(os.path.realpath(path) for path in formats.paths(settings.dataset, own.reading_of(settings)))


def _holds_its_pairs(name: str, settings: Settings, cache: Path) -> bool:
    """Whether a file holds the pairs that a run was trained on, in whatever order, read as they were."""
    try:
        found = own.read(dataclasses.replace(settings, dataset=name, validation="", test=""), cache)
    except InputError:
        return False
    return bool(settings.data_sha256) and facts.digest(found.facts) == settings.data_sha256


def _whole(name: str, data: own.Read) -> EvaluationSet:
    """Every pair of a file."""
    rows, note = facts.keep(data.facts, np.arange(len(data.facts)), drop_duplicates=False)
    if not len(rows):
        raise InputError(f"{name} holds no sentence pairs: {note}")
    sources, references = (list(side) for side in zip(*stored.chosen(data.pairs, rows), strict=True))
    return EvaluationSet(f"all {len(rows):,} pairs of {name}", sources, references, notes=[*data.notes, note])


def load_texts(source: str, references: list[str], encoding: str = "", languages: Sequence[str] = ()) -> EvaluationSet:
    """A plain text file, a sentence a line, and one or more with its translations, line by line.

    A line that has no source, or no reference at all, is left out; that is said.

    Raises:
        InputError: a file cannot be read, or is a table, or they are of unequal length.
    """
    files = [source, *references]
    columns = [plain_lines(Path(file), encoding, languages) for file in files]
    for file, column in zip(files, columns, strict=True):
        if len(column) != len(columns[0]):
            raise InputError(
                f"{source} has {len(columns[0]):,} lines and {file} has {len(column):,}: give one for each"
            )
    sources, found, notes, long = list[str](), list[list[str | None]](), list[str](), 0
    for row in zip(*columns, strict=True):
        text, *others = (line.strip() if textform.visible(line) else "" for line in row)
        given = [other for other in others if other]
        if max(map(len, row)) > facts.LONGEST:
            long += 1
        elif text and given:
            sources.append(text)
            found.append([*given, *[None] * (len(others) - len(given))])
    if long:
        notes.append(f"{len(columns[0]):,} lines read, {long:,} with over {facts.LONGEST:,} characters left out")
    if blank := len(columns[0]) - len(sources) - long:
        notes.append(f"{len(columns[0]):,} lines read, {blank:,} without source or reference left out")
    if not sources:
        raise InputError(f"{source} holds no sentences with references")
    name = f"all {len(sources):,} lines of {source}, {len(references)} reference{'s' * (len(references) > 1)}"
    first, *more = (list(column) for column in zip(*found, strict=True))
    return EvaluationSet(name, sources, [reference or "" for reference in first], more, notes=notes)


def trained_on(run: str | Path, settings: Settings) -> np.ndarray | None:
    """Fingerprints of what a run was trained on: those kept with it, or of its data, if they are still there."""
    kept = held_out.read_fingerprints(run)
    if kept is None and settings.dataset not in corpora.BUNDLED:
        try:
            kept = held_out.fingerprints(corpora.load(settings, caches.place(settings.cache, run)).train)
        except InputError:
            return None
    return kept


def overlap(test: EvaluationSet, known: np.ndarray | None) -> dict[str, int] | None:
    """How many of a test set's sources and (first) references were trained on; None if that is not known."""
    if known is None:
        return None
    sides = {"sources": test.sources, "targets": test.references}
    return {name: held_out.seen(known, sentences, side) for side, (name, sentences) in enumerate(sides.items())}


def score(
    translator: Translator,
    test: EvaluationSet,
    beam: int | None = None,
    tokenize: str | None = None,
    ter: bool = False,
    on_doubt: OnDoubt = None,
) -> tuple[dict, list[str]]:
    """Score a translator on a test set.

    Args:
        translator, test: these.
        beam: as in `Translator.translate`.
        tokenize, ter: of `scoring.scores`.
        on_doubt: as in `Translator.translate`; of text that had to be brought into the corpus' form.

    Returns:
        What report.json holds as `test`, and the translations.
    """
    from fmkeras.translation.inference.scoring import scores

    settings = translator.settings
    if test.own:
        pairs = list(zip(test.sources, test.references, strict=True))
        return translator.score(pairs, test.parts, beam, tokenize=tokenize, ter=ter)
    sources = [textform.apply(text, settings.style, settings.source) for text in test.sources]
    references = [textform.apply(text, settings.style, settings.target) for text in test.references]
    losses = translator.losses(sources, references)
    translations = translator.translate(test.sources, beam, on_doubt)
    result = {"pairs": len(test.sources), "beam": beam or settings.beam} | losses
    result |= scores(translations, test.references, settings.target, tokenize=tokenize, ter=ter, more=test.more)
    return result | {"parts": {}}, translations
