"""The blocks that a Transformer is made of, each with a residual around its parts. `keras.ops` only.

Shapes: B sentences, T target tokens, S source tokens, H heads, d = d_model / H, K hypotheses a sentence.
"""

from typing import Any, TypeAlias

import keras
from keras import ops

from fmkeras.translation.model.attention import Attention, Tensor
from fmkeras.translation.model.normalization import LayerNormalization

Cache: TypeAlias = tuple[Tensor, Tensor]  # keys and values of one block's attention


@keras.saving.register_keras_serializable("fmkeras")
class FeedForward(keras.layers.Layer):
    """Two dense layers with ReLU between, at each position apart: (B, T, d_model) -> (B, T, d_model).

    Args:
        d_model: model dimension, of input and output.
        d_ff: dimension in between.

    Reference: Vaswani et al. (2017), section 3.3.
    """

    def __init__(self, d_model: int, d_ff: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.d_model, self.d_ff = d_model, d_ff
        self.expand = keras.layers.Dense(d_ff, activation="relu", name="expand", dtype=self.dtype_policy)
        self.contract = keras.layers.Dense(d_model, name="contract", dtype=self.dtype_policy)

    def build(self, shape: Any = None) -> None:
        self.expand.build((None, None, self.d_model))
        self.contract.build((None, None, self.d_ff))
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        return self.contract(self.expand(x))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"d_model": self.d_model, "d_ff": self.d_ff}


@keras.saving.register_keras_serializable("fmkeras")
class EncoderBlock(keras.layers.Layer):
    """Self-attention, then feed-forward, each with normalization before it and a residual around it (pre-norm).

    Args:
        d_model, num_heads, d_ff: sizes, as in `Attention` and `FeedForward`.
        dropout: rate, after each sub-layer.
        attention_dropout: rate, on the attention weights.

    Call arguments:
        x: (B, S, d_model).
        bias: `padding_bias` of the source mask, (B, 1, 1, S).

    Returns:
        (B, S, d_model).

    Reference: Vaswani et al. (2017), section 3.1; normalization first: Xiong et al. (2020), arXiv:2002.04745.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        d_ff: int,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = {"d_model": d_model, "num_heads": num_heads, "d_ff": d_ff, "dropout": dropout}
        self.settings["attention_dropout"] = attention_dropout
        policy = self.dtype_policy
        self.self_attention = self.attention("self_attention")
        self.self_attention_norm = LayerNormalization(name="self_attention_norm", dtype=policy)
        self.feed_forward = FeedForward(d_model, d_ff, name="feed_forward", dtype=policy)
        self.feed_forward_norm = LayerNormalization(name="feed_forward_norm", dtype=policy)
        self.dropout = keras.layers.Dropout(dropout, dtype=policy)

    def attention(self, name: str) -> Attention:
        """A new attention of the block's sizes."""
        sizes: dict[str, Any] = {size: self.settings[size] for size in ("d_model", "num_heads")}
        return Attention(**sizes, dropout=self.settings["attention_dropout"], name=name, dtype=self.dtype_policy)

    def build(self, *shapes: Any) -> None:
        for part in (self.self_attention, self.self_attention_norm, self.feed_forward, self.feed_forward_norm):
            part.build((None, None, self.settings["d_model"]))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self.settings

    def call(self, x: Tensor, bias: Tensor = 0.0, training: bool = False) -> Tensor:
        y = self.self_attention_norm(x)
        x = x + self.dropout(self.self_attention(y, y, bias=bias, training=training), training=training)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)), training=training)


@keras.saving.register_keras_serializable("fmkeras")
class DecoderBlock(EncoderBlock):
    """An encoder block with, between its two sub-layers, attention to the encoder's output.

    Args: as `EncoderBlock`.

    Call arguments:
        x: (B, T, d_model).
        memory: (B, S, d_model), the encoder's output.
        bias: causal and padding bias of the target, (B, 1, T, T).
        memory_bias: `padding_bias` of the source mask, (B, 1, 1, S).

    Returns:
        (B, T, d_model).
    """

    def __init__(self, *sizes: Any, **kwargs: Any) -> None:
        super().__init__(*sizes, **kwargs)
        self.cross_attention = self.attention("cross_attention")
        self.cross_attention_norm = LayerNormalization(name="cross_attention_norm", dtype=self.dtype_policy)

    def build(self, *shapes: Any) -> None:
        super().build(*shapes)
        self.cross_attention.build()
        self.cross_attention_norm.build((None, None, self.settings["d_model"]))

    def call(  # type: ignore[override]  # unlike an encoder block, it attends to a memory
        self, x: Tensor, memory: Tensor, bias: Tensor = 0.0, memory_bias: Tensor = 0.0, training: bool = False
    ) -> Tensor:
        y = self.self_attention_norm(x)
        x = x + self.dropout(self.self_attention(y, y, bias=bias, training=training), training=training)
        y = self.cross_attention_norm(x)
        y = self.cross_attention(y, memory, bias=memory_bias, training=training)
        x = x + self.dropout(y, training=training)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)), training=training)

    def step(
        self,
        x: Tensor,
        cache: Cache,
        memory_cache: Cache,
        bias: Tensor,
        memory_bias: Tensor,
        slot: Tensor | None = None,
    ) -> tuple[Tensor, Cache]:
        """One token for each of K hypotheses, with the keys and values of earlier tokens from the cache.

        The K hypotheses of a sentence are simply K queries: to its memory, and to the cache, where the tokens of all
        of them lie side by side. The bias shows each its own.

        Args:
            x: (B, K, d_model).
            cache: keys and values of earlier tokens, two of (B, H, N, d).
            memory_cache: `keys_and_values` of the encoder's output, two of (B, H, S, d).
            bias: (B, 1, K, N'), over the cache that is returned.
            memory_bias: (B, 1, 1, S).
            slot: where in the cache these tokens are written; None appends them.

        Returns:
            (B, K, d_model), and the cache with these tokens in it: two of (B, H, N', d), N' = N + K if appended.
        """
        y = self.self_attention_norm(x)
        new = self.self_attention.keys_and_values(y)  # two of (B, H, K, d)
        if slot is None:
            cache = tuple(ops.concatenate(pair, axis=2) for pair in zip(cache, new, strict=True))
        else:
            cache = tuple(ops.slice_update(c, (0, 0, slot, 0), n) for c, n in zip(cache, new, strict=True))
        x = x + self.self_attention.attend(y, *cache, bias)
        x = x + self.cross_attention.attend(self.cross_attention_norm(x), *memory_cache, memory_bias)
        return x + self.feed_forward(self.feed_forward_norm(x)), cache
