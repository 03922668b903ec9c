"""How far a linear model can be trusted: intervals, cross-validation, and whether more rows would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fmkeras.errors import InputError
from fmkeras.houses.cells import LARGEST
from fmkeras.houses.linear import Data, least_squares, linear, metrics
from fmkeras.houses.reading import farthest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fmkeras.houses.columns import Column
    from fmkeras.houses.table import Table

PERCENTS = range(50, 100)
SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # of the training rows, for the learning curve
DRAWS = 3


def intervals(data: Data, weights: np.ndarray) -> dict[str, float]:
    """Half the width of an interval for each per cent from 50 to 99, by split conformal prediction.

    The validation rows' absolute errors, of predictions as they are given, in order: of n, the ceil((n + 1) p)-th is
    not exceeded by a new row's error with probability p, whatever the errors' distribution, if new rows come from the
    same source. A per cent for which there are too few rows is left out.

    Args:
        weights: (features + 1,) fitted without the validation rows, standardized.

    Returns:
        For "50" ... "99" half the width, in the target's unit, or in units of its logarithm.
    """
    shift = np.log(data.smearing(weights))  # of a model of logarithms: what its predictions are raised by
    errors = np.sort(np.abs((linear(data.X_validation, weights) - data.y_validation) * data.target_scale + shift))
    ranks = {percent: int(np.ceil((len(errors) + 1) * percent / 100)) for percent in PERCENTS}
    return {str(percent): float(errors[rank - 1]) for percent, rank in ranks.items() if rank <= len(errors)}


def coverage(halves: dict[str, float], predicted: np.ndarray, actual: np.ndarray, log: bool) -> dict[str, float]:
    """The share of test rows whose actual value lies within the intervals of 50, 80, 90 and 95 per cent."""
    if log:
        predicted, actual = np.log(predicted), np.log(actual)
    errors = np.abs(predicted - actual)
    return {
        percent: float(np.mean(errors <= halves[percent])) for percent in ("50", "80", "90", "95") if percent in halves
    }


def check_prices(logarithms: np.ndarray, rows: pd.DataFrame, columns: Sequence[Column], target: str) -> None:
    """See that prices can be computed of their logarithms: one number out of place, and the exponential is none.

    Args:
        logarithms: (rows,) predicted, of rows that were not learnt from.
        rows: their columns, and the target.

    Raises:
        InputError: a price is too large; the row is named by its target and its most unusual number.
    """
    row = int(logarithms.argmax())
    if logarithms[row] >= np.log(LARGEST):
        raise InputError(
            f"--log-target: a test row's price is too large to compute ({target} = {rows[target].iloc[row]:.10g}, "
            f"{farthest(columns, rows.iloc[row])}): put the row right, leave it out, or do without logarithms"
        )


def check_folds(folds: int, rows: int) -> None:
    """See that so many rows can be cross-validated.

    Raises:
        InputError: there are fewer than twice the folds.
    """
    if not 2 <= folds <= rows // 2:
        raise InputError(f"--folds {folds}: choose from 2 to {rows // 2}, half of the rows")


def cross_validate(table: Table, folds: int, ridge: float = 0.0, log_target: bool = False) -> dict:
    """Mean and standard deviation of R², MAE and RMSE over `folds` parts of all rows, each tested by the others' fit.

    Each fold has medians, deviations and categories of its own training rows. The fit is the closed form, which the
    trained model equals and which takes a moment.

    Returns:
        folds, and of r2, mae and rmse {mean, spread}; None for an R² that too few folds have.

    Raises:
        InputError: fewer rows than twice the folds; or logarithms whose price is too large.
    """
    from fmkeras.houses.encoding import Encoder

    check_folds(folds, len(table.features))
    part = np.random.default_rng(0).permutation(len(table.features)) % folds
    y, found = table.target.to_numpy(), []
    for fold in range(folds):
        kept = part != fold
        encoder = Encoder.fit(table.features[kept], table.columns)
        X, target = encoder.transform(table.features), np.log(y) if log_target else y
        mean, scale = target[kept].mean(), target[kept].std() or 1.0
        standardized = (target - mean) / scale
        data = Data(X[kept], standardized[kept], X[~kept], standardized[~kept], X, y, encoder, mean, scale, log_target)
        weights = least_squares(data.X_train, data.y_train, ridge)
        predicted = linear(data.X_validation, weights)
        if log_target:
            rows = table.features[~kept].assign(**{str(table.target.name): y[~kept]})
            check_prices(predicted * scale + mean, rows, encoder.columns, str(table.target.name))
        found.append(metrics(data.in_unit(predicted, data.smearing(weights)), y[~kept]))
    scores = pd.DataFrame(found).astype(float)  # no R² where a fold's target never varies: NaN, which JSON has not
    scores = scores.agg(["mean", "std"]).set_axis(["mean", "spread"])
    return {"folds": folds} | scores.astype(object).where(scores.notna(), None)[["r2", "mae", "rmse"]].to_dict()


def learning_curve(data: Data, ridge: float = 0.0) -> pd.DataFrame:
    """RMSE on the training rows used and on the validation rows, for more and more training rows.

    Each size is drawn three times, and the closed form fitted; sizes with fewer than two rows a column are left out.

    Returns:
        Columns rows, training, validation (means), low, high (of the validation RMSE over the draws); in the
        target's unit, or for a model of logarithms in theirs.
    """
    rng, found = np.random.default_rng(0), []
    for rows in sorted({int(share * len(data.X_train)) for share in SHARES}):
        if rows < min(2 * data.X_train.shape[1], len(data.X_train)):
            continue
        draws = []
        for _ in range(DRAWS if rows < len(data.X_train) else 1):
            chosen = rng.permutation(len(data.X_train))[:rows]
            weights = least_squares(data.X_train[chosen], data.y_train[chosen], ridge)
            parts = (data.X_train[chosen], data.y_train[chosen]), (data.X_validation, data.y_validation)
            draws.append([np.mean((linear(X, weights) - y) ** 2) ** 0.5 * data.target_scale for X, y in parts])
        training, validation = np.array(draws).T
        found.append([rows, training.mean(), validation.mean(), validation.min(), validation.max()])
    return pd.DataFrame(found, columns=["rows", "training", "validation", "low", "high"])
