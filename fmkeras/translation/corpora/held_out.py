"""Which pairs are held out of training, and which were trained on: both by hashes of the sentences.

Whether a pair of a file is held out follows from its source alone, so that no edit of other lines moves it. The hashes
of what was trained on are kept with the run, 8 bytes a sentence, so that any test set can be held against them.
"""

import math
from pathlib import Path
from random import Random

import numpy as np

from fmkeras.errors import InputError
from fmkeras.runs import whole_file
from fmkeras.translation.corpora import facts
from fmkeras.translation.corpora.facts import hashes
from fmkeras.translation.corpora.stored import Pairs, StoredPairs

SPLITS = ("train", "validation", "test")
SHARE, MOST = 0.05, 2000  # of the sources, for validation and for test: this share, or about this many if it is more
FEWEST = 20  # different sources that can be split
TRAINED = "trained.npy"  # the file of fingerprints in a run folder


def share_of(known: np.ndarray) -> float:
    """The share of the sources that is held out for validation, and for test as well.

    It is 5 %, of large files as much as gives about 2,000, and of small ones enough for a source in each. A run keeps
    it in its settings: from then on no edit of the file changes which sources are held out.

    Args:
        known: (N,) facts of the pairs, of which blank ones do not count.

    Raises:
        InputError: there are too few sources.
    """
    ranks = facts.distinct(_ranks(known)[known["flags"] & facts.BLANK == 0])
    if len(ranks) < FEWEST:
        raise InputError(
            f"{len(ranks)} different sentences are too few to split: {FEWEST} at least, or a folder of splits"
        )
    least = max(ranks[0], 1 - ranks[-1])
    return max(min(SHARE, MOST / len(ranks)), math.floor(least * 1e4 + 1) / 1e4)


def split(known: np.ndarray, share: float | None = None) -> tuple[dict[str, np.ndarray], float]:
    """Split pairs by the hashes of their sources: no source is in two splits, whatever the order of the pairs.

    Args:
        known: (N,) facts of the pairs.
        share: of the sources in validation, and in test; None: see `share_of`.

    Returns:
        The rows of each of `SPLITS`, in order, and the share.

    Raises:
        InputError: there are too few different sources.
    """
    share = share_of(known) if share is None else share
    ranks = _ranks(known)
    validation, test = ranks < share, ranks >= 1 - share
    masks = {"train": ~(validation | test), "validation": validation, "test": test}
    return {name: np.flatnonzero(mask) for name, mask in masks.items()}, share


def _ranks(known: np.ndarray) -> np.ndarray:
    """(N,) of the sources, from 0 to 1."""
    return known["rank"] / 2.0**64


def split_at_random(pairs: Pairs, seed: int = 42) -> dict[str, np.ndarray]:
    """The split of version 0.1, which runs of that version keep: it is another when the file gains or loses a line.

    Raises:
        InputError: there are fewer than 20 different source sentences.
    """
    sources = list(dict.fromkeys(" ".join(s.split()) for s, t in pairs if s and t))
    if len(sources) < FEWEST:
        raise InputError(f"{len(sources)} different sentences are too few to split: {FEWEST} at least")
    size = min(MOST, len(sources) // FEWEST)
    chosen = Random(seed).sample(sources, 2 * size)
    where = dict.fromkeys(chosen[:size], "validation") | dict.fromkeys(chosen[size:], "test")
    found = np.array([where.get(" ".join(source.split()), "train") for source, _ in pairs])
    return {name: np.flatnonzero(found == name) for name in SPLITS}


def fingerprints(pairs: Pairs) -> np.ndarray:
    """Sorted 64-bit hashes of the different sources and targets of pairs, each kind with a salt of its own."""
    if isinstance(pairs, StoredPairs):
        sides = [pairs.known(name) for name in ("source", "target")]
    else:
        sides = [hashes((pair[side] for pair in pairs), str(side)) for side in (0, 1)]
    return facts.distinct(np.concatenate(sides))


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
