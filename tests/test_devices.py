"""The device, its precision and a model's size, by stand-ins for what a backend reports; half precision at work."""

import itertools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import fmkeras
from fmkeras import InputError, devices
from fmkeras.translation.corpora import corpus
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.inference.decoding import Search
from fmkeras.translation.model.objective import Objective, as_dataset
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import PRESETS, Settings
from fmkeras.translation.training import options
from fmkeras.translation.training.learner import Learner
from fmkeras.translation.training.training import Training

T4, L4 = ("Tesla T4", (7, 5)), ("NVIDIA L4", (8, 9))
A100, H100 = ("NVIDIA A100-SXM4-40GB", (8, 0)), ("NVIDIA H100 80GB HBM3", (9, 0))
P100, MI300 = ("Tesla P100-PCIE-16GB", (6, 0)), ("AMD Instinct MI300X", None)
MACHINES = [
    ([], "float32", "float32: a CPU without AMX"),
    ([P100], "float32", "GPU Tesla P100-PCIE-16GB (compute capability 6.0), float32: it has no matrix units"),
    ([T4], "float16", "GPU Tesla T4 (compute capability 7.5), float16: its matrix units are made for it, and not for"),
    ([L4], "bfloat16", "GPU NVIDIA L4 (compute capability 8.9), bfloat16: its matrix units are made for it;"),
    ([A100], "bfloat16", "GPU NVIDIA A100-SXM4-40GB (compute capability 8.0), bfloat16"),
    ([H100], "bfloat16", "GPU NVIDIA H100 80GB HBM3 (compute capability 9.0), bfloat16"),
    ([H100, H100], "bfloat16", "2 × GPU NVIDIA H100 80GB HBM3 (compute capability 9.0), bfloat16"),
    (
        [A100, T4],
        "float16",
        "GPU NVIDIA A100-SXM4-40GB (compute capability 8.0), GPU Tesla T4 (compute capability 7.5)",
    ),
    ([MI300], "bfloat16", "GPU AMD Instinct MI300X, bfloat16"),
]


def tensorflow_reports(monkeypatch, machine) -> None:
    """TensorFlow has these GPUs."""
    details = [{"device_name": name} | ({"compute_capability": c} if c else {}) for name, c in machine]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: range(len(machine)))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda number: details[number])
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")


def jax_reports(monkeypatch, machine) -> None:
    """JAX has these GPUs; without one it has its CPU, of which it knows no capability."""
    jax = pytest.importorskip("jax")
    found = [types.SimpleNamespace(platform="gpu", device_kind=name) for name, _ in machine]
    for device, (_, capability) in zip(found, machine, strict=True):
        device.compute_capability = "{}.{}".format(*capability) if capability else "gfx942"
    cpu = types.SimpleNamespace(platform="cpu", device_kind="cpu")
    monkeypatch.setattr(jax, "local_devices", lambda: found or [cpu])
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")


@pytest.fixture(params=[tensorflow_reports, jax_reports])
def reports(request, monkeypatch):
    """A backend, to be told which GPUs it has, on a machine whose CPU is a plain one."""
    monkeypatch.setattr(devices, "_cpuinfo", lambda: "model name : Plain\nflags : avx2")
    return lambda machine: request.param(monkeypatch, machine)


@pytest.mark.parametrize(("machine", "precision", "said"), MACHINES)
def test_the_precision_is_that_of_the_oldest_device_and_is_said(reports, machine, precision, said):
    reports(machine)
    assert devices.has_gpu() == bool(machine)
    assert devices.best_precision()[0] == precision
    settings = options.decide(Settings(dataset="pairs.tsv"), {}, 200_000)
    assert (settings.precision, settings.preset) == (precision, "base" if machine else "small")
    assert options.decide(Settings(dataset="pairs.tsv"), {}, 1000).preset == "tiny"
    assert said in devices.description(precision)


def test_a_precision_that_is_not_the_fastest_is_said_as_such(reports):
    reports([T4])
    assert ", float32, where float16 is faster: its matrix units" in devices.description("float32")


def test_tpus_and_amx_have_bfloat16(reports, monkeypatch):
    reports([("TPU v4", None)])
    assert devices.best_precision()[0] == "bfloat16" and devices.device() == "TPU v4"
    reports([])
    monkeypatch.setattr(devices, "_cpuinfo", lambda: "flags : avx512_bf16 amx_bf16")
    assert devices.best_precision()[0] == "bfloat16"


@pytest.mark.parametrize(("visible", "said"), [(None, 'pip install "'), ("-1", "CUDA_VISIBLE_DEVICES=-1 hides")])
def test_why_a_gpu_is_not_used_is_said(reports, monkeypatch, tmp_path, visible, said):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "NVIDIA", [tmp_path / "absent"])
    reports([])
    assert devices.unused_gpu() == ""
    monkeypatch.setattr(devices, "NVIDIA", [tmp_path])
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert said in devices.unused_gpu() and "\n" not in devices.unused_gpu()
    reports([T4])
    assert devices.unused_gpu() == ""


@pytest.mark.parametrize("error", [RuntimeError("Unable to initialize backend 'tup'"), AssertionError()])
def test_jax_without_any_device_says_so(monkeypatch, quick_regressor, quick_translator, error):
    """Whatever asks first: it was the model's file that was blamed, or there was a traceback."""
    jax = pytest.importorskip("jax")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setenv("JAX_PLATFORMS", "tup")

    def refuse():
        raise error

    monkeypatch.setattr(jax, "local_devices", refuse)
    loads = (lambda: fmkeras.load_regressor(quick_regressor), lambda: fmkeras.load_translator(quick_translator))
    for ask in (devices.gpus, lambda: devices.description("float32"), *loads):
        with pytest.raises(InputError, match=r"no device of the kind that JAX_PLATFORMS=tup asks for.*: unset"):
            ask()


@pytest.mark.parametrize(
    ("visible", "hides"),
    [("", True), ("-1", True), ("7", True), ("2,0", True), ("0", False), ("1,7", False), ("GPU-8932f937", False)],
)
def test_numbers_that_no_gpu_has_hide_all(monkeypatch, tmp_path, reports, visible, hides):
    """CUDA takes its list up to the first number that is none."""
    for name in ("nvidia0", "nvidia1", "nvidiactl"):
        (tmp_path / name).touch()
    monkeypatch.setattr(devices, "DEV", tmp_path)
    monkeypatch.setattr(devices, "NVIDIA", [tmp_path / "nvidia0"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    reports([])
    assert (f"CUDA_VISIBLE_DEVICES={visible} hides" in devices.unused_gpu()) == hides


# --- half precision

V = 24


class Tokens:
    """Stands in for a tokenizer where the ids are made up."""

    def __len__(self) -> int:
        return V


def rows(number: int, seed: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [[*map(int, rng.integers(4, V, rng.integers(2, 9))), 3] for _ in range(number)]


def training(folder, precision: str, data: list[list[int]], **settings) -> Training:
    chosen = Settings(**{"precision": precision, "warmup_steps": 50} | settings)
    return Training(chosen, Tokens(), Batches(data, data, chosen.batch_tokens), Batches(data[:20], data[:20]), folder)


@pytest.fixture(scope="module")
def sentences() -> tuple[Tokenizer, Batches]:
    """300 batches of the phrasebook and more, each of other sentences."""
    pairs = corpus.load(Settings(dataset="phrasebook", limit=14_000)).train
    tokenizer = Tokenizer.train(itertools.chain.from_iterable(pairs), 2000)
    return tokenizer, Batches(*(tokenizer.encode(side) for side in zip(*pairs, strict=True)), 512)


def tiny_losses(folder, precision: str, tokenizer: Tokenizer, batches: Batches) -> list[float]:
    """Of 300 steps of the preset `tiny`, without dropout: training losses, means of thirty steps."""
    settings = Settings(**PRESETS["tiny"] | {"precision": precision, "dropout": 0.0, "warmup_steps": 100})
    objective = Training(settings, tokenizer, batches, batches, folder).objective
    losses = []
    for first in range(0, 300, 30):
        objective.fit(as_dataset(batches, 0, first, first + 30), shuffle=False, verbose=0)
        losses.append(float(objective.token_loss.result()))
    return losses


@pytest.fixture(scope="module")
def whole_losses(tmp_path_factory, sentences) -> list[float]:
    return tiny_losses(tmp_path_factory.mktemp("float32"), "float32", *sentences)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_three_hundred_steps_in_half_precision_have_the_losses_of_float32(tmp_path, sentences, whole_losses, precision):
    assert whole_losses[-1] < 0.7 * whole_losses[0]
    np.testing.assert_allclose(tiny_losses(tmp_path, precision, *sentences), whole_losses, rtol=0.01)


def test_loss_scaling_skips_an_overflow_and_recovers(tmp_path):
    """A scale of 2^40 makes every gradient infinite: no step is made with it, and it is halved until one can be."""
    trained = training(tmp_path, "float16", rows(20, 0), d_model=32, d_ff=64, num_layers=1)
    optimizer, batch = trained.objective.optimizer, next(trained.batches.epoch(0))
    weights = [v.numpy() for v in trained.model.trainable_variables]
    optimizer.dynamic_scale.assign(2.0**40)
    trained.objective.train_on_batch(*batch)
    assert int(optimizer.iterations) == 0 and float(optimizer.dynamic_scale) == 2.0**39
    for before, after in zip(weights, trained.model.trainable_variables, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    for _ in range(39):
        trained.objective.train_on_batch(*batch)
    assert int(optimizer.iterations) > 5 and 2.0**5 < float(optimizer.dynamic_scale) < 2.0**35
    assert all(np.isfinite(v.numpy()).all() for v in trained.model.variables)


def translated(model: Transformer) -> list:
    return sorted(Search(model, 4).translate(rows(6, 3)), key=lambda x: x[0])


@pytest.fixture(scope="module")
def in_float32() -> tuple[Transformer, list]:
    """A model, and what it translates."""
    model = Transformer(V, 32, 4, 64, 2)
    return model, translated(model)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_beam_search_in_half_precision_keeps_scores_in_float32(in_float32, precision):
    model, whole = in_float32
    half = Transformer.from_config(model.get_config() | {"dtype": precision})
    half.set_weights(model.get_weights())
    found = translated(half)
    assert all(score.dtype == "float32" for *_, score in found)
    alike = [pair for pair in zip(whole, found, strict=True) if list(pair[0][1]) == list(pair[1][1])]
    assert len(alike) >= 5  # weights of chance have hypotheses that are worth the same
    np.testing.assert_allclose(*([score for *_, score in side] for side in zip(*alike, strict=True)), rtol=0.01)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_rows_of_padding_alone_are_finite_and_change_no_loss(precision):
    """Devices get rows of padding, that each may have as many; their softmax has nothing to attend to."""
    objective = Objective(Transformer(V, 32, 4, 64, 1, dropout=0.0, dtype=precision))
    objective.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    data = rows(3, 4)
    ((source, shifted), target, weights) = next(Batches(data, data).epoch(0))
    filled = [np.concatenate([x, np.zeros_like(x)]) for x in (source, shifted, target, weights)]
    logits = ops.convert_to_numpy(ops.cast(objective((filled[0], filled[1])), "float32"))
    assert np.isfinite(logits).all()
    given = objective.evaluate(as_dataset(Batches(data, data), None), verbose=0, return_dict=True)
    padded = objective.test_on_batch((filled[0], filled[1]), filled[2], filled[3], return_dict=True)
    assert {name: float(padded[name]) for name in given} == pytest.approx(
        given, rel=1e-5 if precision == "float32" else 0.02
    )


@pytest.mark.parametrize("floatx", ["float16", "float64"])
def test_another_floatx_is_refused_in_a_line_by_loading_and_by_training(floatx, monkeypatch, tmp_path):
    """The search would end in a traceback amid its first step: a notebook has set it, or keras.json."""
    monkeypatch.setattr(keras.config, "floatx", lambda: floatx)
    with pytest.raises(InputError, match=f"floatx is {floatx}, and a translator needs float32: call keras.config"):
        fmkeras.load_translator("bundled", engine="keras")
    with pytest.raises(InputError, match=f"floatx is {floatx}"):
        Learner(Settings(d_model=16, num_heads=2, d_ff=16, num_layers=1, precision="float32"), 300, 10)
