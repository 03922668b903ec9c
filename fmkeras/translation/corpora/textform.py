"""A text's form: what of it can be seen, and the form in which a corpus writes it.

A corpus' form is applied to what a user types and undone on what a model writes.

TED HRLR is lower-cased, and tokenised as in the Penn Treebank: "`` i did n't , '' she said ." A model trained on it
must be fed that form and writes it; people type and read "“I didn't,” she said."
"""

import re
import unicodedata

from fmkeras.translation.corpora.languages import code_of

DOTLESS = ("tr", "az")  # languages whose "I" is the capital form of "ı", and "İ" that of "i"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")  # control characters, and halves of surrogate pairs

# What a keyboard has for what phones and word processors write.
_TYPED = dict.fromkeys("“”„«»", '"') | dict.fromkeys("‘’‚‹›", "'") | dict.fromkeys("–—―‐‑−", "-") | {"…": "..."}

# Abbreviations that end in a full stop and are followed by a name; and initials: "U.S.", "a.k.a.", the "J." of a name.
_TITLES = {"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "sr.", "sra.", "dra.", "srta.", "eng.", "d."}
_INITIALS = re.compile(r"(?:[^\W\d_]\.){2,}|[A-HJ-Z]\.")  # "It was I." ends a sentence
_OPENING, _CLOSING = (
    {"``", "(", "[", "{", "¿", "¡"},
    {"''", "'", ")", "]", "}", ",", ".", ";", ":", "?", "!", "...", "%"},
)
_ENGLISH_SUFFIX = {"'s", "'m", "'d", "'re", "'ve", "'ll", "n't"}
_ENGLISH_PAIRS = {("gon", "na"), ("wan", "na"), ("got", "ta")}


def storable(text: str) -> str:
    """A text that UTF-8 can hold: "?" for halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")


def visible(text: str) -> bool:
    """Whether a text has a character that can be seen: no white space, control or format character."""
    return any(unicodedata.category(c)[0] not in "ZC" for c in text)


def says(text: str) -> bool:
    """Whether a text has a letter or a figure: "..." and "😀" need no translation."""
    return any(map(str.isalnum, text))


def plain(character: str) -> str:
    """What stands for a character where nobody knows it: nothing for an invisible one or 😀, an apostrophe for ’."""
    return "" if is_sign(character) else _TYPED.get(character, character)


def sentence_case(text: str, language: str) -> str:
    """A text in small letters, but for its first one: "“BOM DIA!”" -> "“Bom dia!”"."""
    first = next((i for i, c in enumerate(text) if c.isalpha()), 0)
    return text[: first + 1] + small(text[first + 1 :], language)


def small(text: str, language: str) -> str:
    """A text in small letters, as its language has them: "IŞIK" -> "ışık" in Turkish."""
    return (text.replace("I", "ı").replace("İ", "i") if code_of(language) in DOTLESS else text).lower()


def capital(letter: str, language: str) -> str:
    """The capital form of a letter, if it is one letter, too: "ß" stays."""
    form = "İ" if letter == "i" and code_of(language) in DOTLESS else letter.upper()
    return form if len(form) == 1 else letter


def is_sign(character: str) -> bool:
    """Whether a character is a picture or what goes with one: 😀, ♥, the joiner and the skin colour of others.

    ° and № are none: they say something.
    """
    category = unicodedata.category(character)
    drawn = category in ("So", "Sk") and ("\u2190" <= character <= "\u2bff" or character >= "\U0001f000")
    return drawn or category == "Cf" or "\ufe00" <= character <= "\ufe0f"


def apply(text: str, style: str, language: str) -> str:
    """Ordinary text to the form of the corpus: "I didn't." -> "i did n't ." """
    return _tokenise(text, language) if style == "ted" else text


def undo(text: str, style: str, language: str) -> str:
    """The form of the corpus to ordinary text: "i did n't ." -> "I didn't." """
    return _detokenise(text, language) if style == "ted" else text


def _abbreviated(word: str) -> bool:
    word = word.lstrip("\"“„‘'«([")
    return word.lower() in _TITLES or bool(_INITIALS.fullmatch(word))


def _tokenise(text: str, language: str) -> str:
    text = re.sub("[‘’]", "'", " ".join(text.split()))
    text = re.sub(r"(?<=[^\s'])'(?=[\s.,;:?!)]|$)", " ' ", text)  # the doctors ' idea, 'ruffians '
    text = re.sub(r"[“«„]|(?:^|(?<=[\s(\[—–:]))\"", " `` ", text)
    text = re.sub(r"[”»\"]", " '' ", text).replace("…", " ... ")
    text = re.sub(r"\.{3,}", " ... ", text)
    text = re.sub(r"([?!;()\[\]{}%—¿¡])", r" \1 ", text)
    text = re.sub(r"([,:])(?!\d)|(?<!\d)([,:])", r" \1\2 ", text)  # not in 10,000 nor in 10:30
    text = re.sub(r"([$€£])(?=\d)", r"\1 ", text)
    if language == "en":
        text = re.sub(r"(?i)\b(can)not\b", r"\1 not", text)
        text = re.sub(r"(?i)(?<=\w)(n't)\b", r" \1", text)
        text = re.sub(r"(?i)(?<=\w)('(?:s|m|d|re|ve|ll))\b", r" \1", text)
        text = re.sub(r"(?i)\b(gon|wan)(na)\b|\b(got)(ta)\b", r"\1\3 \2\4", text)
    words = text.split()
    tokens = []
    for i, word in enumerate(words):
        following = next((w for w in words[i + 1 :] if w not in {"''", "'", ")", "]", "``", "(", "["}), None)
        ends = word.endswith(".") and word not in {".", "..."} and word.lower() not in _TITLES
        if following is not None:
            # A full stop inside a text ends a sentence if what follows begins one; "u.s. government" goes on.
            ends &= not (following[0].islower() or following[0] in ",;:" or _abbreviated(word))
        tokens += [word[:-1], "."] if ends else [word]
    return " ".join(token.lower() for token in tokens if token)


def _detokenise(text: str, language: str) -> str:
    words: list[str] = []
    glue, fresh = True, True  # glue: no space before the next word; fresh: it begins a sentence
    tokens = text.split()
    for i, token in enumerate(tokens):
        joined = token in _CLOSING or (language == "en" and token in _ENGLISH_SUFFIX and i > 0)
        joined |= language == "en" and i > 0 and (tokens[i - 1], token) in _ENGLISH_PAIRS
        shown = {"``": "“", "''": "”"}.get(token, token)
        if fresh and any(c.isalnum() for c in shown):
            capital = shown[0].upper()
            shown, fresh = (capital if len(capital) == 1 else shown[0]) + shown[1:], False  # "ß" would become "SS"
        elif language == "en" and token == "i":
            shown = "I"
        if (joined or glue) and words:
            words[-1] += shown
        else:
            words.append(shown)
        amount = "".join(tokens[i + 1 : i + 2])[:1].isdigit()
        glue = token in _OPENING or (token in {"$", "€", "£"} and amount)
        fresh = (fresh and token not in {",", ";", ":"}) or token in {".", "?", "!"}  # “Bom dia!”, disse ela.
    return " ".join(words)
