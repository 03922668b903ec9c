"""The NumPy formulas against independent implementations, and our Keras layers against the NumPy formulas."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score

from fmkeras import foundations as f
from fmkeras.translation.model import blocks
from fmkeras.translation.model.attention import Attention, causal_bias, padding_bias, sinusoidal_positions

FAST = settings(max_examples=50, deadline=None)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def relative_error(actual, expected) -> float:
    """The largest difference, in units of the largest expected element."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    return float(np.max(np.abs(actual - expected)) / np.max(np.abs(expected)))


def autodiff(function, *inputs):
    """`function`'s value and its gradients by TensorFlow, in float64."""
    inputs = [tf.constant(x, tf.float64) for x in inputs]
    with tf.GradientTape() as tape:
        for x in inputs:
            tape.watch(x)
        value = function(*inputs)
    return value.numpy(), [g.numpy() for g in tape.gradient(value, inputs)]


# --- Activations and losses ---


@pytest.mark.parametrize("name", ["linear", "sigmoid", "relu", "tanh"])
def test_activations_and_derivatives_equal_tensorflow(rng, name):
    z = np.concatenate([rng.normal(0, 3, 50), [0.0, 30.0, -30.0, 1e4, -1e4]])
    reference = {"linear": tf.identity, "sigmoid": tf.sigmoid, "relu": tf.nn.relu, "tanh": tf.tanh}[name]
    value, (derivative,) = autodiff(reference, z)
    function, its_derivative = f.ACTIVATIONS[name]
    assert relative_error(function(z), value) < 1e-12
    assert relative_error(its_derivative(z), derivative) < 1e-12


def test_softmax_and_its_jacobian_equal_tensorflow(rng):
    z = rng.normal(0, 3, (4, 5))
    with tf.GradientTape() as tape:
        x = tf.constant(z)
        tape.watch(x)
        p = tf.nn.softmax(x)
    assert relative_error(f.softmax(z), p) < 1e-12
    assert relative_error(f.softmax_derivative(z), tape.batch_jacobian(p, x)) < 1e-12


def test_losses_and_gradients_equal_tensorflow(rng):
    logits, target = rng.normal(0, 3, (6, 4)), rng.uniform(0, 1, (6, 4))
    labels = rng.integers(0, 4, 6)
    sparse = tf.nn.sparse_softmax_cross_entropy_with_logits
    cases = {
        "mse": (f.mean_squared_error(logits, target), lambda x: tf.reduce_mean((target - x) ** 2), logits),
        "binary": (
            f.binary_cross_entropy(f.sigmoid(logits), target),
            lambda p: -tf.reduce_mean(target * tf.math.log(p) + (1 - target) * tf.math.log(1 - p)),
            f.sigmoid(logits),
        ),
        "binary, logits": (
            f.binary_cross_entropy_from_logits(logits, target),
            lambda x: tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(target, x)),
            logits,
        ),
        "classes": (
            f.cross_entropy(f.softmax(logits), labels),
            lambda p: -tf.reduce_mean(tf.math.log(tf.gather(p, labels, batch_dims=1))),
            f.softmax(logits),
        ),
        "classes, logits": (
            f.cross_entropy_from_logits(logits, labels),
            lambda x: tf.reduce_mean(sparse(labels, x)),
            logits,
        ),
    }
    for name, ((loss, gradient), reference, argument) in cases.items():
        expected, (expected_gradient,) = autodiff(reference, argument)
        assert loss == pytest.approx(float(expected), rel=1e-12), name
        assert relative_error(gradient, expected_gradient) < 1e-6, name


def test_losses_take_any_leading_axes(rng):
    logits, labels = rng.normal(size=(2, 3, 5)), rng.integers(0, 5, (2, 3))
    flat = f.cross_entropy_from_logits(logits.reshape(6, 5), labels.reshape(6))
    loss, gradient = f.cross_entropy_from_logits(logits, labels)
    assert loss == pytest.approx(flat[0], rel=1e-12)
    np.testing.assert_allclose(gradient.reshape(6, 5), flat[1], rtol=1e-12)


@FAST
@given(arrays.arrays(np.float64, (3, 4), elements=st.floats(-1e4, 1e4)), st.lists(st.integers(0, 3), min_size=3))
def test_softmax_and_losses_stay_finite_for_large_inputs(z, labels):
    labels = np.array(labels[:3])
    target = np.eye(4)[labels]
    p = f.softmax(z)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-12)
    for loss, gradient in (
        f.mean_squared_error(z, target),
        f.binary_cross_entropy(f.sigmoid(z), target),
        f.binary_cross_entropy_from_logits(z, target),
        f.cross_entropy(p, labels),
        f.cross_entropy_from_logits(z, labels),
    ):
        assert np.isfinite(loss) and loss >= 0
        assert np.all(np.isfinite(gradient))


def test_losses_from_logits_are_exact_where_probabilities_are_not():
    assert f.binary_cross_entropy_from_logits(np.array([1e4]), np.array([0.0]))[0] == 1e4
    assert f.cross_entropy_from_logits(np.array([[1e4, 0.0]]), np.array([1]))[0] == 1e4
    assert f.binary_cross_entropy(np.array([1.0]), np.array([0.0]))[0] == pytest.approx(708.4, abs=0.1)


# --- The dense network and its weight updates ---


@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid"])
def test_backward_pass_equals_autodiff(rng, hidden):
    network = [layer._replace(bias=rng.normal(size=layer.bias.shape)) for layer in f.initialize([5, 7, 6, 3], hidden)]
    x, labels = rng.normal(size=(8, 5)), rng.integers(0, 3, 8)
    logits, cache = f.forward(network, x)
    loss, gradient = f.cross_entropy_from_logits(logits, labels)
    gradients, input_gradient = f.backward(network, cache, gradient)

    def reference(x, *weights):
        for i in range(3):
            x = x @ weights[2 * i] + weights[2 * i + 1]
            x = getattr(tf, hidden, tf.nn.relu)(x) if i < 2 else x
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, x))

    expected, (expected_input, *expected_weights) = autodiff(reference, x, *(w for layer in network for w in layer[:2]))
    assert loss == pytest.approx(float(expected), rel=1e-12)
    assert relative_error(input_gradient, expected_input) < 1e-6
    for actual, wanted in zip((g for pair in gradients for g in pair), expected_weights, strict=True):
        assert relative_error(actual, wanted) < 1e-6


def test_backward_pass_sums_over_all_leading_axes(rng):
    network, x, gradient = f.initialize([4, 6, 2]), rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 5, 2))
    folded, to_input = f.backward(network, f.forward(network, x)[1], gradient)
    flat, to_flat_input = f.backward(network, f.forward(network, x.reshape(15, 4))[1], gradient.reshape(15, 2))
    np.testing.assert_allclose(folded[0][0], flat[0][0], rtol=1e-12)
    np.testing.assert_allclose(to_input.reshape(15, 4), to_flat_input, rtol=1e-12)


def test_updates_equal_keras_optimizers(rng):
    start, gradients = rng.normal(size=(3, 4)), rng.normal(size=(5, 3, 4))
    for momentum in (0.0, 0.9):
        variable = keras.Variable(start, dtype="float64")
        optimizer = keras.optimizers.SGD(learning_rate=0.1, momentum=momentum)
        weights, velocities = [start], [np.zeros_like(start)]
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
            if momentum:
                weights, velocities = f.momentum_step(weights, [gradient], velocities, 0.1, momentum)
            else:
                weights = f.sgd_step(weights, [gradient], 0.1)
        assert relative_error(weights[0], variable.numpy()) < 1e-6  # Keras keeps its rate in float32


# --- Attention ---


def random_attention(rng: np.random.Generator, width: int) -> f.AttentionWeights:
    """Four random linear layers whose outputs have about unit variance."""
    layers = [f.Layer(rng.normal(0, width**-0.5, (width, width)), rng.normal(0, 0.1, width)) for _ in range(4)]
    return f.AttentionWeights(*layers)


def random_block(rng: np.random.Generator, width: int, inner: int) -> f.EncoderBlockWeights:
    norms = [(rng.uniform(0.5, 1.5, width), rng.normal(0, 0.1, width)) for _ in range(2)]
    network = f.initialize([width, inner, width], seed=int(rng.integers(100)))
    network = [layer._replace(bias=rng.normal(0, 0.1, layer.bias.shape)) for layer in network]
    return f.EncoderBlockWeights(random_attention(rng, width), norms[0], network, norms[1])


def test_attention_and_its_gradient_equal_autodiff(rng):
    query, key, value = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 6))
    mask = np.ones((2, 3, 5), bool)
    mask[0, :, 3:] = mask[1, 0, 1] = False
    upstream = rng.normal(size=(2, 3, 6))

    def reference(query, key, value):
        scores = tf.matmul(query, key, transpose_b=True) / tf.sqrt(tf.constant(4.0, tf.float64))
        weights = tf.nn.softmax(tf.where(mask, scores, tf.constant(-np.inf, tf.float64)))
        return tf.reduce_sum(tf.matmul(weights, value) * upstream)

    output, weights = f.scaled_dot_product_attention(query, key, value, mask)
    expected, expected_gradients = autodiff(reference, query, key, value)
    assert np.sum(output * upstream) == pytest.approx(float(expected), rel=1e-12)
    for actual, wanted in zip(
        f.attention_gradient(query, key, value, weights, upstream), expected_gradients, strict=True
    ):
        assert relative_error(actual, wanted) < 1e-6


def inputs(min_keys: int = 1):
    """Strategy: a seed, numbers of queries and keys, and a magnitude, from which a test draws its tensors."""
    return st.tuples(st.integers(0, 10**6), st.integers(1, 5), st.integers(min_keys, 6), st.floats(0.01, 1e4))


@FAST
@given(inputs())
def test_weights_are_probabilities_and_masked_positions_get_exactly_none(case):
    seed, queries, keys, magnitude = case
    rng = np.random.default_rng(seed)
    query, key, value = (magnitude * rng.normal(size=(2, n, 4)) for n in (queries, keys, keys))
    mask = rng.random((2, queries, keys)) < 0.6
    mask[..., rng.integers(keys)] = True  # everyone has something to look at
    output, weights = f.scaled_dot_product_attention(query, key, value, mask)
    assert np.all(weights >= 0)
    assert np.all(weights[~mask] == 0)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-12)
    assert np.all(np.isfinite(output))


@FAST
@given(inputs())
def test_the_order_of_keys_does_not_matter(case):
    seed, queries, keys, magnitude = case
    rng = np.random.default_rng(seed)
    query, value = rng.normal(size=(queries, 4)), rng.normal(size=(keys, 3))
    key = magnitude * rng.normal(size=(keys, 4))
    order = rng.permutation(keys)
    output, weights = f.scaled_dot_product_attention(query, key, value)
    permuted_output, permuted_weights = f.scaled_dot_product_attention(query, key[order], value[order])
    np.testing.assert_allclose(permuted_output, output, atol=1e-9)
    np.testing.assert_allclose(permuted_weights, weights[:, order], atol=1e-9)


@FAST
@given(inputs(min_keys=2), st.booleans())
def test_causal_outputs_do_not_depend_on_later_inputs(case, pre_norm):
    seed, _, length, magnitude = case
    rng = np.random.default_rng(seed)
    weights, x = random_block(rng, 8, 16), rng.normal(size=(length, 8))
    cut = rng.integers(1, length)
    changed = x.copy()
    changed[cut:] = magnitude * rng.normal(size=(length - cut, 8))
    before = f.encoder_block(x, f.causal_mask(length), weights, 2, pre_norm)
    after = f.encoder_block(changed, f.causal_mask(length), weights, 2, pre_norm)
    np.testing.assert_array_equal(after[:cut], before[:cut])
    assert not np.allclose(after[cut:], before[cut:])


@FAST
@given(inputs())
def test_padding_does_not_change_real_tokens(case):
    seed, _, length, magnitude = case
    rng = np.random.default_rng(seed)
    weights, x = random_block(rng, 8, 16), rng.normal(size=(length, 8))
    padded = np.concatenate([x, magnitude * rng.normal(size=(3, 8))])
    tokens = np.array([5] * length + [0] * 3)
    outcome = f.encoder_block(padded, f.padding_mask(tokens), weights, 2)
    np.testing.assert_allclose(outcome[:length], f.encoder_block(x, None, weights, 2), atol=1e-12)


def test_a_query_that_may_attend_to_nothing_gets_zero(rng):
    x = rng.normal(size=(3, 4))
    mask = np.array([[True, True, False], [False, False, False], [True, False, False]])
    output, weights = f.scaled_dot_product_attention(x, x, x, mask)
    np.testing.assert_array_equal(weights[1], 0)
    np.testing.assert_array_equal(output[1], 0)
    np.testing.assert_allclose(weights[[0, 2]].sum(axis=-1), 1)


def keras_attention(weights: f.AttentionWeights, num_heads: int) -> keras.layers.MultiHeadAttention:
    """Keras' own layer with these weights, reshaped: its kernels are (D, H, D / H)."""
    width = weights.query.kernel.shape[0]
    layer = keras.layers.MultiHeadAttention(num_heads, key_dim=width // num_heads)
    layer.build((None, None, width), (None, None, width))
    arrays = [array for pair in weights for array in pair[:2]]  # in the same order: query, key, value, output
    layer.set_weights([array.reshape(variable.shape) for array, variable in zip(arrays, layer.weights, strict=True)])
    return layer


@pytest.mark.parametrize("num_heads", [1, 2, 8])
def test_multi_head_attention_equals_keras(rng, num_heads):
    weights, query, memory = random_attention(rng, 16), rng.normal(size=(3, 5, 16)), rng.normal(size=(3, 7, 16))
    mask = f.padding_mask(np.array([[1] * 7, [1] * 4 + [0] * 3, [1] + [0] * 6]))  # (3, 1, 7)
    output, attention = f.multi_head_attention(query, memory, weights, num_heads, mask)
    expected, expected_attention = keras_attention(weights, num_heads)(
        query.astype("float32"),
        memory.astype("float32"),
        attention_mask=np.broadcast_to(mask, (3, 5, 7)),
        return_attention_scores=True,
    )
    assert attention.shape == (3, num_heads, 5, 7)
    assert relative_error(expected, output) < 1e-5
    assert relative_error(expected_attention, attention) < 1e-5


# --- Encoder block and positions ---


@pytest.mark.parametrize("pre_norm", [True, False])
def test_encoder_block_equals_one_of_keras_layers(rng, pre_norm):
    weights, x, mask = random_block(rng, 16, 32), rng.normal(size=(2, 6, 16)), f.causal_mask(6)
    attention = keras_attention(weights.attention, 4)
    norms = [keras.layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
    dense = [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(16)]
    for layer, values, width in zip(
        norms + dense,
        (weights.attention_norm, weights.feed_forward_norm, *(layer[:2] for layer in weights.feed_forward)),
        (16, 16, 16, 32),
        strict=True,
    ):
        layer.build((None, None, width))
        layer.set_weights(values)

    y = x.astype("float32")
    if pre_norm:
        h = norms[0](y)
        y = y + attention(h, h, attention_mask=mask[None])
        y = y + dense[1](dense[0](norms[1](y)))
    else:
        y = norms[0](y + attention(y, y, attention_mask=mask[None]))
        y = norms[1](y + dense[1](dense[0](y)))
    assert relative_error(y, f.encoder_block(x, mask, weights, 4, pre_norm)) < 1e-5


def test_layer_normalization_has_mean_0_and_variance_1(rng):
    y = f.layer_normalize(rng.normal(3, 7, (4, 64)), np.ones(64), np.zeros(64))
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=-1), 1, rtol=1e-6)


def test_sinusoidal_positions_are_those_of_the_paper():
    length, width = 50, 16
    table = f.sinusoidal_positions(length, width)
    for position in (0, 1, 7, 49):
        for i in range(width // 2):  # the paper's formula, element by element
            angle = position / 10000 ** (2 * i / width)
            assert table[position, i] == pytest.approx(np.sin(angle), abs=1e-12)
            assert table[position, width // 2 + i] == pytest.approx(np.cos(angle), abs=1e-12)


# --- Our Keras layers, given the same weights ---


def load(layer: keras.layers.Layer, *arrays: np.ndarray) -> None:
    layer.set_weights([array.astype("float32") for array in arrays])


def load_attention(layer: Attention, weights: f.AttentionWeights) -> None:
    """Give our Keras attention, which is built, these weights."""
    for dense, (kernel, bias, _) in zip(
        (layer.query, layer.key, layer.value, layer.output_projection), weights, strict=True
    ):
        load(dense, kernel, bias)


@pytest.mark.parametrize("num_heads", [1, 2, 8])
def test_our_attention_equals_foundations(rng, num_heads):
    weights, query, memory = random_attention(rng, 16), rng.normal(size=(3, 5, 16)), rng.normal(size=(3, 7, 16))
    layer = Attention(16, num_heads)
    layer.build()
    load_attention(layer, weights)
    mask = f.padding_mask(np.array([[1] * 7, [1] * 4 + [0] * 3, [1] + [0] * 6]))  # (3, 1, 7)
    actual = layer(query.astype("float32"), memory.astype("float32"), padding_bias(mask[:, 0]))
    assert relative_error(actual, f.multi_head_attention(query, memory, weights, num_heads, mask)[0]) < 1e-5


@pytest.mark.parametrize("masked", ["causal", "padding"])
def test_our_encoder_block_equals_foundations(rng, masked):
    weights, x = random_block(rng, 16, 32), rng.normal(size=(2, 6, 16))
    tokens = np.array([[1] * 6, [1] * 3 + [0] * 3])
    mask, bias = {
        "causal": (f.causal_mask(6), causal_bias(6)),
        "padding": (f.padding_mask(tokens), padding_bias(tokens != 0)),
    }[masked]
    block = blocks.EncoderBlock(16, 4, 32)
    block.build()
    load_attention(block.self_attention, weights.attention)
    load(block.self_attention_norm, *weights.attention_norm)
    load(block.feed_forward.expand, *weights.feed_forward[0][:2])
    load(block.feed_forward.contract, *weights.feed_forward[1][:2])
    load(block.feed_forward_norm, *weights.feed_forward_norm)
    assert relative_error(block(x.astype("float32"), bias), f.encoder_block(x, mask, weights, 4)) < 1e-5


def test_our_positions_equal_foundations():
    assert relative_error(sinusoidal_positions(np.arange(50), 16), f.sinusoidal_positions(50, 16)) < 1e-5


# --- The classifier of architecture.md §4.4 ---


def separable(seed: int):
    """Standardized data with overlapping classes, so that the best weights are finite."""
    x, y = make_classification(
        400, 6, n_informative=6, n_redundant=0, flip_y=0.1, class_sep=0.8, weights=[0.7], random_state=seed
    )
    return (x - x.mean(axis=0)) / x.std(axis=0), y


@pytest.mark.parametrize("seed", range(3))
def test_classifier_reaches_logistic_regression(seed):
    x, y = separable(seed)
    ours = f.train_binary_classifier(x, y)
    reference = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(x, y)
    assert ours.converged
    assert ours.losses[-1] == pytest.approx(log_loss(y, reference.predict_proba(x)), abs=1e-3)
    predicted = (f.forward(ours.network, x)[0][:, 0] > 0).astype(int)
    for name, score in (
        ("accuracy", accuracy_score),
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ):
        assert getattr(ours, name) == pytest.approx(score(y, predicted), abs=1e-12), name


@pytest.mark.parametrize("seed", range(3))
def test_classifier_solves_xor_with_a_hidden_layer_and_not_without(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (200, 2))
    x = x[np.abs(x).min(axis=1) > 0.1]  # leave a gap between the classes
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    assert f.train_binary_classifier(x, y, hidden=(16,), steps=3000, seed=seed).accuracy >= 0.99
    assert f.train_binary_classifier(x, y, steps=3000, seed=seed).accuracy < 0.75


def test_classifier_scores_are_0_where_nothing_is_positive(rng):
    trained = f.train_binary_classifier(rng.normal(size=(20, 2)), np.zeros(20, int), steps=50)
    assert (trained.accuracy, trained.precision, trained.recall, trained.f1) == (1.0, 0.0, 0.0, 0.0)
    assert not trained.converged and len(trained.losses) == 50
