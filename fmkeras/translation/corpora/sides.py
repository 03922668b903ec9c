"""Which side of a pair is which, by the letters that stand together in each: whether a file has its columns turned."""

import math
from collections import Counter
from collections.abc import Iterator

from fmkeras.translation.corpora.stored import Pairs

SAMPLE = 2000  # pairs by which the sides are known
MOST = 0.9  # of some pairs look turned if they are: far more than by chance where both sides are of one language
FEWEST = 5  # pairs of which something can be said


def turned(known: Pairs, pairs: Pairs) -> bool:
    """Whether pairs have their sides the other way round than those that are known: naive Bayes over three letters."""
    sample = known[:: max(1, len(known) // SAMPLE)]
    counts = [Counter(three for pair in sample for three in _threes(pair[side])) for side in (0, 1)]
    totals = [math.log(count.total() + 1) for count in counts]

    def fits(text: str, side: int) -> float:
        return sum(math.log(counts[side][three] + 1) - totals[side] for three in _threes(text))

    looked_at = pairs[:: max(1, len(pairs) // 100)]
    strange = sum(fits(s, 1) + fits(t, 0) > fits(s, 0) + fits(t, 1) for s, t in looked_at)
    return len(looked_at) >= FEWEST and strange > MOST * len(looked_at)


def _threes(text: str) -> Iterator[str]:
    text = f" {text.casefold()} "
    return (text[i : i + 3] for i in range(len(text) - 2))
