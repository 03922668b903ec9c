"""What training and its end show: lines of progress, tables of text, plots."""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fmkeras import plots, runs
from fmkeras.houses.linear import Comparison, Metrics

PLOTS = ("loss.png", "predicted.png", "residuals.png", "coefficients.png")


def progress(epoch: dict, epochs: int) -> None:
    """Print where training is: one line that renews itself in a terminal, every tenth epoch elsewhere."""
    done, terminal = epoch["epoch"], sys.stdout.isatty()
    left = epoch["seconds"] / done * (epochs - done)
    losses = f"loss {epoch['loss']:.5g}  validation loss {epoch['val_loss']:.5g}"
    line = f"epoch {done:3d}/{epochs}  {losses}  {left:.0f} s left at most"
    if terminal:
        print(f"\r{line:<78}", end="", flush=True)
    elif done % 10 == 0 or done in (1, epochs):
        print(line, flush=True)


def metrics_table(results: Mapping[str, Metrics], unit: str) -> str:
    """The metrics of several models as lines of text, one model a line."""
    rows = {
        who: [
            f"{m['mse']:.4e}" if m["mse"] >= 1e5 else f"{m['mse']:.5g}",
            plots.amount(m["rmse"], unit),
            plots.amount(m["mae"], unit),
            "n/a" if m["r2"] is None else f"{m['r2']:.4f}",
        ]
        for who, m in results.items()
    }
    heads = [f"MSE ({unit}²)" if unit else "MSE", "RMSE", "MAE", "R²"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=heads).to_string()


def coefficients_table(table: pd.DataFrame, unit: str) -> str:
    """The coefficients as lines of text, the largest effect first, the intercept last."""
    order = table["least_squares_per_deviation"].iloc[:-1].abs().sort_values(ascending=False).index
    table = table.loc[[*order, "(intercept)"]]
    heads = pd.MultiIndex.from_product([["per standard deviation", "per unit"], ["trained", "least squares"]])
    text = table.set_axis(heads, axis=1).rename_axis(None)
    return text.map(lambda value: plots.amount(value, unit if abs(value) >= 1 else "")).to_string()


def summary(report: dict, comparison: Comparison, unit: str, run: Path) -> str:
    """What training prints at its end: the metrics, the coefficients, and where everything lies."""
    split = report["split"]
    results = {
        "trained model": report["test"],
        "least squares, same rows": report["least_squares"],
        "least squares, with validation rows": report["least_squares_with_validation_rows"],
        "mean of the training rows": report["mean_baseline"],
    }
    excess = 100 * (report["test"]["mse"] / report["least_squares"]["mse"] - 1)
    lines = [
        f"\n{report['epochs']} epochs, {report['seconds']:.1f} s in all. On the {split['test']:,} test rows:",
        metrics_table(results, unit),
        f"MSE {excess:+.3f} % from least squares; weights within {comparison.largest_weight_difference:.1g} standard "
        "deviations of the target",
        "\nCoefficients: what the target changes by",
        coefficients_table(comparison.coefficients, unit),
    ]
    if comparison.dependent:
        lines.append(
            "Some columns are sums or copies of others: the predictions are sound, single coefficients are not."
        )
    lines += [
        f"\nIn {run}: {runs.MODEL} (raw features in, {report['target']} out), {runs.REPORT}, coefficients.csv, "
        f"{runs.HISTORY}, {', '.join(PLOTS)}",
        f"Next: python -m fmkeras.regress predict YOUR.csv --run {run}",
    ]
    return "\n".join(lines)


def save_plots(
    folder: Path,
    history: pd.DataFrame,
    comparison: Comparison,
    actual: np.ndarray,
    predicted: np.ndarray,
    target: str,
    unit: str,
    scaled: bool,
) -> list[Path]:
    """Draw and save the four plots of a run.

    Args:
        actual, predicted: (rows,) of the test rows, in `unit`.
        scaled: whether the loss is in squared standard deviations of the target and not in squared units.
    """
    loss = f"MSE, squared {'deviations' if scaled else 'units'} of {target}"
    rows = f"{len(actual):,} test rows"
    bars = comparison.coefficients.iloc[:-1]
    figures = [
        plots.loss_curves(history, "Training a linear house-price model", loss, True, comparison.optimum),
        plots.predicted_against_actual(actual, predicted, f"Predicted against actual, {rows}", target, unit),
        plots.residuals(actual, predicted, f"Residuals, {rows}", target, unit),
        plots.coefficients(
            list(bars.index),
            bars["trained_per_deviation"].to_numpy(),
            bars["least_squares_per_deviation"].to_numpy(),
            "Coefficients: trained, and least squares",
            target,
            unit,
        ),
    ]
    for figure, name in zip(figures, PLOTS, strict=True):
        runs.save_figure(figure, folder / name)
    return [folder / name for name in PLOTS]
