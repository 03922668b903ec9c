"""Data prepared on the disk: arrays that are made once, and found again by what they were made of.

An entry is a folder of plain arrays, which NumPy maps into memory. It gets its name when it is whole, in one step: what
was killed half-way is made anew.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from fmkeras import runs
from fmkeras.errors import InputError

FOLDER = "fmkeras-cache"  # beside the run folder, unless --cache names another
WHOLE = "whole.json"  # of an entry: what it holds
BLOCK = 1 << 22  # elements that are looked at at a time


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a folder of the cache holds.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @functools.cached_property
    def _whole(self) -> dict:
        return runs.read_json(self.folder / WHOLE)

    @property
    def info(self) -> dict:
        """What is known of it beside its arrays."""
        return self._whole["info"]

    def array(self, name: str) -> np.ndarray:
        """(N,) one of its arrays, mapped into memory, to read only."""
        dtype, size = self._whole["arrays"][name]
        dtype = np.dtype([tuple(field) for field in dtype] if isinstance(dtype, list) else dtype)
        if not size:  # nothing cannot be mapped
            return np.empty(0, dtype)
        return np.asarray(np.memmap(self.folder / name, dtype, "r", shape=(size,)))

    def damaged(self) -> bool:
        """Whether a file is missing, or not as long as it was."""
        try:
            arrays = self._whole["arrays"]
            return any(self.array(name).nbytes != (self.folder / name).stat().st_size for name in arrays)
        except (InputError, OSError, KeyError, TypeError, ValueError):
            return True


class Writer:
    """Writes the arrays of an entry, from first to last element."""

    def __init__(self, folder: Path):
        self.folder, self.arrays = folder, dict[str, list]()
        self.files = contextlib.ExitStack()
        self._open: dict = {}

    def append(self, name: str, array: np.ndarray) -> None:
        """Add elements to an array, which has their type."""
        if name not in self._open:
            self._open[name] = self.files.enter_context((self.folder / name).open("wb"))
            self.arrays[name] = [array.dtype.descr if array.dtype.names else array.dtype.str, 0]
        self._open[name].write(np.ascontiguousarray(array).view("u1").data)
        self.arrays[name][1] += len(array)

    def finish(self, info: dict) -> None:
        """Put all on the disk itself."""
        self.files.close()
        for name in self.arrays:
            runs.flush(self.folder / name)
        runs.write_json(self.folder / WHOLE, {"info": info, "arrays": self.arrays})


def place(cache: str, run: str | Path) -> Path:
    """The cache of a run: the one that is named, or the one beside it."""
    return Path(cache) if cache else Path(run).absolute().parent / FOLDER


def entry(cache: Path, kind: str, key: dict, make: Callable[[Writer], dict]) -> Entry:
    """What `make` has made before, or makes now, of what `key` names.

    Args:
        cache: the folder of all entries.
        kind: the first part of the entry's name.
        key: all that the result depends on, as JSON.
        make: writes the arrays, and returns what else is to be known, as JSON.

    Raises:
        InputError: the cache cannot be written to.
    """
    if found := known(cache, kind, key):
        return found
    name = _name(kind, key)
    try:
        shutil.rmtree(cache / name, ignore_errors=True)
        _make(cache, name, make)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{cache} cannot be written ({reason}): make room there, or name another --cache") from None
    return Entry(cache / name)


def known(cache: Path, kind: str, key: dict) -> Entry | None:
    """What has been made before of what `key` names, if it is whole."""
    found = Entry(cache / _name(kind, key))
    return found if found.folder.exists() and not found.damaged() else None


def _name(kind: str, key: dict) -> str:
    return f"{kind}-{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]}"


def _make(cache: Path, name: str, make: Callable[[Writer], dict]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    for leftover in cache.glob(f"{runs.UNFINISHED}*"):
        with contextlib.suppress(InputError), runs.alone(leftover):  # else another process is making it
            shutil.rmtree(leftover, ignore_errors=True)
    folder = cache / f"{runs.UNFINISHED}{uuid.uuid4()}"
    folder.mkdir()
    try:
        with runs.alone(folder):
            writer = Writer(folder)
            with writer.files:
                info = make(writer)
            writer.finish(info)
            with contextlib.suppress(FileExistsError):  # another process was faster
                _rename(folder, cache / name)
            runs.flush(cache)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rename(folder: Path, name: Path) -> None:
    try:
        os.rename(folder, name)
    except OSError as error:
        if not (name / WHOLE).exists():
            raise
        raise FileExistsError from error


def blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """An array in chunks, so that none of what is made of it is large."""
    return (array[start : start + BLOCK] for start in range(0, len(array), BLOCK))
