"""Which pairs are held out of training, and which were trained on: both by hashes of the sentences.

Whether a pair of a file is held out follows from its source alone, so that no edit of other lines moves it. The hashes
of what was trained on are kept with the run, 8 bytes a sentence, so that any test set can be held against them.
"""

import hashlib
import math
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from random import Random

import numpy as np

from fmkeras.errors import InputError
from fmkeras.runs import whole_file

Pairs = list[tuple[str, str]]
SPLITS = ("train", "validation", "test")
SHARE, MOST = 0.05, 2000  # of the sources, for validation and for test: this share, or about this many if it is more
FEWEST = 20  # different sources that can be split
TRAINED = "trained.npy"  # the file of fingerprints in a run folder


def hashes(sentences: Iterable[str], salt: str = "") -> np.ndarray:
    """64 bits (N,) of each sentence; those that differ in white space or composition (NFC) only have the same."""
    digests = (
        hashlib.blake2b(
            unicodedata.normalize("NFC", salt + " ".join(sentence.split())).encode("utf-8", "replace"), digest_size=8
        ).digest()
        for sentence in sentences
    )
    return np.frombuffer(b"".join(digests), "<u8")


def share_of(sources: list[str]) -> float:
    """The share of the sources that is held out for validation, and for test as well.

    It is 5 %, of large files as much as gives about 2,000, and of small ones enough for a source in each. A run keeps
    it in its settings: from then on no edit of the file changes which sources are held out.

    Raises:
        InputError: there are too few sources.
    """
    ranks = np.unique(hashes(sources)) / 2.0**64
    if len(ranks) < FEWEST:
        raise InputError(
            f"{len(ranks)} different sentences are too few to split: {FEWEST} at least, or a folder of splits"
        )
    least = max(ranks[0], 1 - ranks[-1])
    return max(min(SHARE, MOST / len(ranks)), math.floor(least * 1e4 + 1) / 1e4)


def split_pairs(pairs: Pairs, share: float | None = None) -> tuple[dict[str, Pairs], float]:
    """Split pairs by the hashes of their sources: no source is in two splits, whatever the order of the pairs.

    Args:
        pairs: source and target.
        share: of the sources in validation, and in test; None: see `share_of`.

    Returns:
        The pairs of each of `SPLITS`, in order, and the share.

    Raises:
        InputError: there are too few different sources.
    """
    if share is None:  # blank pairs will be dropped: they do not count
        share = share_of([source for source, target in pairs if source.strip() and target.strip()])
    ranks = hashes(source for source, _ in pairs) / 2.0**64
    splits: dict[str, Pairs] = {split: [] for split in SPLITS}
    for pair, rank in zip(pairs, ranks, strict=True):
        splits["validation" if rank < share else "test" if rank >= 1 - share else "train"].append(pair)
    return splits, share


def split_at_random(pairs: Pairs, seed: int = 42) -> dict[str, Pairs]:
    """The split of version 0.1, which runs of that version keep: it is another when the file gains or loses a line.

    Raises:
        InputError: there are fewer than 20 different source sentences.
    """
    sources = list(dict.fromkeys(" ".join(s.split()) for s, t in pairs if s.strip() and t.strip()))
    if len(sources) < FEWEST:
        raise InputError(f"{len(sources)} different sentences are too few to split: {FEWEST} at least")
    size = min(MOST, len(sources) // FEWEST)
    chosen = Random(seed).sample(sources, 2 * size)
    where = dict.fromkeys(chosen[:size], "validation") | dict.fromkeys(chosen[size:], "test")
    splits: dict[str, Pairs] = {split: [] for split in SPLITS}
    for pair in pairs:
        splits[where.get(" ".join(pair[0].split()), "train")].append(pair)
    return splits


def digest(pairs: Pairs) -> str:
    """SHA-256 of a set of pairs, in whatever order they stand: whether a file holds what a run was trained on."""
    sources, targets = (hashes((pair[side] for pair in pairs), str(side)) for side in (0, 1))
    mixed = sources * np.uint64(0x9E3779B97F4A7C15) + targets  # wraps round
    return hashlib.sha256(np.sort(mixed).tobytes()).hexdigest()


def fingerprints(pairs: Pairs) -> np.ndarray:
    """Sorted 64-bit hashes of the different sources and targets of pairs, each kind with a salt of its own."""
    return np.unique(np.concatenate([hashes((pair[side] for pair in pairs), str(side)) for side in (0, 1)]))


def write_fingerprints(folder: str | Path, trained_on: np.ndarray) -> None:
    """Keep with a run what it was trained on: `fingerprints` of its training pairs."""
    with whole_file(Path(folder) / TRAINED) as temporary:
        np.save(temporary, trained_on)


def read_fingerprints(folder: str | Path) -> np.ndarray | None:
    """What `write_fingerprints` wrote; None if the run is of an earlier version, which kept nothing.

    Raises:
        InputError: the file is damaged.
    """
    path = Path(folder) / TRAINED
    if not path.exists():
        return None
    try:
        found = np.load(path, allow_pickle=False)
        if found.dtype != np.dtype("<u8") or found.ndim != 1:
            raise ValueError("no list of hashes")
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise InputError(f"{path} cannot be read ({error}): restore it, or delete it to do without") from None
    return found


def seen(trained_on: np.ndarray, sentences: list[str], side: int) -> int:
    """How many of some sentences were trained on, as sources (side 0) or as targets (side 1)."""
    return int(np.isin(hashes(sentences, str(side)), trained_on).sum())
