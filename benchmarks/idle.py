"""The share of a step in which the device waits for Python: for batches, callbacks, the average of the weights.

    python -m benchmarks.idle --preset small --json idle.json

Takes turns, in one process: steps on batches that are ready, without callbacks, and the same steps as a training makes
them. What the latter take longer, the device idles. On a CPU, which Python and the steps share, seconds of its cores
are compared: what Python costs, whatever else the machine does.
"""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import measure
from fmkeras import cli, devices, runs
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.settings import PRESETS, Settings

SHORTEST, LONGEST = 4, 40  # tokens of a sentence


class Tokens:
    """What `Training` asks a tokenizer for."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


def batches_of(settings: Settings, count: int) -> Batches:
    """About so many batches of random sentences."""
    rng, number = np.random.default_rng(0), 2 * count * settings.batch_tokens // (SHORTEST + LONGEST)
    lengths = rng.integers(SHORTEST, LONGEST, number)
    rows = [rng.integers(4, settings.vocab_size, length).tolist() for length in lengths]
    return Batches(rows, rows, settings.batch_tokens, widths=devices.batch_widths(training=True))


def contenders(settings: Settings, count: int, folder: str) -> tuple[dict[str, Callable[[], None]], int]:
    """By name, what makes the same steps: alone, and within a training; and how many they are, `count` at most."""
    from benchmarks.train_speed import train
    from fmkeras.translation.training.callbacks import Callbacks
    from fmkeras.translation.training.training import Training

    batches = batches_of(settings, count)
    training = Training(settings, Tokens(settings.vocab_size), batches, batches, folder)
    count = min(count, len(batches))
    ready = list(itertools.islice(batches.epoch(0), count))

    def alone() -> None:
        train(training.objective, ready, 0, count, Callbacks([], add_history=True, model=training.objective))

    def as_trained() -> None:
        training.place.position = 0
        training.fit(batches, count, show_progress=False, announce=None)

    return {"steps alone": alone, "in a training": as_trained}, count


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.idle", description=__doc__.split("\n\n")[0])
    parser.add_argument("--preset", choices=PRESETS, default="small", help="size of the model (small)")
    parser.add_argument("--batch-tokens", type=cli.positive(), help="tokens a batch (the preset's)")
    parser.add_argument("--steps", type=cli.positive(), default=50, help="of each turn (50)")
    parser.add_argument("--repetitions", type=cli.positive(), default=5, help="turns; the median counts (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    given = parser.parse_args()
    chosen = PRESETS[given.preset] | {"precision": devices.best_precision()[0]}
    settings = Settings(**chosen | ({"batch_tokens": given.batch_tokens} if given.batch_tokens else {}))
    found = measure_idle(settings, given.steps, given.repetitions)
    print(f"{devices.description(settings.precision)}; {given.preset}, {settings.batch_tokens:,} tokens a batch")
    rows = [
        (name, f"{1000 * found[name]['median']:.1f}", f"{1000 * found[name]['low']:.1f}") for name in found["names"]
    ]
    print(measure.table(("", "ms a step", "least"), rows))
    print(f"idle: {found['idle']:.1%} of a step (by the least: {found['idle_least']:.1%})")
    if given.json:
        runs.write_json(given.json, {"machine": measure.machine()} | found)


def measure_idle(settings: Settings, steps: int, repetitions: int) -> dict:
    """Seconds a step of each contender, and what share of one the device idles, by medians and by the least."""
    with tempfile.TemporaryDirectory() as folder:
        made, steps = contenders(settings, steps, folder)
        for work in made.values():
            work()  # graphs are made
        seconds: dict[str, list[float]] = {name: [] for name in made}
        clock = time.perf_counter if devices.has_gpu() else time.process_time
        for _ in range(repetitions):
            for name, work in made.items():
                began = clock()
                work()
                seconds[name].append((clock() - began) / steps)
    alone, trained = seconds.values()
    found = {name: measure.summary(values) for name, values in seconds.items()}
    ratios = statistics.median(alone) / statistics.median(trained), min(alone) / min(trained)
    return found | {"names": list(seconds), "idle": 1 - ratios[0], "idle_least": 1 - ratios[1]}


if __name__ == "__main__":
    cli.run(main)
