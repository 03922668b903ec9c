"""`python -m fmkeras.translate`: train a Transformer translator, evaluate it, translate text with it.

The corrected form of the TED Portuguese-to-English example of ecosystem.md, sections 5.2 and 5.4.
"""

import argparse
import dataclasses
import itertools
import sys
from pathlib import Path

from fmkeras import cli, runs
from fmkeras.errors import InputError
from fmkeras.translation.training.options import VERBS, callbacks_given, options_given, parser

LINES = 1000  # lines of standard input translated at a time


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    arguments = cli.parse(parser(), VERBS, argv)
    with cli.quiet():
        import keras  # noqa: F401
    {"train": train, "evaluate": evaluate, "text": text}[arguments.verb](arguments)


def train(arguments: argparse.Namespace) -> None:
    """Train a translator: see `fmkeras.train_translator`."""
    from fmkeras.translation.training.translators import train_translator

    chosen = options_given(arguments)
    data = chosen.pop("dataset", "auto")
    train_translator(data, run=arguments.run, resume=arguments.resume, callbacks=callbacks_given(arguments), **chosen)


def evaluate(arguments: argparse.Namespace) -> None:
    """What section 5.4 of the article meant: load the saved model and score it on data that it was not trained on."""
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.inference.translator import load_translator
    from fmkeras.translation.training.translators import score_lines

    translator = load_translator(arguments.run)
    settings = dataclasses.replace(translator.settings, limit=None)
    settings.dataset = arguments.dataset or settings.dataset
    corpus = corpora.load(settings)
    if (corpus.source, corpus.target) != (settings.source, settings.target):
        raise InputError(
            f"{arguments.run} translates {settings.source} → {settings.target}, but {corpus.name} is "
            f"{corpus.source} → {corpus.target}: choose another --dataset"
        )
    parts = corpus.parts if arguments.split == "test" else {}
    result, _ = translator.score(corpus.split(arguments.split), parts, arguments.beam)
    print(*score_lines(corpus.name, arguments.split, result), sep="\n")


def text(arguments: argparse.Namespace) -> None:
    """Translate the sentences of the command line or of standard input, a line out for each line in."""
    from fmkeras.translation.inference.translator import load_translator

    translator = load_translator(arguments.run)
    if arguments.attention:
        draw_attention(translator, arguments)
        return
    lines = iter(arguments.sentence) if arguments.sentence else cli.input_lines()
    size = 1 if sys.stdin.isatty() and not arguments.sentence else LINES  # a person wants an answer to each line
    cli.write_utf8()
    said = []

    def say(sentence: str) -> None:
        if not said:
            print(f"fmkeras: cut, since too long for one sentence: {sentence[:40]}... (said once)", file=sys.stderr)
        said.append(True)

    while chunk := list(itertools.islice(lines, size)):
        for translation in translator.translate(chunk, arguments.beam, say):
            print(translation, flush=size == 1)


def draw_attention(translator, arguments: argparse.Namespace) -> None:
    """Save the last block's cross-attention, averaged over its heads, as a picture."""
    from fmkeras import plots

    if len(arguments.sentence) != 1:
        raise InputError(f"--attention draws one sentence, not {len(arguments.sentence)}: quote it")
    if Path(arguments.attention).suffix.lower() != ".png":
        raise InputError(f"--attention writes PNG files: name {arguments.attention} something.png")
    source, target, weights = translator.attention(arguments.sentence[0])
    figure = plots.attention_map(
        weights[-1].mean(axis=0), source, target, "cross-attention, last block, mean of its heads"
    )
    runs.save_figure(figure, arguments.attention)
    print(translator.translate(arguments.sentence, beam=1)[0])


def script() -> None:
    """The command `fmkeras-translate`."""
    cli.run(main)


if __name__ == "__main__":
    script()
