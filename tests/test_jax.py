"""The translator's commands on JAX: trained, killed, resumed, scored, translating; what other backends are told."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import NUMBERS, call

KILLED = Path(__file__).with_name("killed.py")
# XLA takes a third of the time to make a slower program, which is soon over.
HASTY = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
OPTIONS = "--source pt --target en --preset document --epochs 2 --vocab-size 320 --batch-tokens 256 --seed 1".split()
OPTIONS += "--d-model 32 --d-ff 64".split()
MEASURED = ["epoch", "loss", "val_loss", "steps", "target_tokens"]  # not by a clock


@pytest.fixture(scope="module")
def python(jax_environment):
    """Run Python on JAX, and return what it printed and how it ended."""

    def run(*words, status: int = 0, text: str | None = None) -> subprocess.CompletedProcess:
        environment = jax_environment | {"XLA_FLAGS": HASTY}
        command = [sys.executable, *map(str, words)]
        ended = subprocess.run(command, env=environment, input=text, capture_output=True, text=True, timeout=1800)
        assert ended.returncode == status, ended.stderr[-3000:]
        return ended

    return run


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Sentences of three words: there are few lengths of batches, each of which XLA compiles anew."""
    path = tmp_path_factory.mktemp("jax") / "pairs.tsv"
    rows = list(itertools.product(NUMBERS, repeat=3))
    path.write_text("".join(f"{' '.join(row)}\t{' '.join(NUMBERS[word] for word in row)}\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def whole(python, pairs, tmp_path_factory):
    """A run that was never stopped, and what it printed."""
    folder = tmp_path_factory.mktemp("jax") / "run"
    return folder, python("-m", "fmkeras.translate", "--dataset", pairs, *OPTIONS, "--run", folder)


@pytest.mark.slow
def test_it_trains_and_says_how_long_it_compiled(whole):
    folder, ended = whole
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["made_by"]["backend"].startswith("jax ") and report["epochs"] == 2
    assert 0 < report["compile_seconds"] < report["training_seconds"]
    assert "; Keras on jax " in ended.stdout and "compiling=" in ended.stderr
    assert "Traceback" not in ended.stderr and "Warning" not in ended.stderr


@pytest.mark.slow
def test_killed_within_an_epoch_it_is_resumed_to_the_same_end(python, whole, pairs, tmp_path):
    words = ["--dataset", pairs, *OPTIONS, "--run", tmp_path / "run"]
    python(KILLED, "step", 13, *words, status=-9)
    assert not (tmp_path / "run" / "report.json").exists()
    python("-m", "fmkeras.translate", "--resume", "--run", tmp_path / "run")
    expected, found = (pd.read_csv(folder / "history.csv")[MEASURED] for folder in (whole[0], tmp_path / "run"))
    pd.testing.assert_frame_equal(expected, found, rtol=1e-6)


@pytest.mark.slow
def test_it_is_scored_and_translates(python, whole):
    folder = whole[0]
    printed = python("-m", "fmkeras.translate", "evaluate", "--json", "--run", folder).stdout
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))["test"]
    scored = json.loads(printed)
    assert scored["bleu"] == report["bleu"] and scored["loss"] == pytest.approx(report["loss"], rel=1e-5)
    ended = python("-m", "fmkeras.translate", "text", "--run", folder, text="um dois três\n\ncinco um dois\n")
    assert len(ended.stdout.splitlines()) == 3 and ended.stderr == ""


@pytest.mark.slow
def test_a_run_of_jax_translates_alike_on_tensorflow(python, whole):
    lines = "um dois três\nquatro cinco seis\noito um dois\n"
    command = ["-m", "fmkeras.translate", "text", "--run", whole[0]]
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(KILLED.parents[1])}
    plain = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, input=lines, capture_output=True, text=True
    )
    assert plain.stdout == python(*command, text=lines).stdout


@pytest.mark.slow
def test_it_pre_trains_and_a_translator_starts_from_that(python, pairs, tmp_path):
    options = [*OPTIONS, "--limit", 60, "--epochs", 1]
    python("-m", "fmkeras.pretrain", "--dataset", pairs, *options, "--run", tmp_path / "before")
    words = ["--dataset", pairs, *"--source pt --target en --limit 60 --epochs 1 --passes 1 --select loss".split()]
    words += ["--init", tmp_path / "before", "--run", tmp_path / "run"]
    assert "all of its weights come from" in python("-m", "fmkeras.translate", *words).stdout


def refused(module: str, backend: str) -> str:
    """What a command says on a backend that it does not run on."""
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(KILLED.parents[1])}
    command = [sys.executable, "-m", f"fmkeras.{module}"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stdout == ""
    return ended.stderr


REFUSED = "fmkeras: error: the commands run on TensorFlow and JAX, not on torch: set KERAS_BACKEND=tensorflow, or jax\n"


@pytest.mark.parametrize("module", ["translate", "pretrain"])
def test_other_backends_are_refused_in_one_line(module):
    assert refused(module, "torch") == REFUSED


@pytest.mark.parametrize(
    "words",
    ["regress", "export --run bundled --to ctranslate2", "serve --run bundled --engine keras --port 0"],
)
def test_so_they_are_by_the_other_commands(monkeypatch, words):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    ended = call(*words.split())
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", REFUSED)


@pytest.mark.slow
def test_search_in_half_precision(python):
    """The cache of the loop has the precision of the model, and scores are float32."""
    code = """
import numpy as np
from fmkeras.translation.inference.decoding import Search
from fmkeras.translation.model.transformer import Transformer
rows = [[4, 5, 6, 3], [7, 3]]
model = Transformer(24, 16, 2, 32, 1)
for precision in ("mixed_float16", "mixed_bfloat16"):
    half = Transformer.from_config(model.get_config() | {"dtype": precision})
    half.set_weights(model.get_weights())
    scores = [score for *_, score in Search(half, 2).translate(rows)]
    assert [score.dtype for score in scores] == ["float32"] * 2 and np.isfinite(scores).all()
"""
    python("-c", code)
