"""What of a text its translation should have as well, and what can be seen of that without knowing either language."""

import re
import unicodedata
from collections import Counter

from fmkeras.translation.corpora.languages import code_of

_KEPT = re.compile(r"https?://[^\s<>]*\w|www\.\S*\w|(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]*\w|\{\w*\}|%[sd]\b")
_MINUS = re.compile(r"\b(?:minus|below zero|negative|menos|abaixo de zero|bajo cero|moins|unter null)\b", re.IGNORECASE)
_BELOW_ZERO = re.compile(r"(?:^|(?<=[\s(]))[-−–](?=[€$£¥]?\d)")
_HOUR = re.compile(r"\d+(?=\s?h(?:\b|\d))")  # "18h40" is "6:40 p.m.", another number
_GROUPED = {  # by the decimal mark: 1.250 is a thousand and more in Portuguese, and 1,250 in English
    mark: re.compile(rf"(?<!\d)\d{{1,3}}(?:[{others}'’\s]\d{{3}})+(?!\d)")
    for mark, others in ((",", "."), (".", ","), ("", ".,"))
}
_COMMA = "bg ca cs da de el es et fi fr gl hr hu id is it lt lv nb nl pl pt ro ru sk sl sr sv tr uk vi".split()
_POINT = "bn cy en fil ga he hi ja ko ms sw ta te th ur yue zh".split()
_NAME = re.compile(r"(?<=[\w,;] )[^\W\d_][\w'’-]{3,}")  # within a sentence; Sr and Mrs are none
_ZEROS = re.compile(r"^0(?=\d$)|(?<=^\d)\.00$|(?<=\d\d)\.00$")  # 07:30 is 7:30, and 12,00 euros are 12
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def keeps_numbers(text: str, translation: str, source: str = "", target: str = "") -> bool:
    """Whether a translation has all numbers of a text that it should have, in whatever way their digits are grouped.

    Those of one digit may be words in it, but no other numbers: 3-2 is not 32. 0.20 is not 20, and -5 not 5. Addresses
    of the internet and what programs fill in, {name} and %s, stay as they are, too.

    Args:
        source, target: names of their languages, which tell 2,345 from 2345.
    """
    if not all(kept in translation for kept in _KEPT.findall(text)):
        return False
    if len(_BELOW_ZERO.findall(text)) > len(_BELOW_ZERO.findall(translation) + _MINUS.findall(translation)):
        return False
    asked, there = _numbers(_HOUR.sub("", text), source), _numbers(translation, target)
    asked, there = _apart(asked, there), _apart(there, asked)
    missing, new = asked - there, there - asked
    if not missing:
        return True
    strange = sum(number.rstrip("0") not in missing for number in new.elements())  # "3 mil" is 3,000
    return all(len(number) == 1 for number in missing) and strange <= len(_HOUR.findall(text))


def lost_names(text: str, translation: str) -> list[str]:
    """The words with a capital letter within a text that its translation has not, if it is in the same script."""
    scripts, small = {_script(letter) for letter in translation}, translation.casefold()
    names = [word for word in _NAME.findall(text) if word[0].isupper() and not word.isupper() and word[1].isalpha()]
    return [name for name in names if name.casefold() not in small and _script(name[0]) in scripts]


def _script(letter: str) -> str:
    return unicodedata.name(letter, " ").split(" ")[0]  # LATIN, CYRILLIC


def _numbers(text: str, language: str) -> Counter[str]:
    """How often each number is there: 1250.50 for 1.250,50, 5.12.2020, and 12 for 12,00."""
    code = code_of(language)
    mark = "," if code in _COMMA else "." if code in _POINT else ""
    digits = "".join(str(unicodedata.digit(c, c)) for c in text)
    whole = _GROUPED[mark].sub(lambda grouped: re.sub(r"\D", "", grouped[0]), digits)
    return Counter(_ZEROS.sub("", number.replace(",", ".")) for number in _NUMBER.findall(whole))


def _apart(numbers: Counter[str], others: Counter[str]) -> Counter[str]:
    """The same with the parts of each number that `others` has in parts, as 18.30 is 18:30, and 1,2 may be a list."""
    apart = Counter[str]()
    for number, count in numbers.items():
        parts = number.split(".")
        for part in [number] if number in others or set(parts) - set(others) else parts:
            apart[part] += count
    return apart
