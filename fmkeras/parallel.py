"""Several devices that share each batch: the steps are those of one device, for the batch is the same.

With JAX it is `keras.distribution.DataParallel`: what a program computes stays the same, wherever its parts are.
With TensorFlow it is `tf.distribute.MirroredStrategy`: each replica computes some rows, and what all rows count for is
summed over the replicas: tokens (`total`), gradients (`shared`), metrics (Keras does).
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras

from fmkeras import devices, machines
from fmkeras.errors import InputError


class Devices:
    """Some devices of this machine. A model that they share is made, trained and validated within `scope()`.

    Args:
        count: how many; 0 for all GPUs, or the one CPU.

    Raises:
        InputError: there are not so many, or the backend is neither JAX nor TensorFlow.
    """

    def __init__(self, count: int = 0):
        able = keras.backend.backend() in ("jax", "tensorflow")
        self.count, self._strategy = count or (max(1, len(devices.gpus())) if able else 1), None
        if self.count > 1 and not able:
            raise InputError(f"--devices {count} needs JAX or TensorFlow: set KERAS_BACKEND=jax or tensorflow")
        names = _names() if self.count > 1 or machines.count() > 1 else [""]
        if self.count > len(names):
            raise InputError(
                f"--devices {count}: {devices.backend()} sees {len(names)} ({devices.device()}): name no more"
            )
        machines.agree({"devices": self.count})
        self.names = [name for each in machines.gathered(names[: self.count]) for name in each]
        if len(self.names) > 1:
            self._strategy = _strategy(self.names)

    def scope(self) -> contextlib.AbstractContextManager:
        """A block in which models are made for, and run on, these devices."""
        return self._strategy.scope() if self._strategy else contextlib.nullcontext()

    def note(self) -> str:
        """What is said of them beside the device's name."""
        several = f" of {machines.count()} processes" * (machines.count() > 1)
        if len(self.names) > 1:
            return f"; {len(self.names)} devices{several} share each batch"
        return "; one of them is used" * (len(devices.gpus()) > 1)


def _tensorflow() -> bool:
    return keras.backend.backend() == "tensorflow"


def _names() -> list[str]:
    """The devices of this machine that the backend computes on: its GPUs, or the CPUs that it is told to see."""
    if not _tensorflow():
        import jax

        return [f"{device.platform}:{device.id}" for device in jax.local_devices()]
    import tensorflow as tf

    return [one.name for one in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")]


def _strategy(names: Sequence[str]) -> Any:
    """What has a `scope()` of these devices."""
    if not _tensorflow():
        alone = machines.count() == 1  # else each process makes the rows of its own devices: `own_rows`
        return keras.distribution.DataParallel(devices=names, auto_shard_dataset=alone)
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(names)


def replicas() -> int:
    """How many devices share each batch within the present `Devices.scope`; 1 outside of any."""
    if _tensorflow():
        import tensorflow as tf

        return tf.distribute.get_strategy().num_replicas_in_sync
    distribution = keras.distribution.distribution()
    return distribution.device_mesh.devices.size if distribution else 1


def own_rows(count: int) -> slice:
    """Which of so many rows, a multiple of `replicas`, this process computes within the present `Devices.scope`."""
    share = count // machines.count() if replicas() > 1 else count
    return slice(machines.number() * share, (machines.number() + 1) * share)


def total(tensors: Any) -> Any:
    """The sum over TensorFlow's replicas of a tensor, or of each of a list of them; with one device they themselves.

    JAX asks for none: there each tensor is that of the whole batch.
    """
    if not _tensorflow() or replicas() == 1:
        return tensors
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()  # None where Keras looks at shapes only
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, tensors) if replica else tensors


def shared(kind: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """A kind of optimizer for models of the present `Devices.scope`."""
    return type(kind.__name__, (_Summing, kind), {}) if _tensorflow() and replicas() > 1 else kind


class _Summing:
    """What makes one of Keras's optimizers sum the gradients of TensorFlow's replicas before all else.

    Keras clips the gradient of each replica, looks in each for an overflow, and sums them afterwards. Here all replicas
    have the same sum, and each makes the same step on its own copy of the weights.
    """

    def apply_gradients(self, grads_and_vars: Iterable) -> None:
        """As Keras does it, but with the sum of all replicas' gradients."""
        gradients, variables = zip(*grads_and_vars, strict=True)
        super().apply_gradients(zip(total(list(gradients)), variables, strict=True))  # type: ignore[misc]

    # The three steps in which Keras's optimizers leave the replicas, which TensorFlow forbids in the branches of a
    # condition: such as whether all parts of a batch have been seen.
    def _backend_update_step(self, grads: list, trainable_variables: list, learning_rate: Any) -> None:
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)  # type: ignore[attr-defined]

    def _backend_increment_gradient_accumulators(self, grads: list, acc_grads: list) -> None:
        for gradient, sum_ in zip(grads, acc_grads, strict=True):
            sum_.assign_add(gradient)

    def _apply_weight_decay(self, variables: list) -> None:
        for variable in variables if self.weight_decay else ():  # type: ignore[attr-defined]
            if self._use_weight_decay(variable):  # type: ignore[attr-defined]
                variable.assign_sub(variable * self.weight_decay * self.learning_rate)  # type: ignore[attr-defined]


def on_each(function: Callable) -> Callable:
    """A function that changes variables, to be run on each of TensorFlow's replicas; with others it itself.

    Each replica changes its own copies. Written to from outside, they would be sent from one to the others.
    """
    if not _tensorflow():
        return function
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    return lambda *arguments: strategy.run(function, arguments)


def draw_apart(seeds: Iterable[keras.Variable]) -> None:
    """Let the replicas draw different random numbers: the states of `keras.random.SeedGenerator`s are alike on all.

    The first replica's stay as they are, and are those that are saved. JAX draws for the whole batch.
    """
    if not _tensorflow() or replicas() == 1:
        return
    import tensorflow as tf

    for seed in seeds:
        first, *others = tf.distribute.get_strategy().experimental_local_results(seed.value)
        for number, other in enumerate(others, 1):
            other.assign(first + [number, 0])
