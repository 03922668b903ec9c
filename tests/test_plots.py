"""The plots: labelled, with units and thousands separators, for every eye and in greyscale, and without windows."""

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from fmkeras import plots
from fmkeras.houses import plots as house_plots

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


# Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), for
# complete deficiency; the matrices apply to linear RGB.
EYES = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # sRGB, IEC 61966-2-1


def linear(colours) -> np.ndarray:
    """Linear RGB (n, 3) of colours as matplotlib names them."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (n, 3) of linear RGB: lightness from 0 to 100, and distances as an eye sees them; 2 is just noticed."""
    x, y, z = np.cbrt((np.clip(rgb, 0, 1) @ TO_XYZ.T) / TO_XYZ.sum(1)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def contrast(one, other) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2)."""
    low, high = sorted(linear([one, other]) @ TO_XYZ[1])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("eye", EYES)
def test_no_eye_confuses_the_colours_of_lines(eye):
    seen = lab(linear([colour for colour, _, _ in plots.LINES]) @ np.transpose(EYES[eye]))
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) > 15


def test_the_measure_knows_colours_that_eyes_confuse():
    seen = lab(linear(["#a00000", "#5a5a00"]) @ np.transpose(EYES["protanopia"]))
    assert np.linalg.norm(seen[0] - seen[1]) < np.linalg.norm(np.diff(lab(linear(["#a00000", "#5a5a00"])), axis=0)) / 3


def test_the_colours_stand_out_from_paper():
    assert all(contrast(colour, "white") > 3 for colour, _, _ in plots.LINES)  # 3:1 for lines: WCAG 2, 1.4.11


def test_lines_differ_without_colour():
    assert len({style for _, style, _ in plots.LINES}) == len({mark for _, _, mark in plots.LINES}) == len(plots.LINES)
    looks = [plots.line(number, 5) for number in range(16)]
    assert len({str(look) for look in looks}) == 16
    assert "marker" in plots.line(0, 19) and "marker" not in plots.line(0, 20) | plots.line(0)


def figures() -> dict[str, Figure]:
    """Every plot that has lines or text in colour."""
    curves = HISTORY.head(9).assign(token_accuracy=0.5, val_token_accuracy=0.6)
    return {
        "loss": plots.loss_curves(HISTORY, "Title", optimum=0.29),
        "training": plots.training_curves(curves, "Title"),
        "histogram": plots.histogram({name: [1, 2, 2] for name in "abcdef"}, "Title", "x", "y"),
        "predicted": plots.predicted_against_actual(ACTUAL, PREDICTED, "Title", "price", "$"),
        "residuals": plots.residuals(ACTUAL, PREDICTED, "Title", "price", "$"),
        "coefficients": plots.coefficients("ab", np.array([1.0, 2]), np.array([1.0, 2]), "Title", "price", "$"),
        "attention": plots.attention_map(np.eye(3), "abc", "def", "Title"),
        "heat": plots.heat_maps({"a": np.linspace(0, 1, 150).reshape(10, 15)}, "Title"),
    }


@pytest.mark.parametrize("name", figures())
def test_any_two_lines_of_a_plot_differ_in_grey_and_text_is_legible(name, tmp_path):
    figure = draw(figures()[name], tmp_path)
    for axis in figure.axes:
        for line, other in itertools.combinations(axis.lines, 2):
            looks = [(each.get_linestyle(), each.get_marker(), each.get_linewidth()) for each in (line, other)]
            lightness = lab(linear([line.get_color(), other.get_color()]))[:, 0]
            assert looks[0] != looks[1] or abs(np.diff(lightness)[0]) > 20
        if name != "heat":
            assert all(contrast(text.get_color(), "white") >= 4.5 for text in figure.findobj(Text))


def test_no_text_is_cut_and_no_ticks_run_into_one_another():
    for figure in figures().values():
        figure.draw_without_rendering()
        width, height = figure.canvas.get_width_height()
        for axis in figure.axes:
            for text in [axis.title, axis.xaxis.label, axis.yaxis.label, figure._suptitle]:
                box = text.get_window_extent() if text and text.get_text() else None
                assert box is None or (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height)
            boxes = [tick.get_window_extent() for tick in axis.get_xticklabels() if tick.get_text()]
            inside = [box for box in boxes if axis.bbox.x0 <= (box.x0 + box.x1) / 2 <= axis.bbox.x1]
            assert all(left.x1 < right.x0 for left, right in itertools.pairwise(inside))


def test_the_heat_map_has_even_steps_of_lightness():
    for eye in EYES.values():
        lightness = lab(linear(plots.HEAT(np.linspace(0, 1, 11))) @ np.transpose(eye))[:, 0]
        steps = -np.diff(lightness)
        assert lightness[0] > 99 and lightness[-1] < 20 and steps.min() > 0.7 * steps.max()


def test_numbers_are_legible_on_every_cell():
    cells = [*plots.HEAT(np.linspace(0, 1, 50)), *np.random.default_rng(0).random((500, 3))]
    assert min(contrast(plots.ink_on(cell), cell) for cell in cells) >= 4.5


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
    assert [text.get_color() for text in left.texts] == ["white", "black", "black", "white"]
    assert [label.get_text() for label in right.get_xticklabels()] == ["c", r"\$d"]
    assert (left.get_title(), left.get_xlabel(), left.get_ylabel()) == ("a", "x", "y")
    (axis,) = plots.heat_maps({"large": np.zeros((20, 20))}, "title", scale=(0, 1)).axes
    assert not axis.texts and axis.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize(("columns", "turned"), [("12345678", 0), (["▁What", "▁is", "▁your", "▁nam", "e", "?"], 45)])
def test_heat_maps_turn_many_long_labels_only(columns, turned):
    (axis,) = plots.heat_maps({"a": np.eye(len(columns))}, "title", columns=list(columns)).axes
    assert {label.get_rotation() for label in axis.get_xticklabels()} == {turned}


def test_histogram_counts():
    (axis,) = plots.histogram({"a": [1, 1, 3], "b": [2]}, "title", "x", "y").axes
    assert list(axis.lines[0].get_ydata()) == [0, 2, 0, 1] and list(axis.lines[1].get_ydata()) == [0, 0, 1]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b"]


def test_a_loss_over_many_powers_of_ten_is_marked_at_some_of_them(tmp_path):
    """All marks stood at its upper end, one on the other."""
    losses = pd.DataFrame({"epoch": range(1, 12), "loss": [10.0**-i for i in range(11)]})
    (axis,) = draw(plots.loss_curves(losses, "Title", log=True), tmp_path).axes
    low, high = axis.get_ylim()
    marks = [value for value in axis.get_yticks() if low <= value <= high]
    assert 3 <= len(marks) <= 12 and np.ptp(np.log10(marks)) >= 6


@pytest.mark.parametrize(("rows", "size", "alpha"), [(24, 30, 0.8), (5_000, 7, 0.25)])
def test_a_few_dots_are_large_enough_to_be_seen(tmp_path, rows, size, alpha):
    actual = np.linspace(1, 2, rows)
    for figure in (
        plots.predicted_against_actual(actual, actual, "Title", "price", "$"),
        plots.residuals(actual, actual[::-1], "Title", "price", "$"),
    ):
        (dots,) = draw(figure, tmp_path).axes[0].collections
        assert (dots.get_sizes()[0], dots.get_alpha()) == (size, alpha)


def test_bars_of_few_rows_are_counted_in_whole_rows(tmp_path):
    actual = np.linspace(1, 2, 24)
    axis = draw(plots.residuals(actual, actual[::-1] ** 2, "Title", "price", "$"), tmp_path).axes[1]
    assert all(float(tick).is_integer() for tick in axis.get_yticks())


@pytest.mark.parametrize(("rows", "size", "alpha"), [(24, 30, 0.8), (5_000, 7, 0.25)])
def test_a_few_rows_show_whether_a_line_is_enough(tmp_path, rows, size, alpha):
    values = np.linspace(1, 2, rows)
    part = pd.DataFrame({"value": values, "contribution": values, "with_residual": values**2})
    figure = draw(house_plots.partial_residuals({"area": part}, "Title", "price", "$"), tmp_path)
    (dots,) = figure.axes[0].collections
    assert (dots.get_sizes()[0], dots.get_alpha()) == (size, alpha)
