"""Attention, written out, with what it needs: positions, and masks as biases. `keras.ops` only.

Shapes: B sentences, T target tokens, S source tokens, H heads, d = d_model / H. Masks are True where a token is real;
as biases they are added to the attention scores.
"""

import math
from typing import Any, TypeAlias

import keras
from keras import ops

Tensor: TypeAlias = Any  # of whichever backend, or the symbolic one that Keras traces a model with

PAD = 0  # the id that fills short sentences up; never attended to, never counted
# Added to a score, its softmax is exactly 0. Finite, so that a row with nothing to attend to is no NaN: also twice over
# and in float16, whose largest number is 65,504.
MASKED = -2e4


def sinusoidal_positions(positions: Tensor, d_model: int) -> Tensor:
    """Sines and cosines of geometrically growing wavelengths, 2π to 20000π (Vaswani et al. 2017, section 3.5).

    Args:
        positions: (..., T) integers.
        d_model: model dimension, even.

    Returns:
        (..., T, d_model) float32: sines in the first half, cosines in the second.
    """
    frequencies = ops.exp(ops.arange(d_model // 2, dtype="float32") * (-2 * math.log(10_000) / d_model))  # (d_model/2,)
    angles = ops.expand_dims(ops.cast(positions, "float32"), -1) * frequencies  # (..., T, d_model/2)
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


def positions_of(mask: Tensor) -> Tensor:
    """Number the real tokens of each row 0, 1, 2, ..., wherever the padding stands: (B, T) -> (B, T)."""
    return ops.maximum(ops.cumsum(ops.cast(mask, "int32"), axis=-1) - 1, 0)


def padding_bias(mask: Tensor) -> Tensor:
    """(B, S) mask of real tokens -> (B, 1, 1, S) bias that hides the others from every query."""
    return ops.where(mask, 0.0, MASKED)[:, None, None, :]


def causal_bias(length: int | Tensor) -> Tensor:
    """(1, 1, T, T) bias that hides from each position those after it."""
    steps = ops.arange(length)
    return ops.where(steps[:, None] >= steps[None, :], 0.0, MASKED)[None, None]


@keras.saving.register_keras_serializable("fmkeras")
class Attention(keras.layers.Layer):
    """Multi-head attention, written out: softmax(QKᵀ/√d + bias)V in each of `num_heads` heads of dimension d.

    Args:
        d_model: model dimension, of input and output.
        num_heads: number of heads; d_model must be a multiple of it.
        dropout: rate on the attention weights.

    Call arguments:
        query: (B, T, d_model), what asks.
        memory: (B, S, d_model), what is looked up; the query itself in self-attention.
        bias: added to the scores, broadcast to (B, H, T, S). See `padding_bias` and `causal_bias`.

    Returns:
        (B, T, d_model).

    Raises:
        ValueError: d_model is no multiple of num_heads.

    Reference: Vaswani et al. (2017), section 3.2; ecosystem.md section 4.1. The TensorFlow tutorial's
    `MultiHeadAttention(num_heads, key_dim=d_model)` gives *each* head the full dimension; here the heads share it.
    """

    def __init__(self, d_model: int, num_heads: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError(f"d_model={d_model} is not a multiple of num_heads={num_heads}")
        self.d_model, self.num_heads, self.d_head = d_model, num_heads, d_model // num_heads
        self.query, self.key, self.value, self.output_projection = (
            keras.layers.Dense(d_model, name=name, dtype=self.dtype_policy)
            for name in ("query", "key", "value", "output")
        )
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, *shapes: Any) -> None:
        for dense in (self.query, self.key, self.value, self.output_projection):
            dense.build((None, None, self.d_model))
        self.built = True

    def split_heads(self, x: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, H, T, d)."""
        batch, length = ops.shape(x)[:2]
        return ops.transpose(ops.reshape(x, (batch, length, self.num_heads, self.d_head)), (0, 2, 1, 3))

    def keys_and_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Project (B, S, d_model) once, for as many queries as may come: two of (B, H, S, d)."""
        return self.split_heads(self.key(memory)), self.split_heads(self.value(memory))

    def weights_of(self, query: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
        """The attention weights: (B, T, d_model), (B, H, S, d) -> (B, H, T, S), each row summing to 1."""
        # Dividing the queries is dividing the scores, on the smaller tensor. It keeps the variance of a score near 1
        # whatever d is; else softmax saturates and its gradient vanishes.
        queries = self.split_heads(self.query(query) * (1 / math.sqrt(self.d_head)))  # (B, H, T, d)
        scores = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))  # (B, H, T, S)
        return ops.softmax(scores + ops.cast(bias, scores.dtype), axis=-1)

    def attend(self, query: Tensor, keys: Tensor, values: Tensor, bias: Tensor, training: bool = False) -> Tensor:
        """Attend from (B, T, d_model) to projected keys and values of (B, H, S, d): (B, T, d_model)."""
        weights = self.dropout(self.weights_of(query, keys, bias), training=training)
        heads = ops.matmul(weights, values)  # (B, H, T, d)
        batch, length = ops.shape(query)[:2]
        merged = ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (batch, length, self.d_model))  # (B, T, d_model)
        return self.output_projection(merged)

    def call(self, query: Tensor, memory: Tensor, bias: Tensor = 0.0, training: bool = False) -> Tensor:
        return self.attend(query, *self.keys_and_values(memory), bias, training)

    def get_config(self) -> dict[str, Any]:
        sizes = {"d_model": self.d_model, "num_heads": self.num_heads, "dropout": self.dropout.rate}
        return super().get_config() | sizes
