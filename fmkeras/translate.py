"""`python -m fmkeras.translate`: train a Transformer translator, evaluate it, translate text with it.

The corrected form of the TED Portuguese-to-English example of ecosystem.md, sections 5.2 and 5.4.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fmkeras import cli, evaluation, runs
from fmkeras.errors import InputError
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.options import VERBS, decide, options_given, parser

SAMPLES = 10  # translations shown at the end of training
VOCABULARY_PAIRS = 200_000  # at most, from which the vocabulary is learnt
LINES = 1000  # lines of standard input translated at a time


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    arguments = cli.parse(parser(), VERBS, argv)
    unneeded = ("pandas", "sklearn") if arguments.verb == "text" else ()
    with cli.quiet(), cli.without(*unneeded):
        import keras  # noqa: F401
    verbs = {"train": train, "evaluate": evaluation.evaluate, "compare": evaluation.compare, "text": text}
    verbs[arguments.verb](arguments)


def train(arguments: argparse.Namespace) -> None:
    """Text → normalise → SentencePiece ids → bucketed batches → Transformer → best weights → BLEU."""
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.corpora import held_out
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
    corpora.settle(settings, corpus)
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
    trained_on = held_out.fingerprints(corpus.train)
    corpus.train = []  # as text: of a million pairs it is 0.4 GB, and no longer needed
    print(
        f"           train: {dropped:,} pairs over {settings.max_pieces} pieces dropped, {len(batches.source):,} kept"
    )
    initial = pretrained and pretrained.model
    training = Training(settings, tokenizer, batches, validation, folder, arguments.resume, initial=initial)
    session.open_folder(training, arguments.resume)
    held_out.write_fingerprints(folder, trained_on)
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
    evaluation.print_scores(f"test: {test['pairs']:,} pairs of {corpus.name}", test)
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


def text(arguments: argparse.Namespace) -> None:
    """Translate the sentences of the command line or of standard input, a line out for each line in."""
    from fmkeras.translation.inference.translator import load_translator

    if arguments.json and arguments.attention:
        raise InputError("--attention draws a picture, --json prints: choose one")
    translator = load_translator(arguments.run)
    if arguments.attention:
        draw_attention(translator, arguments)
        return
    lines = iter(arguments.sentence) if arguments.sentence else cli.input_lines()
    size = 1 if sys.stdin.isatty() and not arguments.sentence else LINES  # a person wants an answer to each line
    cli.write_utf8()
    options = dict(
        beam=arguments.beam,
        length_penalty=arguments.length_penalty,
        max_length=arguments.max_length,
        split=not arguments.no_split,
        on_cut=cli.say_once("cut, since too long for one sentence"),
    )
    on_limit = cli.say_once("the translation ended at its length limit (--max-length)")
    number = 1
    while chunk := list(itertools.islice(lines, size)):
        for line in translated(translator, chunk, number, arguments, options, on_limit):
            print(line, flush=size == 1)
        number += len(chunk)


def translated(
    translator, texts: list[str], number: int, arguments: argparse.Namespace, options: dict, on_limit: Callable
) -> Iterator[str]:
    """The lines to print for some texts, of which the first has this number.

    A translation each; with --json an object each; with --n-best a line for each alternative: the text's number, score
    and translation, with tabs between.
    """
    if not arguments.json and not arguments.n_best:
        yield from translator.translate(texts, **options, on_limit=on_limit)
        return
    details = translator.translate_in_detail(texts, arguments.n_best or 1, **options)
    for i, detail in enumerate(details, start=number):
        if detail.cut:
            on_limit(detail.source)
        if arguments.json:
            alternatives = [alternative._asdict() for alternative in detail.alternatives]
            yield json.dumps(detail._asdict() | {"alternatives": alternatives}, ensure_ascii=False)
        else:
            yield from (f"{i}\t{score:.4f}\t{text}" for text, score in detail.alternatives or [("", 0.0)])


def draw_attention(translator, arguments: argparse.Namespace) -> None:
    """Save the last block's cross-attention, averaged over its heads, as a picture."""
    from fmkeras import fonts, plots

    if len(arguments.sentence) != 1:
        raise InputError(f"--attention draws one sentence, not {len(arguments.sentence)}: quote it")
    if Path(arguments.attention).suffix.lower() != ".png":
        raise InputError(f"--attention writes PNG files: name {arguments.attention} something.png")
    source, target, weights = translator.attention(arguments.sentence[0])
    figure = plots.attention_map(
        weights[-1].mean(axis=0), source, target, "cross-attention, last block, mean of its heads"
    )
    runs.save_figure(figure, arguments.attention)
    if missing := fonts.families_for("".join([*source, *target]))[1]:
        print(f"fmkeras: no installed font has {missing[:20]}, shown as □: install one, say of Noto", file=sys.stderr)
    print(translator.translate(arguments.sentence, beam=1)[0])


if __name__ == "__main__":
    cli.run(main)
