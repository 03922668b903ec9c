"""The notebooks run from top to bottom, and are stored as they ran.

After a change: `jupyter execute --inplace notebooks/*.ipynb`, and look at them.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIGURES = {"foundations": 12, "pretrain": 4, "regress": 7, "translate": 6}  # at least


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


def cells(path: Path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def outputs(path: Path) -> list[dict]:
    return [output for cell in cells(path, "code") for output in cell["outputs"]]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_all_of_them_are_there():
    assert {path.stem for path in NOTEBOOKS} == set(FIGURES)


def test_stored_executed_in_order_without_errors_or_noise(path):
    assert [cell["execution_count"] for cell in cells(path, "code")] == list(range(1, len(cells(path, "code")) + 1))
    kinds = [(output["output_type"], output.get("name")) for output in outputs(path)]
    assert not [kind for kind in kinds if kind[0] == "error" or kind[1] == "stderr"]
    assert not [output for output in outputs(path) if "WARNING" in "".join(output.get("text", []))]
    assert sum("image/png" in output.get("data", {}) for output in outputs(path)) >= FIGURES[path.stem]
    assert path.stat().st_size < 1_500_000


def test_opens_for_its_readers(path):
    first = source(cells(path, "markdown")[0])
    assert first.startswith("# ") and f"/blob/main/notebooks/{path.name})" in first
    assert len(re.findall(r"[\u4e00-\u9fff]", first)) > 80  # a paragraph in Chinese


def test_says_nothing_of_the_machine_and_keeps_cells_short(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"/(?:root|work|home|tmp|usr)/|site-packages", text)
    for cell in cells(path, "code"):
        assert len(source(cell).splitlines()) <= 25
    titles = [source(cell) for cell in cells(path, "markdown")]
    assert len(titles) >= len(cells(path, "code")) / 3  # text before code


def test_links_lead_somewhere(path):
    for cell in cells(path, "markdown"):
        for link in re.findall(r"\]\(([^)#]+)\)", source(cell)):
            assert link.startswith("https://") or (path.parent / link).exists(), link


@pytest.mark.slow
def test_runs_from_another_folder(path, tmp_path, monkeypatch):
    """In a fresh kernel. Whatever it prints and draws, it ends without an error."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=3000, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    assert not list(tmp_path.iterdir())  # it leaves nothing where it runs


@pytest.fixture
def first_cell(tmp_path, monkeypatch) -> str:
    """The first code cell, the same in all of them, for a process that does not find the package."""
    (code,) = {source(cells(path, "code")[0]) for path in NOTEBOOKS}
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return code + "\nimport fmkeras; print(fmkeras.__file__)"


def run(code: str, folder: Path) -> str:
    ended = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_the_first_cell_finds_a_clone_from_within(first_cell):
    assert run(first_cell, ROOT / "notebooks") == str(ROOT / "fmkeras" / "__init__.py")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for git is a shell script")
def test_the_first_cell_fetches_what_is_not_there(first_cell, tmp_path, monkeypatch):
    """As in Colab: no clone, and one package missing. Stand-ins for git and pip keep what they were asked."""
    git, pip, clone = tmp_path / "git", tmp_path / "pip.py", tmp_path / "fmkeras-clone"
    requirements = "numpy>=1\nscikit-learn>=1.5,<2\nabsent-package>=2,<3  # why\n\n# for the tests\nabsent-too\n"
    git.write_text(
        f"#!/bin/sh\necho $* > '{tmp_path}/asked.txt'\nmkdir '{clone}'\nln -s '{ROOT}/fmkeras' '{clone}/fmkeras'\n"
        f"printf '{requirements}' > '{clone}/requirements.txt'\n"
    )
    git.chmod(0o755)
    pip.write_text(f"import sys; open(r'{tmp_path}/pip.txt', 'a').write(' '.join(sys.argv[1:]))")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # where `python -m pip` finds the stand-in
    for _ in range(2):  # the second time, as after a restart of the kernel, all is there
        assert run(first_cell, tmp_path) == str(clone / "fmkeras" / "__init__.py")
        asked = (tmp_path / "asked.txt").read_text()
        assert asked.startswith("clone --quiet --depth=1 https://github.com/") and asked.strip().endswith(str(clone))
        assert (tmp_path / "pip.txt").read_text() == "install --quiet absent-package>=2,<3"
