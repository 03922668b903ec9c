"""Sentence pairs on the disk, for those that are too many for the memory: a sequence like any list of pairs."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from fmkeras import workers
from fmkeras.translation.corpora import facts
from fmkeras.translation.corpora.cache import Entry, Writer
from fmkeras.translation.corpora.facts import Pair

CHUNK = 1 << 16  # pairs that a process takes at a time
CODE = "utf-8", "surrogatepass"  # JSON can hold halves of surrogate pairs

Pairs = Sequence[Pair]


@dataclasses.dataclass(frozen=True)
class StoredPairs(Sequence):
    """Pairs of an entry of the cache that `write` has written. Another process reads them where they are.

    Args:
        folder: of the entry.
        rows: (N,) which of its pairs, in which order.
    """

    folder: Path
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> "StoredPairs": ...
    def __getitem__(self, index: int | slice) -> "Pair | StoredPairs":
        if isinstance(index, slice):
            return StoredPairs(self.folder, self.rows[index])
        row = int(self.rows[index])
        text, ends = _opened(self.folder)
        start = ends[2 * row - 1] if row else 0
        middle, end = ends[2 * row], ends[2 * row + 1]
        return str(text[start:middle], *CODE), str(text[middle:end], *CODE)

    def __iter__(self) -> Iterator[Pair]:
        return map(self.__getitem__, range(len(self)))

    def known(self, name: str) -> np.ndarray:
        """(N,) one column of their `facts.FACTS`."""
        return Entry(self.folder).array("facts")[name][self.rows]


def chosen(pairs: Pairs, rows: np.ndarray) -> Pairs:
    """Some of many pairs: stored ones stay on the disk."""
    if isinstance(pairs, StoredPairs):
        return StoredPairs(pairs.folder, pairs.rows[rows])
    return [pairs[i] for i in rows]


def by_chunks(function: Callable, pairs: Pairs, *arguments: Any) -> Iterator[Any]:
    """`function(chunk, *arguments)` of each `CHUNK` of pairs, in order; of more than one in worker processes."""
    return workers.in_order(function, ((pairs[i : i + CHUNK], *arguments) for i in range(0, len(pairs), CHUNK)))


def write(writer: Writer, pairs: Iterable[Pair]) -> int:
    """Examine pairs, and write them and their facts into an entry; how many there are."""
    pairs, count, end = iter(pairs), 0, 0
    chunks = iter(lambda: list(itertools.islice(pairs, CHUNK)), [])
    for text, lengths, known in workers.in_order(_examined, ((chunk,) for chunk in chunks)):
        ends = end + np.cumsum(lengths)
        writer.append("text", np.frombuffer(text, "u1"))
        writer.append("ends", ends)
        writer.append("facts", known)
        count, end = count + len(known), int(ends[-1])
    return count


def _examined(pairs: list[Pair]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """The sides of pairs one behind the other, their lengths in bytes (2N,), and the (N,) facts."""
    kept, known = facts.examine(pairs)
    sides = [side.encode(*CODE) for side in itertools.chain.from_iterable(kept)]
    return b"".join(sides), np.array([len(side) for side in sides], "int64"), known


@functools.lru_cache(4)
def _opened(folder: Path) -> tuple[memoryview, memoryview]:
    """The text of an entry, and where each side ends in it."""
    entry = Entry(folder)
    return entry.array("text").data, entry.array("ends").data
