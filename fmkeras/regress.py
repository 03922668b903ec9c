"""The house-price regressor: section 5.2 of the architecture article, corrected. Read it from top to bottom.

    python -m fmkeras.regress                                                  train on 21,613 house sales
    python -m fmkeras.regress --dataset my.csv --target price                  train on a table of your own
    python -m fmkeras.regress evaluate                                         measure the saved model again
    python -m fmkeras.regress predict houses.csv --out priced.csv              price new houses

The functions keep the article's names. What was wrong there and is right here: `load_data` exists; the target is
standardized as well as the features; no statistic of validation or test rows enters the scaling; batch size and
learning rate let the model converge; the saved model carries its scaling, takes raw features and returns dollars;
and the answer is known: a linear model trained by gradient descent must reach the least-squares solution.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fmkeras import cli, runs
from fmkeras.errors import InputError
from fmkeras.houses.options import parser
from fmkeras.houses.regressor import (
    Regressor as Regressor,  # beside load_regressor, for readers of `fmkeras.load_regressor`
)
from fmkeras.houses.regressor import load_regressor

if TYPE_CHECKING:  # imported where they are used: --help must not wait for TensorFlow
    import argparse

    import keras
    import numpy as np
    import pandas as pd

    from fmkeras.houses.linear import Data
    from fmkeras.houses.table import Table

NAMED = ("king_county", "california")
TEST_SIZE, VALIDATION_SPLIT, RANDOM_STATE = 0.2, 0.2, 42  # the article's


def load_data(dataset: str = "king_county", target: str | None = None) -> Table:
    """The function that the article calls and never defines: see `fmkeras.houses.table.load`."""
    from fmkeras.houses import table

    return table.load(dataset, target)


def preprocess_data(
    X: np.ndarray,
    y: np.ndarray,
    test_size: float = TEST_SIZE,
    validation_split: float = VALIDATION_SPLIT,
    random_state: int = RANDOM_STATE,
    scale_target: bool = True,
) -> Data:
    """Split X (rows, features) and y (rows,) in three and standardize both with the training rows' statistics.

    The article fits its scaler before Keras takes the validation rows away, so they leak into it, and does not scale
    the target although it says so. The rows are the same as there: a shuffled 80/20 split, then the last 20 % of the
    80 % for validation, as `validation_split=0.2` takes them.

    Args:
        scale_target: False repeats the article's mistake.

    Raises:
        InputError: too few training rows for the features, or they all have the same target.
    """
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    from fmkeras.houses.linear import Data

    if len(X) < 10:
        raise InputError(f"the table has {len(X)} usable rows: at least 10 are needed to train, validate and test")
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=test_size, random_state=random_state)
    first = int(len(X_rest) * (1 - validation_split))  # training rows
    if first <= X.shape[1]:
        raise InputError(
            f"of {len(X):,} usable rows {first:,} are left to train on: too few for {X.shape[1]:,} columns, since a "
            "linear model needs more rows than columns; remove columns or add rows"
        )
    scaler = StandardScaler().fit(X_rest[:first])
    mean, scale = (float(y_rest[:first].mean()), float(y_rest[:first].std())) if scale_target else (0.0, 1.0)
    if scale == 0:
        raise InputError("the target is the same in all training rows: nothing to learn")
    X_rest, y_rest = scaler.transform(X_rest), (y_rest - mean) / scale
    return Data(X_rest[:first], y_rest[:first], X_rest[first:], y_rest[first:], X_test, y_test, scaler, mean, scale)


def build_model(input_shape: tuple[int]) -> keras.Sequential:
    """One linear unit, as in the article: (batch, features) -> (batch, 1), in standardized units.

    The weights start at zero, which predicts the mean. The loss is convex, so the start does not decide the end; but
    from zero a column that never varies keeps the weight 0, and two equal columns share one weight evenly.
    """
    import keras

    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(1, kernel_initializer="zeros")])


def train_model(
    model: keras.Model,
    data: Data,
    epochs: int = 100,
    seed: int = 0,
    report: Callable[[dict, int], None] | None = None,
) -> tuple[pd.DataFrame, bool]:
    """Minimise the mean squared error with Adam, stop early, and leave the best weights in `model`.

    The article's batches of 32 at a constant 0.001 take 35,000 small steps and never settle: where they end depends
    on the last batches. Here about 50 steps make an epoch, whatever the table's size, and the rate falls
    exponentially from 0.02 to 0.00002: large steps cross the distance in a few epochs, small ones average the
    batches' noise away. Early stopping starts half-way, because while the steps are large the validation loss jumps
    about by 1 %, and its lowest value is luck and not the best model.

    Args:
        model: from `build_model`; trained in place.
        report: called after each epoch with {epoch, loss, val_loss, seconds} and the number of epochs at most.

    Returns:
        The history, one row an epoch, and whether training ended by itself (False: by Ctrl-C; then `model` has the
        best weights so far).
    """
    import keras
    import pandas as pd

    from fmkeras.houses.linear import shuffled_batches

    keras.utils.set_random_seed(seed)
    batch_size = max(1, len(data.X_train) // 50)
    steps = len(data.X_train) // batch_size  # an epoch
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, decay_steps=steps * epochs, decay_rate=0.001)
    # One call into TensorFlow an epoch: a step of this model is so short that the call would cost more than the step.
    model.compile(keras.optimizers.Adam(rate), loss="mean_squared_error", steps_per_execution=steps)
    stop = keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True, start_from_epoch=epochs // 2)
    history, best, began = [], (float("inf"), None), time.perf_counter()

    def on_epoch_end(epoch: int, logs: dict) -> None:
        nonlocal best
        history.append({"epoch": epoch + 1} | {name: float(logs[name]) for name in ("loss", "val_loss")})
        history[-1]["seconds"] = round(time.perf_counter() - began, 3)
        if logs["val_loss"] < best[0]:
            best = logs["val_loss"], model.get_weights()
        if report:
            report(history[-1], epochs)
        cli.stop_if_interrupted()

    finished = True
    try:
        model.fit(
            shuffled_batches(data.X_train, data.y_train, batch_size, seed),
            steps_per_epoch=steps,
            epochs=epochs,
            shuffle=False,  # the generator does it
            validation_data=(data.X_validation, data.y_validation),
            validation_batch_size=4096,
            callbacks=[stop, keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)],
            verbose=0,
        )
    except KeyboardInterrupt:
        finished = False
        weights = stop.best_weights if stop.best_weights is not None else best[1]
        if weights is not None:
            model.set_weights(weights)
    return pd.DataFrame(history, columns=["epoch", "loss", "val_loss", "seconds"]), finished


def with_scaling(model: keras.Model, data: Data) -> keras.Sequential:
    """The model to save: raw features (batch, features) -> the target in its own unit (batch, 1).

    The scaling is Keras's own `Normalization`, so the file loads with `keras.models.load_model` alone.
    """
    import keras

    scaler = data.feature_scaler
    return keras.Sequential(
        [
            keras.Input(model.input_shape[1:], name="raw_features"),
            keras.layers.Normalization(mean=scaler.mean_, variance=scaler.scale_**2, name="standardize"),
            model.layers[-1],
            keras.layers.Normalization(
                mean=[data.target_mean], variance=[data.target_scale**2], invert=True, name="to_target_unit"
            ),
        ]
    )


def evaluate_model(model: keras.Model, X_test: np.ndarray, y_test: np.ndarray) -> dict[str, float | None]:
    """{mse, rmse, mae, r2} of a `with_scaling` model on raw rows, in dollars; the article prints a bare loss."""
    from fmkeras.houses.linear import metrics

    return metrics(model.predict(X_test, batch_size=4096, verbose=0)[:, 0], y_test)


def train(args: argparse.Namespace) -> None:
    """The article's main: load, preprocess, build, train, evaluate, plot. All that it makes goes to the run folder."""
    began = time.perf_counter()
    table = load_data(args.dataset, args.target)
    names, target, unit, scaled = list(table.features), str(table.target.name), table.unit, not args.no_target_scaling
    data = preprocess_data(table.features.to_numpy(), table.target.to_numpy(), scale_target=scaled)
    split = {"training": len(data.X_train), "validation": len(data.X_validation), "test": len(data.X_test)}
    features = f"{len(names)} feature{'s'[: len(names) > 1]}"
    print(f"{table.name}: {len(table.features):,} rows, {features}, target {target}", *table.notes, sep="\n")
    print("split:", ", ".join(f"{rows:,} {part}" for part, rows in split.items()), "rows")

    run, note = runs.start(args.run)
    if note:
        print(note)
    source = table.name if args.dataset in NAMED else str(Path(args.dataset).resolve())
    config = {"task": "regress", "dataset": source, "target": target, "unit": unit, "features": names}
    config |= {"epochs": args.epochs, "seed": args.seed, "scale_target": scaled, "digest": table.digest()}
    runs.write_config(run, config)

    print("loading Keras ...", flush=True)
    with cli.quiet():
        from fmkeras.houses import linear
        from fmkeras.houses import report as house_report

        model = build_model((len(names),))
    with cli.interruptible():
        history, finished = train_model(model, data, args.epochs, args.seed, house_report.progress)
    complete = with_scaling(model, data)
    if sys.stdout.isatty():
        print()
    if len(history):
        runs.save_model(complete, run / runs.MODEL)
        runs.write_text(run / runs.HISTORY, history.to_csv(index=False, lineterminator="\n"))
    if not finished:
        kept = f"the best weights so far are in {run / runs.MODEL}" if len(history) else "no epoch had ended"
        raise KeyboardInterrupt(f"{kept}; training again starts afresh")

    import numpy as np

    kernel, bias = model.layers[-1].get_weights()
    comparison = linear.compare(data, np.append(kernel[:, 0], bias), names)
    results = {"test": evaluate_model(complete, data.X_test, data.y_test)} | comparison.metrics
    predicted = complete.predict(data.X_test, batch_size=4096, verbose=0)[:, 0]
    paths = house_report.save_plots(run, history, comparison, data.y_test, predicted, target, unit, scaled)
    runs.write_text(run / "coefficients.csv", comparison.coefficients.to_csv(lineterminator="\n"))
    report = {"dataset": source, "target": target, "rows": len(table.features), "features": len(names), "split": split}
    report |= {"epochs": len(history), "seconds": round(time.perf_counter() - began, 2)} | results
    report |= {"largest_weight_difference": comparison.largest_weight_difference}
    runs.write_json(run / runs.REPORT, report)
    print(house_report.summary(report, comparison, unit, run))
    if args.show and not house_report.plots.show(paths):
        print(f"no display to open windows on: the plots are in {run}")


def evaluate(args: argparse.Namespace) -> None:
    """Measure the saved model again: on its own test rows, or on all rows of a CSV that has the target column."""
    from fmkeras.houses import report as house_report

    with cli.quiet():
        regressor = load_regressor(args.run)
    config = regressor.config
    if args.file is None:
        table = load_data(config["dataset"], None if config["dataset"] in NAMED else config["target"])
        if table.digest() != config["digest"]:
            raise InputError(
                f"{config['dataset']} has changed since {args.run} was trained, so its test rows are no longer known: "
                "name a CSV to measure all its rows, or train again"
            )
        data = preprocess_data(table.features.to_numpy(), table.target.to_numpy(), scale_target=config["scale_target"])
        X, y, what = data.X_test, data.y_test, f"the test rows of {table.name}"
    else:
        X, y = regressor.labelled(args.file)
        what = str(args.file)
    print(f"{args.run} on {what}: {len(X):,} rows")
    print(house_report.metrics_table({"trained model": evaluate_model(regressor.model, X, y)}, regressor.unit))


def predict(args: argparse.Namespace) -> None:
    """Write a CSV again, its cells unchanged, with a column predicted_<target> behind them."""
    with cli.quiet():
        regressor = load_regressor(args.run)
    text = regressor.predict_csv(args.file)
    if args.out is None:
        cli.write_utf8()  # the same bytes as with --out
        sys.stdout.write(text)
        return
    if args.out.exists() and not args.out.is_file():
        raise InputError(f"{args.out} is not a file: choose another --out")
    runs.write_text(args.out, text)


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (default: the process's own)."""
    args = cli.parse(parser(), ("train", "evaluate", "predict"), argv)
    {"train": train, "evaluate": evaluate, "predict": predict}[args.verb](args)


def script() -> None:
    """The command `fmkeras-regress`."""
    cli.run(main)


if __name__ == "__main__":
    script()
