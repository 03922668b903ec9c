"""Several processes that share each batch, on this machine: their steps are those of one; one that ends, ends all."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks.kills import free_port
from fmkeras import InputError, machines

pytestmark = pytest.mark.slow

# A training of some seconds, by the way that the commands go. Adam's epsilon is 1e-9, with which gradients that are 0
# but for rounding would move their weights at random: so such as key biases' are left out.
CODE = """
import json, os, sys
import numpy as np
from fmkeras import cli

number, count, port, run, chosen = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], json.loads(sys.argv[5])

def main():
    cli.import_keras()
    import keras
    from fmkeras import machines
    from fmkeras.translation.corpora.batches import Batches
    from fmkeras.translation.settings import Settings
    from fmkeras.translation.training import callbacks, session, training

    Adam = keras.optimizers.Adam
    keras.optimizers.Adam = lambda *arguments, **options: Adam(*arguments, **options | {"epsilon": 1e-3})
    if number == 0:
        training.EveryMinute.__init__.__defaults__ = (0.0,)  # a checkpoint after each step
    callbacks.SHARE = float("inf")

    class Pieces:
        sha256 = "none"

        def __len__(self):
            return 12

    own = chosen.pop("process", {}).get(str(number), {})  # what is different here
    die, resume, data = own.pop("die", 0), chosen.pop("resume", False), own.pop("data", 0)

    class Dying(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == die:
                os.kill(os.getpid(), 9)

    rng = np.random.default_rng(data)
    rows = [[*map(int, rng.integers(4, 12, 3)), 3] for _ in range(70)]
    settings = dict(d_model=4, d_ff=4, num_layers=1, num_heads=1, precision="float32", batch_tokens=64)
    settings = Settings(**settings | {"epochs": 2, "warmup_steps": 5, "dropout": 0.1} | chosen | own)
    address = (f"localhost:{port}", count, number) if count > 1 else (None, None, None)
    with machines.joined(*address, run), session.folder_of(run, resume) as folder:
        folder.mkdir(exist_ok=True)
        batches, validation = (Batches(rows[n:], rows[n:], settings.batch_tokens, widths=8) for n in (0, 54))
        dying = [Dying()] if die else []
        trained = training.Training(settings, Pieces(), batches, validation, folder, resume, callbacks=dying)
        for _ in trained.epochs(show_progress=False):
            pass
        goes_on = machines.leave()
        state = trained.model.variables + trained.averaged.variables + trained.objective.optimizer.variables
        np.savez(f"{run}-{number}.npz", *map(np.asarray, state))
        print(json.dumps([goes_on, sorted(path.name for path in folder.iterdir()), trained.history]))

with cli.without("tensorflow"):  # it takes seconds
    cli.run(main)
"""


@pytest.fixture(scope="module")
def start(jax_environment, tmp_path_factory):
    """Start so many processes, and return what each printed and how it ended."""
    # XLA takes a third of the time to make a slower program, which is soon over; and each of them once.
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    kept = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("xla"))}
    kept |= {f"JAX_PERSISTENT_CACHE_MIN_{name}": "0" for name in ("COMPILE_TIME_SECS", "ENTRY_SIZE_BYTES")}
    environment = jax_environment | kept | {"XLA_FLAGS": flags}

    def run(*commands: list, variables: tuple = ()) -> list[subprocess.CompletedProcess]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes = [
            subprocess.Popen([sys.executable, *map(str, words)], env=environment | more, **options)
            for words, more in zip(commands, variables or [{}] * len(commands), strict=True)
        ]
        try:
            ended = [process.communicate(timeout=1800) for process in processes]
        finally:
            for process in processes:
                process.kill()
        return [subprocess.CompletedProcess(p.args, p.returncode, *e) for p, e in zip(processes, ended, strict=True)]

    return run


@pytest.fixture(scope="module")
def train(start):
    """Train by so many processes: see `CODE`."""

    def run(count: int, folder: Path, **chosen) -> list[subprocess.CompletedProcess]:
        port = free_port()
        return start(*(["-c", CODE, number, count, port, folder, json.dumps(chosen)] for number in range(count)))

    return run


def results(ended: list, folder: Path) -> tuple[list, list]:
    """What processes that ended well have written: the measures of each, and what training changes."""
    assert [one.returncode for one in ended] == [0] * len(ended), [one.stderr[-2000:] for one in ended]
    printed = [json.loads(one.stdout.splitlines()[-1]) for one in ended]
    assert [goes_on for goes_on, *_ in printed] == [number == 0 for number in range(len(ended))]
    assert all(history == printed[0][2] for *_, history in printed)  # to the clock of process 0
    weights = []
    for number in range(len(ended)):
        with np.load(f"{folder}-{number}.npz") as saved:
            weights.append([saved[name] for name in saved.files])
    measures = [[row[name] for name in ("loss", "val_loss", "val_nll", "steps")] for row in printed[0][2]]
    return measures, weights


def assert_alike(one: tuple, several: tuple) -> None:
    """The processes agree to the bit with each other, and to 1e-6 with the one."""
    np.testing.assert_allclose(several[0], one[0], rtol=1e-6)
    for other in several[1][1:]:
        for expected, found in zip(several[1][0], other, strict=True):
            np.testing.assert_array_equal(found, expected)
    for expected, found in zip(one[1][0], several[1][0], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


@pytest.fixture(scope="module")
def alone(train, tmp_path_factory):
    """What one process makes of the training."""
    folder = tmp_path_factory.mktemp("one") / "run"
    return results(train(1, folder), folder)


def test_several_processes_are_one(train, alone, tmp_path):
    """Three of them; two, in the next test."""
    ended = train(3, tmp_path / "run")
    assert_alike(alone, results(ended, tmp_path / "run"))
    files = [json.loads(one.stdout.splitlines()[-1])[1] for one in ended]
    assert [("checkpoint.npz" in names) for names in files] == [True, False, False]
    assert all(one.stdout.count("\n") == 1 for one in ended[1:])  # what this test prints


def test_a_process_that_dies_ends_all_and_another_number_resumes(train, alone, tmp_path):
    died = train(3, tmp_path / "run", process={"1": {"die": 7}})
    assert [one.returncode for one in died] == [2, -signal.SIGKILL, 2]
    for one in (died[0], died[2]):
        line = one.stderr.splitlines()[-1]
        assert line.startswith("fmkeras: error: another process has ended, or cannot be reached")
        assert line.endswith(f"--resume to go on from the last checkpoint in {tmp_path / 'run'}")
    assert not (tmp_path / "run-0.npz").exists()
    assert_alike(alone, results(train(2, tmp_path / "run", resume=True), tmp_path / "run"))


@pytest.mark.parametrize(
    ("different", "named"),
    [({"data": 1}, "training data"), ({"batch_tokens": 128}, "batch_tokens 128, not 64 as process 0:")],
)
def test_processes_that_disagree_are_told_in_what(train, tmp_path, different, named):
    ended = train(2, tmp_path / "run", process={"1": different})
    assert [one.returncode for one in ended] == [2, 2]
    lines = [line for one in ended for line in one.stderr.splitlines() if line.startswith("fmkeras: error: process 1")]
    assert lines and all(named in line for line in lines)


def test_the_command_by_options_and_by_kerass_variables(start, quick_pairs, tmp_path):
    words = ["-m", "fmkeras.translate", "--dataset", quick_pairs, "--source", "pt", "--target", "en", "--epochs", 1]
    words += ["--vocab-size", 300, "--limit", 16, "--batch-tokens", 512, "--preset", "document", "--d-model", 8]
    words += ["--select", "loss", "--passes", 1, "--beam", 1, "--run", tmp_path / "run"]
    address = f"localhost:{free_port()}"
    options = ["--distributed", address, "--processes", 2, "--process", 0]
    variables = {"JOB_ADDRESSES": address, "NUM_PROCESSES": "2", "PROCESS_ID": "1"}
    variables = {f"KERAS_DISTRIBUTION_{name}": value for name, value in variables.items()}
    first, other = start([*words, *options], words, variables=({}, variables))
    assert (first.returncode, other.returncode) == (0, 0), first.stderr[-2000:] + other.stderr[-2000:]
    assert "2 devices of 2 processes share each batch" in first.stdout and "\n  bleu " in first.stdout
    assert (tmp_path / "run" / "report.json").exists() and [path.name for path in tmp_path.iterdir()] == ["run"]
    assert other.stdout.replace("\n", "").startswith("[Gloo]") or not other.stdout
    assert "epoch" not in other.stderr


@pytest.mark.parametrize(
    ("address", "processes", "process", "line"),
    [
        ("somewhere", 2, 0, "--distributed somewhere: name host and port of process 0"),
        ("localhost:1", 2, 2, "--process 2: of 2 processes the numbers are 0 to 1"),
        ("localhost:1", None, None, "the processes did not come together"),
    ],
)
def test_what_cannot_be_gets_one_line(jax_environment, monkeypatch, address, processes, process, line):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match=line):
        machines.join(address, processes, process)


def test_numbers_alone_get_one_line():
    line = "--processes needs --distributed HOST:PORT, or --distributed auto"
    with pytest.raises(InputError, match=line), machines.joined(None, 2, None, "run"):
        pass


def test_other_backends_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(InputError, match="--distributed needs JAX: pip install jax, and set KERAS_BACKEND=jax"):
        machines.join("localhost:1", 2, 0)
    assert machines.count() == 1 and machines.first() and machines.from_first({"a": 1}) == {"a": 1}
