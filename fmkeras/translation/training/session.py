"""What training a translator and pre-training share: settings, run folder, what is said meanwhile, the report."""

import contextlib
import functools
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fmkeras import cli, devices, machines, plots, runs
from fmkeras.errors import InputError
from fmkeras.translation.saved import TOKENIZER
from fmkeras.translation.settings import MADE_BY, Settings
from fmkeras.translation.training.checkpoint import CHECKPOINT
from fmkeras.translation.training.options import new_settings, resumed_settings
from fmkeras.translation.training.training import Training

Say = Callable[[str], None]  # where lines for the user go: `print`, or nowhere
RESUMED = (runs.CONFIG, TOKENIZER, CHECKPOINT, runs.HISTORY, runs.MODEL)  # what a run is resumed from, and its best
Samples = Callable[[], Iterable[tuple[str, str]]]


def silent(line: str) -> None:
    """The `Say` of those who want to hear nothing."""


def voice(verbose: bool) -> Say:
    """Where lines go: to standard output at once, also where that is a file, or nowhere. One process speaks."""
    return functools.partial(print, flush=True) if verbose and machines.first() else silent


@contextlib.contextmanager
def folder_of(run: str | Path | None, resume: bool) -> Iterator[Path]:
    """The run folder; without one, a temporary folder that is gone after the block.

    Of several processes only the first has the run folder. The others have a temporary one, with what resuming needs.

    Raises:
        InputError: there is no folder to resume, or it has the name of the bundled translator.
    """
    if str(run) == runs.BUNDLED:
        raise InputError(f"{runs.BUNDLED} is the translator that comes with fmkeras: choose another --run")
    if resume and run is None:
        raise InputError("resume needs the run folder: name it with run=")
    with tempfile.TemporaryDirectory(prefix="fmkeras-") as temporary:
        folder = Path(run).expanduser() if run is not None and machines.first() else Path(temporary) / "run"
        machines.agree({"--resume": resume})
        if resume and machines.count() > 1:
            machines.copy_from_first(folder, RESUMED)
        yield folder


def choose_settings(folder: Path, chosen: dict, resume: bool) -> Settings:
    """The settings of the run, resumed or new. Changes nothing, but refuses what cannot be used, early.

    Raises:
        InputError: a setting that there is not, or cannot be; a folder that holds something else, or is in use.
    """
    Settings.check(chosen)
    settings = resumed_settings(folder, chosen) if resume else new_settings(chosen)
    if runs.holds_run(folder):
        with runs.alone(folder):
            pass
    return settings


def open_folder(training: Training, resume: bool, say: Say) -> None:
    """The run folder: what is there is moved aside unless it is resumed; then config.json and tokenizer.model in it.

    All that can be wrong with the input has been found by now, so that a mistake changes no file. A run that is killed
    between these files can be resumed: the config.json without the tokenizer's checksum says that there is none yet.
    """
    folder, settings, tokenizer = training.folder, training.settings, training.tokenizer
    made_by = {MADE_BY: devices.made_by(settings.precision)}
    if not resume:
        _, note = runs.start(folder)
        if note:
            say(f"run        {note}")
    else:
        before, now = runs.read_config(folder).get("epochs", settings.epochs), settings.epochs
        if before != now and settings.schedule != "inverse-sqrt":
            training.notes.append(f"its learning rate fell to 0 in {before} epochs, and falls in {now} now: it jumps")
    runs.tidy(folder)
    if not (folder / TOKENIZER).exists():
        runs.write_config(folder, settings.asdict() | {"tokenizer_sha256": ""} | made_by)
        tokenizer.save(folder / TOKENIZER)
    settings.tokenizer_sha256 = tokenizer.sha256
    runs.write_config(folder, settings.asdict() | made_by)


def describe(training: Training, say: Say) -> None:
    """Say what is trained, on what, and how much there is to do."""
    settings, batches = training.settings, training.batches
    say(f"device     {devices.description(settings.precision)}{training.devices.note()}")
    if line := devices.unused_gpu():
        say(f"           {line}")
    say(
        f"model      {settings.preset}: d_model {settings.d_model}, {settings.num_heads} heads, feed-forward "
        f"{settings.d_ff}, {settings.blocks} blocks, vocabulary "
        f"{len(training.tokenizer):,}; {training.model.count_params():,} parameters"
    )
    epochs = f"{settings.epochs} epoch{'s' * (settings.epochs > 1)}"
    longer = training.curriculum.longer
    about = "about " * (longer != 1)
    count, tokens = f"{about}{longer * len(batches):,.0f}", f"{about}{longer * batches.tokens:,.0f}"
    say(f"training   {epochs} of {count} batches and {tokens} target tokens")
    if before := training.curriculum.denoise_epochs:
        of_first = "{:,} batches and {:,} tokens".format(*training.curriculum.first)
        say(f"           before them {before} of {of_first}, in which both sides are reconstructed from noise")
    if training.fresh is not None:
        say(f"           {origin(training)}")
    place = training.place
    if training.history or place.position:
        part = f" of part {place.part + 1}" * (training.curriculum.parts(place.epoch) > 1)
        say(f"           resumed after epoch {place.epoch} and {place.position} batches{part}")
    for note in training.notes:
        say(f"           {note}")


def origin(training: Training) -> str:
    """Which of the weights come from the pre-trained run, and which do not."""
    total, fresh = len(training.model.trainable_variables), training.fresh or []
    if not fresh:
        return f"all of its weights come from {training.settings.init}"
    more = f" and {len(fresh) - 4:,} more" * (len(fresh) > 4)
    some = f"{total - len(fresh)} of its {total} weights come from {training.settings.init}"
    return f"{some}; new, for that has none of this name and shape: {', '.join(fresh[:4])}{more}"


@contextlib.contextmanager
def interruptible(training: Training, stays: bool) -> Iterator[None]:
    """Keep other trainings out of the folder; let Ctrl-C end the block with the best weights kept, and say where.

    Args:
        stays: whether the folder is there afterwards.
    """
    try:
        with runs.alone(training.folder), cli.interruptible():
            yield
            cli.stop_if_interrupted()
    except KeyboardInterrupt:
        training.keep()
        folder = training.folder
        line = f"the best weights so far are in {folder}; --run {folder} --resume goes on"
        raise KeyboardInterrupt(*[line] * stays) from None


def train(training: Training, title: str, began: float, samples: Samples, say: Say) -> None:
    """Train all epochs; after each say its results and samples, and draw loss.png.

    Args:
        training: what to train.
        title: of the plot.
        began: `time.perf_counter()` when the program began.
        samples: gives what the model makes of some sentences: text and result.
        say: where lines go; with `silent` there is no progress bar either.
    """

    def announce(seconds: float) -> None:
        with tqdm.external_write_mode():  # the bar makes room for the line
            say(f"           about {cli.duration(seconds)} of training to come")

    drawn = False
    for row in training.epochs(show_progress=say is not silent, announce=announce):
        of_noise = row["epoch"] <= training.curriculum.denoise_epochs
        within = training.settings.validate_every > 0
        say(epoch_line(row, time.perf_counter() - began, within, " of noise" * of_noise))
        plot(training, title)
        drawn = True
        for text, result in samples() if say is not silent and not of_noise else ():
            say(f"           {text}\n         → {result}")
    if not drawn:  # no epoch was left: it was perhaps killed while it drew the last
        plot(training, title)


def epoch_line(row: dict, seconds: float, within: bool = False, kind: str = "") -> str:
    """What is said after a validation, at the end of an epoch or within it; `kind` says of what the epoch was."""
    begin = f"epoch {str(row['epoch']) + kind:<4} " + f"step {row['steps']:,} | " * within
    return (
        f"{begin}training loss {row['loss']:.3f}, accuracy {row['token_accuracy']:.1%} | "
        f"validation loss {row['val_loss']:.3f}, perplexity {row['val_perplexity']:.2f}, "
        f"accuracy {row['val_token_accuracy']:.1%} | {row['tokens_per_second']:,.0f} tokens/s, "
        f"{cli.duration(seconds)} so far"
    )


def plot(training: Training, title: str) -> None:
    """Draw history.csv as loss.png."""
    history = pd.read_csv(training.folder / runs.HISTORY)
    figure = plots.training_curves(history, title, training.curriculum.denoise_epochs)
    runs.save_figure(figure, training.folder / "loss.png")


def report(training: Training, began: float) -> dict:
    """What report.json says of a training, whatever was trained."""
    tokens = sum(row["target_tokens"] for row in training.history)
    settings = training.settings
    return {
        "preset": settings.preset,
        "parameters": training.model.count_params(),
        "precision": settings.precision,
        MADE_BY: devices.made_by(settings.precision),
        "seed": settings.seed,
        "epochs": training.history[-1]["epoch"],
        "best_epoch": training.best["epoch"],
        "seconds": round(time.perf_counter() - began, 1),
        "training_seconds": round(training.seconds, 1),
        "compile_seconds": round(training.compile_seconds, 1),
        "target_tokens": tokens,
        "target_tokens_per_second": round(tokens / training.seconds, 1),
    }


def finish(folder: Path, report: dict, samples: str, say: Say) -> None:
    """Write samples.txt and, last, report.json; show the samples."""
    runs.write_text(folder / "samples.txt", samples)
    runs.write_json(folder / runs.REPORT, report)
    say(f"\n{samples}")


def conclude(folder: Path, seconds: float, following: str, say: Say) -> None:
    """Say what the run folder holds, how long it took, and what can be done with it."""
    say(f"{folder} holds the run: {', '.join(sorted(file.name for file in folder.iterdir()))}")
    say(f"It took {cli.duration(seconds)}. {following}")
