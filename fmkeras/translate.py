"""`python -m fmkeras.translate`: train a Transformer translator, evaluate it, translate text with it.

The corrected form of the TED Portuguese-to-English example of ecosystem.md, sections 5.2 and 5.4.
"""

import argparse
import dataclasses
import itertools
import sys
import time
from pathlib import Path

from fmkeras import cli, runs
from fmkeras.errors import InputError
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.options import VERBS, decide, options_given, parser

SAMPLES = 10  # translations shown at the end of training
VOCABULARY_PAIRS = 200_000  # at most, from which the vocabulary is learnt
LINES = 1000  # lines of standard input translated at a time


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    arguments = cli.parse(parser(), VERBS, argv)
    with cli.quiet():
        import keras  # noqa: F401
    {"train": train, "evaluate": evaluate, "text": text}[arguments.verb](arguments)


def train(arguments: argparse.Namespace) -> None:
    """Text → normalise → SentencePiece ids → bucketed batches → Transformer → best weights → BLEU."""
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.inference.translator import Translator, load_translator
    from fmkeras.translation.training import session
    from fmkeras.translation.training.pretrained import load_pretrained
    from fmkeras.translation.training.training import Training, has_checkpoint

    began = time.perf_counter()
    folder, chosen = Path(arguments.run), options_given(arguments) | {"task": "translate"}
    settings = session.choose_settings(folder, chosen, arguments.resume)
    if settings.init and Path(settings.init).resolve() == folder.resolve():
        raise InputError(f"--init and --run are both {folder}: train in another --run")
    started = arguments.resume and has_checkpoint(folder)  # then it needs no pre-trained weights any more
    pretrained = load_pretrained(settings.init) if settings.init and not started else None
    corpus = corpora.load(settings)
    settings.dataset = corpus.name
    settings.source, settings.target, settings.style = corpus.source, corpus.target, corpus.style
    if pretrained:
        pretrained.check(settings)
    settings = decide(settings, chosen, pretrained and pretrained.settings)
    print(f"data       {corpus.name}, {corpus.source} → {corpus.target}")
    for note in corpus.notes:
        print(f"           {note}")

    own, known = folder if arguments.resume else None, pretrained and pretrained.tokenizer
    tokenizer, batches, validation, dropped = tokenize(corpus, settings, own, known)
    if pretrained and pretrained.tokenizer.sha256 != tokenizer.sha256:
        raise InputError(f"{settings.init} is not the run that {folder} was begun with: train in another --run")
    corpus.train = []  # as text: of a million pairs it is 0.4 GB, and no longer needed
    print(
        f"           train: {dropped:,} pairs over {settings.max_pieces} pieces dropped, {len(batches.source):,} kept"
    )
    initial = pretrained and pretrained.model
    training = Training(settings, tokenizer, batches, validation, folder, arguments.resume, initial=initial)
    session.open_folder(training, arguments.resume)
    session.describe(training)

    title = f"{corpus.name}, {settings.preset}: {corpus.source} → {corpus.target}"
    sample, sources = Translator(training.average, tokenizer, settings), [source for source, _ in corpus.validation[:2]]
    with session.interruptible(training):
        session.train(training, title, began, lambda: zip(sources, sample.translate_sentences(sources, 1), strict=True))
        test, translations = load_translator(folder).score(corpus.test, corpus.parts)

    report = {
        "dataset": corpus.name,
        "direction": f"{corpus.source}-{corpus.target}",
        "notes": corpus.notes,
        "pairs": len(batches.source),
        "init": settings.init,
        **session.report(training, began),
        "test": test,
    }
    print_scores(corpus, "test", test)
    rows = [(*pair, translation) for pair, translation in zip(corpus.test, translations, strict=True)]
    samples = "\n".join(f"source       {s}\nreference    {r}\ntranslation  {t}\n" for s, r, t in spread(rows))
    session.finish(folder, report, samples)
    print(
        f'It took {cli.duration(report["seconds"])}. Translate: python -m fmkeras.translate text --run {folder} "..."'
    )


def vocabulary(corpus, settings: Settings, folder: Path | None, known=None):
    """The folder's own tokenizer, or the one `known`, or a new one. Of very many pairs it reads some.

    With a folder it is saved there; without one nothing is written.
    """
    from fmkeras.translation.corpora.tokenizer import Tokenizer
    from fmkeras.translation.saved import TOKENIZER, own_tokenizer

    step = -(-len(corpus.train) // VOCABULARY_PAIRS)  # evenly spread
    pairs = itertools.chain(*corpus.train[::step])
    tokenizer = own_tokenizer(folder, settings, lambda: known or Tokenizer.train(pairs, settings.vocab_size))
    if folder and not (folder / TOKENIZER).exists():
        tokenizer.save(folder / TOKENIZER)
    return tokenizer


def tokenize(corpus, settings: Settings, folder: Path | None, known=None):
    """The tokenizer (see `vocabulary`), batches of training and validation, and how many pairs were dropped.

    Raises:
        InputError: every pair is too long.
    """
    from fmkeras.translation.corpora.batches import Batches

    tokenizer = vocabulary(corpus, settings, folder, known)
    start = tokenizer.start(settings.target)
    source, target = (tokenizer.encode_corpus(side) for side in zip(*corpus.train, strict=True))
    kept = (source.lengths <= settings.max_pieces) & (target.lengths <= settings.max_pieces)
    if not kept.any():
        raise InputError(f"every training pair is longer than {settings.max_pieces} pieces: cut them into sentences")
    source = source.where(kept)  # one after the other: of millions of pairs each copy counts
    target = target.where(kept)
    batches = Batches(source, target, settings.batch_tokens, settings.seed, start=start)
    validation = (tokenizer.encode_corpus(side) for side in zip(*corpus.validation, strict=True))
    return tokenizer, batches, Batches(*validation, settings.batch_tokens, start=start), len(kept) - len(source)


def spread(rows: list) -> list:
    """SAMPLES rows, evenly from first to last."""
    return rows[:: max(1, len(rows) // SAMPLES)][:SAMPLES]


def print_scores(corpus, split: str, result: dict) -> None:
    """The table of scores, each BLEU and chrF with sacreBLEU's signature."""
    print(f"\n{split}: {result['pairs']:,} pairs of {corpus.name}, beam {result['beam']}")
    for name in ("loss", "perplexity", "token_accuracy"):
        print(f"  {name:<15}{result[name]:>8.4f}")
    for name in ("bleu", "bleu_13a", "chrf"):
        print(f"  {name:<15}{result[name]:>8.2f}  {result[f'{name}_signature']}")
    for name, part in result["parts"].items():
        print(f"  {name:<15}{part['bleu_13a']:>8.2f}  bleu_13a of {part['pairs']:,} pairs")


def evaluate(arguments: argparse.Namespace) -> None:
    """What section 5.4 of the article meant: load the saved model and score it on data that it was not trained on."""
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.inference.translator import load_translator

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
    print_scores(corpus, arguments.split, result)


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
