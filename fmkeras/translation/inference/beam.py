"""The beam of a search, and the steps that change it, in the order in which `decoding.advance` takes them.

`start_beam` makes it. Then, for each token: `ancestors_bias` shows each hypothesis its own past, `score_continuations`
and `best_continuations` say how it can go on, `keep_best_finished` chooses the best of the hypotheses that have
finished, and `choose_active` those that go on.

Shapes as in `transformer`: B sentences, K hypotheses each, V tokens. L is the longest translation allowed, N how many
finished hypotheses are kept, C how many continuations of each hypothesis are looked at. `keras.ops` only.
"""

import math
from typing import Any, NamedTuple

from keras import ops

from fmkeras.translation.corpora.tokenizer import END, PAD
from fmkeras.translation.inference.hypotheses import length_limit
from fmkeras.translation.model.attention import MASKED

Tensor = Any  # of whichever backend
WORST = -1e30  # below every score
COPY = -1e9  # score of the copies that a beam starts with: below that of every hypothesis


class Beam(NamedTuple):
    """The sentences of a batch that are still translated, with K active hypotheses and the N best finished of each."""

    rows: Tensor  # (B,) place of each sentence in the batch that was given
    limits: Tensor  # (B,) tokens that its translation may have, end token included
    tokens: Tensor  # (B, K, L + 1) the active hypotheses, start token first
    ancestors: Tensor  # (B, K, L + 1) which hypothesis computed the cached keys and values of each token; -1: none yet
    scores: Tensor  # (B, K) their log-probabilities
    ended: Tensor  # (B,) how many hypotheses have finished
    finished: Tensor  # (B, N, L + 1) the best of these, best first, start token first, without end token
    finished_scores: Tensor  # (B, N) log-probability / length ** length_penalty; WORST: none yet

    def is_active(self) -> Tensor:
        """(B,) whether a sentence is still to be translated: until K of its hypotheses have finished, as in fairseq."""
        return self.ended < ops.shape(self.scores)[1]


class Continuations(NamedTuple):
    """The 2K best continuations of a sentence's hypotheses, best first. At most K end, so K are left to go on."""

    scores: Tensor  # (B, 2K) log-probabilities of the whole
    parents: Tensor  # (B, 2K) which hypothesis goes on
    tokens: Tensor  # (B, 2K) with which token


def start_beam(source: Tensor, beams: int, start: int, n_best: int, max_length: int | None) -> Beam:
    """The beam of a batch of (B, S) sources before the first step. Arguments as in `beam_search`."""
    batch, width = ops.shape(source)
    columns = ops.arange(length_limit(width, max_length) + 1)  # (L + 1,)
    tokens = ops.where(columns == 0, start, PAD) + ops.zeros((batch, beams, 1), "int32")  # (B, K, L + 1)
    # All hypotheses start alike: only the first may count, or the beam would hold K times the same.
    scores = ops.where(ops.arange(beams) == 0, 0.0, COPY) + ops.zeros((batch, 1), "float32")  # (B, K)
    return Beam(
        rows=ops.arange(batch),
        limits=length_limit(ops.sum(ops.cast(ops.not_equal(source, PAD), "int32"), axis=1), max_length),
        tokens=tokens,
        ancestors=ops.full_like(tokens, -1),
        scores=scores,
        ended=ops.zeros((batch,), "int32"),
        finished=tokens[:, :n_best],
        finished_scores=ops.full((batch, n_best), WORST, "float32"),
    )


def remember_computed(beam: Beam, position: Any) -> Beam:
    """The keys and values at a position are computed by each hypothesis itself: it is its own ancestor there."""
    beams, columns = ops.shape(beam.tokens)[1:]
    here = ops.arange(columns) == position  # (L + 1,)
    return beam._replace(ancestors=ops.where(here, ops.arange(beams)[:, None], beam.ancestors))


def ancestors_bias(ancestors: Tensor) -> Tensor:
    """Show each hypothesis the cached keys and values of its ancestors only.

    Where a hypothesis goes on, its cache would have to be copied. Instead the cached keys and values stay where they
    were computed, and each hypothesis remembers which of them are its ancestors'; it attends to those.

    Args:
        ancestors: (B, K, T) which hypothesis computed each of the T tokens; -1: none yet.

    Returns:
        (B, 1, K, T * K), over the cache, in which the K tokens of each position lie side by side.
    """
    batch, beams, tokens = ops.shape(ancestors)
    bias = ops.where(ops.equal(ancestors[..., None], ops.arange(beams)), 0.0, MASKED)  # (B, K, T, K)
    return ops.reshape(bias, (batch, 1, beams, tokens * beams))


def score_continuations(logits: Tensor, scores: Tensor, must_end: Tensor) -> tuple[Tensor, Tensor]:
    """The best continuations of each hypothesis. At the length limit only the end token is one.

    Args:
        logits: (B, K, V) for the next token.
        scores: (B, K) log-probabilities of the hypotheses.
        must_end: (B,) whether a sentence has reached its limit.

    Returns:
        (B, K, C) log-probabilities with the next token; WORST, or worse, where that may not be; and these tokens.
    """
    beams, vocabulary = ops.shape(logits)[1:]
    choices = min(
        2 * beams + END, vocabulary
    )  # C: 2K, and the special tokens, ids below END, that no sentence contains
    logits = ops.cast(logits, "float32")
    values, tokens = largest(ops.reshape(logits, (-1, vocabulary)), choices)  # (B * K, C)
    values, tokens = (ops.reshape(x, (-1, beams, choices)) for x in (values, tokens))  # (B, K, C)
    must_end = must_end[:, None, None]
    only_end = ops.where(ops.arange(choices) == 0, logits[:, :, END : END + 1], WORST)  # (B, K, C), the end token once
    values = ops.where(must_end, only_end, ops.where(tokens < END, WORST, values))
    tokens = ops.where(must_end, END, tokens)
    return scores[:, :, None] + values - ops.logsumexp(logits, axis=-1, keepdims=True), tokens


def best_continuations(scores: Tensor, tokens: Tensor) -> Continuations:
    """Of (B, K, C) continuations of each hypothesis, the 2K best of each sentence."""
    _, beams, choices = ops.shape(scores)
    scores, index = ops.top_k(ops.reshape(scores, (-1, beams * choices)), 2 * beams)  # (B, 2K)
    tokens = pick(ops.reshape(tokens, (-1, beams * choices)), index)  # (B, 2K)
    return Continuations(scores, index // choices, tokens)


def keep_best_finished(beam: Beam, found: Continuations, length: Any, length_penalty: float) -> Beam:
    """Choose the best of the hypotheses that have finished: those of earlier steps, and those that end now.

    Only what is among the K best continuations ends. Where a sentence is done already, nothing more does.

    Args:
        beam: as it was before the new tokens.
        found: how its hypotheses go on.
        length: of the hypotheses that end now, end token included.
        length_penalty: as in `beam_search`.

    Returns:
        The beam with other `finished`, `finished_scores` and `ended`.
    """
    beams, n_best = ops.shape(beam.scores)[1], ops.shape(beam.finished_scores)[1]
    log_probability, parents = found.scores[:, :beams], found.parents[:, :beams]  # (B, K)
    ends = ops.equal(found.tokens[:, :beams], END) & beam.is_active()[:, None]  # (B, K)
    real = log_probability > COPY / 2  # not from one of the copies that the beam starts with, see `start_beam`
    scores = log_probability / ops.cast(length, "float32") ** length_penalty
    scores = ops.concatenate([beam.finished_scores, ops.where(ends & real, scores, WORST)], axis=1)  # (B, N + K)
    candidates = ops.concatenate([beam.finished, pick(beam.tokens, parents)], axis=1)  # (B, N + K, L + 1)
    scores, best = ops.top_k(scores, n_best)  # (B, N); of equal ones the earlier
    ended = beam.ended + ops.sum(ops.cast(ends, "int32"), axis=1)
    return beam._replace(ended=ended, finished=pick(candidates, best), finished_scores=scores)


def choose_active(beam: Beam, found: Continuations, position: Any) -> Beam:
    """Go on with the K best continuations that do not end.

    Args:
        beam: as it was before the new tokens.
        found: how its hypotheses go on.
        position: of the new tokens.

    Returns:
        The beam with other `tokens`, `ancestors` and `scores`.
    """
    beams, columns = ops.shape(beam.tokens)[1:]
    scores, index = ops.top_k(ops.where(ops.equal(found.tokens, END), WORST, found.scores), beams)  # (B, K)
    parents, new = pick(found.parents, index), pick(found.tokens, index)  # (B, K)
    here = ops.arange(columns) == position  # (L + 1,)
    tokens = ops.where(here, new[:, :, None], pick(beam.tokens, parents))  # (B, K, L + 1)
    return beam._replace(tokens=tokens, ancestors=pick(beam.ancestors, parents), scores=scores)


def pick(x: Tensor, index: Tensor) -> Tensor:
    """From each row of (B, N, ...) the entries named in (B, M): (B, M, ...)."""
    batch, size, *rest = ops.shape(x)
    return ops.take(ops.reshape(x, (batch * size, *rest)), index + ops.arange(batch)[:, None] * size, axis=0)


def largest(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`top_k` of each row of (R, V), several times as fast: only the k blocks with the highest maxima can hold them."""
    rows, width = ops.shape(x)
    count = max(n for n in range(1, math.isqrt(width) + 1) if width % n == 0)  # blocks, near √V
    size = width // count
    blocks = ops.reshape(x, (rows, count, size))
    _, block = ops.top_k(ops.max(blocks, axis=-1), min(k, count))
    values, index = ops.top_k(ops.reshape(pick(blocks, block), (rows, min(k, count) * size)), k)
    return values, pick(block, index // size) * size + index % size
