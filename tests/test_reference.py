"""The names that docstrings put between backticks are names of the code: they are what the API reference links."""

import ast
import re
from pathlib import Path

import pytest

from docs import reference

PACKAGE = Path(__file__).parents[1] / "fmkeras"
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
FOREIGN = {"keras", "tf", "np", "matplotlib", "argparse", "axis", "self"}  # what else a dotted name may begin with
FILES = (".json", ".csv", ".npz", ".txt", ".png", ".keras")


def identifiers(tree: ast.AST) -> set[str]:
    """Every name in some code: what it defines, takes, reads or sets. Not what its docstrings say."""
    found = set()
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name"):
            if isinstance(name := getattr(node, field, None), str):
                found |= set(name.split("."))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)  # a key, a column, a choice
    return found


def homes() -> dict[str, set[str]]:
    """What a dotted name of ours may begin with: modules, folders and classes, with the names in each."""
    found: dict[str, set[str]] = {}
    for path, tree in SOURCES.items():
        name = path.parent.name if path.stem == "__init__" else path.stem
        found.setdefault(name, set()).update(identifiers(tree))
        found.setdefault(path.parent.name, set()).update(
            {path.stem, *(folder.name for folder in path.parent.iterdir())}
        )
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, set()).update(identifiers(node))
    return found


HOMES = homes()
KNOWN = set().union(*map(identifiers, SOURCES.values()))


def exists(name: str) -> bool:
    """Whether a name, such as `padded`, `Batches.epoch` or `fmkeras.houses.table.load`, is one of the code."""
    first, *rest = name.split(".")
    if first in FOREIGN:
        return True
    if not rest:
        return first in KNOWN or first in HOMES
    return rest[0] in HOMES.get(first, ()) and (len(rest) == 1 or exists(".".join(rest)))


def quoted(tree: ast.AST) -> set[str]:
    """The names between backticks in the docstrings of a module."""
    places = (node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef))
    texts = [ast.get_docstring(node) or "" for node in places]
    return {
        name for text in texts for name in re.findall(r"`([A-Za-z_]\w*(?:\.\w+)*)`", text) if not name.endswith(FILES)
    }


def test_it_tells_names_apart():
    assert {"padding_bias", "Transformer"} <= set().union(*map(quoted, SOURCES.values()))
    assert exists("padded") and exists("Batches.epoch") and exists("fmkeras.houses.table.load")
    assert not exists("no_such_name") and not exists("Batches.gone") and not exists("fmkeras.houses.table.gone")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_names_in_docstrings_exist(path):
    assert not [name for name in quoted(SOURCES[path]) if not exists(name)]


def test_every_module_has_a_page():
    assert len(reference.modules()) == len(SOURCES)
    assert {"fmkeras", "fmkeras.translation.model.attention", "fmkeras.regress"} <= set(reference.modules())
