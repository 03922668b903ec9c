"""What training and its end show: lines of progress, tables of text, plots."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fmkeras import plots, runs
from fmkeras.houses import effects, validation
from fmkeras.houses import plots as house_plots
from fmkeras.houses.fitting import Fit
from fmkeras.houses.linear import Metrics

MOST_COEFFICIENTS = 25  # that are printed and drawn; all are in coefficients.csv
MOST_CATEGORIES = 12


def metrics_table(results: Mapping[str, Metrics], unit: str) -> str:
    """The metrics of several models as lines of text, one model a line."""
    rows = {
        who: [
            f"{m['mse']:.4e}" if m["mse"] >= 1e5 else f"{m['mse']:.5g}",
            plots.amount(m["rmse"], unit),
            plots.amount(m["mae"], unit),
            _r2(m["r2"]),
        ]
        for who, m in results.items()
    }
    heads = [f"MSE ({unit}²)" if unit else "MSE", "RMSE", "MAE", "R²"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=heads).to_string()


def _r2(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


def coefficients_table(table: pd.DataFrame, unit: str) -> str:
    """The coefficients as lines of text, the largest effect first, the intercept last."""
    order = table["least_squares_per_deviation"].iloc[:-1].abs().sort_values(ascending=False).index
    table = table.loc[[*order, "(intercept)"]]
    heads = pd.MultiIndex.from_product([["per standard deviation", "per unit"], ["trained", "least squares"]])
    text = table.set_axis(heads, axis=1).rename_axis(None)
    return text.map(lambda value: plots.amount(value, unit if abs(value) >= 1 else "")).to_string()


def summary(fit: Fit, run: Path) -> str:
    """What training prints at its end: the metrics, what the columns do, and where everything lies."""
    report, unit, target = fit.report, fit.table.unit, str(fit.table.target.name)
    split, comparison = report["split"], fit.closed_form
    results = {
        "trained model": report["test"],
        "least squares, same rows": report["least_squares"],
        "least squares, with validation rows": report["least_squares_with_validation_rows"],
        "mean of the training rows": report["mean_baseline"],
    }
    if report["ridge"]:
        results = {name.replace("least squares", "ridge's closed form"): row for name, row in results.items()}
    if report["refitted"]:  # the same rows are those with the validation rows
        del results[list(results)[2]]
    exact = report["least_squares"]["mse"]
    excess = f"{100 * (report['test']['mse'] / exact - 1):+.3f} %" if exact else f"{report['test']['mse']:.2g}"
    lines = [
        f"\n{report['epochs']} epochs, {report['seconds']:.1f} s in all. On the {split['test']:,} test rows:",
        metrics_table(results, unit),
        f"MSE {excess} from {'the closed form' if report['ridge'] else 'least squares'}; weights within "
        f"{comparison.largest_weight_difference:.1g} standard deviations of the target",
        *_remarks(fit),
        "\nCoefficients: what the target changes by" + " (its logarithm)" * fit.data.log,
        coefficients_table(_largest_coefficients(comparison.coefficients), "" if fit.data.log else unit),
    ]
    if comparison.dependent:
        lines.append(
            "Some columns are sums or copies of others: the predictions are sound, single coefficients are not. Of all "
            "weights that predict the same, these are the shortest."
        )
    if len(categories := effects.largest(effects.categories(fit), MOST_CATEGORIES)):
        lines += ["\nCategories: what they add beside the average row", _categories_table(categories, fit)]
    lines += [
        f"\nIn {run}: {runs.MODEL} ({'raw features' if fit.table.plain else 'a dict of raw columns'} in, {target} "
        f"out), {runs.REPORT}, coefficients.csv, {runs.HISTORY}, {', '.join(figures(fit))}",
        f"Next: python -m fmkeras.regress predict YOUR.csv --run {run}",
    ]
    return "\n".join(lines)


def _remarks(fit: Fit) -> list[str]:
    """Lines on how the numbers came about, and how far they can be trusted."""
    report, unit, target = fit.report, fit.table.unit, fit.table.target.name
    split, lines = report["split"], []
    if report["refitted"]:
        lines.append(
            f"trained twice: on {split['training']:,} rows, to find when to stop; then with the "
            f"{split['validation']:,} validation rows as well, since {report['encoded_columns']} columns want many rows"
        )
    if report["ridge"]:
        lines.append(f"ridge: strength {report['ridge']:g}, by leave-one-out cross-validation on the training rows")
    if fit.data.log:
        lines.append(
            f"the model is one of log({target}); predictions are exp(.) times {report['smearing']:.4f}, Duan's "
            "smearing factor of the training rows, so that they are means and not medians"
        )
    if half := report["intervals"].get("90"):
        width = f"times or divided by {np.exp(half):.2f}" if fit.data.log else f"± {plots.amount(half, unit)}"
        lines.append(
            f"90 % interval of a prediction: {width} (from the {split['validation']:,} validation rows); it holds "
            f"{100 * report['coverage']['90']:.1f} % of the test rows"
        )
    if negative := report["negative_predictions"]:
        lines.append(f"{negative:,} of {split['test']:,} test predictions are below 0: --log-target gives none")
    if crossed := report.get("cross_validation"):
        lines.append(
            f"{crossed['folds']}-fold cross-validation (closed form): R² {_r2(crossed['r2']['mean'])} ± "
            f"{_r2(crossed['r2']['spread'])}, MAE {plots.amount(crossed['mae']['mean'], unit)} ± "
            f"{plots.amount(crossed['mae']['spread'], unit)} (mean and standard deviation over the folds)"
        )
    return lines


def _largest_coefficients(table: pd.DataFrame) -> pd.DataFrame:
    """The coefficients that move the predictions most, and the intercept; all of them where there are few."""
    sizes = table["least_squares_per_deviation"].iloc[:-1].abs().sort_values(ascending=False)
    return table.loc[[*[name for name in table.index[:-1] if name in sizes.index[:MOST_COEFFICIENTS]], table.index[-1]]]


def _categories_table(categories: pd.DataFrame, fit: Fit) -> str:
    amounts = [
        f"{100 * effect:+.1f} %"
        if fit.data.log
        else ("+" if effect >= 0 else "") + plots.amount(effect, fit.table.unit)
        for effect in categories["effect"]
    ]
    names = [f"{row.column} = {row.value}" for row in categories.itertuples()]
    return pd.DataFrame({"training rows": categories["rows"].to_numpy(), "adds": amounts}, index=names).to_string()


def figures(fit: Fit) -> dict[str, Callable[[], Figure]]:
    """The plots of a run: the file's name, and what draws it."""
    target, unit = str(fit.table.target.name), fit.table.unit
    actual, predicted = fit.data.y_test, fit.predicted
    what, learnt = (f"log({target})", "") if fit.data.log else (target, unit)  # what the weights are in
    scaled = "units" if fit.data.target_scale == 1 else "deviations"
    loss, rows = f"MSE, squared {scaled} of {what}", f"{len(actual):,} test rows"
    bars = _largest_coefficients(fit.closed_form.coefficients).iloc[:-1]
    trained, exact = (bars[f"{who}_per_deviation"].to_numpy() for who in ("trained", "least_squares"))
    optimum, ridge = fit.closed_form.optimum, fit.report["ridge"]
    found: dict[str, Callable[[], Figure]] = {
        "loss.png": lambda: plots.loss_curves(
            fit.history, "Training a linear house-price model", loss, True, None if ridge else optimum
        ),
        "predicted.png": lambda: plots.predicted_against_actual(
            actual, predicted, f"Predicted against actual, {rows}", target, unit
        ),
        "residuals.png": lambda: plots.residuals(actual, predicted, f"Residuals, {rows}", target, unit),
        "coefficients.png": lambda: plots.coefficients(
            list(bars.index), trained, exact, "Coefficients: trained, and least squares", what, learnt
        ),
        "importance.png": lambda: house_plots.importance(
            effects.importance(fit), "Which columns move the predictions", what, learnt
        ),
        "learning_curve.png": lambda: house_plots.learning_curve(
            validation.learning_curve(fit.data, ridge), "Would more rows help?", what, learnt
        ),
    }
    if lines := effects.partial_residuals(fit):
        found["partial_residuals.png"] = lambda: house_plots.partial_residuals(
            lines, "Is a straight line enough?", what, learnt
        )
    shown = effects.largest(effects.categories(fit), 25)
    if len(shown):
        share = "" if not fit.data.log else "share"
        found["categories.png"] = lambda: house_plots.categories(
            shown, "What the categories add", f"{target} ({share})" if share else target, "" if share else unit
        )
    return found


def save(folder: Path, fit: Fit) -> list[Path]:
    """Write report.json, the coefficients, the categories and the plots of a run; gives the plots' paths."""
    runs.write_text(folder / "coefficients.csv", fit.closed_form.coefficients.to_csv(lineterminator="\n"))
    if len(categories := effects.categories(fit)):
        runs.write_text(folder / "categories.csv", categories.to_csv(index=False, lineterminator="\n"))
    drawn = figures(fit)
    for name, draw in drawn.items():
        runs.save_figure(draw(), folder / name)
    runs.write_json(folder / runs.REPORT, fit.report)
    return [folder / name for name in drawn]
