"""The benchmarks run, print a table and write JSON. How fast anything is, is not tested."""

import argparse
import dataclasses
import importlib
import json
import sys
from pathlib import Path

import pytest
from conftest import succeed
from forked import Forked, run_module

import fmkeras
from benchmarks import kills, plan, recipe, simulated, small_data, soak, versions
from fmkeras import InputError, runs
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings

ROOT = Path(__file__).parents[1]
TEXT = [f"frase número {i}\tsentence number {i}" for i in range(200)]


def benchmark(name: str, *words, folder: Path) -> tuple[str, dict]:
    """What a benchmark prints, and its JSON."""
    printed, errors, status = command(f"benchmarks.{name}", *words, "--json", folder / "out.json", folder=folder)
    assert status == 0, errors
    return printed, json.loads((folder / "out.json").read_text())


def command(module: str, *words, folder: Path) -> tuple[str, str, int]:
    """What a module prints to standard output and error in a process of its own, and how that ends."""
    process = Forked(folder, run_module, module, [*map(str, words)], environment={"PYTHONPATH": str(ROOT)})
    return *process.communicate(timeout=1800), process.returncode


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A translator that has learnt nothing."""
    folder = tmp_path_factory.mktemp("untrained")
    tokenizer = Tokenizer.train(TEXT, 300)
    settings = Settings(source="pt", target="en", d_model=16, d_ff=16, num_heads=2, num_layers=1)
    tokenizer.save(folder / "tokenizer.model")
    runs.write_config(folder, settings.asdict())
    runs.save_model(Transformer(len(tokenizer), **settings.model_sizes()), folder / runs.MODEL)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "bleu_by_epoch",
        "train_speed",
        "decode_speed",
        "scaling",
        "soak",
        "pretraining",
        "recipe",
        "serve_load",
        "idle",
        "plan",
        "small_data",
        "kills",
        "simulated",
        "versions",
    ],
)
def test_help(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{name}").main()
    assert ended.value.code == 0 and "--json" in capsys.readouterr().out


FAST = ("CTranslate2", "CTranslate2 int8")  # where it is installed


class Enough(Exception):
    """Ends a benchmark where its work begins."""


def enough(*arguments):
    raise Enough(arguments)


@pytest.mark.parametrize(
    ("name", "work"), [("decode_speed", "measure.take_turns"), ("serve_load", "sentences"), ("soak", "soak")]
)
def test_the_bundled_translator_is_a_run(name, work, monkeypatch):
    monkeypatch.setattr(f"benchmarks.{name}.{work}", enough)
    monkeypatch.setattr(sys, "argv", [name, "--run", "bundled"])
    with pytest.raises(Enough) as begun:
        importlib.import_module(f"benchmarks.{name}").main()
    assert repr(fmkeras.DATA / "translator") in repr(begun.value)


def test_decoding_without_the_tutorial(monkeypatch):
    monkeypatch.setattr("benchmarks.decode_speed.measure.take_turns", enough)
    monkeypatch.setattr(sys, "argv", ["decode_speed", "--no-tutorial", "--beams", "2"])
    with pytest.raises(Enough) as begun:
        importlib.import_module("benchmarks.decode_speed").main()
    contenders = set(begun.value.args[0][0])
    assert "fmkeras, beam 2" in contenders <= {f"{name}, beam 2" for name in ("fmkeras", *FAST)}


def test_small_data_takes_all_kinds():
    assert small_data.spread(list("aaaabbbbcc"), 5) == list("aabbc")
    assert small_data.spread([1, 2], 5) == [1, 2]


def test_small_data_writes_pairs_once(tmp_path):
    folder = small_data.write_pairs("phrasebook", 300, tmp_path)
    pairs = {path.stem: fmkeras.read_pairs(path) for path in sorted(folder.iterdir())}
    assert {name: len(found) for name, found in pairs.items()} == {"test": 500, "train": 300, "validation": 30}
    assert len(set(pairs["train"])) == 300 and not set(pairs["train"]) & set(pairs["test"])
    (folder / "test.tsv").unlink()
    assert not (small_data.write_pairs("phrasebook", 300, tmp_path) / "test.tsv").exists()


def test_arms_can_be_joined_and_one_that_is_not_there_is_said():
    def arms(*names: str, base: str = "default", ablate: bool = False) -> dict:
        return recipe.arms_of(argparse.Namespace(base=base, arms=names, ablate=ablate))

    found = arms("base", "muon+linear", "linear+cosine")
    assert found["base"] == {} and found["muon+linear"] == {"optimizer": "muon", "schedule": "linear"}
    assert found["linear+cosine"] == {"schedule": "cosine"}  # the last one counts
    assert arms("dropout-0.2", base="best")["dropout-0.2"] == recipe.BASES["best"] | {"dropout": 0.2}
    with pytest.raises(InputError, match="there is no moun: choose from base"):
        arms("moun+linear")
    with pytest.raises(InputError, match="has none: name another --base"):
        arms(ablate=True)


@pytest.mark.slow
def test_recipe(tmp_path):
    (tmp_path / "pairs.tsv").write_text("\n".join(TEXT), encoding="utf-8")
    words = ["--dataset", tmp_path / "pairs.tsv", "--preset", "document", "--epochs", 1]
    words += ["--arms", "base", "dropout-0.3"]
    words += ["--folder", tmp_path / "runs", "--plot", tmp_path / "plot.png"]
    printed, found = benchmark("recipe", *words, folder=tmp_path)
    assert [row["settings"].get("dropout") for row in found["rows"]] == [None, 0.3]
    assert len({row["target_tokens"] for row in found["rows"]}) == 1, "arms of equal tokens"
    assert (tmp_path / "plot.png").is_file() and "gain" in printed and "test" not in printed.splitlines()[-4]
    again, same = benchmark("recipe", *words, "--test", folder=tmp_path)
    assert same["rows"] == found["rows"] and "epoch 1" not in again and "gain  test" in again


@pytest.mark.slow
def test_soak(run, tmp_path):
    printed, found = benchmark("soak", "--run", run, "--lines", 2000, "--warm", 1000, folder=tmp_path)
    assert found["lines_out"] == 2000 and found["compared"] == 4 and found["different"] == 0
    assert len(found["memory_mb"]) == 2 and "2,000 lines in, 2,000 out" in printed


def test_what_a_soak_fails_for():
    good = {"lines": 100_000, "lines_out": 100_000, "different": 0, "growth": 0.05}
    assert not soak.failed(good, 10_000)
    for bad in ({"lines_out": 99_999}, {"different": 1}, {"growth": 0.11}):
        assert soak.failed(good | bad, 10_000)
    few = {"lines": 2000, "lines_out": 2000, "different": 0, "growth": 0.11}
    assert not soak.failed(few, 1000)  # it has not settled yet


@pytest.mark.slow
def test_scaling(tmp_path):
    printed, found = benchmark("scaling", "--quick", "--plot", tmp_path / "plot.png", folder=tmp_path)
    assert set(found) >= {"machine", "step", "prepare"} and found["step"] and found["prepare"]
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG") and printed


@pytest.mark.slow
def test_train_speed(tmp_path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("\n".join(TEXT))
    words = ["--dataset", pairs, "--sizes", "tutorial", "--repetitions", 1, "--seconds", 0.1, "--batch-tokens", 100]
    printed, found = benchmark("train_speed", *words, "--only", "fmkeras, f", "as the", folder=tmp_path)
    assert set(found["tutorial"]) == {"fmkeras, float32", "as the tutorial trains"}
    assert all(value["median"] > 0 and 0 <= value["padding"] < 1 for value in found["tutorial"].values())
    assert "ours / this" in printed


@pytest.mark.slow
def test_decode_speed(tmp_path):
    printed, found = benchmark("decode_speed", "--quick", "--beams", 1, folder=tmp_path)
    rows = {row["contender"]: row for row in found["rows"]}
    assert {"tutorial, eager", "tutorial, batched", "fmkeras, greedy"} <= set(rows)
    for unit in ("sentences_per_second", "sentences_per_cpu_second"):
        assert all(row[unit]["median"] > 0 for row in rows.values())
    for contender in ("tutorial, eager", "tutorial, tf.function", "tutorial, batched"):
        alike, of = found["same"][f"{contender} / fmkeras, greedy"]
        assert alike == of > 0, contender
    assert "tokens/s" in printed


@pytest.mark.slow
def test_pretraining(tmp_path):
    pairs, run, trainings = tmp_path / "pairs.tsv", tmp_path / "run", tmp_path / "trainings"
    pairs.write_text("\n".join(TEXT))
    options = "--source pt --target en --skip 40 --limit 40 --preset document --vocab-size 300 --epochs 1".split()
    options += ["--learning-rate", "1", "--warmup-steps", "400"]  # once it has warmed up, the loss rises
    succeed("pretrain", "--dataset", pairs, *options, "--run", run)
    words = ["--init", run, "--folder", trainings, "--pairs", 40, "--epochs", 12, "--seeds", 0, "--beam", 1]
    words += ["--batch-tokens", 60, "--patience", 1]
    printed, found = benchmark("pretraining", *words, "--plot", tmp_path / "plot.png", folder=tmp_path)
    assert [(row["pairs"], row["arm"]) for row in found["rows"]] == [(40, "random"), (40, "pre-trained")]
    first, second = found["rows"]
    assert first["early"]["epoch"] == 4 and first["early"]["steps"] == second["early"]["steps"] > 0
    assert first["val_nll"] != second["val_nll"]
    for row in found["rows"]:
        epochs = len(row["val_nll"])
        assert row["best"]["epoch"] == row["val_nll"].index(min(row["val_nll"])) + 1
        assert row["converged"] == (epochs >= row["epochs"] // 3 and epochs > row["best"]["epoch"])
        assert epochs == row["epochs"] or row["converged"]
    assert all(row["converged"] and 4 <= len(row["val_nll"]) < 12 for row in found["rows"]), found["rows"]
    assert "a third of the steps" in printed and (tmp_path / "plot.png").stat().st_size > 10_000
    before = {file: file.stat().st_mtime_ns for file in trainings.rglob("*")}
    again, _ = benchmark("pretraining", *words, folder=tmp_path)
    assert again == printed and before == {file: file.stat().st_mtime_ns for file in trainings.rglob("*")}
    _, errors, status = command("benchmarks.pretraining", *words, "--beam", 2, folder=tmp_path)
    assert status == 2 and "choose another --folder" in errors
    words[words.index("--folder") + 1] = tmp_path / "held out"
    words += ["--pairs", 20, 25, "--epochs", 1, 1, "--held-out", 10, "--only", "random"]
    _, held_out = benchmark("pretraining", *words, folder=tmp_path)
    assert held_out["rows"][0]["val_nll"][0] != first["val_nll"][0] and held_out["rows"][1]["pairs"] == 25
    _, errors, status = command("benchmarks.pretraining", *words, "--pairs", 20, 31, folder=tmp_path)
    assert status == 2 and "no 41 pairs are left" in errors


STEPS = plan.Step(500, 0.1, 2_000_000_000, 0.004), plan.Step(1000, 0.18, 3_000_000_000, 0.008)
MEASURED = plan.Measured("a device", "float32", "base", 50_000_000, *STEPS)
ASKED = plan.Asked(pairs=1_000_000, epochs=3, batch_tokens=4000, pair_tokens=20, devices=8, bandwidth=10, memory=None)


def test_a_plan_is_its_arithmetic():
    found = plan.plan(ASKED, MEASURED)
    assert found["steps"] == 15_000
    assert found["gradient_bytes"] == 200_000_000
    expected = {
        "compute_seconds": 0.1,
        "exchange_seconds": 0.035,  # 2 · 7/8 · 0.2 GB at 10 GB/s
        "making_seconds": 0.032,  # of the whole batch, which one process makes
        "step_seconds": 0.135,
        "seconds": 2025,
        "memory_bytes": 2e9,
        "times_one_device": 0.66 / 0.135,  # 4,000 tokens on the line through the two steps
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["limit"] == "the devices' arithmetic"


@pytest.mark.parametrize(
    ("changes", "parts", "limit"),
    [
        ({"bandwidth": 1}, 1, "communication"),
        ({"batch_tokens": 8000, "memory": 2.1}, 2, "memory: --accumulate 2 fits 2.1 GB"),
        ({"memory": 0.9}, None, "memory: not even"),
        ({"devices": 1, "bandwidth": 0.001}, 1, "the devices' arithmetic"),
    ],
)
def test_what_limits_a_plan(changes, parts, limit):
    found = plan.plan(dataclasses.replace(ASKED, **changes), MEASURED)
    assert found["accumulate"] == parts and found["limit"].startswith(limit)


def test_batches_that_are_made_too_slowly_limit_a_plan():
    slow = [dataclasses.replace(step, making=100 * step.making) for step in STEPS]
    found = plan.plan(ASKED, dataclasses.replace(MEASURED, small=slow[0], large=slow[1]))
    assert found["limit"].startswith("Python") and found["step_seconds"] == pytest.approx(3.2)


def test_a_plan_of_what_was_measured_elsewhere(tmp_path):
    runs.write_json(tmp_path / "there.json", {"measured": dataclasses.asdict(MEASURED)})
    assert plan.Measured.read(tmp_path / "there.json") == MEASURED
    runs.write_json(tmp_path / "other.json", {"plan": {}})
    with pytest.raises(InputError, match=r"other.json was not written by benchmarks.plan"):
        plan.Measured.read(tmp_path / "other.json")


@pytest.mark.slow
def test_plan_and_idle(tmp_path):
    words = ["--pairs", 10_000, "--preset", "document", "--batch-tokens", 128, "--devices", 2, "--memory", 64]
    printed, found = benchmark("plan", *words, folder=tmp_path)
    assert found["measured"]["small"]["tokens"] == 64 and found["measured"]["large"]["tokens"] == 128
    assert found["plan"]["accumulate"] == 1 and "assumed" in printed and "limited by" in printed
    printed, found = benchmark(
        "idle", "--preset", "document", "--batch-tokens", 128, "--steps", 12, "--repetitions", 1, folder=tmp_path
    )
    assert found["names"] == ["steps alone", "in a training"] and found["idle"] < 1 and "of a step" in printed


@pytest.mark.slow
def test_kills(jax_environment, monkeypatch, tmp_path):
    for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, jax_environment[name])
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
    printed, found = benchmark("kills", "--kills", 1, "--processes", 2, "--epochs", 3, folder=tmp_path)
    (row,) = found["rows"]
    assert row["processes"] == 2 and row["statuses"] == [2] and row["ended_seconds"] < 60
    assert row["losses"] < 1e-3 and "resumed by" in printed


GOOD = {"processes": 2, "killed": 1, "after": 3.0, "ended_seconds": 9.0, "statuses": [2], "resumed_by": 2}
GOOD |= {"last_lines": [f"fmkeras: error: start again, with {kills.SAYS} in run"], "losses": 0.0, "state": 0.0}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, ""),
        ({"resumed_by": 1, "losses": 1e-4, "state": 0.1}, ""),  # another number of processes rounds otherwise
        ({"ended_seconds": 61.0}, "the others did not end within a minute"),
        ({"statuses": [0]}, "they ended as if all were well"),
        ({"last_lines": ["Aborted"]}, "no line says how to resume"),
        ({"losses": 0.01, "resumed_by": 1}, "the end has other losses"),
        ({"state": 1e-9}, "the end has other bits"),
    ],
)
def test_what_a_kill_fails_for(changes, problem):
    found = kills.problems(GOOD | changes)
    assert found == [f"process 1 of 2, killed after 3.0 epochs: {problem}"] * bool(problem)


def test_simulated_devices_take_their_share_as_often_as_there_are_devices(monkeypatch):
    seconds = {(1, 1): 0.9, (1, 2): 0.5, (1, 4): 0.3, (2, 2): 1.1, (4, 4): 1.5}

    def take_turns(contenders, repetitions):
        assert {name: words[1:3] for name, (_, words) in contenders.items()} == {
            (number, share): (400 * number // share, number) for number, share in seconds
        }
        yield from seconds.items()

    monkeypatch.setattr(simulated.measure, "take_turns", take_turns)
    rows = simulated.measured("tiny", 400, [2, 4], 1)
    assert [row["devices"] for row in rows] == [1, 2, 4]
    assert [row["predicted"] for row in rows] == pytest.approx([0.9, 1.0, 1.2])  # 0.3 + 300 tokens of 0.002
    assert [row["measured"]["median"] for row in rows] == [0.9, 1.1, 1.5]


@pytest.mark.slow
def test_simulated_and_versions(tmp_path):
    words = ["--preset", "document", "--batch-tokens", 128, "--devices", 2, "--repetitions", 1]
    printed, found = benchmark("simulated", *words, folder=tmp_path)
    assert [(row["devices"], row["tokens"]) for row in found["rows"]] == [(1, 128), (2, 64)] and "cores" in printed
    words = ["--root", ROOT, "--sizes", "tutorial", "--batch-tokens", 100, "--repetitions", 1, "--seconds", 0.1]
    printed, found = benchmark("versions", *words, "--beams", 1, "--sentences", 2, folder=tmp_path)
    assert set(found["programs"]) == {"tutorial", "beam 1"} and "now / before" in printed
    for program in found["programs"].values():
        ratio = program["clock"]["ratio"]["values"]
        assert len(ratio) == 1 and ratio[0] > 0


def test_what_is_no_version_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is it a version that has benchmarks/train_speed\.py"):
        versions.begun(tmp_path, versions.TRAINING, "tutorial", 100, 0.1)
