"""Several devices, simulated on a CPU: each step, loss and metric is that of one device."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from fmkeras import InputError
from fmkeras.parallel import Devices

FOUR = """
import json, sys
import keras
import numpy as np
from fmkeras import parallel

if keras.backend.backend() == "tensorflow":  # JAX is told by XLA_FLAGS
    import tensorflow as tf
    cpus = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 4)
"""
# Trainings of 50 steps, some of whose batches have an odd number of sentences. Adam's epsilon is 1e-9, with which
# gradients that are 0 but for rounding would move their weights at random: so such as key biases' are left out.
TRAIN = """
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import training

class Adam(keras.optimizers.Adam):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options | {"epsilon": 1e-3})

class Tokens:
    def __len__(self):
        return 24

keras.optimizers.Adam = Adam
rng = np.random.default_rng(0)
rows = [[*map(int, rng.integers(4, 24, rng.integers(2, 9))), 3] for _ in range(301)]
small = dict(d_model=16, d_ff=32, num_layers=1, num_heads=2, dropout=0.0, precision="float32", batch_tokens=75)
measures = ("loss", "token_accuracy", "val_loss", "val_nll", "val_token_accuracy", "steps")
for number, (folder, resume, chosen) in enumerate(json.loads(sys.argv[1])):
    settings = Settings(**small | {"epochs": 2, "warmup_steps": 20} | chosen)
    if keras.backend.backend() == "tensorflow":  # which else takes their devices for those of the training before
        tf.distribute.MirroredStrategy._collective_key_base = 1000 * number
    batches = Batches(rows, rows, settings.batch_tokens, widths=WIDTHS)
    validation = Batches(rows[:31], rows[:31], 75, widths=WIDTHS)
    trained = training.Training(settings, Tokens(), batches, validation, folder, resume)
    history = []
    for row in trained.epochs(show_progress=False):
        history.append(row)
        np.savez(f"{folder}/{row['epoch']}.npz", *[np.asarray(v) for v in trained.averaged.weights])
    assert trained.devices.count == settings.devices
    odd = sum(len(rows) % 2 for rows in batches.indices(0))
    print(json.dumps([odd, [[row[name] for name in measures] for row in history]]), flush=True)
"""
RUNS = {
    "alone": {"devices": 1},
    "four": {"devices": 4, "epochs": 1},
    "two, from there on": {"devices": 2},
    "in three parts": {"devices": 1, "accumulate": 3},
    "two, in two parts": {"devices": 2, "accumulate": 2},
}


def run(code: str, environment, *words) -> list:
    """What each line printed by a process that sees four devices says."""
    command = [sys.executable, "-c", FOUR + code, *map(str, words)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith(("[", "{"))]


@pytest.fixture(scope="module")
def tensorflow_environment():
    return os.environ | {"KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture(scope="module")
def four_of_jax(jax_environment):
    """The environment of a process whose JAX sees four devices."""
    flags = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
    return jax_environment | {"XLA_FLAGS": flags}


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def trained(request, tmp_path_factory):
    """Of each of RUNS, all by one process: for each of its epochs, the measures and the averaged weights."""
    name = "four_of_jax" if request.param == "jax" else "tensorflow_environment"
    environment = request.getfixturevalue(name)
    root = tmp_path_factory.mktemp(request.param)
    folders = {name: root / name.replace("two, from there on", "four") for name in RUNS}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    words = [[str(folders[name]), "from there on" in name, RUNS[name]] for name in RUNS]
    said = run(TRAIN.replace("WIDTHS", "8" if request.param == "jax" else "0"), environment, json.dumps(words))
    assert said[0][0] and said[0][1][-1][-1] >= 50  # batches of an odd number of sentences, and steps
    found = {}
    for name, (_, history) in zip(RUNS, said, strict=True):
        found[name] = {}
        for epoch, measures in enumerate(history, start=1 + ("from there on" in name)):
            with np.load(folders[name] / f"{epoch}.npz") as saved:
                found[name][epoch] = measures, [saved[one] for one in saved.files]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "epochs"),
    [("four", [1]), ("two, from there on", [2]), ("in three parts", [1, 2]), ("two, in two parts", [1, 2])],
)
def test_several_devices_are_one(trained, name, epochs):
    assert list(trained[name]) == epochs
    for epoch in epochs:
        (expected, weights), (found, others) = trained["alone"][epoch], trained[name][epoch]
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        for one, other in zip(weights, others, strict=True):
            np.testing.assert_allclose(other, one, atol=1e-6, rtol=0)


# Two replicas, which give a weight, at (0, 0), the gradients (3, 0) and (0, 4), or what is said instead.
OPTIMIZE = """
alone = keras.random.uniform((2,), seed=keras.random.SeedGenerator(7)).numpy().tolist()
with parallel.Devices(2).scope():
    strategy = tf.distribute.get_strategy()
    Kind = parallel.shared(keras.optimizers.SGD)

    def moved(gradients, scaled=False, **options):
        weight = keras.Variable([0.0, 0.0])
        optimizer = Kind(1.0, **options)
        if scaled:
            optimizer = parallel.shared(keras.optimizers.LossScaleOptimizer)(optimizer, initial_scale=2.0)
        optimizer.build([weight])

        def step(pair):
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            optimizer.apply_gradients([(tf.gather(pair, replica), weight)])

        run, seen = tf.function(lambda pair: strategy.run(step, (pair,))), []
        for pair in gradients:
            run(tf.constant(pair))
            copies = strategy.experimental_local_results(weight.value)
            assert np.array_equal(*copies)
            seen.append([round(float(x), 5) for x in copies[0]])
        return seen, *([float(optimizer.dynamic_scale.numpy())] if scaled else [])

    pair, inf = [[3.0, 0.0], [0.0, 4.0]], float("inf")
    generator = keras.random.SeedGenerator(7)
    state = generator.state.numpy()
    parallel.draw_apart([generator.state])
    drawn = strategy.run(lambda: keras.random.uniform((2,), seed=generator))
    drawn = [x.numpy().tolist() for x in strategy.experimental_local_results(drawn)]
    print(json.dumps({
        "clipped": moved([pair], global_clipnorm=1.0),
        "decayed": moved([pair, pair], weight_decay=0.5),
        "in two parts": moved([pair] * 4, gradient_accumulation_steps=2, weight_decay=0.5),
        "scaled": moved([pair], scaled=True, global_clipnorm=10.0),
        "overflowing on one": moved([[[1.0, 0.0], [0.0, inf]], pair], scaled=True),
        "in two parts, one lost": moved([pair, [[inf, 0.0], [0.0, 1.0]], pair], True, gradient_accumulation_steps=2),
        "drawn": [drawn[0] == alone, drawn[0] == drawn[1]],
    }))
"""


@pytest.mark.slow
def test_replicas_of_tensorflow_step_by_the_sum_of_their_gradients(tensorflow_environment):
    (found,) = run(OPTIMIZE, tensorflow_environment)
    assert found == {
        "clipped": [[[-0.6, -0.8]]],  # the sum is 5 long: each alone would be clipped to 1
        "decayed": [[[-3.0, -4.0], [-4.5, -6.0]]],
        "in two parts": [[[0.0, 0.0], [-3.0, -4.0], [-3.0, -4.0], [-4.5, -6.0]]],
        "scaled": [[[-1.5, -2.0]], 2.0],
        "overflowing on one": [[[0.0, 0.0], [-3.0, -4.0]], 1.0],
        "in two parts, one lost": [[[0.0, 0.0], [0.0, 0.0], [-2.25, -3.0]], 1.0],
        "drawn": [True, False],
    }


def test_more_devices_than_tensorflow_sees_are_refused():
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(InputError, match=r"--devices 99: tensorflow \S+ sees \d+ \(.*\): name no more"):
            Devices(99)


@pytest.mark.slow
def test_more_devices_than_there_are_get_one_line(four_of_jax, quick_pairs, tmp_path):
    words = ["--dataset", quick_pairs, "--source", "pt", "--target", "en", "--devices", 5, "--run", tmp_path / "run"]
    command = [sys.executable, "-m", "fmkeras.translate", *map(str, words)]
    ended = subprocess.run(command, env=four_of_jax, capture_output=True, text=True)
    assert ended.returncode == 2 and not (tmp_path / "run").exists()
    assert ended.stderr.startswith("fmkeras: error: --devices 5: jax ") and ended.stderr.count("\n") == 1
