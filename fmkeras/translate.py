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
from fmkeras.translation.options import VERBS, decide, new_settings, options_given, parser, resumed_settings
from fmkeras.translation.settings import Settings

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
    from tqdm import tqdm

    from fmkeras.translation import corpus as corpora
    from fmkeras.translation.training import Training
    from fmkeras.translation.translator import Translator, load_translator

    began = time.perf_counter()
    folder, chosen = Path(arguments.run), options_given(arguments)
    settings = resumed_settings(folder, chosen) if arguments.resume else new_settings(chosen)
    corpus = corpora.load(settings)
    settings.dataset = corpus.name
    settings.source, settings.target, settings.style = corpus.source, corpus.target, corpus.style
    settings = decide(settings, chosen)
    print(f"data       {corpus.name}, {corpus.source} → {corpus.target}")
    for note in corpus.notes:
        print(f"           {note}")
    if arguments.resume:
        runs.tidy(folder)
    else:
        folder, note = runs.start(folder)
        if note:
            print(f"run        {note}")
    runs.write_config(folder, settings.asdict())

    tokenizer, batches, validation, dropped = tokenize(corpus, settings, folder)
    corpus.train = []  # as text: of a million pairs it is 0.4 GB, and no longer needed
    settings.tokenizer_sha256 = tokenizer.sha256
    runs.write_config(folder, settings.asdict())
    print(
        f"           train: {dropped:,} pairs over {settings.max_pieces} pieces dropped, {len(batches.source):,} kept"
    )
    training = Training(settings, tokenizer, batches, validation, folder, arguments.resume)
    parameters = training.model.count_params()
    print(
        f"model      {settings.preset}: width {settings.d_model}, {settings.num_heads} heads, feed-forward "
        f"{settings.d_ff}, {settings.num_layers}+{settings.num_layers} blocks, vocabulary {len(tokenizer):,}; "
        f"{parameters:,} parameters, {settings.precision}"
    )
    print(
        f"training   {settings.epochs} epochs of {len(batches):,} batches and {batches.tokens:,} target tokens",
        flush=True,
    )
    if training.history or training.position:
        print(f"           resumed after epoch {len(training.history)} and {training.position} batches")

    title = f"{corpus.name}, {settings.preset}: {corpus.source} → {corpus.target}"
    sample, sources = Translator(training.average, tokenizer, settings), [source for source, _ in corpus.validation[:2]]
    try:
        with cli.interruptible():
            announce = "           about {} of training to come"
            for row in training.epochs(announce=lambda seconds: tqdm.write(announce.format(cli.duration(seconds)))):
                print(epoch_line(row, time.perf_counter() - began))
                plot(folder, title)
                for source, translation in zip(sources, sample.translate_sentences(sources, beam=1), strict=True):
                    print(f"           {source}\n         → {translation}", flush=True)
            test, translations = load_translator(folder).score(corpus.test, corpus.parts)
    except KeyboardInterrupt:
        training.keep()
        raise KeyboardInterrupt(f"the best weights so far are in {folder}; --run {folder} --resume goes on") from None

    tokens = sum(row["target_tokens"] for row in training.history)
    report = {
        "dataset": corpus.name,
        "direction": f"{corpus.source}-{corpus.target}",
        "notes": corpus.notes,
        "pairs": len(batches.source),
        "preset": settings.preset,
        "parameters": parameters,
        "precision": settings.precision,
        "seed": settings.seed,
        "epochs": len(training.history),
        "best_epoch": training.best["epoch"],
        "seconds": round(time.perf_counter() - began, 1),
        "training_seconds": round(training.seconds, 1),
        "target_tokens": tokens,
        "target_tokens_per_second": round(tokens / training.seconds, 1),
        "test": test,
    }
    print_scores(corpus, "test", test)
    rows = [(*pair, translation) for pair, translation in zip(corpus.test, translations, strict=True)]
    samples = "\n".join(f"source       {s}\nreference    {r}\ntranslation  {t}\n" for s, r, t in spread(rows))
    runs.write_text(folder / "samples.txt", samples)
    runs.write_json(folder / runs.REPORT, report)
    print(f"\n{samples}\n{folder} holds the run: {', '.join(sorted(file.name for file in folder.iterdir()))}")
    print(
        f'It took {cli.duration(report["seconds"])}. Translate: python -m fmkeras.translate text --run {folder} "..."'
    )


def epoch_line(row: dict, seconds: float) -> str:
    """What is printed after an epoch."""
    return (
        f"epoch {row['epoch']:<4} training loss {row['loss']:.3f}, accuracy {row['token_accuracy']:.1%} | validation "
        f"loss {row['val_loss']:.3f}, perplexity {row['val_perplexity']:.2f}, accuracy {row['val_token_accuracy']:.1%} "
        f"| {row['tokens_per_second']:,.0f} tokens/s, {cli.duration(seconds)} so far"
    )


def vocabulary(corpus, settings: Settings, folder: Path):
    """The run's own tokenizer, or a new one, saved there. Of very many pairs it reads some, evenly spread."""
    from fmkeras.translation.tokenizer import Tokenizer
    from fmkeras.translation.translator import TOKENIZER

    if (folder / TOKENIZER).exists():
        return Tokenizer.load(folder / TOKENIZER, settings.tokenizer_sha256)
    step = -(-len(corpus.train) // VOCABULARY_PAIRS)
    tokenizer = Tokenizer.train(itertools.chain(*corpus.train[::step]), settings.vocab_size)
    tokenizer.save(folder / TOKENIZER)
    return tokenizer


def tokenize(corpus, settings: Settings, folder: Path):
    """The tokenizer, batches of training and validation, and how many pairs were dropped.

    Raises:
        InputError: every pair is too long.
    """
    from fmkeras.translation.batches import Batches

    tokenizer = vocabulary(corpus, settings, folder)
    source, target = (tokenizer.encode_corpus(side) for side in zip(*corpus.train, strict=True))
    kept = (source.lengths <= settings.max_pieces) & (target.lengths <= settings.max_pieces)
    if not kept.any():
        raise InputError(f"every training pair is longer than {settings.max_pieces} pieces: cut them into sentences")
    source = source.where(kept)  # one after the other: of millions of pairs each copy counts
    target = target.where(kept)
    batches = Batches(source, target, settings.batch_tokens, settings.seed)
    validation = (tokenizer.encode_corpus(side) for side in zip(*corpus.validation, strict=True))
    return tokenizer, batches, Batches(*validation, settings.batch_tokens), len(kept) - len(source)


def plot(folder: Path, title: str) -> None:
    """Draw history.csv as loss.png."""
    import pandas as pd

    from fmkeras import plots

    runs.save_figure(plots.training_curves(pd.read_csv(folder / runs.HISTORY), title), folder / "loss.png")


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
    from fmkeras.translation import corpus as corpora
    from fmkeras.translation.translator import load_translator

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
    from fmkeras.translation.translator import load_translator

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


if __name__ == "__main__":
    cli.run(main)
