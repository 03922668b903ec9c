"""Work on chunks of data in processes of their own, as many as there are processors: in order, a few chunks ahead."""

import collections
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

from fmkeras.errors import InputError

IDLE = 30  # seconds after which a process that has nothing to do ends


def cores() -> int:
    """How many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_computed_in: set[int] = set()  # processes in which a model was loaded or asked something


def not_forked() -> None:
    """Note that this process computes with a model, whose library starts threads that do not follow a fork.

    Raises:
        InputError: it was forked off one that has done so: it would wait for such threads forever.
    """
    if _computed_in - {os.getpid()}:
        raise InputError(
            "this process was forked off one that had loaded a model, and would wait for it forever: load it where it "
            'is used, in a process of multiprocessing.get_context("spawn"), or in a server that has forked (no preload)'
        )
    _computed_in.add(os.getpid())


def processes() -> Executor:
    """As many processes as there are processors for us; started when first needed, and kept for further work.

    Loky's do not import the program that began them, so that a script needs no `if __name__ == "__main__"`.
    """
    from joblib.externals import loky

    return loky.get_reusable_executor(loky.cpu_count(), timeout=IDLE, initializer=_end_with, initargs=(os.getpid(),))


def in_order(function: Callable, jobs: Iterable[tuple]) -> Iterator[Any]:
    """`function(*job)` of each job, computed ahead by `processes`; of a single job, at once and in this process.

    Args:
        function: of a module, so that another process finds it.
        jobs: its arguments, taken one by one, four jobs ahead of what is fetched.

    Raises:
        InputError: a process was ended from outside.
    """
    jobs = iter(jobs)
    first = list(itertools.islice(jobs, 2))
    if len(first) < 2:
        yield from itertools.starmap(function, first)
        return
    waiting: collections.deque[Future] = collections.deque()
    try:
        for job in itertools.chain(first, jobs):
            waiting.append(processes().submit(function, *job))
            if len(waiting) > 4:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenExecutor:
        raise InputError("a process that prepared data was ended, perhaps for want of memory: start again") from None
    finally:
        for future in waiting:
            future.cancel()


def _end_with(parent: int) -> None:
    """In a process of `processes`: end when the program that began it does, however that ends. Ctrl-C is for that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
