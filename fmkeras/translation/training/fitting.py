"""What fits the amount of data: size, vocabulary, batches, passes, warm-up; and whether anything was learnt.

Only what nobody has named is fitted, and only for a new run: a resumed one goes on as it began.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.corpus import BUNDLED
from fmkeras.translation.settings import MANY_DATA, SMALL_DATA, SOME_DATA, WITH_ADAM, WITH_MUON, Settings, present_names

FEW, SOME, MANY = 10_000, 30_000, 100_000  # training pairs below which they are few, some, and many
STEPS = 2500  # that a few pairs are trained for, at most; `patience` ends it before
LEAST_STEPS = 60  # of an epoch: a validation after each pass over very few pairs would take most of the time
WARM_UP = 0.25  # share of all steps that the warm-up may take
PRETRAINING = {"task", "text", "skip", "mask", "span", "delete"}  # settings that no translator has
UNCUT = 20  # tokens: so short a sentence has no parts that could stand alone
FINE_TUNING = 0.2  # of the usual learning rate, for weights that have learnt already


def meant(values: dict[str, Any]) -> dict[str, Any]:
    """The settings that somebody names for a translator, by the names that they have now.

    Raises:
        InputError: one has no meaning there.
    """
    values = present_names(values)
    if "dataset" in values:
        raise InputError("dataset=: the data are the first argument")
    if strange := sorted(PRETRAINING & set(values)):
        raise InputError(f"{strange[0]}=: that is for pre-training, fmkeras.pretrain")
    share = values.get("held_out")
    if isinstance(share, int | float) and not 0 < share < 0.5:
        raise InputError(
            f"--held-out {share:g}: choose a share above 0 and below 0.5, or name files as --validation and --test"
        )
    return values


def bundled_corpus(gpu: bool, optimizer: str = "") -> dict[str, Any]:
    """Settings for the phrasebook: Muon where it was measured, on CPUs with TensorFlow, if this Keras has it.

    Args:
        optimizer: the one that the user has named.
    """
    measured = keras.backend.backend() == "tensorflow" and not gpu and hasattr(keras.optimizers, "Muon")
    return WITH_MUON if (optimizer or ("muon" if measured else "adam")) == "muon" else WITH_ADAM


def preset_for(pairs: int, gpu: bool) -> str:
    """The size of a model for so many training pairs: a large one learns few of them by heart."""
    if pairs < FEW:
        return "tiny"
    return "base" if gpu and pairs >= 10 * FEW else "small"


def few(settings: Settings, pairs: int) -> bool:
    """Whether there are so few pairs that `SMALL_DATA` fits. Bundled data have settings of their own."""
    bundled = settings.dataset in BUNDLED and settings.limit is None
    return pairs < FEW and not bundled and settings.preset != "document"


def fitting_for(settings: Settings, pairs: int) -> tuple[int, dict[str, Any]]:
    """What fits so many pairs, and below how many it does; (0, {}) where the preset's settings are all that is known.

    A rate that ends at 0 is of no use to those who stop it by the clock.
    """
    if few(settings, pairs):
        return FEW, SMALL_DATA
    anew = settings.preset == "small" and settings.dataset != "phrasebook" and not (settings.init or settings.minutes)
    if not (anew and FEW <= pairs < MANY):
        return 0, {}
    return (SOME, SOME_DATA) if pairs < SOME else (MANY, MANY_DATA)


def longest_source(lengths: np.ndarray, start: Settings | None = None) -> int:
    """How many tokens a source may have to be translated whole: as many as 99.9 % of those learnt from, or `UNCUT`.

    Args:
        lengths: (N,) of the training sources, end tokens included.
        start: settings of the translator that training starts from, which has learnt others.
    """
    longest = max(UNCUT, int(np.quantile(lengths, 0.999, method="higher")))
    if start and start.task == "translate":  # one of an earlier version does not know: then nothing is
        return start.longest_source and max(longest, start.longest_source)
    return longest


def unnamed(values: dict[str, Any], chosen: dict) -> dict[str, Any]:
    """Those of some values that the user has not named."""
    return {name: value for name, value in values.items() if name not in chosen}


def fit_settings(settings: Settings, pairs: int, chosen: dict, start: Settings | None = None) -> Settings:
    """Settings for so many pairs, before a vocabulary is made of them; unchanged for very many, and for the phrasebook.

    Args:
        settings: with the values of a preset.
        pairs: how many there are to train on.
        chosen: what the user has named, which stays.
        start: settings of the run that training starts from, whose vocabulary is kept; None for random weights.
    """
    limit, values = fitting_for(settings, pairs)
    values = unnamed(values, chosen)
    if "epochs" in chosen:  # who says how long it trains means all of it
        values.pop("denoise_epochs", None)
    if limit != FEW:
        return dataclasses.replace(settings, **values)
    if start:
        values.pop("vocab_size", None)
        if start.task == "translate" and "select" not in chosen:
            # It translates already, and of a few dozen validation sentences BLEU tells less than the loss.
            values["select"] = "loss"
    elif "vocab_size" in values:
        values["vocab_size"] = 1000 if pairs < 2000 else 2000
    return dataclasses.replace(settings, **values)


def fit_schedule(settings: Settings, batches: Batches, chosen: dict, pairs: int = 0) -> tuple[Settings, Batches, str]:
    """Passes, epochs and warm-up for the number of steps that there will be.

    Args:
        pairs: as of `fit_settings`: with those that were too long for a batch.

    Returns:
        The settings, the batches with their passes, and a line for the user; "" if nothing was fitted.
    """
    steps, values, pairs = len(batches), dict[str, Any](), pairs or len(batches.source)
    if few(settings, pairs) and "epochs" not in chosen:
        if "passes" not in chosen:
            values["passes"] = max(1, math.ceil(LEAST_STEPS / steps))
        values["epochs"] = max(settings.epochs, math.ceil(STEPS / (steps * values.get("passes", settings.passes))))
    settings = dataclasses.replace(settings, **values)
    if batches.passes != settings.passes:  # else those of millions need not be cut again
        batches = dataclasses.replace(batches, passes=settings.passes)
    total = settings.epochs * len(batches)
    if (shorter := warm_up(settings, total, chosen)) != settings:
        settings, values["warmup_steps"] = shorter, shorter.warmup_steps
    limit, _ = fitting_for(settings, pairs)
    if not values and not limit:
        return settings, batches, ""
    passes = f"{settings.passes} pass{'es' * (settings.passes > 1)}"
    line = f"fitted to {len(batches.source):,} pairs{f', fewer than {limit:,}' * bool(limit)}: "
    of_noise, of_pairs = (f"{n} epoch{'s' * (n > 1)} of " for n in (settings.denoise_epochs, settings.epochs))
    line += f"{of_noise}noise, then " * bool(settings.denoise_epochs)
    line += f"{of_pairs}{passes}, {total:,} steps at most of {settings.batch_tokens:,} tokens, "
    line += f"warm-up {settings.warmup_steps}, {settings.schedule} schedule, dropout {settings.dropout:g}"
    if settings.patience and settings.select != "last":
        what = "validations" if settings.validate_every else "epochs"
        line += f"; it stops after {settings.patience} {what} without a better one, by validation {settings.select}"
    return settings, batches, line


def warm_up(settings: Settings, steps: int, chosen: dict) -> Settings:
    """The same settings, with a warm-up of no more than a share `WARM_UP` of all steps, unless it is named."""
    if "warmup_steps" in chosen or settings.warmup_steps <= WARM_UP * steps:
        return settings
    return dataclasses.replace(settings, warmup_steps=max(1, int(WARM_UP * steps)))


def only_noise(of_pairs: Sequence[dict]) -> str:
    """A line that says that no epoch of pairs came after those of noise, as where time was up; else ""."""
    return "" if of_pairs else "it has seen noise, and no pairs yet: --resume with more --minutes goes on"


def learnt_nothing(translations: Sequence[str], pairs: int) -> str:
    """A line that says that a model cannot have learnt, and what to do; "" if it may have.

    Such a model says the same whatever it is asked.
    """
    different = len(set(translations))
    if len(translations) < 10 or different > max(1, len(translations) // 20):
        return ""
    return (
        f"it has not learnt to translate: {len(translations):,} test sentences got {different} different "
        f"translation{'s' * (different > 1)}. {pairs:,} pairs need more --epochs, or a start from --init, such as a "
        "run of python -m fmkeras.pretrain"
    )


def not_gained(before: dict, test: dict) -> str:
    """A line that says that training on has not paid, and what to do; "" if it has, or nothing was trained on.

    Args:
        before: the translator that was trained on, and its BLEU on the test pairs: "run", "test_bleu_before".
        test: the scores on them now.
    """
    if not before or "bleu_note" in test or test["bleu"] > before["test_bleu_before"]:
        return ""
    return (
        f"training on has not made it better on these test pairs: go on with {before['run']} as it is, or try a lower "
        "--learning-rate, or more pairs"
    )


def same_data(settings: Settings, digest: str, pairs: int) -> None:
    """See that a run is resumed with the data that it was begun with, whatever their path is now.

    Raises:
        InputError: they are others.
    """
    if settings.data_sha256 and digest != settings.data_sha256:
        raise InputError(
            f"{settings.dataset} is not what the run was trained on, or has changed (now {pairs:,} training pairs): "
            "--resume goes on with the same pairs; to train on with others, name the run as --init of another --run"
        )
