"""The Transformer of Vaswani et al. (2017) in `keras.ops` only, so that it runs on TensorFlow, JAX and PyTorch.

Shapes: B sentences, T target tokens, S source tokens, H heads, d = d_model / H, K hypotheses a sentence, V pieces.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import keras
from keras import ops

from fmkeras.translation.model.attention import (
    PAD,
    Attention,
    Tensor,
    causal_bias,
    padding_bias,
    positions_of,
    sinusoidal_positions,
)
from fmkeras.translation.model.normalization import LayerNormalization

Cache: TypeAlias = tuple[Tensor, Tensor]  # keys and values of one block's attention


@keras.saving.register_keras_serializable("fmkeras")
class FeedForward(keras.layers.Layer):
    """Two dense layers with ReLU between, at each position apart: (B, T, d_model) -> (B, T, d_model).

    Args:
        d_model: width of input and output.
        d_ff: width in between.

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


@keras.saving.register_keras_serializable("fmkeras")
class Transformer(keras.Model):
    """A pre-norm encoder-decoder with one embedding for source, target and output (Press & Wolf 2017).

    Args:
        vocab_size: V, number of pieces; id 0 is padding.
        d_model, num_heads, d_ff: sizes, as in `Attention` and `FeedForward`.
        num_layers: number of encoder blocks, and of decoder blocks.
        dropout: rate, after each sub-layer and on the embeddings.
        attention_dropout: rate, on the attention weights.
        decoder_layers: number of decoder blocks, if it is another; 0: `num_layers`.

    Call arguments:
        inputs: pair of (B, S) source ids, end token last, and (B, T) target ids shifted right, start token first.
        kept: of each, which tokens are seen: see `embed`. All, by default.

    Returns:
        (B, T, V) logits: at each position, for the next target token.

    Example:
        >>> model = Transformer(vocab_size=100, d_model=32, num_heads=4, d_ff=64, num_layers=2)
        >>> model((ops.ones((1, 5), "int32"), ops.ones((1, 7), "int32"))).shape
        TensorShape([1, 7, 100])
    """

    def __init__(
        self,
        vocab_size: int,
        d_model: int = 256,
        num_heads: int = 4,
        d_ff: int = 1024,
        num_layers: int = 3,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        decoder_layers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings: dict[str, Any] = {"vocab_size": vocab_size, "d_model": d_model, "num_heads": num_heads}
        self.settings |= {"d_ff": d_ff, "num_layers": num_layers, "dropout": dropout}
        self.settings |= {"attention_dropout": attention_dropout, "decoder_layers": decoder_layers}
        self.d_model = d_model
        policy, sizes = self.dtype_policy, (d_model, num_heads, d_ff, dropout, attention_dropout)
        # Scaled up by √d_model on the way in, an embedding has unit variance; as output weights it must be small.
        initializer = keras.initializers.RandomNormal(stddev=d_model**-0.5)
        self.embedding = keras.layers.Embedding(vocab_size, d_model, initializer, name="embedding", dtype=policy)
        self.dropout = keras.layers.Dropout(dropout, dtype=policy)
        self.encoder = [EncoderBlock(*sizes, name=f"encoder_{i}", dtype=policy) for i in range(num_layers)]
        blocks = range(decoder_layers or num_layers)
        self.decoder = [DecoderBlock(*sizes, name=f"decoder_{i}", dtype=policy) for i in blocks]
        self.encoder_norm, self.decoder_norm = (
            LayerNormalization(name=f"{side}_norm", dtype=policy) for side in ("encoder", "decoder")
        )
        self.build()  # every shape is known, so the weights are there from the start: to count, to load, to save

    def build(self, shape: Any = None) -> None:
        self.embedding.build((None, None))
        layers: list[keras.layers.Layer] = [*self.encoder, *self.decoder, self.encoder_norm, self.decoder_norm]
        for layer in layers:
            layer.build((None, None, self.d_model))
        self.built = True

    def embed(self, ids: Tensor, positions: Tensor, training: bool = False, kept: Tensor | None = None) -> Tensor:
        """(B, T) ids and their positions -> (B, T, d_model). `kept`: (B, T), 0 for tokens that are not seen, else 1."""
        x = self.embedding(ids) * math.sqrt(self.d_model)
        if kept is not None:
            x = x * ops.expand_dims(ops.cast(kept, x.dtype), -1)
        return self.dropout(x + ops.cast(sinusoidal_positions(positions, self.d_model), x.dtype), training=training)

    def encode(self, source: Tensor, training: bool = False, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, S) ids -> (B, S, d_model) memory and its (B, 1, 1, S) bias. `kept`: as in `embed`."""
        mask = ops.not_equal(source, PAD)
        bias = padding_bias(mask)
        x = self.embed(source, positions_of(mask), training, kept)
        for block in self.encoder:
            x = block(x, bias, training=training)
        return self.encoder_norm(x), bias

    def decode(
        self,
        target: Tensor,
        memory: Tensor,
        memory_bias: Tensor,
        training: bool = False,
        kept: Tensor | None = None,
    ) -> Tensor:
        """(B, T) shifted target ids and the encoder's memory -> (B, T, V) logits. `kept`: as in `embed`."""
        mask = ops.not_equal(target, PAD)
        bias = causal_bias(ops.shape(target)[1]) + padding_bias(mask)  # (B, 1, T, T)
        x = self.embed(target, positions_of(mask), training, kept)
        for block in self.decoder:
            x = block(x, memory, bias, memory_bias, training=training)
        return self.logits(self.decoder_norm(x))

    def step(
        self,
        ids: Tensor,
        position: Tensor,
        caches: Sequence[Cache],
        memory_caches: Sequence[Cache],
        bias: Tensor,
        memory_bias: Tensor,
        slot: Tensor | None = None,
    ) -> tuple[Tensor, list[Cache]]:
        """The next token of K hypotheses a sentence: what `decode` computes, for one position, from a cache.

        Args:
            ids: (B, K) the last token of each.
            position: its index, the start token's being 0.
            caches, memory_caches: one pair a decoder block, see `start_caches`.
            bias, memory_bias, slot: as in `DecoderBlock.step`.

        Returns:
            (B, K, V) logits, and the caches with this token in them.
        """
        x = self.embed(ids, ops.zeros_like(ids) + position)  # (B, K, d_model)
        new_caches = []
        for block, cache, memory_cache in zip(self.decoder, caches, memory_caches, strict=True):
            x, cache = block.step(x, cache, memory_cache, bias, memory_bias, slot)
            new_caches.append(cache)
        return self.logits(self.decoder_norm(x)), new_caches

    def start_caches(self, memory: Tensor, slots: int | Tensor) -> tuple[list[Cache], list[Cache]]:
        """Caches with `slots` empty slots, and the projections of the (B, S, d_model) memory."""
        shape = (ops.shape(memory)[0], self.settings["num_heads"], slots, self.d_model // self.settings["num_heads"])
        empty = [tuple(ops.zeros(shape, memory.dtype) for _ in range(2)) for _ in self.decoder]
        return empty, [block.cross_attention.keys_and_values(memory) for block in self.decoder]

    def logits(self, x: Tensor) -> Tensor:
        """(..., d_model) -> (..., V), with the embedding as output weights."""
        return ops.matmul(x, ops.transpose(ops.cast(self.embedding.embeddings, x.dtype)))

    def export(self, filepath: str | Path, format: str = "tf_saved_model", **options: Any) -> None:
        """`keras.Model.export` for batches of any size and length: ids in, logits out."""
        ids = keras.InputSpec("int32", shape=(None, None))
        super().export(filepath, format, **{"input_signature": [(ids, ids)]} | options)

    def call(
        self, inputs: tuple[Tensor, Tensor], training: bool = False, kept: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        (source, target), (kept_source, kept_target) = inputs, kept or (None, None)
        memory, memory_bias = self.encode(source, training, kept_source)
        return self.decode(target, memory, memory_bias, training, kept_target)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self.settings
