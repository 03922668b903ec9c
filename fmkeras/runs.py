"""The run folder: where one training keeps its settings, model, history, plots and report.

Each file is written whole or not at all: to a temporary name beside it, flushed to disk, then renamed. `report.json`
comes last, so a folder with a report is a finished run.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

from fmkeras import DATA, trust
from fmkeras.errors import InputError

if TYPE_CHECKING:  # --help must wait for neither
    import keras
    from matplotlib.figure import Figure

CONFIG, MODEL, HISTORY, REPORT = "config.json", "model.keras", "history.csv", "report.json"
CARD = "README.md"
UNFINISHED = ".unfinished-"  # begins the names of files that are being written
OWN = "runs/translate"  # where translators are trained, unless another folder is named
BUNDLED = "bundled"  # the name of the translator that comes with fmkeras
CHECKSUM = "sha256"  # the key of a JSON file's checksum of its other keys


def find(run: str | Path | None) -> Path:
    """The folder of the run that is named; of `BUNDLED`, or of no name while there is no run in `OWN`, the bundled one.

    Raises:
        InputError: the bundled one is meant, and missing.
    """
    if run is None:
        run = OWN if Path(OWN).exists() else BUNDLED
    if str(run) != BUNDLED:
        return Path(run).expanduser()
    if DATA is None or not (DATA / "translator").is_dir():
        raise InputError("the bundled translator is missing: train one with python -m fmkeras.translate")
    return DATA / "translator"


def chosen(run: str | Path | None) -> Path:
    """The folder that `find` gives, for a script. That it is the bundled one, though none was named, is said.

    Raises:
        InputError: as `find`.
    """
    folder = find(run)
    if run is None and folder != Path(OWN):
        line = f"the bundled translator speaks, since there is no {OWN}: python -m fmkeras.translate trains one"
        print(f"fmkeras: {line}", file=sys.stderr)
    return folder


def start(folder: str | Path) -> tuple[Path, str | None]:
    """Make `folder` ready for a new run. A run that it already holds is moved aside, never destroyed.

    Returns:
        The empty folder, and one line about what was moved aside (None if nothing was).

    Raises:
        InputError: the folder is a file, cannot be made or cannot be written, or holds something that is no run.
    """
    folder = Path(folder).expanduser()
    note = None
    try:
        if holds_run(folder):
            number = next(n for n in range(1, 1_000_000) if not Path(f"{folder}.{n}").exists())
            what = "a finished run" if (folder / REPORT).exists() else "an unfinished run"
            with alone(folder):
                tidy(folder)
                os.rename(folder, f"{folder}.{number}")
            note = f"{folder} held {what}: kept as {folder}.{number}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{UNFINISHED}probe").touch()
        tidy(folder)
    except OSError as error:
        raise InputError(f"cannot write to {folder} ({error.strerror}): choose another --run") from None
    return folder, note


def holds_run(folder: Path) -> bool:
    """Whether there is a run, finished or not. Changes nothing.

    Raises:
        InputError: there is something else.
    """
    if not folder.exists() or (folder.is_dir() and all(file.name.startswith(UNFINISHED) for file in folder.iterdir())):
        return False
    if not (folder / CONFIG).is_file():
        raise InputError(f"{folder} exists and is not a run folder: choose another --run")
    return True


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run folder within the block; the system does so too when the process dies.

    The folder itself is locked, so that no lock file lies about in it. Where that cannot be done (Windows, some network
    mounts), the block runs all the same.

    Raises:
        InputError: another training has it.
    """
    with contextlib.ExitStack() as stack:
        if fcntl and folder.is_dir():
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another training writes to {folder}: name another --run") from None
            except OSError:
                pass
        yield


def tidy(folder: Path) -> None:
    """Remove what a killed process was writing."""
    for leftover in folder.glob(f"{UNFINISHED}*"):
        leftover.unlink()


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to; when the block ends without an error, it becomes `path` in one step.

    Raises:
        InputError: it cannot be written: the disk is full, or its folder read-only or gone. What was there stays.
    """
    path = Path(path)
    temporary = path.with_name(f"{UNFINISHED}{os.getpid()}-{path.name}")  # same suffix: Keras and matplotlib read it
    try:
        temporary.touch()
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
        with contextlib.suppress(OSError):  # some network mounts flush no folders; the file itself is there
            flush(path.parent)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())[:120]
        raise InputError(f"{path} cannot be written ({reason}): make room there, or choose another place") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | Path, mark: str) -> Iterator[Path]:
    """Give a temporary folder to fill; when the block ends without an error, it becomes `path`, in place of an old one.

    Args:
        path: what it becomes.
        mark: a file that every such folder holds: a folder without it is somebody else's, and is left alone.

    Raises:
        InputError: it cannot be written, or there is something else.
    """
    path = Path(path)
    if path.exists() and not (path / mark).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path} exists and was not written by this command: choose another --out")
    temporary, old = (path.with_name(f"{UNFINISHED}{os.getpid()}-{what}{path.name}") for what in ("", "old-"))
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            os.rename(path, old)
        os.rename(temporary, path)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())[:120]
        raise InputError(f"{path} cannot be written ({reason}): make room there, or choose another place") from None
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)


def size_of(path: str | Path, *without: str) -> int:
    """Bytes of a file, or of a folder's files; what it has of the names `without` does not count."""
    path = Path(path)
    files = [path] if path.is_file() else path.rglob("*")
    counted = (f for f in files if f.is_file() and not set(f.relative_to(path).parts[:1]) & set(without))
    return sum(file.stat().st_size for file in counted)


def flush(path: Path) -> None:
    """Have the operating system put a file, or the names in a folder, on the disk itself."""
    if path.is_dir() and os.name == "nt":
        return  # Windows flushes names by itself, and opens no folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, content: dict) -> None:
    """Write `content` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_config(folder: str | Path, config: dict) -> None:
    """Write config.json with a checksum, so that damage which is still JSON is found, too."""
    write_json(Path(folder) / CONFIG, config | {CHECKSUM: checksum(config)})


def read_config(folder: str | Path) -> dict:
    """Read config.json.

    Raises:
        InputError: the folder holds no run, or the file is damaged.
    """
    path = Path(folder) / CONFIG
    config = read_json(path)
    expected = config.pop(CHECKSUM, None)  # none in runs of earlier versions
    if expected not in (None, checksum(config)):
        raise InputError(f"{path} was changed: restore it; if the change was meant, remove its line {CHECKSUM!r}")
    return config


def checksum(content: dict) -> str:
    """SHA-256 of a JSON object, however it is laid out."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: str | Path) -> dict:
    """Read a JSON object of a run folder.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{path.parent} holds no run ({path.name} is missing): train one, or name another --run"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}): restore it, or train again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a JSON object: restore it, or train again")
    return content


def save_model(model: "keras.Model", path: str | Path) -> None:
    """Save a Keras model (architecture, weights, optimizer) as one `.keras` file, whole or not at all."""
    with whole_file(path) as temporary:
        model.save(temporary)


def load_model(path: str | Path) -> "keras.Model":
    """Load a `.keras` file of ours: `safe_mode` stays on, and `trust.inspect` looks into it first.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    import keras

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is missing: the run has not finished its first epoch, or --run is not a run folder")
    try:
        trust.inspect(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file can fail anywhere in Keras or h5py
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} cannot be loaded ({reason}): restore it, or train again") from None


def save_figure(figure: "Figure", path: str | Path) -> None:
    """Save a matplotlib figure as PNG, whole or not at all."""
    from fmkeras.fonts import legible

    with whole_file(path) as temporary, legible(figure):
        figure.savefig(temporary, dpi=120, bbox_inches="tight")
