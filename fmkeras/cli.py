"""What both scripts share on the command line: subcommands, one-line errors, exit statuses, quiet imports."""

import argparse
import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, NoReturn

from fmkeras.errors import InputError

# TensorFlow greets each import with several lines on standard error. They say nothing that a user can act on.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "GRPC_VERBOSITY": "ERROR", "GLOG_minloglevel": "3"}
# TensorFlow and JAX take most of a GPU's memory. With these they take what they need, so that others have room there.
ENVIRONMENT = QUIET | {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that shows each default which says something: not "(default: None)"."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        says_nothing = isinstance(action.default, bool) or action.default in (None, [])
        return action.help if says_nothing else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, in the form of every other error of ours."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", Help)
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(**kwargs)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def parse(
    parser: argparse.ArgumentParser, subcommands: Sequence[str], argv: Sequence[str] | None
) -> argparse.Namespace:
    """Parse `argv`, in which the first subcommand may be left out: `fmkeras.regress --epochs 5` trains."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv.insert(0, subcommands[0])
    elif argv[0] not in (*subcommands, "-h", "--help"):
        parser.error(f"there is no subcommand {argv[0]!r}: choose from {', '.join(subcommands)}")
    return parser.parse_args(argv)


def positive(kind: Callable = int, most: float = float("inf")) -> Callable:
    """An argparse type: a finite number above zero, and not above `most`."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
        if value > most:
            raise argparse.ArgumentTypeError(f"{text} is more than {most}")
        return value

    return convert


def share(text: str) -> float:
    """An argparse type: a rate from 0 to below 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to below 1")
    return value


def seed(text: str) -> int:
    """An argparse type: a seed that Python, NumPy and TensorFlow all take."""
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {2**32 - 1}")
    return int(text)


def input_lines() -> Iterator[str]:
    """The lines of standard input, without their ends, as they come; UTF-8 whatever the locale.

    A byte-order mark at the beginning is none of the text. Only a line feed ends a line, not U+2028 and its like.

    Raises:
        InputError: a line is not UTF-8; names line and byte.
    """
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if number == 1:
            if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InputError("standard input is UTF-16 text: convert it to UTF-8 first")
            line = line.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in line:
            raise InputError(
                f"standard input, line {number}: it has a NUL byte, and is no UTF-8 text: convert it first"
            )
        try:
            yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"standard input, line {number}, byte {error.start + 1}: not UTF-8; convert it first"
            ) from None


def write_utf8() -> None:
    """Have standard output take every character, whatever the locale; "?" stands for what is none."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="\n")


def duration(seconds: float) -> str:
    """40 seconds, 4.2 minutes, 1.5 hours."""
    sizes = (("seconds", 1, 0), ("minutes", 60, 1), ("hours", 3600, 1))
    unit, size, digits = sizes[(seconds >= 100) + (seconds >= 6000)]
    return f"{seconds / size:.{digits}f} {unit}"


@contextlib.contextmanager
def without(*packages: str) -> Iterator[None]:
    """Have packages seem absent to what is imported within the block, which can do without them."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # `import` then says that there is no such module
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def quiet(descriptor: int = 2) -> Iterator[None]:
    """Keep standard error silent while TensorFlow is imported; what it wrote comes out if the import fails.

    Its C++ parts write a few lines before any log level counts, so the file descriptor itself is turned aside.
    """
    (sys.stderr if descriptor == 2 else sys.stdout).flush()
    kept = os.dup(descriptor)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), descriptor)
        try:
            yield
        except BaseException as error:
            if not isinstance(error, (InputError, KeyboardInterrupt)):
                aside.seek(0)
                os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)
    # Its import has set another level, at which it remarks that each search of ours is traced once.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


BACKENDS = ("tensorflow", "jax")  # of Keras, on which the translator's commands run
WAY_OUT = "set KERAS_BACKEND=tensorflow, or jax"
# What Keras imports if it is there, for uses that we do not make of it. Whoever needs one imports it afterwards.
UNNEEDED = ("IPython", "matplotlib", "pandas", "sklearn")


def check_backend(named: str = "") -> str:
    """The backend of this name, by default the one that the environment names, which is known before Keras is imported.

    Raises:
        InputError: the commands do not run on it.
    """
    named = named or os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if named not in BACKENDS:
        raise InputError(f"the commands run on TensorFlow and JAX, not on {named}: {WAY_OUT}")
    return named


def import_keras(training: bool = False) -> None:
    """Import Keras with the backend that the environment or Keras's own settings name, and without `UNNEEDED`.

    Args:
        training: whether TensorFlow is imported, too: Keras seeds it, if it is there, whatever the backend is.

    Raises:
        InputError: the commands do not run on that backend, or it is not installed.
    """
    check_backend()
    with quiet():
        try:
            with without(*UNNEEDED):
                import keras
        except ModuleNotFoundError as error:
            raise InputError(f"Keras's backend needs a package: pip install {error.name}, or {WAY_OUT}") from None
        except ValueError as error:  # Keras's own settings, ~/.keras/keras.json, name what it has never heard of
            raise InputError(f"Keras cannot be imported ({error}): {WAY_OUT}") from None
        check_backend(keras.backend.backend())  # Keras's own settings may name another
        if training:
            with contextlib.suppress(ImportError):
                import tensorflow  # noqa: F401


def quiet_notebook() -> None:
    """Import Keras in a notebook, and keep its cells free of TensorFlow's log lines and of tqdm's advice on widgets.

    Progress bars work without widgets, too: as text. Errors are still shown.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", message="IProgress not found")
    with quiet():
        import keras  # noqa: F401


_struck: list[int] = []  # signals of Ctrl-C in the present `interruptible` block


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block as KeyboardInterrupt, wherever it strikes.

    Raised in the midst of TensorFlow, the exception may be swallowed or crash the process. So there the first Ctrl-C is
    only noted, and what runs long calls `stop_if_interrupted` between its steps; a second one does not wait. In any but
    the main thread the block just runs: signals do not reach it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def strike(number: int, frame: FrameType | None) -> None:
        _struck.append(number)
        if len(_struck) > 1 or not _within("tensorflow", frame):
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, strike)
    try:
        yield
    except Exception as error:
        if _struck:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, previous)
        _struck.clear()


def stop_if_interrupted() -> None:
    """Raise the KeyboardInterrupt of this `interruptible` block that was noted or swallowed, if one was."""
    if _struck:
        raise KeyboardInterrupt


def _within(package: str, frame: FrameType | None) -> bool:
    """Whether a frame or one of its callers is code of a package."""
    while frame and str(frame.f_globals.get("__name__")).split(".")[0] != package:
        frame = frame.f_back
    return frame is not None


TOLD = (InputError, OSError, KeyboardInterrupt)  # what ends a command in one line, without a traceback


def told(error: BaseException) -> int:
    """Say in one line what has ended a command, one of `TOLD`, and return its exit status."""
    if isinstance(error, BrokenPipeError):  # `... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, KeyboardInterrupt):
        print(f"\nfmkeras: stopped; {error}" if str(error) else "\nfmkeras: stopped", file=sys.stderr)
        return 130
    if isinstance(error, OSError):  # a full disk, a folder removed meanwhile
        error = InputError(f"{error.strerror or error} ({error.filename or 'while writing'})")
    print(f"fmkeras: error: {error}", file=sys.stderr)
    return 2


def run(main: Callable[[], None]) -> NoReturn:
    """Call `main` and end the process: status 0, 2 for an InputError (one line, no traceback), 130 for Ctrl-C."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        main()
        sys.stdout.flush()
    except TOLD as error:
        status = told(error)
        if isinstance(error, KeyboardInterrupt):
            # TensorFlow's threads may still be in generators of ours, and crash Python's own end. All files are whole.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        sys.exit(status)
    sys.exit(0)
