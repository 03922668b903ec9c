"""The Transformer and what it is trained for: attention, blocks and model, loss, schedules. `keras.ops` only."""

from fmkeras.translation.model import objective, schedules  # noqa: F401  with the others: all classes are registered
