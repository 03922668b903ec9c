"""What a training would take on so many devices: seconds, memory, and what limits. From steps that are measured here.

    python -m benchmarks.plan --pairs 10000000 --preset base --devices 8 --bandwidth 100 --json plan.json

Two batches are measured on one device of this machine: the share of each device, and twice that. What lies between
and beyond is on the line through them. For devices that are not here, measure on one like them, and give the file that
--json wrote there: --measured plan.json.
"""

import argparse
import dataclasses
import math
import time
from pathlib import Path

from benchmarks import measure
from fmkeras import cli, devices, runs
from fmkeras.errors import InputError
from fmkeras.translation.settings import PRESETS, Settings

FLOAT = 4  # bytes
WIDTH = 32  # tokens of a sentence
STEPS = 4  # that are not timed, and twice as many that are; the fastest of three times counts


@dataclasses.dataclass(frozen=True)
class Step:
    """A training step of one device, as measured.

    Attributes:
        tokens: of the longer side in its batch, padding included.
        seconds: that it took.
        memory: most bytes held until it was done.
        making: seconds that Python needed to make its batch.
    """

    tokens: int
    seconds: float
    memory: int
    making: float


@dataclasses.dataclass(frozen=True)
class Measured:
    """Steps of a model on a device, of few tokens and of more."""

    device: str
    precision: str
    preset: str
    parameters: int
    small: Step
    large: Step

    def at(self, name: str, tokens: float) -> float:
        """What a step of so many tokens has by the line through the two: 'seconds', 'memory', 'making'."""
        low, high = getattr(self.small, name), getattr(self.large, name)
        slope = max(0.0, (high - low) / (self.large.tokens - self.small.tokens))  # else it is noise
        return max(0.0, low + slope * (tokens - self.small.tokens))

    @classmethod
    def read(cls, path: Path) -> "Measured":
        """What an earlier call wrote.

        Raises:
            InputError: the file is not such.
        """
        try:
            found = runs.read_json(path)["measured"]
            return cls(**found | {size: Step(**found[size]) for size in ("small", "large")})
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{path} was not written by benchmarks.plan --json: name one that was") from None


@dataclasses.dataclass(frozen=True)
class Asked:
    """A training to plan: see `--help`."""

    pairs: int
    epochs: int
    batch_tokens: int
    pair_tokens: float
    devices: int
    bandwidth: float
    memory: float | None


def plan(asked: Asked, measured: Measured) -> dict:
    """Steps, seconds, bytes and what limits. Assumes what `ASSUMPTIONS` says."""
    n, share = asked.devices, asked.batch_tokens / asked.devices
    steps = asked.epochs * math.ceil(asked.pairs * asked.pair_tokens / asked.batch_tokens)
    gradients = FLOAT * measured.parameters
    accumulate = parts(asked, measured)
    times = accumulate or 1
    compute = times * measured.at("seconds", share / times)
    making = measured.at("making", asked.batch_tokens)
    exchange = times * 2 * (n - 1) / n * gradients / (asked.bandwidth * 1e9)
    seconds = max(compute + exchange, making)
    alone = max(measured.at("seconds", asked.batch_tokens), making)
    memory = measured.at("memory", share / times)
    found = {
        "steps": steps,
        "compute_seconds": compute,
        "exchange_seconds": exchange,
        "making_seconds": making,
        "step_seconds": seconds,
        "seconds": steps * seconds,
        "times_one_device": alone / seconds,
        "gradient_bytes": gradients,
        "memory_bytes": memory,
        "accumulate": accumulate,
    }
    return found | {"limit": limit(found, asked)}


def parts(asked: Asked, measured: Measured) -> int | None:
    """The least --accumulate with which a step fits the memory that is given; None if none does."""
    share = asked.batch_tokens / asked.devices
    fitting = (n for n in range(1, int(share) + 1) if measured.at("memory", share / n) <= (asked.memory or 1e9) * 1e9)
    return next(fitting, None)


def limit(found: dict, asked: Asked) -> str:
    """What one would have to change first."""
    if found["accumulate"] is None:
        return f"memory: not even a batch of one token fits {asked.memory:g} GB"
    if found["accumulate"] > 1:
        return f"memory: --accumulate {found['accumulate']} fits {asked.memory:g} GB"
    if found["making_seconds"] > found["compute_seconds"] + found["exchange_seconds"]:
        return "Python, which makes the batches"
    if found["exchange_seconds"] > found["compute_seconds"]:
        return "communication: larger --batch-tokens, fewer devices or more bandwidth"
    return "the devices' arithmetic"


ASSUMPTIONS = """assumed    each device is like the measured one, and computes while the others do
           a ring exchanges gradients, 2 (N - 1) / N times their bytes, after a step or part of it; none then computes
           batches are made beside the steps; all of a pair's tokens are trained on in each epoch
           not counted: starting, compiling, preparing the pairs, validation, checkpoints, the average of the weights"""


def report(asked: Asked, measured: Measured, found: dict) -> str:
    """What is printed."""
    by, one, two = measured, measured.small, measured.large
    batch = f"{asked.batch_tokens:,} tokens a batch"
    rows = [
        (
            "steps",
            f"{found['steps']:,}",
            f"{asked.epochs} epochs of {asked.pairs:,} pairs, {asked.pair_tokens:g} tokens each",
        ),
        ("a step computes", f"{found['compute_seconds']:.4f} s", f"{asked.batch_tokens / asked.devices:,.0f} tokens"),
        (
            "a step exchanges",
            f"{found['exchange_seconds']:.4f} s",
            f"{found['gradient_bytes'] / 1e6:,.0f} MB of gradients",
        ),
        ("its batch is made in", f"{found['making_seconds']:.4f} s", "beside the step before"),
        ("training", cli.duration(found["seconds"]), f"{found['times_one_device']:.2f} times as fast as one device"),
        ("memory of a device", f"{found['memory_bytes'] / 1e9:.2f} GB", ""),
    ]
    lines = [
        f"measured   {by.preset}, {by.parameters:,} parameters, {by.precision}, on {by.device}:",
        f"           {one.seconds:.4f} s for {one.tokens:,} tokens, {two.seconds:.4f} s for {two.tokens:,}",
        f"asked      {asked.devices} devices, {asked.bandwidth:g} GB/s between them, {batch}",
        ASSUMPTIONS,
        "",
        measure.table(("", "", ""), rows).split("\n", 2)[2],
        "",
        f"limited by {found['limit']}",
    ]
    return "\n".join(lines)


def measured_here(settings: Settings, tokens: int) -> Measured:
    """Steps of `tokens` and of twice as many, on one device of this machine, in the precision of the settings."""
    from fmkeras.translation.model.transformer import Transformer

    before = held()
    objective = made(settings)
    averaged = Transformer(settings.vocab_size, **settings.model_sizes(), dtype="float32")  # takes memory, too
    small, large = (timed(objective, settings, size, before) for size in (tokens, 2 * tokens))
    size = averaged.count_params()
    return Measured(devices.device(), settings.precision, settings.preset, size, small, large)


def made(settings: Settings):
    """What is trained, with the optimizer of a training, for the devices of the present scope."""
    from fmkeras.translation.model.objective import Objective
    from fmkeras.translation.model.transformer import Transformer
    from fmkeras.translation.training.optimizers import optimizer_of

    half = settings.precision != "float32"
    dtype = f"mixed_{settings.precision}" if half else "float32"
    model = Transformer(settings.vocab_size, **settings.model_sizes(), dtype=dtype)
    objective = Objective(model, settings.label_smoothing)
    optimizer = optimizer_of(settings, 1)
    optimizer.build(model.trainable_variables)
    objective.compile(optimizer, jit_compile=devices.jit_compile())
    return objective


def timed(objective, settings: Settings, tokens: int, before: int) -> Step:
    """The fastest of STEPS steps on a batch of random ids."""
    from benchmarks.train_speed import train
    from fmkeras.translation.training.callbacks import Callbacks

    def seconds(steps: int) -> float:
        return train(objective, [batch], 0, steps, Callbacks([], add_history=True, model=objective))

    batches = batch_of(settings, tokens)
    order = batches.indices(0)[0]
    began = time.perf_counter()
    batch = batches.batch(order)
    making = time.perf_counter() - began
    seconds(STEPS)
    # A fit has costs of its own: what a short one takes is subtracted from what a long one takes.
    long, short = (min(seconds(steps) for _ in range(3)) for steps in (3 * STEPS, STEPS))
    return Step(batches.budget, max(long - short, 1e-6) / (2 * STEPS), held() - before, making)


def batch_of(settings: Settings, tokens: int):
    """One batch of about so many tokens: random sentences of WIDTH."""
    import numpy as np

    from fmkeras.translation.corpora.batches import Batches

    rng, rows = np.random.default_rng(0), max(1, tokens // WIDTH)
    sides = [[rng.integers(4, settings.vocab_size, WIDTH).tolist() for _ in range(rows)] for _ in range(2)]
    return Batches(*sides, budget=rows * WIDTH, widths=devices.batch_widths(training=True))


def held() -> int:
    """The most bytes that this process has held so far: on its GPU, if it has one, else in main memory."""
    import keras

    if not devices.has_gpu():
        return int(measure.peak_memory() * 2**20)
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].memory_stats()["peak_bytes_in_use"]
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def parser() -> argparse.ArgumentParser:
    """The options."""
    top = cli.Parser(prog="python -m benchmarks.plan", description=__doc__.split("\n\n")[0])
    add = top.add_argument
    add("--pairs", type=cli.positive(), required=True, help="sentence pairs to train on")
    add("--preset", choices=PRESETS, default="base", help="size of the model (base)")
    add("--devices", type=cli.positive(), default=1, help="that share each batch (1)")
    add("--bandwidth", type=cli.positive(float), default=10.0, metavar="GB/s", help="between two devices (10)")
    add("--memory", type=cli.positive(float), metavar="GB", help="of a device (not asked for)")
    add("--epochs", type=cli.positive(), help="passes over the pairs (the preset's)")
    add("--batch-tokens", type=cli.positive(), help="tokens a batch, of all devices together (the preset's)")
    add("--pair-tokens", type=cli.positive(float), default=20.0, help="of a pair's longer side, padding included (20)")
    add("--measured", type=Path, metavar="FILE", help="steps measured before, with --json: nothing is measured here")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    return top


def main() -> None:
    given = parser().parse_args()
    settings = Settings(**PRESETS[given.preset] | {"preset": given.preset, "precision": devices.best_precision()[0]})
    asked = Asked(
        given.pairs,
        given.epochs or settings.epochs,
        given.batch_tokens or settings.batch_tokens,
        given.pair_tokens,
        given.devices,
        given.bandwidth,
        given.memory,
    )
    if given.measured:
        measured = Measured.read(given.measured)
        if measured.preset != given.preset:
            raise InputError(f"{given.measured} holds steps of {measured.preset}: choose it, or measure {given.preset}")
    else:
        measured = measured_here(settings, max(1, asked.batch_tokens // asked.devices))
    found = plan(asked, measured)
    print(report(asked, measured, found))
    if given.json:
        parts_of_it = {"asked": asked, "measured": measured}
        runs.write_json(
            given.json, {name: dataclasses.asdict(one) for name, one in parts_of_it.items()} | {"plan": found}
        )


if __name__ == "__main__":
    cli.run(main)
