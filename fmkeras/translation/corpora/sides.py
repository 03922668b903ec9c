"""Which side of a pair is which, by the letters that stand together in each: whether a file has its columns turned."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

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
