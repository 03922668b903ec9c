"""The optimizer of a training, as its settings say."""

import keras

from fmkeras.errors import InputError
from fmkeras.translation.model.schedules import DecayToZero, InverseSquareRoot
from fmkeras.translation.settings import Settings


def optimizer_of(settings: Settings, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer for a training of so many steps.

    Raises:
        InputError: this version of Keras does not have it.
    """
    rate = schedule_of(settings, steps)
    common = {"global_clipnorm": settings.clip_norm, "weight_decay": settings.weight_decay or None}
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(rate, beta_1=0.9, beta_2=0.98, epsilon=1e-9, **common)
    if not hasattr(keras.optimizers, "Muon"):
        raise InputError(f"Keras {keras.__version__} has no optimizer muon: install 3.13 or later, or choose adam")
    # Embeddings, biases and gains are left to AdamW within it.
    return keras.optimizers.Muon(rate, adam_beta_2=0.98, adam_weight_decay=settings.weight_decay, **common)


def schedule_of(settings: Settings, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by step."""
    peak, warmup = settings.learning_rate, settings.warmup_steps
    if settings.schedule == "inverse-sqrt":
        return InverseSquareRoot(peak, warmup)
    return DecayToZero(peak, warmup, steps, cosine=settings.schedule == "cosine")
