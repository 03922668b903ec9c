"""Processes of their own that begin with Keras imported: the import takes longer than all that a short training does.

They are forked off one process that has imported it, and has done nothing else. `kill -9` ends them as any other.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tensorflow", "keras", "matplotlib.pyplot", "pandas", "sklearn.model_selection"])


class Forked:
    """A call in a process of its own, with what tests use of `subprocess.Popen`.

    Args:
        folder: where its standard output and error are kept, as two files.
        function: what it calls, by its arguments; SystemExit ends it with that status.
        environment: what is different in its environment.
    """

    def __init__(self, folder: Path, function: Callable, *arguments: object, environment: dict[str, str] | None = None):
        self.files = [folder / f"{time.monotonic_ns()}.{name}" for name in ("out", "err")]
        self.process = SERVER.Process(target=begin, args=(self.files, environment or {}, function, arguments))
        self.process.start()

    @property
    def returncode(self) -> int | None:
        """Its exit status, or that a signal has ended it: -9, say. None while it runs."""
        return self.process.exitcode

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()

    def wait_for(self, line: str) -> None:
        """Wait until it has written a line that begins so, or has ended."""
        while self.process.is_alive() and f"\n{line}" not in f"\n{self.output()[0]}":
            time.sleep(0.05)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for its end; what it has written to standard output and error."""
        self.process.join(timeout)
        if self.process.is_alive():
            self.kill()
            raise subprocess.TimeoutExpired(str(self.files[0]), timeout)
        return self.output()

    def output(self) -> tuple[str, str]:
        """What it has written until now."""
        return tuple(file.read_text(encoding="utf-8") if file.exists() else "" for file in self.files)


def begin(files: list[Path], environment: dict[str, str], function: Callable, arguments: tuple) -> None:
    """Turn standard output and error into files, and call."""
    for descriptor, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", line_buffering=True)
    os.environ.update(environment)
    function(*arguments)


def run_module(name: str, words: list[str]) -> None:
    """What `python -m NAME WORDS` does."""
    sys.argv = [name, *words]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
