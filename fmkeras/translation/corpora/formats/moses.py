"""Two files with as many lines, one a language: Moses' and OPUS' form, text.pt and text.en."""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from fmkeras.errors import InputError
from fmkeras.translation.corpora.formats.columns import order
from fmkeras.translation.corpora.formats.naming import language, named, role
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.formats.source import Source
from fmkeras.translation.corpora.languages import told_apart

SAMPLE = 1000  # lines by which it is known that a file has a sentence a line
MOST = 0.9  # of these hold a tab, if it holds pairs
TIMES = re.compile(r"(\d+:)?\d\d:\d\d[,.]\d{3} --> ")  # in subtitles
MARKED = ".json .jsonl .ndjson .xml .tmx .xlf .xliff .srt .vtt .ass .html .htm .parquet .xlsx .ods".split()
TOGETHER = (  # what several files are, and the way out where they are no such
    "two are plain text, read line by line, source and target: put pairs together into one file, or name others as "
    "--validation and --test"
)


def read(files: Sequence[Source], reading: Reading) -> Found:
    """The pairs of two files, source first: in the order of --source and --target where the names tell, else as given.

    Raises:
        InputError: they have not as many lines, are not of these languages, or hold more than a sentence a line.
    """
    first, second = files
    for file in files:
        _refuse_marked(file, reading)
    names = [language_of(file, reading.asked) for file in files]
    if not any(names):  # en.txt, corpus_en.txt; of one file alone it may be a word
        stems = [language(PurePath(file.name).name.split(".")[0]) for file in files]
        names = stems if all(stems) else names
    if all(names) and not told_apart(*names):  # of plain and simple English, say: they tell nothing
        names = ["", ""]
    decided = order(names, reading)
    if decided < 0:
        wanted = " and ".join(filter(None, reading.asked))
        raise InputError(
            f"{first.name} and {second.name} are of {' and '.join(filter(None, names))}, not of {wanted}: "
            "name --source and --target so"
        )
    if decided == 2 or (not decided and reading.source_column == 2):
        first, second, names = second, first, names[::-1]
    note = f"{first.name} and {second.name}: line by line, source and target"
    return Found(_pairs(first, second, reading), names[0], names[1], note, decided)


def _refuse_marked(file: Source, reading: Reading) -> None:
    """What holds pairs, times or markup is no side of a text.

    Raises:
        InputError: it does, or is a document of another kind.
    """
    file.head()
    lines = [line for _, line in itertools.islice(_lines(file, reading), SAMPLE) if line.strip()]
    if any(map(TIMES.match, lines)):
        raise InputError(f"{file.name} holds subtitles with their times: leave these out, and give a sentence a line")
    if file.suffix in MARKED:
        raise InputError(
            f"{file.name} is no plain text, a sentence a line ({file.suffix}); of several files {TOGETHER}"
        )
    signs = "\t,;" if file.suffix == ".csv" else "\t"
    if any(sum(sign in line for line in lines) > MOST * len(lines) for sign in signs):
        raise InputError(f"{file.name} has lines of several cells, as of pairs; of several files {TOGETHER}")


def language_of(file: Source, asked: Sequence[str] = ()) -> str:
    """The language that a file's name ends with: "pt" of text.pt, of text.en-pt.pt.gz and of text.pt.txt.

    Args:
        asked: names of languages that count though we know none such.
    """
    suffixes = [suffix[1:] for suffix in file.suffixes if suffix not in (".txt", ".tok", ".clean", ".norm")]
    return suffixes[-1] if suffixes and named(suffixes[-1], asked) and not role(suffixes[-1]) else ""


def _lines(file: Source, reading: Reading) -> Iterator[tuple[str, str]]:
    name = language_of(file, reading.asked)
    return file.lines(reading.encoding, languages=[name] if name else reading.asked)


def _pairs(first: Source, second: Source, reading: Reading) -> Iterator[tuple[str, str]]:
    rows = itertools.zip_longest(_lines(first, reading), _lines(second, reading))
    for number, (one, other) in enumerate(rows):
        if one is None or other is None:
            longer = first if other is None else second
            more = number + 1 + sum(1 for _ in rows)
            raise InputError(
                f"{first.name} and {second.name} have not as many lines ({longer.name} has {more:,}, the other "
                f"{number:,}): line 1 must translate line 1, and so on"
            )
        yield one[1], other[1]
