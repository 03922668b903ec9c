"""Accents that somebody has not typed: "Voce esta bem?" is "Você está bem?".

Which words have them is learnt from the sources of a corpus; whether "esta" is "está", too, the model must tell.
"""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from fmkeras.translation.corpora import textform

KEPT = 1_000  # words at most: of the phrasebook they are 96 % of all words with accents
RARE = 0.1  # of as many as are written without: fewer are not thought of
TRIED = 4  # words of a text at most that are tried in both ways

_WORD = re.compile(r"[^\W\d_]+")
_WITHOUT = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "œ": "oe", "æ": "ae"})


def bare(text: str) -> str:
    """A text without accents: "São" -> "Sao"."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).translate(_WITHOUT)


def accented(lines: Iterable[str], language: str = "") -> tuple[str, str]:
    """The words with accents in some lines, most frequent first, in small letters, with spaces between them.

    Args:
        language: of the lines.

    Returns:
        Those that are never written without accents, and those that are, such as "está": with them at least `RARE` of
        the times without.
    """
    counts = Counter(itertools.chain.from_iterable(_WORD.findall(textform.small(line, language)) for line in lines))
    words = {word: bare(word) for word, _ in counts.most_common() if not word.isascii()}
    words = {word: plain for word, plain in words.items() if plain.isascii()}  # of an alphabet that has accents
    always = [word for word, plain in words.items() if plain not in counts]
    often = [word for word, plain in words.items() if plain in counts and counts[word] >= RARE * counts[plain]]
    return " ".join(always[:KEPT]), " ".join(often[:KEPT])


def by_bare(words: str) -> dict[str, str]:
    """Words by what they are without accents; the most frequent one, if there are several."""
    return {bare(word): word for word in reversed(words.split())}


def with_accents(text: str, words: Mapping[str, str]) -> str:
    """A text with the accents of these words, which are by what they are without."""
    return _WORD.sub(lambda word: _cased(words.get(word[0].lower(), word[0]), word[0]), text)


def variants(text: str, words: Mapping[str, str]) -> list[str]:
    """A text as it is, with the accents of each of these words alone, and with all; as it is only, if they are many."""
    found = [word for word in _WORD.finditer(text) if word[0].lower() in words]
    if len(found) > TRIED:
        return [text]
    alone = [text[: word.start()] + with_accents(word[0], words) + text[word.end() :] for word in found]
    return list(dict.fromkeys([text, *alone, with_accents(text, words)]))


def _cased(word: str, like: str) -> str:
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
