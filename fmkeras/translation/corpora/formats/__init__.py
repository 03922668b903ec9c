"""Files of sentence pairs in the forms that people have them, each told by its content and its name.

A module a family: `source` (bytes and lines) with `charsets`, `tables`, `records` (JSON, Parquet), `exchange` (TMX,
XLIFF), `moses`.
`columns` finds source and target in what they read, `files` chooses among them.
"""

from fmkeras.translation.corpora.formats.files import exists, paths, read, read_pairs, read_splits
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.formats.records import read_rows
from fmkeras.translation.corpora.formats.source import FORMS, LONGEST_LINE, Source

__all__ = [
    "FORMS",
    "LONGEST_LINE",
    "Found",
    "Reading",
    "Source",
    "exists",
    "paths",
    "read",
    "read_pairs",
    "read_rows",
    "read_splits",
]
