"""What an export to CTranslate2 is: a folder that needs no run, and is of one run's weights; and whether to use it."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.settings import Settings

if TYPE_CHECKING:  # --help must not wait for it
    from fmkeras.translation.corpora.tokenizer import Tokenizer

ENGINES = ("auto", "keras", "ctranslate2")
EXPORTS = "exports"  # the folder of a run's exports
BUNDLED_EXPORTS = "runs/bundled-exports"  # that of the bundled translator's, as seen from where one works
DESCRIPTION = "export.json"  # in an export: what it was made of
TOKENIZER = "sentencepiece.model"  # the tokenizer, under the name that others look for


class Export(NamedTuple):
    """What an export's folder holds beside CTranslate2's own files.

    Attributes:
        folder: where it is.
        format: "ctranslate2"; of others, nothing of ours makes use.
        model_sha256: of the model.keras that it was made of.
        quantization: "float32" or "int8".
        positions: the longest sentence that it can read or write, in tokens.
        config, report: of the run.
        files: SHA-256 of each of CTranslate2's files and the tokenizer.
    """

    folder: Path
    format: str
    model_sha256: str
    quantization: str
    positions: int
    config: dict
    report: dict
    files: dict

    def text_side(self) -> "tuple[Tokenizer, Settings]":
        """Tokenizer and settings."""
        from fmkeras.translation.corpora.tokenizer import Tokenizer

        settings = Settings.load(dict(self.config))
        return Tokenizer.load(self.folder / TOKENIZER, settings.tokenizer_sha256), settings


def read(folder: Path) -> Export:
    """Read an export.

    Raises:
        InputError: it is damaged, or of another kind.
    """
    content = runs.read_json(folder / DESCRIPTION)
    if content.get("format") != "ctranslate2":
        raise InputError(f"{folder} is an export to {content.get('format')}, which fmkeras does not run: name another")
    expected = content.pop(runs.CHECKSUM, None)
    if expected not in (None, runs.checksum(content)):
        raise InputError(f"{folder / DESCRIPTION} was changed: export it again")
    if absent := [name for name in Export._fields[1:] if name not in content]:
        raise InputError(f"{folder / DESCRIPTION} lacks {absent[0]!r}: export it again")
    for name, digest in content["files"].items():
        if not (folder / name).is_file() or runs.sha256_of(folder / name) != digest:
            raise InputError(f"{folder / name} is missing, damaged or of another export: export it again")
    return Export(folder, *(content[name] for name in Export._fields[1:]))


def of_run(run: str | Path, format: str) -> Path:
    """Where a run's export in a format lies: in the run; of the bundled one, which is not ours to write to, here."""
    return (Path(BUNDLED_EXPORTS) if is_bundled(run) else Path(run) / EXPORTS) / format


def is_bundled(run: str | Path) -> bool:
    """Whether a run folder is that of the translator that comes with fmkeras."""
    return runs.DATA is not None and Path(run) == runs.DATA / "translator"


def choose(run: str | Path, engine: str = "auto") -> tuple[Export | None, str]:
    """The export to translate with, or None for Keras; and what there is to say about the choice.

    Args:
        run: a run folder, or an export itself.
        engine: "keras"; "ctranslate2"; "auto" for that if the package is installed and the run has an export that is
            of its present weights.

    Raises:
        InputError: the engine cannot be had; says why.
    """
    if engine not in ENGINES:
        raise InputError(f"there is no engine {engine!r}: choose from {', '.join(ENGINES)}")
    itself = (Path(run) / DESCRIPTION).is_file()
    folder = Path(run) if itself else of_run(run, "ctranslate2")
    if engine == "keras":
        if itself:
            raise InputError(f"{run} is an export, for CTranslate2 only: name the run that it was made of")
        return None, ""
    installed = importlib.util.find_spec("ctranslate2") is not None
    wanted = itself or engine == "ctranslate2"
    if not installed and wanted:
        raise InputError("the engine ctranslate2 needs a package that is not installed: pip install ctranslate2")
    if not (folder / DESCRIPTION).is_file():
        if wanted:
            raise InputError(f"{run} has no export: python -m fmkeras.export --run {run} --to ctranslate2")
        return None, ""
    export = read(folder)
    model = Path(run) / runs.MODEL
    if not itself and not (model.is_file() and runs.sha256_of(model) == export.model_sha256):
        old = f"{folder} is of other weights than {run} now has"
        if wanted:
            raise InputError(f"{old}: export it again")
        return None, f"{old}, so Keras translates: export it again"
    return (export, "") if installed else (None, "")
