"""The Transformer and what it is trained for: attention, blocks and model, loss. `keras.ops` only."""
