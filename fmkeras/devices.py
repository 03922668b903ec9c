"""The device that a model runs on, the precision that is fastest there, and the versions that made a run."""

import importlib
import os
import platform
import re
from pathlib import Path

import keras

import fmkeras

CPU = Path("/proc/cpuinfo")  # Linux only


def gpus() -> list[str]:
    """The GPUs that Keras's backend sees, by the names that it gives them."""
    try:
        return list(keras.distribution.list_devices("gpu"))
    except (RuntimeError, ValueError, NotImplementedError):  # JAX raises where there is none
        return []


def has_gpu() -> bool:
    """Whether Keras's backend sees a GPU."""
    return bool(gpus())


def best_precision() -> str:
    """ "bfloat16" where its products are faster than float32's: on GPUs, and on CPUs with AMX.

    Not where a CPU has AVX512-BF16 alone: there an Intel Xeon took twice as long (docs/results.md).
    """
    return "bfloat16" if has_gpu() or "amx_bf16" in _cpuinfo() else "float32"


def device() -> str:
    """The device that computes, in words: "2 CPU cores (AMD EPYC)", "1 GPU (gpu:0)"."""
    if found := gpus():
        return f"{len(found)} GPU{'s'[: len(found) > 1]} ({', '.join(found)})"
    name = re.search(r"model name\s*:\s*(.+)", _cpuinfo())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{cores} CPU core{'s'[: cores > 1]} ({name[1].strip() if name else platform.machine()})"


def backend() -> str:
    """Keras's backend and its version: "tensorflow 2.21.0"."""
    name = keras.backend.backend()
    return f"{name} {importlib.import_module(name).__version__}"


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
