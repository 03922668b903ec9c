"""What is asked of the readers, and what they find."""

import codecs
import dataclasses
from collections import Counter
from collections.abc import Iterator

from fmkeras.errors import InputError
from fmkeras.translation.corpora.languages import code_of, same, told_apart


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a file is to be read; every field can stay as it is.

    Args:
        columns: the two columns of source and target, by number from 1 or by name: "2,4", "pt,en".
        encoding: of text without a byte-order mark; UTF-8 by default.
        source, target: names of the languages, by which columns are found where a file names them.
        source_column: 2 turns the direction round, where the file's order alone decides it.

    Raises:
        InputError: the columns or the languages are no two, or there is no such encoding.
    """

    columns: str = ""
    encoding: str = ""
    source: str = ""
    target: str = ""
    source_column: int = 1

    @property
    def asked(self) -> tuple[str, str]:
        """The languages that are asked for; "" for one that is not, as of a run whose data named none."""
        source, target = (
            name if name != side else "" for name, side in ((self.source, "source"), (self.target, "target"))
        )
        return source, target

    def __post_init__(self) -> None:
        for name in ("columns", "encoding", "source", "target"):
            if not isinstance(getattr(self, name), str):
                example = " such as columns='2,4'" if name == "columns" else ""
                raise InputError(f"{name}={getattr(self, name)!r:.60}: give a string{example}")
        if self.source_column not in (1, 2):
            raise InputError(f"source_column={self.source_column!r:.60}: choose 1 or 2")
        if all(self.asked) and not told_apart(*self.asked):
            names = " and ".join(dict.fromkeys(self.asked))
            raise InputError(f"both languages are called {names}: name them apart with --source and --target")
        columns = [column.strip() for column in self.columns.split(",")]
        if self.columns and (len(columns) != 2 or not all(columns) or columns[0] == columns[1]):
            raise InputError(f"--columns {self.columns}: name two, source first, such as 2,4 or pt,en")
        try:
            codecs.lookup(self.encoding or "utf-8")
            "".encode(self.encoding or "utf-8")
        except (LookupError, ValueError):
            raise InputError(
                f"--encoding {self.encoding}: there is none of this name; try cp1252 or utf-16-le"
            ) from None


@dataclasses.dataclass
class Found:
    """What a file holds.

    Attributes:
        pairs: source and target, one pair at a time.
        source, target: the languages that the file names; "" if it names none.
        note: a line for the user: what was understood.
        doubt: of which column is which, if nothing but their order says it.
        counts: what was met in reading that is to be said, and how often; complete when all pairs are read.
        decided: 1 or 2 where names decided which of both columns, in the file's order, is the source; else 0.
    """

    pairs: Iterator[tuple[str, str]]
    source: str
    target: str
    note: str
    decided: int = 0
    doubt: str = ""
    counts: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def said(self) -> str:
        """The note, with the doubt and what was counted."""
        counted = [f"{what}: {count:,}" for what, count in sorted(self.counts.items()) if count]
        return "; ".join(filter(None, [self.note, self.doubt, *counted]))

    def agreed(self, name: str, reading: Reading) -> "Found":
        """The same, if its languages are those that are asked for.

        Args:
            name: of the data, for messages.

        Raises:
            InputError: a side is of another language, or its direction is asked for twice, each way once.
        """
        for side, own, asked in zip(("source", "target"), (self.source, self.target), reading.asked, strict=True):
            if asked and code_of(own) and not same(own, asked):
                raise InputError(
                    f"{name}: its {side} is {own}, not {asked} (--{side}): name the languages as it does, or others"
                )
        if reading.source_column == 2 and self.decided == 1:
            raise InputError(
                f"--source-column 2: in {name} the source stands in the first of both columns by the names of the "
                "languages: leave out --source-column, or turn --source and --target round"
            )
        return self
