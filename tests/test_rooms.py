"""The rooms of the house: imports run downwards only. Read from the source, so that imports within functions count."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fmkeras"

# From the ground up. A module imports from its own room and from those above it in this list, never from one below.
ROOMS = (
    ("errors", "foundations", "registration", "fonts", "cards"),
    ("trust", "plots", "devices", "cli", "workers", "machines"),
    ("runs", "parallel"),
    ("translation.settings",),
    ("translation.corpora.grammar",),
    ("translation.corpora",),
    ("translation.model",),
    ("translation.saved",),
    ("translation.inference",),
    ("translation.exporting",),
    ("translation.training",),
    ("houses",),
    ("serving",),
    ("evaluation",),
    ("translate", "pretrain", "regress", "export", "serve"),
)
MODULES = sorted(
    path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)


def source_of(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def floor(module: str) -> int:
    """The number of the room that a module lies in: that of the longest name that it begins with."""
    found = [(len(name), i) for i, room in enumerate(ROOMS) for name in room if f"{module}.".startswith(f"{name}.")]
    assert found, f"fmkeras.{module} lies in no room"
    return max(found)[1]


def imports(module: str) -> set[str]:
    """The modules of the package that a module names in an import, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(source_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"fmkeras.{module} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    inner = {name.removeprefix("fmkeras.") for name in names if name.startswith("fmkeras.")}
    # What is no module is something within one, or within the package itself.
    inner = {name if name in MODULES else name.rpartition(".")[0] for name in inner}
    return inner & set(MODULES)


def test_it_reads_imports():
    assert {"errors", "runs", "translation.corpora.tokenizer", "translation.model.transformer"} <= imports(
        "translation.saved"
    )
    assert floor("translation.corpora.grammar.words") < floor("translation.corpora.corpus") < floor("translate")


@pytest.mark.parametrize("module", [module for module in MODULES if module not in ("", "__init__", "translation")])
def test_imports_run_downwards(module):
    above = {name for name in imports(module) if name != "translation" and floor(name) > floor(module)}
    assert not above, f"fmkeras.{module} imports from above: {sorted(above)}"


def test_inference_knows_nothing_of_training_and_the_two_scripts_nothing_of_each_other():
    def reached(module: str) -> set[str]:
        found, ahead = set(), {module}
        while ahead:
            found |= ahead
            ahead = set().union(*map(imports, ahead)) - found
        return found

    assert not {name for name in reached("translation.inference.translator") if "training" in name}
    assert not {name for name in reached("regress") if name.startswith("translation")}
    assert not {name for name in reached("translate") if name.startswith("houses")}
