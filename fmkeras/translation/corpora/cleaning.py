"""Training pairs that are better left out: what corpora from the web are full of. Off unless asked for (`--clean`).

Each rule is one that published pipelines have (OpusFilter, Aulamo et al. 2020; Bicleaner's hard rules, Ramírez-Sánchez
et al. 2020), with thresholds so wide that hardly a good pair goes.
"""

import dataclasses
import hashlib
import re
import statistics
from collections import Counter
from html.entities import html5

import numpy as np

from fmkeras.translation.corpora.alphabets import foreign
from fmkeras.translation.corpora.facts import Pair
from fmkeras.translation.corpora.stored import Pairs, by_chunks, chosen

LONGER = 3.0  # times as long as usual, compared with the other side, a side may be
SHORT = 30  # characters: sides up to this are not compared, a word can take a sentence to say
SAMPLE = 2000  # pairs by which the usual length of a target is told
RECOMMENDED = 0.05  # share of the pairs that would go from which on cleaning is recommended
MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&#(?:\d{2,5}|x[0-9a-fA-F]{2,5});|\{\{|\}\}")
ENTITY = re.compile(r"&(\w{2,31};)")  # of these the ones that HTML has
NEAR = "near-duplicates"
REASONS = ("", "unlike length", "untranslated", "markup", "wrong script", NEAR)


@dataclasses.dataclass
class Cleaner:
    """Leaves pairs out, and counts why: `cleaner.choose(pairs)` says which stay.

    Args:
        source, target: names of the languages. Of one that is unknown the script is not looked at.

    Attributes:
        read: pairs so far.
        dropped: how many of these were left out for each reason.
        examples: the first one of each.
    """

    source: str
    target: str
    read: int = 0
    dropped: Counter = dataclasses.field(default_factory=Counter)
    examples: dict[str, Pair] = dataclasses.field(default_factory=dict)

    def choose(self, pairs: Pairs) -> np.ndarray:
        """(N,) bool: which of N pairs stay. The lengths of the first `SAMPLE` pairs say what is usual."""
        ratios = [len(target) / len(source) for source, target in pairs[:SAMPLE] if source and target]
        usual = statistics.median(ratios) if ratios else 1.0
        judged = list(by_chunks(_judged, pairs, self.source, self.target, usual))
        reasons = np.concatenate([reason for reason, _ in judged] or [np.empty(0, "u1")])
        sound = np.flatnonzero(reasons == 0)
        keys = np.concatenate([key for _, key in judged] or [np.empty(0, "<u8")])[sound]
        _, first = np.unique(keys, return_index=True)
        reasons[np.delete(sound, first)] = REASONS.index(NEAR)
        self.read += len(pairs)
        for number in np.unique(reasons[reasons > 0]):
            found = np.flatnonzero(reasons == number)
            self.dropped[REASONS[number]] += len(found)
            self.examples.setdefault(REASONS[number], pairs[int(found[0])])
        return reasons == 0

    def clean(self, pairs: Pairs) -> Pairs:
        """The pairs that stay, in order."""
        return chosen(pairs, np.flatnonzero(self.choose(pairs)))

    def fault(self, pair: Pair, usual: float = 1.0) -> str:
        """What is wrong with a pair by itself; "" for nothing.

        Args:
            usual: the length of a target over that of its source.
        """
        source, target = pair
        lengths = len(source) * usual, len(target)
        if max(lengths) > SHORT and max(lengths) > LONGER * min(lengths):
            return "unlike length"
        if untranslated(source, target):
            return "untranslated"
        if marked_up(source) or marked_up(target):
            return "markup"
        if foreign(source, self.source) or foreign(target, self.target):
            return "wrong script"
        return ""

    @property
    def share(self) -> float:
        """Share of the pairs that was left out."""
        return self.dropped.total() / self.read if self.read else 0.0

    @property
    def reasons(self) -> str:
        """The reasons, with the share of the pairs that was left out for each: "markup 7%, untranslated 2%"."""
        return ", ".join(f"{reason} {count / self.read:.0%}" for reason, count in self.dropped.most_common())

    def notes(self) -> list[str]:
        """A line for the user, and one for each reason, with an example."""
        if not self.dropped:
            return [f"--clean: none of {self.read:,} pairs left out"]
        lines = [f"--clean: {self.dropped.total():,} of {self.read:,} pairs left out"]
        for reason, count in self.dropped.most_common():
            source, target = self.examples[reason]
            lines.append(f"         {reason} {count:,}, such as {source:.40} | {target:.40}")
        return lines


def _judged(pairs: Pairs, source: str, target: str, usual: float) -> tuple[np.ndarray, np.ndarray]:
    """(N,) numbers of the `REASONS` to leave pairs out by themselves, and (N,) what is the same of near-duplicates."""
    cleaner = Cleaner(source, target)
    reasons = [REASONS.index(cleaner.fault(pair, usual)) for pair in pairs]
    keys = [0 if reason else near(pair) for reason, pair in zip(reasons, pairs, strict=True)]
    return np.array(reasons, "u1"), np.array(keys, "<u8")


def marked_up(text: str) -> bool:
    """Whether a text has tags, entities such as &rsquo; or the braces of a template."""
    return bool(MARKUP.search(text)) or any(name in html5 for name in ENTITY.findall(text))


def untranslated(source: str, target: str) -> bool:
    """Whether both sides are the same, and more than names, numbers and signs."""
    if " ".join(source.casefold().split()) != " ".join(target.casefold().split()):
        return False
    words = [word for word in source.split() if any(map(str.isalpha, word))]
    return any(word[0].islower() and len(word) > 1 for word in words) or any(w.lower() == w.upper() for w in words)


def near(pair: Pair) -> int:
    """64 bits of a pair that do not change with case, punctuation and white space."""
    key = "\0".join("".join(filter(str.isalnum, side.casefold())) or side for side in pair)
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def recommended(pairs: Pairs, source: str, target: str) -> str:
    """A line that recommends cleaning if much of a sample would go; else ""."""
    sample = pairs[:: max(1, len(pairs) // SAMPLE)]
    cleaner = Cleaner(source, target)
    cleaner.choose(sample)
    if cleaner.share <= RECOMMENDED:
        return ""
    return f"about {cleaner.share:.0%} of the pairs look wrong ({cleaner.reasons}): --clean leaves them out"
