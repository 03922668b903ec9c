"""What the notebooks and the documents ask of the package is there, and takes the arguments that they give."""

import ast
import inspect
import re
from pathlib import Path

import nbformat
import pytest

from notebooks import address

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [path for path in address.notebooks(ROOT) if path.parent.name != "zh"]  # the others have the same code
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "data").glob("*.md")]


def meaning(node: ast.AST, names: dict):
    """What an expression such as `module.function` means, given what was imported; None if it is not the package's.

    Raises:
        AttributeError: there is no such thing.
    """
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and inspect.ismodule(owner := meaning(node.value, names)):
        return getattr(owner, node.attr)
    return None


def imported(tree: ast.AST) -> dict:
    """What some code imports of the package, by the names that it gives it."""
    names: dict = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and "fmkeras" in ast.unparse(node):
            exec(ast.unparse(node), names)
    return names


def misused(code: str) -> list[str]:
    """Names that some code asks of the package in vain, and calls whose arguments do not fit."""
    tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*", r"\1pass", code))  # IPython's magics
    names, wrong = imported(tree), []
    for node in ast.walk(tree):
        try:
            if isinstance(node, ast.Attribute):
                meaning(node, names)
            elif isinstance(node, ast.Call) and callable(function := meaning(node.func, names)):
                keywords = [keyword.arg for keyword in node.keywords if keyword.arg]
                inspect.signature(function).bind_partial(*node.args, **dict.fromkeys(keywords))
        except (AttributeError, TypeError) as error:
            wrong.append(f"{ast.unparse(node)}: {error}")
    return wrong


def test_what_is_asked_in_vain_is_found():
    begin = "from fmkeras.translation.training import fitting\nimport fmkeras\n%matplotlib inline\n"
    assert not misused(begin + "fitting.fit_settings(settings, 5, {})\nfmkeras.load_translator('runs')")
    assert len(misused(begin + "fitting.few_pairs(settings)")) == 2  # the name, and the call
    assert "strange" in misused(begin + "fmkeras.load_translator(strange=1)")[0]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks(path):
    cells = nbformat.read(path, as_version=4).cells
    assert misused("\n".join(cell.source for cell in cells if cell.cell_type == "code")) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents(path):
    assert misused("\n".join(re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S))) == []


def test_some_documents_have_code():
    assert sum("```python\n" in path.read_text(encoding="utf-8") for path in DOCUMENTS) >= 5
