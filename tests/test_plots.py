"""The plots: labelled, with units and thousands separators, readable in greyscale, and without windows."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from fmkeras import plots

HISTORY = pd.DataFrame({"epoch": range(1, 31), "loss": np.geomspace(1, 0.3, 30), "val_loss": np.geomspace(1, 0.25, 30)})
ACTUAL = np.linspace(100_000, 3_000_000, 50)
PREDICTED = ACTUAL * 0.9 + 1000 * np.sin(np.arange(50))


def draw(figure: Figure, path) -> Figure:
    figure.savefig(path / "plot.png")
    assert (path / "plot.png").stat().st_size > 5000
    return figure


def labels(axis) -> list[str]:
    return [tick.get_text() for tick in axis.get_ticklabels()]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(1_250_000, "$", "$1,250,000"), (-1_250_000, "$", "-$1,250,000"), (0.4, "$", "$0"), (-0.4, "$", "$0")]
    + [(0.125, "", "0.125"), (-0.0006512, "", "-0.000651"), (12_500, "", "12,500"), (999.7, "", "1,000"), (0, "", "0")],
)
def test_amounts(value, unit, text):
    assert plots.amount(value, unit) == text


def test_loss_curves(tmp_path):
    figure = draw(plots.loss_curves(HISTORY, "Title", "mean squared error", log=True, optimum=0.29), tmp_path)
    (axis,) = figure.axes
    assert figure.get_suptitle() == "Title"
    assert axis.get_xlabel() == "epoch" and axis.get_ylabel() == "mean squared error (log scale)"
    assert axis.get_yscale() == "log"
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert legend == ["training", "validation", "least squares, training rows"]
    assert {line.get_linestyle() for line in axis.lines} == {"-", "--", ":"}  # told apart without colour
    assert len([text for text in labels(axis.yaxis) if text]) >= 3


def test_loss_curves_of_one_epoch_and_without_validation(tmp_path):
    figure = draw(plots.loss_curves(HISTORY.head(1).drop(columns="val_loss"), "Title"), tmp_path)
    assert len(figure.axes[0].lines) == 1 and figure.axes[0].get_yscale() == "linear"


def test_predicted_against_actual(tmp_path):
    figure = draw(plots.predicted_against_actual(ACTUAL, PREDICTED, "Title", "price", "$"), tmp_path)
    (axis,) = figure.axes
    assert axis.get_xlabel() == r"actual price (\$)" and axis.get_ylabel() == r"predicted price (\$)"
    assert "$1,000,000" in labels(axis.xaxis) and "$1,000,000" in labels(axis.yaxis)


def test_residuals(tmp_path):
    figure = draw(plots.residuals(ACTUAL, PREDICTED, "Title", "cost", ""), tmp_path)
    left, right = figure.axes
    assert left.get_xlabel() == "predicted cost" and "actual - predicted" in left.get_ylabel()
    assert right.get_ylabel() == "rows" and "1,000,000" in labels(left.xaxis)
    draw(plots.residuals(ACTUAL, ACTUAL, "A perfect model", "cost", ""), tmp_path)


def test_coefficients(tmp_path):
    weights = np.array([5000.0, -90_000.0, 100.0])
    figure = draw(plots.coefficients(["a", "b", "c"], weights, weights * 1.01, "Title", "price", "$"), tmp_path)
    (axis,) = figure.axes
    assert labels(axis.yaxis) == ["c", "a", "b"]  # upwards: the largest effect on top
    assert "standard deviation" in axis.get_xlabel()
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["least squares", "trained"]


def test_the_colours_differ_in_lightness():
    lightness = sorted(np.dot(to_rgb(colour), [0.299, 0.587, 0.114]) for colour in (plots.INK, plots.GREY, plots.PALE))
    assert np.diff(lightness).min() > 0.2
    assert all(len(set(to_rgb(colour))) == 1 for colour in (plots.INK, plots.GREY, plots.PALE))


def test_no_window_and_no_pyplot_unless_asked():
    check = "import sys; import fmkeras.plots; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=600)


def test_show_without_a_display(tmp_path, monkeypatch):
    import matplotlib

    draw(plots.loss_curves(HISTORY, "Title"), tmp_path)
    monkeypatch.setitem(matplotlib.rcParams, "backend", "agg")
    assert plots.show([tmp_path / "plot.png"]) is False


def test_show_opens_one_window_a_plot(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    draw(plots.loss_curves(HISTORY, "Title"), tmp_path)
    shown = []
    monkeypatch.setattr(plt, "get_backend", lambda: "QtAgg")
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    plt.close("all")
    assert plots.show([tmp_path / "plot.png"] * 2) is True
    assert len(shown[0]) == 2
    plt.close("all")


def test_heat_maps_show_their_numbers():
    figure = plots.heat_maps({"a": np.eye(2) - 0.04, "b": np.eye(2)}, "title", ["r", "s"], ["c", "$d"], "x", "y", 1)
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["1.0", "0.0", "0.0", "1.0"]
    darkest = np.mean(left.images[0].cmap(1.0)[:3])
    assert {text.get_color() for text in left.texts} == {plots.INK} and 0.5 < darkest < 0.6  # legible on all cells
    assert [label.get_text() for label in right.get_xticklabels()] == ["c", r"\$d"]
    assert (left.get_title(), left.get_xlabel(), left.get_ylabel()) == ("a", "x", "y")
    (axis,) = plots.heat_maps({"large": np.zeros((20, 20))}, "title", scale=(0, 1)).axes
    assert not axis.texts and axis.images[0].get_clim() == (0, 1) and axis.images[0].cmap(1.0)[:3] == (0, 0, 0)


@pytest.mark.parametrize(("columns", "turned"), [("12345678", 0), (["▁What", "▁is", "▁your", "▁nam", "e", "?"], 45)])
def test_heat_maps_turn_many_long_labels_only(columns, turned):
    (axis,) = plots.heat_maps({"a": np.eye(len(columns))}, "title", columns=list(columns)).axes
    assert {label.get_rotation() for label in axis.get_xticklabels()} == {turned}


def test_histogram_counts():
    (axis,) = plots.histogram({"a": [1, 1, 3], "b": [2]}, "title", "x", "y").axes
    assert list(axis.lines[0].get_ydata()) == [0, 2, 0, 1] and list(axis.lines[1].get_ydata()) == [0, 0, 1]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b"]
