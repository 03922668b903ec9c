"""The scripts and the letters in which languages are written, and texts that are written in others."""

import itertools

from fmkeras.translation.corpora.languages import code_of, script

FOREIGN = 0.5  # share of a side's letters that another script may have
LETTERS = 40  # of a side that are looked at for it
_SCRIPTS = {  # languages written in another script than Latin
    **{code: {"ARABIC"} for code in ("ar", "fa", "ur")},
    **{code: {"CYRILLIC"} for code in ("ru", "uk", "bg", "mk")},
    **{code: {"DEVANAGARI"} for code in ("hi", "mr", "ne")},
    **{"ja": {"CJK", "HIRAGANA", "KATAKANA"}, "zh": {"CJK"}, "yue": {"CJK"}, "ko": {"HANGUL", "CJK"}},
    **{"th": {"THAI"}, "lo": {"LAO"}, "km": {"KHMER"}, "my": {"MYANMAR"}, "bo": {"TIBETAN"}, "bn": {"BENGALI"}},
    **{"ta": {"TAMIL"}, "te": {"TELUGU"}, "ka": {"GEORGIAN"}, "hy": {"ARMENIAN"}, "am": {"ETHIOPIC"}},
    **{"el": {"GREEK"}, "he": {"HEBREW"}},
}
_MANY = ("sr", "kk")  # written in more than one script
# Letters beside a to z that languages in Latin script write in their own words; of those that are not here, any.
_ACCENTED = {
    "ca": "àçèéíïòóúü", "cs": "áčďéěíňóřšťúůýž", "da": "åæéø", "de": "äßöü", "en": "", "es": "áéíñóúü", "et": "äõöšüž",
    "fi": "äåö", "fr": "àâæçèéêëîïôùûüœ", "hr": "ćčđšž", "hu": "áéíóöúüőű", "id": "", "is": "áæéíðóöúýþ",
    "it": "àèéìíîòóù", "lt": "ąčėęįšūųž", "lv": "āčēģīķļņšūž", "nb": "åæéòø", "nl": "áèéëíïóöúü",
    "pl": "ąćęłńóśźż", "pt": "àáâãçéêíóôõúü", "ro": "ăâîşșţț", "sk": "áäčďéíĺľňóôŕšťúýž", "sl": "čšž", "sv": "äåéö",
    "tr": "âçîğıöşûü",
}  # fmt: skip


def foreign(text: str, language: str) -> bool:
    """Whether over half of a text's letters have a script in which its language is not written."""
    code = code_of(language)
    if not code or code in _MANY:
        return False
    expected = _SCRIPTS.get(code, {"LATIN"})
    found = [script(letter) for letter in itertools.islice(filter(str.isalpha, text), LETTERS)]
    return sum(name not in expected for name in found) > FOREIGN * len(found)


def strange(text: str, language: str) -> int:
    """How many letters of a text (NFC) its language does not write in its own words; 0 if the language is unknown."""
    code = code_of(language)
    if not code or code in _MANY:
        return 0
    if code in _SCRIPTS:
        return sum(script(letter) not in _SCRIPTS[code] for letter in filter(str.isalpha, text))
    accented = _ACCENTED.get(code)
    letters = (letter for letter in filter(str.isalpha, text.lower()) if not letter.isascii())
    return sum(script(letter) != "LATIN" or (accented is not None and letter not in accented) for letter in letters)
