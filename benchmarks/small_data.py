"""What the defaults make of a few hundred pairs, which is all that many people have.

    python -m benchmarks.small_data --dataset phrasebook --folder runs/small --json small_data.json
    python -m benchmarks.small_data --dataset ted --pairs 600 --init runs/pretrain --folder runs/small

For each number of pairs it writes a folder of the first so many training pairs of a corpus, a tenth as many (30 at
least) of its validation and 500 of its test pairs, all kinds among them, and trains on it with no option but --seed
(and --init), as a user would. Every run lies in a folder of its own and is read again if it is finished. `--root` runs
an earlier version, from a clone of it, on the same folders.
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import measure
from fmkeras import cli, runs
from fmkeras.errors import InputError

TEST, LEAST_VALIDATION = 500, 30
COLUMNS = ["pairs", "start", "epochs", "best", "seconds", "BLEU", "13a", "chrF"]


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.small_data", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--dataset", choices=("phrasebook", "ted"), default="phrasebook", help="which corpus")
    add("--pairs", type=cli.positive(), nargs="+", default=[300, 600, 2000], help="how many to train on")
    add("--init", metavar="RUN", default="", help="start from this run, or bundled, in place of random weights")
    add("--seed", type=int, default=0, help="of the trainings")
    add("--folder", type=Path, default=Path("runs/small"), metavar="DIR", help="where pairs and runs lie")
    add("--root", type=Path, default=Path.cwd(), metavar="DIR", help="a clone of the version that trains")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    print(measure.describe(measure.machine()))
    rows = []
    for pairs in arguments.pairs:
        data = write_pairs(arguments.dataset, pairs, arguments.folder.absolute())
        rows.append(trained(data, pairs, arguments))
        print(measure.table(COLUMNS, [line(row) for row in rows]), flush=True)
    if arguments.json:
        runs.write_json(arguments.json, {"machine": measure.machine(), "dataset": arguments.dataset, "rows": rows})


def write_pairs(dataset: str, pairs: int, folder: Path) -> Path:
    """The folder of `train.tsv`, `validation.tsv` and `test.tsv` for so many pairs; made once."""
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.settings import Settings

    data = folder / f"{dataset}-{pairs}"
    if (data / "train.tsv").exists():  # the last one written
        return data
    corpus = corpora.load(Settings(dataset=dataset))
    splits = {
        "test": spread(corpus.test, TEST),
        "validation": spread(corpus.validation, max(LEAST_VALIDATION, pairs // 10)),
        "train": list(dict.fromkeys(corpus.train))[:pairs],  # the phrasebook has some more than once
    }
    data.mkdir(parents=True, exist_ok=True)
    for split, chosen in splits.items():
        with runs.whole_file(data / f"{split}.tsv") as temporary:
            lines = ["\t".join(" ".join(side.split()) for side in pair) + "\n" for pair in chosen]
            temporary.write_text("".join(lines), encoding="utf-8")
    return data


def spread(pairs: list, count: int) -> list:
    """So many pairs, from the first to the last at equal distances: the splits are in the order of their kinds."""
    count = min(count, len(pairs))
    return [pairs[number * len(pairs) // count] for number in range(count)]


def trained(data: Path, pairs: int, arguments) -> dict:
    """The report of a training with default settings, from its folder if it is finished."""
    start = Path(arguments.init).name or "random"
    version = arguments.root.absolute().name
    run = data.parent / f"{data.name}-{start}-{arguments.seed}-{version}"
    if not (run / runs.REPORT).exists():
        command = [sys.executable, "-m", "fmkeras.translate", "--dataset", str(data), "--run", str(run)]
        command += ["--source", "pt", "--target", "en", "--seed", str(arguments.seed)]
        if arguments.init:
            command += ["--init", arguments.init if start == "bundled" else str(Path(arguments.init).absolute())]
        done = subprocess.run(command, cwd=arguments.root, env=os.environ | {"PYTHONPATH": str(arguments.root)})
        if done.returncode:
            raise InputError(f"the training in {run} ended with status {done.returncode}")
    return runs.read_json(run / runs.REPORT) | {"asked": pairs, "start": start}


def line(row: dict) -> list[str]:
    """A row of the table."""
    test = row["test"]
    numbers = [row["epochs"], row["best_epoch"]]
    figures = [f"{test[name]:.2f}" for name in ("bleu", "bleu_13a", "chrf")]
    return [f"{row['asked']:,}", row["start"], *map(str, numbers), f"{row['seconds']:.0f}", *figures]


if __name__ == "__main__":
    cli.run(main)
