"""JSON, JSON lines, Parquet and Arrow: records with a text for each language, as Hugging Face's data sets have them."""

import contextlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fmkeras.errors import InputError
from fmkeras.translation.corpora.formats.columns import Table, found
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.formats.source import FORMS, Source

SAMPLE = 1000  # records by which their form is told
LONGEST = 1 << 31  # bytes of a line: a document may have one only
LISTS = ("data", "train", "rows", "pairs", "translations", "sentences", "examples")  # where a document has its records


def read_json(source: Source, reading: Reading) -> Found:
    """The pairs of a file of JSON lines, or of one JSON document.

    Raises:
        InputError: it is no JSON, or its records have no two texts.
    """
    lines = ((place, line) for place, line in source.lines(reading.encoding, LONGEST, reading.asked) if line.strip())
    head = list(itertools.islice(lines, 2))
    if not head:
        raise InputError(f"{source.name} holds no sentence pairs")
    alone = len(head) == 1
    if head[0][1].lstrip().startswith("{" if alone else ("{", "[")) and all(_is_json(line) for _, line in head):
        documents: Iterator[tuple[str, Any]]
        documents = ((place, _parsed(place, line)) for place, line in itertools.chain(head, lines))
        if alone and (rows := _listed(_parsed(*head[0]))) is not None:
            documents = _numbered(source.name, rows)
        return _found(source.name, "JSON lines", documents, reading)
    document = _parsed(source.name, "\n".join(line for _, line in itertools.chain(head, lines)))
    rows = document if isinstance(document, list) else _listed(document)
    if rows is None:
        raise InputError(f"{source.name}: no list of pairs in it, at the top or as 'data'; {FORMS}")
    return _found(source.name, "JSON", _numbered(source.name, rows), reading)


def read_rows(name: str, rows: Iterable, reading: Reading) -> Found:
    """The pairs of records that are in memory, such as {"pt": ..., "en": ...}, as of a line of JSON each.

    Raises:
        InputError: one is no record, or they have no two texts.
    """
    return _found(name, "records", _numbered(name, rows), reading)


def read_parquet(path: Path, reading: Reading) -> Found:
    """The pairs of a Parquet file, read in parts.

    Raises:
        InputError: pyarrow is not installed, or cannot read it.
    """
    parquet = _pyarrow(path, "parquet")
    with _damage(path):
        file = parquet.ParquetFile(path)
    return _found(str(path), "Parquet", _batches(path, file.iter_batches()), reading)


def read_arrow(path: Path, reading: Reading) -> Found:
    """The pairs of an Arrow file: a stream, as Hugging Face's save_to_disk writes, or a file, as to_feather does.

    Raises:
        InputError: as `read_parquet`.
    """
    ipc = _pyarrow(path, "ipc")
    with _damage(path):
        if Source.of(path).head(6) == b"ARROW1":
            file = ipc.open_file(str(path))
            batches: Iterable = (file.get_batch(i) for i in range(file.num_record_batches))
        else:
            batches = ipc.open_stream(str(path))
    return _found(str(path), "Arrow", _batches(path, batches), reading)


def _pyarrow(path: Path, module: str) -> Any:
    try:
        return __import__(f"pyarrow.{module}", fromlist=["pyarrow"])
    except ImportError:
        raise InputError(f"{path} needs a package that is not installed: pip install pyarrow") from None


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # pyarrow has many
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path} cannot be read ({reason}): is it whole?") from None


def _batches(path: Path, batches: Iterable) -> Iterator[tuple[str, Any]]:
    with _damage(path):
        for number, batch in enumerate(batches):
            for row in batch.to_pylist():
                yield f"{path}, batch {number + 1}", row


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _parsed(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: no JSON ({error})") from None


def _listed(document: Any) -> list | None:
    """The list of records within a document: a text for each language is none."""
    lists = [document[name] for name in LISTS if isinstance(document, dict) and isinstance(document.get(name), list)]
    return lists[0] if lists else None


def _numbered(name: str, rows: Iterable) -> Iterator[tuple[str, Any]]:
    return ((f"{name}, record {number}", row) for number, row in enumerate(rows, 1))


def by_language(document: Any) -> Mapping | None:
    """What a record calls its translation, in Hugging Face's form: a text for each language; None if it has none."""
    nested = (document.get(name) for name in ("translation", "translations")) if isinstance(document, Mapping) else ()
    value = next((value for value in nested if isinstance(value, Mapping)), None)
    if value is not None and isinstance(value.get("language"), list):  # of data sets with several languages a record
        return dict(zip(value["language"], value.get("translation", ()), strict=False))
    return value


def record(place: str, document: Any) -> dict[str, str]:
    """The texts of a record by name; where it has a translation, those of that.

    Example:
        >>> record("line 1", {"id": 7, "translation": {"pt": "Olá.", "en": "Hello."}})
        {'pt': 'Olá.', 'en': 'Hello.'}
        >>> record("line 1", ["Olá.", "Hello."])
        {'1': 'Olá.', '2': 'Hello.'}
    """
    if isinstance(document, list) and all(isinstance(text, str) for text in document):
        return {str(number): text for number, text in enumerate(document, 1)}
    if not isinstance(document, Mapping):
        raise InputError(f"{place}: a record must be an object with a text for each language, not {document!r:.40}")
    texts = by_language(document) or document
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def _found(name: str, form: str, documents: Iterator[tuple[str, Any]], reading: Reading) -> Found:
    known = list(itertools.islice(documents, SAMPLE))
    first = [(place, record(place, document)) for place, document in known]
    records = ((place, record(place, document)) for place, document in documents)
    declared = any(by_language(document) for _, document in known)
    names = tuple(dict.fromkeys(key for _, texts in first for key in texts))
    if len(names) < 2:
        raise InputError(f"{name}: its records have no two texts (only {', '.join(names) or 'nothing'}); {FORMS}")
    rows = ((place, [texts.get(key, "") for key in names]) for place, texts in itertools.chain(first, records))
    sample = [[texts.get(key, "") for key in names] for _, texts in first]
    shown = ("",) * 2 if names == ("1", "2") else names
    return found(Table(name, form, shown, sample, rows, declared), reading)
