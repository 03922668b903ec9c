"""Print what becomes of one sentence on its way through the translator, and of two pairs in training.

    python -m docs.one_sentence
    python -m docs.one_sentence pair

docs/how-it-works.md explains the output. By default the model is the smallest one of the repository, which the tests
use: 24 units wide, trained on numbers from one to eight. `--run runs/translate` takes one of your own.
"""

import argparse
from pathlib import Path

import numpy as np

from fmkeras import cli

ROOT = Path(__file__).parents[1]
SENTENCE = "um  dois tre\u0302s"  # two spaces; and an ê of two characters, as some keyboards type it
PAIRS = (("um dois três", "one two three"), ("dois", "two"))


def numbers(row: np.ndarray, count: int) -> str:
    """The first numbers of a row, and how many there are."""
    return " ".join(f"{value:.2f}" for value in row[:count]) + f" ... ({len(row)} numbers)"


def show(title: str, value: object) -> None:
    """One line of the table."""
    print(f"{title:<12}{value}")


def walk(run: Path, text: str) -> None:
    """Take a text through the rooms of a translation, and print what each makes of it."""
    with cli.quiet():
        from keras import ops

    from fmkeras.translation.corpora import textform
    from fmkeras.translation.corpora.batches import padded
    from fmkeras.translation.corpora.sentence_splitting import split_sentences
    from fmkeras.translation.corpora.tokenizer import PAD, normalise
    from fmkeras.translation.inference.decoding import Search
    from fmkeras.translation.inference.loading import load_translator
    from fmkeras.translation.model.attention import MASKED, padding_bias

    translator = load_translator(run)
    model, tokenizer, settings = translator.model, translator.tokenizer, translator.settings

    show("text", ascii(text))
    sentences = split_sentences(text, settings.source)
    show("sentences", f"{len(sentences)}, of which the first goes on: {sentences[0]!a}")
    formed = textform.apply(sentences[0], settings.style, settings.source)
    show("form", f"{formed!a}, the corpus' form being {settings.style}")
    show("normalised", ascii(normalise(formed)))
    show("tokens", " ".join(tokenizer.split(formed)))
    ids = tokenizer.encode([formed])
    show("ids", ids[0])
    other = tokenizer.encode([normalise(formed).split()[0]])
    batch = padded(ids + other)  # with a second, shorter sentence, so that there is something to pad
    show("batch", f"{batch.shape} {batch.tolist()}")
    bias = ops.convert_to_numpy(padding_bias(batch != PAD))  # (2, 1, 1, S)
    show("bias", f"{bias.shape} second row: {' '.join('hidden' if b == MASKED else 'seen' for b in bias[1, 0, 0])}")

    memory, memory_bias = model.encode(batch[:1])  # (1, S, d_model)
    show("memory", f"{tuple(memory.shape)} first row: {numbers(ops.convert_to_numpy(memory)[0, 0], 4)}")
    search = Search(model, settings.beam, settings.length_penalty, translator.start)
    ((_, found, score),) = search.translate(ids)
    found = [int(i) for i in found if i != PAD]
    shifted = np.array([[translator.start, *found]], "int32")  # (1, T)
    logits = ops.convert_to_numpy(model.decode(shifted, memory, memory_bias))[0]  # (T, V)
    show("logits", f"{logits.shape} first row: {numbers(logits[0], 4)}")
    chances = ops.convert_to_numpy(ops.softmax(logits))
    likeliest = ", ".join(f"{tokenizer.to_tokens([i])[0]} {chances[0, i]:.1%}" for i in np.argsort(-chances[0])[:3])
    show("softmax", f"{chances.shape} likeliest in the first row: {likeliest}")
    show("beam", f"{settings.beam} hypotheses at a time; the best is {found}, its score {score:.2f}")
    decoded = tokenizer.decode([found])[0]
    show("decoded", decoded)
    show("text", textform.undo(decoded, settings.style, settings.target))


def walk_pairs(run: Path) -> None:
    """Take two pairs through a step of training, and print what each room makes of them."""
    with cli.quiet():
        from keras import ops

    from fmkeras.translation.corpora.batches import Batches
    from fmkeras.translation.inference.loading import load_translator
    from fmkeras.translation.model.objective import smoothed_cross_entropy
    from fmkeras.translation.model.schedules import InverseSquareRoot

    translator = load_translator(run)
    model, tokenizer, settings = translator.model, translator.tokenizer, translator.settings

    sources, targets = zip(*PAIRS, strict=True)
    show("pairs", " | ".join(" = ".join(pair) for pair in PAIRS))
    batches = Batches(tokenizer.encode_corpus(sources), tokenizer.encode_corpus(targets), start=translator.start)
    ((source, target_in), target_out, weights) = next(batches.epoch(None))
    for title, array in (("source", source), ("target_in", target_in), ("target_out", target_out)):
        show(title, f"{array.shape} {array.tolist()}")
    show("weights", f"{weights.shape} {weights.astype(int).tolist()}")

    logits = model((source, target_in))  # (B, T, V)
    show("logits", tuple(logits.shape))
    flat = ops.reshape(logits, (-1, logits.shape[-1]))  # (B·T, V)
    losses = ops.convert_to_numpy(smoothed_cross_entropy(target_out.reshape(-1), flat, settings.label_smoothing))
    for row, weight in zip(losses.reshape(target_out.shape), weights, strict=True):
        show("losses", " ".join(f"{loss:.2f}" if counts else "-" for loss, counts in zip(row, weight, strict=True)))
    show(
        "loss",
        f"{np.sum(losses * weights.reshape(-1)) / np.sum(weights):.2f}, the mean over {int(weights.sum())} tokens",
    )
    rate = InverseSquareRoot(settings.learning_rate, settings.warmup_steps)
    show("rate", ", ".join(f"step {step}: {float(rate(step - 1)):.5f}" for step in (1, settings.warmup_steps, 320)))


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = cli.Parser(prog="python -m docs.one_sentence", formatter_class=argparse.HelpFormatter)
    parser.add_argument("sentence", nargs="?", default=SENTENCE, help="what to translate; pair: see above")
    parser.add_argument("--run", type=Path, default=ROOT / "tests" / "runs_0_1" / "translate", help="run folder")
    arguments = parser.parse_args(argv)
    if arguments.sentence == "pair":
        walk_pairs(arguments.run)
    else:
        walk(arguments.run, arguments.sentence)


if __name__ == "__main__":
    cli.run(main)
