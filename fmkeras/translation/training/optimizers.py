"""The optimizer of a training, as its settings say."""

from typing import Any

import keras

from fmkeras import parallel
from fmkeras.errors import InputError
from fmkeras.translation.model.schedules import DecayToZero, InverseSquareRoot, OneAfterAnother
from fmkeras.translation.settings import Settings


def optimizer_of(settings: Settings, steps: int, of_noise: int = 0) -> keras.optimizers.Optimizer:
    """The optimizer for a training of so many steps, the first of which are perhaps of noise.

    In float16 it scales the loss, for else small gradients would be 0: Micikevicius et al. (2018), arXiv:1710.03740.

    Raises:
        InputError: this version of Keras does not have it.
    """
    optimizer = _unscaled(settings, schedule_of(settings, steps, of_noise))
    return (
        parallel.shared(keras.optimizers.LossScaleOptimizer)(optimizer)
        if settings.precision == "float16"
        else optimizer
    )


def _unscaled(settings: Settings, rate: keras.optimizers.schedules.LearningRateSchedule) -> keras.optimizers.Optimizer:
    """The optimizer, but for what float16 asks for."""
    if settings.accumulate > 1:
        rate = ByBatch(rate, settings.accumulate)
    common = {"global_clipnorm": settings.clip_norm, "weight_decay": settings.weight_decay or None}
    common["gradient_accumulation_steps"] = settings.accumulate if settings.accumulate > 1 else None
    if settings.optimizer == "adam":
        return parallel.shared(keras.optimizers.Adam)(rate, beta_1=0.9, beta_2=0.98, epsilon=1e-9, **common)
    if not hasattr(keras.optimizers, "Muon"):
        raise InputError(f"Keras {keras.__version__} has no optimizer muon: install 3.13 or later, or choose adam")
    # Embeddings, biases and gains are left to AdamW within it.
    return parallel.shared(keras.optimizers.Muon)(
        rate, adam_beta_2=0.98, adam_weight_decay=settings.weight_decay, **common
    )


class ByBatch(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule for an optimizer that counts the parts of batches, as Keras's do where gradients are accumulated."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, parts: int) -> None:
        self.schedule, self.parts = schedule, parts

    def __call__(self, step: Any) -> Any:
        return self.schedule(step // self.parts)

    def get_config(self) -> dict:
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "parts": self.parts}


def schedule_of(settings: Settings, steps: int, of_noise: int = 0) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by step: it rises and falls over the steps of noise, and then anew over those of pairs."""
    if of_noise:
        return OneAfterAnother(schedule_of(settings, of_noise), of_noise, schedule_of(settings, steps - of_noise))
    peak, warmup = settings.learning_rate, settings.warmup_steps
    if settings.schedule == "inverse-sqrt":
        return InverseSquareRoot(peak, warmup)
    return DecayToZero(peak, warmup, steps, cosine=settings.schedule == "cosine")
