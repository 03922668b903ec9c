"""Plots for those who ask what a house-price model has learnt; see `fmkeras.plots` for their form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fmkeras.plots import BLUE, INK, VERMILION, _amounts, _dots, _figure, _label, line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LONGEST_NAME = 40  # characters of a label


def importance(table: pd.Series, title: str, target: str, unit: str, most: int = 25) -> Figure:
    """Bars by column, the most important on top.

    Args:
        table: by column, the standard deviation of its contribution, largest first.
        most: columns shown.
    """
    shown = table[:most][::-1]
    figure, (axis,) = _figure(title, 7.0, 1.6 + 0.25 * len(shown))
    axis.barh(range(len(shown)), shown, color=BLUE)
    axis.set_yticks(range(len(shown)), [_name(name) for name in shown.index])
    axis.set_ylim(-0.7, len(shown) - 0.3)
    _amounts(axis.xaxis, unit)
    axis.set_xlabel(_label(f"moves {target} by (standard deviation of its contribution)", unit))
    return figure


def categories(table: pd.DataFrame, title: str, target: str, unit: str) -> Figure:
    """Bars by category: what it adds to the prediction, beside the average row.

    Args:
        table: columns column, value, rows, effect; see `effects.categories`.
    """
    table = table.sort_values("effect")
    figure, (axis,) = _figure(title, 8.0, 1.6 + 0.25 * len(table))
    axis.barh(range(len(table)), table["effect"], color=BLUE)
    labels = [f"{row.column} = {row.value} ({row.rows:,} rows)" for row in table.itertuples()]
    axis.set_yticks(range(len(table)), [_name(label, 60) for label in labels])
    axis.set_ylim(-0.7, len(table) - 0.3)
    axis.axvline(0, color=INK, linewidth=0.8)
    _amounts(axis.xaxis, unit)
    axis.set_xlabel(_label(f"adds to {target}, beside the average house", unit))
    return figure


def partial_residuals(parts: dict[str, pd.DataFrame], title: str, target: str, unit: str) -> Figure:
    """One panel a column: its line, and around it what the model leaves unexplained.

    Args:
        parts: for each column a table with value, contribution and with_residual; see `effects.partial_residuals`.
    """
    figure, axes = _figure(title, 3.4 * len(parts) + 1, 4.0, panels=len(parts))
    for axis, (name, table) in zip(axes, parts.items(), strict=True):
        axis.scatter(table["value"], table["with_residual"], **_dots(len(table)))
        ends = table.sort_values("value").iloc[[0, -1]]
        axis.plot(ends["value"], ends["contribution"], color=VERMILION, linestyle="--", linewidth=2)
        low, high = np.quantile(table["with_residual"], [0.005, 0.995])  # a few mansions would squeeze all others
        axis.set_ylim(min(low, table["contribution"].min()), max(high, table["contribution"].max()))
        axis.set_xlabel(_name(name))
        axis.tick_params(axis="x", rotation=30)
        _amounts(axis.yaxis, unit)
    axes[0].set_ylabel(_label(f"contribution to {target} + residual", unit))
    return figure


def learning_curve(table: pd.DataFrame, title: str, target: str, unit: str) -> Figure:
    """RMSE against training rows: on those rows, and on the validation rows with its range over the draws.

    Args:
        table: columns rows, training, validation, low, high; see `validation.learning_curve`.
    """
    figure, (axis,) = _figure(title)
    axis.plot(table["rows"], table["training"], **line(0, len(table)), label="the training rows used")
    axis.plot(table["rows"], table["validation"], **line(1, len(table)), label="validation")
    axis.fill_between(
        table["rows"], table["low"], table["high"], color=VERMILION, alpha=0.2, linewidth=0, label="over 3 draws"
    )
    _amounts(axis.yaxis, unit)
    axis.set(xlabel="training rows", ylabel=_label(f"RMSE of {target}", unit), ylim=(0, None))
    axis.legend(frameon=False)
    return figure


def _name(text: str, longest: int = LONGEST_NAME) -> str:
    """A name as a label: not too long, and no mathematics in it."""
    text = str(text) if len(str(text)) <= longest else f"{str(text)[: longest - 1]}…"
    return text.replace("$", r"\$")
