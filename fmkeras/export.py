"""`python -m fmkeras.export`: a trained run in the format of those who will use it.

Each export is loaded again and compared with its run before the command says that it is done.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

from fmkeras import cards, cli, runs
from fmkeras.errors import InputError

FORMATS = ("ctranslate2", "argos", "savedmodel", "litert")
OF_TRANSLATORS, OF_REGRESSORS = ("ctranslate2", "argos", "savedmodel"), ("savedmodel", "litert")
SUFFIXES = {"argos": ".argosmodel", "litert": ".tflite"}  # of the formats that are one file
SENTENCES = 200


def parser() -> argparse.ArgumentParser:
    """The options."""
    top = cli.Parser(
        prog="python -m fmkeras.export",
        description="Write a trained run in the format of CTranslate2, Argos Translate, TensorFlow or LiteRT.",
        epilog="What each format is for, and how it is used: docs/deploy.md",
        formatter_class=argparse.HelpFormatter,
    )
    add = top.add_argument
    add("--run", metavar="DIR", help="run folder, or bundled (runs/translate; while there is none, bundled)")
    formats = "ctranslate2, argos (Argos Translate, LibreTranslate) or savedmodel (TensorFlow, TensorFlow Serving); "
    add("--to", required=True, choices=FORMATS, help=formats + "of a regressor savedmodel or litert")
    place = "where to write it (exports, in the run folder; of bundled, runs/bundled-exports)"
    add("--out", type=Path, metavar="PATH", help=place)
    add("--quantization", choices=("float32", "int8"), help="of ctranslate2 and argos (float32)")
    add("--text", action="store_true", help="savedmodel: with a signature from text to text (needs tensorflow-text)")
    compared = f"how many sentences of the validation part to compare on ({SENTENCES})"
    add("--sentences", type=cli.positive(most=10**6), metavar="N", default=SENTENCES, help=compared)
    return top


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    arguments = parser().parse_args(argv)
    arguments.run = runs.chosen(arguments.run)
    task = runs.read_config(arguments.run).get("task", "translate")
    allowed = {"translate": OF_TRANSLATORS, "regress": OF_REGRESSORS}.get(task, ())
    if not allowed:
        raise InputError(f"{arguments.run} is pre-trained only: make a translator of it first")
    if arguments.to not in allowed:
        raise InputError(f"--to {arguments.to} is not for this run: choose from {', '.join(allowed)}")
    if arguments.text and (arguments.to, task) != ("savedmodel", "translate"):
        raise InputError("--text is for --to savedmodel of a translator: leave it out")
    if arguments.quantization and arguments.to not in ("ctranslate2", "argos"):
        raise InputError("--quantization is for --to ctranslate2 and argos: leave it out")
    if arguments.out:
        ready(arguments.out, arguments.to)
    cli.import_keras()
    if task == "translate":
        export_translator(arguments)
    else:
        export_regressor(arguments)


def ready(out: Path, format: str) -> Path:
    """The place of an export, in a folder that is there.

    Raises:
        InputError: there can be nothing, or nothing of this format.
    """
    suffix = SUFFIXES.get(format)
    if suffix and out.suffix != suffix:
        raise InputError(f"--out {out} must end in {suffix}: others know {format} by that")
    if not out.name:
        raise InputError(f"--out {out} has no name of its own: name a new folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        is_folder = out.is_dir()
    except OSError as error:
        raise InputError(f"--out {out} cannot be written ({error.strerror}): choose another place") from None
    if suffix and is_folder:
        raise InputError(f"--out {out} is a folder, and {format} is one file: name another")
    return out


def export_translator(arguments: argparse.Namespace) -> None:
    """Write one format of a translator, say how it compares, and write the run's own card."""
    from fmkeras.translation.exporting import folders
    from fmkeras.translation.exporting.card import translator_card
    from fmkeras.translation.inference import exports
    from fmkeras.translation.inference.loading import load_translator

    format, run = arguments.to, arguments.run
    if format in ("ctranslate2", "argos") and not importlib.util.find_spec("ctranslate2"):
        raise InputError(f"--to {format} needs a package that is not installed: pip install ctranslate2")
    translator = load_translator(run, "keras")
    sentences = folders.validation_sentences(run, translator.settings, arguments.sentences, translator.tokenizer)
    quantization = arguments.quantization or "float32"
    name = format
    if format == "argos":
        from fmkeras.translation.exporting.to_ctranslate2 import argos_name

        name = argos_name(translator)
    out = arguments.out or ready(exports.of_run(run, name), format)
    if format == "savedmodel":
        from fmkeras.translation.exporting.savedmodel import export_savedmodel

        comparison = export_savedmodel(run, out, translator, sentences, arguments.text)
    elif format == "ctranslate2":
        from fmkeras.translation.exporting.to_ctranslate2 import export_ctranslate2

        comparison = export_ctranslate2(run, out, translator, sentences, quantization)
    else:
        from fmkeras.translation.exporting.to_ctranslate2 import export_argos

        comparison = export_argos(run, out, translator, sentences, quantization)
    print(comparison.line())
    print(f"{out}: {format}, {cards.size(runs.size_of(out))}")
    if not exports.is_bundled(run):  # that one has a card
        card = translator_card(run, translator, "run", run, runs.size_of(run, exports.EXPORTS, runs.CARD))
        _write_card(run, card)


def export_regressor(arguments: argparse.Namespace) -> None:
    """Write one format of a regressor, and say how it compares."""
    from fmkeras.houses.exporting import card, export
    from fmkeras.houses.regressor import load_regressor

    regressor = load_regressor(arguments.run)
    default = arguments.run / "exports" / {"savedmodel": "savedmodel", "litert": "model.tflite"}[arguments.to]
    out = arguments.out or ready(default, arguments.to)
    with cli.quiet():
        line = export(out, regressor, arguments.to)
    print(line)
    print(f"{out}: {arguments.to}, {cards.size(runs.size_of(out))}")
    run = arguments.run
    _write_card(run, card(regressor, "run", run, runs.size_of(run, "exports", runs.CARD)))


def _write_card(run: Path, text: str) -> None:
    """The run's own model card, unless somebody has completed it; a folder that cannot be written undoes nothing."""
    path = run / runs.CARD
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
        print(f"{path} is kept as it is: move it away for a new one")
        return
    try:
        runs.write_text(path, text)
        print(f"{path} says what the run is")
    except InputError as error:
        print(f"fmkeras: the run's own model card is missing: {error}", file=sys.stderr)


def script() -> None:
    """The command `fmkeras-export`."""
    cli.run(main)


if __name__ == "__main__":
    script()
