"""What the recipe is made of: word dropout, consistency of two passes, attention dropout, schedules, optimizers."""

import keras
import numpy as np
import pytest
from keras import ops

from fmkeras import InputError, runs
from fmkeras.translation.model.attention import Attention
from fmkeras.translation.model.objective import Objective, divergence, smoothed_cross_entropy
from fmkeras.translation.model.schedules import DecayToZero, InverseSquareRoot
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.optimizers import optimizer_of, schedule_of

SIZES = dict(vocab_size=40, d_model=16, num_heads=2, d_ff=32, num_layers=1)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    source, target = rng.integers(4, 40, (3, 5)), rng.integers(4, 40, (3, 6))
    target[0, 4:] = 0
    return (source, target), np.roll(target, -1, axis=1) * (target > 0)


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def test_divergence_is_that_of_both_directions():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 7, 9)).astype("float32") * 3
    p, q = softmax(first), softmax(second)
    expected = (p * np.log(p / q)).sum(-1) + (q * np.log(q / p)).sum(-1)
    np.testing.assert_allclose(divergence(first, second), expected, rtol=2e-5)
    np.testing.assert_allclose(divergence(first, first), 0, atol=1e-6)


def test_tokens_that_are_not_kept_are_not_seen(batch):
    model, ((source, target), _) = Transformer(**SIZES), batch
    seen, other = np.ones(source.shape), source.copy()
    seen[:, 2], other[:, 2] = 0, 39
    kept = (seen, np.ones(target.shape))
    np.testing.assert_array_equal(model((source, target), kept=kept), model((other, target), kept=kept))
    assert np.abs(model((source, target), kept=kept) - model((source, target))).max() > 1e-3
    np.testing.assert_array_equal(
        model((source, target)), model((source, target), kept=tuple(map(np.ones_like, batch[0])))
    )


def test_word_dropout_leaves_out_its_share_in_training_only(batch):
    objective = Objective(Transformer(**SIZES, dropout=0.0), word_dropout=0.3)
    kept = np.asarray(objective.draw_kept(np.ones((200, 50), "int32")))
    assert set(np.unique(kept)) == {0.0, 1.0} and kept.mean() == pytest.approx(0.7, abs=0.02)
    inputs, _ = batch
    np.testing.assert_array_equal(objective(inputs), objective.transformer(inputs))
    assert np.abs(objective(inputs, training=True) - objective(inputs)).max() > 1e-3


def test_two_passes_differ_by_dropout(batch):
    inputs, _ = batch
    logits = np.asarray(Objective(Transformer(**SIZES, dropout=0.5), consistency=1.0)(inputs, training=True))
    assert logits.shape == (6, 6, 40) and np.abs(logits[:3] - logits[3:]).max() > 1e-2
    logits = np.asarray(Objective(Transformer(**SIZES, dropout=0.0), consistency=1.0)(inputs, training=True))
    np.testing.assert_allclose(logits[:3], logits[3:], atol=1e-5)


def test_with_word_dropout_only_the_second_pass_has_it(batch):
    inputs, _ = batch
    objective = Objective(Transformer(**SIZES, dropout=0.0), word_dropout=0.5, consistency=1.0)
    logits = np.asarray(objective(inputs, training=True))
    np.testing.assert_allclose(logits[:3], objective(inputs), atol=1e-5)
    assert np.abs(logits[3:] - objective(inputs)).max() > 1e-3


@pytest.mark.parametrize("word_dropout", [0.0, 0.4])
def test_the_loss_of_two_passes_is_its_formula(batch, word_dropout):
    _, y = batch
    objective = Objective(Transformer(**SIZES), smoothing=0.1, word_dropout=word_dropout, consistency=0.7)
    logits = np.random.default_rng(2).normal(size=(6, 6, 40)).astype("float32")
    first, second = logits[:3].reshape(-1, 40), logits[3:].reshape(-1, 40)
    losses = [np.asarray(smoothed_cross_entropy(y.ravel(), rows, 0.1)) for rows in (first, second)]
    entropy = losses[0] if word_dropout else (losses[0] + losses[1]) / 2  # SimCut; R-Drop
    real = y.ravel() > 0
    expected = (entropy + 0.7 * np.asarray(divergence(first, second)))[real].mean()
    assert float(objective.compute_loss(y=y, y_pred=logits, training=True)) == pytest.approx(expected, rel=1e-5)
    assert float(objective.token_loss.result()) == pytest.approx(losses[0][real].mean(), rel=1e-5)  # what is reported


def test_attention_dropout_is_on_the_weights_and_in_training_only():
    layer = Attention(16, 2, dropout=0.5)
    layer.build()
    x = np.random.default_rng(3).normal(size=(2, 4, 16)).astype("float32")
    np.testing.assert_array_equal(layer(x, x), layer(x, x))
    assert np.abs(layer(x, x, training=True) - layer(x, x)).max() > 1e-3
    assert Attention.from_config(layer.get_config()).dropout.rate == 0.5


def test_a_shallow_decoder_is_saved_and_loaded(tmp_path, batch):
    model = Transformer(**SIZES | {"num_layers": 3}, decoder_layers=1, attention_dropout=0.1)
    assert (len(model.encoder), len(model.decoder)) == (3, 1)
    runs.save_model(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(runs.load_model(tmp_path / "model.keras")(batch[0]), model(batch[0]))
    assert Settings(num_layers=3).blocks == "3+3" and Settings(num_layers=3, decoder_layers=1).blocks == "3+1"


def test_an_objective_is_made_of_its_config():
    objective = Objective(Transformer(**SIZES), 0.2, word_dropout=0.05, consistency=3.0)
    copy = Objective.from_config(objective.get_config())
    assert (copy.smoothing, copy.word_dropout, copy.consistency) == (0.2, 0.05, 3.0)


@pytest.mark.parametrize("cosine", [False, True])
def test_a_rate_that_ends_at_zero(cosine):
    schedule = DecayToZero(2.0, warmup_steps=10, total_steps=110, cosine=cosine)
    rates = np.array([float(schedule(step)) for step in range(120)])
    np.testing.assert_allclose(rates[:10], 2.0 * np.arange(1, 11) / 10, rtol=1e-6)
    assert (np.diff(rates[9:110]) < 1e-7).all() and rates[59] == pytest.approx(1.0, rel=1e-3)
    np.testing.assert_allclose(rates[109:], 0, atol=1e-6)
    assert DecayToZero.from_config(schedule.get_config()).get_config() == schedule.get_config()


def test_the_rate_of_pairs_begins_anew_after_that_of_noise():
    settings = Settings(schedule="linear", learning_rate=1e-3, warmup_steps=2)
    schedule, noise, pairs = (
        schedule_of(settings, 30, of_noise=10),
        schedule_of(settings, 10),
        schedule_of(settings, 20),
    )
    expected = [*map(noise, range(10)), *map(pairs, range(20))]
    np.testing.assert_allclose([float(schedule(step)) for step in range(30)], np.array(expected, "float32"), rtol=1e-6)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    np.testing.assert_allclose(float(again(10)), float(pairs(0)), rtol=1e-6)
    assert float(optimizer_of(settings, 30, 10).learning_rate) == pytest.approx(5e-4)


def test_optimizers_and_schedules_are_what_the_settings_say(monkeypatch):
    settings = Settings(schedule="inverse-sqrt", learning_rate=1e-3, warmup_steps=5, weight_decay=0.01)
    adam = optimizer_of(settings, 100)
    assert isinstance(adam, keras.optimizers.Adam) and adam.weight_decay == 0.01
    assert float(adam.learning_rate) == pytest.approx(float(InverseSquareRoot(1e-3, 5)(0)))
    settings = Settings(schedule="linear", learning_rate=1e-3, warmup_steps=5)
    assert optimizer_of(settings, 100).weight_decay is None
    monkeypatch.delattr(keras.optimizers, "Muon")
    with pytest.raises(InputError, match="has no optimizer muon: install"):
        optimizer_of(Settings(optimizer="muon"), 100)


def test_muon_is_for_the_matrices():
    model = Transformer(**SIZES)
    optimizer = optimizer_of(Settings(optimizer="muon"), 100)
    optimizer.build(model.trainable_variables)
    gradients = [ops.ones_like(variable) for variable in model.trainable_variables]
    before = [np.array(variable) for variable in model.trainable_variables]
    optimizer.apply(gradients)
    assert all(np.abs(np.asarray(v) - b).max() > 0 for v, b in zip(model.trainable_variables, before, strict=True))
