"""Check the spelling of the bundled corpus with hunspell: every word of both languages, in its variety.

    apt install hunspell hunspell-pt-pt hunspell-pt-br hunspell-en-us hunspell-en-gb
    python -m docs.spelling

A word is right if a dictionary of its variety has it (of `pt` either one; English American or British), if it is a name
(a capital within a sentence), or if it stands in `data/phrasebook/allowed_words.txt`.
"""

import itertools
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable

from fmkeras import DATA, InputError, cli
from fmkeras.translation.corpora import phrasebook, written

DICTIONARIES = {"pt": ("pt_PT", "pt_BR"), "pt-PT": ("pt_PT",), "pt-BR": ("pt_BR",), "en": ("en_US", "en_GB")}
ALLOWED = "allowed_words.txt"
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?…:\"'(]\s*$")


def words(text: str) -> Iterable[str]:
    """The words of a sentence but for names; those with a hyphen also in parts, since clitics stand behind one."""
    for match in WORD.finditer(text):
        word = match[0]
        starts = match.start() == 0 or SENTENCE_END.search(text[: match.start()])
        if word[0].isupper() and not starts:
            continue
        yield word


def unknown(candidates: Iterable[str], dictionary: str) -> set[str]:
    """The words that a hunspell dictionary does not have."""
    listed = "\n".join(sorted(set(candidates)))
    command = ["hunspell", "-l", "-d", dictionary, "-i", "utf-8"]
    done = subprocess.run(command, input=listed, capture_output=True, text=True, encoding="utf-8")
    if done.returncode or "Can't open" in done.stderr:
        raise InputError(f"hunspell has no dictionary {dictionary}: install the packages that docs/spelling.py names")
    return set(done.stdout.split("\n")) - {""}


def corpus() -> dict[str, Counter]:
    """The words of each variety in the written pairs, the whole sentences and a sample of the generated ones."""
    found = {variety: Counter[str]() for variety in DICTIONARIES}
    for pair in written.read(DATA / "phrasebook" / phrasebook.WRITTEN):
        found[pair.variety].update(words(pair.pt))
        found["en"].update(words(pair.en))
    table = phrasebook.load()
    for row in table[table.pattern != phrasebook.WRITTEN].itertuples():
        found["pt-PT"].update(words(row.pt))
        found["en"].update(words(row.en))
    return found


def misspelt(candidates: Iterable[str], variety: str, allowed: set[str]) -> list[str]:
    """The words that no dictionary of a variety has, neither whole nor in parts, and that are not allowed."""
    missing = missing_in_all(candidates, variety) - allowed
    parts = {word: clitic_parts(word) for word in missing if word.lower() not in allowed}
    unknown_parts = missing_in_all(itertools.chain.from_iterable(parts.values()), variety)
    return sorted(word for word in parts if len(parts[word]) == 1 or unknown_parts.intersection(parts[word]))


def clitic_parts(word: str) -> list[str]:
    """The parts of a word with a clitic: "lavámo-las" -> lavámos, las."""
    return re.split(r"[-’']", re.sub(r"mo-(?=nos$|l[oa]s?$)", "mos-", word.lower()))


def missing_in_all(candidates: Iterable[str], variety: str) -> set[str]:
    """The words that none of a variety's dictionaries has."""
    candidates = set(candidates)
    return set.intersection(*(unknown(candidates, dictionary) for dictionary in DICTIONARIES[variety])) & candidates


def main(argv: list[str] | None = None) -> None:
    """Print what no dictionary has."""
    cli.Parser(prog="python -m docs.spelling", description="Check the bundled corpus' spelling.").parse_args(argv)
    if not shutil.which("hunspell"):
        raise InputError("hunspell is not installed: see docs/spelling.py for the packages")
    allowed = set((DATA / "phrasebook" / ALLOWED).read_text(encoding="utf-8").split())
    found = [(variety, word) for variety, counts in corpus().items() for word in misspelt(counts, variety, allowed)]
    for variety, word in found:
        print(f"{variety:<6} {word}")
    print(f"{len(found)} words to look at")


if __name__ == "__main__":
    cli.run(main)
