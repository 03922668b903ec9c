"""The house-price regressor: section 5.2 of the architecture article, corrected.

    python -m fmkeras.regress                                                  train on 21,613 house sales
    python -m fmkeras.regress --dataset my.csv --target price                  train on a table of your own
    python -m fmkeras.regress evaluate                                         measure the saved model again
    python -m fmkeras.regress predict houses.csv --out priced.csv              price new houses

The article's functions stand in `fmkeras.houses.training`, on one page. This is the command line around them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fmkeras import cli, runs
from fmkeras.errors import InputError
from fmkeras.houses.fitting import train_regressor
from fmkeras.houses.options import parser
from fmkeras.houses.preparing import NAMED
from fmkeras.houses.regressor import Regressor as Regressor  # for readers of `fmkeras.load_regressor`
from fmkeras.houses.regressor import load_regressor

# The article's names, for `from fmkeras.regress import build_model`.
from fmkeras.houses.training import build_model as build_model
from fmkeras.houses.training import evaluate_model, load_data, preprocess_data
from fmkeras.houses.training import train_model as train_model
from fmkeras.houses.training import with_scaling as with_scaling

OTHER_FORMS = (".xlsx", ".xls", ".parquet", ".gz", ".bz2", ".xz", ".zip")

if TYPE_CHECKING:
    import argparse

    import numpy as np


def train(args: argparse.Namespace) -> None:
    """The article's main: load, preprocess, build, train, evaluate, plot. All that it makes goes to the run folder."""
    regressor = train_regressor(
        args.dataset,
        args.target,
        run=args.run,
        epochs=args.epochs,
        seed=args.seed,
        ridge=args.ridge,
        log_target=args.log_target,
        scale_target=not args.no_target_scaling,
        refit=args.refit,
        drop=args.drop,
        categorical=args.categorical,
        numeric=args.numeric,
        header=not args.no_header,
        folds=args.folds,
        tensorboard=args.tensorboard,
        say=say,
        progress=show_progress,
    )
    from fmkeras.houses import report

    if sys.stdout.isatty():
        print()
    fit = regressor.fitted
    assert fit is not None  # train_regressor has just set it; a loaded regressor has none
    print(report.summary(fit, args.run))
    paths = [args.run / name for name in report.figures(fit)]
    if args.show and not report.plots.show(paths):
        print(f"no display to open windows on: the plots are in {args.run}")


def say(line: str) -> None:
    """Print a line: in a terminal in the place of the one that shows where training is."""
    print(f"\r{line:<78}" if sys.stdout.isatty() else line, flush=True)


def show_progress(epoch: dict, epochs: int) -> None:
    """Print where training is: one line that renews itself in a terminal, every tenth epoch elsewhere."""
    done, terminal = epoch["epoch"], sys.stdout.isatty()
    left = epoch["seconds"] / done * (epochs - done)
    losses = f"loss {epoch['loss']:.5g}  validation loss {epoch['val_loss']:.5g}"
    line = f"epoch {done:3d}/{epochs}  {losses}  {left:.0f} s left at most"
    if terminal:
        print(f"\r{line:<78}", end="", flush=True)
    elif done % 10 == 0 or done in (1, epochs):
        print(line, flush=True)


def evaluate(args: argparse.Namespace) -> None:
    """Measure the saved model again: on its own test rows, or on all rows of a table that has the target column."""
    from fmkeras.houses import report

    with cli.quiet():
        regressor = load_regressor(args.run)
    if args.file is None:
        X, y, what = test_rows(regressor, args.run)
    else:
        X, y, notes = regressor.labelled(args.file, not args.no_header)
        if str(args.file.resolve()) == regressor.config["dataset"]:
            notes.append("most of these rows were trained on: without FILE the test rows alone are measured")
        print(*notes, sep="\n", end="\n" * bool(notes), file=sys.stderr)
        what = str(args.file)
    print(f"{args.run} on {what}: {len(y):,} rows")
    print(report.metrics_table({"trained model": evaluate_model(regressor.model, X, y)}, regressor.unit))


def test_rows(regressor: Regressor, run: Path) -> tuple[np.ndarray | dict, np.ndarray, str]:
    """Inputs, target and description of the rows that the run was tested on.

    Raises:
        InputError: its table has changed since, or was none that can be loaded again.
    """
    config = regressor.config
    dataset, target = config["dataset"], config["target"]
    if dataset is None:
        raise InputError("the run was trained on a DataFrame: name a file to measure it on")
    options = {name: config[name] for name in ("drop", "categorical", "numeric", "header") if name in config}
    table = load_data(dataset, None if dataset in NAMED else target, **options)
    frame, y, columns = table.features, table.target, () if table.plain else table.columns
    if "columns" not in config:  # version 0.1 left out text, and rows with gaps
        kept = frame[[name for name in config["features"] if name in frame]].dropna()
        frame, y, columns = kept.reset_index(drop=True), y[kept.index].reset_index(drop=True), ()
    table = type(table)(table.name, frame, y, table.unit)
    if table.digest() != config["digest"]:
        raise InputError(
            f"{dataset} has changed since {run} was trained, so its test rows are no longer known: "
            "name a table to measure all its rows, or train again"
        )
    X = frame if columns else frame.to_numpy()
    data = preprocess_data(X, y.to_numpy(), scale_target=config["scale_target"], columns=columns)
    return data.test_inputs, data.y_test, f"the test rows of {table.name}"


def predict(args: argparse.Namespace) -> None:
    """Write a table again as CSV, its cells unchanged, with a column predicted_<target> behind them."""
    with cli.quiet():
        regressor = load_regressor(args.run)
    if args.out is not None and args.out.exists() and not args.out.is_file():
        raise InputError(f"{args.out} is not a file: choose another --out")
    if args.out is not None and args.out.suffix.lower() in OTHER_FORMS:
        raise InputError(f"{args.out}: a table is written as plain CSV: name a .csv as --out")
    text, priced = regressor.predict_csv(args.file, args.interval, not args.no_header)
    for line in [*priced.notes, *priced.problems.values()]:
        print(line, file=sys.stderr)
    if args.out is None:
        cli.write_utf8()  # the same bytes as with --out
        sys.stdout.write(text)
    else:
        runs.write_text(args.out, text)
    if priced.problems:
        told = f"{len(priced.problems):,} of {len(priced.values):,} rows cannot be read and have no prediction"
        if args.strict:
            raise InputError(f"{told} (--strict)")
        print(told, file=sys.stderr)


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (default: the process's own)."""
    args = cli.parse(parser(), ("train", "evaluate", "predict"), argv)
    cli.check_backend()
    {"train": train, "evaluate": evaluate, "predict": predict}[args.subcommand](args)


def script() -> None:
    """The command `fmkeras-regress`."""
    cli.run(main)


if __name__ == "__main__":
    script()
