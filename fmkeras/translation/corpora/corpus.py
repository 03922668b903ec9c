"""Sentence pairs and their splits: TED, the bundled phrasebook, or a user's own file or folder.

The one place that knows which languages there are; everything after it sees a source and a target.
"""

import dataclasses
import gzip
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from fmkeras.errors import InputError
from fmkeras.translation.corpora import ted, textform
from fmkeras.translation.settings import Settings

Pairs = list[tuple[str, str]]
SPLITS = ("train", "validation", "test")
LONGEST = 2_000  # characters of a side: more is no sentence, and attention to it would fill the memory
LONGEST_LINE = 1_000_000  # bytes: more is no file of sentences


@dataclasses.dataclass
class Corpus:
    """Sentence pairs, source first, and what is known of them.

    Attributes:
        name: "ted", "phrasebook" or the path.
        train, validation, test: the pairs.
        source, target: names of the languages.
        style: the text form, see `textform.apply`.
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
    notes: list[str] = dataclasses.field(default_factory=list)
    parts: dict[str, list[int]] = dataclasses.field(default_factory=dict)

    def split(self, name: str) -> Pairs:
        """The pairs of "train", "validation" or "test"."""
        return getattr(self, name)


Data = str | os.PathLike | Corpus | Sequence[tuple[str, str]] | Mapping[str, Sequence[tuple[str, str]]]
GIVEN = "a list of pairs"  # the name of a corpus that was given as lists


def name_of(data: Data) -> str:
    """What `Settings.dataset` calls the data that somebody gives: its name or path, or `GIVEN` for lists of pairs."""
    if isinstance(data, Corpus):
        return data.name
    return os.fspath(data) if isinstance(data, str | os.PathLike) else GIVEN


def of(data: Data, settings: Settings) -> Corpus:
    """The corpus that is given, or named: see `fmkeras.train_translator`.

    Raises:
        InputError: what is named cannot be had or read, what is given are no pairs, or too few are left.
    """
    if isinstance(data, str | os.PathLike):
        return load(settings)
    if isinstance(data, Corpus):
        return dataclasses.replace(data, train=data.train[: settings.limit])
    if isinstance(data, Mapping):
        if set(data) != set(SPLITS):
            raise InputError(f"the data have the parts {', '.join(map(str, data))}: give {', '.join(SPLITS)}")
        splits = {split: _given(data[split]) for split in SPLITS}
    else:
        splits = split_pairs(_given(data))
    languages = settings.source or "source", settings.target or "target"
    return _cleaned(GIVEN, splits, languages, settings.style, settings)


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
    splits, parts = None, {}
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
    elif splits is None:
        splits, style = read_path(Path(name), settings.source_column), settings.style
        languages = settings.source or "source", settings.target or "target"
    if settings.source_column == 2 and name in ("ted", "phrasebook"):
        splits = {split: _turned(pairs) for split, pairs in splits.items()}
    corpus = _cleaned(name, splits, languages, style, settings)
    corpus.notes[:0], corpus.parts = notes, parts
    return corpus


def _cleaned(name: str, splits: dict[str, Pairs], languages: tuple[str, str], style: str, settings: Settings) -> Corpus:
    """The corpus of these pairs without those that teach nothing; its notes say what was dropped.

    Raises:
        InputError: nothing is left of a split.
    """
    notes, cleaned = [], {}
    for split in SPLITS:
        # What is tested on is left as it is, so that scores mean the same everywhere.
        cleaned[split], note = clean(splits[split], drop_duplicates=split == "train")
        notes.append(f"{split}: {note}")
    if settings.limit is not None:
        cleaned["train"] = cleaned["train"][: settings.limit]
        notes.append(f"train: limited to {len(cleaned['train']):,} pairs")
    for split in SPLITS:
        if not cleaned[split]:
            raise InputError(
                f"{settings.dataset} has no sentence pairs for {split}: give it more, or another --dataset"
            )
    known = {source for source, _ in cleaned["train"]}
    for split in SPLITS[1:]:
        if seen := sum(source in known for source, _ in cleaned[split]):
            notes.append(f"{split}: {seen:,} of {len(cleaned[split]):,} sources are in train, too")
    return Corpus(name, **cleaned, source=languages[0], target=languages[1], style=style, notes=notes)


def clean(pairs: Pairs, drop_duplicates: bool = True) -> tuple[Pairs, str]:
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


def read_path(path: Path, source_column: int = 1) -> dict[str, Pairs]:
    """Read a file of pairs, splitting it, or a folder with train, validation and test files; source first.

    Raises:
        InputError: there is nothing there, or it is not in the right form.
    """
    turn = _turned if source_column == 2 else list
    if not os.path.exists(path):
        raise InputError(f"--dataset {path}: no such file or folder (and not 'auto', 'ted' or 'phrasebook')")
    if not path.is_dir():
        return split_pairs(turn(read_file(path)))
    splits = {}
    for split in SPLITS:
        files = [path / f"{split}{suffix}" for suffix in (".tsv", ".tsv.gz")]
        file = next((f for f in files if f.is_file()), None)
        if file is None:
            raise InputError(f"{path} has no {split}.tsv or {split}.tsv.gz: a folder needs train, validation and test")
        splits[split] = turn(read_file(file))
    return splits


def _turned(pairs: Pairs) -> Pairs:
    return [(second, first) for first, second in pairs]


def read_file(path: Path) -> Pairs:
    """Read lines of two sentences with a tab between.

    Raises:
        InputError: the file cannot be read, or a line is not in the right form; names the line.
    """
    pairs = [pair for place, line in read_lines(path) if (pair := _pair(place, line))]
    if not pairs:
        raise InputError(f"{path} holds no sentence pairs")
    return pairs


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Read text in UTF-8, gzipped or not, a line at a time: where it stands, for messages, and the line itself.

    Raises:
        InputError: the file cannot be read, or a line is no text; names the line.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            while line := file.readline(LONGEST_LINE):
                number += 1
                if number == 1:
                    line = _first(path, line)
                place = f"{path}, line {number}"
                yield place, _text(place, line)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}): is it whole?") from None


def _first(path: Path, line: bytes) -> bytes:
    """The first line without the mark of UTF-8; an InputError if it is the beginning of something else."""
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path} is UTF-16 text: save it as UTF-8")
    if line.startswith(b"\x1f\x8b"):
        raise InputError(f"{path} is gzipped: name it {path.name}.gz")
    return line.removeprefix(b"\xef\xbb\xbf")


def _text(place: str, line: bytes) -> str:
    """A line as text, without its end."""
    if len(line) == LONGEST_LINE:
        raise InputError(f"{place}: over {LONGEST_LINE:,} bytes: is this a file of sentences?")
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{place}, byte {error.start + 1}: not UTF-8; convert the file first") from None
    if "\0" in text:
        raise InputError(f"{place}: a NUL byte: is this a text file in UTF-8?")
    return text


def _pair(place: str, text: str) -> tuple[str, str] | None:
    """The two sentences of a line, None if it is blank."""
    columns = text.split("\t")
    if len(columns) == 2:
        return columns[0], columns[1]
    if len(columns) == 1 and not text.strip():
        return None
    raise InputError(f"{place}: {len(columns)} columns, not two sentences with one tab between")


def split_pairs(pairs: Pairs, seed: int = 42) -> dict[str, Pairs]:
    """Split pairs 90 : 5 : 5 (at most 2,000 sources each for validation and test), no source sentence in two splits.

    Raises:
        InputError: there are fewer than 20 different source sentences.
    """
    # Sources that differ in white space only are the same to the tokenizer. Blank pairs will be dropped: not counted.
    sources = list(dict.fromkeys(" ".join(s.split()) for s, t in pairs if s.strip() and t.strip()))
    if len(sources) < 20:
        raise InputError(f"{len(sources)} different sentences are too few to split: 20 at least, or a folder of splits")
    size = min(2000, len(sources) // 20)
    held_out = Random(seed).sample(sources, 2 * size)
    where = dict.fromkeys(held_out[:size], "validation") | dict.fromkeys(held_out[size:], "test")
    splits: dict[str, Pairs] = {split: [] for split in SPLITS}
    for pair in pairs:
        splits[where.get(" ".join(pair[0].split()), "train")].append(pair)
    return splits
