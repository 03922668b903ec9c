"""BPE-dropout: each epoch the same pairs, with every sentence cut into other subword tokens (Provilkov et al. 2020).

Of many pairs an epoch has parts, each of which other processes cut while the model is trained on the ones before.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator

import numpy as np

from fmkeras import workers
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.tokenizer import Tokenizer

PART = 1 << 16  # pairs of a part; as many or fewer are trained on whole


class BpeDropout:
    """The batches of each part of each epoch: `BpeDropout(...)(epoch, part)`. They depend on these and the seed only.

    Args:
        batches: all pairs, as they are cut without dropout.
        tokenizer: what they were made with.
        bpe_dropout: share of the merges that is skipped.

    Attributes:
        parts: of an epoch.
    """

    def __init__(self, batches: Batches, tokenizer: Tokenizer, bpe_dropout: float):
        self.batches, self.tokenizer, self.bpe_dropout = batches, tokenizer, bpe_dropout
        self.parts = -(-len(batches.source) // PART)
        self._ahead: Iterator[Batches] = iter(())
        self._coming: tuple[int, int] | None = None

    def __call__(self, epoch: int, part: int = 0) -> Batches:
        if self.parts == 1:
            return cut(self.batches, self.tokenizer, self.bpe_dropout, self._seeds(epoch, 0))
        if self._coming != (epoch, part):  # the first one, or an earlier one again
            self._ahead = workers.in_order(cut, self._jobs(epoch, part))
        following = epoch * self.parts + part + 1
        self._coming = divmod(following, self.parts)
        return next(self._ahead)

    @functools.cached_property
    def longer(self) -> float:
        """How many times as many batches an epoch has as without dropout, by one part of it."""
        whole = self.batches.take(self._order(0)[:PART])
        return len(cut(whole, self.tokenizer, self.bpe_dropout, self._seeds(0, 0))) / len(whole)

    def _jobs(self, epoch: int, part: int) -> Iterator[tuple]:
        """What `cut` is to be called with, from this part on without end."""
        order = self._order(epoch)
        for number in itertools.count(epoch * self.parts + part):
            if number % self.parts == 0:
                order = self._order(number // self.parts)
            epoch, part = divmod(number, self.parts)
            rows = order[part * PART : (part + 1) * PART]
            yield self.batches.take(rows), self.tokenizer, self.bpe_dropout, self._seeds(epoch, part)

    def _order(self, epoch: int) -> np.ndarray:
        """(N,) the pairs of an epoch, in no order."""
        return np.random.default_rng((self.batches.seed, epoch)).permutation(len(self.batches.source))

    def _seeds(self, epoch: int, part: int) -> list[int]:
        """One for each side."""
        more = [part] if part else []
        rngs = (np.random.default_rng((self.batches.seed, epoch, side, *more)) for side in (0, 1))
        return [int(rng.integers(1 << 31)) for rng in rngs]


def cut(batches: Batches, tokenizer: Tokenizer, bpe_dropout: float, seeds: list[int]) -> Batches:
    """The same pairs in other tokens."""

    def side(sentences: Sentences, seed: int) -> Sentences:
        return tokenizer.encode_corpus(tokenizer.decode(sentences), bpe_dropout, seed)

    return dataclasses.replace(batches, source=side(batches.source, seeds[0]), target=side(batches.target, seeds[1]))
