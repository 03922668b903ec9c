"""What a training sees, epoch by epoch: perhaps corrupted sentences first, then sentence pairs."""

import math
from collections.abc import Callable

from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.bpe_dropout import BpeDropout
from fmkeras.translation.training.denoising import Denoising

Renew = Callable[[int, int], Batches]


class Curriculum:
    """The batches of each part of each epoch: `Curriculum(...)(epoch, part)`.

    Args:
        batches: of an epoch of pairs, as they are without BPE-dropout.
        epochs: of these.
        renew: makes the batches of each such epoch anew, given its number, 0 first, and that of its part; must depend
            on nothing else. By default they stay the same.
        parts: of such an epoch.
        longer: how many times as many batches as `batches` it has, for BPE-dropout makes sentences longer.
        denoising: makes the batches of each epoch before them, given its number.
        denoise_epochs: how many there are.
    """

    def __init__(
        self,
        batches: Batches,
        epochs: int,
        renew: Renew | None = None,
        parts: int = 1,
        longer: float = 1.0,
        denoising: Callable[[int], Batches] | None = None,
        denoise_epochs: int = 0,
    ):
        self.batches, self.renew = batches, renew or (lambda epoch, part: batches)
        self.denoising, self.denoise_epochs = denoising, denoise_epochs if denoising else 0
        self.epochs, self.longer, self._parts = self.denoise_epochs + epochs, longer, parts
        first = denoising(0) if denoising and denoise_epochs else None
        self.first = (len(first), first.tokens) if first else (0, 0)  # batches and target tokens of such an epoch

    @classmethod
    def of(cls, settings: Settings, tokenizer: Tokenizer, batches: Batches) -> "Curriculum":
        """That of a translator: perhaps epochs in which it reconstructs both sides, then pairs, perhaps cut anew."""
        denoising = Denoising.of_pairs(batches, tokenizer, settings).batches if settings.denoise_epochs else None
        cut = BpeDropout(batches, tokenizer, settings.bpe_dropout) if settings.bpe_dropout else None
        parts, longer = (cut.parts, cut.longer) if cut else (1, 1.0)
        return cls(batches, settings.epochs, cut, parts, longer, denoising, settings.denoise_epochs)

    def __call__(self, epoch: int, part: int = 0) -> Batches:
        if self.denoising and epoch < self.denoise_epochs:
            return self.denoising(epoch)
        return self.renew(epoch - self.denoise_epochs, part)

    def parts(self, epoch: int) -> int:
        """Of an epoch; one, but with BPE-dropout on many pairs."""
        return self._parts if epoch >= self.denoise_epochs else 1

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return math.ceil(self._to_come(0, len(self.batches), self.first[0]))

    @property
    def steps_of_noise(self) -> int:
        """Those before the pairs."""
        return self.denoise_epochs * self.first[0]

    def tokens(self, epoch: int) -> float:
        """Real target tokens to come, from the beginning of an epoch on."""
        return self._to_come(epoch, self.batches.tokens, self.first[1])

    def _to_come(self, epoch: int, of_pairs: int, of_first: int) -> float:
        """How much there is from the beginning of an epoch on, if its own kind of epoch has so much, each."""
        first = max(0, self.denoise_epochs - epoch)
        return first * of_first + (self.epochs - epoch - first) * self.longer * of_pairs
