"""Sentence pairs and their splits: TED, the bundled phrasebook, or a user's own file or folder.

The one place that knows which languages there are; everything after it sees a source and a target.
"""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from fmkeras.errors import InputError
from fmkeras.translation.corpora import cleaning, formats, held_out, ted, textform, tfds
from fmkeras.translation.corpora.held_out import SPLITS, Pairs
from fmkeras.translation.corpora.sentence_splitting import split_sentences
from fmkeras.translation.settings import Settings

LONGEST = 2_000  # characters of a side: more is no sentence, and attention to it would fill the memory
SAMPLE = 2_000  # lines at most whose sentences are counted


@dataclasses.dataclass
class Corpus:
    """Sentence pairs, source first, and what is known of them.

    Attributes:
        name: "ted", "phrasebook" or the path.
        train, validation, test: the pairs.
        source, target: names of the languages.
        style: the text form, see `textform.apply`.
        held_out: share of the sources of a file in validation, and in test; 0 where splits are not made by hashes.
        digest: of all pairs read, see `held_out.digest`.
        notes: lines for the user: where it came from, what was read, dropped and kept.
        parts: of the test pairs, named groups to score apart: name -> indices.
    """

    name: str
    train: Pairs
    validation: Pairs
    test: Pairs
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


Data = str | os.PathLike | Corpus | Sequence[tuple[str, str]] | Mapping[str, Sequence[tuple[str, str]]]
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


def of(data: Data, settings: Settings) -> Corpus:
    """The corpus that is given, or named: see `fmkeras.train_translator`.

    Raises:
        InputError: what is named cannot be had or read, what is given are no pairs, or too few are left.
    """
    if isinstance(data, str | os.PathLike) or name_of(data) != GIVEN:
        return load(settings)
    if isinstance(data, Corpus):
        return dataclasses.replace(data, train=data.train[: settings.limit])
    if isinstance(data, Mapping):
        if set(data) != set(SPLITS):
            raise InputError(f"the data have the parts {', '.join(map(str, data))}: give {', '.join(SPLITS)}")
        splits, share = {split: _given(data[split]) for split in SPLITS}, 0.0
    else:
        splits, share = held_out.split_pairs(_given(data), settings.held_out)
    languages = settings.source or "source", settings.target or "target"
    return _cleaned(_corpus(GIVEN, splits, languages, settings.style, share), settings)


def _given(pairs: Sequence[tuple[str, str]]) -> Pairs:
    """Pairs from Python, if they are such."""
    pairs = list(pairs)
    for number, pair in enumerate(pairs):
        if isinstance(pair, str) or len(pair) != 2 or not all(isinstance(side, str) for side in pair):
            raise InputError(f"pair {number} is {pair!r:.80}: give (source, target), both strings")
    return [(source, target) for source, target in pairs]


def load(settings: Settings) -> Corpus:
    """Read the corpus that `settings.dataset` names, in the direction that `settings.source_column` says.

    "auto" is TED if it is on disk or can be fetched, else the phrasebook.

    Raises:
        InputError: it cannot be had or read, or too little of it is left.
    """
    name, notes = settings.dataset, []
    parts: dict[str, list[int]] = {}
    if name in ("auto", "ted"):
        try:
            splits, name, style = ted.load(), "ted", "ted"
        except InputError as error:
            if name == "ted":
                raise
            notes.append(f"the bundled phrasebook, not TED: {error}")
            name = "phrasebook"
    languages = ("pt", "en") if settings.source_column == 1 else ("en", "pt")
    if name not in BUNDLED:
        return _cleaned(_of_files(settings), settings)
    if name == "phrasebook":
        splits, parts, style = *_phrasebook(), "plain"
    if settings.source_column == 2 and name in ("ted", "phrasebook"):
        splits = {split: [(target, source) for source, target in pairs] for split, pairs in splits.items()}
    corpus = _corpus(name, splits, languages, style)
    corpus.notes, corpus.parts = notes, parts
    return _cleaned(corpus, settings)


def reading_of(settings: Settings) -> formats.Reading:
    """How the files of a run are read."""
    names = ("columns", "encoding", "source", "target", "source_column")
    return formats.Reading(**{name: getattr(settings, name) for name in names})


def _of_files(settings: Settings) -> Corpus:
    """The pairs of a file, which is split, or of a folder of splits; --validation and --test take their place."""
    name, reading, style = settings.dataset, reading_of(settings), settings.style
    splits, share = dict[str, Pairs](), 0.0
    if name.startswith(tfds.PREFIX):
        splits, languages, style = tfds.load(name, reading)
        first = formats.Found(iter(()), *languages, f"{name}: {', '.join(splits)} of TensorFlow Datasets")
        if len(splits) < len(SPLITS):
            parts, share = held_out.split_pairs(splits["train"], settings.held_out)
            splits = parts | {split: splits[split] for split in splits if split != "train"}
    elif os.path.isdir(name):
        found = formats.read_splits(Path(name), reading)
        splits = {split: list(part.pairs) for split, part in found.items()}
        first = found["train"]
    else:
        first = formats.read(name, reading)
        pairs = list(first.pairs)
        if not pairs:
            raise InputError(f"{name} holds no sentence pairs")
        if settings.validation and settings.test:
            splits = {"train": pairs}
        elif settings.held_out == 0 and not settings.validation and not settings.test:  # a run of version 0.1
            splits = held_out.split_at_random(pairs)
        else:
            splits, share = held_out.split_pairs(pairs, settings.held_out)
    notes = [first.note]
    own = dataclasses.replace(reading, source=settings.source or first.source, target=settings.target or first.target)
    for split in SPLITS[1:]:
        if file := getattr(settings, split):
            part = formats.read(file, own)
            splits["train"] = splits["train"] + splits.get(split, [])
            splits[split] = list(part.pairs)
            notes.append(f"{split}: {part.note}")
    corpus = _corpus(name, splits, _languages(settings, first), style, share)
    corpus.notes = notes
    return corpus


def _languages(settings: Settings, found: formats.Found) -> tuple[str, str]:
    """What is asked for, or what the file says, or nothing in particular."""
    return settings.source or found.source or "source", settings.target or found.target or "target"


def _corpus(name: str, splits: dict[str, Pairs], languages: tuple[str, str], style: str, share: float = 0.0) -> Corpus:
    train, validation, test = (splits[split] for split in SPLITS)
    return Corpus(name, train, validation, test, *languages, style=style, held_out=share)


def _cleaned(corpus: Corpus, settings: Settings) -> Corpus:
    """The corpus without the pairs that teach nothing, with its digest; its notes say what was dropped.

    Raises:
        InputError: nothing is left of a split.
    """
    digest = held_out.digest([pair for split in SPLITS for pair in corpus.split(split)])
    corpus, notes = dataclasses.replace(corpus, digest=digest), corpus.notes
    for split in SPLITS:
        # What is tested on is left as it is, so that scores mean the same everywhere.
        kept, note = drop_unusable(corpus.split(split), drop_duplicates=split == "train")
        setattr(corpus, split, kept)
        notes.append(f"{split}: {note}")
    if settings.clean:
        cleaner = cleaning.Cleaner(corpus.source, corpus.target)
        corpus.train = list(cleaner.clean(corpus.train))
        notes += cleaner.notes()
    elif corpus.name not in BUNDLED and (line := cleaning.recommended(corpus.train, corpus.source, corpus.target)):
        notes.append(line)
    if settings.limit is not None:
        corpus.train = corpus.train[: settings.limit]
        notes.append(f"train: limited to {len(corpus.train):,} pairs")
    for split in SPLITS:
        if not corpus.split(split):
            raise InputError(
                f"{settings.dataset} has no sentence pairs for {split}: give it more, or another --dataset"
            )
    for side, sides in enumerate(("sources", "targets")):
        known = {" ".join(pair[side].split()) for pair in corpus.train}
        for split in SPLITS[1:]:
            if seen := sum(" ".join(pair[side].split()) in known for pair in corpus.split(split)):
                notes.append(f"{split}: {seen:,} of {len(corpus.split(split)):,} {sides} are in train, too")
    return corpus


def settle(settings: Settings, corpus: Corpus) -> None:
    """Note in the settings of a training what its data decide."""
    settings.dataset, settings.style = corpus.name, corpus.style
    settings.source, settings.target = corpus.source, corpus.target
    settings.held_out, settings.data_sha256 = corpus.held_out, corpus.digest
    settings.sentences_per_line = sentences_per_line(
        [source for source, _ in corpus.train], corpus.style, corpus.source
    )


def sentences_per_line(lines: list[str], style: str, language: str) -> int:
    """How many sentences the lines hold, all but the longest 5 %: a model that learns from them is used to as many.

    Counted on `SAMPLE` lines, evenly spread, in ordinary text: TED's lower-case tokens hide where a sentence begins.
    """
    sample = lines[:: max(1, len(lines) // SAMPLE)]
    counts = sorted(len(split_sentences(textform.undo(line, style, language), language)) for line in sample)
    return max(1, counts[math.ceil(0.95 * len(counts)) - 1]) if counts else 1


def drop_unusable(pairs: Pairs, drop_duplicates: bool = True) -> tuple[Pairs, str]:
    """Drop pairs with a blank side or one over `LONGEST`, and pairs that are there already; say how many.

    Control characters become spaces. A side without a character that can be seen is blank. Pairs with two equal sides
    stay (names, numbers), and are counted, since many of them are a mistake in the file.
    """
    kept, seen = [], set()
    blank = long = duplicate = control = equal = 0
    for source, target in pairs:
        if not (source.isprintable() and target.isprintable()):
            cleaned = textform.CONTROL.sub(" ", source), textform.CONTROL.sub(" ", target)
            control += cleaned != (source, target)
            source, target = (side if textform.visible(side) else "" for side in cleaned)
        pair = source.strip(), target.strip()
        if not all(pair):
            blank += 1
        elif max(map(len, pair)) > LONGEST:
            long += 1
        elif drop_duplicates and pair in seen:
            duplicate += 1
        else:
            seen.add(pair)
            kept.append(pair)
            equal += pair[0] == pair[1]
    note = f"{len(pairs):,} pairs read, {blank:,} blank and {duplicate:,} duplicate dropped, {len(kept):,} kept"
    note += f"; dropped for over {LONGEST:,} characters: {long:,}" * bool(long)
    note += f"; with control characters, now spaces: {control:,}" * bool(control)
    note += f"; kept with equal sides: {equal:,}" * bool(equal)
    return kept, note


def _phrasebook() -> tuple[dict[str, Pairs], dict[str, list[int]]]:
    from fmkeras.translation.corpora import phrasebook

    table = phrasebook.load()
    rows = {split: table[table["split"] == split] for split in SPLITS}
    parts = rows["test"]["part"].reset_index(drop=True)
    groups = {str(part): [int(i) for i in index] for part, index in parts.groupby(parts).groups.items() if part}
    return {split: list(zip(part["pt"], part["en"], strict=True)) for split, part in rows.items()}, groups
