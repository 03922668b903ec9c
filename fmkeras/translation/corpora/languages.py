"""What a language's name says: its code, and how its sentences stand beside each other.

A run's languages are named by whoever trained it: "pt", "Portuguese", "português", "pt-BR", or "source" if nobody did.
"""

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable

# Two-letter code (ISO 639-1), three-letter codes, the name in English and the language's own.
_NAMES = """
am amh amharic አማርኛ | ar ara arabic العربية | bg bul bulgarian български | bn ben bengali বাংলা | bo bod tibetan
ca cat catalan català | cs ces czech čeština | da dan danish dansk | de deu ger german deutsch | el ell greek ελληνικά
en eng english | es spa spanish español castellano castilian | et est estonian eesti | fa fas persian farsi فارسی
fi fin finnish suomi | fr fra fre french français | he heb hebrew עברית | hi hin hindi हिन्दी हिंदी
hr hrv croatian hrvatski
hu hun hungarian magyar | hy hye armenian հայերեն | id ind indonesian | is isl icelandic íslenska
it ita italian italiano
ja jpn japanese 日本語 | ka kat georgian ქართული | kk kaz kazakh | km khm khmer ខ្មែរ | ko kor korean 한국어 | lo lao ລາວ
lt lit lithuanian lietuvių | lv lav latvian latviešu | mk mkd macedonian | mr mar marathi मराठी | my mya burmese မြန်မာ
nb nob no nor norwegian bokmål norsk | ne nep nepali | nl nld dutch nederlands | pl pol polish polski
pt por portuguese português brazilian | ro ron romanian română | ru rus russian русский | sk slk slovak slovenčina
sl slv slovenian slovenščina | sr srp serbian српски | sv swe swedish svenska | ta tam tamil தமிழ் | te tel telugu
th tha thai ไทย | tr tur turkish türkçe | uk ukr ukrainian українська | ur urd urdu اردو | vi vie vietnamese
zh zho chi cmn chinese mandarin 中文 汉语 漢語 普通话 华语 | yue cantonese 粤语 粵語
"""
_CODES = {name: group.split()[0] for group in _NAMES.replace("\n", "|").split("|") for name in group.split()}
# The language whose rules are taken for a text of this script, if nobody has named one. A text with kana is Japanese.
_OF_SCRIPT = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh", "HANGUL": "ko", "DEVANAGARI": "hi", "ARABIC": "ar",
    "CYRILLIC": "ru", "GREEK": "el", "THAI": "th", "LAO": "lo", "KHMER": "km", "MYANMAR": "my", "ARMENIAN": "hy",
    "ETHIOPIC": "am", "HEBREW": "he", "BENGALI": "bn", "TIBETAN": "bo", "TAMIL": "ta", "GEORGIAN": "ka",
}  # fmt: skip
NO_SPACES = {"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"}  # between words
JOINED = {"zh", "yue", "ja"}  # no space between sentences either; Thai, Lao, Khmer and Burmese do write one there


def code_of(language: str) -> str:
    """The code of a language by its name or a code of it: "French", "fra", "fr-CA" -> "fr"; "" if it is unknown.

    Example:
        >>> code_of("Português"), code_of("zh_CN"), code_of("Brazilian Portuguese"), code_of("source")
        ('pt', 'zh', 'pt', '')
    """
    words = unicodedata.normalize("NFC", language).casefold().replace("_", "-").replace("(", " ").split()
    names = ["".join(language.casefold().split()), *words, *(word.split("-")[0] for word in words)]
    return next((_CODES[name] for name in names if name in _CODES), "")


def same(one: str, other: str) -> bool:
    """Whether two names are of one language."""
    codes = code_of(one), code_of(other)
    return codes[0] == codes[1] if all(codes) else one.strip().lower() == other.strip().lower()


def told_apart(one: str, other: str) -> bool:
    """Whether two names are of two languages, or of two forms of one: "pt-PT" and "pt-BR"."""
    names = one.strip().lower(), other.strip().lower()
    regional = any(not name.isalpha() for name in names)
    return names[0] != names[1] and (regional or not same(one, other))


def name_of(code: str) -> str:
    """The English name of a language by its code: "pt" -> "Portuguese"; the code itself if it is unknown."""
    group = next((group.split() for group in _NAMES.replace("\n", "|").split("|") if group.split()[:1] == [code]), [])
    return next((word.title() for word in group if len(word) > 3), code)


@functools.lru_cache(1 << 14)
def script(character: str) -> str:
    """The script of a letter, as the first word of its name in Unicode: "LATIN", "CJK"; "" for what is no letter."""
    if not unicodedata.category(character).startswith(("L", "M")):
        return ""
    name = unicodedata.name(character, "").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ").split(" ")[0]
    return name if name != "COMBINING" else ""


def guess(text: str) -> str:
    """The code of the language that stands for a text's script; "" for Latin, in which many are written."""
    counts = Counter(map(script, text))
    if counts["HIRAGANA"] + counts["KATAKANA"]:
        return "ja"
    known = [name for name, _ in counts.most_common() if name]
    return _OF_SCRIPT.get(known[0], "") if known else ""


def spaceless(character: str) -> bool:
    """Whether a character belongs to a script without spaces between words, its full-width marks among it."""
    return script(character) in NO_SPACES or "\u3000" <= character <= "\u303f" or "\uff00" <= character <= "\uff65"


def join(sentences: Iterable[str], language: str) -> str:
    """Sentences to a text, with a space between them or none, as their language writes them.

    Args:
        sentences: any number; blank ones are left out.
        language: its name. If that says nothing, the signs on both sides decide.

    Example:
        >>> join(["你好。", "再见。"], "Chinese"), join(["Hello.", "Bye."], "en")
        ('你好。再见。', 'Hello. Bye.')
    """
    code, text = code_of(language), ""
    for sentence in sentences:
        sentence = " ".join(sentence.split())
        if text and sentence:
            touching = spaceless(text[-1]) or spaceless(sentence[0])  # "OK." "Bye." within Chinese keep their space
            text += "" if touching and (code or guess(text[-20:] + sentence[:20])) in JOINED else " "
        text += sentence
    return text
