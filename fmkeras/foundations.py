"""The articles' mathematics in plain NumPy: short enough to read, exact enough to hold the Keras code against.

Each function names the article's section that it computes (what the articles print wrong is in docs/errata.md) and the
paper behind it. Shapes: N examples, D features or model dimensions, T queries, S keys, H heads, `...` any leading
axes. A mask is boolean, True where a query may attend. A loss returns its value and its gradient.

Example:
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> train_binary_classifier(x, y, hidden=(8,), seed=1).accuracy
    1.0
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Arrays = Sequence[Array]
Pair = tuple[Array, Array]
Mask = Array | None
TINY = np.finfo(np.float64).tiny  # the smallest probability whose logarithm and reciprocal are both finite

# --- Activation functions: architecture.md §4.1 ---


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), (...) -> (...). architecture.md §4.1; Rumelhart, Hinton & Williams 1986."""
    e = np.exp(-np.abs(z))  # in (0, 1]: e^-z itself overflows at z = -710
    return np.where(np.asarray(z) >= 0, 1, e) / (1 + e)


def relu(z: Array) -> Array:
    """max(0, z), (...) -> (...). architecture.md §4.1; Nair & Hinton 2010."""
    return np.maximum(z, 0)


def softmax(z: Array) -> Array:
    """e^z_i / sum_j e^z_j over the last axis, (..., K) -> (..., K). ecosystem.md §4.1; Bridle 1990."""
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))  # the shift cancels in the ratio and keeps e^z from overflowing
    return e / e.sum(axis=-1, keepdims=True)


def softmax_derivative(z: Array) -> Array:
    """The Jacobian diag(p) - p p^T, since every output depends on every input: (..., K) -> (..., K, K)."""
    p = softmax(z)
    return p[..., :, None] * (np.eye(p.shape[-1]) - p[..., None, :])


# Name: (function, derivative), both (...) -> (...). The derivative's argument is the function's own: z, never a = f(z).
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "linear": (lambda z: z, np.ones_like),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),  # 1 - sigmoid(z), but not rounded to 0 for large z
    "relu": (relu, lambda z: np.where(z > 0, 1.0, 0.0)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),  # np.tanh has no inf / inf, which the article's formula runs into
}

# --- Losses: architecture.md §3.3 and §4.3. The value, and the gradient with respect to the first argument ---


def mean_squared_error(prediction: Array, target: Array) -> tuple[float, Array]:
    """Mean of (target - prediction)^2 over all elements; both (...), gradient (...). Gauss 1809."""
    error = np.subtract(prediction, target)
    return float(np.mean(error**2)), 2 * error / error.size


def binary_cross_entropy(probability: Array, target: Array) -> tuple[float, Array]:
    """-mean of y log p + (1 - y) log(1 - p), all (...). architecture.md §4.3, which lacks the second half; Cox 1958."""
    p, y = np.asarray(probability, np.float64), np.asarray(target, np.float64)
    yes, no = np.maximum(p, TINY), np.maximum(1 - p, TINY)  # wrong with certainty costs 708, not infinity
    return float(-np.mean(y * np.log(yes) + (1 - y) * np.log(no))), ((1 - y) / no - y / yes) / p.size


def binary_cross_entropy_from_logits(logit: Array, target: Array) -> tuple[float, Array]:
    """The same for p = sigmoid(z), as max(z, 0) - y z + log(1 + e^-|z|): no overflow, nothing clipped."""
    z, y = np.asarray(logit), np.asarray(target)
    return float(np.mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z))))), (sigmoid(z) - y) / z.size


def cross_entropy(probabilities: Array, labels: Array) -> tuple[float, Array]:
    """-mean of log p[label]; probabilities (..., K), integer labels (...), gradient (..., K). architecture.md §4.3."""
    p = np.maximum(np.asarray(probabilities, np.float64), TINY)
    one_hot = np.eye(p.shape[-1])[labels]  # (..., K)
    return float(-np.sum(one_hot * np.log(p)) / one_hot.sum()), -one_hot / p / one_hot.sum()


def cross_entropy_from_logits(logits: Array, labels: Array) -> tuple[float, Array]:
    """The same for p = softmax(z), by log p = z - max z - log sum e^(z - max z): no overflow, nothing clipped."""
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))  # (..., K)
    one_hot = np.eye(log_p.shape[-1])[labels]  # (..., K)
    return float(-np.sum(one_hot * log_p) / one_hot.sum()), (softmax(logits) - one_hot) / one_hot.sum()


# --- A dense network: architecture.md §3.1 and §3.2; Rumelhart, Hinton & Williams 1986 ---


class Layer(NamedTuple):
    """activation(x @ kernel + bias)."""

    kernel: Array  # (D_in, D_out)
    bias: Array  # (D_out,)
    activation: str = "linear"  # a key of ACTIVATIONS


def initialize(widths: Sequence[int], hidden: str = "relu", seed: int = 0) -> list[Layer]:
    """Layers from widths[0] inputs to widths[-1] linear outputs; kernels of variance 2 / D_in (He et al. 2015)."""
    rng = np.random.default_rng(seed)
    kernels = [rng.normal(0, (2 / rows) ** 0.5, (rows, columns)) for rows, columns in pairwise(widths)]
    layers = [Layer(kernel, np.zeros(kernel.shape[1]), hidden) for kernel in kernels]
    return [*layers[:-1], layers[-1]._replace(activation="linear")]


def forward(network: Sequence[Layer], x: Array) -> tuple[Array, list[Pair]]:
    """(..., D_in) -> (..., D_out), and each layer's (input, z), which the backward pass needs. architecture.md §3.1."""
    cache = []
    for kernel, bias, activation in network:
        z = x @ kernel + bias  # (..., D_out)
        cache.append((x, z))
        x = ACTIVATIONS[activation][0](z)  # the next layer's input: the article gives every layer the same x
    return x, cache


def backward(network: Sequence[Layer], cache: list, gradient: Array) -> tuple[list[Pair], Array]:
    """The chain rule, from the last layer to the first. architecture.md §3.2.

    Takes what `forward` kept and the loss's gradient with respect to its output, (..., D_out). Returns each layer's
    (kernel gradient, bias gradient), and the gradient with respect to the network's input, (..., D_in).
    """
    gradients = []
    for (kernel, _, activation), (x, z) in zip(reversed(network), reversed(cache), strict=True):
        delta = gradient * ACTIVATIONS[activation][1](z)  # (..., D_out): at z, where the function was evaluated
        rows = delta.reshape(-1, delta.shape[-1])  # (N, D_out)
        gradients.append((x.reshape(-1, x.shape[-1]).T @ rows, rows.sum(axis=0)))
        gradient = delta @ kernel.T  # (..., D_in): what the layer below answers for
    return gradients[::-1], gradient


# --- Weight updates: architecture.md §4.2. New lists of arrays, of the same shapes ---


def sgd_step(weights: Arrays, gradients: Arrays, rate: float) -> list[Array]:
    """w - rate * gradient; stochastic if the gradient is a random batch's. Robbins & Monro 1951."""
    return [w - rate * g for w, g in zip(weights, gradients, strict=True)]


def momentum_step(
    weights: Arrays, gradients: Arrays, velocities: Arrays, rate: float, momentum: float = 0.9
) -> tuple[list[Array], list[Array]]:
    """v = momentum * v - rate * gradient, then w + v: (weights, velocities). Polyak 1964; Sutskever et al. 2013.

    The velocity is the decaying sum of all steps so far, downhill; the article adds the last gradient, uphill.
    """
    velocities = [momentum * v - rate * g for v, g in zip(velocities, gradients, strict=True)]
    return [w + v for w, v in zip(weights, velocities, strict=True)], velocities


# --- Attention: ecosystem.md §4.1; Vaswani et al. 2017, §3.2 ---


def padding_mask(tokens: Array, pad: int = 0) -> Array:
    """True at real tokens, for every query: (..., S) -> (..., 1, S). Missing in ecosystem.md §4 and §5."""
    return (np.asarray(tokens) != pad)[..., None, :]


def causal_mask(length: int) -> Array:
    """True where a query may look, at itself and before: (T, T). Missing as well; Vaswani et al. 2017, §3.2.3."""
    return np.tri(length, dtype=bool)


def scaled_dot_product_attention(query: Array, key: Array, value: Array, mask: Mask = None) -> Pair:
    """softmax(Q K^T / sqrt(d_k)) V. ecosystem.md §4.1; Vaswani et al. 2017, equation 1.

    query (..., T, d_k), key (..., S, d_k), value (..., S, d_v), mask broadcast to (..., T, S). Returns the output
    (..., T, d_v) and the weights (..., T, S); both are 0 for a query that may attend to nothing.
    """
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])  # (..., T, S)
    allowed: Array | bool = True if mask is None else mask
    hidden = np.finfo(scores.dtype).min  # not -inf: a query with nothing but -inf would get nan
    weights = softmax(np.where(allowed, scores, hidden)) * allowed  # (..., T, S)
    return weights @ value, weights


def attention_gradient(query: Array, key: Array, value: Array, weights: Array, gradient: Array) -> tuple[Array, ...]:
    """The gradients of query, key and value, each in its shape, from `gradient` of the output and forward's weights."""
    to_weights = gradient @ value.swapaxes(-1, -2)  # (..., T, S)
    # softmax's Jacobian times a vector, without building the Jacobian
    to_scores = weights * (to_weights - np.sum(weights * to_weights, axis=-1, keepdims=True)) / np.sqrt(key.shape[-1])
    return to_scores @ key, to_scores.swapaxes(-1, -2) @ query, weights.swapaxes(-1, -2) @ gradient


class AttentionWeights(NamedTuple):
    """The four linear layers of multi-head attention: kernels (D, D), biases (D,)."""

    query: Layer
    key: Layer
    value: Layer
    output: Layer


def multi_head_attention(
    query: Array, memory: Array, weights: AttentionWeights, num_heads: int, mask: Mask = None
) -> Pair:
    """H attentions side by side, each D / H wide. ecosystem.md §3.1.2; Vaswani et al. 2017, §3.2.2.

    query (..., T, D); memory (..., S, D) is `query` itself in self-attention, the encoder's output in cross-attention;
    mask as above, the same for all heads. Returns the output (..., T, D) and the weights (..., H, T, S).
    """

    def heads(layer: Layer, x: Array) -> Array:
        x = x @ layer.kernel + layer.bias  # (..., T, D)
        return x.reshape(*x.shape[:-1], num_heads, -1).swapaxes(-2, -3)  # (..., H, T, D / H)

    q, k, v = heads(weights.query, query), heads(weights.key, memory), heads(weights.value, memory)
    mask = None if mask is None else mask[..., None, :, :]  # (..., 1, T, S)
    mixed, attention = scaled_dot_product_attention(q, k, v, mask)  # (..., H, T, D / H), (..., H, T, S)
    joined = mixed.swapaxes(-2, -3).reshape(query.shape)  # (..., T, D)
    return joined @ weights.output.kernel + weights.output.bias, attention


# --- The Transformer's encoder block: ecosystem.md §4.2; Vaswani et al. 2017, §3.1, §3.3 and §3.5 ---


class EncoderBlockWeights(NamedTuple):
    """All that one encoder block learns; a normalization is (gamma, beta), (D,) each."""

    attention: AttentionWeights
    attention_norm: Pair
    feed_forward: Sequence[Layer]  # (D -> D_ff, relu), (D_ff -> D, linear)
    feed_forward_norm: Pair


def layer_normalize(x: Array, gamma: Array, beta: Array, epsilon: float = 1e-6) -> Array:
    """Mean 0 and variance 1 over the last axis, scaled and shifted: (..., D) -> (..., D). Ba, Kiros & Hinton 2016."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + epsilon) * gamma + beta


def encoder_block(x: Array, mask: Mask, weights: EncoderBlockWeights, num_heads: int, pre_norm: bool = True) -> Array:
    """Self-attention, then the feed-forward network on its result: (..., T, D) -> (..., T, D). ecosystem.md §4.2.

    Both are residual and, unlike in the article, normalized: x + f(norm(x)) if `pre_norm` (Xiong et al. 2020), which
    leaves one normalization to do after the last block; else norm(x + f(x)) (Vaswani et al. 2017). Mask as above.
    """
    y = layer_normalize(x, *weights.attention_norm) if pre_norm else x
    x = x + multi_head_attention(y, y, weights.attention, num_heads, mask)[0]
    x = x if pre_norm else layer_normalize(x, *weights.attention_norm)
    y = layer_normalize(x, *weights.feed_forward_norm) if pre_norm else x
    x = x + forward(weights.feed_forward, y)[0]  # each position on its own
    return x if pre_norm else layer_normalize(x, *weights.feed_forward_norm)


def sinusoidal_positions(length: int, d_model: int) -> Array:
    """[sin | cos] of position * 10000^(-2i / d_model): (length, d_model), d_model even. Vaswani et al. 2017, §3.5."""
    angles = np.arange(length)[:, None] * 10000.0 ** (-np.arange(0, d_model, 2) / d_model)  # (length, d_model / 2)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)


# --- A binary classifier, from initial weights to convergence: architecture.md §4.4 ---


class BinaryClassifier(NamedTuple):
    """A trained network, its loss at each step, and how well it does on the data that it was trained on."""

    network: list[Layer]  # (N, D) -> logits (N, 1)
    losses: list[float]
    converged: bool  # False: `steps` were not enough
    accuracy: float
    precision: float  # of those predicted 1, the share that is 1
    recall: float  # of those that are 1, the share predicted 1
    f1: float  # harmonic mean of the two (van Rijsbergen 1979)


def train_binary_classifier(
    x: Array, labels: Array, hidden: Sequence[int] = (), rate: float = 0.3, steps: int = 10_000, seed: int = 0
) -> BinaryClassifier:
    """architecture.md §4.4, steps 1 to 6, on all of the data at once, until no gradient exceeds 1e-4.

    x (N, D), best standardized; labels (N,), 0 or 1. `hidden` gives the widths of hidden ReLU layers: without any this
    is logistic regression (Cox 1958), which cannot learn XOR.
    """
    network = initialize([x.shape[1], *hidden, 1], seed=seed)  # 1. initial weights and biases
    velocities = [np.zeros_like(w) for layer in network for w in layer[:2]]
    losses, converged = list[float](), False
    while not converged and len(losses) < steps:  # 6. until it converges
        logits, cache = forward(network, x)  # 2. forward pass, (N, 1)
        loss, gradient = binary_cross_entropy_from_logits(logits, labels[:, None])  # 3. loss
        gradients = [g for layer in backward(network, cache, gradient)[0] for g in layer]  # 4. backward pass
        weights = [w for layer in network for w in layer[:2]]
        weights, velocities = momentum_step(weights, gradients, velocities, rate)  # 5. update
        network = [Layer(weights[2 * i], weights[2 * i + 1], layer.activation) for i, layer in enumerate(network)]
        losses.append(loss)
        converged = bool(max(np.abs(g).max() for g in gradients) < 1e-4)

    predicted = forward(network, x)[0][:, 0] > 0  # (N,): a logit above 0 is a probability above one half
    hits = float(np.sum(predicted & (labels == 1)))  # true positives
    precision, recall = hits / max(1, int(np.sum(predicted))), hits / max(1, int(np.sum(labels)))
    accuracy, f1 = float(np.mean(predicted == labels)), 2 * hits / max(1, int(np.sum(predicted) + np.sum(labels)))
    return BinaryClassifier(network, losses, converged, accuracy, float(precision), float(recall), float(f1))
