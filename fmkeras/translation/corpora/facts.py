"""What is known of each sentence pair, in numbers: enough to choose among millions without their text at hand."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from fmkeras.translation.corpora import textform

LONGEST = 2_000  # characters of a side: more is no sentence, and attention to it would fill the memory
BLANK, LONG, CONTROL, EQUAL, GARBLED, ABSENT = (
    1,
    2,
    4,
    8,
    16,
    32,
)  # flags; a pair with one of the first two is of no use
MISSING = frozenset("nan NaN NULL <NA> #N/A #REF! #NAME? #VALUE!".split())  # empty cells; None may translate Nenhum
GARBLED_BY_CHANCE = 0.001  # of the pairs: few are so on purpose, in a text on encodings, say
# What becomes of UTF-8 that is read as cp1252 or latin-1, "Ã¡" of "á", where no text has it by chance (as IRMÃ” or
# café\xa0» would be); and the sign for a character that was lost.
_CLOSING = "’“”…›»–—\xa0²³"
_REST = f"\x80-\xbf€‚ƒ„†‡ˆ‰Š‹ŒŽ‘•–—˜™š›œžŸ{_CLOSING}"
_TWO, _THREE = "ÎÏÐÑ×ØÙ", "à-ï"  # begin a letter of two, and of three bytes; these say nothing where they are alone
_GARBLED = re.compile(  # all begin with one set of characters, which is searched for fast
    f"[ÂÃÄÅ{_TWO}{_THREE}\ufffd](?:(?<=[ÂÃÄÅ])(?:(?![{_CLOSING}])|(?<=[a-zà-ÿ].))[{_REST}]|(?<=â)[€\x80]|"
    f"(?<=[{_TWO}])[{_REST}][{_TWO}][{_REST}]|(?<=[{_THREE}])[{_REST}]{{2}}[{_THREE}][{_REST}]{{2}}|(?<=\ufffd))"
)
FACTS = np.dtype(
    [
        ("flags", "u1"),
        ("source", "<u8"),  # hashes of the sides, but for white space and composition: see `hashes`
        ("target", "<u8"),
        ("rank", "<u8"),  # of the source, without salt: it says which split the pair belongs to
        ("pair", "<u8"),  # hash of the pair as it is kept, in every sign
    ]
)

Pair = tuple[str, str]


def hashes(sentences: Iterable[str], salt: str = "") -> np.ndarray:
    """64 bits (N,) of each sentence; those that differ in white space or composition (NFC) only have the same."""
    return np.frombuffer(b"".join(_hash(salt.encode() + _plain(sentence)) for sentence in sentences), "<u8")


def examine(pairs: Iterable[Pair]) -> tuple[list[Pair], np.ndarray]:
    """Pairs as they are kept, and what is known of them.

    Control characters become spaces. A side without a character that can be seen is blank.

    Returns:
        N pairs without space at their ends, and their (N,) `FACTS`.
    """
    kept, flags, digests = [], bytearray(), [b""]
    for source, target in pairs:
        pair, flag = _kept(source, target)
        kept.append(pair)
        flags.append(flag)
        sides = _plain(pair[0]), _plain(pair[1])
        whole = "\0".join(pair).encode("utf-8", "surrogatepass")
        digests += _hash(b"0" + sides[0]), _hash(b"1" + sides[1]), _hash(sides[0]), _hash(whole)
    facts = np.empty(len(kept), FACTS)
    facts["flags"] = flags
    columns = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 4)
    for i, name in enumerate(("source", "target", "rank", "pair")):
        facts[name] = columns[:, i]
    return kept, facts


def distinct(hashes: np.ndarray) -> np.ndarray:
    """Sorted, each once. `np.unique`, which in NumPy 2.3 and later takes ten times as long for millions."""
    ordered = np.sort(hashes)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def digest(facts: np.ndarray) -> str:
    """SHA-256 of a set of pairs, in whatever order they stand: whether a file holds what a run was trained on."""
    mixed = facts["source"] * np.uint64(0x9E3779B97F4A7C15) + facts["target"]  # wraps round
    return hashlib.sha256(np.sort(mixed).tobytes()).hexdigest()


def usable(facts: np.ndarray) -> np.ndarray:
    """(N,) bool: whether a pair has text on both sides, and not too much."""
    return facts["flags"] & (BLANK | LONG) == 0


def keep(facts: np.ndarray, rows: np.ndarray, drop_duplicates: bool = True) -> tuple[np.ndarray, str]:
    """Which pairs stay of those in `rows`: the usable ones, each once; and a line that says how many went.

    Pairs with two equal sides stay (names, numbers), and are counted, since many of them are a mistake in the file.
    """
    flags = facts["flags"][rows]
    kept = rows[usable(facts)[rows]]
    duplicate = 0
    if drop_duplicates:
        _, first = np.unique(facts["pair"][kept], return_index=True)
        duplicate = len(kept) - len(first)
        kept = kept[np.sort(first)]
    counted = (BLANK, LONG, CONTROL, GARBLED, ABSENT)
    blank, long, control, garbled, absent = (np.count_nonzero(flags & flag) for flag in counted)
    equal = np.count_nonzero(facts["flags"][kept] & EQUAL)
    note = f"{len(rows):,} pairs read, {blank:,} blank and {duplicate:,} duplicate dropped, {len(kept):,} kept"
    note += f"; blank for a side that is nan, NULL or #N/A: {absent:,}" * bool(absent)
    note += f"; dropped for over {LONGEST:,} characters: {long:,}" * bool(long)
    note += f"; with control characters, now spaces: {control:,}" * bool(control)
    note += f"; kept with equal sides: {equal:,}" * bool(equal)
    if garbled > GARBLED_BY_CHANCE * len(rows):
        note += f"; with letters that a wrong encoding garbled (Ã¡, �): {garbled:,}, repair the file"
    return kept, note


def _kept(source: str, target: str) -> tuple[Pair, int]:
    """A pair as it is kept, and its flags."""
    flags = GARBLED * any(not side.isascii() and bool(_GARBLED.search(side)) for side in (source, target))
    if not (source.isprintable() and target.isprintable()):
        cleaned = textform.CONTROL.sub(" ", source), textform.CONTROL.sub(" ", target)
        flags |= CONTROL * (cleaned != (source, target))
        source, target = (side if textform.visible(side) else "" for side in cleaned)
    source, target = source.strip(), target.strip()
    if not (source and target):
        flags |= BLANK
    elif source in MISSING or target in MISSING:
        flags |= BLANK | ABSENT
    elif len(source) > LONGEST or len(target) > LONGEST:
        flags |= LONG
    elif source == target:
        flags |= EQUAL
    return (source, target), flags


def _plain(sentence: str) -> bytes:
    return unicodedata.normalize("NFC", " ".join(sentence.split())).encode("utf-8", "replace")


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()
