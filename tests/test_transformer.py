"""The model: exact where a formula is exact, against Keras's own attention, and invariant where it has to be."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fmkeras.translation.model.attention import (
    MASKED,
    PAD,
    Attention,
    causal_bias,
    padding_bias,
    positions_of,
    sinusoidal_positions,
)
from fmkeras.translation.model.blocks import DecoderBlock, EncoderBlock, FeedForward
from fmkeras.translation.model.normalization import LayerNormalization
from fmkeras.translation.model.transformer import Transformer

V, WIDTH, HEADS = 50, 16, 4


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return Transformer(V, WIDTH, HEADS, d_ff=32, num_layers=2)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.integers(4, V, (3, 5)), rng.integers(4, V, (3, 6))


def logits(model, source, target):
    return ops.convert_to_numpy(model((source, target)))


def test_positions_are_the_formula_of_the_paper():
    table = ops.convert_to_numpy(sinusoidal_positions(ops.arange(7), 8))
    for position in range(7):
        for i in range(4):
            angle = position / 10_000 ** (2 * i / 8)
            assert table[position, i] == pytest.approx(np.sin(angle), abs=1e-6)
            assert table[position, 4 + i] == pytest.approx(np.cos(angle), abs=1e-6)


def test_positions_count_real_tokens_only():
    mask = np.array([[True, True, False], [False, True, True]])
    assert positions_of(mask).numpy().tolist() == [[0, 1, 1], [0, 0, 1]]


def test_masks_hide_what_is_false_and_the_future():
    """Reversed polarity trains to a fake 100 % accuracy (tensorflow/text #894)."""
    assert ops.convert_to_numpy(padding_bias(np.array([[True, False]]))).tolist() == [[[[0.0, np.float32(MASKED)]]]]
    visible = ops.convert_to_numpy(causal_bias(3))[0, 0] == 0
    assert visible.tolist() == [[True, False, False], [True, True, False], [True, True, True]]


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_keras(causal):
    rng = np.random.default_rng(2)
    query = rng.normal(size=(2, 6, WIDTH)).astype("float32")
    memory = query if causal else rng.normal(size=(2, 5, WIDTH)).astype("float32")
    mask = np.ones((2, memory.shape[1]), bool)
    mask[1, -2:] = False
    theirs = keras.layers.MultiHeadAttention(HEADS, key_dim=WIDTH // HEADS)
    allowed = np.broadcast_to(mask[:, None, :], (2, 6, memory.shape[1]))
    expected = theirs(query, memory, attention_mask=allowed, use_causal_mask=causal)

    ours = Attention(WIDTH, HEADS)
    ours.build()
    heads, d_head = HEADS, WIDTH // HEADS
    for dense, name in ((ours.query, "query"), (ours.key, "key"), (ours.value, "value")):
        kernel, bias = getattr(theirs, f"_{name}_dense").get_weights()
        dense.set_weights([kernel.reshape(WIDTH, heads * d_head), bias.reshape(-1)])
    kernel, bias = theirs._output_dense.get_weights()
    ours.output_projection.set_weights([kernel.reshape(WIDTH, WIDTH), bias])
    bias = padding_bias(mask) + (causal_bias(6) if causal else 0.0)
    np.testing.assert_allclose(ours(query, memory, bias), expected, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_normalization_and_its_gradients_equal_keras(precision):
    rng, sizes = np.random.default_rng(4), (2, 5, WIDTH)
    x, upstream = (tf.constant(rng.normal(3, 2, sizes), "float32") for _ in range(2))
    found = []
    for layer in (LayerNormalization(dtype=precision), keras.layers.LayerNormalization(epsilon=1e-6, dtype=precision)):
        layer.build(sizes)
        layer.gamma.assign(np.linspace(0.5, 2, WIDTH))
        layer.beta.assign(np.linspace(-1, 1, WIDTH))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        assert y.dtype == layer.compute_dtype
        variables = [x, *(variable.value for variable in layer.trainable_variables)]
        found.append([y, *tape.gradient(y, variables, tf.cast(upstream, y.dtype))])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(tf.cast(ours, "float32"), tf.cast(theirs, "float32"), atol=2e-5, rtol=1e-5)


def test_attention_weights_are_shares_and_exactly_zero_where_masked():
    attention = Attention(WIDTH, HEADS)
    attention.build()
    x = np.random.default_rng(3).normal(size=(1, 4, WIDTH)).astype("float32")
    keys, _ = attention.keys_and_values(x)
    weights = ops.convert_to_numpy(attention.weights_of(x, keys, padding_bias(np.array([[True, True, False, True]]))))
    assert weights.shape == (1, HEADS, 4, 4)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert (weights[..., 2] == 0).all()


def test_heads_share_the_width():
    """The tutorial's key_dim=d_model makes attention num_heads times too wide."""
    attention = Attention(WIDTH, HEADS)
    attention.build()
    assert attention.count_params() == 4 * (WIDTH * WIDTH + WIDTH)
    with pytest.raises(ValueError, match="not a multiple"):
        Attention(10, 4)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("which", ["source", "target", "both"])
def test_padding_changes_nothing(model, pair, side, which):
    source, target = pair
    expected = logits(model, source, target)
    widths = ((0, 0), (3, 0) if side == "left" else (0, 3))
    if which in ("source", "both"):
        source = np.pad(source, widths, constant_values=PAD)
    real = slice(None)
    if which in ("target", "both"):
        target = np.pad(target, widths, constant_values=PAD)
        real = slice(3, None) if side == "left" else slice(0, -3)
    np.testing.assert_allclose(logits(model, source, target)[:, real], expected, atol=2e-5)


def test_a_token_does_not_see_those_after_it(model, pair):
    source, target = pair
    before = logits(model, source, target)
    changed = target.copy()
    changed[:, 4:] = (changed[:, 4:] + 7) % (V - 4) + 4
    after = logits(model, source, changed)
    np.testing.assert_allclose(after[:, :4], before[:, :4], atol=1e-5)
    assert np.abs(after[:, 4:] - before[:, 4:]).max() > 1e-2


def test_every_source_token_reaches_every_target_token(model, pair):
    """The article's decoder never looks at what the encoder made (ecosystem.md section 5.2)."""
    source, target = pair
    before = logits(model, source, target)
    for position in range(source.shape[1]):
        changed = source.copy()
        changed[:, position] = changed[:, position] % (V - 5) + 5
        changed[:, position] += changed[:, position] == source[:, position]
        assert (np.abs(logits(model, changed, target) - before).max(axis=-1) > 1e-6).all()


def test_source_and_target_of_different_lengths(model):
    """keras-io #1964: a cross-attention mask of the wrong length."""
    for s, t in ((1, 9), (9, 1), (7, 3)):
        assert logits(model, np.full((2, s), 5), np.full((2, t), 6)).shape == (2, t, V)


def test_a_sentence_of_padding_only_is_no_nan(model):
    assert np.isfinite(logits(model, np.full((1, 4), PAD), np.full((1, 3), PAD))).all()


def test_one_embedding_serves_source_target_and_output(model):
    layer = WIDTH * 2
    attention, feed_forward = 4 * (WIDTH * WIDTH + WIDTH), WIDTH * 32 + 32 + 32 * WIDTH + WIDTH
    encoder, decoder = attention + feed_forward + 2 * layer, 2 * attention + feed_forward + 3 * layer
    assert model.count_params() == V * WIDTH + 2 * (encoder + decoder) + 2 * layer


def test_every_weight_has_a_gradient(model, pair):
    source, target = pair
    with tf.GradientTape() as tape:
        loss = ops.mean(ops.square(model((source, target), training=True)))
    for variable, gradient in zip(
        model.trainable_weights, tape.gradient(loss, [w.value for w in model.trainable_weights]), strict=True
    ):
        gradient = tf.convert_to_tensor(gradient)
        assert np.isfinite(gradient).all()
        if not variable.path.endswith("key/bias"):  # softmax does not see what is added to all scores alike
            assert np.abs(gradient).max() > 0, variable.path


def test_dropout_only_in_training(model, pair):
    assert np.array_equal(logits(model, *pair), logits(model, *pair))
    assert not np.array_equal(ops.convert_to_numpy(model(pair, training=True)), logits(model, *pair))


@pytest.mark.parametrize(
    "layer", [Attention(16, 4), FeedForward(16, 32), EncoderBlock(16, 4, 32, 0.2), DecoderBlock(16, 4, 32, 0.2)]
)
def test_layers_come_back_from_their_config(layer):
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer) and again.get_config() == layer.get_config()


def test_layers_work_in_a_functional_model():
    x = keras.Input((None, 16))
    y = DecoderBlock(16, 4, 32)(EncoderBlock(16, 4, 32)(x), x)
    assert y.shape == (None, None, 16)
    assert keras.Model(x, y)(np.ones((2, 3, 16), "float32")).shape == (2, 3, 16)


def test_saved_and_loaded_it_is_the_same_function(model, pair, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again, Transformer) and again.settings == model.settings
    assert np.array_equal(logits(again, *pair), logits(model, *pair))


def test_weights_are_named_by_what_they_are(model):
    paths = {weight.path.split("/", 1)[1] for weight in model.weights}
    assert {"embedding/embeddings", "encoder_0/self_attention/query/kernel"} <= paths
    assert {"decoder_1/cross_attention/value/bias", "decoder_norm/gamma"} <= paths


def test_bfloat16_is_close_to_float32(model, pair):
    half = Transformer.from_config(model.get_config() | {"dtype": "mixed_bfloat16"})
    half.set_weights(model.get_weights())
    assert half(pair).dtype == "bfloat16"
    difference = logits(model, *pair) - np.asarray(ops.cast(half(pair), "float32"))
    assert np.abs(difference).max() < 0.1 * np.abs(logits(model, *pair)).max()


@pytest.mark.slow
def test_it_exports_for_batches_of_every_shape_after_one_call(model, pair, tmp_path):
    """keras #21133: masks lost in a SavedModel. Loaded without Keras it gives the same logits."""
    model(pair)
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    for source, target in (pair, ([[5, 6, 3, 0, 0]], [[2, 7]])):
        source, target = np.asarray(source, "int32"), np.asarray(target, "int32")
        np.testing.assert_allclose(
            exported.serve((source, target)), logits(model, source, target), rtol=1e-4, atol=1e-5
        )


JAX = """
import keras, numpy as np
assert keras.backend.backend() == "jax"
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.inference.decoding import Search
from fmkeras.translation.model.objective import Objective
from fmkeras.translation.model.transformer import Transformer
rng = np.random.default_rng(0)
rows = [[*map(int, rng.integers(4, 50, 7)), 3] for _ in range(12)]
model = Transformer(50, 16, 4, 32, 1)
objective = Objective(model)
objective.compile(keras.optimizers.Adam(1e-2))
before = model.get_weights()[0].copy()
history = objective.fit(Batches(rows, rows, 32, widths=8).epoch(0), verbose=0)
assert np.isfinite(history.history["loss"]).all()
assert int(objective.optimizer.iterations) == 3 and not np.array_equal(before, model.get_weights()[0])
assert len(list(Search(model, 2).translate(rows[:2]))) == 2
"""


@pytest.mark.slow
def test_model_loss_and_decoding_run_on_jax(jax_environment):
    """keras.ops only: three steps and a beam search with another backend."""
    command = [sys.executable, "-c", JAX]
    result = subprocess.run(command, env=jax_environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr[-2000:]
