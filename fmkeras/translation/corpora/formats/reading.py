"""What is asked of the readers, and what they find."""

import codecs
import dataclasses
from collections.abc import Iterator

from fmkeras.errors import InputError


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a file is to be read; every field can stay as it is.

    Args:
        columns: the two columns of source and target, by number from 1 or by name: "2,4", "pt,en".
        encoding: of text without a byte-order mark; UTF-8 by default.
        source, target: names of the languages, by which columns are found where a file names them.
        source_column: 2 turns the direction round, where the file's order alone decides it.

    Raises:
        InputError: the columns are no two, or there is no such encoding.
    """

    columns: str = ""
    encoding: str = ""
    source: str = ""
    target: str = ""
    source_column: int = 1

    def __post_init__(self) -> None:
        columns = [column.strip() for column in self.columns.split(",")]
        if self.columns and (len(columns) != 2 or not all(columns) or columns[0] == columns[1]):
            raise InputError(f"--columns {self.columns}: name two, source first, such as 2,4 or pt,en")
        try:
            codecs.lookup(self.encoding or "utf-8")
            "".encode(self.encoding or "utf-8")
        except (LookupError, ValueError):
            raise InputError(f"--encoding {self.encoding}: there is none of this name; try cp1252 or utf-16") from None


@dataclasses.dataclass
class Found:
    """What a file holds.

    Attributes:
        pairs: source and target, one pair at a time.
        source, target: the languages that the file names; "" if it names none.
        note: a line for the user: what was understood.
    """

    pairs: Iterator[tuple[str, str]]
    source: str
    target: str
    note: str

    def turned(self) -> "Found":
        """The same the other way round."""
        return Found(((b, a) for a, b in self.pairs), self.target, self.source, self.note)
