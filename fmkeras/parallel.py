"""Several devices that share each batch: the steps are those of one device, for the batch is the same.

With JAX it is `keras.distribution.DataParallel`: what a program computes stays the same, wherever its parts are.
TensorFlow's strategies give each device a mean of its own rows, and so other steps; with it one device is used.
"""

import contextlib

import keras

from fmkeras import devices
from fmkeras.errors import InputError


class Devices:
    """Some devices of this machine. A model that they share is made, trained and validated within `scope()`.

    Args:
        count: how many; 0 for all GPUs, or the one CPU. With TensorFlow that is one.

    Raises:
        InputError: there are not so many, or the backend is not JAX.
    """

    def __init__(self, count: int = 0):
        if keras.backend.backend() != "jax":
            if count > 1:
                raise InputError(f"--devices {count} needs JAX: pip install jax, and set KERAS_BACKEND=jax")
            self.count = 1
            return
        there = len(_names())
        self.count = count or max(1, len(devices.gpus()))
        if self.count > there:
            raise InputError(f"--devices {count}: {devices.backend()} sees {there} ({devices.device()}): name no more")

    def scope(self) -> contextlib.AbstractContextManager:
        """A block in which models are made for, and run on, these devices."""
        if self.count == 1:
            return contextlib.nullcontext()
        return keras.distribution.DataParallel(devices=_names()[: self.count]).scope()

    def note(self) -> str:
        """What is said of them beside the device's name."""
        if self.count > 1:
            return f"; {self.count} devices share each batch"
        return "; one of them is used: KERAS_BACKEND=jax uses all" if len(devices.gpus()) > 1 else ""


def _names() -> list[str]:
    """The devices that JAX computes on: its GPUs, or the CPUs that it is told to see."""
    return keras.distribution.list_devices()


def replicas() -> int:
    """How many devices share each batch within the present `Devices.scope`; 1 outside of any."""
    distribution = keras.distribution.distribution()
    return distribution.device_mesh.devices.size if distribution else 1
