"""What a run folder of the translator or of pre-training holds when it is loaded: model, tokenizer, settings."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fmkeras import runs, workers
from fmkeras.errors import InputError
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.settings import Settings

if TYPE_CHECKING:  # who has an export need not wait for Keras
    from fmkeras.translation.model.transformer import Transformer

TOKENIZER = "tokenizer.model"
OTHER_TASK = {  # what is said of a run that does not hold what it is asked for
    "translate": "{run} is pre-trained only: make a translator of it with fmkeras.translate --init {run}",
    "denoise": "{run} holds a translator, no pre-trained model: make one with python -m fmkeras.pretrain",
}


def own_tokenizer(folder: Path | None, settings: Settings, make: Callable[[], Tokenizer]) -> Tokenizer:
    """The tokenizer that a resumed run has, in `folder`; else a new one.

    Raises:
        InputError: the run had one, and it is damaged or gone. Another one would not fit its weights.
    """
    if folder and (settings.tokenizer_sha256 or (folder / TOKENIZER).exists()):
        return Tokenizer.load(folder / TOKENIZER, settings.tokenizer_sha256)
    return make()


def load_run(run: str | Path | None, task: str) -> "tuple[Transformer, Tokenizer, Settings]":
    """What a run folder holds that was trained for a task of `Settings`.

    Raises:
        InputError: the folder is no such run, is damaged, or has not finished its first epoch; or Keras's floatx is
            another than float32.
    """
    from fmkeras import devices
    from fmkeras.translation.model.transformer import Transformer

    workers.not_forked()
    devices.check_floatx()
    devices.gpus()  # where the backend finds no device at all, that is no fault of the model's file
    run = runs.find(run)
    config = runs.read_config(run)
    if config.get("task") == "regress":
        raise InputError(f"{run} holds a regressor: name another run, or price houses with python -m fmkeras.regress")
    settings = Settings.load(config)
    if settings.task != task:
        raise InputError(OTHER_TASK[task].format(run=run))
    tokenizer = Tokenizer.load(run / TOKENIZER, settings.tokenizer_sha256)
    model = runs.load_model(run / runs.MODEL)
    if not isinstance(model, Transformer):
        raise InputError(f"{run / runs.MODEL} holds a {type(model).__name__}, not a Transformer: name another run")
    return model, tokenizer, settings
