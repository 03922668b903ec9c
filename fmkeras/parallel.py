"""Several devices that share each batch: the steps are those of one device, for the batch is the same.

With JAX it is `keras.distribution.DataParallel`: what a program computes stays the same, wherever its parts are.
TensorFlow's strategies give each device a mean of its own rows, and so other steps; with it one device is used.
"""

import contextlib

import keras

from fmkeras import devices, machines
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
            self.count, self.names = 1, [""]
            return
        names = _names()
        self.count = count or max(1, len(devices.gpus()))
        if self.count > len(names):
            raise InputError(
                f"--devices {count}: {devices.backend()} sees {len(names)} ({devices.device()}): name no more"
            )
        machines.agree({"devices": self.count})
        self.names = [name for each in machines.gathered(names[: self.count]) for name in each]

    def scope(self) -> contextlib.AbstractContextManager:
        """A block in which models are made for, and run on, these devices."""
        if len(self.names) == 1:
            return contextlib.nullcontext()
        alone = machines.count() == 1  # else each process makes the rows of its own devices: `own_rows`
        return keras.distribution.DataParallel(devices=self.names, auto_shard_dataset=alone).scope()

    def note(self) -> str:
        """What is said of them beside the device's name."""
        if len(self.names) > 1:
            several = f" of {machines.count()} processes" * (machines.count() > 1)
            return f"; {len(self.names)} devices{several} share each batch"
        return "; one of them is used: KERAS_BACKEND=jax uses all" if len(devices.gpus()) > 1 else ""


def _names() -> list[str]:
    """The devices of this machine that JAX computes on: its GPUs, or the CPUs that it is told to see."""
    import jax

    return [f"{device.platform}:{device.id}" for device in jax.local_devices()]


def replicas() -> int:
    """How many devices share each batch within the present `Devices.scope`; 1 outside of any."""
    distribution = keras.distribution.distribution()
    return distribution.device_mesh.devices.size if distribution else 1


def own_rows(count: int) -> slice:
    """Which of so many rows, a multiple of `replicas`, this process computes within the present `Devices.scope`."""
    share = count // machines.count() if replicas() > 1 else count
    return slice(machines.number() * share, (machines.number() + 1) * share)
