"""Several devices, simulated on a CPU: each step, loss and metric is that of one device."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from fmkeras import InputError, devices
from fmkeras.parallel import Devices

# A training of 50 steps, some of whose batches have an odd number of sentences. Adam's epsilon is 1e-9, with which
# gradients that are 0 but for rounding would move their weights at random: so such as key biases' are left out.
CODE = """
import json, sys
import numpy as np
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import training
import keras

Adam = keras.optimizers.Adam
keras.optimizers.Adam = lambda *arguments, **options: Adam(*arguments, **options | {"epsilon": 1e-3})

class Tokens:
    def __len__(self):
        return 24

folder, chosen, resume = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3] == "resume"
rng = np.random.default_rng(0)
rows = [[*map(int, rng.integers(4, 24, rng.integers(2, 9))), 3] for _ in range(301)]
settings = dict(d_model=16, d_ff=32, num_layers=1, num_heads=2, dropout=0.0, precision="float32", batch_tokens=90)
settings = Settings(**settings | {"epochs": 2, "warmup_steps": 20} | chosen)
batches = Batches(rows, rows, settings.batch_tokens, widths=WIDTHS)
validation = Batches(rows[:31], rows[:31], 90, widths=WIDTHS)
trained = training.Training(settings, Tokens(), batches, validation, folder, resume)
history = list(trained.epochs(show_progress=False))
measures = ("loss", "token_accuracy", "val_loss", "val_nll", "val_token_accuracy", "steps")
np.savez(folder + "/weights.npz", *[np.asarray(v) for v in trained.averaged.weights])
print(json.dumps([trained.devices.count, [[row[name] for name in measures] for row in history]]))
"""


def train(environment, folder, resume: bool = False, **settings) -> tuple[list, list]:
    """Rows of measures by epoch, and the averaged weights."""
    folder.mkdir(exist_ok=True)
    code = CODE.replace("WIDTHS", "8" if environment["KERAS_BACKEND"] == "jax" else "0")
    words = [folder, json.dumps(settings), "resume" if resume else "anew"]
    command = [sys.executable, "-c", code, *map(str, words)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert ended.returncode == 0, ended.stderr[-3000:]
    count, history = json.loads(ended.stdout.splitlines()[-1])
    assert count == settings["devices"]
    with np.load(folder / "weights.npz") as saved:
        return history, [saved[name] for name in saved.files]


def assert_alike(one: tuple, several: tuple) -> None:
    np.testing.assert_allclose(several[0], one[0], rtol=1e-6)
    for expected, found in zip(one[1], several[1], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


@pytest.fixture(scope="module")
def four_cpus(jax_environment):
    """The environment of a process whose JAX sees four devices."""
    flags = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
    return jax_environment | {"XLA_FLAGS": flags}


@pytest.fixture(scope="module")
def alone(four_cpus, tmp_path_factory):
    return train(four_cpus, tmp_path_factory.mktemp("alone"), devices=1)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_several_devices_of_jax_are_one(four_cpus, alone, tmp_path, count):
    assert alone[0][-1][-1] >= 50
    assert_alike(alone, train(four_cpus, tmp_path / "run", devices=count))


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"devices": 1, "accumulate": 3}, {"devices": 2, "accumulate": 2}])
def test_a_batch_in_parts_is_the_whole(four_cpus, alone, tmp_path, settings):
    assert_alike(alone, train(four_cpus, tmp_path / "run", **settings))


@pytest.mark.slow
def test_resumed_on_another_number_of_devices(four_cpus, alone, tmp_path):
    first, _ = train(four_cpus, tmp_path / "run", epochs=1, devices=4)
    rest, weights = train(four_cpus, tmp_path / "run", resume=True, devices=2)
    assert_alike(alone, (first + rest, weights))


def test_tensorflow_uses_one_device_and_says_so(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    monkeypatch.setattr(devices, "gpus", lambda: [devices.Gpu("Tesla T4", (7, 5))] * 2)
    with pytest.raises(InputError, match="--devices 2 needs JAX"):
        Devices(2)
    assert Devices().count == 1 and "KERAS_BACKEND=jax uses all" in Devices().note()


@pytest.mark.slow
def test_more_devices_than_there_are_get_one_line(four_cpus, quick_pairs, tmp_path):
    words = ["--dataset", quick_pairs, "--source", "pt", "--target", "en", "--devices", 5, "--run", tmp_path / "run"]
    command = [sys.executable, "-m", "fmkeras.translate", *map(str, words)]
    ended = subprocess.run(command, env=four_cpus, capture_output=True, text=True)
    assert ended.returncode == 2 and not (tmp_path / "run").exists()
    assert ended.stderr.startswith("fmkeras: error: --devices 5: jax ") and ended.stderr.count("\n") == 1
