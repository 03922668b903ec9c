"""The Transformer and what it is trained for: attention, blocks and model, loss. `keras.ops` only."""

from fmkeras.translation.model import objective  # noqa: F401  imports the others: all classes are registered together
