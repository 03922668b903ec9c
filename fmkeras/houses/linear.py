"""The mathematics of a linear model: the parts of its table, the closed form, its errors and its coefficients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

Metrics = dict[str, float | None]


class Data(NamedTuple):
    """The three parts of a table. Training and validation rows are standardized, test rows are raw.

    Test rows stay as they are because the finished model takes raw features and is judged in the target's own unit.
    """

    X_train: np.ndarray  # (13832, 16) standardized; what the gradient sees
    y_train: np.ndarray  # (13832,)    standardized
    X_validation: np.ndarray  # (3458, 16) in the training rows' deviations; decides when to stop
    y_validation: np.ndarray  # (3458,)
    X_test: np.ndarray  # (4323, 16)  raw
    y_test: np.ndarray  # (4323,)     raw, in dollars
    feature_scaler: StandardScaler  # mean_, scale_ (features,), of the training rows alone
    target_mean: float  # dollars, of the training rows alone
    target_scale: float  # dollars in one standard deviation; 1 if the target is not scaled


def shuffled_batches(X: np.ndarray, y: np.ndarray, batch_size: int, seed: int) -> Iterator[tuple]:
    """Whole batches ((batch, features), (batch,)) for ever, in a new order each epoch that depends on `seed` alone.

    `fit(shuffle=True)` will not do: with a seed set, Keras on TensorFlow (3.8 to 3.15) draws the same order in every
    epoch. The few rows of the last, ragged batch then weigh as much as a full batch, always the same ones, and the
    model ends up to 0.03 standard deviations beside the least-squares weights.
    """
    rng = np.random.default_rng(seed)
    X, y = X.astype("float32"), y.astype("float32")
    while True:
        order = rng.permutation(len(X))
        for start in range(0, len(X) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
            yield X[rows], y[rows]


def least_squares(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The closed form: weights (features + 1,), bias last, with the least |Xw + b - y|²; of several, the shortest."""
    return np.linalg.lstsq(_with_ones(X), y, rcond=None)[0]


def linear(X: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Predictions (rows,) of `least_squares` weights for X (rows, features)."""
    return _with_ones(X) @ weights


def dependent(X: np.ndarray) -> bool:
    """Whether some column of X (rows, features) is a sum of others, so that many weights predict the same."""
    return int(np.linalg.matrix_rank(_with_ones(X))) <= X.shape[1]


def _with_ones(X: np.ndarray) -> np.ndarray:
    return np.column_stack([X, np.ones(len(X))])


def metrics(predicted: np.ndarray, actual: np.ndarray) -> Metrics:
    """MSE, RMSE, MAE and R² of predictions (rows,), in the target's unit; R² is None where the target never varies."""
    error = np.asarray(predicted, dtype="float64") - actual
    mse, variance = float(np.mean(error**2)), float(np.var(actual))
    r2 = 1 - mse / variance if variance > 0 else None
    return {"mse": mse, "rmse": mse**0.5, "mae": float(np.mean(np.abs(error))), "r2": r2}


def coefficients(
    weights: Mapping[str, np.ndarray],
    names: Sequence[str],
    feature_mean: np.ndarray,
    feature_scale: np.ndarray,
    target_mean: float,
    target_scale: float,
) -> pd.DataFrame:
    """What the target changes by, in its unit: per standard deviation of each feature, and per unit of it.

    Args:
        weights: for each column group ("trained", "least_squares") its standardized weights (features + 1,), bias last.

    Returns:
        One row a feature, then the intercept: the prediction for an average house, and (per unit) for all features 0.
    """
    columns = {}
    for who, standardized in weights.items():
        per_deviation = np.asarray(standardized, dtype="float64") * target_scale
        per_deviation[-1] += target_mean
        per_unit = per_deviation[:-1] / feature_scale
        columns[f"{who}_per_deviation"] = per_deviation
        columns[f"{who}_per_unit"] = np.append(per_unit, per_deviation[-1] - per_unit @ feature_mean)
    order = [f"{who}_{per}" for per in ("per_deviation", "per_unit") for who in weights]
    return pd.DataFrame(columns, index=pd.Index([*names, "(intercept)"], name="feature"))[order]


class Comparison(NamedTuple):
    """The closed form and the trained model, side by side.

    Attributes:
        optimum: the least mean squared error that the training rows allow, in the loss's units.
        metrics: test metrics in the target's unit of least_squares (the closed form on the training rows),
            least_squares_with_validation_rows and mean_baseline.
        coefficients: see `coefficients`.
        largest_weight_difference: between trained and closed form, in standard deviations of the target.
        dependent: whether some column is a sum of others, so that the weights are not unique.
    """

    optimum: float
    metrics: dict[str, Metrics]
    coefficients: pd.DataFrame
    largest_weight_difference: float
    dependent: bool


def compare(data: Data, trained: np.ndarray, names: Sequence[str]) -> Comparison:
    """Compare `trained` (features + 1,), bias last, in standardized units, with the closed form and with the mean.

    The closed form that training must reach has seen the same rows: the training rows. With the validation rows as
    well it has the whole 80 %, which is the split that others publish: for King County R² 0.6957 (without: 0.6958).
    """
    X_test = data.feature_scaler.transform(data.X_test)
    everything = np.concatenate([data.X_train, data.X_validation]), np.concatenate([data.y_train, data.y_validation])
    closed_form = least_squares(data.X_train, data.y_train)
    mean = np.append(np.zeros(X_test.shape[1]), data.y_train.mean())
    tested = {}
    for name, weights in {
        "least_squares": closed_form,
        "least_squares_with_validation_rows": least_squares(*everything),
        "mean_baseline": mean,
    }.items():
        tested[name] = metrics(linear(X_test, weights) * data.target_scale + data.target_mean, data.y_test)
    scales = data.feature_scaler.mean_, data.feature_scaler.scale_, data.target_mean, data.target_scale
    return Comparison(
        optimum=float(np.mean((linear(data.X_train, closed_form) - data.y_train) ** 2)),
        metrics=tested,
        coefficients=coefficients({"trained": trained, "least_squares": closed_form}, names, *scales),
        largest_weight_difference=float(np.abs(trained - closed_form).max() / data.y_train.std()),
        dependent=dependent(data.X_train),
    )
