"""An over-long sentence to parts: at clause marks, else at white space, else between characters; never within one."""

import re
import unicodedata
from bisect import bisect_right

_CLAUSE = re.compile(r"[,;:、，；：،؛·•—–](?= )|[、，；：]")  # not in 10,000 nor in 10:30


def cut(sentence: str, ends: list[int], longest: int) -> list[str]:
    """Cut a sentence into parts that hold no more than so many tokens, and half as many or more, but for the last.

    Args:
        sentence: normalised text.
        ends: for each of its tokens the place in the text where it ends, in order.
        longest: tokens of a part at most.

    Returns:
        The parts, without the white space at which they were cut.
    """
    places = set(ends)
    parts, start, used = [], 0, 0
    while len(ends) - used > longest:
        first, last = max(start, ends[used + longest // 2 - 1]) + 1, ends[used + longest - 1]
        window = [i for i in range(last, first - 1, -1) if i in places] or [ends[used + longest - 1]]
        marks = (i for i in window if _CLAUSE.match(sentence, i - 1))
        spaces = (i for i in window if sentence[i : i + 1] == " ")
        characters = (i for i in window if between_characters(sentence, i))
        place = next(marks, None) or next(spaces, None) or next(characters, None) or window[0]
        parts.append(sentence[start:place])
        start, used = place, bisect_right(ends, place)
    return [part.strip() for part in (*parts, sentence[start:]) if part.strip()]


def between_characters(text: str, place: int) -> bool:
    """Whether a place lies between two characters as a reader counts them.

    That is not before a combining mark, nor within an emoji, a flag, a Hangul syllable or half of a surrogate pair.
    """
    before, after = text[place - 1], text[place : place + 1]
    if not after:
        return True
    joined = unicodedata.category(after).startswith("M") or after in "\u200c\u200d\uff9e\uff9f" or before == "\u200d"
    joined |= "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f"  # skin tones, tags
    joined |= "\u1160" <= after <= "\u11ff" or "\ud800" <= before <= "\udbff"
    flags = re.search("[\U0001f1e6-\U0001f1ff]*$", text[max(0, place - 20) : place])
    joined |= "\U0001f1e6" <= after <= "\U0001f1ff" and flags is not None and len(flags[0]) % 2 == 1
    return not joined
