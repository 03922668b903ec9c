"""Which side of a pair is which, by the letters that stand in each: whether a file has its columns turned."""

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from fmkeras.translation.corpora.alphabets import strange
from fmkeras.translation.corpora.stored import Pairs

SAMPLE = 2000  # pairs by which the sides are known
MOST = 0.9  # of some pairs look turned if they are: far more than by chance where both sides are of one language
FEWEST = 5  # pairs of which something can be said


def turned(known: Pairs, pairs: Pairs) -> bool:
    """Whether pairs have their sides the other way round than those that are known: naive Bayes over three letters."""
    sample = known[:: max(1, len(known) // SAMPLE)]
    source, target = (_like([pair[side] for pair in sample]) for side in (0, 1))
    looked_at = pairs[:: max(1, len(pairs) // 100)]
    return _mostly([target(s) + source(t) > source(s) + target(t) for s, t in looked_at])


def read_as_translations(translations: Sequence[str], sources: Sequence[str], references: Sequence[str]) -> bool:
    """Whether sources read more like what a translator made of them than references do: then they are turned."""
    like = _like(translations[:SAMPLE])
    pairs = zip(sources[:SAMPLE], references[:SAMPLE], strict=True)
    return _mostly([like(s) / (len(s) + 1) > like(t) / (len(t) + 1) for s, t in pairs])


def by_letters(pairs: Pairs, source: str, target: str, fewest: int = FEWEST) -> int:
    """Which side is of the source language, by letters that the other language does not write.

    Args:
        fewest: pairs that must have such letters.

    Returns:
        1 or 2; 0 where too few pairs have such letters, or they disagree.
    """
    votes = Counter[int]()
    for pair in pairs[:: max(1, len(pairs) // SAMPLE)]:
        one, other = (unicodedata.normalize("NFC", side) for side in pair)
        straight = strange(one, source) + strange(other, target)
        turned = strange(one, target) + strange(other, source)
        votes[1 if straight < turned else 2 if turned < straight else 0] += 1
    of_use = votes[1] + votes[2]
    return next((side for side in (1, 2) if of_use >= fewest and votes[side] > MOST * of_use), 0)


def _mostly(strange: list[bool]) -> bool:
    return len(strange) >= FEWEST and sum(strange) > MOST * len(strange)


def _like(texts: Sequence[str]) -> Callable[[str], float]:
    """How well a text fits some others: its log-probability, if all its three letters were independent."""
    counts = Counter(three for text in texts for three in _threes(text))
    total = math.log(counts.total() + 1)
    return lambda text: sum(math.log(counts[three] + 1) - total for three in _threes(text))


def _threes(text: str) -> Iterator[str]:
    text = f" {text.casefold()} "
    return (text[i : i + 3] for i in range(len(text) - 2))
