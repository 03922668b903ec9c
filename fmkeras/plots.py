"""The plots of the scripts, as matplotlib figures: for colour-blind eyes, for print in grey, and without windows.

Each function returns a `matplotlib.figure.Figure` that is not known to pyplot: `figure.savefig(path)` writes it, a
notebook shows it as it is, and `show` opens windows for those who ask.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from fmkeras.fonts import families_for

# Okabe and Ito's colours ("Color Universal Design", 2008): no kind of colour blindness confuses them, and a text can
# name them ("the blue line"). Of their eight these stand out from white paper (3:1 or more); the yellows do not.
INK, BLUE, VERMILION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
LINES = ((BLUE, "-", "o"), (VERMILION, "--", "s"), (GREEN, ":", "^"), (INK, "-.", "D"))  # styles say it again in grey
# Darker for more, and nothing is white as the paper. BLUE stands where it does so that lightness falls in even steps:
# by these every eye and every printer tells values apart. In matplotlib's "Blues" the light end falls half as fast.
HEAT = LinearSegmentedColormap.from_list("heat", [(0.0, "white"), (0.64, BLUE), (1.0, "#00264d")])


def line(number: int, points: int = 0) -> dict:
    """The look of a plot's line as arguments of `axis.plot`: colour, style, width, and markers on few points.

    Args:
        number: 0 for the first line of the plot. More than four lines are too many; from the fifth on they are thicker.
        points: how many points it has; markers would hide a line of 20 or more. 0: no markers.
    """
    color, _, _ = LINES[number % len(LINES)]
    _, style, marker = LINES[(number + number // len(LINES)) % len(LINES)]
    shown = {"marker": marker, "markersize": 4} if 0 < points < 20 else {}
    return {"color": color, "linestyle": style, "linewidth": 1.5 + number // len(LINES)} | shown


def ink_on(color: tuple[float, ...]) -> str:
    """Black or white, whichever is easier to read on `color`: a contrast of 4.5:1 or more on any (WCAG 2, 1.4.3)."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return "black" if np.dot(channels, (0.2126, 0.7152, 0.0722)) > 0.179 else "white"  # its relative luminance


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


def _amounts(axis: Axis, unit: str) -> None:
    """Label the ticks of one axis as amounts, with thousands separators."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, unit)))
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))  # few: the labels are long


def loss_curves(
    history: pd.DataFrame, title: str, ylabel: str = "loss", log: bool = False, optimum: float | None = None
) -> Figure:
    """Training and validation loss by epoch.

    Args:
        history: columns epoch, loss and (if there is one) val_loss, one row an epoch.
        optimum: the least loss that the training rows allow, drawn as a line.
    """
    figure, (axis,) = _figure(title)
    axis.plot(history["epoch"], history["loss"], **line(0, len(history)), label="training")
    if "val_loss" in history:
        axis.plot(history["epoch"], history["val_loss"], **line(1, len(history)), label="validation")
    if optimum is not None:
        axis.axhline(optimum, **line(2), label="least squares, training rows")
    if log:
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        if high < 100 * low:  # a loss seldom spans powers of ten, which are marked by default
            axis.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axis.set(xlabel="epoch", ylabel=ylabel + (" (log scale)" if log else ""))
    axis.legend(frameon=False)
    return figure


def _dots(rows: int) -> dict:
    """How dots look: of many rows small and faint, so that crowds show; of a few large enough to be seen."""
    size, alpha = np.clip(3_000 / rows, 7, 30), np.clip(250 / rows, 0.25, 0.8)
    return {"s": float(size), "alpha": float(alpha), "color": BLUE, "linewidths": 0}


def predicted_against_actual(actual: np.ndarray, predicted: np.ndarray, title: str, target: str, unit: str) -> Figure:
    """One dot a row: actual value (x) and prediction (y), both (rows,); a perfect model puts all on the line."""
    figure, (axis,) = _figure(title, 6.0, 5.6)
    axis.scatter(actual, predicted, **_dots(len(actual)))
    low, high = min(actual.min(), predicted.min()), max(actual.max(), predicted.max())
    axis.axline((low, low), slope=1, color=INK, linestyle="--", linewidth=1.2, label="prediction = actual")
    margin = 0.03 * (high - low) or 1.0
    axis.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))  # a square, the line its diagonal
    _amounts(axis.xaxis, unit)
    _amounts(axis.yaxis, unit)
    axis.set(xlabel=_label(f"actual {target}", unit), ylabel=_label(f"predicted {target}", unit), aspect="equal")
    axis.legend(frameon=False, loc="upper left")
    return figure


def residuals(actual: np.ndarray, predicted: np.ndarray, title: str, target: str, unit: str) -> Figure:
    """Residuals (actual - predicted) against the prediction, and how they are spread; both (rows,)."""
    figure, (left, right) = _figure(title, 10.5, 4.5, panels=2)
    residual = actual - predicted
    left.scatter(predicted, residual, **_dots(len(residual)))
    left.axhline(0, color=INK, linestyle="--", linewidth=1.2)
    left.set(xlabel=_label(f"predicted {target}", unit), ylabel=_label("residual: actual - predicted", unit))
    # The middle 98 %: a few mansions would squeeze all the others into one bar.
    low, high = np.quantile(residual, [0.01, 0.99])
    right.hist(
        residual, bins=40, range=(low, high) if low < high else None, color=BLUE, edgecolor="white", linewidth=0.5
    )
    right.axvline(0, color=INK, linestyle="--", linewidth=1.2)
    right.set(xlabel=_label("residual (middle 98 % of rows)", unit), ylabel="rows")
    for axis in (left.xaxis, left.yaxis, right.xaxis):
        _amounts(axis, unit)
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    right.yaxis.set_major_locator(MaxNLocator(integer=True))  # of few rows: no bar is half a row high
    return figure


def coefficients(
    names: Sequence[str], trained: np.ndarray, least_squares: np.ndarray, title: str, target: str, unit: str
) -> Figure:
    """Bars of the trained weights, largest on top, with the closed form's as marks; both (features,), per deviation."""
    order = np.argsort(np.abs(least_squares))
    figure, (axis,) = _figure(title, 7.0, 1.6 + 0.27 * len(order))
    rows = np.arange(len(order))
    axis.barh(rows, np.asarray(trained)[order], color=BLUE, label="trained")
    marks = np.asarray(least_squares)[order]
    look: dict[str, Any] = dict(linestyle="", marker="D", markersize=6, color=VERMILION, markeredgecolor="white")
    axis.plot(marks, rows, **look, label="least squares")
    axis.axvline(0, color=INK, linewidth=0.8)
    axis.set_yticks(rows, [_label(names[i]) for i in order])
    axis.set_ylim(-0.7, len(order) - 0.3)
    _amounts(axis.xaxis, unit)
    axis.set_xlabel(_label(f"change of {target} per standard deviation of the feature", unit))
    axis.legend(frameon=False, loc="lower right")
    return figure


def _label(text: str, unit: str = "") -> str:
    """An axis label with its unit, escaped: matplotlib reads two dollar signs as mathematics."""
    return (f"{text} ({unit})" if unit else text).replace("$", r"\$")


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


def training_curves(history: pd.DataFrame, title: str, denoise_epochs: int = 0) -> Figure:
    """Loss and token accuracy of a translator by epoch, training and validation side by side.

    Args:
        history: columns epoch, steps, loss, val_loss, token_accuracy, val_token_accuracy; one row an epoch, or several.
        denoise_epochs: how many epochs of noise came first; a line is drawn behind them.
    """
    along = "epoch" if history["epoch"].is_unique else "steps"
    denoised = history[along][history["epoch"] <= denoise_epochs]
    figure, axes = _figure(title, 10.0, 4.2, panels=2)
    names = {"loss": "loss (nats per target token, label-smoothed)", "token_accuracy": "token accuracy"}
    for axis, (name, label) in zip(axes, names.items(), strict=True):
        epochs, looks = history[along], (line(0, len(history)), line(1, len(history)))
        axis.plot(epochs, history[name], **looks[0], label="training (mean over the epoch)")
        axis.plot(epochs, history[f"val_{name}"], **looks[1], label="validation (averaged weights)")
        if len(denoised):
            axis.axvline(denoised.iloc[-1], **line(2), label="noise until here, then pairs")
        axis.set(xlabel=along, ylabel=label)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(frameon=False)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def attention_map(weights: np.ndarray, source: Sequence[str], target: Sequence[str], title: str) -> Figure:
    """The source tokens (columns) that each target token (rows) looked at, darker for more.

    Args:
        weights: (T, S), each row summing to 1.
        source, target: the S and T tokens, in any script that an installed font has; of others □ is shown, see
            `fonts.families_for`.
    """
    families, missing = families_for("".join([*source, *target]))
    unknown = str.maketrans(dict.fromkeys(missing, "□"))
    width, height = 2.2 + 0.36 * len(source), 1.8 + 0.30 * len(target)
    figure, (axis,) = _figure(title, max(width, 5.0), max(height, 3.2))
    image = axis.imshow(weights, cmap=HEAT, vmin=0, vmax=1, aspect="auto")
    _frame(axis)
    columns, rows = ([_shown(token).translate(unknown) for token in side] for side in (source, target))
    turned: dict[str, Any] = dict(rotation=60, ha="right", rotation_mode="anchor")
    axis.set_xticks(range(len(source)), columns, **turned, fontfamily=families)
    axis.set_yticks(range(len(target)), rows, fontfamily=families)
    axis.set(xlabel="source tokens", ylabel="target tokens, top to bottom")
    figure.colorbar(image, ax=axis, label="attention weight", shrink=0.8)
    return figure


def _frame(axis: Axes) -> None:
    """Frame an image, whose lightest cells are as white as the paper, and take the grid away."""
    axis.grid(False)
    axis.spines[:].set_visible(True)


def _shown(token: str) -> str:
    """A subword token as a label: its leading space shown, no mathematics in it."""
    return token.replace("▁", "·").replace("$", r"\$")


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
        digits: decimals shown; the numbers are left out of matrices with over 200 cells.
        scale: the values that are lightest and darkest; by default each panel's own least and most.
    """
    height = max(matrix.shape[0] for matrix in panels.values())
    figure, axes = _figure(title, min(3.6 * len(panels), 12) + 0.6, min(1.9 + 0.45 * height, 5.5), len(panels))
    turned = 45 * (len(columns) * max(map(len, columns), default=0) > 24)  # else they run into one another
    for axis, (name, matrix) in zip(axes, panels.items(), strict=True):
        low, high = scale or (float(np.min(matrix)), float(np.max(matrix)))
        image = axis.imshow(matrix, cmap=HEAT, vmin=low, vmax=high, aspect="auto")
        _frame(axis)
        axis.set(title=name, xlabel=xlabel, ylabel=ylabel)
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_locator(MaxNLocator(integer=True))
        if len(columns):
            axis.set_xticks(range(len(columns)), [_shown(c) for c in columns], rotation=turned)
        if len(rows):
            axis.set_yticks(range(len(rows)), [_shown(r) for r in rows])
        if matrix.size <= 200:
            for (i, j), value in np.ndenumerate(matrix):
                color = ink_on(tuple(image.to_rgba(value)[:3]))
                value = round(float(value), digits) + 0  # + 0: 0.0, and not -0.0
                axis.text(j, i, f"{value:.{digits}f}", ha="center", va="center", color=color)
    return figure


def histogram(groups: dict[str, Sequence[float]], title: str, xlabel: str, ylabel: str) -> Figure:
    """How often each whole number occurs, as steps, a line a group."""
    figure, (axis,) = _figure(title)
    for number, (name, values) in enumerate(groups.items()):
        counts = np.bincount(np.asarray(values, dtype=int))
        axis.step(np.arange(len(counts)), counts, where="mid", **line(number), label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.legend(frameon=False)
    return figure
