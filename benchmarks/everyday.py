"""What a translator makes of the sentences that people type first, of numbers, and of a file of everyday ones.

    python -m benchmarks.everyday --run runs/translate --pairs everyday.tsv

`tests/first_sentences.tsv` holds 150 sentences with the translations that would do, written before any training.
A translation counts if it is one of them but for case, punctuation and contractions. `tests/numbers.txt` holds
sentences with numbers in figures, none of which stands in the phrasebook with other ones; a translation counts if it
has the same numbers, whatever else it says. `--pairs` is scored by sacreBLEU through `translate`, in mixed case.
"""

import csv
import re
from pathlib import Path

import fmkeras
from benchmarks import measure
from fmkeras import cli, runs
from fmkeras.translation.inference.scoring import scores

TESTS = Path(__file__).parents[1] / "tests"
FIRST, NUMBERS = TESTS / "first_sentences.tsv", TESTS / "numbers.txt"
CONTRACTIONS = (
    ("can't", "can not"),
    ("cannot", "can not"),
    ("won't", "will not"),
    ("let's", "let us"),
    ("i'm", "i am"),
    ("n't", " not"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'ll", " will"),
    ("'d", " would"),
    ("it's", "it is"),
    ("that's", "that is"),
    ("what's", "what is"),
    ("where's", "where is"),
    ("who's", "who is"),
    ("he's", "he is"),  # and "she's"
    ("how's", "how is"),
    ("everything's", "everything is"),
)


def plain(text: str) -> str:
    """A sentence without case, punctuation and contractions."""
    text = text.casefold().replace("’", "'")
    for short, full in CONTRACTIONS:
        text = text.replace(short, full)
    return " ".join(re.findall(r"[\w']+", text))


def read_first() -> list[tuple[str, list[str]]]:
    """The sentences, each with the translations that would do."""
    with FIRST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return [(pt, en.split(" | ")) for pt, en in rows]


def wrong(translator: fmkeras.Translator) -> list[tuple[str, str, str]]:
    """Of the first sentences those that come out otherwise: sentence, translation, one that would do."""
    rows = read_first()
    translations = translator.translate([pt for pt, _ in rows])
    return [
        (pt, translation, good[0])
        for (pt, good), translation in zip(rows, translations, strict=True)
        if plain(translation) not in set(map(plain, good))
    ]


def numbers(text: str) -> list[str]:
    """The numbers of a text in figures, in order of size, however their digits are grouped."""
    return sorted(re.sub(r"[.,](?=\d)", "", number) for number in re.findall(r"\d+(?:[.,]\d+)*", text))


def read_numbers() -> list[str]:
    """The sentences with numbers in figures."""
    return NUMBERS.read_text(encoding="utf-8").splitlines()


def lost(translator: fmkeras.Translator) -> list[tuple[str, str]]:
    """Of the sentences with numbers those whose translation has others: sentence, translation."""
    texts = read_numbers()
    return [(pt, en) for pt, en in zip(texts, translator.translate(texts), strict=True) if numbers(pt) != numbers(en)]


def main(argv: list[str] | None = None) -> None:
    parser = cli.Parser(prog="python -m benchmarks.everyday", description=__doc__.split("\n\n")[0])
    parser.add_argument("--run", help="run folder, or bundled")
    parser.add_argument("--pairs", type=Path, metavar="FILE", help="sentence pairs to score on, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args(argv)
    translator = fmkeras.load_translator(arguments.run)
    total, missed = len(read_first()), wrong(translator)
    print(measure.describe(machine := measure.machine()))
    for pt, translation, good in missed:
        print(f"{pt}\n  → {translation}    [{good}]")
    result = {"machine": machine, "run": arguments.run, "first": {"right": total - len(missed), "of": total}}
    other, count = lost(translator), len(read_numbers())
    for pt, translation in other:
        print(f"{pt}\n  → {translation}")
    result["numbers"] = {"kept": count - len(other), "of": count}
    print(f"\nright at once: {total - len(missed)} of {total} ({1 - len(missed) / total:.1%})")
    print(f"with the same numbers: {count - len(other)} of {count}")
    if arguments.pairs:
        sources, references = (list(side) for side in zip(*fmkeras.read_pairs(arguments.pairs), strict=True))
        found = scores(translator.translate(sources), references, "en", "plain")
        result["pairs"] = {"file": arguments.pairs.name, "pairs": len(sources)} | found
        print(f"{arguments.pairs.name}: {len(sources):,} pairs, BLEU {found['bleu']:.2f}, chrF {found['chrf']:.2f}")
    if arguments.json:
        runs.write_json(arguments.json, result)


if __name__ == "__main__":
    cli.run(main)
