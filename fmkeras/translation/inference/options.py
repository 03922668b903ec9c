"""The command lines of those subcommands of `fmkeras.translate` that use a trained run."""

import argparse
from collections.abc import Callable

from fmkeras import cli
from fmkeras.translation.inference.exports import ENGINES

SUBCOMMANDS = ("evaluate", "compare", "text")
TOKENIZERS = ("13a", "char", "flores101", "flores200", "intl", "ja-mecab", "ko-mecab", "none", "spBLEU-1K", "zh")
RUN = "run folder, or bundled for the translator that comes with fmkeras (runs/translate; while there is none, bundled)"
LONGEST = 10_000  # tokens of a translation: beyond any use, and small enough to compute with


def add_subcommands(subcommands: argparse._SubParsersAction) -> None:
    """Add them to a parser's subparsers."""
    evaluate = _subcommand(subcommands, "evaluate", "score a trained translator")
    evaluate.add_argument("--run", metavar="DIR", help=RUN)
    _test_set(evaluate.add_argument)
    split = "which part of what it was trained on (test); other files are scored whole"
    evaluate.add_argument("--split", choices=("train", "validation", "test"), help=split)
    engine = "what translates: keras, which also tells loss and accuracy, or a run's export to ctranslate2 (keras)"
    evaluate.add_argument("--engine", choices=ENGINES, default="keras", help=engine)
    evaluate.add_argument("--ter", action="store_true", help="compute TER, too, which takes a while")
    evaluate.add_argument("--json", action="store_true", help="print the scores as one JSON object")

    compare = _subcommand(subcommands, "compare", "compare two translators on one test set, with p values")
    compare.add_argument("runs", nargs=2, metavar="RUN", help="run folders, the baseline first")
    _test_set(compare.add_argument)
    samples = "test sets drawn by the bootstrap (1000)"
    compare.add_argument("--samples", type=cli.positive(most=10**6), default=1000, metavar="N", help=samples)

    add = _subcommand(subcommands, "text", "translate sentences, or standard input line by line").add_argument
    add("sentence", nargs="*", metavar="SENTENCE", help="text to translate")
    add("--run", metavar="DIR", help=RUN)
    _beam(add)
    add("--length-penalty", type=penalty, metavar="P", help="above 1 for longer translations (the run's: 1)")
    limit = "tokens that the translation of a sentence may have (one and a half times as many as it has, and 10)"
    add("--max-length", type=cli.positive(most=LONGEST), metavar="N", help=limit)
    add("--n-best", type=cli.positive(most=64), metavar="N", help="print the N best translations of each line")
    engine = "what translates: keras, or ctranslate2, the run's export (auto: that, if there is one of its weights)"
    add("--engine", choices=ENGINES, default="auto", help=engine)
    add("--no-split", action="store_true", help="take each line for one sentence")
    add("--json", action="store_true", help="print a JSON object a line: score, tokens, alignment, alternatives")
    add("--attention", metavar="FILE.png", help="draw what the greedy translation of a sentence attends to")


def _subcommand(subcommands: argparse._SubParsersAction, name: str, help: str) -> argparse.ArgumentParser:
    return subcommands.add_parser(name, help=help, formatter_class=argparse.HelpFormatter)


def _beam(add: Callable) -> None:
    help = "hypotheses of beam search, 1 for greedy (the run's: 4)"
    add("--beam", type=cli.positive(most=64), metavar="K", help=help)


def _test_set(add: Callable) -> None:
    """Add the options that say what is scored, and how."""
    add("--dataset", help="what to score on (what it was trained on); a file that it was not trained on is taken whole")
    add("--columns", metavar="A,B", help="columns of source and target in another file: 2,4 (told by the file)")
    add("--source-column", type=int, choices=(1, 2), help="column to translate from in another file (1)")
    add("--encoding", metavar="NAME", help="of another file without a byte-order mark: cp1252, utf-16-le, ... (UTF-8)")
    add("--source-file", metavar="FILE", help="score on this text, a sentence a line, in place of --dataset")
    more = "its translations, line by line; one file or several"
    add("--reference", nargs="+", action="extend", metavar="FILE", help=more)
    _beam(add)
    tokenizers = f"sacreBLEU's tokeniser: {', '.join(TOKENIZERS)} (that of the target language)"
    add("--bleu-tokenize", choices=TOKENIZERS, metavar="NAME", help=tokenizers)


def penalty(text: str) -> float:
    """An argparse type: a length penalty, 0 or more."""
    return 0.0 if text.strip() in ("0", "0.0") else cli.positive(float, most=100)(text)
