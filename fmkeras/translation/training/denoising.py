"""Denoising: corrupt a sentence, have the model reconstruct it. This needs no translation (BART, mBART).

Lewis et al. (2020), arXiv:1910.13461: spans of tokens are replaced by one mask each. Liu et al. (2020),
arXiv:2001.08210: several languages at once, each with a special token with which the decoder starts.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence

import numpy as np

from fmkeras import devices
from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.tokenizer import END, MASK, Tokenizer
from fmkeras.translation.inference.decoding import Search
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings

BLANK = "___"  # a mask, as people read it


class Fate(enum.IntEnum):
    """What noise makes of a token."""

    KEPT = 0
    MASKED = 1  # a mask takes its place
    COVERED = 2  # the mask before it stands for it, too
    DELETED = 3


def corrupt(originals: Sentences, noise: Settings, mask: int, rng: np.random.Generator) -> tuple[Sentences, np.ndarray]:
    """Corrupt sentences: spans of their tokens become one mask each, then some of the other tokens are deleted.

    Spans and gaps are drawn over the text as a whole, as if it were one sentence. A span that reaches beyond the end of
    its sentence goes on, as another, in the next. End tokens are neither masked nor deleted.

    Args:
        originals: N sentences, end token last; T tokens in all.
        noise: of the settings, `mask`, the share of tokens that spans cover; `span`, how many tokens one has on
            average; and `delete`, the share of the tokens left that are deleted.
        mask: id of the mask.
        rng: where the noise comes from.

    Returns:
        N sentences, end token last, none longer than it was; and (T,) the `Fate` of each of their tokens.
    """
    sentence = np.repeat(np.arange(len(originals)), originals.lengths)  # (T,) which sentence each token belongs to
    can_change = originals.ids != END  # (T,)
    span = np.zeros(len(originals.ids), int)  # (T,) number of the span that covers a token, 0 where none does
    span[can_change] = draw_spans(int(np.count_nonzero(can_change)), noise, rng)

    covered = span > 0  # (T,)
    becomes_mask = covered & (np.diff(span, prepend=0) != 0)  # (T,) the first token of a span, or behind an end token
    deleted = can_change & ~covered & (rng.random(len(span)) < noise.delete)  # (T,)
    kept = becomes_mask | ~(covered | deleted)  # (T,)
    ids = np.where(becomes_mask, mask, originals.ids)[kept]
    lengths = np.bincount(sentence[kept], minlength=len(originals))  # (N,)
    fates = np.select([becomes_mask, covered, deleted], [Fate.MASKED, Fate.COVERED, Fate.DELETED], Fate.KEPT)  # (T,)
    return Sentences(ids.astype("int32"), lengths.astype("int32")), fates


def draw_spans(size: int, noise: Settings, rng: np.random.Generator) -> np.ndarray:
    """Cover a text of `size` tokens with random spans: a gap, a span, a gap, a span, and so on to its end.

    Returns:
        (size,) for each token the number of the span that covers it, from 1 on; 0 in a gap.
    """
    if noise.mask == 0:
        return np.zeros(size, int)
    gaps, spans = draw_gaps(size, noise, rng), 1 + rng.poisson(noise.span - 1, size)  # (size,), (size,)
    lengths = np.stack([gaps, spans], axis=1).ravel()  # (2 * size,) in turns
    numbers = np.stack([np.zeros(size, int), np.arange(1, size + 1)], axis=1).ravel()  # 0, 1, 0, 2, 0, 3, ...
    # A span has a token or more, so `size` spans reach the end of the text. Those beyond it are cut off.
    needed = np.searchsorted(np.cumsum(lengths), size) + 1
    return np.repeat(numbers[:needed], lengths[:needed])[:size]


def draw_gaps(size: int, noise: Settings, rng: np.random.Generator) -> np.ndarray:
    """(size,) numbers of tokens between two spans; they may be 0.

    Spans are the share `mask` of all tokens if a gap has span * (1 - mask) / mask of them on average. Gaps are
    geometric: behind each token the next span begins with the same probability, which is 1 / (1 + average).
    """
    begins = noise.mask / (noise.mask + noise.span * (1 - noise.mask))
    begins = max(begins, np.finfo(float).tiny)  # of the smallest shares it is rounded to 0, which `geometric` refuses
    trials = rng.geometric(begins, size)  # up to and including the one where the span begins: 1 or more
    return np.minimum(trials, size + 1) - 1  # a longer gap would be cut anyway; of huge ones the sum might overflow


@dataclasses.dataclass
class Denoising:
    """Sentences of several languages to reconstruct, each epoch from other noise.

    Args:
        originals: all sentences, end token last.
        start: (N,) the special token of each one's language.
        settings: noise, size of batches and seed.
        mask: id of the mask.
        counts: sentences of each language.
    """

    originals: Sentences
    start: np.ndarray
    settings: Settings
    mask: int
    counts: dict[str, int]

    @classmethod
    def of(cls, texts: Mapping[str, Sequence[str]], tokenizer: Tokenizer, settings: Settings) -> "Denoising":
        """From sentences by language. Those of over `settings.max_sentence_tokens` tokens are left out.

        Raises:
            InputError: all of a language are.
        """
        sides, counts, most = [], {}, settings.max_sentence_tokens
        for language, sentences in texts.items():
            side = tokenizer.encode_corpus(sentences)
            sides.append(side.where(side.lengths <= most))
            counts[language] = len(sides[-1])
            if not counts[language]:
                raise InputError(
                    f"every sentence of {language} is longer than {most} tokens: cut them into shorter ones"
                )
        originals = Sentences(np.concatenate([s.ids for s in sides]), np.concatenate([s.lengths for s in sides]))
        start = np.repeat([tokenizer.start(language) for language in texts], list(counts.values())).astype("int32")
        return cls(originals, start, settings, tokenizer.special_tokens[MASK], counts)

    @classmethod
    def of_pairs(cls, pairs: Batches, tokenizer: Tokenizer, settings: Settings) -> "Denoising":
        """From both sides of sentence pairs, neither of which is shown its translation.

        Raises:
            InputError: the vocabulary is that of another translator, and has no mask.
        """
        if MASK not in tokenizer.special_tokens:
            raise InputError(f"--denoise-epochs: the vocabulary of {settings.init} has no mask: leave the option out")
        languages = settings.source, settings.target
        start = np.repeat([tokenizer.start(language) for language in languages], len(pairs.source)).astype("int32")
        both = Sentences.joined([pairs.source, pairs.target])
        return cls(both, start, settings, tokenizer.special_tokens[MASK], dict.fromkeys(languages, len(pairs.source)))

    def corrupted(self, epoch: int) -> tuple[Sentences, np.ndarray]:
        """The sentences with the noise of an epoch, and what it did, as `corrupt` tells it."""
        rng = np.random.default_rng((self.settings.seed, epoch, self.mask))
        return corrupt(self.originals, self.settings, self.mask, rng)

    def batches(self, epoch: int) -> Batches:
        """Corrupted sentences and what they were, with the noise of an epoch."""
        corrupted, _ = self.corrupted(epoch)
        widths, settings = devices.batch_widths(training=True), self.settings
        return Batches(corrupted, self.originals, settings.batch_tokens, settings.seed, widths, self.start)


def readable(ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """A corrupted sentence as people read it: "the ___ sat on"."""
    cuts = np.flatnonzero(np.asarray(ids) == tokenizer.special_tokens[MASK])
    parts = tokenizer.decode(np.split(np.asarray(ids), cuts))
    return f" {BLANK} ".join(parts).strip()


class Reconstructor:
    """A pre-trained Transformer that reconstructs sentences of each of its languages, by greedy search."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer, settings: Settings):
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self._searches: dict[int, Search] = {}

    def reconstruct(self, corrupted: Sequence[Sequence[int]], language: str) -> list[str]:
        """What the model makes of corrupted sentences, given as ids, end token last."""
        start = self.tokenizer.start(language)
        search = self._searches.setdefault(start, Search(self.model, beams=1, start=start))
        found = {int(i): ids for i, ids, _ in search.translate(corrupted)}
        return self.tokenizer.decode(found[i] for i in range(len(corrupted)))

    def samples(self, texts: Mapping[str, Sequence[str]], count: int) -> list[tuple[str, str, str]]:
        """Corrupt and reconstruct the first `count` sentences of each language that are not too long to be learnt from.

        Returns:
            For each the sentence, corrupted with blanks for masks, and reconstructed. The noise is always the same.
        """
        rows: list[tuple[str, str, str]] = []
        for language, sentences in texts.items():
            pairs = Denoising.of({language: sentences}, self.tokenizer, self.settings).batches(0)
            originals, corrupted = list(pairs.target)[:count], list(pairs.source)[:count]
            blanks = [readable(ids, self.tokenizer) for ids in corrupted]
            rows += zip(self.tokenizer.decode(originals), blanks, self.reconstruct(corrupted, language), strict=True)
        return rows
