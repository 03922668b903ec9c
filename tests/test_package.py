"""The package as others get it: built, installed where the repository is not, and run by its commands.

The environment is a new one. It sees the packages of the one that tests, so that TensorFlow is not installed again.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from conftest import QUICK

import fmkeras

ROOT = Path(__file__).parents[1]
SETTINGS = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
TOOLS = ("pytest", "ruff", "mypy", "pdoc", "hypothesis", "nbclient", "ipykernel", "build", "setuptools")


def listed(name: str) -> list[str]:
    """The requirements of a list in pyproject.toml."""
    (block,) = re.findall(rf"^{name} = \[\n(.*?)^\]", SETTINGS, re.MULTILINE | re.DOTALL)
    return [line.strip('"').replace("'", '"') for line in re.findall(r'^ *("[^"]*")', block, re.MULTILINE)]


def test_requirements_txt_lists_what_pyproject_does():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    runtime, tests = (
        [line.split("  #")[0] for line in part.splitlines() if line and not line.startswith("#")]
        for part in text.split("# for the tests\n")
    )
    assert runtime == listed("dependencies") and len(runtime) > 10
    assert tests == listed("test") and len(tests) > 8


def test_every_package_is_listed():
    """The folders of code, and those of data, which lie in the package where it is installed."""
    code = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "fmkeras").rglob("__init__.py")}
    data = {
        ".".join(("fmkeras", *path.parent.relative_to(ROOT).parts)) for path in (ROOT / "data").rglob("*.[ckt]*[vs]")
    }  # csv, tsv, keras
    assert set(listed("packages")) == code | data


def run(*command: object, folder: Path) -> str:
    """Standard output of a command that must succeed, without this repository on Python's path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel, made from a source distribution: both hold all that they need."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("fmkeras", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    log = run(sys.executable, "-m", "build", "--no-isolation", folder, folder=folder)
    assert "Package would be ignored" not in log  # every folder of data is named
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The folder of commands of a new environment that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "--python", commands / "python", "install", *options, wheel, folder=folder)
    (site,) = folder.rglob("site-packages")
    others = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "others.pth").write_text("\n".join(others) + "\n", encoding="utf-8")
    return commands


@pytest.mark.slow
def test_the_installed_package_is_whole(installed, tmp_path):
    """In another folder and without the repository: one version, the types, the data."""
    code = """if True:
        import importlib.metadata, importlib.resources, fmkeras
        from fmkeras.houses.table import king_county
        files = importlib.resources.files("fmkeras")
        print(fmkeras.__file__, fmkeras.__version__, importlib.metadata.version("fmkeras"))
        print((files / "py.typed").is_file(), len(king_county().target))
    """
    path, version, of_the_package, typed, houses = run(installed / "python", "-c", code, folder=tmp_path).split()
    assert not Path(path).is_relative_to(ROOT)
    assert version == of_the_package == fmkeras.__version__
    assert (typed, houses) == ("True", "21613")
    module = "fmkeras.translation.corpora.phrasebook"
    shown = run(installed / "python", "-m", module, "--show", "2", "--size", "400", folder=tmp_path)
    assert len(shown.splitlines()) == 4


def test_only_what_runs_is_required(wheel):
    (metadata,) = importlib.metadata.distributions(name="fmkeras", path=[str(wheel)])
    required = [requirement for requirement in metadata.requires or [] if "extra ==" not in requirement]
    assert "tensorflow<2.22,>=2.18" in required
    assert not [line for line in required if re.match(r"[\w-]+", line)[0] in TOOLS]
    assert {"test", "jax", "gpu"} <= set(metadata.metadata.get_all("Provides-Extra"))


@pytest.mark.slow
def test_the_commands_train_and_answer(installed, quick_pairs, tmp_path):
    assert "It took" in run(installed / "fmkeras-translate", "--dataset", quick_pairs, *QUICK, folder=tmp_path)
    translated = run(installed / "fmkeras-translate", "text", "Bom dia.", "--beam", "1", folder=tmp_path)
    assert len(translated.splitlines()) == 1
    assert "least squares" in run(installed / "fmkeras-regress", "--epochs", "2", folder=tmp_path)
    assert "fmkeras.pretrain" in run(installed / "fmkeras-pretrain", "--help", folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
