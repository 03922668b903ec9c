"""`python -m fmkeras.pretrain`: pre-train a Transformer on sentences without translations.

What ecosystem.md promises in sections 3 and 5.2, self-supervised pre-training and then fine-tuning: here the model
learns to restore spoilt sentences, and `python -m fmkeras.translate --init runs/pretrain` makes a translator of it.
"""

import argparse
import shlex
import time
from pathlib import Path

from fmkeras import cli, runs
from fmkeras.translation.settings import NONE, Settings
from fmkeras.translation.training.options import decide, options_given, pretrain_parser

SAMPLES = 5  # sentences of each language shown at the end


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    arguments = pretrain_parser().parse_args(argv)
    with cli.quiet():
        import keras  # noqa: F401
    pretrain(arguments)


def pretrain(arguments: argparse.Namespace) -> None:
    """Text → SentencePiece ids → spoilt and clean → Transformer → best weights."""
    from fmkeras.translation.corpora import monolingual
    from fmkeras.translation.corpora.tokenizer import MASK, Tokenizer, language_mark
    from fmkeras.translation.saved import own_tokenizer
    from fmkeras.translation.training import session
    from fmkeras.translation.training.denoising import Denoising, Restorer
    from fmkeras.translation.training.training import Training

    began = time.perf_counter()
    folder, chosen = Path(arguments.run), options_given(arguments) | {"task": "denoise"}
    if "text" in chosen and not arguments.resume:
        chosen.setdefault("dataset", NONE)
    settings = session.choose_settings(folder, chosen, arguments.resume)
    texts = monolingual.load(settings)
    settings.dataset, settings.style = texts.dataset, texts.style
    settings = decide(settings, chosen)
    print(f"data       {texts.name}, {' and '.join(texts.train)}, without translations")
    for note in texts.notes:
        print(f"           {note}")

    own, marks = folder if arguments.resume else None, [MASK, *map(language_mark, texts.train)]
    tokenizer = own_tokenizer(own, settings, lambda: Tokenizer.train(texts.sample(), settings.vocab_size, marks))
    denoising = Denoising.of(texts.train, tokenizer, settings)
    for language, kept in denoising.counts.items():
        long = len(texts.train[language]) - kept
        print(f"           {language}: {long:,} sentences over {settings.max_pieces} pieces dropped, {kept:,} kept")
    validation = Denoising.of(texts.validation, tokenizer, settings).batches(0)
    training = Training(
        settings, tokenizer, denoising.batches(0), validation, folder, arguments.resume, renew=denoising.batches
    )
    session.open_folder(training, arguments.resume)
    session.describe(training)

    restorer = Restorer(training.average, tokenizer, settings)
    title = f"denoising, {texts.name}, {settings.preset}: {', '.join(texts.train)}"
    with session.interruptible(training):
        session.train(training, title, began, lambda: [row[1:] for row in restorer.samples(texts.validation, 1)])
        best = Restorer(runs.load_model(folder / runs.MODEL), tokenizer, settings)
        samples = best.samples(texts.validation, SAMPLES)

    report = {
        "dataset": texts.name,
        "notes": texts.notes,
        "sentences": denoising.counts,
        **session.report(training, began),
        "validation": {name: training.best[f"val_{name}"] for name in ("loss", "nll", "perplexity", "token_accuracy")},
    }
    session.finish(folder, report, "\n".join(f"sentence  {c}\nspoilt    {s}\nrestored  {r}\n" for c, s, r in samples))
    print(f"It took {cli.duration(report['seconds'])}. Fine-tune: {fine_tuning(settings, list(texts.train), folder)}")


def fine_tuning(settings: Settings, languages: list[str], folder: Path) -> str:
    """The command that makes a translator of the run, on the pairs that it has not learnt from."""
    words = ["python", "-m", "fmkeras.translate", "--init", str(folder)]
    words += ["--dataset", "PAIRS.tsv" if settings.dataset == NONE else settings.dataset]
    if settings.source_column != 1:
        words += ["--source-column", str(settings.source_column)]
    if settings.dataset not in ("ted", "phrasebook"):  # these know their languages
        words += ["--source", languages[0], "--target", languages[min(1, len(languages) - 1)]]
    if settings.skip:
        words += ["--limit", str(settings.skip)]
    return shlex.join(words)


def script() -> None:
    """The command `fmkeras-pretrain`."""
    cli.run(main)


if __name__ == "__main__":
    script()
