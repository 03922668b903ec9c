"""Greedy and beam search with cached keys and values: one loop in the graph for a whole batch. `keras.ops` only.

The steps of the search, among them `keep_best_finished`, which chooses the best hypothesis, are in `beam`; here they
are put together (`advance`), repeated until every sentence is done, and compiled (`Search`). Shapes as in `beam`.
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from fmkeras import cli, devices
from fmkeras.translation.corpora.batches import by_length, by_width, padded, rounded, rows_of
from fmkeras.translation.corpora.tokenizer import PAD, START
from fmkeras.translation.inference.beam import (
    WORST,
    Beam,
    Tensor,
    ancestors_bias,
    best_continuations,
    choose_active,
    keep_best_finished,
    remember_computed,
    score_continuations,
    start_beam,
)
from fmkeras.translation.inference.hypotheses import Sources, check_options
from fmkeras.translation.model.attention import causal_bias, padding_bias, positions_of
from fmkeras.translation.model.transformer import Transformer

UNFINISHED = 0.75  # share of the active sentences below which the finished ones leave the batch
FEW = 2  # sentences at most that are translated without compiling
SHORT = 16  # tokens of theirs, one after the other, that take about the time that compiling takes


class Caches(NamedTuple):
    """What the decoder need not compute again; see `Transformer.step`."""

    own: list  # for each decoder block, keys and values of the tokens of all hypotheses: two of (B, H, tokens * K, d)
    memory: list  # and of the encoder's output: two of (B, H, S, d)
    memory_bias: Tensor  # (B, 1, 1, S)


def beam_search(
    model: Transformer,
    source: Tensor,
    beams: int = 4,
    length_penalty: float = 1.0,
    start: int = START,
    n_best: int = 1,
    max_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Translate a batch. With one beam this is greedy search.

    A sentence is done when `beams` of its hypotheses have finished, as in fairseq. Of these those with the highest
    log-probability, divided by length ** length_penalty (end token counted), are returned (Wu et al. 2016).

    Args:
        model: a Transformer.
        source: (B, S) ids, end token last.
        beams: K, hypotheses that are followed at a time.
        length_penalty: 0 prefers short translations; 1 compares mean log-probabilities.
        start: the token that translations start with.
        n_best: N, how many translations of each sentence are returned, at most K.
        max_length: tokens that a translation may have, see `length_limit`.

    Returns:
        (B, N, L) ids, best first, without start and end tokens, filled up with PAD; and their (B, N) scores. A score is
        `WORST` where there is no such translation.

    Raises:
        InputError: n_best or max_length cannot be.
    """
    check_options(beams, n_best, max_length)
    fixed_shapes = devices.compiles_each_shape()
    beam = start_beam(source, beams, start, n_best, max_length)
    # Room for all tokens, or none to start with: as a size that the graph does not know, for it grows.
    slots = beams * ops.shape(beam.tokens)[2] if fixed_shapes else 0 * ops.shape(source)[0]
    caches = start_caches(model, source, slots)
    step = functools.partial(advance, model, length_penalty=length_penalty)
    search = search_with_fixed_shapes if fixed_shapes else search_with_leaving_sentences
    finished, scores = search(step, beam, caches)
    return finished[:, :, 1:], scores


def search_with_fixed_shapes(step: Callable, beam: Beam, caches: Caches) -> tuple[Tensor, Tensor]:
    """Step until every sentence is done. XLA wants fixed shapes: no sentence leaves, caches have all their slots.

    Args:
        step: `advance`, of which position, beam, caches, seen and slot are still to be given.
        beam, caches: to start with; caches with K * (L + 1) slots.

    Returns:
        (B, N, L + 1) tokens, and (B, N) scores, as in `Beam.finished`.
    """
    beams, columns = ops.shape(beam.tokens)[1:]

    def body(position: Tensor, beam: Beam, caches: Caches) -> tuple[Tensor, Beam, Caches]:
        return position + 1, *step(position, beam, caches, seen=columns, slot=position * beams)

    _, beam, _ = ops.while_loop(lambda _, beam, __: ops.any(beam.is_active()), body, (0, beam, caches))
    return beam.finished, beam.finished_scores


def search_with_leaving_sentences(step: Callable, beam: Beam, caches: Caches) -> tuple[Tensor, Tensor]:
    """Step until some sentences are done; these leave the batch, so that the others need not wait for them; and so on.

    Args:
        step: as in `search_with_fixed_shapes`.
        beam, caches: to start with; caches without slots, to which each step appends.

    Returns:
        (B, N, L + 1) tokens, and (B, N) scores, as in `Beam.finished`.
    """

    def body(position: Tensor, beam: Beam, caches: Caches) -> tuple[Tensor, Beam, Caches]:
        return position + 1, *step(position, beam, caches, seen=position + 1, slot=None)

    def many_active(position: Tensor, beam: Beam, caches: Caches) -> Tensor:
        under_way = ops.sum(ops.cast(beam.is_active(), "float32"))
        return under_way > UNFINISHED * ops.cast(ops.shape(beam.rows)[0], "float32")

    def run_and_leave(position: Tensor, beam: Beam, caches: Caches, finished: Tensor, scores: Tensor) -> tuple:
        position, beam, caches = ops.while_loop(many_active, body, (position, beam, caches))
        finished = ops.scatter_update(finished, beam.rows[:, None], beam.finished)
        scores = ops.scatter_update(scores, beam.rows[:, None], beam.finished_scores)
        stay = ops.nonzero(beam.is_active())[0]
        beam, caches = keras.tree.map_structure(lambda x: ops.take(x, stay, axis=0), (beam, caches))
        return position, beam, caches, finished, scores

    state = (0, beam, caches, beam.finished, beam.finished_scores)
    *_, finished, scores = ops.while_loop(lambda _, beam, *__: ops.shape(beam.rows)[0] > 0, run_and_leave, state)
    return finished, scores


def start_caches(model: Transformer, source: Tensor, slots: Any) -> Caches:
    """Encode (B, S) sources, and make room for `slots` tokens of their translations."""
    memory, memory_bias = model.encode(source)
    return Caches(*model.start_caches(memory, slots), memory_bias)


def advance(
    model: Transformer, position: Any, beam: Beam, caches: Caches, seen: Any, slot: Any, length_penalty: float
) -> tuple[Beam, Caches]:
    """One token more for each hypothesis: a step of the search.

    Args:
        model, length_penalty: as in `beam_search`.
        position: of the last tokens, the start token's being 0.
        beam, caches: of the step before.
        seen: how many tokens of each hypothesis the caches have room for after this step.
        slot: where in the caches the last tokens are written; None appends them.

    Returns:
        Beam and caches with the new tokens.
    """
    cli.stop_if_interrupted()  # between two tokens; in a graph while it is made
    beam = remember_computed(beam, position)
    last = ops.take(beam.tokens, position, axis=2)  # (B, K)
    bias = ancestors_bias(beam.ancestors[:, :, :seen])  # (B, 1, K, seen * K)
    logits, own = model.step(last, position, caches.own, caches.memory, bias, caches.memory_bias, slot)  # (B, K, V)
    length = position + 1  # of the hypotheses that end now, end token included
    found = best_continuations(*score_continuations(logits, beam.scores, length >= beam.limits))
    beam = keep_best_finished(beam, found, length, length_penalty)
    return choose_active(beam, found, length), caches._replace(own=own)


class Search(keras.Model):
    """`beam_search`, compiled once for batches of every size and length (JAX: once for each shape).

    Args:
        transformer: the model.
        beams, length_penalty, start, n_best, max_length: as in `beam_search`.

    Call arguments:
        source: (B, S) ids, end token last.

    Returns:
        (B, N, L) ids and (B, N) scores, as `beam_search`.

    Raises:
        InputError: n_best or max_length cannot be.
    """

    def __init__(
        self,
        transformer: Transformer,
        beams: int = 4,
        length_penalty: float = 1.0,
        start: int = START,
        n_best: int = 1,
        max_length: int | None = None,
    ):
        super().__init__()
        check_options(beams, n_best, max_length)
        self.transformer, self.beams, self.length_penalty, self.start = transformer, beams, length_penalty, start
        self.n_best, self.max_length = n_best, max_length
        self.built = True
        self.compile(jit_compile=devices.jit_compile())
        self.tokens = 0  # translated without compiling
        self.first_call = self.compiled_call = self.predict_on_batch
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # Keras would trace the loop, for seconds, at the first shapes too, before it gives up telling them apart.
            # AutoGraph, which has nothing to do where all loops are `ops`, would make that three times as long.
            self.compiled_call = tf.function(
                self.call, input_signature=[tf.TensorSpec((None, None), "int32")], autograph=False
            )
            # A short sentence or two take less time than tracing: whoever translates no more need not wait for that.
            self.first_call = quietly(self.call)

    def call(self, source: Tensor) -> tuple[Tensor, Tensor]:
        options = (self.beams, self.length_penalty, self.start, self.n_best, self.max_length)
        return beam_search(self.transformer, source, *options)

    def translate(self, sources: Sources, budget: int = 8192) -> Iterator[tuple[int, np.ndarray, float]]:
        """Translate sentences of any number, those of like length together, the longest first.

        Args:
            sources: ids of each sentence, end token last.
            budget: source tokens times hypotheses in a batch at most.

        Yields:
            For each sentence its index, the ids of its translation and their score.
        """
        for i, ids, scores in self._search(sources, budget):
            yield i, ids[0], scores[0]

    def translate_n_best(
        self, sources: Sources, budget: int = 8192
    ) -> Iterator[tuple[int, list[tuple[np.ndarray, float]]]]:
        """The `n_best` best translations of each sentence. Arguments as in `translate`.

        Yields:
            For each sentence its index and its translations, ids and score of each, the best first. There are fewer
            only where fewer can be written within the length limit.
        """
        for i, ids, scores in self._search(sources, budget):
            yield i, [(row, score) for row, score in zip(ids, scores, strict=True) if score > WORST]

    def _search(self, sources: Sources, budget: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """For each sentence its index, (N, L) ids and (N,) scores."""
        for rows, batch in self._batches(sources, budget // self.beams):
            self.tokens += batch.shape[1] if len(sources) <= FEW else SHORT + 1
            search = self.first_call if self.tokens <= SHORT else self.compiled_call
            ids, scores = map(ops.convert_to_numpy, search(batch))
            yield from zip(rows, ids, scores, strict=False)  # without the rows of padding at the end

    def _batches(self, sources: Sources, budget: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Indices of sentences of like length, the longest first, and their ids: (B,), (B, S)."""
        lengths = np.array([len(row) for row in sources])
        order, widths = np.argsort(lengths, kind="stable"), devices.batch_widths(training=False)
        if not widths:
            for indices in reversed(by_length(lengths[order], budget)):
                yield order[indices], padded([sources[i] for i in order[indices]])
            return
        # XLA compiles each new shape: widths are powers of two, and each has one number of rows.
        for indices in reversed(by_width(rounded(lengths[order], widths), budget)):
            rows = [sources[i] for i in order[indices]]
            count = min(rows_of(padded(rows, widths).shape[1], budget), 1 << (len(sources) - 1).bit_length())
            yield order[indices], padded(rows, widths, count)


def quietly(call: Callable) -> Callable:
    """The same call, run without a graph, but not Keras's remark that the first token's attention to itself is 1."""

    def quiet_call(batch: np.ndarray) -> tuple[Tensor, Tensor]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="You are using a softmax over axis")
            return call(batch)

    return quiet_call


def cross_attention(model: Transformer, source: Tensor, target: Tensor) -> np.ndarray:
    """The weights with which each decoder block looks at the source.

    Args:
        source: (B, S) ids.
        target: (B, T) ids, start token first.

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
