"""BLEU of several models of one run, such as one kept after each epoch: a table, JSON and a plot.

    python -m benchmarks.bleu_by_epoch RUN 1.keras 2.keras 4.keras --json bleu.json --plot bleu.png

Training keeps the best model only; copy `RUN/model.keras` after the epochs that are to be compared.
"""

from pathlib import Path

from fmkeras import cli, runs


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.bleu_by_epoch", description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path, help="run folder: its tokenizer, settings and corpus are used")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.keras", help="named by epoch: 1.keras, ...")
    parser.add_argument("--splits", nargs="+", default=["validation", "test"], help="what to score on")
    parser.add_argument("--beam", type=cli.positive(), default=4, help="hypotheses of beam search; 1 is greedy")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw them here")
    arguments = parser.parse_args()

    with cli.quiet():
        import keras  # noqa: F401
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.inference.loading import load_translator
    from fmkeras.translation.inference.translator import Translator

    translator = load_translator(arguments.run)
    corpus = corpora.load(translator.settings)
    rows = []
    print(f"{'epoch':>5}  {'split':<10}  {'perplexity':>10}  {'BLEU none':>9}  {'BLEU 13a':>8}")
    for path in arguments.models:
        model = Translator(runs.load_model(path), translator.tokenizer, translator.settings)
        for split in arguments.splits:
            scores, _ = model.score(corpus.split(split), {}, arguments.beam)
            rows.append({"epoch": int(path.stem), "split": split} | scores)
            print(
                f"{path.stem:>5}  {split:<10}  {scores['perplexity']:>10.2f}  {scores['bleu']:>9.2f}  "
                f"{scores['bleu_13a']:>8.2f}",
                flush=True,
            )
    if arguments.json:
        runs.write_json(arguments.json, {"dataset": corpus.name, "beam": arguments.beam, "rows": rows})
    if arguments.plot:
        draw(rows, f"{corpus.name}: BLEU by epoch, beam {arguments.beam}", arguments.plot)


def draw(rows: list[dict], title: str, path: Path) -> None:
    """BLEU (tokenize=none) by epoch, a line for each split."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from fmkeras import plots

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axis = figure.subplots()
    for number, split in enumerate(dict.fromkeys(row["split"] for row in rows)):
        points = sorted((row["epoch"], row["bleu"]) for row in rows if row["split"] == split)
        axis.plot(*zip(*points, strict=True), **plots.line(number, len(points)), label=split)
    axis.set(title=title, xlabel="epoch", ylabel="BLEU (tokenize=none)", ylim=(0, None))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(frameon=False)
    runs.save_figure(figure, path)


if __name__ == "__main__":
    cli.run(main)
