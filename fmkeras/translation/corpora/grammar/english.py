"""English inflection: verbs, plurals, a/an, comparatives, numbers.

Regular forms follow from rules; irregular ones come from the lexicon (`data/phrasebook/*.csv`) as arguments. British
spelling. Who is spoken of is one of "I", "you", "he" (any third person singular) and "they" (also "we").
"""

import re
from collections.abc import Callable, Mapping

BE = {"present": {"I": "am", "he": "is"}, "past": {"I": "was", "he": "was"}}
# What a template may ask of a subject: `{s.don't}` -> "don't" or "doesn't".
AUXILIARIES = {
    "be": ("am", "is", "are"),
    "was": ("was", "was", "were"),
    "do": ("do", "does", "do"),
    "have": ("have", "has", "have"),
    "isn't": ("am not", "isn't", "aren't"),
    "wasn't": ("wasn't", "wasn't", "weren't"),
    "don't": ("don't", "doesn't", "don't"),
    "haven't": ("haven't", "hasn't", "haven't"),
}
PARTICLES = ("on", "off", "up", "down", "out", "away", "back")  # "try on": "try it on"
VERB_FORMS = ("base", "present", "past", "participle", "ing")

_VOWELS = "aeiou"
_SILENT_H = ("hour", "honest", "heir", "honour")
_CONSONANT_SOUND = ("uni", "use", "usual", "eu", "one", "once")
_ARTICLE = re.compile(r"\b([Aa]) (?=\w)")
UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def starts_with_vowel_sound(word: str) -> bool:
    """Whether "an" stands before this word: hour and apple, not university and one-way."""
    word = word.lower()
    if word.startswith(_SILENT_H):
        return True
    return (word[0] in _VOWELS and not word.startswith(_CONSONANT_SOUND)) or word.startswith("unim")


def articles(text: str) -> str:
    """Put "an" for "a" where the next word asks for it: "a old man" -> "an old man"."""

    def choose(match: re.Match) -> str:
        word = text[match.end() :].split(maxsplit=1)[0]
        return match.group(1) + ("n " if starts_with_vowel_sound(word) else " ")

    return _ARTICLE.sub(choose, text)


def _consonant_y(word: str) -> bool:
    return word.endswith("y") and len(word) > 1 and word[-2] not in _VOWELS


def plural(noun: str) -> str:
    """The regular plural: "box" -> "boxes", "city" -> "cities"."""
    if _consonant_y(noun):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "z", "ch", "sh")) else "s")


def third_person(verb: str) -> str:
    """The present for he, she and it: "watch" -> "watches", "have" -> "has"."""
    if verb in ("have", "be"):
        return {"have": "has", "be": "is"}[verb]
    if _consonant_y(verb):
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def _doubles(word: str) -> bool:
    """Whether a word of one syllable doubles its last letter: stop, plan; not rain, play, fix."""
    return re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", word.replace("qu", "q")) is not None


def ing(verb: str) -> str:
    """The regular -ing form: "stop" -> "stopping", "make" -> "making"."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        return verb[:-1] + "ing"
    return verb + (verb[-1] if _doubles(verb) else "") + "ing"


def past(verb: str) -> str:
    """The regular past and participle: "stop" -> "stopped", "try" -> "tried"."""
    if verb.endswith("e"):
        return verb + "d"
    if _consonant_y(verb):
        return verb[:-1] + "ied"
    return verb + (verb[-1] if _doubles(verb) else "") + "ed"


def verb_form(verb: str, form: str, who: str, irregular: Mapping[str, str] | None = None) -> str:
    """One form of a verb of one word.

    Args:
        verb: the base form.
        form: one of VERB_FORMS.
        who: "I", "you", "he" or "they"; it matters to the present, and to "be".
        irregular: form -> what no rule gives ("past", "participle", "ing").
    """
    if verb == "be" and form in BE:
        return BE[form].get(who, "are" if form == "present" else "were")
    if verb == "be" and form == "participle":
        return "been"
    if form == "present":
        return third_person(verb) if who == "he" else verb
    if irregular and irregular.get(form):
        return irregular[form]
    if form == "participle" and irregular and irregular.get("past"):
        return irregular["past"]
    regular: dict[str, Callable[[str], str]] = {"base": str, "past": past, "participle": past, "ing": ing}
    return regular[form](verb)


def syllables(word: str) -> int:
    """A count of syllables good enough to choose between -er and more."""
    return max(1, len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", word))))


def compare(adjective: str, degree: str, irregular: str = "") -> str:
    """The comparative ("more") or superlative ("most"): "happy" -> "happier", "useful" -> "more useful".

    Args:
        irregular: "better/best", or "more" for a short word that takes no ending.
    """
    index = ("more", "most").index(degree)
    if irregular == "more":
        return f"{degree} {adjective}"
    if irregular:
        return irregular.split("/")[index]
    ending = ("er", "est")[index]
    if _consonant_y(adjective) and syllables(adjective) <= 2:
        return adjective[:-1] + "i" + ending
    if syllables(adjective) > 1 or " " in adjective:
        return f"{degree} {adjective}"
    if adjective.endswith("e"):
        return adjective + ending[1:]
    return adjective + (adjective[-1] if _doubles(adjective) else "") + ending


def possessive(phrase: str, is_plural: bool) -> str:
    """The possessive: "my sister" -> "my sister's", "the boys" -> "the boys'"."""
    return phrase + ("'" if is_plural and phrase.endswith("s") else "'s")


def number(n: int) -> str:
    """A whole number from 0 to 999 in words: 121 -> "one hundred and twenty-one"."""
    if n >= 100:
        word = f"{UNITS[n // 100]} hundred"
        return word if n % 100 == 0 else f"{word} and {number(n % 100)}"
    if n >= 20:
        return TENS[n // 10 - 2] + (f"-{UNITS[n % 10]}" if n % 10 else "")
    return UNITS[n]
