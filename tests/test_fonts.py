"""Labels in any script: fonts are found by the characters that they have, and what none has is said, not drawn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from fmkeras import fonts, plots, runs
from fmkeras.houses import plots as house_plots

NAME = "Stand-in Han"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A font with 你 and 好, each a square; known to matplotlib for as long as the test runs."""
    pen = TTGlyphPen(None)
    for place in ((0, 0), (0, 800), (800, 800), (800, 0)):
        (pen.lineTo if place != (0, 0) else pen.moveTo)(place)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "ni", "hao"])
    builder.setupCharacterMap({ord("你"): "ni", ord("好"): "hao"})
    builder.setupGlyf(dict.fromkeys([".notdef", "ni", "hao"], pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", "ni", "hao"], (900, 50)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": NAME, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "han.ttf")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    font_manager.fontManager.addfont(str(tmp_path / "han.ttf"))


@pytest.fixture
def shipped_only(monkeypatch):
    """As if only matplotlib's own fonts were installed."""
    own = [entry for entry in font_manager.fontManager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)


def test_the_usual_font_does_for_the_usual_text():
    assert fonts.families_for("▁bom dia é ñ Привет Γειά\u200d") == (["DejaVu Sans"], "")


def test_a_font_is_found_by_what_it_has(shipped_only, stand_in):
    assert fonts.families_for("bom 你好") == (["DejaVu Sans", NAME], "")
    assert fonts.families_for("你们好") == (["DejaVu Sans", NAME], "们")


def test_what_no_font_has_is_named_once(shipped_only):
    assert fonts.families_for("▁你好你") == (["DejaVu Sans"], "你好")


@pytest.mark.parametrize("tokens", [["▁你", "好", "</s>"], ["▁नम", "स्ते", "</s>"]])
def test_an_attention_map_of_any_script_draws_without_a_warning(tokens, shipped_only, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.attention_map(np.eye(3), tokens, ["▁hello", "$5", "</s>"], "any script")
        figure.savefig(tmp_path / "map.png")
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert "□" in labels[0] and labels[2] == "</s>"


def test_plots_of_tables_with_columns_in_any_script_are_saved_with_the_fonts_found(shipped_only, stand_in, tmp_path):
    importance = pd.Series({"你好": 2.0, "area": 1.0, "नम": 0.5})
    figure = house_plots.importance(importance, "title", "好", "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs.save_figure(figure, tmp_path / "importance.png")
    labels = {label.get_text(): label.get_fontfamily() for label in figure.axes[0].get_yticklabels()}
    assert NAME in labels["你好"] and NAME in figure.axes[0].xaxis.label.get_fontfamily()


def test_an_attention_map_is_drawn_with_the_font_found(shipped_only, stand_in, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.attention_map(np.eye(3), ["▁你", "好", "</s>"], ["a", "b", "c"], "Chinese")
        figure.savefig(tmp_path / "map.png")
    label = figure.axes[0].get_xticklabels()[0]
    assert label.get_text() == "·你" and NAME in label.get_fontfamily()
