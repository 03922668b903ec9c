"""docs/how-it-works.md: its output is what its commands print, and its names are those of the code."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from docs import one_sentence

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
NUMBER = r"-?\d+\.\d+"


def names_of(path: Path) -> set[str]:
    """The functions, classes and methods of a module: "padded", "Batches", "Batches.epoch"."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return names


def test_every_name_is_in_the_file_that_stands_beside_it():
    text = " ".join(PAGE.split())
    places = re.findall(r"((?:`[\w.]+`(?: and |, | in ))+)\[[^\]]+\]\((\.\./fmkeras/[^)]+)\)", text)
    quoted = [(name, path) for names, path in places for name in re.findall(r"`([\w.]+)`", names)]
    assert len(quoted) > 25
    assert not [(name, path) for name, path in quoted if name not in names_of(ROOT / "docs" / path)]
    known = set().union(*map(names_of, (ROOT / "fmkeras").rglob("*.py")))
    alone = set(re.findall(r"`([a-z]+_[a-z_]+|[A-Z]\w+(?:\.\w+)?)`", text)) - {"target_in", "target_out"}
    assert len(alone) > 15 and not alone - known


def test_the_picture_shows_what_is_there():
    rooms = re.findall(r'\["((?:translation|houses)[\w/]*)<br/>([\w, ]+)"\]', PAGE)
    folders = {room: listed for room, listed in rooms if (ROOT / "fmkeras" / room).is_dir()}
    shown = re.findall(r'\["([\w/]+)<br/>', PAGE)
    assert len(folders) >= 5
    for room, listed in folders.items():
        inside = (ROOT / "fmkeras" / room).iterdir()
        modules = {path.stem for path in inside if path.suffix == ".py" or (path / "__init__.py").exists()}
        modules -= {"__init__"} | {path.split("/")[-1] for path in shown if path.startswith(f"{room}/")}
        assert set(listed.split(", ")) == modules, room


@pytest.mark.parametrize(("argv", "number"), [([], 0), (["pair"], 1)])
def test_the_commands_print_what_is_shown(argv, number, capsys):
    shown = re.findall(r"python -m docs\.one_sentence[^\n]*\n```\n\n```text\n(.*?)```", PAGE, re.DOTALL)[number]
    one_sentence.main(argv)
    printed = capsys.readouterr().out
    assert re.sub(NUMBER, "#", printed) == re.sub(NUMBER, "#", shown)
    # Another processor rounds otherwise, but not by much.
    found, expected = (np.array(re.findall(NUMBER, text), float) for text in (printed, shown))
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.011)
