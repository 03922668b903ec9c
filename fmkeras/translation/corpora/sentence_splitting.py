"""A text to its sentences, in any script: sentencex finds where they may end, and `RULES` have the last word.

sentencex knows the full stops of about 300 languages and many of their abbreviations, and needs no model. What it gets
wrong, when tried, is a rule here: it cuts behind "approx.", "pág.", "Av.", "т. е." and "J.-C.", between a quotation and
"he asked", and not behind "etc." or a closing bracket.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from sentencex import get_sentence_boundaries

from fmkeras.errors import InputError
from fmkeras.translation.corpora.abbreviations import Words, words
from fmkeras.translation.corpora.languages import code_of, guess, spaceless

STOPS = ".!?…。！？｡．।॥؟۔։።፧။។\u037e;"
CLOSING = "\"'”’»›)]}」』）》】〉"
OPENING = "\"'“”„‘«‹([{「『（《【〈¿¡—–-"
_CLOSE, _OPEN = re.escape(CLOSING), re.escape(OPENING)
# Where a sentence may end: stops, what closes with them, and white space; in Chinese and Japanese without any.
# From the first of several stops only: from each of them, a row of thousands takes seconds.
_END = re.compile(
    rf"(?:(?<![.!?…।॥؟۔])[.!?…।॥؟۔]+[{_CLOSE}]*(?: [»›])?|(?<![។།])[។།]+) (?=\S)"
    rf"|(?<![。！？｡])[。！？｡]+[{_CLOSE}]*(?=[^\s{_CLOSE}。！？…])"
)
_LAST_WORD = re.compile(rf"([^\s{_OPEN}]+(?:-[^\s{_OPEN}]+)*)[{_CLOSE}]*$")
_NUMBER = re.compile(r"[(\[]?(?:№ ?)?(?:\d|[IVXLC]+\b(?!['’]))")
_LETTER = r"[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"  # a syllable or sign alone is a word: "네."
_INITIALS = re.compile(rf"(?:{_LETTER}\.-?)*{_LETTER}[\u0300-\u036f]*\.")  # "J.", "U.S.", "J.-P.", the "B." of "z. B."
_DOMAINS = {"com", "net", "org", "edu", "gov"}  # as people write them in names: Booking.Com
_ENUMERATOR = re.compile(r"\W*(?:\d{1,3}|[IVX]{1,4}|[a-zA-Z])[.)．]")
_ASKED = re.compile(  # 他问。 and と彼は言った。 belong to the quotation before them, उसने पूछा। and قالت, too
    r"[^，。！？；：、\s]{0,8}(?:说道|问道|[^知]道|[说說问問喊答])[着著了]?[，。！…]|(?:と|って|だと|なんて|など|、)"
    r"|(?:\S+ ){0,3}(?:पूछा|कहा|बोला|बोली|बोले)(?=[\s।,])|(?:قال|قالت|سأل|سألت|أجاب|أجابت|صاح|صاحت)(?=[\s.،])"
)


class Place(NamedTuple):
    """A place in a text where a sentence may end, and what the rules look at."""

    before: str  # the sentence so far
    after: str  # the rest of the text, not blank
    spaced: bool  # whether white space stands between them
    cased: bool  # whether the text has capitals
    known: Words  # of its language
    stop: str  # the last word before, without what closes behind it: "Av."
    key: str  # the same in small letters, without its full stop: "av"
    spelt: str  # with the word before it, if both are a letter or two: "z.b" of "z. B."

    @property
    def opening(self) -> str:
        """The rest without its opening quotation marks and brackets."""
        return self.after.lstrip(OPENING + " ")

    @property
    def starts(self) -> bool:
        """Whether the next word is one that sentences begin with and names do not."""
        return _first_word(self.after) in self.known.starters


def closing_mark(place: Place) -> bool | None:
    """What follows closes or goes on: "(Really?), he said"."""
    quote = place.after[0] in "\"'" and place.spaced
    return True if not place.opening or (place.after[0] in CLOSING + ",;:、，" and not quote) else None


def touching(place: Place) -> bool | None:
    """Without white space only scripts that use none end a sentence, and "He left.She came." does."""
    before, after = place.before, place.after
    if place.spaced:
        return None
    if before[-1].isdigit() or (after[0].isdigit() and before[-1] in ".．" and before[-2:-1].isdigit()):
        return True
    if any(map(spaceless, before[-3:] + after[0])):
        return None
    word = after.split(maxsplit=1)[0]
    letters = re.split(r"\W", word, maxsplit=1)[0]
    name = (len(letters) > 1 and letters.isupper()) or letters.lower() in _DOMAINS  # README.TXT, Booking.Com
    two_words = len(place.key) > 1 and place.key.isalpha() and word[0].isupper() and word[1:2] != "." and " " in after
    return None if two_words and not name else True


def quotation(place: Place) -> bool | None:
    """A quotation and who said it are one sentence: “你好吗？”他问。 A title ends none: 《走吧！》"""
    asked = place.before[-1] in CLOSING and _ASKED.match(place.after)
    title = place.before[-1] in "》〉" and place.before[-2:-1] in STOPS
    return True if asked or title else None


def enumerator(place: Place) -> bool | None:
    """A number alone belongs to what it counts: "1. Open it. 2. Close it." """
    return True if _ENUMERATOR.fullmatch(place.before) else None


def small_letter(place: Place) -> bool | None:
    """A sentence begins with a capital, in a text that has any."""
    return True if place.cased and place.opening[0].islower() else None


def abbreviation(place: Place) -> bool | None:
    """Some abbreviations are never last in a sentence, others ("etc.") are if a capital follows."""
    for word in (place.spelt, place.key):
        if word in place.known.final:
            return False
        if word in place.known.inside:
            return True
    return None


def numbered(place: Place) -> bool | None:
    """ "No. 7", "pág. 12", "vol. II"."""
    return True if place.key in place.known.before_number and _NUMBER.match(place.opening) else None


def unit(place: Place) -> bool | None:
    """A letter behind a number is its unit, and can end a sentence: "Il est 15 h. Bonjour." """
    word = place.before.rsplit(maxsplit=2)[-2:-1]
    return False if word and word[0][-1].isdigit() and len(place.key) == 1 and place.stop[0].islower() else None


def initials(place: Place) -> bool | None:
    """ "J. K. Rowling", "the U.S. Army"; but "It was I. He came", "in the U.S. He left"."""
    if not (_INITIALS.fullmatch(place.stop) or place.key in place.known.before_name):
        return None
    pronoun = place.stop == "I." and place.before[:-2].rstrip()[-1:].islower()
    return not (place.starts or pronoun)


def ordinal(place: Place) -> bool | None:
    """ "am 3. Oktober", in languages that write ordinal numbers so."""
    earlier = place.before.rsplit(maxsplit=2)[-2:-1]
    number = re.fullmatch(r"\d{1,3}|[ivx]+", place.key)
    return True if number and earlier and earlier[0].lower().lstrip(OPENING) in place.known.ordinal else None


# In this order; the first one that answers says whether the sentence goes on. If none does, it ends.
RULES: tuple[Callable[[Place], bool | None], ...] = (
    closing_mark,
    touching,
    quotation,
    enumerator,
    small_letter,
    unit,
    abbreviation,
    numbered,
    initials,
    ordinal,
)


def split_sentences(text: str, language: str = "") -> list[str]:
    """Cut a text into its sentences, as a reader would.

    Nothing is lost: together the sentences hold every character of the text that is no white space, in order.

    Args:
        text: any; line ends in it are white space.
        language: its name or code, "Portuguese" or "pt". An unknown one: the rules are those of the text's script.

    Raises:
        InputError: one of these is no string.

    Example:
        >>> split_sentences("It is gate No. 7. Hurry!", "en"), split_sentences("你好！再见。", "Chinese")
        (['It is gate No. 7.', 'Hurry!'], ['你好！', '再见。'])
    """
    for name, value in (("text", text), ("language", language)):
        if not isinstance(value, str):
            raise InputError(f"{name}={value!r:.60}: give a string")
    text = " ".join(text.split())
    code = code_of(language) or guess(text)
    known = words(code)
    cased = any(c.isupper() for c in text)  # in a text without capitals a small letter says nothing
    sentences: list[str] = []
    start = 0
    for end in [*_ends(text, code, known, cased), len(text)]:
        before, after = text[start:end].strip(), text[end:].lstrip()
        if before and not (after and _goes_on(before, after, " " in text[end - 1 : end + 1], cased, known)):
            sentences.append(before)
            start = end
    return sentences


def _ends(text: str, code: str, known: Words, cased: bool) -> list[int]:
    """Where a sentence may end: where sentencex says so, and where it is known to overlook an end."""
    # It cannot take halves of surrogate pairs. One character for another: the places stay the same.
    readable = re.sub("[\ud800-\udfff]", "\ufffd", text)
    ends = {boundary["end_index"] for boundary in get_sentence_boundaries(code or "en", readable)}
    for match in _END.finditer(text):
        before = text[: match.end()].rstrip()
        closed, unspaced = before[-1] not in STOPS, match[0][-1] != " "
        closed |= before.endswith(("…", "..."))
        overlooked = closed or unspaced or not cased or _first_word(text[match.end() :]) in known.starters
        if overlooked or {_key(_last_word(before)), _spelt(before)} & known.final:
            ends.add(match.end())
    return sorted(end for end in ends if end < len(text))


def _goes_on(before: str, after: str, spaced: bool, cased: bool, known: Words) -> bool:
    """Whether a sentence that may end here does not: see `RULES`."""
    stop = _last_word(before)
    place = Place(before, after, spaced, cased, known, stop, _key(stop), _spelt(before))
    return next((answer for rule in RULES if (answer := rule(place)) is not None), False)


def _last_word(before: str) -> str:
    """The last word of a text, with its stop and without what opens and closes around it."""
    match = _LAST_WORD.search(before.rsplit(maxsplit=1)[-1])
    return match[1].rstrip(CLOSING) if match else ""


def _key(word: str) -> str:
    return word.lower().removesuffix(".")


def _first_word(after: str) -> str:
    match = re.match(r"[^\W\d_]+(?![\w.])", after.lstrip(OPENING + " "))
    return match[0].lower() if match else ""


def _spelt(before: str) -> str:
    """The last two words as one, if both are a letter or two with a full stop: "см. т. е." -> "т.е"."""
    last = [word.lstrip(OPENING).lower() for word in before.rsplit(maxsplit=2)[-2:]]
    short = all(re.fullmatch(r"[^\W\d_]{1,2}[\u0300-\u036f]*\.", word) for word in last)
    return "".join(last).removesuffix(".") if short and len(last) == 2 else ""
