"""Which reader a file needs: by its content and its name; zips, folders of splits, two files with a comma between."""

import dataclasses
import functools
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from fmkeras.errors import InputError
from fmkeras.translation.corpora.formats import exchange, moses, records, tables
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.formats.source import COMPRESSED, FORMS, Source
from fmkeras.translation.corpora.languages import same

Pairs = list[tuple[str, str]]
SPLITS = {"train": ("train",), "validation": ("validation", "valid", "val", "dev"), "test": ("test", "eval")}
# What an archive or folder holds beside its data.
UNREAD = ("README", "LICENSE", "LICENCE", "INFO", "CITATION", "_about", ".")
ARROW = (".arrow", ".feather")
DATA = (".tsv", ".csv", ".txt", ".json", ".jsonl", ".ndjson", ".tmx", ".xlf", ".xliff", ".parquet", *ARROW)


def read_pairs(path: str | os.PathLike | Sequence[str | os.PathLike], **options: str | int) -> Pairs:
    """Read all sentence pairs of a file, in whatever form they are.

    Args:
        path: of a file: `.tsv`, `.csv`, `.json`, `.jsonl`, `.parquet`, `.tmx`, `.xliff`, each also as `.gz`, `.bz2`,
            `.xz` or in a `.zip`; or two files with as many lines, source and target.
        options: of `Reading`: columns="2,4", encoding="cp1252", source="pt", target="en", source_column=2.

    Returns:
        (source, target) of each, as they stand in the file.

    Raises:
        InputError: it is none of these forms, or something in it is wrong; names the place.

    Example:
        >>> fmkeras.read_pairs("fra.txt")  # doctest: +SKIP
        [('Go.', 'Va !'), ('Hi.', 'Salut !'), ...]
    """
    parts = path if isinstance(path, list | tuple) else [path]
    if not all(isinstance(part, str | os.PathLike) for part in parts):
        raise InputError(f"{path!r:.60} is no path: name a file, or two with as many lines, as strings")
    name = ",".join(map(os.fspath, parts))
    reading = Reading(**options)  # type: ignore[arg-type]
    pairs = list(read(name, reading).agreed(name, reading).pairs)
    if not pairs:
        raise InputError(f"{name} holds no sentence pairs")
    return pairs


def exists(name: str) -> bool:
    """Whether there is a file or folder of this name, or two files with a comma between, or two that begin so."""
    return os.path.exists(name) or bool(two_files(name))


def two_files(name: str, reading: Reading | None = None) -> list[Path]:
    """The two files that "text.pt,text.en" names, or the beginning "text"; none if it names none."""
    if os.path.exists(name):
        return []
    parts = [Path(part.strip()) for part in name.split(",")]
    if len(parts) == 2 and all(os.path.isfile(part) for part in parts):
        return parts
    try:
        found = sorted(path for path in Path(name).parent.iterdir() if path.name.startswith(f"{Path(name).name}."))
    except OSError:  # there is no such folder
        return []
    asked = reading.asked if reading else ("", "")
    languages = {path: moses.language_of(Source.of(path), asked) for path in found}
    found = [path for path in found if languages[path]]
    if all(asked):
        found = [path for path in found if any(same(languages[path], name) for name in asked)]
    return found if len(found) == 2 else []


def paths(name: str, reading: Reading) -> list[Path]:
    """The files whose bytes are the data that a name stands for; none if there are no such files."""
    if os.path.isdir(name):
        return sorted(path for path in Path(name).rglob("*") if path.is_file())
    return two_files(name, reading) or [path for path in [Path(name)] if os.path.isfile(path)]


def read(name: str, reading: Reading | None = None) -> Found:
    """The pairs of what `--dataset` names when it is no folder, one at a time.

    Raises:
        InputError: there is no such file, or it has none of the forms.
    """
    reading = reading or Reading()
    if parts := two_files(name, reading):
        for part in parts:
            _refuse_office(part)
        return moses.read([Source.of(part) for part in parts], reading)
    path = Path(name)
    if not os.path.exists(path):
        raise InputError(_missing(name))
    _refuse_office(path)
    if zipfile.is_zipfile(path):
        members = _members(path)
        names = [PurePath(member.name.removeprefix(f"{path}: ")).name.lower() for member in members]
        if all(any(_begins(found, words) for found in names) for words in SPLITS.values()):
            raise InputError(f"{name} holds train, validation and test files: unpack it, and name the folder")
        return _of_several(members, name, reading)
    return read_source(Source.of(path), reading, path)


def read_source(source: Source, reading: Reading, path: Path | None = None) -> Found:
    """The pairs of a file or of a member of an archive.

    Args:
        path: where the file is; None of a member, which Parquet and Arrow cannot be read from.

    Raises:
        InputError: it has none of the forms.
    """
    head = source.head()
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    arrow = head.startswith(b"ARROW1") or source.suffix in ARROW
    if arrow or head.startswith(b"PAR1") or source.suffix == ".parquet":
        if path is None or path.suffix.lower() in COMPRESSED:
            raise InputError(
                f"{source.name}: unpack it first, Parquet and Arrow files are read as they lie on the disk"
            )
        return (records.read_arrow if arrow else records.read_parquet)(path, reading)
    if source.suffix == ".tmx" or b"<tmx" in text[:2000]:
        return exchange.read_tmx(source, reading)
    if source.suffix in (".xlf", ".xliff") or b"<xliff" in text[:2000]:
        return exchange.read_xliff(source, reading)
    if text.startswith(b"<?xml"):
        raise InputError(f"{source.name} is XML, but neither TMX nor XLIFF: {FORMS}")
    if source.suffix in (".json", ".jsonl", ".ndjson") or (text.startswith((b"{", b"[")) and b"\t" not in text):
        return records.read_json(source, reading)
    return tables.read(source, reading)


def read_splits(folder: Path, reading: Reading) -> dict[str, Found]:
    """The pairs of a folder that has them in three splits, in whatever form: train, validation (dev) and test.

    Raises:
        InputError: a split is missing.
    """
    if (folder / "dataset_dict.json").is_file():  # of Hugging Face's `save_to_disk`: a folder a split
        files = {path: path.parent.name for path in sorted(folder.glob("*/*.arrow"))}
    else:
        files = {path: path.name.lower() for path in sorted(folder.iterdir()) if path.is_file()}
    found = {}
    for split, names in SPLITS.items():
        chosen = [path for path, name in files.items() if _begins(name, names) and _is_data(path, reading)]
        if not chosen:
            unread = ", ".join(path.name for path, name in files.items() if _begins(name, names))[:80]
            hint = f" ({unread}: let their names end with the languages, {names[0]}.pt {names[0]}.en)" if unread else ""
            raise InputError(
                f"{folder} has no {split}.tsv or other {split} file{hint}: a folder needs train, validation and test"
            )
        found[split] = _of_several([Source.of(path) for path in chosen], str(folder), reading)
        reading = _like(found[split], reading)
    return found


def _like(found: Found, reading: Reading) -> Reading:
    """How what belongs to a file is read: its columns can stand in another order."""
    return dataclasses.replace(reading, source=reading.source or found.source, target=reading.target or found.target)


def _begins(name: str, words: Sequence[str]) -> bool:
    return any(name.startswith(word) and not name[len(word) : len(word) + 1].isalpha() for word in words)


def _is_data(path: Path, reading: Reading) -> bool:
    source = Source.of(path)
    return any(suffix in DATA for suffix in source.suffixes) or bool(moses.language_of(source, reading.asked))


def _of_several(sources: list[Source], name: str, reading: Reading) -> Found:
    """One file, Moses' two, or the parts of one data set, one after the other."""
    asked, tables = reading.asked, DATA[:2] + DATA[3:]
    texts = [source for source in sources if moses.language_of(source, asked) and source.suffix not in tables]
    if all(asked) and len(texts) > 2:
        texts = [text for text in texts if any(same(moses.language_of(text, asked), name) for name in asked)]
    if len(texts) == 2:
        return moses.read(texts, reading)
    sources = [source for source in sources if source.suffix in DATA] or sources
    if not sources:
        raise InputError(f"{name} holds no file: {FORMS}")
    if len(sources) > 1 and len({source.suffix for source in sources}) > 1:
        listed = ", ".join(PurePath(source.name).name for source in sources[:4])
        raise InputError(f"{name} holds several files ({listed}): unpack it and name one, or two of Moses' form")
    found = list[Found]()
    for source in sources:
        found.append(read_source(source, reading, _path(source)))
        reading = _like(found[0], reading)
    if len(found) > 1:
        found[0].note += f", and {len(found) - 1} more files of its kind"
    return dataclasses.replace(found[0], pairs=_chained(found))


def _path(source: Source) -> Path | None:
    return Path(source.name) if os.path.exists(source.name) else None


def _chained(found: list[Found]) -> Iterator[tuple[str, str]]:
    for part in found:
        yield from part.pairs
        if part is not found[0]:
            found[0].counts.update(part.counts)


def _members(path: Path) -> list[Source]:
    """The files of a zip, but for those that tell about it.

    Raises:
        InputError: it is damaged, or encrypted.
    """
    try:
        archive = zipfile.ZipFile(path)
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read ({error}): is it whole?") from None
    if any(entry.flag_bits & 1 for entry in entries):
        raise InputError(f"{path} is encrypted: unpack it first")
    names = [
        e.filename for e in entries if not PurePath(e.filename).name.startswith(UNREAD) and "__MACOSX" not in e.filename
    ]
    if not names:
        raise InputError(f"{path} holds no file of sentences: {FORMS}")
    return [Source(f"{path}: {name}", functools.partial(archive.open, name)) for name in names]  # type: ignore[arg-type]


def _refuse_office(path: Path) -> None:
    """A spreadsheet or a text document is a zip, and cannot be read.

    Raises:
        InputError: it is one.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.startswith(("xl/", "word/", "ppt/")) or name == "mimetype" for name in names):
        raise InputError(f"{path} is an Office document: save it as .csv or tab-separated text; {FORMS}")


def _missing(name: str) -> str:
    """What is to be said of a name for which there is nothing: what is there, and how to name it."""
    parts = [part.strip() for part in name.split(",")]
    absent = [part for part in parts if not os.path.exists(part)]
    if not absent:
        several = f"{len(parts)} files" if all(map(os.path.isfile, parts)) else "files and folders"
        return f"--dataset {name}: {several}, where {moses.TOGETHER}"
    if len(absent) < len(parts):
        return f"--dataset {name}: no such file: {', '.join(absent)}"
    parent, stem = Path(name).parent, Path(name).name
    begun = sorted(path for path in parent.iterdir() if path.name.startswith(f"{stem}.")) if parent.is_dir() else []
    if not stem or not begun:
        return f"--dataset {name}: no such file or folder (and not 'auto', 'ted' or 'phrasebook')"
    listed = ", ".join(path.name for path in begun[:6])
    example = ",".join(map(str, begun[:2])) if len(begun) > 1 else f"{begun[0]},ITS_TRANSLATION"
    return f"--dataset {name}: no such file, but {listed}: name one in full, or two sides, source first: {example}"
