"""The loss, its means over real tokens, and the schedule."""

import threading

import keras
import numpy as np
import pytest
from keras import ops

from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.model.objective import (
    Objective,
    as_dataset,
    evaluate,
    smoothed_cross_entropy,
)
from fmkeras.translation.model.schedules import InverseSquareRoot
from fmkeras.translation.model.transformer import Transformer

V = 30


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_smoothed_cross_entropy_is_its_formula(smoothing):
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(6, V)) * 3, rng.integers(0, V, 6)
    logp = log_softmax(logits)
    nll = -np.take_along_axis(logp, targets[..., None], -1)[..., 0]
    expected = (1 - smoothing) * nll + smoothing * -logp.mean(-1)
    np.testing.assert_allclose(smoothed_cross_entropy(targets, logits, smoothing), expected, rtol=1e-5)


def test_huge_logits_give_a_finite_loss():
    assert np.isfinite(smoothed_cross_entropy(np.array([1]), np.array([[1e4, -1e4, 0.0]]), 0.1)).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_the_gradient_that_we_state_is_the_one_of_autodiff(smoothing):
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(1)
    logits, targets = tf.constant(rng.normal(size=(6, V)) * 3, "float32"), rng.integers(0, V, 6).astype("int32")
    weights = tf.constant([1.0, 0, 2, 1, 1, 0.5])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours = tf.reduce_sum(smoothed_cross_entropy(targets, logits, smoothing) * weights)
        expected = tf.one_hot(targets, V) * (1 - smoothing) + smoothing / V
        theirs = tf.reduce_sum(-tf.reduce_sum(expected * tf.nn.log_softmax(logits), -1) * weights)
    np.testing.assert_allclose(tape.gradient(ours, logits), tape.gradient(theirs, logits), rtol=1e-4, atol=1e-7)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return Transformer(V, 16, 2, 32, 1)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    return [[[*map(int, rng.integers(4, V, rng.integers(1, 12))), 3] for _ in range(20)] for _ in range(2)]


def by_hand(model, source, target):
    """Loss, nll and accuracy, one pair at a time, without any padding."""
    losses, nll, right = [], [], []
    for s, t in zip(source, target, strict=True):
        logp = log_softmax(ops.convert_to_numpy(model((np.array([s]), np.array([[2, *t[:-1]]]))))[0].astype("float64"))
        true = logp[range(len(t)), t]
        nll += list(-true)
        losses += list(-(0.9 * true + 0.1 * logp.mean(-1)))
        right += list(logp.argmax(-1) == t)
    return {"loss": np.mean(losses), "nll": np.mean(nll), "token_accuracy": np.mean(right)}


@pytest.fixture(scope="module")
def expected(model, rows):
    return by_hand(model, *rows)


@pytest.fixture(scope="module")
def untrained(model):
    """To evaluate only: the graph of that is made once."""
    objective = Objective(model, 0.1)
    objective.compile(jit_compile=False)
    return objective


@pytest.mark.parametrize("budget, widths", [(1, 0), (40, 0), (40, 8), (10_000, 1)])
def test_losses_are_means_over_real_tokens_whatever_the_batches(untrained, expected, rows, budget, widths):
    """tensorflow/docs #1460: a loss divided by padding as well."""
    got = evaluate(untrained, Batches(*rows, budget, widths=widths))
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-5), name
    assert got["perplexity"] == pytest.approx(np.exp(got["nll"]))


def test_the_loss_that_is_minimized_is_the_mean_too(model, expected, rows):
    objective = Objective(model, 0.1)
    (x, y, weights), *_ = Batches(*rows, 10_000).epoch(None)
    loss = objective.compute_loss(x, y, objective(x), weights, training=False)
    assert float(loss) == pytest.approx(expected["loss"], rel=1e-5)


def test_a_batch_of_padding_only_has_loss_zero(model):
    objective = Objective(model, 0.1)
    empty = np.zeros((2, 4), "int32")
    loss = objective.compute_loss(None, empty, objective((empty, empty)), np.zeros((2, 4), "float32"))
    assert float(loss) == 0.0


def test_one_graph_serves_every_shape(model, rows):
    """keras #20369: a new trace for each length. Ours is made once, for any shape."""
    objective = Objective(model, 0.1)
    objective.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    batches = Batches(*rows, 24)
    assert len({x[0].shape for x, _, _ in batches.epoch(0)}) > 3
    traces = []
    original = objective.compute_loss
    objective.compute_loss = lambda *args, **kwargs: traces.append(1) or original(*args, **kwargs)
    for epoch in range(3):
        objective.fit(as_dataset(batches, epoch), verbose=0, shuffle=False)
    assert len(traces) == 1


@pytest.fixture(scope="module")
def arrays(rows):
    """The sentences in one batch, as a Keras user has them: inputs and targets, no weights."""
    (x, y, _), *_ = Batches(*rows, 10_000).epoch(None)
    return x, y


@pytest.fixture(scope="module")
def compiled(model):
    objective = Objective(Transformer.from_config(model.get_config()), 0.1)
    objective.transformer.set_weights(model.get_weights())
    objective.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    return objective


def test_fit_reports_what_keras_users_look_for_and_early_stopping_sees_it(compiled, arrays):
    stop = keras.callbacks.EarlyStopping(patience=1, min_delta=1e6, restore_best_weights=True)  # monitors val_loss
    history = compiled.fit(*arrays, validation_split=0.5, epochs=5, batch_size=4, callbacks=[stop], verbose=0).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "val_nll"}
    assert len(history["loss"]) == 2


@pytest.mark.parametrize("batch_size", [1, 7, 20])
def test_without_weights_padding_never_counts(untrained, expected, arrays, batch_size):
    """keras-io #1997: the loss of padding. The same in batches of every size, as if there were none."""
    got = untrained.evaluate(*arrays, batch_size=batch_size, verbose=0, return_dict=True)
    assert got["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert got["accuracy"] == pytest.approx(expected["token_accuracy"], rel=1e-5)


def test_weights_of_sentences_and_of_tokens(model, untrained, rows, arrays):
    """Those of a sentence hold for all its tokens; a weight on padding counts no more than none."""
    x, y = arrays
    chosen = np.array([1.0] * 5 + [0.0] * 15, "float32")
    (first,) = (indices[:5] for indices in Batches(*rows, 10_000).indices(None))  # those of the first five rows
    expected = by_hand(model, *([side[i] for i in first] for side in rows))["loss"]
    for weights in (chosen, np.repeat(chosen[:, None], y.shape[1], axis=1)):
        assert untrained.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)["loss"] == pytest.approx(
            expected, rel=1e-5
        )


def test_fit_works_in_another_thread(compiled, arrays):
    found = []
    thread = threading.Thread(target=lambda: found.append(compiled.fit(*arrays, verbose=0).history["loss"]))
    thread.start()
    thread.join()
    assert np.isfinite(found[0]).all()


def test_a_trained_objective_is_saved_and_made_again_from_its_config(compiled, arrays, tmp_path):
    compiled.save(tmp_path / "objective.keras")
    loaded = keras.saving.load_model(tmp_path / "objective.keras")
    assert int(loaded.optimizer.iterations) == int(compiled.optimizer.iterations)
    for again in (loaded, Objective.from_config(compiled.get_config())):
        assert again.get_config() == compiled.get_config()
        again.set_weights(compiled.get_weights())
        np.testing.assert_array_equal(again(arrays[0]), compiled(arrays[0]))


def test_a_schedule_without_warm_up_starts_at_its_peak():
    """And not at a rate of 0, with which nothing is ever learnt."""
    assert float(InverseSquareRoot(1e-3, 0)(0)) == pytest.approx(1e-3)


def test_the_schedule_warms_up_and_decays():
    schedule = InverseSquareRoot(1e-3, 100)
    assert [float(schedule(step)) for step in (0, 49, 99, 399)] == pytest.approx([1e-5, 5e-4, 1e-3, 5e-4])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert float(again(10)) == float(schedule(10))
