"""Greedy and beam search with cached keys and values: one loop in the graph for a whole batch. `keras.ops` only.

Shapes as in `transformer`; L is the longest translation allowed.
"""

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from fmkeras.translation.attention import MASKED, causal_bias, padding_bias, positions_of
from fmkeras.translation.batches import by_length, padded
from fmkeras.translation.tokenizer import END, PAD, START
from fmkeras.translation.transformer import Transformer

WORST = -1e30  # below every score


def longest(source_length):
    """Tokens that a translation may have, end mark included: half as many again as the source, and ten."""
    return source_length * 3 // 2 + 10


def beam_search(model: Transformer, source, beams: int = 4, length_penalty: float = 1.0):
    """Translate a batch. With one beam this is greedy search.

    A sentence is done when `beams` of its hypotheses have ended, as in fairseq. Of these the one with the highest
    log-probability, divided by length ** length_penalty (end mark counted), is returned (Wu et al. 2016).

    Args:
        model: a Transformer in float32.
        source: (B, S) ids, end mark last.
        beams: K, hypotheses that are followed at a time.
        length_penalty: 0 prefers short translations; 1 compares mean log-probabilities.

    Returns:
        (B, L) ids without start and end marks, filled up with PAD; and their (B,) scores.
    """
    batch, width = ops.shape(source)[0], longest(ops.shape(source)[1])
    limits = longest(ops.sum(ops.cast(ops.not_equal(source, PAD), "int32"), axis=1))  # (B,)
    memory, memory_bias = model.encode(source)
    caches, memory_caches = model.start_caches(memory, beams, width)
    vocabulary, ranks, columns = model.settings["vocab_size"], ops.arange(2 * beams), ops.arange(width + 1)
    pieces = ops.arange(vocabulary)  # those before END are marks that no sentence contains
    first_row = ops.arange(batch)[:, None] * beams  # (B, 1): where a sentence's hypotheses begin in a cache

    def step(position, tokens, scores, best, best_score, ended, caches):
        last = ops.take(tokens, position, axis=2)  # (B, K)
        logits, caches = model.step(last, position, caches, memory_caches, memory_bias)
        total = scores[:, :, None] + ops.log_softmax(logits, axis=-1)  # (B, K, V)
        must_end = (position + 1 >= limits)[:, None, None]
        total = ops.where((pieces < END) | (must_end & (pieces != END)), WORST, total)
        # Of 2K continuations at most K end, so K are left to go on with.
        top, index = ops.top_k(ops.reshape(total, (batch, beams * vocabulary)), 2 * beams)  # (B, 2K)
        parent, token = index // vocabulary, index % vocabulary
        ends = ops.equal(token, END)

        counts = ends & (ranks < beams) & (ended < beams)[:, None]  # (B, 2K): those that end now
        length = ops.cast(position + 1, "float32")
        final = ops.where(counts, top / length**length_penalty, WORST)
        winner = ops.argmax(final, axis=1)[:, None]  # (B, 1)
        final = ops.max(final, axis=1)
        hypothesis = ops.take_along_axis(tokens, ops.take_along_axis(parent, winner, axis=1)[:, :, None], axis=1)
        best = ops.where((final > best_score)[:, None], hypothesis[:, 0], best)
        best_score = ops.maximum(best_score, final)
        ended = ended + ops.sum(ops.cast(counts, "int32"), axis=1)

        scores, index = ops.top_k(ops.where(ends, WORST, top), beams)  # (B, K)
        parent, token = (ops.take_along_axis(x, index, axis=1) for x in (parent, token))
        if beams > 1:
            tokens = ops.take_along_axis(tokens, parent[:, :, None], axis=1)
            rows = ops.reshape(first_row + parent, (-1,))
            caches = [tuple(ops.take(c, rows, axis=0) for c in pair) for pair in caches]
        tokens = ops.where(columns == position + 1, token[:, :, None], tokens)
        return position + 1, tokens, scores, best, best_score, ended, caches

    def unfinished(position, tokens, scores, best, best_score, ended, caches):
        return (position < width) & ops.any(ended < beams)

    tokens = ops.where(columns == 0, START, PAD) + ops.zeros((batch, beams, 1), "int32")  # (B, K, L + 1)
    # All hypotheses start alike: only the first may count, or the beam would hold K times the same.
    scores = ops.where(ops.arange(beams) == 0, 0.0, MASKED) + ops.zeros((batch, 1))
    state = (0, tokens, scores, tokens[:, 0], ops.full((batch,), WORST), ops.zeros((batch,), "int32"), caches)
    _, _, _, best, best_score, _, _ = ops.while_loop(unfinished, step, state)
    return best[:, 1:], best_score


class Search(keras.Model):
    """`beam_search` as a model, so that `predict_on_batch` compiles it whatever the backend."""

    def __init__(self, transformer: Transformer, beams: int = 4, length_penalty: float = 1.0):
        super().__init__()
        self.transformer, self.beams, self.length_penalty = transformer, beams, length_penalty
        self.built = True
        self.compile(jit_compile="auto" if keras.backend.backend() == "jax" else False)

    def call(self, source):
        return beam_search(self.transformer, source, self.beams, self.length_penalty)

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
            ids, scores = self.predict_on_batch(batch)
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
