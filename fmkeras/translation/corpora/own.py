"""A user's own data: read and examined once, a few in memory, many on the disk; then what of it is used, by rows."""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora import cache as caches
from fmkeras.translation.corpora import cleaning, facts, formats, held_out, sides, stored, tfds
from fmkeras.translation.corpora.facts import Pair
from fmkeras.translation.corpora.formats import Found
from fmkeras.translation.corpora.held_out import SPLITS
from fmkeras.translation.corpora.stored import Pairs, StoredPairs
from fmkeras.translation.settings import Settings

LARGE = 32 << 20  # bytes of files from which on what is made of them is kept in the cache
FORM = 6  # of what is kept there: another number when it is made in another way
UNSPLIT = ""  # the part of what is read that is to be split


@dataclasses.dataclass
class Read:
    """All that was read, before any of it is chosen.

    Attributes:
        pairs: N pairs as they are kept, those that will be dropped among them.
        facts: (N,) what is known of each: see `facts.examine`.
        sizes: how many belong to each part, in order: a split, `UNSPLIT`, or "--validation" and "--test".
        source, target: the languages that the data name; "" if they name none.
        style: their text form; "" if they have none of their own.
        notes: what was understood.
        way_round: how a user turns the sides round.
        repeats: whether a pair that stands several times is meant to be learnt from as often.
    """

    pairs: Pairs
    facts: np.ndarray
    sizes: dict[str, int]
    source: str = ""
    target: str = ""
    style: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)
    way_round: str = "turn the pairs round"
    repeats: bool = False

    @classmethod
    def of(cls, parts: Mapping[str, Iterable[Pair]]) -> "Read":
        """Pairs in memory."""
        kept, known = zip(*(facts.examine(part) for part in parts.values()), strict=True)
        sizes = dict(zip(parts, map(len, kept), strict=True))
        return cls(list(itertools.chain.from_iterable(kept)), np.concatenate(known), sizes)


@dataclasses.dataclass
class Choice:
    """Which of the pairs read are used.

    Attributes:
        rows: of each split.
        held_out: share of the sources in validation, and in test; 0 where that is not decided by hashes.
        digest: of all pairs read.
        notes: how many were dropped and kept.
    """

    rows: dict[str, np.ndarray]
    held_out: float
    digest: str
    notes: list[str]


def reading_of(settings: Settings) -> formats.Reading:
    """How the files of a run are read."""
    names = ("columns", "encoding", "source", "target", "source_column")
    return formats.Reading(**{name: getattr(settings, name) for name in names})


def large_files(settings: Settings) -> list[Path]:
    """The files that the data of a run are read from, if these are large; else none."""
    names = [name for name in (settings.dataset, settings.validation, settings.test) if name]
    files = [path for name in names for path in formats.paths(name, reading_of(settings))]
    return files if sum(map(os.path.getsize, files)) >= LARGE else []


def read(settings: Settings, cache: Path | None) -> Read:
    """Read what `settings.dataset` names, and the files of --validation and --test.

    Args:
        cache: where large files are kept as they were read; None: all is held in memory.

    Raises:
        InputError: something is not there, or cannot be read.
    """
    files = large_files(settings)
    if not cache or not files:
        found, style = _parts(settings)
        result = Read.of({name: part.pairs for name, part in found.items()})
        return dataclasses.replace(result, **_described(found, settings), style=style)

    def make(writer: caches.Writer) -> dict:
        found, style = _parts(settings)
        sizes = dict.fromkeys(found, 0)

        def pairs() -> Iterable[Pair]:
            for name, part in found.items():
                for sizes[name], pair in enumerate(part.pairs, 1):
                    yield pair

        stored.write(writer, pairs())
        return {"sizes": sizes, "style": style, **_described(found, settings)}

    # A file may lie anywhere; in a folder the names say what belongs to which split.
    folder = settings.dataset if os.path.isdir(settings.dataset) else None
    names = ([os.path.relpath(p, folder)] if folder and p.is_relative_to(folder) else p.suffixes for p in files)
    contents = [[*name, runs.sha256_of(path)] for name, path in zip(names, files, strict=True)]
    given = [settings.dataset.startswith(tfds.PREFIX), bool(settings.validation), bool(settings.test)]
    reading = dataclasses.asdict(reading_of(settings))
    if (reading["source"], reading["target"]) == ("source", "target"):  # what languages without a name are called
        reading |= {"source": "", "target": ""}
    key = {"form": FORM, "files": contents, "given": given, "reading": reading}
    # A run that goes on asks for the languages that the files named when none were asked for.
    entry = caches.known(cache, "pairs", key | {"reading": reading | {"source": "", "target": ""}})
    if not entry or (entry.info["source"], entry.info["target"]) != (reading["source"], reading["target"]):
        entry = caches.entry(cache, "pairs", key, make)
    known = entry.array("facts")
    return Read(StoredPairs(entry.folder, np.arange(len(known))), known, **entry.info)


def _parts(settings: Settings) -> tuple[dict[str, Found], str]:
    """What is to be read, by the part that it is for; and its text form, if the data have one of their own."""
    name, reading, style = settings.dataset, reading_of(settings), ""
    if name.startswith(tfds.PREFIX):
        splits, languages, style = tfds.load(name, reading)
        note = f"{name}: {', '.join(splits)} of TensorFlow Datasets"
        found = {split: Found(iter(pairs), *languages, note) for split, pairs in splits.items()}
        if len(found) < len(SPLITS):
            found = {UNSPLIT: found.pop("train")} | found
    elif os.path.isdir(name):
        found = formats.read_splits(Path(name), reading)
    else:
        found = {UNSPLIT: formats.read(name, reading)}
    first = next(iter(found.values())).agreed(name, reading)
    own = dataclasses.replace(reading, source=settings.source or first.source, target=settings.target or first.target)
    for split in SPLITS[1:]:
        if file := getattr(settings, split):
            part = formats.read(file, own).agreed(file, dataclasses.replace(own, source_column=1))
            # Of an order that is in doubt `sides.turned` says more.
            found[f"--{split}"] = dataclasses.replace(part, note=f"{split}: {part.note}", doubt="")
    return found, style


def _described(found: dict[str, Found], settings: Settings) -> dict:
    """What `Read` says of the data: the first part's languages, notes of it and of files that the user has named."""
    first, *others = found.items()
    notes = [first[1].said, *(part.said for name, part in others if name.startswith("--"))]
    way_round = "swap its --columns" if settings.columns else f"--source-column {3 - settings.source_column}"
    if not settings.columns and (first[1].source or first[1].target):
        way_round = "correct the names of its languages"
    return {"source": first[1].source, "target": first[1].target, "notes": notes, "way_round": way_round}


def choose(data: Read, settings: Settings, bundled: bool = False) -> Choice:
    """What of the pairs read is used: split, without those that teach nothing, cleaned if asked for, limited.

    For pairs on the disk this is kept there, too.

    Args:
        bundled: whether the data came with us; then no cleaning is recommended.

    Raises:
        InputError: nothing is left of a split.
    """
    if not isinstance(data.pairs, StoredPairs):
        return _chosen(data, settings, bundled)

    def make(writer: caches.Writer) -> dict:
        choice = _chosen(data, settings, bundled)
        for split, rows in choice.rows.items():
            writer.append(split, rows)
        return {"held_out": choice.held_out, "digest": choice.digest, "notes": choice.notes}

    if settings.held_out is None and UNSPLIT in data.sizes:  # a resumed run knows what was decided
        share = held_out.share_of(data.facts[: data.sizes[UNSPLIT]])
        settings = dataclasses.replace(settings, held_out=share)
    key = {"form": FORM, "pairs": data.pairs.folder.name, "languages": [data.source, data.target]}
    key |= {name: getattr(settings, name) for name in ("held_out", "clean", "limit")}
    entry = caches.entry(data.pairs.folder.parent, "chosen", key, make)
    return Choice({split: entry.array(split) for split in SPLITS}, **entry.info)


def _chosen(data: Read, settings: Settings, bundled: bool) -> Choice:
    """See `choose`."""
    rows, share = _split(data, settings)
    notes = [
        f"{split}: the {data.sizes[split]:,} pairs of the folder are left out, for --{split} takes their place"
        for split in SPLITS[1:]
        if split in data.sizes and f"--{split}" in data.sizes
    ]
    for split in SPLITS:
        # What is tested on is left as it is, so that scores mean the same everywhere.
        once = split == "train" and not data.repeats
        rows[split], note = facts.keep(data.facts, rows[split], drop_duplicates=once)
        notes.append(f"{split}: {note}")
    train = stored.chosen(data.pairs, rows["train"])
    rows["train"], lines = _cleaned(data, rows["train"], settings, bundled)
    notes += lines
    if settings.limit is not None:
        rows["train"] = rows["train"][: settings.limit]
        notes.append(f"train: limited to {len(rows['train']):,} pairs")
    for split in SPLITS:
        if not len(rows[split]):
            raise InputError(
                f"{settings.dataset} has no sentence pairs for {split}: give it more, or another --dataset"
            )
    for name in ("source", "target"):
        hashes = {split: data.facts[name][rows[split]] for split in SPLITS}
        for split, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
            if seen := np.count_nonzero(np.isin(hashes[split], hashes[other])):
                notes.append(f"{split}: {seen:,} of {len(hashes[split]):,} {name}s are in {other}, too")
    for split in SPLITS[1:]:
        by_itself = split in data.sizes or f"--{split}" in data.sizes
        if by_itself and sides.turned(train, stored.chosen(data.pairs, rows[split])):
            notes.append(f"{split}: its sides look turned, compared with train: swap its columns")
    return Choice(rows, share, facts.digest(data.facts), notes)


def _cleaned(data: Read, rows: np.ndarray, settings: Settings, bundled: bool) -> tuple[np.ndarray, list[str]]:
    """The rows of training pairs without those that --clean leaves out, and lines on what looks wrong.

    Raises:
        InputError: it leaves all of them out.
    """
    train, lines = stored.chosen(data.pairs, rows), list[str]()
    if not bundled and sides.by_letters(train, data.source, data.target) == 2:
        lines.append(f"train: its sides look turned, for {data.source} → {data.target}: {data.way_round}")
    elif not bundled and not settings.clean and (line := cleaning.recommended(train, data.source, data.target)):
        lines.append(line)
    if settings.clean:
        cleaner = cleaning.Cleaner(data.source, data.target)
        rows = rows[cleaner.choose(train)]
        if len(train) and not len(rows):
            way_out = "; ".join(lines) or "leave it out, or mend the file, --source or --target"
            left = f"--clean leaves none of {len(train):,} training pairs ({cleaner.reasons})"
            raise InputError(f"{settings.dataset}: {left}: {way_out}")
        lines += cleaner.notes()
    return rows, lines


def _split(data: Read, settings: Settings) -> tuple[dict[str, np.ndarray], float]:
    """The rows of each split: as the data have them, or by hashes; --validation and --test take their place."""
    ends = np.cumsum([0, *data.sizes.values()])
    parts = {name: np.arange(*ends[i : i + 2]) for i, name in enumerate(data.sizes)}
    given = {split: parts.pop(f"--{split}") for split in SPLITS[1:] if f"--{split}" in parts}
    share = 0.0
    if UNSPLIT in parts:
        whole = parts.pop(UNSPLIT)  # the first part: its rows are their own numbers
        if not len(whole):
            raise InputError(f"{settings.dataset} holds no sentence pairs")
        if len(given) == 2:
            rows = {"train": whole}
        elif settings.held_out == 0 and not given:  # a run of version 0.1
            rows = held_out.split_at_random(data.pairs[: len(whole)])
        else:
            rows, share = held_out.split(data.facts[: len(whole)], settings.held_out)
        parts = rows | parts
    for split, rows_of_file in given.items():
        if split not in data.sizes:  # what hashes have held out is for training then; what a folder calls test is not
            parts["train"] = np.concatenate([parts["train"], *([parts[split]] if split in parts else [])])
        parts[split] = rows_of_file
    return parts, share
