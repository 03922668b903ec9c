"""Greedy and beam search with cached keys and values: one loop in the graph for a whole batch. `keras.ops` only.

Shapes as in `transformer`; L is the longest translation allowed.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from fmkeras.translation.corpora.batches import by_length, padded
from fmkeras.translation.corpora.tokenizer import END, PAD, START
from fmkeras.translation.model.attention import MASKED, causal_bias, padding_bias, positions_of
from fmkeras.translation.model.transformer import Transformer

WORST = -1e30  # below every score
UNFINISHED = 0.75  # share of the sentences under way below which the finished ones leave the batch


def longest(source_length):
    """Tokens that a translation may have, end mark included: half as many again as the source, and ten."""
    return source_length * 3 // 2 + 10


class Beam(NamedTuple):
    """The sentences under way, K hypotheses each."""

    rows: Any  # (B,) place of each sentence in the batch that was given
    limits: Any  # (B,) tokens that its translation may have
    tokens: Any  # (B, K, L + 1) the hypotheses, start mark first
    ancestors: Any  # (B, K, L + 1) which hypothesis computed the cached keys and values of each token; -1: none yet
    scores: Any  # (B, K) log-probabilities
    ended: Any  # (B,) hypotheses that have ended
    best: Any  # (B, L + 1) of these the best
    best_score: Any  # (B,)
    caches: list  # see `Transformer.step`
    memory_caches: list
    memory_bias: Any

    def going(self):
        """(B,) whether hypotheses of a sentence are still to be followed: until K have ended."""
        return self.ended < ops.shape(self.scores)[1]


def beam_search(model: Transformer, source, beams: int = 4, length_penalty: float = 1.0, start: int = START):
    """Translate a batch. With one beam this is greedy search.

    A sentence is done when `beams` of its hypotheses have ended, as in fairseq. Of these the one with the highest
    log-probability, divided by length ** length_penalty (end mark counted), is returned (Wu et al. 2016).

    Where a hypothesis goes on, its cache would have to be copied. Instead the cached keys and values stay where they
    were computed, and each hypothesis remembers which of them are its ancestors'; it attends to those.

    Args:
        model: a Transformer in float32.
        source: (B, S) ids, end mark last.
        beams: K, hypotheses that are followed at a time.
        length_penalty: 0 prefers short translations; 1 compares mean log-probabilities.
        start: the mark that translations start with.

    Returns:
        (B, L) ids without start and end marks, filled up with PAD; and their (B,) scores.
    """
    fixed = keras.backend.backend() == "jax"  # XLA wants fixed shapes: no sentence leaves, caches have all their slots
    batch, columns = ops.shape(source)[0], ops.arange(longest(ops.shape(source)[1]) + 1)
    own, ranks = ops.arange(beams), ops.arange(2 * beams)
    vocabulary = model.settings["vocab_size"]
    choices = min(2 * beams + END, vocabulary)  # for each hypothesis, among them the marks that no sentence contains

    def step(position, beam):
        ancestors = ops.where(columns == position, own[:, None], beam.ancestors)
        seen = ancestors if fixed else ancestors[:, :, : position + 1]
        bias = ops.where(ops.equal(seen[..., None], own), 0.0, MASKED)  # (B, K, tokens, K)
        bias = ops.reshape(bias, (ops.shape(seen)[0], 1, beams, ops.shape(seen)[2] * beams))
        last, slot = ops.take(beam.tokens, position, axis=2), position * beams if fixed else None
        logits, caches = model.step(
            last, position, beam.caches, beam.memory_caches, bias, beam.memory_bias, slot
        )  # (B, K, V)

        values, pieces = largest(ops.reshape(logits, (-1, vocabulary)), choices)
        values, pieces = (ops.reshape(x, (-1, beams, choices)) for x in (values, pieces))
        must_end = (position + 1 >= beam.limits)[:, None, None]
        end_only = ops.where(ops.arange(choices) == 0, logits[:, :, END : END + 1], WORST)
        values = ops.where(must_end, end_only, ops.where(pieces < END, WORST, values))
        pieces = ops.where(must_end, END, pieces)
        total = beam.scores[:, :, None] + values - ops.logsumexp(logits, axis=-1, keepdims=True)
        # Of 2K continuations at most K end, so K are left to go on with.
        top, index = ops.top_k(ops.reshape(total, (-1, beams * choices)), 2 * beams)  # (B, 2K)
        parent, token = index // choices, pick(ops.reshape(pieces, (-1, beams * choices)), index)
        ends = ops.equal(token, END)

        counts = ends & (ranks < beams) & beam.going()[:, None]  # (B, 2K): those that end now
        length = ops.cast(position + 1, "float32")
        final = ops.where(counts, top / length**length_penalty, WORST)
        winner = pick(parent, ops.argmax(final, axis=1)[:, None])  # (B, 1)
        final = ops.max(final, axis=1)
        best = ops.where((final > beam.best_score)[:, None], pick(beam.tokens, winner)[:, 0], beam.best)

        scores, index = ops.top_k(ops.where(ends, WORST, top), beams)  # (B, K)
        parent, token = pick(parent, index), pick(token, index)
        return position + 1, beam._replace(
            tokens=ops.where(columns == position + 1, token[:, :, None], pick(beam.tokens, parent)),
            ancestors=pick(ancestors, parent),
            scores=scores,
            ended=beam.ended + ops.sum(ops.cast(counts, "int32"), axis=1),
            best=best,
            best_score=ops.maximum(beam.best_score, final),
            caches=caches,
        )

    def run(position, beam, share):
        """Steps until no more than this share of the sentences is under way."""
        enough = share * ops.cast(ops.shape(beam.rows)[0], "float32")
        return ops.while_loop(lambda _, b: ops.sum(ops.cast(b.going(), "float32")) > enough, step, (position, beam))

    def run_and_leave(position, beam, best, best_score):
        """Steps until some sentences are done; these leave the batch, so that the others need not wait for them."""
        position, beam = run(position, beam, UNFINISHED)
        best = ops.scatter_update(best, beam.rows[:, None], beam.best)
        best_score = ops.scatter_update(best_score, beam.rows[:, None], beam.best_score)
        stay = ops.nonzero(beam.going())[0]
        return position, keras.tree.map_structure(lambda x: ops.take(x, stay, axis=0), beam), best, best_score

    memory, memory_bias = model.encode(source)
    # Zero slots to start with, but as a size that the graph does not know, for it grows.
    slots = beams * columns.shape[0] if fixed else 0 * batch
    caches, memory_caches = model.start_caches(memory, slots)
    tokens = ops.where(columns == 0, start, PAD) + ops.zeros((batch, beams, 1), "int32")
    # All hypotheses start alike: only the first may count, or the beam would hold K times the same.
    scores = ops.where(own == 0, 0.0, MASKED) + ops.zeros((batch, 1))
    beam = Beam(
        rows=ops.arange(batch),
        limits=longest(ops.sum(ops.cast(ops.not_equal(source, PAD), "int32"), axis=1)),
        tokens=tokens,
        ancestors=ops.full_like(tokens, -1),
        scores=scores,
        ended=ops.zeros((batch,), "int32"),
        best=tokens[:, 0],
        best_score=ops.full((batch,), WORST),
        caches=caches,
        memory_caches=memory_caches,
        memory_bias=memory_bias,
    )
    if fixed:
        _, beam = run(0, beam, 0.0)
        return beam.best[:, 1:], beam.best_score
    state = (0, beam, beam.best, beam.best_score)
    *_, best, best_score = ops.while_loop(lambda _, b, *found: ops.shape(b.rows)[0] > 0, run_and_leave, state)
    return best[:, 1:], best_score


def pick(x, index):
    """From each row of (B, N, ...) the entries named in (B, M): (B, M, ...)."""
    batch, size, *rest = ops.shape(x)
    return ops.take(ops.reshape(x, (batch * size, *rest)), index + ops.arange(batch)[:, None] * size, axis=0)


def largest(x, k: int):
    """`top_k` of each row of (R, V), several times as fast: only the k blocks with the highest maxima can hold them."""
    rows, width = ops.shape(x)
    count = max(n for n in range(1, math.isqrt(width) + 1) if width % n == 0)  # blocks, near √V
    size = width // count
    blocks = ops.reshape(x, (rows, count, size))
    _, block = ops.top_k(ops.max(blocks, axis=-1), min(k, count))
    values, index = ops.top_k(ops.reshape(pick(blocks, block), (rows, min(k, count) * size)), k)
    return values, pick(block, index // size) * size + index % size


class Search(keras.Model):
    """`beam_search`, compiled once for batches of every size and length (JAX: once for each shape)."""

    def __init__(self, transformer: Transformer, beams: int = 4, length_penalty: float = 1.0, start: int = START):
        super().__init__()
        self.transformer, self.beams, self.length_penalty, self.start = transformer, beams, length_penalty, start
        self.built = True
        self.compile(jit_compile="auto" if keras.backend.backend() == "jax" else False)
        self.run = self.predict_on_batch
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # Keras would trace the loop, for seconds, at the first shapes too, before it gives up telling them apart.
            self.run = tf.function(self.call, input_signature=[tf.TensorSpec((None, None), "int32")])

    def call(self, source):
        return beam_search(self.transformer, source, self.beams, self.length_penalty, self.start)

    def translate(self, sources: list[list[int]], budget: int = 8192) -> Iterator[tuple[int, np.ndarray, float]]:
        """Translate sentences of any number, those of like length together, the longest first.

        Args:
            sources: ids of each sentence, end mark last.
            budget: source tokens times hypotheses in a batch at most.

        Yields:
            For each sentence its index, the ids of its translation and their score.
        """
        lengths = np.array([len(row) for row in sources])
        order = np.argsort(lengths, kind="stable")
        for run in reversed(by_length(lengths[order], budget // self.beams)):
            rows = order[run]
            # XLA compiles each new shape: keep them few.
            batch = padded([sources[i] for i in rows], 8 if keras.backend.backend() == "jax" else 1)
            ids, scores = map(ops.convert_to_numpy, self.run(batch))
            yield from zip(rows, ids, scores, strict=True)


def cross_attention(model: Transformer, source, target) -> np.ndarray:
    """The weights with which each decoder block looks at the source.

    Args:
        source: (B, S) ids.
        target: (B, T) ids, start mark first.

    Returns:
        (B, num_layers, H, T, S), each row summing to 1.
    """
    memory, memory_bias = model.encode(source)
    mask = ops.not_equal(target, PAD)
    bias = causal_bias(ops.shape(target)[1]) + padding_bias(mask)
    x, weights = model.embed(target, positions_of(mask)), []
    for block in model.decoder:
        y = block.self_attention_norm(x)
        query = block.cross_attention_norm(x + block.self_attention(y, y, bias))
        keys, _ = block.cross_attention.keys_and_values(memory)
        weights.append(block.cross_attention.weights_of(query, keys, memory_bias))
        x = block(x, memory, bias, memory_bias)
    return ops.convert_to_numpy(ops.stack(weights, axis=1))
