"""The device that a model runs on, and the precision that is fastest there."""

from pathlib import Path

import keras


def has_gpu() -> bool:
    """Whether Keras's backend sees a GPU."""
    return bool(keras.distribution.list_devices("gpu"))


def best_precision() -> str:
    """ "bfloat16" where its products are faster than float32's: on GPUs, and on CPUs with AMX.

    Not where a CPU has AVX512-BF16 alone: there an Intel Xeon took twice as long (docs/results.md).
    """
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text(errors="replace") if cpu.is_file() else ""
    return "bfloat16" if has_gpu() or "amx_bf16" in flags else "float32"
