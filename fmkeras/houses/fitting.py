"""From a table to a trained regressor: what `fmkeras.train_regressor` and the script do, step by step."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fmkeras import cli, runs
from fmkeras.errors import InputError
from fmkeras.houses import preparing, training
from fmkeras.houses.regressor import Regressor

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from fmkeras.houses.linear import Comparison, Data
    from fmkeras.houses.table import Table

REFIT_BELOW = 100  # training rows a column


class Fit(NamedTuple):
    """A trained model, what it was trained on, and how it compares.

    Attributes:
        table, data: the columns as they are, and split and encoded.
        model: the finished one, raw columns in, the target in its unit out.
        weights: (encoded columns + 1,), bias last, in standardized units.
        history: one row an epoch.
        finished: False if Ctrl-C ended it.
        comparison: with the closed form; None if it did not finish.
        report: what report.json says.
    """

    table: Table
    data: Data
    model: keras.Model
    weights: np.ndarray
    history: pd.DataFrame
    finished: bool
    comparison: Comparison | None
    report: dict

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns."""
        return getattr(self.data.feature_scaler, "names", None) or list(self.table.features)

    @property
    def closed_form(self) -> Comparison:
        """The comparison with the closed form, which each finished model has.

        Raises:
            InputError: training did not finish.
        """
        if self.comparison is None:
            raise InputError("training was stopped, so there is no comparison with the closed form: train again")
        return self.comparison

    @property
    def predicted(self) -> np.ndarray:
        """(test rows,) in the target's unit."""
        return self.model.predict(self.data.test_inputs, batch_size=4096, verbose=0)[:, 0]


def train_regressor(
    table: preparing.Source,
    target: str | int | None = None,
    *,
    run: str | Path | None = None,
    epochs: int = 100,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    ridge: bool = False,
    log_target: bool = False,
    scale_target: bool = True,
    refit: bool | None = None,
    drop: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    numeric: str | Sequence[str] = (),
    header: bool = True,
    folds: int = 0,
    tensorboard: bool = False,
    say: Callable[[str], None] | None = None,
    progress: Callable[[dict, int], None] | None = None,
) -> Regressor:
    """Train a linear model on a table as it is: numbers, text, dates, with gaps.

    Args:
        table: a DataFrame or what pandas makes one of, the path of a file, or "king_county" or "california".
        target: the column to predict.
        run: the folder to save it in, with its report and plots; None saves nothing.
        epochs: at most; it stops early.
        callbacks: any of Keras's; see `fmkeras.houses.training.train_model`.
        ridge: penalise squared weights, as strongly as leave-one-out cross-validation on the training rows says.
        log_target: learn the logarithm of the target: predictions are never negative.
        refit: train once more with the validation rows, for the epochs that they chose; None: where there are fewer
            than 100 training rows a column, so that a quarter more rows is worth having.
        drop, categorical, numeric: columns to leave out, or to take as text or as numbers; one name, or several.
        header: False if the file's first line holds no names; then they are c1, c2, ...
        folds: also cross-validate, in so many parts.
        tensorboard: write TensorBoard's logs to the run folder.
        say: called with each line that the script prints on the way; None: what is left out is said in warnings.
        progress: called after each epoch, as `train_model`'s `report` is.

    Example:
        >>> regressor = fmkeras.train_regressor("train.csv", "SalePrice")  # doctest: +SKIP
        >>> regressor.predict("test.csv")  # doctest: +SKIP

    Raises:
        InputError: the table or an option cannot be used; one line says what to do.
        KeyboardInterrupt: by Ctrl-C; the best weights so far are in the run folder.
    """
    _check(epochs, seed, tensorboard, run)
    asked = {"drop": drop, "categorical": categorical, "numeric": numeric}
    options = {option: [names] if isinstance(names, str) else list(names) for option, names in asked.items()}
    loaded = preparing.load_table(table, target, options, header)
    say = preparing.introduce(loaded, say)
    data, strength = preparing.prepare(loaded, scale_target, log_target, ridge)
    say("split: " + ", ".join(f"{rows:,} {part}" for part, rows in _split(data).items()) + " rows")
    if refit is None:
        refit = len(data.X_train) < REFIT_BELOW * data.X_train.shape[1]
    about: dict[str, object] = {"dataset": preparing.source_of(table, loaded), "target": str(loaded.target.name)}
    config = {"task": "regress"} | about | {"epochs": epochs, "seed": seed, "scale_target": scale_target}
    config |= {"header": header, "log_target": log_target, "ridge": strength, "refit": refit}
    config |= _described(loaded, data)
    crossed = _cross_validated(loaded, folds, strength, log_target)
    folder = _begin(run, config | options, say)
    with runs.alone(folder) if folder else contextlib.nullcontext():
        say("loading Keras ...")
        cli.import_keras()
        if tensorboard and folder is not None:
            import keras

            callbacks = [*callbacks, keras.callbacks.TensorBoard(str(folder / "tensorboard"))]
        fit = fit_table(loaded, data, epochs, seed, callbacks, strength, refit, progress)
        if folder is not None and len(fit.history):
            runs.save_model(fit.model, folder / runs.MODEL)
            runs.write_text(folder / runs.HISTORY, fit.history.to_csv(index=False, lineterminator="\n"))
        if not fit.finished:
            raise _interrupted(fit, folder)
        report = about | _found(fit, say) | fit.report | crossed
        fit = fit._replace(report=report)
        regressor = Regressor(fit.model, config | options, report)
        regressor.fitted = fit
        if folder is not None:
            from fmkeras.houses import report as house_report

            house_report.save(folder, fit)
    return regressor


def _split(data: Data) -> dict[str, int]:
    """How many rows each part has."""
    return {"training": len(data.X_train), "validation": len(data.X_validation), "test": len(data.y_test)}


def _found(fit: Fit, say: Callable[[str], None]) -> dict[str, object]:
    """What report.json says of the table; a line is said where its columns give the target away."""
    from fmkeras.houses import effects

    rows, features = fit.table.features.shape
    notes = list(fit.table.notes)
    if answered := effects.answered(fit):
        notes.append(answered)
        say(answered)
    encoded = fit.data.X_train.shape[1]
    return {"rows": rows, "features": features, "notes": notes, "encoded_columns": encoded, "split": _split(fit.data)}


def _interrupted(fit: Fit, folder: Path | None) -> KeyboardInterrupt:
    """What Ctrl-C ends in: where the best weights are, if there are any."""
    kept = f"the best weights so far are in {folder / runs.MODEL}" if folder and len(fit.history) else "nothing kept"
    return KeyboardInterrupt(f"{kept}; training again starts afresh")


def _check(epochs: object, seed: object, tensorboard: bool, run: str | Path | None) -> None:
    """Refuse what cannot be before any file is touched."""
    for name, value, least in (("epochs", epochs, 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or not least <= int(value) < 2**32:
            raise InputError(f"{name}={value!r}: give a whole number from {least} on")
    if tensorboard and run is None:
        raise InputError("tensorboard needs a run folder for its logs: name a run")


def _begin(run: str | Path | None, config: dict[str, object], say: Callable[[str], None]) -> Path | None:
    """Make the run folder and write its config.json, if there is to be one."""
    if run is None:
        return None
    folder, warning = runs.start(run)
    if warning:
        say(warning)
    runs.write_config(folder, config)
    return folder


def _described(loaded: Table, data: Data) -> dict[str, object]:
    """What config.json says of the table and its columns."""
    columns = [column.to_json() for column in preparing.fitted_columns(loaded, data)]
    described: dict[str, object] = {"unit": loaded.unit, "features": list(loaded.features), "digest": loaded.digest()}
    return described | {"columns": columns, "decimal": loaded.decimal, "target_unit": loaded.target_unit}


def _cross_validated(loaded: Table, folds: int, strength: float, log_target: bool) -> dict:
    """What report.json says of cross-validation, if it was asked for. It can refuse: before any file is touched."""
    if not folds:
        return {}
    from fmkeras.houses.validation import cross_validate

    return {"cross_validation": cross_validate(loaded, folds, strength, log_target)}


def fit_table(
    table: Table,
    data: Data,
    epochs: int = 100,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    ridge: float = 0.0,
    refit: bool = False,
    progress: Callable[[dict, int], None] | None = None,
) -> Fit:
    """Train on prepared data, once more with the validation rows if `refit`, and compare with the closed form."""
    from fmkeras import devices  # it imports Keras, which is announced before
    from fmkeras.houses import validation
    from fmkeras.houses.linear import compare

    began = time.perf_counter()
    devices.gpus()  # whether the backend finds a device at all
    model = training.build_model((data.X_train.shape[1],))
    with cli.interruptible():
        history, finished = training.train_model(model, data, epochs, seed, progress, callbacks, ridge)
        # How far off it is on rows that its weights have not seen: before they see them.
        intervals = validation.intervals(data, training.weights_of(model)) if finished else {}
        seen = data
        if finished and refit:
            seen, best = data.with_validation_rows(), history["val_loss"].iloc[min(epochs // 2, len(history) - 1) :]
            until = int(history["epoch"][best.idxmin()])
            model = training.build_model((data.X_train.shape[1],))
            _, finished = training.train_model(model, seen, epochs, seed, None, (), ridge, until)
    complete, weights = training.with_scaling(model, seen), training.weights_of(model)
    fit = Fit(table, data, complete, weights, history, finished, None, {})
    if not finished:
        return fit
    comparison = compare(data, weights, fit.names, ridge, refit)
    predicted = fit.predicted
    report: dict[str, object] = {"epochs": len(history), "seconds": round(time.perf_counter() - began, 2)}
    report |= {"refitted": refit, "test": training.evaluate_model(complete, data.test_inputs, data.y_test)}
    report |= comparison.metrics | {"ridge": ridge, "largest_weight_difference": comparison.largest_weight_difference}
    report |= {"smearing": seen.smearing(weights)} if data.log else {}
    report |= {"negative_predictions": int((predicted < 0).sum()), "intervals": intervals}
    report |= {"coverage": validation.coverage(intervals, predicted, data.y_test, data.log)}
    return fit._replace(comparison=comparison, report=report | {"made_by": devices.made_by("float32")})
