"""The device that a model runs on, the precision that is fastest there, and the versions that made a run."""

import importlib
import os
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras

import fmkeras
from fmkeras import workers
from fmkeras.errors import InputError

CPU = Path("/proc/cpuinfo")  # Linux only
DEV = Path("/dev")  # with a file nvidia0, nvidia1 ... for each GPU of NVIDIA, on Linux
NVIDIA = (Path("/proc/driver/nvidia/version"), DEV / "nvidia0")  # what there is on Linux where a GPU is
BFLOAT16, FLOAT16 = (8, 0), (7, 0)  # the compute capabilities of NVIDIA from which on there are units for it
MISSING = {  # what a backend that sees no GPU lacks, as a rule
    "tensorflow": 'pip install "tensorflow[and-cuda]"',
    "jax": 'pip install "jax[cuda12]"',
    "torch": "install PyTorch as https://pytorch.org says for CUDA",
}


class Gpu(NamedTuple):
    """A GPU, or a TPU."""

    name: str  # "Tesla T4"
    capability: tuple[int, int] | None = None  # NVIDIA's compute capability, such as (7, 5); None for other makers'


def check_floatx() -> None:
    """Raise an InputError if Keras's numbers without a type are no float32: search and losses count on it."""
    if (floatx := keras.config.floatx()) != "float32":
        raise InputError(
            f"Keras's floatx is {floatx}, and a translator needs float32: call keras.config.set_floatx('float32'), or "
            "set it in ~/.keras/keras.json; half precision is --precision"
        )


def gpus() -> list[Gpu]:
    """The GPUs, or TPUs, that Keras's backend sees.

    Raises:
        InputError: it finds no device at all, as JAX where it may use a GPU only and there is none.
    """
    return {"tensorflow": _tensorflow_gpus, "jax": _jax_gpus, "torch": _torch_gpus}[keras.backend.backend()]()


def _tensorflow_gpus() -> list[Gpu]:
    import tensorflow as tf

    found = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return [Gpu(one.get("device_name", "GPU"), one.get("compute_capability")) for one in found]


def _jax_gpus() -> list[Gpu]:
    import jax

    try:
        devices = jax.local_devices()  # those of the default platform, on this machine
    except (RuntimeError, AssertionError) as error:  # the second is what is raised where no plugin knows the platform
        named, why = os.environ.get("JAX_PLATFORMS", ""), " ".join(str(error).split())[:200]
        reason = f"JAX_PLATFORMS={named} asks for" if named else "it is set to use"
        raise InputError(
            f"JAX finds no device of the kind that {reason}{f' ({why})' * bool(why)}: unset JAX_PLATFORMS, or "
            "JAX_PLATFORMS=cpu"
        ) from None
    found = []
    for device in devices:
        if device.platform != "cpu":
            capability = re.fullmatch(r"(\d+)\.(\d+)", str(getattr(device, "compute_capability", "")))
            found.append(Gpu(device.device_kind, (int(capability[1]), int(capability[2])) if capability else None))
    return found


def _torch_gpus() -> list[Gpu]:
    import torch

    numbers = range(torch.cuda.device_count())
    return [Gpu(torch.cuda.get_device_name(i), torch.cuda.get_device_capability(i)) for i in numbers]


def has_gpu() -> bool:
    """Whether Keras's backend sees a GPU."""
    return bool(gpus())


def best_precision() -> tuple[str, str]:
    """The fastest precision here, and why: of several GPUs that of the oldest.

    A CPU with AVX512-BF16 alone gets float32: there an Intel Xeon took twice as long in bfloat16 (docs/results.md).
    """
    found = gpus()
    if not found and "amx_bf16" in _cpuinfo():
        return "bfloat16", "its AMX units are made for it"
    if not found:
        return "float32", "a CPU without AMX is faster in it"
    least = min((gpu.capability for gpu in found if gpu.capability), default=BFLOAT16)
    if least >= BFLOAT16:
        return "bfloat16", "its matrix units are made for it"
    if least >= FLOAT16:
        return "float16", "its matrix units are made for it, and not for bfloat16"
    return "float32", "it has no matrix units for less"


def device() -> str:
    """The device that computes, in words: "2 CPU cores (AMD EPYC)", "GPU Tesla T4 (compute capability 7.5)"."""
    if found := gpus():
        kinds = {gpu: found.count(gpu) for gpu in found}
        return ", ".join(f"{count} × " * (count > 1) + _described(gpu) for gpu, count in kinds.items())
    name = re.search(r"model name\s*:\s*(.+)", _cpuinfo())
    cores = workers.cores()
    return f"{cores} CPU core{'s'[: cores > 1]} ({name[1].strip() if name else platform.machine()})"


def _described(gpu: Gpu) -> str:
    name = gpu.name if "TPU" in gpu.name else f"GPU {gpu.name}"
    return f"{name} (compute capability {'.'.join(map(str, gpu.capability))})" if gpu.capability else name


def description(precision: str) -> str:
    """Device, precision, why that, and backend: "2 CPU cores (...), float32: ...; Keras on tensorflow 2.21.0"."""
    best, reason = best_precision()
    why = f": {reason}" if precision == best else f", where {best} is faster: {reason}"
    return f"{device()}, {precision}{why}; Keras on {backend()}"


def unused_gpu() -> str:
    """Why an NVIDIA GPU that the machine has is not used, and what to do; "" if it has none, or one is used."""
    if gpus() or not any(path.exists() for path in NVIDIA):
        return ""
    name = keras.backend.backend()
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and _names_none(hidden):
        return f"the machine has an NVIDIA GPU, which CUDA_VISIBLE_DEVICES={hidden} hides"
    return (
        f"the machine has an NVIDIA GPU, and {name} does not find it: its CUDA libraries are missing, or do not fit "
        f"the driver: {MISSING[name]}"
    )


def _names_none(visible: str) -> bool:
    """Whether a value of CUDA_VISIBLE_DEVICES names no GPU of this machine: its list ends at the first wrong number."""
    first, files = visible.split(",")[0].strip(), [path for path in DEV.glob("nvidia*") if path.name[6:].isdigit()]
    if not re.fullmatch(r"-?\d*", first):
        return False  # a UUID, such as GPU-8932f937
    return first in ("", "-") or int(first) < 0 or 0 < len(files) <= int(first)


def backend() -> str:
    """Keras's backend and its version: "tensorflow 2.21.0"."""
    name = keras.backend.backend()
    return f"{name} {importlib.import_module(name).__version__}"


def compiles_each_shape() -> bool:
    """Whether each new shape of a batch costs seconds: where XLA compiles. On a CPU, TensorFlow does without."""
    return keras.backend.backend() == "jax"


def batch_widths(training: bool) -> int:
    """The `widths` of `Batches` that fit the backend: fewer for evaluation, which is over soon whatever it pads."""
    return (8 if training else 1) if compiles_each_shape() else 0


# What JAX tells of when it compiles. Not of tracing as well, which it tells of one within another.
COMPILING = ("/jax/core/compile/jaxpr_to_mlir_module_duration", "/jax/core/compile/backend_compile_duration")
_compiling: list[float] = []  # seconds of each compilation by XLA that JAX has told of


def compile_seconds() -> float:
    """Seconds that JAX has spent compiling since this was first called; 0 with other backends."""
    if not compiles_each_shape():
        return 0.0
    if not _compiling:
        import jax

        def listen(event: str, seconds: float, **_: object) -> None:
            if event in COMPILING:
                _compiling.append(seconds)

        _compiling.append(0.0)
        jax.monitoring.register_event_duration_secs_listener(listen)
    return sum(_compiling)


def compiled(function: Callable) -> Callable:
    """A function of tensors as one graph, where the backend has such."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def jit_compile() -> str | bool:
    """What `keras.Model.compile` is given: XLA with JAX only. Elsewhere it is slower, on a CPU ten times."""
    return "auto" if compiles_each_shape() else False


def made_by(precision: str) -> dict[str, str]:
    """What config.json and report.json say of how a run was made: versions, device, precision."""
    return {
        "fmkeras": fmkeras.__version__,
        "keras": keras.__version__,
        "backend": backend(),
        "python": platform.python_version(),
        "device": device(),
        "precision": precision,
    }


def _cpuinfo() -> str:
    return CPU.read_text(errors="replace") if CPU.is_file() else ""
