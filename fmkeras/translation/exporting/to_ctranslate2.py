"""A run as a CTranslate2 model, alone or in a package of Argos Translate."""

import tempfile
import zipfile
from pathlib import Path

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora.languages import code_of, name_of
from fmkeras.translation.exporting import folders
from fmkeras.translation.exporting.card import translator_card
from fmkeras.translation.exporting.comparing import Comparison, compare_engines
from fmkeras.translation.exporting.converter import TransformerConverter
from fmkeras.translation.inference import exports
from fmkeras.translation.inference.ctranslate2_engine import CTranslate2Engine
from fmkeras.translation.inference.translator import Translator

# LibreTranslate replaces a package by a newer one of its own index, if that has the same direction: ours stays.
PACKAGE_VERSION = "1000.0"
ARGOS_VERSION = "1.9"  # the oldest Argos Translate that takes it


def export_ctranslate2(
    run: Path, out: Path, translator: Translator, sentences: folders.Sentences, quantization: str
) -> Comparison:
    """Write a folder with the model, the tokenizer, a description and a model card; compare it with the run.

    Raises:
        InputError: it cannot be written, or does not do what the run does. Nothing is left of it then.
    """
    with runs.whole_folder(out, exports.DESCRIPTION) as folder:
        comparison = _convert(folder, translator, sentences, quantization)
        folders.describe(run, folder, translator, "ctranslate2", quantization)
        card = translator_card(run, translator, "ctranslate2", out, runs.size_of(folder), comparison)
        runs.write_text(folder / runs.CARD, card)
    return comparison


def export_argos(
    run: Path, out: Path, translator: Translator, sentences: folders.Sentences, quantization: str
) -> Comparison:
    """Write an .argosmodel, which Argos Translate and LibreTranslate install; compare it with the run.

    Raises:
        InputError: its languages have no code that Argos would know, it cannot be written, or does not do what the run
            does. Nothing is left of it then.
    """
    code, other = argos_codes(translator)
    name = Path(argos_name(translator)).stem
    with runs.whole_file(out) as archive, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        model = folder / "model"
        folder.mkdir()
        comparison = _convert(model, translator, sentences, quantization)
        translator.tokenizer.save(folder / exports.TOKENIZER)
        runs.write_json(folder / "metadata.json", metadata(code, other))
        runs.write_text(
            folder / runs.CARD, translator_card(run, translator, "argos", out, runs.size_of(folder), comparison)
        )
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
            package.writestr(f"{name}/", "")  # Argos Translate asks for a folder at the top
            for file in sorted(folder.rglob("*")):
                package.write(file, file.relative_to(temporary))
    return comparison


def argos_name(translator: Translator) -> str:
    """The name that Argos packages have."""
    return f"translate-{'_'.join(argos_codes(translator))}-{PACKAGE_VERSION.replace('.', '_')}.argosmodel"


def argos_codes(translator: Translator) -> tuple[str, str]:
    """The codes of both languages.

    Raises:
        InputError: a language's name says none.
    """
    settings = translator.settings
    for language in (settings.source, settings.target):
        if not code_of(language):
            raise InputError(f"Argos Translate wants codes of languages, and {language!r} is none that is known here")
    return code_of(settings.source), code_of(settings.target)


def metadata(code: str, other: str) -> dict[str, str]:
    """An Argos package's metadata.json."""
    return {
        "package_version": PACKAGE_VERSION,
        "argos_version": ARGOS_VERSION,
        "from_code": code,
        "from_name": name_of(code),
        "to_code": other,
        "to_name": name_of(other),
    }


def _convert(folder: Path, translator: Translator, sentences: folders.Sentences, quantization: str) -> Comparison:
    """Write CTranslate2's own files, load them again, and compare."""
    positions = folders.positions(translator.settings)
    tokens = translator.tokenizer.all_tokens()
    converter = TransformerConverter(translator.model, tokens, translator.start, positions, quantization)
    converter.convert(str(folder), force=True)
    engine = CTranslate2Engine(folder, translator.tokenizer, positions)
    return compare_engines(translator, engine, sentences).check(quantization)
