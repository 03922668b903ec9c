"""Nothing is lost: `kill -9` at any moment, full disks, damaged files: the last good state stays, to go on from."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError, runs
from fmkeras.translation import phrasebook
from fmkeras.translation.training import CHECKPOINT

KILLED = Path(__file__).with_name("killed.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(KILLED.parents[1])}
# Everything random at once: order, dropout and BPE-dropout.
SETTINGS = "--epochs 4 --preset tiny --vocab-size 400 --batch-tokens 256 --dropout 0.1 --sampling 0.1".split()
POINTS = [  # where to die, and at which time of coming there
    ("flush", 1),  # config.json is written and not renamed
    ("rename", 3),  # the tokenizer, or config.json for the second time
    ("step", 1),
    ("checkpoint", 1),  # half of it on disk
    ("step", 20),
    ("average", 3),
    ("validation", 1),
    ("model", 1),
    ("checkpoint", 3),
    ("plot", 1),
    ("flush", 6),
    ("rename", 7),
]
RANDOM = 12  # more deaths, at random moments


def start(point: str, number: int, folder: Path, pairs: Path, *options: str) -> subprocess.Popen:
    """fmkeras.translate in a process of its own."""
    words = ["--dataset", pairs, "--run", folder, "--precision", "float32", *SETTINGS, *options]
    command = [sys.executable, KILLED, point, str(number), "train", *words]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen) -> str:
    """Its output, when it has ended well."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """400 sentence pairs."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    phrasebook.load(400, seed=1)[["pt", "en"]].to_csv(path, sep="\t", header=False, index=False)
    return path


@pytest.fixture(scope="module")
def whole(pairs, tmp_path_factory) -> Path:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    finished(start("never", 1, folder, pairs))
    return folder


def results(folder: Path) -> dict[str, np.ndarray | str]:
    """All that a run leaves behind, except what a clock measured."""
    with np.load(folder / CHECKPOINT) as saved:
        found = {name: saved[name] for name in saved.files if name != "state"}
    weights = runs.load_model(folder / runs.MODEL).get_weights()
    found |= {f"weight {i}": weight for i, weight in enumerate(weights)}
    history = pd.read_csv(folder / runs.HISTORY, float_precision="round_trip")
    found["history"] = history.drop(columns=["seconds", "tokens_per_second"]).to_csv()
    found["samples"] = (folder / "samples.txt").read_text()
    found["test"] = json.dumps(runs.read_json(folder / runs.REPORT)["test"])
    found["tokenizer"] = (folder / "tokenizer.model").read_bytes().hex()
    return found


def assert_same(folder: Path, other: Path) -> None:
    """Two runs agree in every bit."""
    expected, found = results(folder), results(other)
    assert set(expected) == set(found)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_in_another_process(whole, pairs, tmp_path):
    finished(start("never", 1, tmp_path / "run", pairs))
    assert_same(whole, tmp_path / "run")


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(whole, pairs, tmp_path):
    """One run, killed again and again: at chosen points, then at random moments from start to report."""
    folder, chance = tmp_path / "run", random.Random(0)
    deaths: list[tuple[str, int | float]] = [*POINTS, *(("random", chance.uniform(0, 8)) for _ in range(RANDOM))]
    killed = []
    for point, moment in deaths:
        resume = ["--resume"] * (folder / runs.CONFIG).exists()
        if point == "random":
            process = start("never", 1, folder, pairs, *resume)
            while process.poll() is None and not process.stdout.readline().startswith("training"):
                pass
            time.sleep(moment)
            process.kill()
        else:
            process = start(point, int(moment), folder, pairs, *resume)
        _, err = process.communicate(timeout=600)
        assert process.returncode in (0, -9), err
        killed += [point] * (process.returncode == -9)
        try:  # at every instant the folder loads, or says that it is not finished
            fmkeras.load_translator(folder)
        except InputError as error:
            assert "holds no run" in str(error) or "is missing" in str(error)
    assert len(killed) >= 20, killed
    assert "resumed" in finished(start("never", 1, folder, pairs, "--resume"))
    assert_same(whole, folder)
    assert not list(folder.glob(f"{runs.UNFINISHED}*"))
    assert not list(tmp_path.glob("run.*"))  # nothing was begun anew
