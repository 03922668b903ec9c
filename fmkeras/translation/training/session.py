"""What the scripts that train a Transformer share: settings and run folder, the lines they print, the report."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fmkeras import cli, plots, runs
from fmkeras.translation.saved import TOKENIZER
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.options import new_settings, resumed_settings
from fmkeras.translation.training.training import Training


def choose_settings(folder: Path, chosen: dict, resume: bool) -> Settings:
    """The settings of the run, resumed or new. Changes nothing, but refuses a folder that cannot be used, early."""
    settings = resumed_settings(folder, chosen) if resume else new_settings(chosen)
    if runs.holds_run(folder):
        with runs.alone(folder):
            pass
    return settings


def open_folder(training: Training, resume: bool) -> None:
    """The run folder: what is there is moved aside unless it is resumed; then config.json and tokenizer.model in it.

    All that can be wrong with the input has been found by now, so that a mistake changes no file. A run that is killed
    between these files can be resumed: the config.json without the tokenizer's checksum says that there is none yet.
    """
    folder, settings, tokenizer = training.folder, training.settings, training.tokenizer
    if not resume:
        _, note = runs.start(folder)
        if note:
            print(f"run        {note}")
    runs.tidy(folder)
    if not (folder / TOKENIZER).exists():
        runs.write_config(folder, settings.asdict() | {"tokenizer_sha256": ""})
        tokenizer.save(folder / TOKENIZER)
    settings.tokenizer_sha256 = tokenizer.sha256
    runs.write_config(folder, settings.asdict())


def describe(training: Training) -> None:
    """Print what is trained, and how much there is to do."""
    settings, batches = training.settings, training.batches
    print(
        f"model      {settings.preset}: width {settings.d_model}, {settings.num_heads} heads, feed-forward "
        f"{settings.d_ff}, {settings.num_layers}+{settings.num_layers} blocks, vocabulary "
        f"{len(training.tokenizer):,}; {training.model.count_params():,} parameters, {settings.precision}"
    )
    print(
        f"training   {settings.epochs} epochs of {len(batches):,} batches and {batches.tokens:,} target tokens",
        flush=True,
    )
    if training.fresh is not None:
        print(f"           {origin(training)}")
    if training.history or training.position:
        print(f"           resumed after epoch {len(training.history)} and {training.position} batches")
    for note in training.notes:
        print(f"           {note}")


def origin(training: Training) -> str:
    """Which of the weights come from the pre-trained run, and which do not."""
    total, fresh = len(training.model.trainable_variables), training.fresh
    if not fresh:
        return f"all of its weights come from {training.settings.init}"
    more = f" and {len(fresh) - 4:,} more" * (len(fresh) > 4)
    some = f"{total - len(fresh)} of its {total} weights come from {training.settings.init}"
    return f"{some}; new, for that has none of this name and shape: {', '.join(fresh[:4])}{more}"


@contextlib.contextmanager
def interruptible(training: Training) -> Iterator[None]:
    """Keep other trainings out of the folder; let Ctrl-C end the block with the best weights kept, and say where."""
    try:
        with runs.alone(training.folder), cli.interruptible():
            yield
    except KeyboardInterrupt:
        training.keep()
        folder = training.folder
        raise KeyboardInterrupt(f"the best weights so far are in {folder}; --run {folder} --resume goes on") from None


def train(training: Training, title: str, began: float, samples: Callable[[], Iterable[tuple[str, str]]]) -> None:
    """Train all epochs; after each print its results and samples, and draw loss.png.

    Args:
        training: what to train.
        title: of the plot.
        began: `time.perf_counter()` when the program began.
        samples: gives what the model makes of some sentences: text and result.
    """
    announce, drawn = "           about {} of training to come", False
    for row in training.epochs(announce=lambda seconds: tqdm.write(announce.format(cli.duration(seconds)))):
        print(epoch_line(row, time.perf_counter() - began))
        plot(training.folder, title)
        drawn = True
        for text, result in samples():
            print(f"           {text}\n         → {result}", flush=True)
    if not drawn:  # no epoch was left: it was perhaps killed while it drew the last
        plot(training.folder, title)


def epoch_line(row: dict, seconds: float) -> str:
    """What is printed after an epoch."""
    return (
        f"epoch {row['epoch']:<4} training loss {row['loss']:.3f}, accuracy {row['token_accuracy']:.1%} | validation "
        f"loss {row['val_loss']:.3f}, perplexity {row['val_perplexity']:.2f}, accuracy {row['val_token_accuracy']:.1%} "
        f"| {row['tokens_per_second']:,.0f} tokens/s, {cli.duration(seconds)} so far"
    )


def plot(folder: Path, title: str) -> None:
    """Draw history.csv as loss.png."""
    runs.save_figure(plots.training_curves(pd.read_csv(folder / runs.HISTORY), title), folder / "loss.png")


def report(training: Training, began: float) -> dict:
    """What report.json says of a training, whatever was trained."""
    tokens = sum(row["target_tokens"] for row in training.history)
    settings = training.settings
    return {
        "preset": settings.preset,
        "parameters": training.model.count_params(),
        "precision": settings.precision,
        "seed": settings.seed,
        "epochs": len(training.history),
        "best_epoch": training.best["epoch"],
        "seconds": round(time.perf_counter() - began, 1),
        "training_seconds": round(training.seconds, 1),
        "target_tokens": tokens,
        "target_tokens_per_second": round(tokens / training.seconds, 1),
    }


def finish(folder: Path, report: dict, samples: str) -> None:
    """Write samples.txt and, last, report.json; show the samples and say what the folder holds."""
    runs.write_text(folder / "samples.txt", samples)
    runs.write_json(folder / runs.REPORT, report)
    print(f"\n{samples}\n{folder} holds the run: {', '.join(sorted(file.name for file in folder.iterdir()))}")
