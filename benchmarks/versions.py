"""Training steps and searches of this version against those of another, which lies in a folder of its own.

    git worktree add ../before COMMIT
    python -m benchmarks.versions --root ../before --json versions.json

Each version trains by its own `benchmarks.train_speed`, in a process of its own, on the same random sentences, and
translates by its own `benchmarks.decode_speed`, with the same random weights of the size of `small`. They take turns,
so that the machine's noise falls on both; what counts is the ratio within each pair of turns. On a CPU, which others
may want, too, a ratio of seconds of its cores stands beside that of the clock.
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import measure
from fmkeras import cli, runs
from fmkeras.errors import InputError

SIZES = ("tutorial", "small")
# For each line that they read: real target tokens a second, and such tokens a second of the CPU's cores.
TRAINING = """
import sys, time
import numpy as np
from benchmarks import train_speed
size, tokens, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
rng = np.random.default_rng(0)
lengths = rng.integers(4, 40, 10 * tokens)
rows = [[*rng.integers(4, train_speed.VOCABULARY, length).tolist(), 3] for length in lengths]
steps = train_speed.ours(rows, rows, train_speed.SIZES[size], tokens, seconds, "float32")
next(steps)
print("ready", flush=True)
for _ in sys.stdin:
    clock, cores = time.perf_counter(), time.process_time()
    rate, _ = next(steps)
    clock, cores = time.perf_counter() - clock, time.process_time() - cores
    print(rate, rate * clock / cores, flush=True)
"""
SEARCHING = """
import sys, time
from benchmarks import decode_speed
sentences, beams = map(int, sys.argv[1:])
turns = decode_speed.ours((None, sentences, False), beams)
next(turns)
print("ready", flush=True)
for _ in sys.stdin:
    clock, cores = time.perf_counter(), time.process_time()
    tokens = sum(len(ids) + 1 for ids in next(turns)["ids"].values())
    print(tokens / (time.perf_counter() - clock), tokens / (time.process_time() - cores), flush=True)
"""


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.versions", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--root", type=Path, required=True, metavar="DIR", help="where the other version lies")
    add("--sizes", nargs="*", choices=SIZES, default=list(SIZES), help="sizes of model, of benchmarks.train_speed")
    add("--beams", nargs="*", type=cli.positive(), default=[1, 4], help="hypotheses of a search; 1 is greedy (1 4)")
    add("--sentences", type=cli.positive(), default=200, help="translated in a turn (200)")
    add("--batch-tokens", type=cli.positive(), default=2048, help="tokens a batch, padding included (2048)")
    add("--repetitions", type=cli.positive(), default=9, help="pairs of turns; the median ratio counts (9)")
    add("--seconds", type=cli.positive(float), default=5.0, help="of each turn, at least (5)")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    given = parser.parse_args()
    print(measure.describe(measure.machine()), flush=True)
    programs = {size: (TRAINING, size, given.batch_tokens, given.seconds) for size in given.sizes}
    programs |= {f"beam {beams}": (SEARCHING, given.sentences, beams) for beams in given.beams}
    result = {}
    for name, program in programs.items():
        result[name] = compare({"before": given.root.absolute(), "now": Path.cwd()}, program, given.repetitions)
        print(measure.table(COLUMNS, rows(name, result[name])), flush=True)
    if given.json:
        runs.write_json(given.json, {"machine": measure.machine(), "programs": result})


COLUMNS = ["", "before, tokens/s", "now", "now / before", "lowest - highest"]


def rows(program: str, found: dict) -> list[list[str]]:
    """Two rows of the table: by the clock, and by seconds of cores."""
    shown = []
    for name in ("clock", "cores"):
        before, now, ratio = found[name]["before"], found[name]["now"], found[name]["ratio"]
        speeds = [f"{before['median']:,.0f}", f"{now['median']:,.0f}"]
        spread = f"{ratio['low']:.3f} - {ratio['high']:.3f}"
        shown.append([f"{program}, by the {name}", *speeds, f"{ratio['median']:.3f}", spread])
    return shown


def compare(roots: dict[str, Path], program: tuple, repetitions: int) -> dict:
    """Tokens a second of each version and their ratio, by the clock and by seconds of cores."""
    processes = {name: begun(root, *program) for name, root in roots.items()}
    try:
        turns = {name: [] for name in roots}
        for number in range(repetitions):
            for name in sorted(roots, reverse=number % 2 == 1):  # neither is always the first
                turns[name].append(turn(processes[name]))
    finally:
        for process in processes.values():
            process.kill()
    found = {}
    for i, clock in enumerate(("clock", "cores")):
        speeds = {name: [values[i] for values in turns[name]] for name in roots}
        speeds["ratio"] = [now / before for now, before in zip(speeds["now"], speeds["before"], strict=True)]
        found[clock] = {name: measure.summary(values) for name, values in speeds.items()}
    return found


def begun(root: Path, program: str, *words: object) -> subprocess.Popen:
    """The process of a version, when it is ready."""
    command = [sys.executable, "-c", program, *map(str, words)]
    options = {"cwd": root, "env": os.environ | {"PYTHONPATH": str(root)}, "text": True}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    if process.stdout.readline() != "ready\n":
        raise InputError(
            f"{root} cannot be measured: is it a version that has benchmarks/train_speed.py and decode_speed.py?"
        )
    return process


def turn(process: subprocess.Popen) -> tuple[float, float]:
    """What a version measures in one turn."""
    process.stdin.write("go\n")
    process.stdin.flush()
    if len(found := process.stdout.readline().split()) != 2:
        raise InputError("a version has ended within a turn; why, it says above")
    return float(found[0]), float(found[1])


if __name__ == "__main__":
    cli.run(main)
