"""Batches of sentence pairs of like length, within a budget of tokens, in an order that only seed and epoch decide.

A batch of 64 random pairs, padded to the longest, is 72 % padding on text like TED's; these are a few per cent.
"""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from fmkeras.translation.corpora.cache import blocks
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.tokenizer import PAD, START

ROWS = 8  # where the width of a batch decides how many rows it has, a multiple of this: several devices share them
Batch = tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]


def padded(rows: Sequence[Sequence[int] | np.ndarray], widths: int = 0, count: int = 0, least: int = 1) -> np.ndarray:
    """Rows of ids to one (B, T) int32 array, filled up with PAD.

    Args:
        rows: the longest has T ids, if that is not less than `least`, nor rounded up.
        widths: as in `rounded`.
        count: rows that there are at least; those added are PAD alone.
        least: T, before it is rounded up, at least.
    """
    width = int(rounded(np.array(max([least, *map(len, rows)])), widths))
    array = np.full((max(len(rows), count), width), PAD, "int32")
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


def rounded(lengths: np.ndarray, widths: int) -> np.ndarray:
    """Lengths rounded up, so that there are no more than `widths` of them from any to its double; 0 leaves them.

    With 8 they are multiples of 4 up to 32, of 8 up to 64, of 16 up to 128; with 1 they are 4, 8, 16, 32, 64, 128.
    """
    if not widths:
        return lengths
    step = np.maximum(4, (1 << np.frexp(np.maximum(lengths - 1, 0))[1]) // widths)
    return -(-lengths // step) * step


def rows_of(width: int, budget: int) -> int:
    """Rows of a batch where its width decides: what fits the budget, and a multiple of `ROWS` if it can be."""
    rows = max(1, budget // width)
    return rows - rows % ROWS if rows >= ROWS else rows


def by_width(widths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Cut sentences, already in order of width, into batches with `rows_of` rows each.

    From the widest on, so that of all batches only that of the shortest sentences may have fewer. Arguments and result
    as of `by_length`.
    """
    batches, end = list[np.ndarray](), len(widths)
    while end:
        start = max(0, end - rows_of(int(widths[end - 1]), budget))
        batches.append(np.arange(start, end))
        end = start
    return batches[::-1]


def by_length(lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Cut sentences, already in order of length, into batches.

    Args:
        lengths: (N,) lengths, of which each batch is charged its longest, times its number of sentences.
        budget: tokens a batch at most, padding included; a longer sentence gets a batch of its own.

    Returns:
        Runs of indices into `lengths`, which together are 0 ... N - 1.
    """
    if not len(lengths):
        return []
    ends, start = list[np.ndarray](), 0
    while start < len(lengths):
        rows = max(1, budget // max(1, int(lengths[start])))
        alike = int(np.searchsorted(lengths, lengths[start], "right")) - start
        if alike >= rows:  # whole batches of one length, as most are where there are millions: all at once
            ends.append(start + rows * np.arange(1, alike // rows + 1))
        else:
            candidates = lengths[start : start + rows]
            fit = int(np.count_nonzero(candidates * np.arange(1, len(candidates) + 1) <= budget))
            ends.append(np.array([start + max(1, fit)]))
        start = int(ends[-1][-1])
    sentences, cuts = np.arange(len(lengths)), [0, *np.concatenate(ends).tolist()]
    return [sentences[begin:end] for begin, end in itertools.pairwise(cuts)]  # np.split takes four times as long


def sorted_by(first: np.ndarray, second: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The order of N rows by two columns of lengths, then by a third: `np.lexsort`, three times as fast."""
    key = first.astype("int64") * (1 + int(second.max(initial=0))) + second
    order = np.argsort(last, kind="stable")
    return order[np.argsort(key.astype(np.min_scalar_type(key.max(initial=0)))[order], kind="stable")]


@dataclasses.dataclass
class Batches:
    """The batches of a set of sentence pairs.

    Args:
        source, target: ids of each sentence, end token last; lists of them become `Sentences`.
        budget: tokens of the longer side a batch at most, padding included.
        seed: of the order.
        widths: as in `rounded`. 0 pads least. Where each new shape is compiled anew (XLA), 8 keeps the shapes few: the
            width of a batch, which is that of both sides, then decides the number of its rows, of which some of the
            last are perhaps PAD alone.
        start: the start token of the targets, or (N,) one for each.
        passes: over all pairs that make an epoch, each in an order of its own. Of few pairs one is soon done.
    """

    source: Sentences
    target: Sentences
    budget: int = 2048
    seed: int = 0
    widths: int = 0
    start: int | np.ndarray = START
    passes: int = 1

    def __post_init__(self) -> None:
        self.source, self.target = Sentences.of(self.source), Sentences.of(self.target)
        if len(self.source) != len(self.target):
            raise ValueError(f"{len(self.source)} sources cannot be paired with {len(self.target)} targets")
        self.start = np.broadcast_to(np.asarray(self.start, "int32"), len(self.source))
        self.lengths = np.stack([self.target.lengths, self.source.lengths], axis=1)  # (N, 2)
        self._ordered: tuple[int, list[np.ndarray]] = (-1, [])  # the last epoch, and its batches

    def __len__(self) -> int:
        return self.passes * self._batches_of_a_pass

    @functools.cached_property
    def _batches_of_a_pass(self) -> int:
        return len(self._cut(np.sort(self._widths())))

    def take(self, rows: np.ndarray) -> "Batches":
        """Batches of these of the pairs, in memory."""
        start = np.asarray(self.start)[rows]
        return dataclasses.replace(self, source=self.source.take(rows), target=self.target.take(rows), start=start)

    @property
    def tokens(self) -> int:
        """Real target tokens of an epoch, end tokens included."""
        return self.passes * int(self.lengths[:, 0].sum())

    def fingerprint(self, epoch: int | None = None) -> str:
        """SHA-256 of all ids: whether these are the pairs that a checkpoint was trained on. Or of an epoch."""
        digest = hashlib.sha256()
        for rows in self.indices(epoch) if epoch is not None else ():
            digest.update(np.append(rows, self._count(rows)).astype("int64").data)
        for side in (self.source, self.target):
            for ids in blocks(side.ids):
                digest.update(ids.astype("int32").data)
        return digest.hexdigest()

    def indices(self, epoch: int | None) -> list[np.ndarray]:
        """The pairs of each batch of an epoch. None: once, in order of length, as for evaluation."""
        if epoch is None:
            return self._pass(None)
        if self._ordered[0] != epoch:  # of millions of pairs it takes seconds, and is asked for more than once
            numbers = range(epoch * self.passes, (epoch + 1) * self.passes)
            self._ordered = epoch, [rows for number in numbers for rows in self._pass(number)]
        return self._ordered[1]

    def _pass(self, number: int | None) -> list[np.ndarray]:
        """The pairs of each batch of one pass."""
        rng = np.random.default_rng((self.seed, number or 0))
        # By the longer side, then by target: of the orders tried, it pads least on both sides together. Ties fall at
        # random, so that the same sentences do not meet in every epoch.
        longest = self._widths()
        order = sorted_by(longest, self.lengths[:, 0], rng.random(len(longest)))
        batches = [order[rows] for rows in self._cut(longest[order])]
        return batches if number is None else [batches[i] for i in rng.permutation(len(batches))]

    def _widths(self) -> np.ndarray:
        """(N,) the longer side of each pair, as wide as its batch must be."""
        return rounded(self.lengths.max(axis=1, initial=0), self.widths)

    def _cut(self, widths: np.ndarray) -> list[np.ndarray]:
        """Batches of pairs in order of width."""
        return by_width(widths, self.budget) if self.widths else by_length(widths, self.budget)

    def _count(self, rows: np.ndarray) -> int:
        """Rows that the batch of these pairs has; of very few pairs no more than need be."""
        if not self.widths:
            return len(rows)
        width = int(rounded(self.lengths[rows].max(), self.widths))
        return min(rows_of(width, self.budget), -(-len(self.source) // ROWS) * ROWS)

    def epoch(self, epoch: int | None, first: int = 0, last: int | None = None) -> Iterator[Batch]:
        """Yield `((source, target_in), target_out, weights)` of batches `first` up to `last`, for `keras.Model.fit`.

        source (B, S) and target_out (B, T) end with the end token; target_in (B, T) is target_out shifted right by
        one behind the start token: the decoder sees the tokens before the one it has to tell. Weights are 1 for real
        target tokens and 0 for padding.
        """
        for rows in self.indices(epoch)[first:last]:
            yield self.batch(rows)

    def batch(self, rows: np.ndarray, replicas: int = 1) -> Batch:
        """The batch of these pairs, as `epoch` yields it, filled up with rows of PAD to a multiple of `replicas`."""
        count = -(-self._count(rows) // replicas) * replicas
        # XLA compiles each shape, and of both sides as wide as the longer there are half as many: with the rehearsal 16
        # for 36, whose padding makes 3 % more tokens.
        least = int(self.lengths[rows].max(initial=1)) if self.widths else 1
        source = padded([self.source[i] for i in rows], self.widths, count, least)
        target = padded([self.target[i] for i in rows], self.widths, count, least)
        shifted = np.concatenate([np.resize(np.asarray(self.start)[rows], count)[:, None], target[:, :-1]], axis=1)
        shifted = np.where(target == PAD, PAD, shifted)
        return (source, shifted), target, (target != PAD).astype("float32")
