"""What all tests share: quiet, off the network, the rehearsal data where it is, and runs that are trained once.

A run in a session's fixture is made once for all workers of pytest-xdist (see `once`) and only read. A test that
changes one takes a copy of it: `shutil.copytree(quick_translator, tmp_path / "run")`.
"""

import contextlib
import importlib
import io
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before CTranslate2: two workers share the cores

import filelock
import hypothesis
import numpy as np
import pytest

from fmkeras import cli

# The machines that test are slow and shared: no deadline for an example, nor for making one. The same every time.
SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile(
    "fmkeras", deadline=None, derandomize=True, max_examples=100, suppress_health_check=SLOW
)
hypothesis.settings.load_profile("fmkeras")

NUMBERS = dict(um="one", dois="two", três="three", quatro="four", cinco="five", seis="six", sete="seven", oito="eight")
REHEARSAL = Path(__file__).parents[2] / "shared" / "tfds"


# The files that take longest, which are begun first, so that no worker waits for another at the end.
LONGEST = (
    "benchmarks training faults notebooks parallel regress pretrain jax distributed devices mixed translate api "
    "decoding fitting chinese evaluation text errata bad_input"
).split()


def pytest_collection_modifyitems(items):
    """`LONGEST` first."""
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse, and report, every connection that leaves this machine, whoever makes it."""
    left, connect = [], socket.socket.connect

    def refuse(self, address):
        if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            left.append(address)
            raise OSError(f"the tests are kept from the network: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    assert not left, f"tried to reach {left}"


@pytest.fixture(scope="session")
def rehearsal() -> dict[str, list[tuple[str, str]]]:
    """The full-size rehearsal of TED, by split; see shared/tfds/README.md. Skips where it is absent."""
    if not REHEARSAL.is_dir():
        pytest.skip(f"no rehearsal data: {REHEARSAL} is absent")
    from fmkeras.translation.corpora import ted

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(REHEARSAL))
        return ted.load(download=False)


@pytest.fixture(scope="session")
def jax_environment(tmp_path_factory):
    """The environment of a process whose Keras runs on JAX. Skips where JAX is not installed.

    What one such process has compiled the next one finds on the disk: compiling is most of what they do.
    """
    pytest.importorskip("jax", reason="JAX is not installed: keras.ops are tested with TensorFlow only")
    cache = {"DIR": tmp_path_factory.mktemp("compiled"), "MIN_COMPILE_TIME_SECS": 0, "MIN_ENTRY_SIZE_BYTES": -1}
    environment = {"KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(__file__).parents[1])}
    environment["JAX_COMPILATION_CACHE_DIR"] = str(cache.pop("DIR"))
    return os.environ | environment | {f"JAX_PERSISTENT_CACHE_{name}": str(value) for name, value in cache.items()}


def call(module: str, *words) -> subprocess.CompletedProcess:
    """`python -m fmkeras.MODULE WORDS` in this process: what it prints, and the status that it ends with."""
    main = importlib.import_module(f"fmkeras.{module}").main
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli.run(lambda: main([*map(str, words)]))
    return subprocess.CompletedProcess(words, ended.value.code, out.getvalue(), err.getvalue())


def succeed(module: str, *words) -> str:
    """What such a call prints, when it has ended well."""
    ended = call(module, *words)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], str]) -> tuple[Path, str]:
    """A path that one worker of pytest-xdist builds, while the others that need it wait.

    Args:
        factory: pytest's `tmp_path_factory`.
        name: of the path, below a folder that all workers share.
        build: makes the file or folder, and returns text to keep with it: what was printed.

    Returns:
        The path and the text.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    path, built = root / "once" / name, root / "once" / f"{name}.built"
    path.parent.mkdir(exist_ok=True)
    with filelock.FileLock(root / "once" / f"{name}.lock"):
        if not built.exists():
            said = build(path)
            built.write_text(said, encoding="utf-8", newline="")
        return path, built.read_text(encoding="utf-8")


def written(path: Path, text: str) -> str:
    """Write a text file, for `once`."""
    path.write_text(text, encoding="utf-8")
    return ""


@pytest.fixture(scope="session")
def pairs(tmp_path_factory) -> Path:
    """400 lines of numbers in two languages."""
    rng = np.random.default_rng(0)
    rows = [list(rng.choice(list(NUMBERS), rng.integers(3, 8))) for _ in range(400)]
    text = "".join(f"{' '.join(row)}\t{' '.join(NUMBERS[w] for w in row)}\n" for row in rows)
    return once(tmp_path_factory, "numbers.tsv", lambda path: written(path, text))[0]


PAIRS = "".join(f"frase número {i} {chr(97 + i % 26)}\tsentence number {i}\n" for i in range(60))
HOUSES = "price,rooms,area\n" + "".join(f"{100 + 7 * i + i % 3},{i % 5 + 1},{50 + i * i % 37}\n" for i in range(60))
QUICK = "--epochs 1 --vocab-size 320 --batch-tokens 200 --preset document --precision float32".split()


@pytest.fixture(scope="session")
def quick_pairs(tmp_path_factory) -> Path:
    """A file of the 60 sentence pairs `PAIRS`."""
    return once(tmp_path_factory, "pairs.tsv", lambda path: written(path, PAIRS))[0]


@pytest.fixture(scope="session")
def quick_translator(tmp_path_factory, quick_pairs) -> Path:
    """The run folder of a translator of one block, trained on them for one epoch."""
    words = ["--dataset", quick_pairs, *QUICK, "--run"]
    return once(tmp_path_factory, "translator", lambda folder: succeed("translate", *words, folder))[0]


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """A run that turns Portuguese numbers into English ones, with an export to CTranslate2. Skips without that."""
    pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: its engine and the server are not tested")

    def build(folder: Path) -> str:
        shutil.copytree(Path(__file__).parent / "runs_0_1" / "translate", folder)
        return succeed("export", "--run", folder, "--to", "ctranslate2")

    return once(tmp_path_factory, "numbers", build)[0]


@pytest.fixture(scope="session")
def quick_pretrained(tmp_path_factory, quick_pairs) -> Path:
    """The run folder of a model pre-trained on them, as long."""
    words = ["--dataset", quick_pairs, "--source", "pt", "--target", "en", *QUICK, "--run"]
    return once(tmp_path_factory, "pretrained", lambda folder: succeed("pretrain", *words, folder))[0]


@pytest.fixture(scope="session")
def quick_houses(tmp_path_factory) -> Path:
    """A table of the 60 houses `HOUSES`."""
    return once(tmp_path_factory, "houses.csv", lambda path: written(path, HOUSES))[0]


@pytest.fixture(scope="session")
def quick_regressor(tmp_path_factory, quick_houses) -> Path:
    """The run folder of a regressor, trained on them for five epochs."""
    words = ["--dataset", quick_houses, "--target", "price", "--epochs", 5, "--run"]
    return once(tmp_path_factory, "regressor", lambda folder: succeed("regress", *words, folder))[0]
