"""From bytes to lines of text: a file or a member of a zip, plain or compressed, in UTF-8 or in another encoding."""

import bz2
import codecs
import dataclasses
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import BinaryIO

from fmkeras.errors import InputError
from fmkeras.translation.corpora.formats import charsets

LONGEST_LINE = 1_000_000  # bytes: more is no file of sentences
COMPRESSED: dict[str, tuple[bytes, Callable]] = {  # suffix: how such a file begins, and what opens it
    ".gz": (b"\x1f\x8b", gzip.open),
    ".bz2": (b"BZh", bz2.open),
    ".xz": (b"\xfd7zXZ\x00", lzma.open),
}
BYTE_ORDER_MARKS = (  # of the encodings that a file can begin with; UTF-32's begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
FORMS = (
    "give .tsv, .csv, .json, .jsonl, .parquet, .tmx, .xliff or two Moses files (text.pt text.en), "
    "each also as .gz, .bz2, .xz or in a .zip"
)
FOREIGN = (  # how files begin that hold no pairs, whatever they are named
    (b"%pdf", "a PDF"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: fetch it with git lfs pull, or"),
    (b"404: not found", "an error message of a web server"),
    (b"pk\x03\x04", "a zip archive that is damaged, or within another"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive, to be unpacked first"),
    (b"rar!", "a RAR archive, to be unpacked first"),
    (b"sqlite format 3", "a database (export its table)"),
)
FAILURES = (OSError, EOFError, zlib.error, lzma.LZMAError)  # what a damaged file makes of reading


@dataclasses.dataclass(frozen=True)
class Source:
    """Bytes with a name.

    Args:
        name: for messages, and whose suffix tells the form: "news.tsv.gz", "opus.zip: news.en".
        raw: opens the bytes as they are stored.
    """

    name: str
    raw: Callable[[], BinaryIO]

    @classmethod
    def of(cls, path: Path) -> "Source":
        """A file."""
        return cls(str(path), lambda: open(path, "rb"))

    @property
    def suffixes(self) -> list[str]:
        """The suffixes of the name, without that of a compression: [".tsv"]."""
        return [suffix.lower() for suffix in PurePath(self.name).suffixes if suffix.lower() not in COMPRESSED]

    @property
    def suffix(self) -> str:
        """The last of them, or nothing."""
        return (self.suffixes or [""])[-1]

    def open(self) -> BinaryIO:
        """The bytes, decompressed."""
        raw = self.raw()
        head = raw.read(6)
        raw.seek(0)
        suffix = PurePath(self.name).suffix.lower()
        for name, (begin, opener) in COMPRESSED.items():
            if suffix == name or head.startswith(begin):
                return opener(raw)
        return raw

    def head(self, size: int = 4096) -> bytes:
        """The first bytes, decompressed.

        Raises:
            InputError: it cannot be read, or is a document of another kind.
        """
        try:
            with self.open() as file:
                head = file.read(size)
        except FAILURES as error:
            raise InputError(f"{self.name} cannot be read ({error}): is it whole?") from None
        for begin, what in FOREIGN:
            if head.lstrip().lower().startswith(begin):
                raise InputError(f"{self.name} is {what}: {FORMS}")
        if head[257:262] == b"ustar":
            raise InputError(f"{self.name} is a tar archive, to be unpacked first: {FORMS}")
        return head

    def lines(
        self, encoding: str = "", longest: int = LONGEST_LINE, languages: Sequence[str] = ()
    ) -> Iterator[tuple[str, str]]:
        """The lines, one at a time: where each stands, for messages, and its text without the line's end.

        Only a line feed ends a line (or a carriage return, where a file has no line feeds), as in every program that
        counts lines. Other signs that Unicode takes for line ends stay within.

        Args:
            encoding: of a file without a byte-order mark; UTF-8 by default.
            longest: bytes that a line has fewer than.
            languages: names of those that the text may be of, by which an encoding is proposed where it is another.

        Raises:
            InputError: the file cannot be read, or a line is no text; names the line.
        """
        number = 0
        try:
            with self.open() as file:
                for number, line in enumerate(_decoded(self.name, file, encoding, longest, languages), 1):
                    place = f"{self.name}, line {number}"
                    if len(line) >= longest:
                        raise InputError(f"{place}: over {longest:,} bytes: is this a file of sentences?")
                    if "\0" in line:
                        raise InputError(f"{place}: a NUL byte: is this a text file in UTF-8? If not, name --encoding")
                    yield place, line.rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.name}, line {number + 1}: not {error.encoding}: name another --encoding") from None
        except FAILURES as error:
            raise InputError(f"{self.name} cannot be read ({error}): is it whole?") from None


def _decoded(name: str, file: BinaryIO, encoding: str, longest: int, languages: Sequence[str]) -> Iterator[str]:
    """The lines of an open file as text."""
    head = file.read(1 << 16)
    found = next((found for mark, found in BYTE_ORDER_MARKS if head.startswith(mark)), "")
    encoding = found or encoding or "utf-8"
    known = codecs.lookup(encoding).name
    if known in ("utf-16", "utf-32") and head and not found:  # UTF-16's codec would raise, UTF-32's take one order
        raise InputError(
            f"{name} has no byte-order mark, which {known} needs: name --encoding {known}-le or {known}-be, or none "
            "for UTF-8"
        )
    if known.startswith(("utf-16", "utf-32")):
        file.seek(0)  # the codec reads the byte-order mark itself
        text = io.TextIOWrapper(file, encoding, newline="\n")
        while line := text.readline(longest):
            yield line.removeprefix("\ufeff")
        return
    if not known.startswith("utf") and charsets.is_utf_8(head):
        raise InputError(f"{name} looks like UTF-8, not {encoding}: leave --encoding out, or convert what is not UTF-8")
    file.seek(len(codecs.BOM_UTF8) if found == "utf-8" else 0)
    old_mac = b"\r" in head and b"\n" not in head
    lines: Iterator[bytes] = _split(file, b"\r", longest) if old_mac else iter(lambda: file.readline(longest), b"")
    for number, content in enumerate(lines, 1):
        yield _text(f"{name}, line {number}", content, encoding, longest, languages)


def _split(file: BinaryIO, end: bytes, longest: int) -> Iterator[bytes]:
    """The lines of a file whose lines have this end, which few files have today."""
    rest = b""
    while block := file.read(1 << 16):
        *lines, rest = (rest + block).split(end)
        yield from lines
        if len(rest) > longest:
            yield rest[:longest]
    if rest:
        yield rest


def _text(place: str, line: bytes, encoding: str, longest: int, languages: Sequence[str]) -> str:
    """A line as text."""
    try:
        return line.decode(encoding)
    except UnicodeError as error:
        if not isinstance(error, UnicodeDecodeError):  # idna and punycode have their own
            raise InputError(f"{place}: not {encoding}: name another --encoding") from None
        if len(line) == longest:  # it was cut, perhaps within a character
            return line.decode(encoding, "replace")
        likely = charsets.hint(line, codecs.lookup(encoding).name, languages)
        way_out = "convert the file, or name its --encoding" + f", perhaps {likely}" * bool(likely)
        raise InputError(f"{place}, byte {error.start + 1}: not {_title(encoding)}; {way_out}") from None


def _title(encoding: str) -> str:
    return "UTF-8" if codecs.lookup(encoding).name == "utf-8" else encoding
