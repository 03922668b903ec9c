"""`python tests/killed.py POINT NUMBER [ARGUMENT ...]`: fmkeras.translate, which kills itself, as `kill -9` does.

It dies when POINT is reached for the NUMBER-th time; "never" is no point. Checkpoints are a fraction of a second apart.
"""

import importlib
import os
import signal
import sys
from pathlib import Path

import numpy as np

from fmkeras import cli, runs

HALF = 1000  # bytes written of a file that is never finished


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, number: int) -> None:
    """Put a call of `kill` at a point of the program."""
    from fmkeras.translation.inference import translator
    from fmkeras.translation.training import callbacks, training

    training.EveryMinute.__init__.__defaults__ = (0.3,)
    callbacks.SHARE = float("inf")

    def before(owner, name: str, action=kill) -> None:
        original, left = getattr(owner, name), [number]

        def replacement(*arguments, **options):
            left[0] -= 1
            if not left[0]:
                action()
            return original(*arguments, **options)

        setattr(owner, name, replacement)

    def half_a_checkpoint() -> None:
        (name,) = Path(sys.argv[sys.argv.index("--run") + 1]).glob(f"{runs.UNFINISHED}*.npz")
        name.write_bytes(b"P" * HALF)
        kill()

    points = {
        "never": lambda: None,
        "step": lambda: before(callbacks.Progress, "on_train_batch_end"),
        "average": lambda: before(callbacks.RunningAverage, "update"),
        "validation": lambda: before(training, "evaluate"),
        "checkpoint": lambda: before(np, "savez", half_a_checkpoint),
        "flush": lambda: before(runs, "flush"),
        "rename": lambda: before(os, "replace"),
        "model": lambda: before(runs, "save_model"),
        "plot": lambda: before(runs, "save_figure"),
        "scoring": lambda: before(translator.Translator, "score"),
        "report": lambda: before(runs, "write_text"),
    }
    points[point]()


def main(module: str, point: str, number: int, words: list[str], limit: int = 0) -> None:
    """`python -m fmkeras.MODULE WORDS`, which dies there, and may write no file larger than `limit` bytes, if given."""
    if limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.argv[1:] = words

    def script() -> None:
        with cli.quiet():
            arm(point, number)
        importlib.import_module(f"fmkeras.{module}").main(words)

    cli.run(script)


if __name__ == "__main__":
    main("translate", sys.argv[1], int(sys.argv[2]), sys.argv[3:])
