"""What a Transformer is trained for: label-smoothed loss per real token, consistency of two passes, accuracy.

`keras.ops` only. With TensorFlow the batches pass through `tf.data`, which overlaps their making with the step and lets
one graph serve every shape; other backends take them as they come.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from fmkeras import cli, parallel
from fmkeras.translation.corpora.batches import Batch, Batches
from fmkeras.translation.model.attention import PAD, Tensor
from fmkeras.translation.model.transformer import Transformer


def at_targets(rows: Tensor, targets: Tensor) -> Tensor:
    """The element of each row that its target names: (N, V), (N,) -> (N,)."""
    return ops.take_along_axis(rows, ops.expand_dims(targets, -1), axis=-1)[:, 0]


def smoothed_cross_entropy(targets: Tensor, logits: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy against (1 - ε) on the target and ε spread evenly: (N,), (N, V) -> (N,) float32.

    With p = softmax(z) that is log Σ exp(z) - (1 - ε) z_target - ε mean(z), and its gradient p - ε/V, less 1 - ε at the
    target. Saying so saves the smoothed one-hot rows, which are as large as the logits (docs/results.md).

    Reference: Szegedy et al. (2016), arXiv:1512.00567, section 7.
    """
    targets, spread = ops.cast(targets, "int32"), smoothing / logits.shape[-1]

    @ops.custom_gradient
    def losses_of(logits: Tensor) -> tuple[Tensor, Callable]:
        p = ops.softmax(logits)
        normalizer = ops.max(logits, axis=-1) - ops.log(ops.max(p, axis=-1))  # the largest p is never near 0
        losses = normalizer - (1 - smoothing) * at_targets(logits, targets) - smoothing * ops.mean(logits, axis=-1)

        def gradient(
            *arguments: Tensor, upstream: Tensor | None = None
        ) -> Tensor:  # PyTorch gives it by name, the others by place
            upstream = arguments[0] if upstream is None else upstream
            at = ops.stack([ops.arange(ops.shape(p)[0]), targets], axis=-1)  # (N, 2)
            true = (at_targets(p, targets) - spread - (1 - smoothing)) * upstream
            return ops.scatter_update((p - spread) * ops.expand_dims(upstream, -1), at, true)

        return losses, gradient

    return losses_of(ops.cast(logits, "float32"))


def divergence(first: Tensor, second: Tensor) -> Tensor:
    """KL(p ‖ q) + KL(q ‖ p) of the distributions that two rows of logits stand for: (N, V), (N, V) -> (N,).

    It is Σ (p - q)(log p - log q).
    """
    first, second = (ops.log_softmax(ops.cast(logits, "float32")) for logits in (first, second))
    return ops.sum((ops.exp(first) - ops.exp(second)) * (first - second), axis=-1)


@keras.saving.register_keras_serializable("fmkeras")
class Objective(keras.Model):
    """A Transformer with what it is trained for. Every mean is over real target tokens; padding never counts.

    An ordinary Keras model: `compile`, `fit`, `evaluate`, callbacks. `fit` and `evaluate` take batches of
    `((source, target_in), target_out)`, or with weights of the target tokens as a third part: see `Batches.epoch`. They
    report `loss` (smoothed cross-entropy), `accuracy` (share of tokens predicted right, given those before), and in
    evaluation `nll`, the cross-entropy without smoothing, whose exponential is the perplexity.

    Args:
        transformer: what is trained.
        smoothing: share of the target's probability that is spread over the vocabulary.
        word_dropout: share of the tokens whose embedding is left out in training.
        consistency: weight of the `divergence` between two passes over each batch, which differ by dropout: R-Drop
            (Wu et al. 2021, arXiv:2106.14448), whose α is four times this. With word dropout only the second pass has
            that, and the cross-entropy is that of the first: SimCut (Gao et al. 2022, arXiv:2206.02368), whose α this
            is. A step takes twice as long.

    Call arguments:
        inputs: those of the Transformer, a pair of (B, S) and (B, T) ids.

    Returns:
        (B, T, V) logits; of two passes (2B, T, V).

    Example:
        >>> objective = Objective(Transformer(vocab_size=100, d_model=32, num_heads=4, d_ff=64, num_layers=2))
        >>> objective.compile("adam")
        >>> source, target = np.ones((8, 5), "int32"), np.ones((8, 7), "int32")
        >>> history = objective.fit((source, target), target, validation_split=0.5, verbose=0)
        >>> sorted(history.history)
        ['accuracy', 'loss', 'val_accuracy', 'val_loss', 'val_nll']
    """

    def __init__(
        self,
        transformer: Transformer,
        smoothing: float = 0.1,
        word_dropout: float = 0.0,
        consistency: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.transformer, self.smoothing = transformer, smoothing
        self.word_dropout, self.consistency = word_dropout, consistency
        self.own_state: list[keras.Variable] = []  # beside the Transformer's: that of word dropout
        if word_dropout:
            self.seed_generator = keras.random.SeedGenerator()
            self.own_state = [self.seed_generator.state]
        self.token_loss = keras.metrics.Mean("loss")
        self.accuracy = keras.metrics.Mean("accuracy")
        self.nll = keras.metrics.Mean("nll")
        self._counted: tuple = ()  # the metrics that the step being traced counts
        self.built = True  # the Transformer has built itself

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> Tensor:
        if not training or not (self.word_dropout or self.consistency):
            return self.transformer(inputs, training=training)
        kept = tuple(map(self.draw_kept, inputs)) if self.word_dropout else None
        if self.consistency:
            if kept:
                kept = tuple(ops.concatenate([ops.ones_like(part), part]) for part in kept)
            inputs = tuple(ops.concatenate([ids, ids]) for ids in inputs)
        return self.transformer(inputs, training=True, kept=kept)

    def draw_kept(self, ids: Tensor) -> Tensor:
        """Which of the (B, T) tokens keep their embedding: float32, 1 or 0."""
        drawn = keras.random.uniform(ops.shape(ids), seed=self.seed_generator)
        return ops.cast(drawn >= self.word_dropout, "float32")

    def compute_loss(
        self,
        x: Any = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """The mean smoothed loss over real tokens, for targets (B, T) and logits (B, T, V).

        Args:
            sample_weight: (B, T) weights of the tokens or (B,) of the sentences; None weighs all alike. With a factor
                of the loss beside them, where the batch is a part: see `part_of`.
        """
        factor = 1.0
        if isinstance(sample_weight, tuple | list):
            sample_weight, factors = sample_weight
            factor = ops.max(factors)  # all are the same
        weights = ops.cast(ops.not_equal(y, PAD), "float32")  # (B, T): padding never counts
        if sample_weight is not None:
            given = ops.reshape(ops.cast(sample_weight, "float32"), (ops.shape(y)[0], -1))  # (B, T) or (B, 1)
            weights = weights * given
        # Flat: of a (B, T) tensor keras.metrics.Mean first takes the mean of each row, padding included.
        y, weights = ops.reshape(y, (-1,)), ops.reshape(weights, (-1,))  # (B·T,)
        logits = ops.cast(ops.reshape(y_pred, (-1, y_pred.shape[-1])), "float32")  # (B·T, V); of two passes twice that
        penalty = 0.0
        if training and self.consistency:
            logits, second = ops.split(logits, 2)
            penalty = self.consistency * divergence(logits, second)
        losses = smoothed_cross_entropy(y, logits, self.smoothing)
        self.token_loss.update_state(losses, weights)
        # Not by argmax, which takes longer than softmax. Only in bfloat16 do two tokens ever share the first place.
        self.accuracy.update_state(ops.equal(at_targets(logits, y), ops.max(logits, axis=-1)), weights)
        self._counted = (self.token_loss, self.accuracy)
        if not training:
            self._counted += (self.nll,)
            self.nll.update_state(smoothed_cross_entropy(y, logits, 0.0), weights)
        elif self.consistency and not self.word_dropout:
            losses = (losses + smoothed_cross_entropy(y, second, self.smoothing)) / 2
        tokens = parallel.total(ops.sum(weights))  # of all devices: one mean over the whole batch
        return factor * ops.sum((losses + penalty) * weights) / ops.maximum(tokens, 1.0)

    def compute_metrics(self, x: Any, y: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> dict:
        """What `fit` and `evaluate` report; `compute_loss` has counted it already."""
        return {metric.name: metric.result() for metric in self._counted}

    def get_config(self) -> dict:
        transformer = keras.saving.serialize_keras_object(self.transformer)
        options = {name: getattr(self, name) for name in ("smoothing", "word_dropout", "consistency")}
        return super().get_config() | {"transformer": transformer} | options

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "Objective":
        """The objective of `get_config`, its Transformer with new weights."""
        transformer = keras.saving.deserialize_keras_object(config["transformer"], custom_objects=custom_objects)
        return cls(**config | {"transformer": transformer})


class Steps(keras.utils.PyDataset):
    """What `fit` is given of an epoch: batches `first` up to `last`, or `parts` of each, for all devices of the scope.

    Args:
        batches, epoch, first, last: as in `Batches.epoch`.
        parts: how many parts of a batch are computed one after the other, where a device is too small for the whole.
    """

    def __init__(self, batches: Batches, epoch: int | None, first: int, last: int | None, parts: int) -> None:
        super().__init__()
        self.batches, self.rows = batches, batches.indices(epoch)[first:last]
        self.parts, self.multiple = parts, parts * parallel.replicas()

    def __len__(self) -> int:
        return self.parts * len(self.rows)

    def __getitem__(self, number: int) -> tuple:
        batch: tuple = self.batches.batch(self.rows[number // self.parts], self.multiple)
        if self.parts > 1:
            batch = part_of(batch, number % self.parts, self.parts)
        own = parallel.own_rows(len(batch[1]))
        return keras.tree.map_structure(lambda x: x[own], batch)


def part_of(batch: Batch, part: int, parts: int) -> tuple:
    """Some rows of a batch; beside the weights of their tokens stands, for each row, the factor of the part's loss.

    An optimizer takes the mean of the parts' gradients. With these factors it is the gradient of the whole batch, in
    which each token counts alike.
    """
    inputs, target, weights = keras.tree.map_structure(lambda x: x[part::parts], batch)
    factor = parts * weights.sum() / max(batch[2].sum(), 1.0)
    return inputs, target, (weights, np.full(len(target), factor, "float32"))


def as_dataset(batches: Batches, epoch: int | None, first: int = 0, last: int | None = None, parts: int = 1) -> object:
    """The `Steps` of an epoch as `fit` takes them: with TensorFlow a tf.data.Dataset of any shapes."""
    steps = Steps(batches, epoch, first, last, parts)
    if keras.backend.backend() != "tensorflow":
        return steps
    import tensorflow as tf

    ids, weights = tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, None), "float32")
    signature = ((ids, ids), ids, weights if parts == 1 else (weights, tf.TensorSpec((None,), "float32")))
    dataset = tf.data.Dataset.from_generator(
        lambda: map(steps.__getitem__, range(len(steps))), output_signature=signature
    )
    # The count is what Keras asks for; after the prefetching, which else takes seconds to be torn down.
    return dataset.prefetch(4).apply(tf.data.experimental.assert_cardinality(len(steps)))


def evaluate(objective: Objective, batches: Batches) -> dict[str, float]:
    """Loss of a model on sentence pairs, each a mean over all real target tokens.

    Returns:
        loss (smoothed cross-entropy, nats a token), nll (cross-entropy), perplexity (exp of nll) and token_accuracy.
    """
    stop = keras.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: cli.stop_if_interrupted())
    # Whose logs are, of several replicas, their means.
    objective.evaluate(as_dataset(batches, None), verbose=0, callbacks=[stop])
    nll = float(objective.nll.result())
    return {
        "loss": float(objective.token_loss.result()),
        "nll": nll,
        "perplexity": float(np.exp(min(nll, 700.0))),
        "token_accuracy": float(objective.accuracy.result()),
    }
