"""What `benchmarks.plan` predicts of a step shared by several devices, against such a step on simulated ones.

    python -m benchmarks.simulated --preset tiny --batch-tokens 4096 --json simulated.json

The devices are parts of one CPU (TensorFlow's logical devices, XLA's forced host devices): they take turns on its
cores. So seconds of its cores are compared, and a step by N of them is predicted to take N times that of one device
with its share of the batch. What it takes beyond is what sharing costs: gradients exchanged in memory, N optimizers in
place of one. The step of one device with the whole batch, by which `plan` tells how much N devices gain, is predicted
by the line through two of its shares. Each step has a process of its own; they take turns.
"""

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import measure, plan
from fmkeras import cli, devices, runs
from fmkeras.translation.settings import PRESETS, Settings

SHORT, LONG = 4, 16  # steps of two fits, whose difference counts: a fit has costs of its own
COLUMNS = ["devices", "tokens each", "predicted, s", "measured, s (lowest - highest)", "measured / predicted"]


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.simulated", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--preset", choices=PRESETS, default="tiny", help="size of the model (tiny)")
    add("--batch-tokens", type=cli.positive(), default=4096, help="tokens a batch, of all devices together (4096)")
    add("--devices", type=cli.positive(), nargs="+", default=[2, 4], help="how many share it (2 4)")
    add("--repetitions", type=cli.positive(), default=5, help="of each step; the median counts (5)")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    given = parser.parse_args()
    print(measure.describe(measure.machine()), flush=True)
    found = measured(given.preset, given.batch_tokens, sorted(set(given.devices) - {1}), given.repetitions)
    print(f"{devices.backend()}, {given.preset}, float32, {given.batch_tokens:,} tokens a batch; seconds of CPU cores")
    print(measure.table(COLUMNS, [line(row) for row in found]))
    if given.json:
        runs.write_json(given.json, {"machine": measure.machine(), "backend": devices.backend(), "rows": found})


def measured(preset: str, tokens: int, numbers: list[int], repetitions: int) -> list[dict]:
    """Of one device, and of each of some numbers of them: what its step of `tokens` takes, and what is predicted."""
    most = numbers[-1]
    alone = {1, most, max(1, most // 2), *numbers}  # shares of the batch that one device computes
    contenders = {(1, n): (steps, (preset, tokens // n, 1, most)) for n in sorted(alone)}
    contenders |= {(n, n): (steps, (preset, tokens, n, most)) for n in numbers}
    seconds: dict[tuple, list[float]] = {name: [] for name in contenders}
    for name, value in measure.take_turns(contenders, repetitions):
        seconds[name].append(value)
    of_share = {n: statistics.median(seconds[1, n]) for n in alone}
    slope = (of_share[max(1, most // 2)] - of_share[most]) / (tokens // max(1, most // 2) - tokens // most)
    predicted = {1: of_share[most] + slope * (tokens - tokens // most)} | {n: n * of_share[n] for n in numbers}
    return [
        {"devices": n, "tokens": tokens // n, "predicted": predicted[n], "measured": measure.summary(seconds[n, n])}
        for n in (1, *numbers)
    ]


def steps(preset: str, tokens: int, number: int, of: int) -> Iterator[float]:
    """After the first yield, seconds of CPU cores of a step of so many tokens by `number` of `of` simulated devices."""
    simulate(of)
    from benchmarks.train_speed import train
    from fmkeras import parallel

    settings = Settings(**PRESETS[preset] | {"preset": preset, "precision": "float32"})
    with parallel.Devices(number).scope():
        objective, batches = plan.made(settings), plan.batch_of(settings, tokens)
        batch = batches.batch(batches.indices(0)[0], number)

        def taken(count: int) -> float:
            began = time.process_time()
            train(objective, [batch], 0, count)
            return time.process_time() - began

        yield taken(SHORT)
        while True:
            short, long = taken(SHORT), taken(LONG)
            yield (long - short) / (LONG - SHORT)


def simulate(number: int) -> None:
    """Have the backend see so many devices in this machine's CPU, before it has looked."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={number}"
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)


def line(row: dict) -> list[str]:
    """A row of the table."""
    found = row["measured"]
    spread = f"{found['median']:.3f} ({found['low']:.3f} - {found['high']:.3f})"
    shown = [f"{row['tokens']:,}", f"{row['predicted']:.3f}", spread, f"{found['median'] / row['predicted']:.2f}"]
    return [str(row["devices"]), *shown]


if __name__ == "__main__":
    cli.run(main)
