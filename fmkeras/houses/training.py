"""The article's functions, corrected: section 5.2 of the architecture article. Read them from top to bottom.

    table = load_data()                                                    # 21,613 house sales
    data = preprocess_data(table.features, table.target)                   # split, and scale the target as well
    model = build_model((data.X_train.shape[1],))                          # one linear unit
    history, _ = train_model(model, data)                                  # Adam, mean squared error, early stopping
    complete = with_scaling(model, data)                                   # raw features in, dollars out
    evaluate_model(complete, data.test_inputs, data.y_test)                # {mse, rmse, mae, r2}

What was wrong there and is right here: `load_data` exists; the target is standardized as well as the features; no
statistic of validation or test rows enters the scaling; training converges; the saved model carries its scaling,
takes raw features and returns dollars; and the answer is known: a linear model trained by gradient descent must
reach the least-squares solution.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from fmkeras import cli
from fmkeras.errors import InputError

if TYPE_CHECKING:  # imported where they are used: --help must not wait for TensorFlow
    import keras
    import numpy as np
    import pandas as pd

    from fmkeras.houses.columns import Column
    from fmkeras.houses.linear import Data, Metrics
    from fmkeras.houses.table import Table

TEST_SIZE, VALIDATION_SPLIT, RANDOM_STATE = 0.2, 0.2, 42  # the article's
STEPS = 50  # an epoch, whatever the table's size
MOST_NUMBERS = 4_000_000  # in a batch (16 MB); where the table has fewer, a step sees all rows,
WHOLE_STEPS = 20  # and fewer steps are enough, since no noise of batches needs to be averaged away


def load_data(
    dataset: str = "king_county",
    target: str | None = None,
    *,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    header: bool = True,
) -> Table:
    """The function that the article calls and never defines: see `fmkeras.houses.table.load`."""
    from fmkeras.houses import table

    return table.load(dataset, target, drop, categorical, numeric, header)


def preprocess_data(
    X: np.ndarray | pd.DataFrame,
    y: np.ndarray,
    test_size: float = TEST_SIZE,
    validation_split: float = VALIDATION_SPLIT,
    random_state: int = RANDOM_STATE,
    scale_target: bool = True,
    columns: Sequence[Column] = (),
    log_target: bool = False,
    ridge: bool = False,
) -> Data:
    """Split X (rows, features) and y (rows,) in three and standardize both with the training rows' statistics.

    The article fits its scaler before Keras takes the validation rows away, so they leak into it, and does not scale
    the target although it says so. The rows are the same as there: a shuffled 80/20 split, then the last 20 % of the
    80 % for validation, as `validation_split=0.2` takes them.

    Args:
        X: numbers; or, with `columns`, a frame of numbers with gaps and of text.
        scale_target: False repeats the article's mistake.
        columns: what the columns of the frame are: `Table.columns`.
        log_target: learn the logarithm of the target.
        ridge: whether large weights will be penalised: then there may be more columns than rows.

    Raises:
        InputError: too few training rows for the features, they all have the same target, or it has no logarithm.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    from fmkeras.houses.encoding import Encoder
    from fmkeras.houses.linear import Data

    y = np.asarray(y)
    if len(X) < 10:
        raise InputError(f"the table has {len(X)} usable rows: at least 10 are needed to train, validate and test")
    if log_target and y.min() <= 0:
        raise InputError(f"--log-target: the target is {y.min():g} in some row, which has no logarithm; leave it out")
    X = X if columns else np.asarray(X)
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=test_size, random_state=random_state)
    first = int(len(X_rest) * (1 - validation_split))  # training rows
    if first <= X.shape[1] and not ridge:
        raise InputError(
            f"of {len(X):,} usable rows {first:,} are left to train on: too few for {X.shape[1]:,} columns, since a "
            "linear model needs more rows than columns; remove columns, add rows, or add --ridge"
        )
    scaler = Encoder.fit(X_rest[:first], columns) if columns else StandardScaler().fit(X_rest[:first])
    y_rest = np.log(y_rest) if log_target else y_rest
    mean, scale = (float(y_rest[:first].mean()), float(y_rest[:first].std())) if scale_target else (0.0, 1.0)
    if scale == 0:
        raise InputError("the target is the same in all training rows: nothing to learn")
    X_rest, y_rest = scaler.transform(X_rest), (y_rest - mean) / scale
    if not np.ptp(X_rest[:first], axis=0).any():
        raise InputError("every column is the same in all training rows: nothing to learn from")
    parts = X_rest[:first], y_rest[:first], X_rest[first:], y_rest[first:], X_test, y_test
    return Data(*parts, scaler, mean, scale, log_target)


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """Make models in float32, whatever a notebook has set: bfloat16 has two digits of a price, float16 none of 65,520.

    A block, or a decorator of functions that make models.
    """
    import keras

    set_before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_floatx(set_before[0])
        keras.config.set_dtype_policy(set_before[1])


@in_float32()
def build_model(input_shape: tuple[int], kernel_regularizer: Callable | None = None) -> keras.Sequential:
    """One linear unit, as in the article: (batch, features) -> (batch, 1), in standardized units.

    The weights start at zero, which predicts the mean. The loss is convex, so the start does not decide the end; but
    from zero a column that never varies keeps the weight 0, and two equal columns share one weight evenly.
    """
    import keras

    unit = keras.layers.Dense(1, kernel_initializer="zeros", kernel_regularizer=kernel_regularizer)
    return keras.Sequential([keras.Input(input_shape), unit])


def train_model(
    model: keras.Model,
    data: Data,
    epochs: int = 100,
    seed: int = 0,
    report: Callable[[dict, int], None] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    ridge: float = 0.0,
    until: int | None = None,
) -> tuple[pd.DataFrame, bool]:
    """Minimise the mean squared error with Adam, stop early, and leave the best weights in `model`.

    The article's batches of 32 at a constant 0.001 take 35,000 small steps and never settle: where they end depends
    on the last batches. Here a step sees all rows, 20 steps make an epoch, and the rate falls exponentially from 0.02
    to 0.00002: large steps cross the distance in a few epochs, small ones settle. Of a very large table a step sees a
    batch, 50 batches make an epoch, and the small steps average their noise away. Early stopping starts half-way,
    because while the steps are large the validation loss jumps about, and its lowest value is luck.

    Columns that depend on one another make the loss a long narrow valley, along which gradient descent does not get
    far enough. So the unit is trained in orthogonal coordinates (`linear.Directions`), and its weights are turned back.

    Args:
        model: from `build_model`; trained in place.
        report: called after each epoch with {epoch, loss, val_loss, seconds} and the number of epochs at most.
        callbacks: any of Keras's; they see the unit in its orthogonal coordinates.
        ridge: strength of the penalty on squared weights.
        until: end after this epoch, and do not stop early.

    Returns:
        The history, one row an epoch, and whether training ended by itself (False: by Ctrl-C; then `model` has the
        best weights so far).
    """
    import keras
    import pandas as pd

    from fmkeras.houses.linear import Directions, shuffled_batches

    keras.utils.set_random_seed(seed)
    turned = Directions.of(data.X_train, ridge)
    penalty = turned.penalty.astype("float32")[:, None]
    unit = build_model((turned.basis.shape[1],), (lambda w: keras.ops.sum(penalty * w**2)) if ridge else None)
    batch_size, steps = _steps(*data.X_train.shape)
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, decay_steps=steps * epochs, decay_rate=0.001)
    # One call into TensorFlow an epoch: a step of this model is so short that the call would cost more than the step.
    unit.compile(keras.optimizers.Adam(rate), loss="mean_squared_error", steps_per_execution=steps)
    stop = keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True, start_from_epoch=epochs // 2)
    history, best, began = [], (float("inf"), None), time.perf_counter()

    def on_epoch_end(epoch: int, logs: dict) -> None:
        nonlocal best
        history.append({"epoch": epoch + 1} | {name: float(logs[name]) for name in ("loss", "val_loss")})
        history[-1]["seconds"] = round(time.perf_counter() - began, 3)
        if logs["val_loss"] < best[0]:
            best = logs["val_loss"], unit.get_weights()
        if report:
            report(history[-1], epochs)
        cli.stop_if_interrupted()

    finished, recorder = True, keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)
    try:
        unit.fit(
            shuffled_batches(turned.transform(data.X_train), data.y_train, batch_size, seed),
            steps_per_epoch=steps,
            epochs=until or epochs,
            shuffle=False,  # the generator does it
            validation_data=(turned.transform(data.X_validation), data.y_validation),
            validation_batch_size=4096,
            callbacks=[*[stop] * (until is None), recorder, *callbacks],
            verbose=0,
        )
    except KeyboardInterrupt:
        finished = False
        weights = stop.best_weights if stop.best_weights is not None else best[1]
        if weights is not None:
            unit.set_weights(weights)
    kernel, bias = unit.get_weights()
    weights = turned.weights(kernel[:, 0].astype("float64"), float(bias[0]))
    model.set_weights([weights[:-1, None], weights[-1:]])
    return pd.DataFrame(history, columns=["epoch", "loss", "val_loss", "seconds"]), finished


def _steps(rows: int, columns: int) -> tuple[int, int]:
    """How many rows a step sees, and how many steps make an epoch."""
    batch_size = max(rows // STEPS, min(rows, MOST_NUMBERS // columns), 1)
    return batch_size, STEPS if batch_size < rows else WHOLE_STEPS


def weights_of(model: keras.Model) -> np.ndarray:
    """The weights of `build_model`'s unit: (features + 1,) float64, the bias last."""
    import numpy as np

    kernel, bias = model.layers[-1].get_weights()
    return np.append(kernel[:, 0], bias).astype("float64")


@in_float32()
def with_scaling(model: keras.Model, data: Data) -> keras.Model:
    """The model to save: raw features (batch, features), or a dict of raw columns -> the target in its own unit.

    The scaling is Keras's own `Normalization`, so the file loads with `keras.models.load_model` alone.
    """
    import keras
    import numpy as np

    weights = weights_of(model)
    mean = data.target_mean + float(np.log(data.smearing(weights)))
    output = [
        keras.layers.Normalization(mean=[mean], variance=[data.target_scale**2], invert=True, name="to_target_unit")
    ]
    if data.log:
        output.append(keras.layers.Activation("exponential", name="from_logarithm"))
    scaler = data.feature_scaler
    if hasattr(scaler, "keras_model"):  # an Encoder: text, gaps
        return scaler.keras_model(weights, output)
    standardize = keras.layers.Normalization(mean=scaler.mean_, variance=scaler.scale_**2, name="standardize")
    return keras.Sequential(
        [keras.Input(model.input_shape[1:], name="raw_features"), standardize, model.layers[-1], *output]
    )


def evaluate_model(model: keras.Model, X_test: np.ndarray | dict, y_test: np.ndarray) -> Metrics:
    """{mse, rmse, mae, r2} of a `with_scaling` model on raw rows, in dollars; the article prints a bare loss."""
    from fmkeras.houses.linear import metrics

    return metrics(model.predict(X_test, batch_size=4096, verbose=0)[:, 0], y_test)
