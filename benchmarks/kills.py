"""Trainings by several processes, of which one is killed at a random moment, and all are resumed: is the end the same?

    python -m benchmarks.kills --kills 10 --json kills.json

The command of a user, on JAX, by two and three processes that share this machine: 343 sentences of three numbers, one
block, dropout. First nothing disturbs it. Then, again and again, one process is killed at a random moment. Moments are
given in epochs: 2.4 is when two are done, and two fifths of the time that one takes have passed since. The others must
end within a minute, with a status and a line that says how to resume. `--resume` by as many processes must end with the
same bits: weights, average, moments, dropout's state, losses, test scores. By another number of processes, whose sums
have other roundings, losses must agree to `TOLERANCE`.
"""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import measure
from fmkeras import cli, runs

# All sentences are of three words, since XLA compiles a program for each width of a batch.
NUMBERS = dict(um="one", dois="two", três="three", quatro="four", cinco="five", seis="six", sete="seven")
OPTIONS = "--source pt --target en --preset document --vocab-size 320 --batch-tokens 128 --precision float32".split()
OPTIONS += "--passes 1 --select loss --warmup-steps 20 --beam 1 --seed 1".split()
MINUTE = 60  # seconds within which all must have ended
PATIENCE = 1800  # seconds after which a training that has not ended counts as stuck
TOLERANCE = 1e-3  # relative, of losses, between numbers of processes
SAYS = "--resume to go on from the last checkpoint"
COLUMNS = ["processes", "killed", "after epochs", "others ended, s", "resumed by", "at epoch", "losses differ", "state"]


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.kills", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--kills", type=cli.positive(), default=10, help="how many, each of a training of its own")
    add("--processes", type=cli.positive(), nargs="+", default=[2, 3], help="numbers of processes, which take turns")
    add("--epochs", type=cli.positive(), default=6, help="passes over the pairs")
    add("--seed", type=cli.seed, default=0, help="of which is killed, when, and by how many all is resumed")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    print(measure.describe(measure.machine()), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        lab = Laboratory(Path(temporary), arguments.epochs)
        undisturbed = {count: lab.undisturbed(count) for count in dict.fromkeys(arguments.processes)}
        for count, found in undisturbed.items():
            print(f"{count} processes, undisturbed: {found['seconds']:.0f} s of training", flush=True)
        rows: list[dict] = []
        chance = random.Random(arguments.seed)
        for count in itertools.islice(itertools.cycle(arguments.processes), arguments.kills):
            rows.append(lab.kill(count, undisturbed[count], chance))
            print(measure.table(COLUMNS, [line(row) for row in rows]), flush=True)
    if arguments.json:
        runs.write_json(arguments.json, {"machine": measure.machine(), "undisturbed": undisturbed, "rows": rows})
    if bad := [problem for row in rows for problem in problems(row)]:
        sys.exit("\n".join(bad))


def problems(row: dict) -> list[str]:
    """What was not as it must be after a kill."""
    what = {
        "the others did not end within a minute": row["ended_seconds"] > MINUTE,
        "they ended as if all were well": 0 in row["statuses"],
        "no line says how to resume": not all(SAYS in last for last in row["last_lines"]),
        "the end has other losses": row["losses"] > TOLERANCE,
        "the end has other bits": row["processes"] == row["resumed_by"] and row["state"] > 0,
    }
    name = f"process {row['killed']} of {row['processes']}, killed after {row['after']:.1f} epochs"
    return [f"{name}: {problem}" for problem, true in what.items() if true]


def line(row: dict) -> list[str]:
    """A row of the table."""
    state = "same bits" if row["state"] == 0 else f"{row['state']:.1e}"
    state = state if row["processes"] == row["resumed_by"] else "-"  # rows of padding are counted, too
    figures = [f"{row['after']:.1f}", f"{row['ended_seconds']:.1f}", str(row["resumed_by"]), row["epoch"]]
    return [str(row["processes"]), str(row["killed"]), *figures, f"{row['losses']:.1e}", state]


class Laboratory:
    """A folder in which the same training is begun, killed and resumed.

    Args:
        folder: where pairs, runs and logs lie.
        epochs: of the training.
    """

    def __init__(self, folder: Path, epochs: int):
        self.folder, self.epochs, self.numbers = folder, epochs, itertools.count()
        rows = itertools.product(NUMBERS, repeat=3)
        text = "".join(f"{' '.join(row)}\t{' '.join(NUMBERS[word] for word in row)}\n" for row in rows)
        (folder / "pairs.tsv").write_text(text, encoding="utf-8")
        self.words = ["--dataset", str(folder / "pairs.tsv"), *OPTIONS, "--epochs", str(epochs)]
        self.environment = {"JAX_COMPILATION_CACHE_DIR": str(folder / "xla")} | os.environ | {"KERAS_BACKEND": "jax"}

    def undisturbed(self, count: int) -> dict:
        """A training by so many processes from beginning to end: its folder, and seconds of training.

        Without compiling: what is compiled now the later ones find on the disk.
        """
        run = self.new_run()
        with self.started(count, run) as processes:
            self.succeed(processes, run)
        report = runs.read_json(run / runs.REPORT)
        return {"run": str(run), "seconds": report["training_seconds"] - report["compile_seconds"]}

    def kill(self, count: int, undisturbed: dict, chance: random.Random) -> dict:
        """Kill one process of such a training, see the others end, resume, and compare the end.

        A moment at which the training is over already, since the machine was faster, is drawn anew.
        """
        while True:
            run, killed, after = self.new_run(), chance.randrange(count), chance.uniform(0, self.epochs)
            with self.started(count, run) as processes:
                wait_for(run, int(after), processes)
                time.sleep(after % 1 * undisturbed["seconds"] / self.epochs)
                if any(process.poll() is not None for process in processes):
                    continue
                processes[killed].send_signal(signal.SIGKILL)
                began = time.perf_counter()
                others = processes[:killed] + processes[killed + 1 :]
                statuses = [process.wait(PATIENCE) for process in others]
                ended = time.perf_counter() - began
            break
        lines = [self.log(run, number).read_text(encoding="utf-8") for number in range(count) if number != killed]
        resumed_by = chance.randint(1, count)
        with self.started(resumed_by, run, "--resume") as processes:
            self.succeed(processes, run)
        found = {"processes": count, "killed": killed, "after": after, "ended_seconds": ended, "statuses": statuses}
        found |= {"last_lines": [text.splitlines()[-1] for text in lines], "resumed_by": resumed_by}
        return found | {"epoch": self.resumed_at(run)} | compare(Path(undisturbed["run"]), run)

    def new_run(self) -> Path:
        return self.folder / f"run-{next(self.numbers)}"

    def log(self, run: Path, number: int) -> Path:
        """What a process prints, and what it says."""
        return run.with_name(f"{run.name}.{number}.log")

    @contextlib.contextmanager
    def started(self, count: int, run: Path, *more: str) -> Iterator[list[subprocess.Popen]]:
        """The processes of a training in this run folder; none is left after the block."""
        words = [sys.executable, "-m", "fmkeras.translate", *self.words, "--run", str(run), *more]
        several = ["--distributed", f"localhost:{free_port()}", "--processes", str(count)] if count > 1 else []
        processes = []
        try:
            for number in range(count):
                command = words + (several + ["--process", str(number)] if several else [])
                with self.log(run, number).open("w") as log:
                    processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=self.environment))
            yield processes
        finally:
            for process in processes:
                process.kill()
                process.wait()

    def succeed(self, processes: Sequence[subprocess.Popen], run: Path) -> None:
        """Wait until all have ended well."""
        for number, process in enumerate(processes):
            if process.wait(PATIENCE):
                sys.exit(f"process {number} failed:\n{self.log(run, number).read_text(encoding='utf-8')[-3000:]}")

    def resumed_at(self, run: Path) -> str:
        """How many epochs it went on after, by what it says; "-" if it began anew, there being no checkpoint yet."""
        _, _, rest = self.log(run, 0).read_text(encoding="utf-8").partition("resumed after epoch ")
        return rest.split()[0] if rest else "-"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(run: Path, epochs: int, processes: Sequence[subprocess.Popen]) -> None:
    """Until a run has begun and done so many epochs, or one of its processes has ended."""
    history = run / runs.HISTORY
    while all(process.poll() is None for process in processes):
        done = history.read_text(encoding="utf-8").count("\n") - 1 if history.exists() else 0
        if (run / runs.CONFIG).exists() and done >= epochs:
            return
        time.sleep(0.05)


def compare(expected: Path, found: Path) -> dict:
    """The largest relative difference of losses and scores, and the largest difference of all that a step changes."""
    import pandas as pd

    from fmkeras.translation.training.checkpoint import CHECKPOINT

    measured = ["loss", "val_loss", "val_nll", "steps", "target_tokens"]
    tables = [pd.read_csv(run / runs.HISTORY)[measured].to_numpy() for run in (expected, found)]
    scores = [runs.read_json(run / runs.REPORT)["test"] for run in (expected, found)]
    numbers = [np.array([test[name] for name in ("loss", "bleu", "chrf")]) for test in scores]
    pairs = list(zip(*([*table.ravel(), *more] for table, more in zip(tables, numbers, strict=True)), strict=True))
    losses = max(abs(one - other) / abs(one) if one else abs(other) for one, other in pairs)
    with np.load(expected / CHECKPOINT) as one, np.load(found / CHECKPOINT) as other:
        names = [name for name in one.files if name != "state"]
        state = max(float(np.abs(one[name].astype(float) - other[name]).max()) for name in names)
    return {"losses": losses, "state": state}


if __name__ == "__main__":
    cli.run(main)
