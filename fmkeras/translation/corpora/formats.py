"""Files of sentences: pairs with a tab between, folders of splits, plain lines; what is wrong is named by its line."""

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from fmkeras.errors import InputError
from fmkeras.translation.corpora import held_out
from fmkeras.translation.corpora.held_out import SPLITS, Pairs

LONGEST_LINE = 1_000_000  # bytes: more is no file of sentences


def read_path(path: Path, source_column: int = 1, share: float | None = None) -> tuple[dict[str, Pairs], float]:
    """Read a file of pairs, splitting it, or a folder with train, validation and test files; source first.

    Args:
        path: of the file or folder.
        source_column: column of the source, 1 or 2.
        share: of the sources of a file that a run holds out, see `held_out.split_pairs`; 0 for runs of version 0.1.

    Returns:
        The pairs of each split, and the share, 0 for a folder.

    Raises:
        InputError: there is nothing there, or it is not in the right form.
    """
    turn = turned if source_column == 2 else list
    if not os.path.exists(path):
        raise InputError(f"--dataset {path}: no such file or folder (and not 'auto', 'ted' or 'phrasebook')")
    if not path.is_dir():
        pairs = read_pairs(path, source_column)
        return (held_out.split_at_random(pairs), 0.0) if share == 0 else held_out.split_pairs(pairs, share)
    splits = {}
    for split in SPLITS:
        files = [path / f"{split}{suffix}" for suffix in (".tsv", ".tsv.gz")]
        file = next((f for f in files if f.is_file()), None)
        if file is None:
            raise InputError(f"{path} has no {split}.tsv or {split}.tsv.gz: a folder needs train, validation and test")
        splits[split] = turn(read_file(file))
    return splits, 0.0


def read_pairs(path: Path, source_column: int = 1) -> Pairs:
    """All pairs of a file, source first.

    Raises:
        InputError: as `read_file`.
    """
    pairs = read_file(path)
    return turned(pairs) if source_column == 2 else pairs


def turned(pairs: Pairs) -> Pairs:
    """The pairs the other way round."""
    return [(second, first) for first, second in pairs]


def read_file(path: Path) -> Pairs:
    """Read lines of two sentences with a tab between.

    Raises:
        InputError: the file cannot be read, or a line is not in the right form; names the line.
    """
    pairs = [pair for place, line in read_lines(path) if (pair := _pair(place, line))]
    if not pairs:
        raise InputError(f"{path} holds no sentence pairs")
    return pairs


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Read text in UTF-8, gzipped or not, a line at a time: where it stands, for messages, and the line itself.

    Raises:
        InputError: the file cannot be read, or a line is no text; names the line.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            while line := file.readline(LONGEST_LINE):
                number += 1
                if number == 1:
                    line = _first(path, line)
                place = f"{path}, line {number}"
                yield place, _text(place, line)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}): is it whole?") from None


def _first(path: Path, line: bytes) -> bytes:
    """The first line without the mark of UTF-8; an InputError if it is the beginning of something else."""
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path} is UTF-16 text: save it as UTF-8")
    if line.startswith(b"\x1f\x8b"):
        raise InputError(f"{path} is gzipped: name it {path.name}.gz")
    return line.removeprefix(b"\xef\xbb\xbf")


def _text(place: str, line: bytes) -> str:
    """A line as text, without its end."""
    if len(line) == LONGEST_LINE:
        raise InputError(f"{place}: over {LONGEST_LINE:,} bytes: is this a file of sentences?")
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{place}, byte {error.start + 1}: not UTF-8; convert the file first") from None
    if "\0" in text:
        raise InputError(f"{place}: a NUL byte: is this a text file in UTF-8?")
    return text


def _pair(place: str, text: str) -> tuple[str, str] | None:
    """The two sentences of a line, None if it is blank."""
    columns = text.split("\t")
    if len(columns) == 2:
        return columns[0], columns[1]
    if len(columns) == 1 and not text.strip():
        return None
    raise InputError(f"{place}: {len(columns)} columns, not two sentences with one tab between")
