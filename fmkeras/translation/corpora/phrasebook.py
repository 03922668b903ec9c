"""The phrasebook: a bundled Portuguese-English corpus, in part written by us, in part generated from a grammar of ours.

`data/phrasebook/` holds the written pairs, and for the others words and sentence patterns; this module deals a
deterministic sample of these, adds the written ones and splits both. Example:

    $ python -m fmkeras.translation.corpora.phrasebook --show 20
"""

import argparse
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import pandas as pd

from fmkeras import DATA, InputError, cli
from fmkeras.translation.corpora import written
from fmkeras.translation.corpora.grammar import lexicon, patterns
from fmkeras.translation.corpora.grammar.patterns import Pattern
from fmkeras.translation.corpora.grammar.slots import Deck

COLUMNS = ("pt", "en", "pattern", "register", "split", "part")
FIXED = "fixed"  # the pattern of a sentence written out in sentences.csv
WRITTEN = "written"  # the pattern, and the part of the test set, of the pairs in written/
GENERATED = 20_000  # pairs, by default
SENTENCE_COLUMNS = ("register", "pt", "en")
HELD_OUT = 0.014  # the share of (word, pattern) pairs that only the test set's unseen part may use
MIN_WORDS, MAX_WORDS = 3, 25


class _Sentence(NamedTuple):
    """A sentence pair with its origin, and the keys of the words that fill its pattern."""

    pt: str
    en: str
    pattern: str
    register: str
    words: Sequence[str]


def load(size: int = GENERATED, seed: int = 0, folder: Path | None = None) -> pd.DataFrame:
    """The corpus: all written pairs, some more than once, and `size` distinct generated ones, in three splits.

    Of the written ones whole stories are held out, see `written.read`. Of the generated ones one pair in 40 is for
    validation, one in 20 for test, half of these with a combination of word and pattern that the other splits never
    hold though they hold both apart. At the default size: 18,500 / 500 / 500 + 500.

    Args:
        size: the number of generated pairs, at least 400.
        seed: another seed gives another sample; the same one gives the same bytes everywhere.
        folder: other files than the bundled ones.

    Returns:
        A table with the columns pt, en, pattern (its id, "fixed" or "written"), register, split ("train",
        "validation", "test") and part ("written", "new" or "unseen" in test, else empty).

    Raises:
        InputError: the size is too small or cannot be reached, or a file in `folder` is wrong.
    """
    if size < 400:
        raise InputError(f"the phrasebook's size must be at least 400, not {size}")
    folder = folder or _bundled()
    part = size // 40  # pairs in each of validation, test "new" and test "unseen"
    random = Random(seed)
    dealer = _Dealer(patterns.read(folder, _lexicon(folder)), random, seed)
    own = {split: [_Sentence(*pair, ()) for pair in pairs] for split, pairs in _written(folder).items()}
    dealer.seen.update(sentence.pt for sentences in own.values() for sentence in sentences)
    known = [_Sentence(*pair, ()) for pair in _sentences(folder)[: size // 5] if pair[0] not in dealer.seen]
    dealer.seen.update(sentence.pt for sentence in known)
    known += dealer.deal(size - part - len(known))
    random.shuffle(known)

    # What is held out has English that stands nowhere else, and is not among the sentences written by hand.
    times = Counter(sentence.en for sentences in (known, *own.values()) for sentence in sentences)
    held_out = [s for s in known if s.pattern != FIXED and times[s.en] == 1][: 2 * part]
    kept = set(map(id, held_out))
    train = [s for s in known if id(s) not in kept]
    unseen = dealer.unseen(part, train, set(times))
    for split in ("validation", "test"):
        train += [s for s in own[split] if times[s.en] > 1]
        own[split] = [s for s in own[split] if times[s.en] == 1]
    train += own["train"]
    random.shuffle(train)
    parts = (
        (train, "train", ""),
        (own["validation"] + held_out[:part], "validation", ""),
        (own["test"], "test", WRITTEN),
        (held_out[part:], "test", "new"),
        (unseen, "test", "unseen"),
    )
    table = [(*sentence[:4], split, name) for sentences, split, name in parts for sentence in sentences]
    return pd.DataFrame(table, columns=list(COLUMNS))


def _bundled() -> Path:
    if DATA is None or not (DATA / "phrasebook").is_dir():
        raise InputError("data/phrasebook/ is missing: reinstall fmkeras, or run in a clone of its repository")
    return DATA / "phrasebook"


@cache
def _lexicon(folder: Path) -> lexicon.Lexicon:
    return lexicon.read(folder)


@cache
def _sentences(folder: Path) -> tuple[tuple[str, str, str, str], ...]:
    """The sentences written by hand: Portuguese, English, FIXED, register."""
    pairs, seen = [], set()
    for row in lexicon.rows(folder / "sentences.csv", SENTENCE_COLUMNS):
        row.require("pt", "en")
        register = row.choose("register", patterns.REGISTERS)
        for column in ("pt", "en"):
            if not MIN_WORDS <= len(row[column].split()) <= MAX_WORDS:
                row.fail(column, f"has {len(row[column].split())} words, not {MIN_WORDS} to {MAX_WORDS}")
        if row["pt"] in seen:
            row.fail("pt", "this sentence stands above already: delete one of the two")
        seen.add(row["pt"])
        pairs.append((row["pt"], row["en"], FIXED, register))
    return tuple(pairs)


@cache
def _written(folder: Path) -> dict[str, list[tuple[str, str, str, str]]]:
    """The written pairs of each split, as `_sentences` has them."""
    splits: dict[str, list[tuple[str, str, str, str]]] = {"train": [], "validation": [], "test": []}
    for pair in written.read(folder / WRITTEN):
        splits[pair.split] += [(pair.pt, pair.en, WRITTEN, pair.register)] * pair.times
    return splits


class _Dealer:
    """Makes new sentences, and lays those aside in which a word meets a pattern that is held out for it."""

    def __init__(self, all_patterns: tuple[Pattern, ...], random: Random, seed: int):
        self.deck = Deck([pattern for pattern in all_patterns for _ in range(pattern.weight)])
        self.random, self.seed = random, seed
        self.seen: set[str] = set()  # the Portuguese of all sentences so far: each has one English sentence
        self.aside: list[_Sentence] = []
        self._held: dict[tuple[str, str], bool] = {}

    def held(self, pattern: str, word: str) -> bool:
        """Whether training never shows this word in this pattern: so for a share HELD_OUT of all combinations."""
        key = pattern, word
        if key not in self._held:  # a hash of the text alone is the same on every platform and in every process
            self._held[key] = zlib.crc32(f"{self.seed}|{pattern}|{word}".encode()) < HELD_OUT * 2**32
        return self._held[key]

    def deal(self, count: int) -> list[_Sentence]:
        """`count` new sentences without any held-out combination; those with one go to `aside`."""
        sentences: list[_Sentence] = []
        for _ in range(20 * count):
            if len(sentences) == count:
                return sentences
            pattern = self.deck.draw(self.random)
            pt, en, words = pattern.realise(self.random)
            if pt in self.seen or not all(MIN_WORDS <= text.count(" ") + 1 <= MAX_WORDS for text in (pt, en)):
                continue
            self.seen.add(pt)
            is_held = any(self.held(pattern.id, word) for word in words)
            pile = self.aside if is_held else sentences
            pile.append(_Sentence(pt, en, pattern.id, pattern.register, words))
        raise InputError(f"the patterns do not yield {count} sentences: ask for a smaller size")

    def unseen(self, count: int, train: list[_Sentence], english: set[str]) -> list[_Sentence]:
        """`count` sentences with a held-out combination: `train` has its word and its pattern, never together.

        Their English is none of `english`, which they join.
        """
        all_words = {word for sentence in train for word in sentence.words}
        all_patterns = {sentence.pattern for sentence in train}
        chosen: list[_Sentence] = []
        for _ in range(50):
            for sentence in self.aside:
                held = [word for word in sentence.words if self.held(sentence.pattern, word)]
                if sentence.pattern in all_patterns and all_words.issuperset(held) and sentence.en not in english:
                    english.add(sentence.en)
                    chosen.append(sentence)
            if len(chosen) >= count:
                return chosen[:count]
            self.aside = []
            self.deal(max(count, 100))  # only for what it lays aside
        raise InputError(f"there are fewer than {count} unseen combinations: ask for a smaller size")


def main(argv: list[str] | None = None) -> None:
    """Print a sample of the corpus."""
    parser = cli.Parser(prog="python -m fmkeras.translation.corpora.phrasebook", description="Show the bundled corpus.")
    parser.add_argument("--show", type=cli.positive(), default=20, metavar="N", help="how many pairs to print")
    parser.add_argument("--size", type=cli.positive(), default=GENERATED, help="how many pairs to generate")
    parser.add_argument("--seed", type=int, default=0, help="which sample of the possible sentences")
    parser.add_argument("--split", choices=("train", "validation", "test"), help="only pairs of this split")
    args: argparse.Namespace = parser.parse_args(argv)
    table = load(args.size, args.seed)
    if args.split:
        table = table[table["split"] == args.split]
    for row in table.sample(min(args.show, len(table)), random_state=args.seed % 2**32).itertuples():
        origin = " ".join(filter(None, (f"{row.pattern}, {row.register}, {row.split}", row.part)))
        print(f"{row.pt}\n    {row.en}    [{origin}]")


if __name__ == "__main__":
    cli.run(main)
