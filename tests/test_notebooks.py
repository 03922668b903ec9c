"""The notebooks run from top to bottom, are stored as they ran, and open where the package is not.

After a change: `jupyter execute --inplace notebooks/*.ipynb`, look at them, then `python -m notebooks.chinese`.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from fmkeras.errors import InputError
from notebooks import address, chinese

ROOT = Path(__file__).parents[1]
NOTEBOOKS = address.notebooks(ROOT)
READMES = [ROOT / name for name in address.READMES]
ENGLISH = [path for path in NOTEBOOKS if path.parent.name != "zh"]
CHINESE = [path for path in NOTEBOOKS if path.parent.name == "zh"]
FIGURES = {"foundations": 12, "pretrain": 4, "regress": 7, "translate": 6}  # at least
# What a test changes in those that train a Transformer, so that they do it for seconds: numbers, and the corpus.
FEWER = {"pretrain": {"1000": "100", "epochs=4": "epochs=2", "epochs=12": "epochs=2"}, "translate": {}}
FEW_PAIRS = """
from fmkeras.translation.corpora import phrasebook

def few(load=phrasebook.load):
    table = load(400)
    most = table["split"].map({"train": 800, "validation": 120, "test": 60})
    return table[table.groupby(["split", "part"]).cumcount() < most]

phrasebook.load = few
"""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "notebooks").as_posix()


@pytest.fixture(params=NOTEBOOKS, ids=name_of)
def path(request) -> Path:
    return request.param


def cells(path: Path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def outputs(path: Path) -> list[dict]:
    return [output for cell in cells(path, "code") for output in cell["outputs"]]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_all_of_them_are_there():
    assert {path.stem for path in ENGLISH} == set(FIGURES)
    assert set(NOTEBOOKS) == set((ROOT / "notebooks").rglob("*.ipynb"))


def test_stored_executed_in_order_without_errors_or_noise(path):
    assert [cell["execution_count"] for cell in cells(path, "code")] == list(range(1, len(cells(path, "code")) + 1))
    kinds = [(output["output_type"], output.get("name")) for output in outputs(path)]
    assert not [kind for kind in kinds if kind[0] == "error" or kind[1] == "stderr"]
    assert not [output for output in outputs(path) if "WARNING" in "".join(output.get("text", []))]
    assert sum("image/png" in output.get("data", {}) for output in outputs(path)) >= FIGURES[path.stem]
    assert path.stat().st_size < 1_500_000


def test_opens_for_its_readers(path):
    first = source(cells(path, "markdown")[0])
    assert first.startswith("# ") and "Colab" in first.splitlines()[2]
    other = f"../{path.name}" if path.parent.name == "zh" else f"zh/{path.name}"
    assert f"]({other})" in first or not (path.parent / other).exists(), "no link to the other language"


def test_says_nothing_of_the_machine_and_keeps_cells_short(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"/(?:root|work|home|tmp|usr)/|site-packages", text)
    for cell in cells(path, "code"):
        assert len(source(cell).splitlines()) <= 15, source(cell)
    titles = [source(cell) for cell in cells(path, "markdown")]
    assert len(titles) >= len(cells(path, "code")) / 3  # text before code


def lambdas_in_comprehensions(code: str) -> list[int]:
    """The lines of lambdas that stand within a comprehension, in code of which lines may be IPython's magics."""
    tree = ast.parse("\n".join(re.sub(r"^(\s*)%.*", r"\1pass", line) for line in code.splitlines()))
    comprehensions = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    outer = [node for node in ast.walk(tree) if isinstance(node, comprehensions)]
    return [inner.lineno for node in outer for inner in ast.walk(node) if isinstance(inner, ast.Lambda)]


def test_no_lambda_within_a_comprehension():
    assert lambdas_in_comprehensions("%matplotlib inline\nx = [f(lambda i: i + j) for j in y]") == [2]
    assert lambdas_in_comprehensions("f = lambda i: i\n[f(j) for j in y]") == []
    for path in ENGLISH:
        for cell in cells(path, "code"):
            assert not lambdas_in_comprehensions(source(cell)), source(cell)


@pytest.mark.parametrize("path", CHINESE, ids=name_of)
def test_in_chinese_they_have_the_same_code_and_outputs(path):
    """After a change of the English one `python -m notebooks.chinese` makes it so."""
    notebook = nbformat.read(path.parents[1] / path.name, as_version=4)
    translated = nbformat.read(path, as_version=4)
    assert chinese.in_chinese(notebook, translated) == translated
    for cell, text in zip(notebook.cells, translated.cells, strict=True):
        if cell.cell_type == "markdown":
            assert re.search("[\u4e00-\u9fff]", text.source), text.source
            assert len(re.findall(r"^#+ ", text.source, re.MULTILINE)) == len(
                re.findall(r"^#+ ", cell.source, re.MULTILINE)
            )
            assert re.findall(r"\$[^$]+\$", text.source) == re.findall(r"\$[^$]+\$", cell.source)
            prose = re.sub(r"```.*?```|`[^`]*`", "", text.source, flags=re.DOTALL)
            assert '"' not in prose, "Chinese has quotation marks of its own"


def test_text_in_one_language_only_is_named():
    notebook = nbformat.read(ENGLISH[0], as_version=4)
    other = nbformat.read(ENGLISH[0], as_version=4)
    other.cells[0].id = "elsewhere"
    with pytest.raises(InputError, match=rf"in the cells {notebook.cells[0].id}, elsewhere: write it in the other"):
        chinese.in_chinese(notebook, other)


def test_links_lead_somewhere(path):
    for cell in cells(path, "markdown"):
        for link, anchor in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", source(cell)):
            assert link.startswith("https://") or (path.parent / link).exists(), link
            headings = (path.parent / link).read_text(encoding="utf-8").lower().splitlines() if anchor else []
            assert not anchor or f"#### {anchor}" in headings, f"{link}#{anchor}"


@pytest.mark.slow
@pytest.mark.parametrize("path", ENGLISH, ids=name_of)
def test_runs_from_another_folder(path, tmp_path, monkeypatch):
    """In a fresh kernel, with few pairs. Whatever it prints and draws, it ends without an error."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    if path.stem in FEWER:
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for number, fewer in FEWER[path.stem].items():
            (cell,) = (cell for cell in code if number in cell.source)
            cell.source = cell.source.replace(number, fewer)
        notebook.cells.insert(notebook.cells.index(code[0]) + 1, nbformat.v4.new_code_cell(FEW_PAIRS))
    NotebookClient(notebook, timeout=3000, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    assert not list(tmp_path.iterdir())  # it leaves nothing where it runs


def test_one_short_set_up_cell(path):
    (code,) = {source(cells(path, "code")[0]) for path in NOTEBOOKS}  # the same in all of them
    assert len(code.splitlines()) <= 9 and all(len(line) <= 120 for line in code.splitlines())


def play(cells: list, folder: Path) -> str:
    """Run cells in a fresh kernel in `folder`; what they printed, and the error that ended them, if one did."""
    notebook = nbformat.v4.new_notebook(cells=cells)
    try:
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    except CellExecutionError:
        assert any(output for cell in cells for output in cell.get("outputs", []))
    printed = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") + "\n".join(output.get("traceback", [])) for output in printed)


def set_up_cell(then: str = "", repository: str = "") -> list:
    """The set-up cell of the notebooks, with the address of a copy in its first line, and a cell that follows it."""
    code = source(cells(NOTEBOOKS[0], "code")[0])
    code = address.SETTING.sub(f'REPOSITORY = "{repository}"', code, count=1)
    return [nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell(then)]


WHERE = "import fmkeras.cli; print(fmkeras.__file__)"


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """An environment without the package, like Colab's: pip installs into this folder, which the kernel looks into.

    Without a network: what the package needs is there already, as most of it is in Colab, and setuptools builds it.
    """
    for name in ("FMKERAS_REPOSITORY", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    found = subprocess.run([sys.executable, "-c", "import fmkeras"], cwd=tmp_path, capture_output=True, timeout=600)
    if found.returncode == 0:
        pytest.skip("fmkeras is installed in this environment, so that no kernel here is without it")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    for name, value in {"NO_INDEX": "1", "NO_DEPS": "1", "NO_BUILD_ISOLATION": "0"}.items():  # "0" is how pip reads it
        monkeypatch.setenv(f"PIP_{name}", value)
    (tmp_path / "alone").mkdir()
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> str:
    """The address of a bare clone of what is committed here."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("no clone of the project, or no git: there is nothing to clone from")
    folder = tmp_path_factory.mktemp("host") / "fmkeras.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(folder)], check=True, timeout=600)
    return folder.as_uri()


def first_section(path: Path) -> list:
    """The cells of a notebook before its second section."""
    notebook = nbformat.read(path, as_version=4)
    starts = [i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## ")]
    return notebook.cells[: starts[1]]


def test_the_set_up_cell_finds_a_clone_from_within(site):
    for folder in (ROOT / "notebooks", ROOT / "notebooks" / "zh"):
        assert play(set_up_cell(WHERE), folder).strip() == str(ROOT / "fmkeras" / "__init__.py")
    assert not list(site.iterdir())  # nothing was installed


def test_without_a_copy_the_set_up_cell_says_what_to_do_in_one_line(site, tmp_path):
    (tmp_path / "alone" / "fmkeras").mkdir()  # a folder of that name is not the package
    printed = play(set_up_cell(WHERE), tmp_path / "alone")
    assert printed == "UsageError: fmkeras is not here: upload a wheel of it, or name a copy in REPOSITORY\n"


@pytest.mark.slow
def test_the_set_up_cell_installs_once(site, bare, tmp_path):
    """Also beside a folder that is named like the package; after a restart of the kernel nothing is asked again."""
    (tmp_path / "alone" / "fmkeras").mkdir()
    assert play(set_up_cell(WHERE, repository=bare), tmp_path / "alone").endswith(f"{site}/fmkeras/__init__.py\n")
    assert play(set_up_cell(WHERE, repository="file:///nowhere"), tmp_path / "alone") == f"{site}/fmkeras/__init__.py\n"


def test_what_the_set_up_cell_asks_pip_for(site, tmp_path):
    """With a stand-in for pip that prints what it was asked."""
    copies = {
        "https://github.com/a/b": "git+https://github.com/a/b",
        "git@github.com:a/b.git": "git+ssh://git@github.com/a/b.git",
        "file:///srv/b": "git+file:///srv/b",
        "here/b": "here/b",  # a path that is there: pip takes a clone or a wheel as it is
        "": "fmkeras-0.2.0-py3-none-any.whl",  # what was uploaded
    }
    (tmp_path / "alone" / "here" / "b").mkdir(parents=True)
    (tmp_path / "alone" / "fmkeras-0.2.0-py3-none-any.whl").touch()
    (site / "pip.py").write_text("import sys; print(sys.argv[1:])")
    names = [nbformat.v4.new_code_cell(f"import os; os.environ['FMKERAS_REPOSITORY'] = {copy!r}") for copy in copies]
    printed = play([cell for name in names for cell in (name, set_up_cell()[0])], tmp_path / "alone")
    asked = [line for line in printed.splitlines() if line.startswith("[")]
    assert asked == [str(["install", "--quiet", copy]) for copy in copies.values()]


TRAIN = """
import sys
sys.modules["ipywidgets"] = None  # as if it were not installed
import logging, tqdm.auto, keras
logging.getLogger("tensorflow").warning("triggered tf.function retracing")
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(loss="mse")
_ = model.fit(keras.ops.ones((4, 2)), keras.ops.ones((4, 1)), verbose=0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "from fmkeras import cli; cli.quiet_notebook()"])
def test_a_notebook_can_be_kept_quiet(first, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    printed = play([nbformat.v4.new_code_cell(first), nbformat.v4.new_code_cell(TRAIN)], tmp_path)
    for line in ("IProgress not found", "retracing"):
        assert (line in printed) is not bool(first)
    assert not first or not printed


@pytest.mark.slow
def test_plays_colab(site, bare, tmp_path, monkeypatch):
    """A notebook alone in an empty folder, without the package: its first section runs, from the address given."""
    path = ROOT / "notebooks" / "translate.ipynb"  # the others begin with the same cell
    monkeypatch.setenv("FMKERAS_REPOSITORY", bare)
    shutil.copy(path, tmp_path / "alone")
    section = first_section(tmp_path / "alone" / path.name)
    play(section, tmp_path / "alone")
    code = [cell for cell in section if cell.cell_type == "code"]
    assert len(code) > 2 and not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert all(cell.execution_count for cell in code) and (site / "fmkeras").is_dir()


@pytest.fixture
def clone(tmp_path) -> Path:
    """The READMEs and the notebooks, to be written to."""
    (tmp_path / "notebooks" / "zh").mkdir(parents=True)
    for path in [*READMES, *NOTEBOOKS]:
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


def changed(clone: Path) -> dict[str, list[tuple[str, str]]]:
    """The lines of each file that are others than in this repository, then and now."""
    differences = {}
    for path in [*READMES, *NOTEBOOKS]:
        before, after = (folder.read_bytes().split(b"\n") for folder in (path, clone / path.relative_to(ROOT)))
        lines = zip(before, after, strict=True)
        name = path.relative_to(ROOT).as_posix().removeprefix("notebooks/")
        differences[name] = [(was.decode(), now.decode()) for was, now in lines if was != now]
    return differences


def test_readme_and_notebooks_say_the_address_that_is_known():
    for path in [*READMES, *NOTEBOOKS]:
        assert path.read_bytes().decode() == address.with_address(path, address.known(ROOT)), path


@pytest.mark.skipif(bool(address.known(ROOT)), reason="the address is known")
def test_no_badge_while_the_address_is_unknown():
    for path in [*READMES, *NOTEBOOKS]:
        assert not re.search(
            "colab-badge|colab.research.google.com/github|github.com", path.read_text(encoding="utf-8")
        )


COLAB_LINK = "https://colab.research.google.com/github/some-one/a.name/blob/main/notebooks/"


def test_an_address_on_github_is_written_with_badges_and_replaced(clone):
    address.write(clone, address.checked("https://github.com/else/where/"))
    address.write(clone, address.checked("git@github.com:some-one/a.name.git"))
    home = "https://github.com/some-one/a.name"
    assert address.known(clone) == home
    for name, lines in changed(clone).items():
        if name in address.READMES:
            ((_, line),) = lines
            folder = "" if name == "README.md" else "zh/"
            assert all(f"[{path.stem}]({COLAB_LINK}{folder}{path.name})" in line for path in ENGLISH)
            assert f'pip install "git+{home}"' in line
        else:
            (_, badge), (before, setting) = lines  # two lines of each notebook, and no other byte
            assert f"({COLAB_LINK}{name})" in badge
            assert setting == before.replace(r"REPOSITORY = \"\"", rf"REPOSITORY = \"{home}\"")
        assert "else/where" not in str(lines)
    written = {path: path.read_bytes() for path in clone.rglob("*.*") if path.is_file()}
    address.write(clone, home)
    assert written == {path: path.read_bytes() for path in clone.rglob("*.*") if path.is_file()}


def test_an_address_elsewhere_has_no_badge(clone):
    address.write(clone, address.checked("git@example.org:a/b.git"))
    (_, line), (_, setting) = changed(clone)["regress.ipynb"]
    assert line.startswith('    "To open this in Colab: upload it') and "wheel" not in line
    assert "git@example.org:a/b.git" in setting
    (_, line), _ = changed(clone)["zh/regress.ipynb"]
    assert line.startswith('    "在 Colab 中打开：') and "wheel" not in line
    for name in address.READMES:
        assert 'pip install "git+ssh://git@example.org/a/b.git"' in (clone / name).read_text(encoding="utf-8")
    address.write(clone, "")
    assert not any(changed(clone).values())


@pytest.mark.parametrize(
    "url", ["", "github.com/a/b", "https://github.com/a", "a folder", 'https://x.org/a"b', "http://x/y"]
)
def test_what_is_no_address_is_one_line(url):
    with pytest.raises(
        InputError, match=r"is no address of a repository: give one like https://github.com/OWNER/NAME$"
    ):
        address.main([url])
    assert not (ROOT / "notebooks" / "address.txt").exists() or url != address.known(ROOT)


@pytest.mark.parametrize("readme", address.READMES)
def test_a_file_that_lost_its_line_is_named_and_nothing_is_written(readme, clone):
    (clone / readme).write_text("nothing\n")
    with pytest.raises(InputError, match=rf"{readme}: the line that names the repository is gone"):
        address.write(clone, "https://github.com/a/b")
    assert not address.known(clone)
    assert all(path.read_bytes() == (clone / path.relative_to(ROOT)).read_bytes() for path in NOTEBOOKS)
