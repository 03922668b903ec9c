"""The written part of the phrasebook: sentence pairs that we wrote one by one, a file a subject.

The generated part teaches rules; this one teaches what people say. Whole stories of it are held out, so that a test
sentence has no neighbour that was learnt from.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fmkeras.translation.corpora.grammar import lexicon

COLUMNS = ("pt", "en", "variety")
VARIETIES = ("pt", "pt-PT", "pt-BR")  # good in both countries, or said in one of them only
STORIES = "_stories"  # ends the names of files whose sentences belong together, an empty line between two stories
# What people say first, which is learnt several times in a pass: most often a greeting of a word or two, for no other
# sentence teaches it.
FIRST = (
    "greetings",
    "asking_answering",
    "first_words",
    "numbers",
    "short_questions",
    "short_statements",
    "simple_sentences",
)
SHORT, SHORT_TIMES, TIMES = 3, 6, 2  # words
# Of five stories one is for validation, two for test; of the other subjects all is for training.
SPLITS = ("validation", "test", "train", "test", "train")


class Pair(NamedTuple):
    """A written pair: its two sides, the variety of its Portuguese, and where it belongs."""

    pt: str
    en: str
    variety: str
    subject: str
    register: str
    split: str

    @property
    def times(self) -> int:
        """How often it is learnt in a pass."""
        if self.subject not in FIRST:
            return 1
        return SHORT_TIMES if self.pt.count(" ") < SHORT else TIMES


def read(folder: Path) -> list[Pair]:
    """All pairs of the `*.tsv` files in a folder, in the order of their names.

    Raises:
        InputError: a row is wrong, or a Portuguese sentence stands twice; the message names file, line and column.
    """
    pairs, seen = list[Pair](), dict[str, str]()
    for path in sorted(folder.glob("*.tsv")):
        for row, story in _numbered(path):
            row.require("pt", "en")
            if row["pt"] in seen:
                row.fail("pt", f"this sentence stands in {seen[row['pt']]} already: delete one of the two")
            seen[row["pt"]] = f"{path.name}, line {row.line}"
            split = SPLITS[story % len(SPLITS)] if path.stem.endswith(STORIES) else "train"
            variety = row.choose("variety", VARIETIES)
            pairs.append(Pair(row["pt"], row["en"], variety, path.stem, _register(path.stem), split))
    return _apart(pairs)


def _numbered(path: Path) -> Iterator[tuple[lexicon.Row, int]]:
    """The rows of a file and the number of the story, from 0 on, that each belongs to."""
    story, last = 0, 1
    for row in lexicon.rows(path, COLUMNS):
        story += row.line > last + 1 and last > 1
        last = row.line
        yield row, story


def _register(subject: str) -> str:
    """One of the registers that the patterns have, too."""
    if subject.endswith(STORIES):
        return "story"
    return "talk" if subject.startswith("talk") else "travel" if subject == "travel" else "everyday"


def _apart(pairs: list[Pair]) -> list[Pair]:
    """The same pairs, but those held out with a side that stands elsewhere, too, are for training."""
    times: dict[str, int] = {}
    for pair in pairs:
        for side in pair[:2]:
            times[side] = times.get(side, 0) + 1
    return [p if times[p.pt] == times[p.en] == 1 else p._replace(split="train") for p in pairs]
