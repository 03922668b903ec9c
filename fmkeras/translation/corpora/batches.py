"""Batches of sentence pairs of like length, within a budget of tokens, in an order that only seed and epoch decide.

A batch of 64 random pairs, padded to the longest, is 72 % padding on text like TED's; these are a few per cent.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from fmkeras.translation.corpora.cache import blocks
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.tokenizer import PAD, START

Batch = tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]


def padded(rows: Sequence[Sequence[int] | np.ndarray], multiple: int = 1) -> np.ndarray:
    """Rows of ids to one (B, T) int32 array, filled up with PAD; T is the longest, rounded up to `multiple`."""
    width = -(-max(map(len, rows), default=1) // multiple) * multiple
    array = np.full((len(rows), width), PAD, "int32")
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


def by_length(lengths: np.ndarray, budget: int, multiple: int = 1) -> list[np.ndarray]:
    """Cut sentences, already in order of length, into batches.

    Args:
        lengths: (N,) lengths, of which each batch is charged its longest, times its number of sentences.
        budget: tokens a batch at most, padding included; a longer sentence gets a batch of its own.
        multiple: widths are rounded up to this.

    Returns:
        Runs of indices into `lengths`, which together are 0 ... N - 1.
    """
    widths, batches, start = -(-lengths // multiple) * multiple, list[np.ndarray](), 0
    while start < len(widths):
        candidates = widths[start : start + max(1, budget // max(1, int(widths[start])))]
        fit = int(np.count_nonzero(candidates * np.arange(1, len(candidates) + 1) <= budget))
        batches.append(np.arange(start, start + max(1, fit)))
        start = batches[-1][-1] + 1
    return batches


@dataclasses.dataclass
class Batches:
    """The batches of a set of sentence pairs.

    Args:
        source, target: ids of each sentence, end token last; lists of them become `Sentences`.
        budget: tokens of the longer side a batch at most, padding included.
        seed: of the order.
        multiple: widths are rounded up to a multiple of this. 1 pads least. Where each new shape is compiled anew
            (XLA: JAX, GPUs), 8 keeps the shapes few.
        start: the start token of the targets, or (N,) one for each.
        passes: over all pairs that make an epoch, each in an order of its own. Of few pairs one is soon done.
    """

    source: Sentences
    target: Sentences
    budget: int = 2048
    seed: int = 0
    multiple: int = 1
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
        return len(by_length(np.sort(self.lengths.max(axis=1)), self.budget, self.multiple))

    def take(self, rows: np.ndarray) -> "Batches":
        """Batches of these of the pairs, in memory."""
        start = np.asarray(self.start)[rows]
        return dataclasses.replace(self, source=self.source.take(rows), target=self.target.take(rows), start=start)

    @property
    def tokens(self) -> int:
        """Real target tokens of an epoch, end tokens included."""
        return self.passes * int(self.lengths[:, 0].sum())

    def fingerprint(self) -> str:
        """SHA-256 of all ids: whether these are the pairs that a checkpoint was trained on."""
        digest = hashlib.sha256()
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
        longest = self.lengths.max(axis=1, initial=0)
        order = np.lexsort((rng.random(len(longest)), self.lengths[:, 0], longest))
        batches = [order[rows] for rows in by_length(longest[order], self.budget, self.multiple)]
        return batches if number is None else [batches[i] for i in rng.permutation(len(batches))]

    def epoch(self, epoch: int | None, first: int = 0, last: int | None = None) -> Iterator[Batch]:
        """Yield `((source, target_in), target_out, weights)` of batches `first` up to `last`, for `keras.Model.fit`.

        source (B, S) and target_out (B, T) end with the end token; target_in (B, T) is target_out shifted right by
        one behind the start token: the decoder sees the tokens before the one it has to tell. Weights are 1 for real
        target tokens and 0 for padding.
        """
        for rows in self.indices(epoch)[first:last]:
            source = padded([self.source[i] for i in rows], self.multiple)
            target = padded([self.target[i] for i in rows], self.multiple)
            shifted = np.concatenate([np.asarray(self.start)[rows, None], target[:, :-1]], axis=1)
            shifted = np.where(target == PAD, PAD, shifted)
            yield (source, shifted), target, (target != PAD).astype("float32")
