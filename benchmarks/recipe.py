"""Which choice of the training recipe brings what: one training for each arm, of equal tokens, validation BLEU decides.

    python -m benchmarks.recipe --dataset ted --limit 10000 --epochs 12 --folder runs/recipe --json recipe.json
    python -m benchmarks.recipe --arms base muon muon+linear+dropout-0.3 --seeds 0 1 --plot recipe.png
    python -m benchmarks.recipe --base best --ablate --test

An arm is the base with some settings changed, and `muon+linear` with those of both. `--ablate` turns it about: the base
whole, then without one of its settings at a time. All arms see the same number of training tokens; seconds are told as
well, since some steps are dearer. Each run lies in a folder of its own, is gone on with where it was stopped, and read
if it is finished; so arms can be added later, and spread over processes. The test set is looked at with `--test` only:
once, at the end.
"""

import functools
import itertools
import operator
import statistics
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.measure import describe, machine, table
from fmkeras import cli, runs
from fmkeras.errors import InputError

# What the arms change. Papers: docs/results.md.
ARMS: dict[str, dict[str, Any]] = {
    "base": {},
    "dropout-0.2": {"dropout": 0.2},
    "dropout-0.3": {"dropout": 0.3},
    "attention-dropout": {"attention_dropout": 0.1},
    "word-dropout": {"word_dropout": 0.1},
    "bpe-dropout": {"bpe_dropout": 0.1},
    "vocabulary-2000": {"vocab_size": 2000},
    "vocabulary-8000": {"vocab_size": 8000},
    "vocabulary-16000": {"vocab_size": 16_000},
    "no-label-smoothing": {"label_smoothing": 0.0},
    "r-drop": {"consistency": 1.0},
    "denoise-2": {"denoise_epochs": 2},
    "denoise-10": {"denoise_epochs": 10},
    "deep-encoder": {"num_layers": 5, "decoder_layers": 1},
    "linear": {"schedule": "linear"},
    "cosine": {"schedule": "cosine"},
    "batch-1024": {"batch_tokens": 1024},
    "batch-4096": {"batch_tokens": 4096},
    "weight-decay": {"weight_decay": 0.1},
    "no-average": {"ema_decay": 0.0},
    "muon": {"optimizer": "muon"},
    "rate-0.003": {"learning_rate": 3e-3},
    "rate-0.005": {"learning_rate": 5e-3},
    # A plain reading of the recipe that fairseq's examples give for IWSLT'14.
    "fairseq": {"dropout": 0.3, "label_smoothing": 0.1, "weight_decay": 1e-4, "schedule": "inverse-sqrt"},
}
# Bases: what the arms are compared with. `default` is what a user gets who names nothing.
BASES: dict[str, dict[str, Any]] = {
    "default": {},
    "best": {"dropout": 0.3, "word_dropout": 0.1, "bpe_dropout": 0.1, "consistency": 1.0, "schedule": "linear"},
}


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.recipe", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--dataset", default="ted", help="what to train on, as python -m fmkeras.translate train takes it")
    add("--limit", type=cli.positive(), metavar="PAIRS", help="train on the first so many pairs")
    add("--preset", default="small", help="sizes of the model")
    add("--epochs", type=cli.positive(), default=10, help="passes over the pairs, of every arm")
    add("--base", choices=BASES, default="default", help="what the arms change")
    add("--arms", nargs="+", default=list(ARMS), metavar="ARM", help=f"{', '.join(ARMS)}; several joined by +")
    add("--ablate", action="store_true", help="in place of --arms: the base without one of its settings at a time")
    add("--seeds", type=int, nargs="+", default=[0], help="a training for each")
    add("--test", action="store_true", help="show the scores of the test set, too")
    add("--folder", type=Path, default=Path("runs/recipe"), metavar="DIR", help="where the trainings lie")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    add("--plot", type=Path, metavar="FILE.png", help="draw validation BLEU against seconds here")
    arguments = parser.parse_args()

    with cli.quiet():
        import keras  # noqa: F401
    found = machine()
    print(describe(found))
    common = {"limit": arguments.limit, "preset": arguments.preset, "epochs": arguments.epochs}
    rows = []
    for name, changed in arms_of(arguments).items():
        for seed in arguments.seeds:
            folder = arguments.folder / f"{arguments.base}-{name}-{seed}"
            rows.append({"arm": name, "seed": seed} | trained(arguments.dataset, folder, common | changed, seed))
            print(f"{name}, seed {seed}: validation BLEU {rows[-1]['validation_bleu']:.2f}", flush=True)
    print("\n" + summary(rows, arguments.test))
    if arguments.json:
        asked = {"dataset": arguments.dataset, "base": arguments.base} | common
        runs.write_json(arguments.json, {"machine": found, **asked, "rows": rows})
    if arguments.plot:
        draw(rows, arguments.plot)


def arms_of(arguments) -> dict[str, dict]:
    """The settings of each arm, by its name.

    Raises:
        InputError: there is no such arm, or a base that has nothing is to be ablated.
    """
    base = BASES[arguments.base]
    if not arguments.ablate:
        arms = {name: name.split("+") for name in arguments.arms}
        if unknown := sorted(set(itertools.chain.from_iterable(arms.values())) - set(ARMS)):
            raise InputError(f"--arms: there is no {', '.join(unknown)}: choose from {', '.join(ARMS)}")
        return {name: functools.reduce(operator.or_, map(ARMS.get, parts), base) for name, parts in arms.items()}
    if not base:
        raise InputError(f"--ablate takes settings away, and {arguments.base} has none: name another --base")
    return {"base": base} | {f"without {out}": {k: v for k, v in base.items() if k != out} for out in base}


def trained(dataset: str, folder: Path, settings: dict, seed: int) -> dict:
    """The figures of one training; from its folder if it is finished, else it is begun or gone on with."""
    import fmkeras
    from fmkeras.translation.corpora import corpus as corpora

    chosen = {name: value for name, value in settings.items() if value is not None}
    if (folder / runs.REPORT).is_file():
        translator = fmkeras.load_translator(folder)
    else:
        # The weights with the highest BLEU on a sample of the validation set are kept, and each row tells it.
        translator = fmkeras.train_translator(
            dataset, run=folder, resume=(folder / runs.CONFIG).is_file(), seed=seed, select="bleu", **chosen
        )
    different = {name for name, value in chosen.items() if getattr(translator.settings, name) != value}
    if different:
        raise InputError(f"{folder} was trained with other {', '.join(sorted(different))}: choose another --folder")
    report = runs.read_json(folder / runs.REPORT)
    validation = folder / "validation.json"
    if not validation.is_file():
        pairs = corpora.load(translator.settings).validation
        runs.write_json(validation, translator.score(pairs, {})[0])
    history = pd.read_csv(folder / runs.HISTORY)
    return {
        "settings": chosen,
        "parameters": report["parameters"],
        "target_tokens": report["target_tokens"],
        "seconds": report["training_seconds"],
        "validation_bleu": runs.read_json(validation)["bleu"],
        "test_bleu": report["test"]["bleu"],
        "curve": list(zip(history["seconds"], history["val_bleu"], strict=True)),
    }


def summary(rows: list[dict], test: bool) -> str:
    """A line an arm, the best first: means over the seeds, and the difference to the base."""
    arms: dict[str, list[dict]] = {}
    for row in rows:
        arms.setdefault(row["arm"], []).append(row)

    def mean(name: str, what: str) -> float:
        return statistics.mean(row[what] for row in arms[name])

    lines = []
    for name in sorted(arms, key=lambda name: -mean(name, "validation_bleu")):
        bleu = mean(name, "validation_bleu")
        gain = f"{bleu - mean('base', 'validation_bleu'):+.2f}" if "base" in arms else ""
        spread = max(abs(row["validation_bleu"] - bleu) for row in arms[name])
        tokens, seconds = f"{mean(name, 'target_tokens'):,.0f}", f"{mean(name, 'seconds'):,.0f}"
        scores = [f"{bleu:.2f}", f"± {spread:.2f}", gain, *([f"{mean(name, 'test_bleu'):.2f}"] if test else [])]
        lines.append([name, str(len(arms[name])), tokens, seconds, *scores])
    header = ["arm", "seeds", "target tokens", "seconds", "validation BLEU", "spread", "gain"]
    return table(header + ["test"] * test, lines)


def draw(rows: list[dict], path: Path) -> None:
    """BLEU on a sample of the validation set against seconds of training, a line for each training."""
    from matplotlib.figure import Figure

    from fmkeras import plots

    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for number, row in enumerate(rows):
        label = row["arm"] if len({other["seed"] for other in rows}) == 1 else f"{row['arm']}, seed {row['seed']}"
        axis.plot(*zip(*row["curve"], strict=True), **plots.line(number, len(row["curve"])), label=label)
    axis.set(xlabel="seconds of training", ylabel="BLEU, sample of validation", ylim=(0, None))
    axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    runs.save_figure(figure, path)


if __name__ == "__main__":
    cli.run(main)
