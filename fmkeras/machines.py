"""Several machines that share each batch: one process on each runs the same command, with Keras on JAX.

All make the same steps at the same time. Process 0 alone writes and speaks; what the others write lies in a temporary
folder. Of what is done here, all processes must do the same in the same order: each waits for the others.
"""

import contextlib
import ctypes
import importlib.metadata
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import keras
import numpy as np

import fmkeras
from fmkeras import cli
from fmkeras.errors import InputError

KERAS = "KERAS_DISTRIBUTION_"  # begins the names of Keras's own variables
AUTO = "auto"  # the address of those whose environment names it: Slurm, Open MPI, TPUs
LEAST = {"jax": (0, 7), "keras": (3, 11)}  # versions
HEARTBEAT = 30  # seconds without a sign of life after which a process is taken for dead
BLOCK = 1 << 26  # bytes of a file that are sent at a time
_kept: list = []  # C functions that must not be collected
# What JAX's errors tell of if it is another process that failed.
ANOTHER = re.compile(r"gloo|nccl|coordination|heartbeat|UNAVAILABLE|DEADLINE_EXCEEDED|connection", re.IGNORECASE)


@contextlib.contextmanager
def joined(address: str | None, processes: int | None, process: int | None, run: str) -> Iterator[None]:
    """Run the block as one of several processes, if that is asked for here or in Keras's own variables.

    What ends the block early ends this process at once, without the wait for the others in which Python's own end
    would begin; and so it ends them. Each says in one line why.

    Args:
        address, processes, process: as of `join`.
        run: the run folder, to name.
    """
    address = address or os.environ.get(f"{KERAS}JOB_ADDRESSES")
    numbers = {"processes": processes, "process": process}
    if address is None and (given := [f"--{name}" for name, number in numbers.items() if number is not None]):
        raise InputError(f"{' and '.join(given)} needs --distributed HOST:PORT, or --distributed auto")
    if address is None:
        yield
        return
    lost = "another process has ended, or cannot be reached, so this one ends, too: start all of them again, with "
    lost += f"--resume to go on from the last checkpoint in {run}"
    try:
        at_abort(lost)
        join(address, processes, process)
        yield
    except BaseException as error:
        _end(InputError(lost) if _is_of_another(error) else error)


def join(address: str, processes: int | None = None, process: int | None = None) -> None:
    """Make this process one of several, before JAX has computed anything. Returns when all have come.

    Args:
        address: host and port of process 0, where the others find it: "10.0.0.1:1234"; "auto" if the environment, such
            as Slurm's, tells it to JAX.
        processes: how many there are.
        process: the number of this one, from 0 on. Both are those of Keras's own variables, or of the environment, if
            they are not given.

    Raises:
        InputError: the backend is not JAX, JAX or Keras is too old, numbers or address cannot be, or not all have come.
    """
    _check_versions()
    processes = _number("NUM_PROCESSES") if processes is None else processes
    process = _number("PROCESS_ID") if process is None else process
    address = address.split(",")[0]  # Keras takes all; the first is that of process 0
    if address != AUTO and not re.fullmatch(r".+:\d{1,5}", address):
        raise InputError(f"--distributed {address}: name host and port of process 0, as in 10.0.0.1:1234, or auto")
    if address != AUTO and processes is not None and not 0 <= (process or 0) < processes:
        raise InputError(f"--process {process}: of {processes} processes the numbers are 0 to {processes - 1}")
    import jax

    # As keras.distribution.initialize does it, which cannot tell JAX after how long a process is taken for dead.
    place = None if address == AUTO else address, processes, process
    options = {} if None in place else {"cluster_detection_method": "deactivate"}  # else Slurm's would give it one GPU
    try:
        jax.distributed.initialize(*place, **options, heartbeat_timeout_seconds=HEARTBEAT)
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"the processes did not come together ({reason}): name --distributed, --processes, and for "
            "each another --process; process 0 must be there"
        ) from None
    names = ("fmkeras", "keras", "jax", "numpy")
    with cli.quiet(1):  # gloo remarks on standard output that it is there
        agree({"fmkeras": fmkeras.__version__} | {name: importlib.metadata.version(name) for name in names[1:]})


def _check_versions() -> None:
    """Raise an InputError if Keras does not run on JAX, or one of the two is too old."""
    if keras.backend.backend() != "jax":
        raise InputError("--distributed needs JAX: pip install jax, and set KERAS_BACKEND=jax")
    for package, least in LEAST.items():
        found = importlib.metadata.version(package)
        if tuple(map(int, found.split(".")[:2])) < least:
            raise InputError(f"--distributed needs {package} {'.'.join(map(str, least))} or later, not {found}")


def _number(name: str) -> int | None:
    """What one of Keras's variables says; None if it is not set."""
    text = os.environ.get(KERAS + name)
    if text is not None and not text.isdecimal():
        raise InputError(f"{KERAS}{name}={text} is no number")
    return None if text is None else int(text)


def count() -> int:
    """How many processes share each batch; 1 if there is only this one, or when the others have been left."""
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return jax.process_count() if jax.distributed.is_initialized() else 1


def number() -> int:
    """The number of this process; 0 if there is only this one."""
    if count() == 1:
        return 0
    import jax

    return jax.process_index()


def first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return number() == 0


def leave() -> bool:
    """Part from the others when all have come here. Returns whether this process goes on: 0 does, the others end."""
    goes_on = first()
    if count() > 1:
        import jax

        jax.distributed.shutdown()
        if _kept:
            signal.signal(signal.SIGABRT, signal.SIG_DFL)
    return goes_on


def gathered(value: Any) -> list:
    """What each process gives, which JSON must hold, in the order of their numbers."""
    if count() == 1:
        return [value]
    from jax.experimental import multihost_utils

    data = json.dumps(value).encode()
    sizes = multihost_utils.process_allgather(np.array([len(data)], "int32"))[:, 0]
    row = np.zeros(1 << int(sizes.max()).bit_length(), "uint8")  # of few sizes, for each is compiled
    row[: len(data)] = np.frombuffer(data, "uint8")
    rows = multihost_utils.process_allgather(row)
    return [json.loads(row[:size].tobytes()) for row, size in zip(rows, sizes, strict=True)]


def from_first(value: Any) -> Any:
    """What process 0 gives."""
    return gathered(value)[0]


def agree(facts: dict[str, Any]) -> None:
    """See that these facts are the same in all processes.

    Raises:
        InputError: they are not; names the first process that has others, and which.
    """
    expected, *others = gathered(facts)
    for i, found in enumerate(others, start=1):
        different = [
            f"{name} {found.get(name)}, not {value}" for name, value in expected.items() if found.get(name) != value
        ]
        if different:
            raise InputError(
                f"process {i} has {'; '.join(different)} as process 0: start all with the same command, data and "
                "versions"
            )


@contextlib.contextmanager
def in_turn() -> Iterator[None]:
    """Have the others begin the block when process 0 has ended it, so that they find what it has written."""
    if not first():
        gathered(None)
    yield
    if first():
        gathered(None)


def copy_from_first(folder: Path, names: Iterable[str]) -> None:
    """Give the other processes, in their own `folder`, those files of these names that process 0 has in its own."""
    for path in (folder / name for name in names):
        data = path.read_bytes() if first() and path.is_file() else None
        size = from_first(None if data is None else len(data))
        if count() > 1 and size is not None:
            data = _sent(data or bytes(size))
            if not first():
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)


def _sent(data: bytes) -> bytes:
    """The bytes that process 0 has; the others give as many."""
    from jax.experimental import multihost_utils

    blocks = (np.frombuffer(data[start : start + BLOCK], "uint8") for start in range(0, len(data), BLOCK))
    return b"".join(np.asarray(multihost_utils.broadcast_one_to_all(block)).tobytes() for block in blocks)


def at_abort(line: str) -> None:
    """Say this line, and end with status 2, where JAX would abort the process because another one is lost.

    It does so in a thread of its own, past Python, whatever Python is doing.
    """
    if os.name != "posix":
        return
    libc = ctypes.CDLL(None)
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)

    def say(number: int) -> None:
        os.write(2, f"fmkeras: error: {line}\n".encode())
        os._exit(2)

    _kept.append(handler(say))
    libc.signal(int(signal.SIGABRT), _kept[-1])


def _is_of_another(error: BaseException) -> bool:
    """Whether an error of JAX's tells that another process is lost, rather than of a mistake in this one."""
    ours = isinstance(error, InputError | OSError | KeyboardInterrupt | SystemExit)
    return not ours and bool(ANOTHER.search(str(error)))


def _end(error: BaseException) -> NoReturn:
    """End the process, and say why."""
    if isinstance(error, cli.TOLD):
        status = cli.told(error)
    else:
        traceback.print_exception(error)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
