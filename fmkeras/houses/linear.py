"""The mathematics of a linear model: the parts of its table, the closed form, its errors and its coefficients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

    from fmkeras.houses.encoding import Encoder

DEPENDENT = 1e-6  # of the widest direction's spread: narrower ones are rounding; the model computes in float32
STRENGTHS = tuple(10.0**power for power in range(-2, 6))  # of ridge, to choose from


class Metrics(TypedDict):
    """How far predictions are from the actual values, in the target's unit; no R² where the target never varies."""

    mse: float
    rmse: float
    mae: float
    r2: float | None


class Data(NamedTuple):
    """The three parts of a table. Training and validation rows are encoded, test rows are raw.

    Test rows stay as they are because the finished model takes raw features and is judged in the target's own unit.
    """

    X_train: np.ndarray  # (13832, 16) standardized; what the gradient sees
    y_train: np.ndarray  # (13832,)    standardized
    X_validation: np.ndarray  # (3458, 16) in the training rows' deviations; decides when to stop
    y_validation: np.ndarray  # (3458,)
    X_test: np.ndarray | pd.DataFrame  # (4323, 16)  raw
    y_test: np.ndarray  # (4323,)     raw, in dollars
    feature_scaler: StandardScaler | Encoder  # mean_, scale_ (features,), of the training rows alone
    target_mean: float  # dollars (or their logarithm), of the training rows alone
    target_scale: float  # dollars in one standard deviation; 1 if the target is not scaled
    log: bool = False  # whether the target is the logarithm of what y_test has

    @property
    def test_inputs(self) -> np.ndarray | dict[str, np.ndarray]:
        """The test rows as the finished model takes them: a matrix of numbers, or a dict of raw columns."""
        return self.X_test if isinstance(self.X_test, np.ndarray) else self.feature_scaler.model_inputs(self.X_test)

    def with_validation_rows(self) -> Data:
        """The same with the validation rows among the training rows; the scaling stays."""
        X = np.concatenate([self.X_train, self.X_validation])
        return self._replace(X_train=X, y_train=np.concatenate([self.y_train, self.y_validation]))

    def in_unit(self, standardized: np.ndarray, smearing: float = 1.0) -> np.ndarray:
        """Standardized predictions (rows,) in the target's unit."""
        values = standardized * self.target_scale + self.target_mean
        return np.exp(values) * smearing if self.log else values

    def smearing(self, weights: np.ndarray) -> float:
        """What exp(log prediction) is multiplied with to give a mean price: Duan's smearing factor, else 1.

        The exponential of a mean logarithm is too low for a mean. The factor is the mean of exp(residual) over the
        training rows (Duan, 1983), which needs no assumption about how the residuals are spread.
        """
        if not self.log:
            return 1.0
        return float(np.mean(np.exp((self.y_train - linear(self.X_train, weights)) * self.target_scale)))


def shuffled_batches(X: np.ndarray, y: np.ndarray, batch_size: int, seed: int) -> Iterator[tuple]:
    """Whole batches ((batch, features), (batch,)) for ever, in a new order each epoch that depends on `seed` alone.

    `fit(shuffle=True)` will not do: with a seed set, Keras on TensorFlow (3.8 to 3.15) draws the same order in every
    epoch. The few rows of the last, ragged batch then weigh as much as a full batch, always the same ones, and the
    model ends up to 0.03 standard deviations beside the least-squares weights.
    """
    rng = np.random.default_rng(seed)
    X, y = X.astype("float32"), y.astype("float32")
    while True:
        if batch_size == len(X):
            yield X, y  # in whatever order: the gradient is that of all rows
            continue
        order = rng.permutation(len(X))
        for start in range(0, len(X) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
            yield X[rows], y[rows]


class Directions(NamedTuple):
    """Coordinates in which the loss is equally curved in all directions, so that gradient descent goes straight.

    Columns that are sums or copies of others span fewer directions than there are columns; those that remain are
    orthogonal. Weights found in them are, of all that predict the same, the shortest in the columns' coordinates.

    Attributes:
        mean: (features,) of the rows.
        basis: (features, directions); rows in the new coordinates are (X - mean) @ basis.
        penalty: (directions,) what ridge adds to the loss for each squared weight in them; 0 without ridge.
    """

    mean: np.ndarray
    basis: np.ndarray
    penalty: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, ridge: float = 0.0) -> Directions:
        """From the rows X (rows, features), by their singular values."""
        mean = X.mean(axis=0)
        # The triangle of a QR decomposition has the same singular values and axes, and is much smaller.
        _, spread, axes = np.linalg.svd(np.linalg.qr(X - mean, mode="r"), full_matrices=False)
        kept = spread > DEPENDENT * spread[0]
        curvature = spread[kept] ** 2 + ridge
        return cls(mean, axes[kept].T * np.sqrt(len(X) / curvature), ridge / curvature)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """(rows, features) -> (rows, directions)."""
        return (X - self.mean) @ self.basis

    def weights(self, kernel: np.ndarray, bias: float) -> np.ndarray:
        """Weights (features + 1,), bias last, that predict from X what (directions,) and a bias do from `transform`."""
        weights = self.basis @ kernel
        return np.append(weights, bias - self.mean @ weights)


def least_squares(X: np.ndarray, y: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """The closed form: weights (features + 1,), bias last, with the least |Xw + b - y|² + ridge |w|².

    Of several, as there are if columns depend on one another, the shortest.
    """
    directions = Directions.of(X, ridge)
    return directions.weights(directions.transform(X).T @ (y - y.mean()) / len(X), float(y.mean()))


def choose_ridge(X: np.ndarray, y: np.ndarray) -> tuple[float, dict[float, float]]:
    """The strength of ridge with the least error in leave-one-out cross-validation, and that error for each.

    Leaving out a row needs no new fit: its residual is the fitted one / (1 - leverage). Nothing in it is random.
    """
    left, spread, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    y, errors = y - y.mean(), {}
    for ridge in STRENGTHS:
        shrunk = spread**2 / (spread**2 + ridge)
        leverage = np.minimum(left**2 @ shrunk + 1 / len(X), 1 - 1e-9)
        errors[ridge] = float(np.mean(((y - left @ (shrunk * (left.T @ y))) / (1 - leverage)) ** 2))
    return min(errors, key=lambda ridge: errors[ridge]), errors


def linear(X: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Predictions (rows,) of weights (features + 1,), bias last, for X (rows, features)."""
    return X @ weights[:-1] + weights[-1]


def dependent(X: np.ndarray) -> bool:
    """Whether some column of X (rows, features) is a sum of others, so that many weights predict the same."""
    return Directions.of(X).basis.shape[1] < X.shape[1]


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


def compare(
    data: Data, trained: np.ndarray, names: Sequence[str], ridge: float = 0.0, refitted: bool = False
) -> Comparison:
    """Compare `trained` (features + 1,), bias last, in standardized units, with the closed form and with the mean.

    The closed form that training must reach has seen the same rows: the training rows, and the validation rows as
    well if the model was `refitted` with them. With both it has the whole 80 %, which is the split that others
    publish: for King County R² 0.6957 (training rows alone: 0.6958).
    """
    X_test = data.feature_scaler.transform(data.X_test)
    everything = data.with_validation_rows()
    alone, both = (least_squares(part.X_train, part.y_train, ridge) for part in (data, everything))
    seen, closed_form = (everything, both) if refitted else (data, alone)
    tested = {}
    for name, part, weights in (
        ("least_squares", seen, closed_form),
        ("least_squares_with_validation_rows", everything, both),
    ):
        tested[name] = metrics(data.in_unit(linear(X_test, weights), part.smearing(weights)), data.y_test)
    mean = np.append(np.zeros(X_test.shape[1]), seen.y_train.mean())
    tested["mean_baseline"] = metrics(data.in_unit(linear(X_test, mean), seen.smearing(mean)), data.y_test)
    scales = data.feature_scaler.mean_, data.feature_scaler.scale_, data.target_mean, data.target_scale
    loss = np.mean((linear(data.X_train, alone) - data.y_train) ** 2)
    return Comparison(
        optimum=float(loss),
        metrics=tested,
        coefficients=coefficients({"trained": trained, "least_squares": closed_form}, names, *scales),
        largest_weight_difference=float(np.abs(trained - closed_form).max() / data.y_train.std()),
        dependent=dependent(seen.X_train),
    )
