"""What pre-training is worth: BLEU against pairs to fine-tune on, with pre-trained and with random weights.

    python -m fmkeras.pretrain --dataset ted --skip 10000 --preset small --vocab-size 4000 --epochs 4
    python -m benchmarks.pretraining --init runs/pretrain --folder runs/pretraining --json pretraining.json

Both start with the same vocabulary and train on the first so many pairs of the corpus, which pre-training left out,
until their validation loss has not fallen for --patience epochs. They are compared after the same number of steps, a
third of the most that there can be, and with the weights of the lowest validation loss (with few pairs BLEU goes on
rising after that).
Every run lies in a folder of its own and is read again if it is finished, so that the work can be stopped, and spread
over processes with --pairs, --seeds and --only.
"""

import dataclasses
import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import describe, machine, table
from fmkeras import cli, runs
from fmkeras.errors import InputError

ARMS = ("random", "pre-trained")


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.pretraining", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--init", type=Path, default="runs/pretrain", metavar="RUN", help="the pre-trained run")
    add("--folder", type=Path, default="runs/pretraining", metavar="DIR", help="where the trainings lie")
    add("--pairs", type=cli.positive(), nargs="+", default=[1000, 3000, 10_000], help="pairs to fine-tune on")
    add("--epochs", type=cli.positive(), nargs="+", default=[40, 24, 12], help="most passes over each number of pairs")
    add("--patience", type=cli.positive(), default=3, help="stop after so many epochs without a lower validation loss")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="a training for each")
    add("--only", choices=ARMS, nargs="+", default=ARMS, help="which weights to start from")
    add("--held-out", type=cli.positive(), metavar="N", help="validate on the last so many pairs of those left out")
    add("--batch-tokens", type=cli.positive(), default=1024, help="tokens a batch")
    add("--beam", type=cli.positive(), default=4, help="hypotheses of beam search")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    add("--plot", type=Path, metavar="FILE.png", help="draw them here")
    arguments = parser.parse_args()
    if len(arguments.pairs) != len(arguments.epochs):
        raise InputError(f"{len(arguments.pairs)} numbers of --pairs need as many --epochs")

    with cli.quiet():
        import keras  # noqa: F401
    check(arguments)
    found = machine()
    print(describe(found))
    rows = []
    for pairs, epochs in zip(arguments.pairs, arguments.epochs, strict=True):
        for seed in arguments.seeds:
            for arm in arguments.only:
                rows.append(fine_tuned(arguments, arm, pairs, epochs, seed))
                print(line(rows[-1]), flush=True)
    print("\n" + summary(rows))
    if arguments.json:
        runs.write_json(arguments.json, {"machine": found, "beam": arguments.beam, "rows": rows})
    if arguments.plot:
        draw(rows, arguments.plot)


def check(arguments) -> None:
    """Refuse a folder that has figures of other settings, or of another pre-trained run.

    Raises:
        InputError: it has.
    """
    asked = {name: getattr(arguments, name) for name in ("batch_tokens", "beam", "patience", "held_out")}
    asked["init"] = runs.read_config(arguments.init)
    path = arguments.folder / "asked.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        runs.write_json(path, asked)
    if runs.read_json(path) != asked:
        raise InputError(f"{path.parent} has figures of another --init, or of other options: choose another --folder")


def fine_tuned(arguments, arm: str, pairs: int, epochs: int, seed: int) -> dict:
    """The result of one training; from its folder if it is finished."""
    folder = arguments.folder / f"{arm}-{pairs}-{epochs}-{seed}"
    if not (folder / runs.REPORT).exists():
        folder.mkdir(parents=True, exist_ok=True)
        runs.write_json(folder / runs.REPORT, train(arguments, folder, arm, pairs, epochs, seed))
    return runs.read_json(folder / runs.REPORT)


def train(arguments, folder: Path, arm: str, pairs: int, epochs: int, seed: int) -> dict:
    """Fine-tune, and score the test split a third of the way and with the best weights."""
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.corpora.tokenizer import Tokenizer
    from fmkeras.translation.inference.translator import Translator
    from fmkeras.translation.saved import TOKENIZER
    from fmkeras.translation.settings import Settings
    from fmkeras.translation.training import translators
    from fmkeras.translation.training.pretrained import load_pretrained
    from fmkeras.translation.training.training import Training

    before = Settings.load(runs.read_config(arguments.init))
    needed = pairs + (arguments.held_out or 0)
    if needed > before.skip:
        raise InputError(f"{arguments.init} has learnt from pair {before.skip + 1:,} on: no {needed:,} pairs are left")
    tokenizer = Tokenizer.load(arguments.init / TOKENIZER, before.tokenizer_sha256)
    corpus = corpora.load(dataclasses.replace(before, limit=before.skip))
    if arguments.held_out:
        corpus.validation = corpus.train[-arguments.held_out :]
    corpus.train = corpus.train[:pairs]
    changed = dict(task="translate", source=corpus.source, target=corpus.target, style=corpus.style)
    changed |= dict(epochs=epochs, minutes=None, seed=seed, batch_tokens=arguments.batch_tokens)
    settings = dataclasses.replace(before, **changed)
    _, batches, validation, _ = translators.tokenize(corpus, settings, None, tokenizer)
    initial = load_pretrained(arguments.init).model if arm == "pre-trained" else None
    training = Training(settings, tokenizer, batches, validation, folder, True, initial)

    def scored(model) -> dict:
        result, _ = Translator(model, tokenizer, settings).score(corpus.test, {}, arguments.beam)
        return {name: result[name] for name in ("bleu", "bleu_13a", "chrf", "perplexity")}

    third = max(1, epochs // 3)

    def converged() -> bool:
        done = len(training.history)
        return done >= third and done - training.best["epoch"] >= arguments.patience

    early, rows = folder / "early.json", training.epochs()
    while not converged() and (row := next(rows, None)):
        if row["epoch"] == third:
            runs.write_json(early, {"epoch": row["epoch"], "steps": row["steps"]} | scored(training.averaged))
    best = {"epoch": training.best["epoch"], "steps": training.best["steps"]}
    best |= scored(runs.load_model(folder / runs.MODEL))
    result = {"arm": arm, "pairs": pairs, "epochs": epochs, "seed": seed, "best": best}
    result["early"] = runs.read_json(early) if early.exists() else None  # it was killed while that was scored
    result["converged"] = converged()
    return result | {"val_nll": [row["val_nll"] for row in training.history], "seconds": training.seconds}


def line(row: dict) -> str:
    """One training in one line."""
    points = ", ".join(
        f"{row[when]['bleu']:.2f} after {row[when]['steps']:,} steps (epoch {row[when]['epoch']})"
        for when in ("early", "best")
        if row[when]
    )
    end = "" if row["converged"] else "; not converged: give it more --epochs"
    return f"{row['pairs']:>6,} pairs, seed {row['seed']}, {row['arm']:<11} BLEU {points}{end}"


def groups(rows: list[dict]) -> Iterator[tuple[int, str, dict[str, list[float]]]]:
    """The BLEU of all seeds: for each number of pairs and each point of training, arm -> values."""
    for pairs in dict.fromkeys(row["pairs"] for row in rows):
        for when in ("early", "best"):
            alike = [row for row in rows if row["pairs"] == pairs]
            if not all(row[when] for row in alike):
                continue  # of a training that was killed while it was scored: means would be of different seeds
            yield pairs, when, {arm: [row[when]["bleu"] for row in alike if row["arm"] == arm] for arm in ARMS}


def summary(rows: list[dict]) -> str:
    """A table: mean BLEU of the seeds, with the lowest and highest, and what pre-training gains."""
    lines = []
    for pairs, when, values in groups(rows):
        if not all(values.values()):
            continue
        means = [statistics.mean(values[arm]) for arm in ARMS]
        cells = [
            f"{mean:.2f} ({min(values[arm]):.2f} - {max(values[arm]):.2f})"
            for mean, arm in zip(means, ARMS, strict=True)
        ]
        point = "about a third of the steps" if when == "early" else "lowest validation loss"
        lines.append([f"{pairs:,}", point, *cells, f"{means[1] - means[0]:+.2f}"])
    return table(["pairs", "", *ARMS, "gain"], lines)


def draw(rows: list[dict], path: Path) -> None:
    """BLEU against pairs, after as many steps and with the lowest loss: a line for each start, a dot for each seed."""
    from matplotlib.figure import Figure

    from fmkeras import plots

    figure = Figure(figsize=(9, 4), layout="constrained")
    early, best = figure.subplots(1, 2, sharey=True)
    axes = {"early": early, "best": best}
    early.set_title("after the same number of steps")
    best.set_title("with the lowest validation loss")
    ticks = sorted({row["pairs"] for row in rows})
    looks = {"pre-trained": plots.line(0), "random": plots.line(1)}
    for (arm, look), (when, axis) in itertools.product(looks.items(), axes.items()):
        points = {pairs: values[arm] for pairs, w, values in groups(rows) if w == when and values[arm]}
        axis.plot(list(points), [*map(statistics.mean, points.values())], **look, label=f"{arm} weights")
        for pairs, bleus in points.items():
            axis.plot([pairs] * len(bleus), bleus, ".", color=look["color"])
    for axis in axes.values():
        axis.set(xlabel="pairs to fine-tune on (log scale)", xscale="log", ylim=(0, None))
        axis.set_xticks(ticks, [f"{pairs:,}" for pairs in ticks])
        axis.minorticks_off()
    early.set_ylabel("test BLEU (tokenize=none)")
    early.legend(frameon=False)
    runs.save_figure(figure, path)


if __name__ == "__main__":
    cli.run(main)
