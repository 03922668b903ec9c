"""The Transformer of the TensorFlow tutorial, written anew with Keras's own layers: what ours is measured against.

Normalization after each sub-layer, separate embeddings for both languages, an output layer of its own, and (with
`key_dim=d_model`, as the tutorial sets it) heads each as wide as the model.
"""

import keras
from keras import ops

from fmkeras.translation.model.attention import PAD, sinusoidal_positions


class Block(keras.layers.Layer):
    """Self-attention, with `cross` attention to the encoder's output, feed-forward; each x -> norm(x + f(x))."""

    def __init__(self, d_model, num_heads, key_dim, d_ff, dropout, cross, **kwargs):
        super().__init__(**kwargs)
        attention = dict(num_heads=num_heads, key_dim=key_dim, dropout=dropout, dtype=self.dtype_policy)
        self.attention = [keras.layers.MultiHeadAttention(**attention) for _ in range(1 + cross)]
        self.expand = keras.layers.Dense(d_ff, activation="relu", dtype=self.dtype_policy)
        self.contract = keras.layers.Dense(d_model, dtype=self.dtype_policy)
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.norms = [keras.layers.LayerNormalization(dtype=self.dtype_policy) for _ in range(2 + cross)]
        self.cross = cross

    def call(self, x, mask, memory=None, memory_mask=None, training=False):
        y = self.attention[0](x, x, attention_mask=mask, use_causal_mask=self.cross, training=training)
        x = self.norms[0](x + y)
        if self.cross:
            y = self.attention[1](x, memory, attention_mask=memory_mask, training=training)
            x = self.norms[1](x + y)
        y = self.dropout(self.contract(self.expand(x)), training=training)
        return self.norms[-1](x + y)


class Transformer(keras.Model):
    """(source (B, S), target (B, T)) ids -> (B, T, V) logits.

    Args:
        key_dim: dimension of a head: d_model in the tutorial, d_model / num_heads in the paper.
    """

    def __init__(self, vocab_size, d_model, num_heads, d_ff, num_layers, key_dim, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.d_model, policy = d_model, self.dtype_policy
        self.embeddings = [keras.layers.Embedding(vocab_size, d_model, dtype=policy) for _ in range(2)]
        sizes = d_model, num_heads, key_dim, d_ff, dropout
        self.encoder = [Block(*sizes, False, dtype=policy) for _ in range(num_layers)]
        self.decoder = [Block(*sizes, True, dtype=policy) for _ in range(num_layers)]
        self.dropout = keras.layers.Dropout(dropout, dtype=policy)
        self.output_layer = keras.layers.Dense(vocab_size, dtype=policy)

    def embed(self, side, ids, training):
        """(B, T) ids of the source (side 0) or target (1) -> (B, T, d_model)."""
        x = self.embeddings[side](ids) * self.d_model**0.5
        positions = sinusoidal_positions(ops.arange(ops.shape(ids)[1]), self.d_model)
        return self.dropout(x + ops.cast(positions, x.dtype), training=training)

    def call(self, inputs, training=False):
        source, target = inputs
        source_mask, target_mask = (ops.not_equal(ids, PAD)[:, None, :] for ids in inputs)
        x = self.embed(0, source, training)
        for block in self.encoder:
            x = block(x, source_mask, training=training)
        y = self.embed(1, target, training)
        for block in self.decoder:
            y = block(y, target_mask, x, source_mask, training=training)
        return self.output_layer(y)
