"""What a fitted linear model says about the columns: how much each moves the target, and what each category adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fmkeras.houses.notes import Heard

if TYPE_CHECKING:
    from fmkeras.houses.fitting import Fit

LEAST_LEFT = 0.001  # of the target's variance: with less, the columns are the target
LEAST_ROWS = 5  # training rows of a category whose effect is worth showing


def groups(fit: Fit) -> list[str]:
    """For each encoded column the name of the table's column."""
    return getattr(fit.data.feature_scaler, "groups", None) or fit.names


def contributions(fit: Fit) -> pd.DataFrame:
    """(training rows, columns of the table): what each column adds to the prediction, with the mean taken away.

    In the target's unit, or for a model of logarithms in theirs.
    """
    single = fit.data.X_train * fit.weights[:-1] * fit.data.target_scale
    table = pd.DataFrame(single).T.groupby(groups(fit), sort=False).sum().T
    return table - table.mean()


def importance(fit: Fit) -> pd.Series:
    """By how much each column of the table moves the predictions: the standard deviation of its contribution.

    Dependent columns share a weight in one of many ways, but the one-hot columns of one text column move together,
    so that this does not depend on the way.
    """
    return contributions(fit).std(ddof=0).sort_values(ascending=False)


def categories(fit: Fit) -> pd.DataFrame:
    """What each category adds to the prediction, beside the average training row.

    Returns:
        Columns column, value, rows (training rows that have it) and effect: in the target's unit, or for a model of
        logarithms as a share, 0.05 for 5 % more.
    """
    found: list[tuple[str, str, int, float]] = []
    single = fit.weights[:-1] * fit.data.target_scale
    rows = fit.data.X_train.sum(axis=0)
    scaler, at = fit.data.feature_scaler, len(fit.names)
    for column in reversed(getattr(scaler, "categories", [])):
        at -= len(column.values)
        here = slice(at, at + len(column.values))
        effects = single[here] - single[here] @ rows[here] / max(rows[here].sum(), 1)
        effects = np.expm1(effects) if fit.data.log else effects
        found += zip([column.name] * len(column.values), column.values, rows[here].astype(int), effects, strict=True)
    return pd.DataFrame(found, columns=["column", "value", "rows", "effect"])


def largest(effects: pd.DataFrame, most: int) -> pd.DataFrame:
    """The categories with the largest effects, of those with at least 5 training rows, largest first."""
    frequent = effects[effects["rows"] >= LEAST_ROWS]
    return frequent.loc[frequent["effect"].abs().sort_values(ascending=False).index[:most]]


def partial_residuals(fit: Fit, most: int = 4) -> dict[str, pd.DataFrame]:
    """For the most important columns of numbers: value, contribution and contribution + residual, a training row each.

    Where the dots bend away from the line, a straight line is not enough for that column.
    """
    scaler = fit.data.feature_scaler
    names = [column.name for column in getattr(scaler, "numbers", [])] or fit.names
    added = contributions(fit)
    residual = (fit.data.y_train - fit.data.X_train @ fit.weights[:-1] - fit.weights[-1]) * fit.data.target_scale
    chosen = [name for name in importance(fit).index if name in names][:most]
    parts = {}
    for name in chosen:
        at = fit.names.index(name)
        value = fit.data.X_train[:, at] * scaler.scale_[at] + scaler.mean_[at]
        line = added[name].to_numpy()
        parts[name] = pd.DataFrame({"value": value, "contribution": line, "with_residual": line + residual})
    return parts


def answered(fit: Fit) -> str:
    """A line where the columns together are the target, as the values of land and building are; "" if they are not."""
    data, closed = fit.data, fit.closed_form
    rows, width = data.X_train.shape
    if rows - width < 2 or any("is the answer" in note for note in fit.table.notes):
        return ""
    # As many columns as rows explain everything: what is left is counted for each row that is free to differ.
    left = closed.optimum / data.y_train.var() * (rows - 1) / (rows - width - 1)
    if left > LEAST_LEFT:
        return ""
    weights = closed.coefficients["least_squares_per_deviation"].iloc[:-1].abs()
    names = weights.groupby(groups(fit)).max().nlargest(2).index
    return Heard(
        f"is the answer among the columns? {', '.join(names)}: with the others they are {fit.table.target.name} itself "
        f"(R² {1 - left:.5f} on the training rows); if they were made from it, --drop them"
    )
