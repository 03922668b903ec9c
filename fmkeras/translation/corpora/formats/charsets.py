"""Which encoding a text may be in, where it is not in the one that it was read in; for hints only."""

import codecs
import re
from collections.abc import Sequence

from fmkeras.translation.corpora.languages import code_of

# Of the languages whose texts are often not in UTF-8; of others in Latin script it is cp1252.
_USUAL = {
    **dict.fromkeys(("ru", "uk", "bg", "mk", "sr"), ("cp1251", "koi8-r")),
    **dict.fromkeys(("pl", "cs", "sk", "hu", "sl", "hr", "ro"), ("cp1250",)),
    **dict.fromkeys(("lt", "lv", "et"), ("cp1257",)),
    **dict.fromkeys(("zh", "yue"), ("gb18030", "big5")),
    **dict.fromkeys(("ar", "fa", "ur"), ("cp1256",)),
    **{"ja": ("shift_jis", "euc_jp"), "ko": ("cp949",), "el": ("cp1253",), "tr": ("cp1254",), "he": ("cp1255",)},
    **{"th": ("cp874",), "vi": ("cp1258",)},
}
WESTERN = "cp1252"
RUN = re.compile(r"[^\x00-\x7f]{3,}")  # more letters with accents, one after the other, than Western languages write


def hint(line: bytes, tried: str, languages: Sequence[str]) -> str:
    """The encodings that a line may be in: "cp1251 or koi8-r"; "" if there is nothing to go by.

    Args:
        tried: the encoding that it is not in.
        languages: names of those that it may be of; "" for one that nobody has named.
    """
    if b"\0" in line:
        return "utf-16-be" if line.find(b"\0") % 2 == 0 else "utf-16-le"
    usual = [name for language in languages for name in _USUAL.get(code_of(language), ())]
    usual = ["utf-8", *(usual or ([WESTERN] if any(map(code_of, languages)) or _western(line) else []))]
    return " or ".join(name for name in dict.fromkeys(usual) if name != tried and _is(line, name))


def is_utf_8(content: bytes) -> bool:
    """Whether the beginning of a file is UTF-8 beyond ASCII, as no text in another encoding is by chance."""
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(content).isascii()  # it may be cut within a character
    except UnicodeDecodeError:
        return False


def _is(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _western(line: bytes) -> bool:
    """Whether most of the characters beyond ASCII stand by ones and twos, as they do in Western languages."""
    text = line.decode(WESTERN, "replace")
    return 2 * sum(map(len, RUN.findall(text))) <= sum(not character.isascii() for character in text)
