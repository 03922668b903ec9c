"""The plots of both scripts, as matplotlib figures: readable in greyscale, and no window is opened here.

Each function returns a `matplotlib.figure.Figure` that is not known to pyplot: `figure.savefig(path)` writes it, a
notebook shows it as it is, and `show` opens windows for those who ask.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from fmkeras.fonts import families_for

INK, GREY, PALE = "#111111", "#7a7a7a", "#bdbdbd"  # told apart by lightness, so that print and every eye can
PALE_GREYS = LinearSegmentedColormap.from_list("pale greys", ["white", "#909090"])  # ink is legible on all of them


def _figure(title: str, width: float = 7.0, height: float = 4.5, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure with a title and as many panels side by side."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    figure.suptitle(title, fontsize=12)
    for axis in axes:
        axis.grid(True, color="#e6e6e6", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def amount(value: float, unit: str = "") -> str:
    """A number as people write it: -$1,250,000 in dollars, 0.125 or 1,250 without a unit."""
    text = f"{abs(value):,.0f}" if unit or abs(value) >= 999.5 else f"{abs(value):.3g}"
    return f"{'-' if value < 0 and text != '0' else ''}{unit}{text}"


def _amounts(axis, unit: str) -> None:
    """Label the ticks of one axis as amounts, with thousands separators."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, unit)))
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))  # few: the labels are long


def loss_curves(
    history: pd.DataFrame, title: str, ylabel: str = "loss", log: bool = False, optimum: float | None = None
) -> Figure:
    """Training and validation loss by epoch.

    Args:
        history: columns epoch, loss and (if there is one) val_loss, one row an epoch.
        optimum: the least loss that the training rows allow, drawn as a line.
    """
    figure, (axis,) = _figure(title)
    dots = "." if len(history) < 20 else None
    axis.plot(history["epoch"], history["loss"], color=INK, marker=dots, label="training")
    if "val_loss" in history:
        axis.plot(history["epoch"], history["val_loss"], color=GREY, linestyle="--", marker=dots, label="validation")
    if optimum is not None:
        axis.axhline(optimum, color=INK, linestyle=":", linewidth=1.2, label="least squares, training rows")
    if log:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))  # a loss seldom spans a power of ten
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axis.set(xlabel="epoch", ylabel=ylabel + (" (log scale)" if log else ""))
    axis.legend(frameon=False)
    return figure


def predicted_against_actual(actual: np.ndarray, predicted: np.ndarray, title: str, target: str, unit: str) -> Figure:
    """One dot a row: actual value (x) and prediction (y), both (rows,); a perfect model puts all on the line."""
    figure, (axis,) = _figure(title, 6.0, 5.6)
    axis.scatter(actual, predicted, s=7, color=INK, alpha=0.25, linewidths=0)
    low, high = min(actual.min(), predicted.min()), max(actual.max(), predicted.max())
    axis.axline((low, low), (high, high), color=GREY, linestyle="--", label="prediction = actual")
    _amounts(axis.xaxis, unit)
    _amounts(axis.yaxis, unit)
    axis.set(xlabel=_label(f"actual {target}", unit), ylabel=_label(f"predicted {target}", unit), aspect="equal")
    axis.legend(frameon=False, loc="upper left")
    return figure


def residuals(actual: np.ndarray, predicted: np.ndarray, title: str, target: str, unit: str) -> Figure:
    """Residuals (actual - predicted) against the prediction, and how they are spread; both (rows,)."""
    figure, (left, right) = _figure(title, 10.5, 4.5, panels=2)
    residual = actual - predicted
    left.scatter(predicted, residual, s=7, color=INK, alpha=0.25, linewidths=0)
    left.axhline(0, color=GREY, linestyle="--")
    left.set(xlabel=_label(f"predicted {target}", unit), ylabel=_label("residual: actual - predicted", unit))
    # The middle 98 %: a few mansions would squeeze all the others into one bar.
    low, high = np.quantile(residual, [0.01, 0.99])
    right.hist(residual, bins=40, range=(low, high) if low < high else None, color=PALE, edgecolor=INK, linewidth=0.5)
    right.axvline(0, color=GREY, linestyle="--")
    right.set(xlabel=_label("residual (middle 98 % of rows)", unit), ylabel="rows")
    for axis in (left.xaxis, left.yaxis, right.xaxis):
        _amounts(axis, unit)
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure


def coefficients(
    names: Sequence[str], trained: np.ndarray, least_squares: np.ndarray, title: str, target: str, unit: str
) -> Figure:
    """Bars of the trained weights, largest on top, with the closed form's as marks; both (features,), per deviation."""
    order = np.argsort(np.abs(least_squares))
    figure, (axis,) = _figure(title, 7.0, 1.6 + 0.27 * len(order))
    rows = np.arange(len(order))
    axis.barh(rows, np.asarray(trained)[order], color=PALE, edgecolor=INK, linewidth=0.6, label="trained")
    marks = np.asarray(least_squares)[order]
    axis.plot(marks, rows, linestyle="", marker="D", markersize=4, color=INK, label="least squares")
    axis.axvline(0, color=INK, linewidth=0.8)
    axis.set_yticks(rows, [names[i] for i in order])
    axis.set_ylim(-0.7, len(order) - 0.3)
    _amounts(axis.xaxis, unit)
    axis.set_xlabel(_label(f"change of {target} per standard deviation of the feature", unit))
    axis.legend(frameon=False, loc="lower right")
    return figure


def _label(text: str, unit: str) -> str:
    """An axis label with its unit, escaped: matplotlib reads two dollar signs as mathematics."""
    return f"{text} ({unit})".replace("$", r"\$") if unit else text


def show(paths: Sequence) -> bool:
    """Open saved plots in windows and wait until they are closed; False if this machine has no display."""
    import matplotlib.pyplot as plt

    if plt.get_backend().lower() == "agg":
        return False
    for path in paths:
        axis = plt.figure(figsize=(9, 6.5), layout="tight").add_subplot()
        axis.imshow(plt.imread(path))
        axis.axis("off")
    plt.show()
    return True


def training_curves(history: pd.DataFrame, title: str) -> Figure:
    """Loss and token accuracy of a translator by epoch, training and validation side by side.

    Args:
        history: columns epoch, loss, val_loss, token_accuracy, val_token_accuracy, one row an epoch.
    """
    figure, axes = _figure(title, 10.0, 4.2, panels=2)
    names = {"loss": "loss (nats per target token, label-smoothed)", "token_accuracy": "token accuracy"}
    for axis, (name, label) in zip(axes, names.items(), strict=True):
        axis.plot(history["epoch"], history[name], color=INK, marker=".", label="training (with dropout)")
        axis.plot(
            history["epoch"],
            history[f"val_{name}"],
            color=GREY,
            linestyle="--",
            marker=".",
            label="validation (averaged weights)",
        )
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(frameon=False)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def attention_map(weights: np.ndarray, source: Sequence[str], target: Sequence[str], title: str) -> Figure:
    """The source pieces (columns) that each target piece (rows) looked at, darker for more.

    Args:
        weights: (T, S), each row summing to 1.
        source, target: the S and T pieces, in any script that an installed font has; of others □ is shown, see
            `fonts.families_for`.
    """
    families, missing = families_for("".join([*source, *target]))
    unknown = str.maketrans(dict.fromkeys(missing, "□"))
    width, height = 2.2 + 0.36 * len(source), 1.8 + 0.30 * len(target)
    figure, (axis,) = _figure(title, max(width, 5.0), max(height, 3.2))
    image = axis.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axis.grid(False)
    columns, rows = ([_piece(piece).translate(unknown) for piece in side] for side in (source, target))
    turned = dict(rotation=60, ha="right", rotation_mode="anchor")
    axis.set_xticks(range(len(source)), columns, **turned, fontfamily=families)
    axis.set_yticks(range(len(target)), rows, fontfamily=families)
    axis.set(xlabel="source pieces", ylabel="target pieces, top to bottom")
    figure.colorbar(image, ax=axis, label="attention weight", shrink=0.8)
    return figure


def _piece(piece: str) -> str:
    """A subword piece as a label: its leading space shown, no mathematics in it."""
    return piece.replace("▁", "·").replace("$", r"\$")


def heat_maps(
    panels: dict[str, np.ndarray],
    title: str,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    xlabel: str = "",
    ylabel: str = "",
    digits: int = 2,
    scale: tuple[float, float] | None = None,
) -> Figure:
    """Matrices side by side with their numbers in them, darker for more.

    Args:
        panels: for each title a matrix (R, C).
        rows, columns: labels of the R rows and C columns; many long column labels are turned.
        digits: decimals shown; the numbers are left out of matrices with over 200 cells, which then go down to black.
        scale: the values that are white and darkest; by default each panel's own least and most.
    """
    height = max(matrix.shape[0] for matrix in panels.values())
    figure, axes = _figure(title, min(3.6 * len(panels), 12) + 0.6, min(1.9 + 0.45 * height, 5.5), len(panels))
    turned = 45 * (len(columns) * max(map(len, columns), default=0) > 24)  # else they run into one another
    for axis, (name, matrix) in zip(axes, panels.items(), strict=True):
        low, high = scale or (float(np.min(matrix)), float(np.max(matrix)))
        numbers = matrix.size <= 200
        axis.imshow(matrix, cmap=PALE_GREYS if numbers else "Greys", vmin=low, vmax=high, aspect="auto")
        axis.grid(False)
        axis.set(title=name, xlabel=xlabel, ylabel=ylabel)
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_locator(MaxNLocator(integer=True))
        if len(columns):
            axis.set_xticks(range(len(columns)), [_piece(c) for c in columns], rotation=turned)
        if len(rows):
            axis.set_yticks(range(len(rows)), [_piece(r) for r in rows])
        if numbers:
            for (i, j), value in np.ndenumerate(matrix):
                value = round(float(value), digits) + 0  # + 0: 0.0, and not -0.0
                axis.text(j, i, f"{value:.{digits}f}", ha="center", va="center", color=INK)
    return figure


def histogram(groups: dict[str, Sequence[float]], title: str, xlabel: str, ylabel: str) -> Figure:
    """How often each whole number occurs, as steps, a line a group."""
    figure, (axis,) = _figure(title)
    for (name, values), (color, style) in zip(groups.items(), ((INK, "-"), (GREY, "--"), (PALE, "-")), strict=False):
        counts = np.bincount(np.asarray(values, dtype=int))
        axis.step(np.arange(len(counts)), counts, where="mid", color=color, linestyle=style, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.legend(frameon=False)
    return figure
