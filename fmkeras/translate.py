"""`python -m fmkeras.translate`: train a Transformer translator, evaluate it, translate text with it.

The corrected form of the TED Portuguese-to-English example of ecosystem.md, sections 5.2 and 5.4.
"""

import argparse
import functools
import itertools
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fmkeras import cli, evaluation, runs
from fmkeras.errors import InputError
from fmkeras.translation.inference import exports
from fmkeras.translation.training.options import SUBCOMMANDS, callbacks_given, options_given, parser

if TYPE_CHECKING:
    from fmkeras.translation.inference.translator import Translator

LINES = 1000  # lines of standard input translated at a time


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    arguments = cli.parse(parser(), SUBCOMMANDS, argv)
    if arguments.subcommand in ("text", "evaluate"):
        arguments.run = str(runs.chosen(arguments.run))
        if _uses_export(arguments):
            {"text": text, "evaluate": evaluation.evaluate}[arguments.subcommand](arguments)
            return
    cli.import_keras(training=arguments.subcommand == "train")
    subcommands = {"train": train, "evaluate": evaluation.evaluate, "compare": evaluation.compare, "text": text}
    subcommands[arguments.subcommand](arguments)


def _uses_export(arguments: argparse.Namespace) -> bool:
    """Whether CTranslate2 translates, so that nobody need wait for TensorFlow."""
    if getattr(arguments, "attention", None):
        if arguments.engine == "ctranslate2":
            raise InputError("--attention draws what the Keras model does: leave --engine ctranslate2 out")
        arguments.engine = "keras"
    return exports.choose(arguments.run, arguments.engine)[0] is not None


def train(arguments: argparse.Namespace) -> None:
    """Train a translator: see `fmkeras.train_translator`."""
    from fmkeras import machines

    with machines.joined(arguments.distributed, arguments.processes, arguments.process, arguments.run):
        from fmkeras.translation.training.translators import train_translator

        chosen = options_given(arguments)
        data = chosen.pop("dataset", "auto")
        callbacks = callbacks_given(arguments)
        train_translator(data, run=arguments.run, resume=arguments.resume, callbacks=callbacks, **chosen)


def text(arguments: argparse.Namespace) -> None:
    """Translate the sentences of the command line or of standard input, a line out for each line in."""
    from fmkeras.translation.inference.loading import load_translator
    from fmkeras.translation.inference.remarks import Remarks

    if arguments.json and arguments.attention:
        raise InputError("--attention draws a picture, --json prints: choose one")
    if any("\udc80" <= character <= "\udcff" for character in "".join(arguments.sentence)):
        raise InputError("the sentence is not UTF-8 text: set the terminal to UTF-8, or pipe a UTF-8 file in")
    cli.write_utf8()
    on_choice = functools.partial(print, "fmkeras:", file=sys.stderr)
    if not arguments.attention and (note := meant_otherwise(arguments.sentence)):
        on_choice(note)
    translator = load_translator(arguments.run, arguments.engine, on_choice)
    if arguments.attention:
        draw_attention(translator, arguments)
        return
    lines = iter(arguments.sentence) if arguments.sentence else cli.input_lines()
    size = 1 if not arguments.sentence and sys.stdin.isatty() else LINES  # a person wants an answer to each line
    with Remarks() as remarks:
        options = dict(
            beam=arguments.beam,
            length_penalty=arguments.length_penalty,
            max_length=arguments.max_length,
            split=not arguments.no_split,
            on_doubt=remarks.say,
        )
        number = 1
        while chunk := list(itertools.islice(lines, size)):
            remarks.texts(chunk, number)
            for line in translated(translator, chunk, number, arguments, options):
                print(line, flush=size == 1)
            number += len(chunk)


def meant_otherwise(sentences: list[str]) -> str:
    """A line where a command line names a file, or its one sentence lacks quotes; else ""."""
    if file := next(filter(os.path.isfile, sentences), ""):
        what_is_in_it = f"python -m fmkeras.translate text < {shlex.quote(file)}"
        return f"{file} is a file, and its name is translated: to translate what is in it, {what_is_in_it}"
    if len(sentences) < 2 or any(len(sentence.split()) > 1 for sentence in sentences):
        return ""
    shown = " ".join(sentences[:4] + ["..."] * (len(sentences) > 4))
    return f'each of the {len(sentences)} words is translated alone: if they are one text, quote it, "{shown}"'


def translated(
    translator: "Translator", texts: list[str], number: int, arguments: argparse.Namespace, options: dict
) -> Iterator[str]:
    """The lines to print for some texts, of which the first has this number.

    A translation each; with --json an object each; with --n-best a line for each alternative: the text's number, score
    and translation, with tabs between.
    """
    if not arguments.json and not arguments.n_best:
        yield from translator.translate(texts, **options)
        return
    details = translator.translate_in_detail(texts, arguments.n_best or 1, **options)
    for i, detail in enumerate(details, start=number):
        if arguments.json:
            alternatives = [alternative._asdict() for alternative in detail.alternatives]
            shown = detail._asdict() | {"alternatives": alternatives}
            del shown["weights"]
            yield json.dumps(shown, ensure_ascii=False)
        else:
            lines = [f"{i}\t{score:.4f}\t{text}" for text, score in detail.alternatives]
            yield from lines or [f"{i}\t0.0000\t"]  # a line for each, also of a blank one


def draw_attention(translator: "Translator", arguments: argparse.Namespace) -> None:
    """Save the last block's cross-attention, averaged over its heads, as a picture."""
    from fmkeras import fonts, plots

    if len(arguments.sentence) != 1:
        raise InputError(f"--attention draws one sentence, not {len(arguments.sentence)}: quote it")
    if Path(arguments.attention).suffix.lower() != ".png":
        raise InputError(f"--attention writes PNG files: name {arguments.attention} something.png")
    searching = {"--beam": arguments.beam not in (None, 1), "--n-best": arguments.n_best}
    searching |= {"--max-length": arguments.max_length, "--length-penalty": arguments.length_penalty is not None}
    for option in (option for option, given in searching.items() if given):
        raise InputError(f"--attention draws the greedy translation of a sentence: leave {option} out")
    if (parts := len(translator.parts(arguments.sentence[0], not arguments.no_split))) > 1:
        raise InputError(f"--attention draws one sentence, and this text is translated in {parts}: give one of them")
    source, target, weights = translator.attention(arguments.sentence[0])
    figure = plots.attention_map(
        weights[-1].mean(axis=0), source, target, "cross-attention, last block, mean of its heads"
    )
    runs.save_figure(figure, arguments.attention)
    if missing := fonts.families_for("".join([*source, *target]))[1]:
        print(f"fmkeras: no installed font has {missing[:20]}, shown as □: install one, say of Noto", file=sys.stderr)
    print(translator.translate(arguments.sentence, beam=1, split=not arguments.no_split)[0])


def script() -> None:
    """The command `fmkeras-translate`."""
    cli.run(main)


if __name__ == "__main__":
    script()
