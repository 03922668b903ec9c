"""What the benchmarks share: the machine, medians, tables, and contenders in processes of their own that take turns."""

import importlib.metadata
import multiprocessing
import os
import platform
import resource
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's greetings, once for each contender's process
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as fmkeras has it: see ctranslate2_engine

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # what decides how fast a matrix product is
PACKAGES = ("tensorflow", "keras", "numpy", "torch", "ctranslate2")


def machine() -> dict:
    """The machine and the versions on it: cpu, cores, flags, memory_gb, python and those of PACKAGES installed."""
    cpu, flags = platform.processor() or platform.machine(), []
    if (info := Path("/proc/cpuinfo")).is_file():
        fields = dict(line.split(":", 1) for line in info.read_text(errors="replace").splitlines() if ":" in line)
        fields = {name.strip(): value.strip() for name, value in fields.items()}
        cpu, flags = fields.get("model name", cpu), [flag for flag in FLAGS if flag in fields.get("flags", "").split()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    found = {"cpu": cpu, "cores": cores, "flags": flags, "memory_gb": round(memory / 2**30, 1)}
    found["python"] = platform.python_version()
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def describe(found: dict) -> str:
    """`machine()` in two lines."""
    versions = ", ".join(f"{name} {found[name]}" for name in ("python", *PACKAGES) if name in found)
    return f"{found['cores']} cores, {found['cpu']} ({' '.join(found['flags'])}), {found['memory_gb']:g} GB\n{versions}"


def summary(values: Sequence[float]) -> dict:
    """Median, least and most of repeated measurements, and the values themselves."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "values": list(values)}


def peak_memory() -> float:
    """The most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text under a header; the first column to the left, the others, as numbers are read, to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def take_turns(contenders: dict[str, tuple[Callable[..., Iterator], tuple]], repetitions: int) -> Iterator[tuple]:
    """Measure contenders that would disturb each other in one process, alternating, so that noise falls on all.

    Args:
        contenders: by name, a generator function of a module, and its arguments. Up to its first `yield` it prepares
            itself and warms up; each further `yield` gives what it measured in one repetition.
        repetitions: how often each has its turn.

    Yields:
        name and measurement, first contender first, round by round.

    Raises:
        RuntimeError: a contender failed; with its own words.
    """
    context = multiprocessing.get_context("spawn")  # forked, TensorFlow's and PyTorch's threads would be missing
    pipes, processes = {}, []
    try:
        for name, (function, arguments) in contenders.items():
            pipes[name], end = context.Pipe()
            processes.append(context.Process(target=_serve, args=(end, function, arguments), daemon=True))
            processes[-1].start()
            end.close()
            _answer(name, pipes[name])  # it is ready: the next one may prepare itself
        for _ in range(repetitions):
            for name, pipe in pipes.items():
                pipe.send("go")
                yield name, _answer(name, pipe)
    finally:
        for process in processes:
            process.terminate()


def _answer(name: str, pipe):
    try:
        failed, answer = pipe.recv()
    except EOFError:
        failed, answer = True, "its process ended (out of memory?)"
    if failed:
        raise RuntimeError(f"{name}: {answer}")
    return answer


def _serve(pipe, function: Callable[..., Iterator], arguments: tuple) -> None:
    """A contender's process: answer each message with the next measurement."""
    try:
        measurements = function(*arguments)
        while True:
            pipe.send((False, next(measurements)))
            pipe.recv()
    except EOFError:  # the benchmark has ended
        pass
    except Exception as error:
        pipe.send((True, f"{type(error).__name__}: {error}"))
