"""Layer normalization with the derivative written out. `keras.ops` only."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from fmkeras.translation.model.attention import Tensor

EPSILON = 1e-6  # added to a variance; Keras's own 1e-3 is larger than anyone else's


@ops.custom_gradient
def standardized(x: Tensor) -> tuple[Tensor, Callable]:
    """Shift and scale each row to mean 0 and variance 1: (..., d_model) -> (..., d_model).

    With y the result and g the gradient that comes back, x gets (g - mean(g) - y mean(g y)) / σ. Saying so makes a
    whole training step 4 to 5 % faster than the derivative of each operation (docs/results.md).
    """
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    scale = ops.rsqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + EPSILON)  # (..., 1), 1/σ
    y = centred * scale

    def gradient(*arguments: Tensor, upstream: Tensor = None) -> Tensor:  # PyTorch names it, the others do not
        g = arguments[0] if upstream is None else upstream
        return scale * (g - ops.mean(g, axis=-1, keepdims=True) - y * ops.mean(g * y, axis=-1, keepdims=True))

    return y, gradient


@keras.saving.register_keras_serializable("fmkeras")
class LayerNormalization(keras.layers.LayerNormalization):
    """γ (x - mean) / σ + β over the last axis, in float32 whatever the precision (Ba et al. 2016, arXiv:1607.06450)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"epsilon": EPSILON})

    def call(self, x: Tensor) -> Tensor:
        gamma, beta = ops.cast(self.gamma, "float32"), ops.cast(self.beta, "float32")
        return ops.cast(gamma * standardized(ops.cast(x, "float32")) + beta, self.compute_dtype)
