"""The Transformer of Vaswani et al. (2017) in `keras.ops` only, so that it runs on TensorFlow and JAX.

Shapes: B sentences, T target tokens, S source tokens, H heads, d = d_model / H, K hypotheses a sentence, V tokens.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from fmkeras.translation.model.attention import (
    PAD,
    Tensor,
    causal_bias,
    padding_bias,
    positions_of,
    sinusoidal_positions,
)
from fmkeras.translation.model.blocks import Cache, DecoderBlock, EncoderBlock
from fmkeras.translation.model.normalization import LayerNormalization


@keras.saving.register_keras_serializable("fmkeras")
class Transformer(keras.Model):
    """A pre-norm encoder-decoder with one embedding for source, target and output (Press & Wolf 2017).

    Args:
        vocab_size: V, number of tokens; id 0 is padding.
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
