"""The ids of many sentences in one array."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np


class Sentences(Sequence):
    """Ids of N sentences, 4 bytes an id; as Python's lists they would take nine times as much memory.

    Args:
        ids: (T,) int32, of all sentences one behind the other.
        lengths: (N,) how many belong to each.

    Example:
        >>> sentences = Sentences.of([[7, 8, 3], [9, 3]])
        >>> len(sentences), sentences[1].tolist(), sentences.lengths.tolist()
        (2, [9, 3], [3, 2])
    """

    def __init__(self, ids: np.ndarray, lengths: np.ndarray):
        self.ids, self.lengths = ids, lengths
        self.starts = np.concatenate([[0], np.cumsum(lengths, dtype="int64")])  # (N + 1,)

    @classmethod
    def of(cls, rows: "Iterable[Sequence[int]] | Sentences") -> "Sentences":
        """The same ids, from lists of them."""
        if isinstance(rows, Sentences):
            return rows
        arrays = [np.asarray(row, "int32") for row in rows]
        return cls(np.concatenate([np.empty(0, "int32"), *arrays]), np.array([len(row) for row in arrays], "int32"))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]  # one at a time, no slices
        """(length,) int32 ids of one sentence."""
        index = range(len(self))[index]
        return self.ids[self.starts[index] : self.starts[index + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.ids[start:end] for start, end in zip(self.starts, self.starts[1:], strict=False))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sentences):
            return NotImplemented
        return np.array_equal(self.lengths, other.lengths) and np.array_equal(self.ids, other.ids)

    @classmethod
    def joined(cls, parts: "Iterable[Sentences]") -> "Sentences":
        """The sentences of several, one behind the other."""
        parts = list(parts)
        if len(parts) == 1:
            return parts[0]
        return cls(np.concatenate([part.ids for part in parts]), np.concatenate([part.lengths for part in parts]))

    def take(self, rows: np.ndarray) -> "Sentences":
        """The sentences of these numbers, in this order, in memory."""
        return Sentences(np.concatenate([self.ids[:0], *(self[i] for i in rows.tolist())]), self.lengths[rows])

    def where(self, keep: np.ndarray) -> "Sentences":
        """Those sentences for which `keep`, (N,) bool, is true."""
        return Sentences(self.ids[np.repeat(keep, self.lengths)], self.lengths[keep])
