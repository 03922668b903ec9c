"""Nothing is lost: `kill -9` at any moment, full disks, damaged files: the last good state stays, to go on from."""

import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import killed
import numpy as np
import pandas as pd
import pytest
from forked import Forked, run_module

import fmkeras
from fmkeras import InputError, runs
from fmkeras.translation.corpora import corpus, phrasebook
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import translators
from fmkeras.translation.training.checkpoint import CHECKPOINT
from fmkeras.translation.training.training import Training

pytestmark = pytest.mark.slow  # each starts processes that train
# Everything random at once: order, dropout and BPE-dropout. A small model: most of the time goes to starting.
SETTINGS = "--epochs 4 --preset tiny --num-layers 1 --d-model 64 --num-heads 2 --d-ff 128 --vocab-size 400".split()
SETTINGS += "--batch-tokens 512 --passes 1 --dropout 0.1 --bpe-dropout 0.1".split()
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
    ("scoring", 1),
    ("report", 2),  # before samples.txt; the first text that a resumed run writes is config.json
    ("report", 3),  # before report.json
]
RANDOM = 6  # more deaths, at random moments
PATIENCE = 900  # seconds that a process may take, on the slowest of machines


def start(point: str, number: int, folder: Path, pairs: Path, *options: str, limit: int = 0) -> Forked:
    """fmkeras.translate in a process of its own, which may write no file larger than `limit` bytes."""
    words = ["--dataset", pairs, "--run", folder, "--precision", "float32", *SETTINGS, *options]
    return Forked(pairs.parent, killed.main, "translate", point, number, [*map(str, words)], limit)


def finished(process: Forked) -> str:
    """Its output, when it has ended well."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """400 sentence pairs."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    phrasebook.load(400, seed=1)[["pt", "en"]].head(400).to_csv(path, sep="\t", header=False, index=False)
    return path


@pytest.fixture(scope="module")
def timed(pairs, tmp_path_factory) -> tuple[Path, float]:
    """A run that nothing disturbed, and its seconds from the first step to the report."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    process = start("never", 1, folder, pairs)
    process.wait_for("training")
    began = time.perf_counter()
    finished(process)
    return folder, time.perf_counter() - began


@pytest.fixture(scope="module")
def whole(timed) -> Path:
    """A run that nothing disturbed."""
    return timed[0]


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
    found |= {name: (folder / name).read_bytes().hex() for name in ("tokenizer.model", "loss.png")}
    return found


def assert_same(folder: Path, other: Path) -> None:
    """Two runs agree in every bit."""
    expected, found = results(folder), results(other)
    assert set(expected) == set(found)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_the_same_seed_gives_the_same_run_in_another_process(whole, pairs, tmp_path):
    finished(start("never", 1, tmp_path / "run", pairs))
    assert_same(whole, tmp_path / "run")


def test_killed_at_chosen_points_it_goes_on_to_the_same_bits(whole, pairs, tmp_path):
    """One run, killed again and again, from start to report."""
    folder = tmp_path / "run"
    for point, number in POINTS:
        process = start(point, number, folder, pairs, *resumed(folder))
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == -9, (point, number, err)
        assert_loads_or_says_why_not(folder)
        assert not (folder / runs.REPORT).exists()
    assert "resumed" in finished(start("never", 1, folder, pairs, *resumed(folder)))
    assert_undisturbed(whole, folder)


def test_killed_at_random_moments_it_goes_on_to_the_same_bits(timed, pairs, tmp_path):
    """As many kills as have to land; a run that ends before its kill is compared, and another one begun."""
    (whole, seconds), chance, killed, number = timed, random.Random(0), 0, 0
    while killed < RANDOM:
        folder = tmp_path / f"{number}" / "run"
        process = start("never", 1, folder, pairs, *resumed(folder))
        process.wait_for("training")
        time.sleep(chance.uniform(0, seconds / 3))  # most kills land, each further on than the last
        process.kill()
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode in (0, -9), err
        assert_loads_or_says_why_not(folder)
        if process.returncode == 0:
            assert_undisturbed(whole, folder)
            number += 1
        killed += process.returncode == -9
    finished(start("never", 1, folder, pairs, *resumed(folder)))
    assert_undisturbed(whole, folder)


def resumed(folder: Path) -> list[str]:
    """The option to go on with a run, if it has begun."""
    return ["--resume"] * (folder / runs.CONFIG).exists()


def assert_loads_or_says_why_not(folder: Path) -> None:
    """At every instant the folder loads, or says that it is not finished."""
    try:
        fmkeras.load_translator(folder)
    except InputError as error:
        assert "holds no run" in str(error) or "is missing" in str(error)


def assert_undisturbed(whole: Path, folder: Path) -> None:
    """It ended as the other one, left nothing half-written, and was not begun anew."""
    assert_same(whole, folder)
    assert not list(folder.glob(f"{runs.UNFINISHED}*"))
    assert not list(folder.parent.glob("run.*"))


def digest(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def error_line(error: InputError, path: Path) -> str:
    """The message, which must be one line that names the file."""
    assert path.name in str(error) and "\n" not in str(error), error
    return str(error)


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    """A copy of the undisturbed run, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def damages(content: bytes, number: int) -> list[bytes]:
    """A file emptied, cut short, with bytes behind it, overwritten with zeros, and with single bits the other way."""
    chance, half = random.Random(len(content)), len(content) // 2
    found = [b"", content[:1], content[:half], content[:-1], content[:half] + bytes(64) + content[half + 64 :]]
    for _ in range(number):
        place, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        found.append(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
    return found


@pytest.mark.parametrize("name", [runs.CONFIG, "tokenizer.model", runs.MODEL])
def test_a_damaged_run_is_named_or_translates_as_before(name, copy):
    """No damage passes unseen: what loads translates the same."""
    path, sentence = copy / name, ["Onde fica a praia?"]
    content, expected = path.read_bytes(), fmkeras.load_translator(copy).translate(sentence, beam=1)
    refused = 0
    for damage in damages(content, 25):
        path.write_bytes(damage)
        try:
            translator = fmkeras.load_translator(copy)
        except InputError as error:
            refused += 1
            assert "restore it" in error_line(error, path) or "another version" in str(error)
        else:
            assert translator.translate(sentence, beam=1) == expected
    assert refused > 20


def test_a_damaged_checkpoint_is_named_or_goes_on_as_before(whole, copy, pairs):
    settings = Settings.load(runs.read_config(copy))
    tokenizer = Tokenizer.load(copy / "tokenizer.model")
    table = corpus.load(settings)
    _, batches, validation, _ = translators.tokenize(table, settings, copy)
    path, refused = copy / CHECKPOINT, 0
    for damage in damages((whole / CHECKPOINT).read_bytes(), 12):
        path.write_bytes(damage)
        try:
            restored = Training(settings, tokenizer, batches, validation, copy, resume=True)
        except InputError as error:
            refused += 1
            assert "restore it" in error_line(error, path)
        else:
            with np.load(whole / CHECKPOINT) as saved:
                for i, variable in enumerate(restored.variables()):
                    np.testing.assert_array_equal(np.asarray(variable), saved[f"{i:04d}"])
    assert refused > 10


def test_a_damaged_history_is_written_again(whole, copy, pairs):
    (copy / runs.HISTORY).write_bytes(b"\0" * 100)
    printed = finished(start("never", 1, copy, pairs, "--resume"))
    assert printed.count(f"{copy / runs.HISTORY} was missing, damaged or changed") == 1
    assert_same(whole, copy)


def test_other_data_or_another_version_are_said(copy, pairs, tmp_path):
    changed = tmp_path / "changed.tsv"
    changed.write_text(pairs.read_text().replace("a", "e"))
    config = runs.read_config(copy)
    runs.write_config(copy, config | {"dataset": str(changed), "tokenizer_sha256": "", "data_sha256": ""})
    before = digest(copy)
    process = start("never", 1, copy, changed, "--resume")
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and "the training data changed" in error
    assert digest(copy) == before
    runs.write_config(copy, config | {"attention": "flash"})
    with pytest.raises(InputError, match="another version"):
        fmkeras.load_translator(copy)


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits the size of files")
def test_a_disk_that_fills_up_loses_nothing(whole, pairs, tmp_path):
    """No file may grow beyond a size that the checkpoint soon needs: a write that fails half-way, as on a full disk."""
    folder = tmp_path / "run"
    small = (whole / CHECKPOINT).stat().st_size // 2
    process = start("never", 1, folder, pairs, limit=small)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2, error
    assert error.strip().splitlines()[-1].startswith(f"fmkeras: error: {folder / CHECKPOINT} cannot be written")
    assert not list(folder.glob(f"{runs.UNFINISHED}*")) and not (folder / CHECKPOINT).exists()
    finished(start("never", 1, folder, pairs, "--resume"))
    assert_same(whole, folder)


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits the size of files")
def test_a_model_that_cannot_be_written_loses_nothing(whole, pairs, tmp_path):
    """The checkpoint of the first epoch is there, and model.keras, which is made of it, fails at some byte."""
    folder = tmp_path / "run"
    process = start("model", 1, folder, pairs)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -9 and (folder / CHECKPOINT).exists() and not (folder / runs.MODEL).exists()
    before = digest(folder)
    for share in (0.05, 0.5, 0.95):
        limit = int((whole / runs.MODEL).stat().st_size * share)
        process = start("never", 1, folder, pairs, "--resume", limit=limit)
        _, error = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2, error
        assert error.strip().splitlines()[-1].startswith(f"fmkeras: error: {folder / runs.MODEL} cannot be written")
        assert digest(folder) == before, share
    finished(start("never", 1, folder, pairs, "--resume"))
    assert_same(whole, folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root mounts file systems")
def test_a_full_disk_loses_nothing(whole, pairs, tmp_path):
    """A real one: a file system in memory that holds one checkpoint, and not the next beside it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = (whole / CHECKPOINT).stat().st_size
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size * 3 // 2}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, timeout=60).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        process = start("never", 1, disk / "run", pairs)
        _, error = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2 and "No space left on device" in error.strip().splitlines()[-1]
        before = digest(disk / "run")
        assert set(before) >= {runs.CONFIG, "tokenizer.model"} and not any(runs.UNFINISHED in name for name in before)
        subprocess.run(["mount", "-o", f"remount,size={size * 10}", str(disk)], check=True, timeout=60)
        finished(start("never", 1, disk / "run", pairs, "--resume"))
        assert_same(whole, disk / "run")
    finally:
        subprocess.run(["umount", str(disk)], check=True, timeout=60)


def test_a_folder_removed_meanwhile_is_one_line(pairs, tmp_path):
    folder = tmp_path / "run"
    process = start("never", 1, folder, pairs)
    deadline = time.monotonic() + PATIENCE
    while not (folder / CHECKPOINT).exists() and process.returncode is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.rename(folder, tmp_path / "removed")  # in one step: deleting file by file would race with the next checkpoint
    shutil.rmtree(tmp_path / "removed")
    _, error = process.communicate(timeout=PATIENCE)
    last = error.strip().splitlines()[-1]
    assert process.returncode == 2 and last.startswith("fmkeras: error: ") and str(folder) in last
    assert "Traceback" not in error


HOUSES = "price,rooms,area\n" + "".join(f"{100 + 7 * i + i % 3},{i % 5 + 1},{50 + i * i % 37}\n" for i in range(200))


def regressor(folder: Path) -> Forked:
    """fmkeras.regress in a process of its own, on a table beside the run folder."""
    table = folder.with_suffix(".csv")
    table.write_text(HOUSES)
    words = ["--dataset", table, "--target", "price", "--epochs", "8", "--run", folder]
    return Forked(folder.parent, run_module, "fmkeras.regress", [*map(str, words)])


@pytest.fixture(scope="module")
def priced(tmp_path_factory) -> Path:
    """A run of the regressor that nothing disturbed."""
    folder = tmp_path_factory.mktemp("priced") / "run"
    finished(regressor(folder))
    return folder


def test_the_same_seed_gives_the_same_regressor_in_another_process(priced, tmp_path):
    finished(regressor(tmp_path / "run"))
    found = [runs.load_model(folder / runs.MODEL).get_weights() for folder in (priced, tmp_path / "run")]
    for weight, other in zip(*found, strict=True):
        np.testing.assert_array_equal(weight, other)
    losses = (pd.read_csv(folder / runs.HISTORY)[["loss", "val_loss"]] for folder in (priced, tmp_path / "run"))
    pd.testing.assert_frame_equal(*losses, check_exact=True)


def test_a_killed_regressor_destroys_nothing(priced, tmp_path):
    """It trains for seconds and starts afresh; what was there before is moved aside and loads."""
    before = digest(priced)
    for number, line in enumerate(["split:", "loading Keras", "epoch   1/", "epoch   8/"]):
        folder = tmp_path / f"{number}" / "run"
        shutil.copytree(priced, folder)
        process = regressor(folder)
        process.wait_for(line)
        process.kill()
        process.communicate(timeout=PATIENCE)
        kept = next(path for path in (folder.with_name("run.1"), folder) if path.exists())
        assert digest(kept) == before and fmkeras.load_regressor(kept).target == "price", line
    finished(regressor(folder))
    assert fmkeras.load_regressor(folder).target == "price"
