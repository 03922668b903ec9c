"""How the learning rate changes over a training: up to a peak, then down."""

import math

import keras
from keras import ops

from fmkeras.translation.model.attention import Tensor


@keras.saving.register_keras_serializable("fmkeras")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to `peak` in `warmup_steps`, then decay as 1/√step (Vaswani et al. 2017, section 5.3).

    Example:
        >>> schedule = InverseSquareRoot(peak=1e-3, warmup_steps=100)
        >>> [round(float(schedule(step)), 6) for step in (0, 49, 99, 399)]
        [1e-05, 0.0005, 0.001, 0.0005]
    """

    def __init__(self, peak: float, warmup_steps: int) -> None:
        self.peak, self.warmup_steps = peak, warmup_steps

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32") + 1.0
        warmup = max(self.warmup_steps, 1)
        return self.peak * ops.minimum(step / warmup, ops.sqrt(warmup / step))

    def get_config(self) -> dict:
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable("fmkeras")
class DecayToZero(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to `peak` in `warmup_steps`, then down to 0 at `total_steps`: on a line, or on half a cosine.

    Reference: Loshchilov & Hutter (2017), arXiv:1608.03983, for the cosine, without restarts.

    Example:
        >>> schedule = DecayToZero(peak=1e-3, warmup_steps=100, total_steps=1100)
        >>> [round(float(schedule(step)), 6) for step in (49, 99, 599, 1099, 2000)]
        [0.0005, 0.001, 0.0005, 0.0, 0.0]
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int, cosine: bool = False) -> None:
        self.peak, self.warmup_steps, self.total_steps, self.cosine = peak, warmup_steps, total_steps, cosine

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32") + 1.0
        warmup = max(self.warmup_steps, 1)
        left = ops.clip((self.total_steps - step) / max(self.total_steps - warmup, 1), 0.0, 1.0)
        if self.cosine:
            left = 0.5 - 0.5 * ops.cos(math.pi * left)
        return self.peak * ops.minimum(step / warmup, left)

    def get_config(self) -> dict:
        names = ("peak", "warmup_steps", "total_steps", "cosine")
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable("fmkeras")
class OneAfterAnother(keras.optimizers.schedules.LearningRateSchedule):
    """One schedule up to a step, and from there on another, which begins then.

    Example:
        >>> first, second = DecayToZero(1e-3, 1, 101), DecayToZero(1e-3, 1, 11)
        >>> schedule = OneAfterAnother(first, 100, second)
        >>> [round(float(schedule(step)), 6) for step in (0, 50, 99, 100, 105)]
        [0.001, 0.0005, 1e-05, 0.001, 0.0005]
    """

    def __init__(
        self,
        first: keras.optimizers.schedules.LearningRateSchedule,
        steps: int,
        second: keras.optimizers.schedules.LearningRateSchedule,
    ) -> None:
        self.first, self.steps, self.second = first, steps, second

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        return ops.where(step < self.steps, self.first(step), self.second(ops.maximum(step - self.steps, 0.0)))

    def get_config(self) -> dict:
        both = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in ("first", "second")}
        return {**both, "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict) -> "OneAfterAnother":
        """The schedule that `get_config` describes."""
        both = {name: keras.saving.deserialize_keras_object(config[name]) for name in ("first", "second")}
        return cls(**config | both)
