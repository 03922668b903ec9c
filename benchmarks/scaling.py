"""How the cost of a training step and of preparing a corpus grows: tables, JSON and a plot with fitted exponents.

    python -m benchmarks.scaling --json scaling.json --plot scaling.png
    python -m benchmarks.scaling --only prepare --words 9 --pairs 10000 100000

`step`: seconds of a training step, and the peak memory of its process, by sentence length, tokens a batch, vocabulary
and model dimension, one of them changed at a time. `prepare`: what `python -m fmkeras.translate --dataset FILE` does
before it trains, by number of pairs. Each point has a process of its own; an exponent of 1 is linear growth.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

from benchmarks import measure
from fmkeras import cli, runs

PARTS = ("step", "prepare")
BASE = {"length": 32, "batch tokens": 2048, "vocabulary": 8000, "model dimension": 256, "blocks": 3}
POINTS = {
    "length": (8, 16, 32, 64, 128, 256),
    "batch tokens": (512, 1024, 2048, 4096, 8192),
    "vocabulary": (2000, 4000, 8000, 16_000, 32_000),
    "model dimension": (64, 128, 256, 512),
}
SMALLEST = {"length": 2, "batch tokens": 2, "vocabulary": 300, "model dimension": 16}
QUICK = {"length": (16, 32)}, {"length": 16, "batch tokens": 64, "vocabulary": 500, "model dimension": 32, "blocks": 1}
PAIRS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
STAGES = ("read", "vocabulary", "encode", "batches", "epoch")
SYLLABLES = "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu".split()


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.scaling", description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", choices=PARTS, help="measure one of the two parts")
    parser.add_argument("--pairs", nargs="+", type=cli.positive(), default=PAIRS, metavar="N", help="sizes of a corpus")
    parser.add_argument("--words", type=cli.positive(), default=20, help="mean words a side; TED has 20, Tatoeba 8")
    parser.add_argument("--repetitions", type=cli.positive(), default=3, help="of each corpus; the median counts")
    parser.add_argument("--steps", type=cli.positive(), default=5, help="steps timed; the median counts")
    parser.add_argument("--quick", action="store_true", help="few and small points: whether it runs, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw them here")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.pairs, arguments.repetitions, arguments.steps = (500, 1000), 1, 2
    parts, result = [arguments.only] if arguments.only else PARTS, {"machine": measure.machine()}
    print(measure.describe(result["machine"]))
    if "step" in parts:
        points, base = QUICK if arguments.quick else (POINTS, BASE)
        result["step"] = steps(points, base, arguments.steps)
    if "prepare" in parts:
        result["prepare"] = corpora(arguments.pairs, arguments.words, arguments.repetitions)
    if arguments.json:
        runs.write_json(arguments.json, result)
    if arguments.plot:
        draw(result, arguments.plot)


def alone(function: Callable, *arguments):
    """What a function returns in a new process, whose peak of memory is then its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def exponent(x, y) -> float:
    """The slope of a straight line through (log x, log y): y grows as x to this power."""
    import numpy as np

    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


# --- a training step


def steps(points: dict, base: dict, number: int) -> dict:
    """Measure and print the steps of all points: by what changes, its values with seconds and MB, and exponents."""
    smallest = alone(step, base | SMALLEST, number)["peak"]
    known, found = {}, {}
    for name, values in points.items():
        rows = []
        for value in values:
            sizes = base | {name: value}
            key = tuple(sizes.values())
            if key not in known:
                known[key] = alone(step, sizes, number)
            rows.append({"value": value} | known[key])
        seconds = [row["seconds"]["median"] for row in rows]
        memory = [max(1.0, row["peak"] - smallest) for row in rows]  # what TensorFlow and its graph take is no growth
        found[name] = {"values": values, "seconds": seconds, "memory": memory, "rows": rows}
        found[name] |= {"seconds_exponent": exponent(values, seconds), "memory_exponent": exponent(values, memory)}
        cells = [
            [f"{value:,}", f"{1000 * s:,.0f}", f"{m:,.0f}", f"{row['peak']:,.0f}"]
            for value, s, m, row in zip(values, seconds, memory, rows, strict=True)
        ]
        powers = (f"{found[name][kind]:.2f}" for kind in ("seconds_exponent", "memory_exponent"))
        cells.append(["exponent", *powers, ""])
        others = ", ".join(f"{other} {value:,}" for other, value in base.items() if other != name)
        print(f"\n{others}; float32")
        print(measure.table([name, "ms a step", "MB", "peak MB"], cells), flush=True)
    print(f"\nMB: what the process takes at its peak, less the {smallest:,.0f} MB of the smallest model")
    return {"base": base, "smallest": smallest, "points": found}


def step(sizes: dict, number: int) -> dict:
    """Train some steps on made-up pairs, all of one length, as `fmkeras` does.

    Returns:
        seconds: a summary of the steps timed; peak: most MB that the process held.
    """
    with cli.quiet():
        import keras
    import numpy as np

    from fmkeras.translation.corpora.batches import Batches
    from fmkeras.translation.corpora.tokenizer import END
    from fmkeras.translation.model.objective import Objective, as_dataset
    from fmkeras.translation.model.transformer import Transformer

    length, tokens, vocabulary, d_model, blocks = sizes.values()
    keras.utils.set_random_seed(0)
    objective = Objective(Transformer(vocabulary, d_model, max(1, d_model // 64), 4 * d_model, blocks))
    objective.compile(keras.optimizers.Adam(1e-4, global_clipnorm=1.0), jit_compile=False)
    shape = (3 + number) * (tokens // length), length  # the first batch builds the graph, two more warm up
    ids = np.random.default_rng(0).integers(END + 1, vocabulary, shape)
    ids[:, -1] = END
    ends = []
    objective.fit(
        as_dataset(Batches(ids, ids, tokens), 0),
        shuffle=False,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter()))
        ],
    )
    return {"seconds": measure.summary(np.diff(ends)[2:].tolist()), "peak": measure.peak_memory()}


# --- preparing a corpus


def corpora(sizes, words: int, repetitions: int) -> dict:
    """Measure and print the preparation of corpora of these sizes: seconds and MB by stage."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pairs.tsv"
            known = alone(generate, path, size, words)
            found = [alone(prepare, path) for _ in range(repetitions)]
        row = {"pairs": size} | known
        row["seconds"] = {stage: statistics.median(f["seconds"][stage] for f in found) for stage in ("import", *STAGES)}
        row["total"] = measure.summary([sum(f["seconds"][stage] for stage in STAGES) for f in found])
        row["peak"] = {stage: max(f["peak"][stage] for f in found) for stage in ("import", *STAGES)}
        rows.append(row)
    columns = {stage: [row["seconds"][stage] for row in rows] for stage in STAGES}
    columns["seconds"] = [row["total"]["median"] for row in rows]
    exponents = {name: exponent(sizes, values) for name, values in columns.items()} if len(rows) > 1 else {}
    cells = [
        [f"{row['pairs']:,}", f"{row['words']:.1f}", *(f"{columns[name][i]:.2f}" for name in columns)]
        + [f"{row['total']['low']:.2f} to {row['total']['high']:.2f}", f"{row['peak']['epoch']:,.0f}"]
        for i, row in enumerate(rows)
    ]
    if exponents:
        cells.append(["exponent", "", *(f"{exponents[name]:.2f}" for name in columns), "", ""])
    print("\nseconds by stage; peak MB with TensorFlow, which takes " + f"{rows[0]['peak']['import']:,.0f} itself")
    print(measure.table(["pairs", "words", *columns, "low to high", "peak MB"], cells), flush=True)
    return {"rows": rows, "exponents": exponents}


def generate(path: Path, size: int, words: int, seed: int = 0) -> dict:
    """Write pairs of sentences of the phrasebook, several to a line, behind a name, as in a play.

    The names, 168,400 in all, give the text the long tail of rare words that the phrasebook lacks.

    Returns:
        words: mean number a side; types: different words.
    """
    from fmkeras.translation.corpora import phrasebook

    table = phrasebook.load(max(400, min(size, 100_000)))
    pairs = list(zip(table["pt"], table["en"], strict=True))
    mean = sum(side.count(" ") + 1 for pair in pairs for side in pair) / len(pairs) / 2
    more = 1 - min(1.0, mean / max(1, words - 1))  # chance of one sentence more: their number is geometric
    random, count, types = Random(seed), 0, set()
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for _ in range(size):
            chosen = [random.choice(pairs)]
            while random.random() < more:
                chosen.append(random.choice(pairs))
            name = "".join(random.choices(SYLLABLES, k=random.randint(2, 4))).capitalize()
            sides = [" ".join([f"{name}:", *side]) for side in zip(*chosen, strict=True)]
            file.write("\t".join(sides) + "\n")
            found = " ".join(sides).split()
            count += len(found)
            types.update(found)
    return {"words": count / size / 2, "types": len(types)}


def prepare(path: Path) -> dict:
    """Do what training does first with a file of pairs: seconds of each stage, and peak MB of the process after it."""
    seconds, peak = {}, {}

    def ended(stage: str) -> None:
        nonlocal began
        seconds[stage], peak[stage] = time.perf_counter() - began, measure.peak_memory()
        began = time.perf_counter()

    began = time.perf_counter()
    with cli.quiet():
        import keras  # noqa: F401
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.training import options, translators

    settings = options.new_settings({"dataset": str(path), "preset": "small"})
    ended("import")
    corpus = corpora.load(settings)
    ended("read")
    translators.vocabulary(corpus, settings, path.parent)
    ended("vocabulary")
    _, batches, _, _ = translators.tokenize(corpus, settings, path.parent)
    ended("encode")
    batches.indices(0)
    ended("batches")
    for _ in batches.epoch(0):
        pass
    ended("epoch")
    (path.parent / "tokenizer.model").unlink()
    return {"seconds": seconds, "peak": peak}


def draw(result: dict, path: Path) -> None:
    """Steps as multiples of their first point and stages of the preparation, logarithmic; its memory, linear."""
    from matplotlib.figure import Figure

    from fmkeras import plots

    points, prepared = result.get("step", {}).get("points", {}), result.get("prepare")
    number = len(points) + 2 * bool(prepared)
    columns = 2 if number in (2, 4) else min(3, number)
    lines = -(-number // columns)
    figure = Figure(figsize=(4.2 * columns, 3.6 * lines), layout="constrained")
    axes = iter(figure.subplots(lines, columns, squeeze=False).flat)
    for (name, found), axis in zip(points.items(), axes, strict=False):
        x = found["values"]
        for number, kind in enumerate(("seconds", "memory")):
            y, label = found[kind], f"{kind}, exponent {found[f'{kind}_exponent']:.2f}"
            axis.loglog(x, [value / y[0] for value in y], **plots.line(number, len(x)), label=label)
        axis.loglog(x, [value / x[0] for value in x], color="#bdbdbd", label="linear")
        axis.set_xticks(x, [f"{value:,}" for value in x])
        axis.yaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
        axis.set(title=f"a training step by {name}", xlabel=name, ylabel=f"times that at {x[0]:,}")
    if prepared:
        rows, exponents = prepared["rows"], prepared["exponents"]
        x, seconds, memory = [row["pairs"] for row in rows], next(axes), next(axes)
        for number, stage in enumerate(STAGES, start=1):
            seconds.loglog(x, [row["seconds"][stage] for row in rows], **plots.line(number, len(x)), label=stage)
        label = f"all, exponent {exponents['seconds']:.2f}" if exponents else "all"
        seconds.loglog(x, [row["total"]["median"] for row in rows], **plots.line(0, len(x)), label=label)
        seconds.set(title="preparing a corpus: time", xlabel="pairs", ylabel="seconds")
        seconds.xaxis.set_minor_formatter("")  # their labels would run into one another
        seconds.set_ylim(top=50 * rows[-1]["total"]["median"])  # room for the legend
        for number, (stage, label) in enumerate((("epoch", "peak"), ("import", "TensorFlow alone"))):
            memory.plot(x, [row["peak"][stage] for row in rows], **plots.line(number, len(x)), label=label)
        memory.set(title="preparing a corpus: memory", xlabel="pairs", ylabel="MB", ylim=(0, None))
        memory.xaxis.set_major_formatter("{x:,.0f}")
        memory.locator_params(nbins=5)
        memory.yaxis.set_major_formatter("{x:,.0f}")
    for axis in axes:
        figure.delaxes(axis)
    for axis in figure.axes:
        axis.legend(frameon=False, fontsize=8, loc="upper left")
    runs.save_figure(figure, path)


if __name__ == "__main__":
    cli.run(main)
