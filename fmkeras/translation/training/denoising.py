"""Denoising: spoil a sentence, have the model restore it. What it learns from needs no translation (BART, mBART).

Lewis et al. (2020), arXiv:1910.13461: spans of pieces are replaced by one mask each. Liu et al. (2020),
arXiv:2001.08210: several languages at once, each with a mark with which the decoder starts.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.tokenizer import END, MASK, Tokenizer
from fmkeras.translation.inference.decoding import Search
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings

BLANK = "___"  # a mask, as people read it


def corrupt(clean: Sentences, noise: Settings, mask: int, rng: np.random.Generator) -> Sentences:
    """Spoil sentences: spans of their pieces become one mask each, then some of what is left is deleted.

    Spans have one piece and a Poisson number more, the gaps between them a geometric number, which may be none. A span
    that reaches beyond the end of its sentence goes on, as another, in the next. End marks stay.

    Args:
        clean: N sentences, end mark last.
        noise: of the settings, `mask`, the share of pieces that spans cover; `span`, how many pieces one has on
            average; and `delete`, the share of the pieces left that are deleted.
        mask: id of the mask.
        rng: where the noise comes from.

    Returns:
        N sentences, end mark last, none longer than it was.
    """
    owner = np.repeat(np.arange(len(clean)), clean.lengths)  # (T,) whose each piece is
    inner = clean.ids != END
    spans = np.zeros(len(clean.ids), int)  # (T,) number of the span that covers a piece, 0 where none does
    spans[inner] = _spans(np.count_nonzero(inner), noise, rng)
    first = (spans > 0) & ((np.diff(spans, prepend=0) != 0) | (np.diff(owner, prepend=-1) != 0))
    deleted = inner & (spans == 0) & (rng.random(len(spans)) < noise.delete)
    kept = (first | (spans == 0)) & ~deleted
    lengths = np.bincount(owner[kept], minlength=len(clean)).astype("int32")
    return Sentences(np.where(first, mask, clean.ids)[kept].astype("int32"), lengths)


def _spans(size: int, noise: Settings, rng: np.random.Generator) -> np.ndarray:
    """(size,) for each piece of a text, the number of the span that covers it, from 1 on; 0 for those in gaps."""
    if not (noise.mask and size):
        return np.zeros(size, int)
    # Spans are the share `mask` of all if a gap has span (1 - mask) / mask pieces on average.
    gaps = rng.geometric(noise.mask / (noise.mask + noise.span * (1 - noise.mask)), size).clip(max=size + 1) - 1
    lengths = np.stack([gaps, 1 + rng.poisson(noise.span - 1, size)], axis=1).ravel()  # a gap, a span, a gap, ...
    lengths = lengths[: np.searchsorted(np.cumsum(lengths), size) + 1]
    number = np.arange(len(lengths))
    return np.repeat(np.where(number % 2 == 1, number // 2 + 1, 0), lengths)[:size]


@dataclasses.dataclass
class Denoising:
    """Sentences of several languages to restore, each epoch from other noise.

    Args:
        clean: all sentences, end mark last.
        start: (N,) the mark of each one's language.
        settings: noise, size of batches and seed.
        mask: id of the mask.
        counts: sentences of each language.
    """

    clean: Sentences
    start: np.ndarray
    settings: Settings
    mask: int
    counts: dict[str, int]

    @classmethod
    def of(cls, texts: Mapping[str, Sequence[str]], tokenizer: Tokenizer, settings: Settings) -> "Denoising":
        """From sentences by language. Those of over `settings.max_pieces` pieces are left out.

        Raises:
            InputError: all of a language are.
        """
        sides, counts, most = [], {}, settings.max_pieces
        for language, sentences in texts.items():
            side = tokenizer.encode_corpus(sentences)
            sides.append(side.where(side.lengths <= most))
            counts[language] = len(sides[-1])
            if not counts[language]:
                raise InputError(
                    f"every sentence of {language} is longer than {most} pieces: cut them into shorter ones"
                )
        clean = Sentences(np.concatenate([s.ids for s in sides]), np.concatenate([s.lengths for s in sides]))
        start = np.repeat([tokenizer.start(language) for language in texts], list(counts.values())).astype("int32")
        return cls(clean, start, settings, tokenizer.marks[MASK], counts)

    def batches(self, epoch: int) -> Batches:
        """Spoilt sentences and what they were, with the noise of an epoch."""
        rng = np.random.default_rng((self.settings.seed, epoch, self.mask))
        spoilt = corrupt(self.clean, self.settings, self.mask, rng)
        return Batches(spoilt, self.clean, self.settings.batch_tokens, self.settings.seed, start=self.start)


def readable(ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """A spoilt sentence as people read it: "the ___ sat on"."""
    cuts = np.flatnonzero(np.asarray(ids) == tokenizer.marks[MASK])
    parts = tokenizer.decode(np.split(np.asarray(ids), cuts))
    return f" {BLANK} ".join(parts).strip()


class Restorer:
    """A pre-trained Transformer that restores sentences of each of its languages, by greedy search."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer, settings: Settings):
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self._searches: dict[int, Search] = {}

    def restore(self, spoilt: Sequence[Sequence[int]], language: str) -> list[str]:
        """What the model makes of spoilt sentences, given as ids, end mark last."""
        start = self.tokenizer.start(language)
        search = self._searches.setdefault(start, Search(self.model, beams=1, start=start))
        found = {int(i): ids for i, ids, _ in search.translate(spoilt)}
        return self.tokenizer.decode(found[i] for i in range(len(spoilt)))

    def samples(self, texts: Mapping[str, Sequence[str]], count: int) -> list[tuple[str, str, str]]:
        """Spoil and restore the first so many sentences of each language that are not too long to be learnt from.

        Returns:
            For each the sentence, spoilt, restored. The noise is always the same.
        """
        rows = []
        for language, sentences in texts.items():
            pairs = Denoising.of({language: sentences}, self.tokenizer, self.settings).batches(0)
            clean, spoilt = list(pairs.target)[:count], list(pairs.source)[:count]
            blanks = [readable(ids, self.tokenizer) for ids in spoilt]
            rows += zip(self.tokenizer.decode(clean), blanks, self.restore(spoilt, language), strict=True)
        return rows
