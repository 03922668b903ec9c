"""Two files with as many lines, one a language: Moses' and OPUS' form, text.pt and text.en."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from fmkeras.errors import InputError
from fmkeras.translation.corpora.formats.columns import language, role, same
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.formats.source import Source


def read(files: Sequence[Source], reading: Reading) -> Found:
    """The pairs of two files, source first: in the order of --source and --target where the names tell, else as given.

    Raises:
        InputError: they have not as many lines, or are not of these languages.
    """
    first, second = files
    names = [language_of(file) for file in files]
    wanted = [reading.source, reading.target]
    if all(names) and all(wanted) and wanted != ["source", "target"]:
        places = [next((i for i, name in enumerate(names) if same(name, asked)), None) for asked in wanted]
        if sorted(place for place in places if place is not None) != [0, 1]:
            raise InputError(
                f"{first.name} and {second.name} are of {names[0]} and {names[1]}, not of {' and '.join(wanted)}: "
                "name --source and --target so"
            )
        order = places[0] == 0
    else:
        order = reading.source_column == 1
    if not order:
        first, second, names = second, first, names[::-1]
    note = f"{first.name} and {second.name}: line by line, source and target"
    return Found(_pairs(first, second, reading), names[0], names[1], note)


def language_of(file: Source) -> str:
    """The language that a file's name ends with: "pt" of text.pt, of text.en-pt.pt.gz and of text.pt.txt."""
    suffixes = [suffix[1:] for suffix in file.suffixes if suffix not in (".txt", ".tok", ".clean", ".norm")]
    if suffixes and (language(suffixes[-1]) or role(suffixes[-1])):
        return "" if role(suffixes[-1]) else suffixes[-1]
    return ""


def ordered(files: Sequence[Source]) -> list[Source]:
    """Two files, the one that is called a source first."""
    stems = [[role(word) for word in (PurePath(file.name).name, *(s[1:] for s in file.suffixes))] for file in files]
    return list(files) if "target" not in stems[0] else list(files)[::-1]


def _pairs(first: Source, second: Source, reading: Reading) -> Iterator[tuple[str, str]]:
    rows = itertools.zip_longest(first.lines(reading.encoding), second.lines(reading.encoding))
    for number, (one, other) in enumerate(rows):
        if one is None or other is None:
            longer = first if other is None else second
            more = number + 1 + sum(1 for _ in rows)
            raise InputError(
                f"{first.name} and {second.name} have not as many lines ({longer.name} has {more:,}, the other "
                f"{number:,}): line 1 must translate line 1, and so on"
            )
        yield one[1], other[1]
