"""Data sets of TensorFlow Datasets by name: `--dataset tfds:ted_hrlr_translate/ru_to_en`.

Those whose feature is `Translation`, and those that hold several languages a row (`ted_multi_translate`). What is
prepared on disk is read; else TFDS fetches and prepares it, after we have seen that there is a network.
"""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from fmkeras.errors import InputError
from fmkeras.translation.corpora import ted
from fmkeras.translation.corpora.formats.reading import Reading
from fmkeras.translation.corpora.languages import same

PREFIX = "tfds:"
HOST = "https://storage.googleapis.com"  # is asked whether there is a network: TFDS itself waits for minutes
TOKENISED = ("ted_hrlr_translate", "ted_multi_translate")  # lower-cased or tokenised, as TED is
SPLITS = {"train": ("train",), "validation": ("validation", "valid", "dev"), "test": ("test",)}

Pairs = list[tuple[str, str]]


def load(name: str, reading: Reading) -> tuple[dict[str, Pairs], tuple[str, str], str]:
    """The pairs of a data set by split, "train" alone if it has no others; their languages; their text form.

    Args:
        name: with or without "tfds:", with its config: "tfds:ted_hrlr_translate/ru_to_en".
        reading: of it the languages, and `source_column`.

    Raises:
        InputError: TFDS has none of this name, or not these languages; or it can be neither read nor fetched.
    """
    tfds, name = ted.imported(), name.removeprefix(PREFIX)
    builder = _builder(tfds, name)
    feature, languages = _languages(tfds, builder, reading)
    if not (builder.data_path / "dataset_info.json").exists():
        _prepare(builder, name)
    splits = {}
    for split, names in SPLITS.items():
        if found := next((n for n in names if n in builder.info.splits), None):
            rows = tfds.as_numpy(builder.as_dataset(split=found, shuffle_files=False))
            splits[split] = list(_pairs(rows, feature, languages))
    if "train" not in splits:
        raise InputError(f"{name} has no split train, only {', '.join(builder.info.splits)}: choose another data set")
    style = "ted" if name.split("/")[0] in TOKENISED else "plain"
    return splits, languages, style


def _builder(tfds: Any, name: str) -> Any:
    try:
        return tfds.builder(name, data_dir=ted.data_dir())
    except Exception as error:  # TFDS has its own for each way to be wrong
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"--dataset tfds:{name}: TFDS has no such data set ({reason})") from None


def _languages(tfds: Any, builder: Any, reading: Reading) -> tuple[str, tuple[str, str]]:
    """The name of the feature that holds the pairs, "" if that is the row itself; source and target."""
    features = builder.info.features
    kinds = (tfds.features.Translation, tfds.features.TranslationVariableLanguages)
    found = {"": features} | (dict(features) if hasattr(features, "items") else {})
    name = next((key for key, feature in found.items() if isinstance(feature, kinds)), None)
    if name is None:
        raise InputError(f"{builder.info.full_name} is no data set of translations: its features are {list(features)}")
    languages = sorted(found[name].languages)
    wanted = [reading.source, reading.target]
    if not any(wanted) and len(languages) == 2:
        wanted = list(builder.info.supervised_keys or found[name].languages)[:: 1 if reading.source_column == 1 else -1]
    chosen = [next((language for language in languages if same(language, asked)), "") for asked in wanted]
    if not all(chosen) or chosen[0] == chosen[1]:
        listed = ", ".join(languages[:70])
        raise InputError(f"{builder.info.full_name} has {listed}: name two of these with --source and --target")
    return name, (chosen[0], chosen[1])


def _prepare(builder: Any, name: str) -> None:
    try:
        ted.answers(HOST)
        with contextlib.redirect_stdout(sys.stderr):  # where its progress bars are
            builder.download_and_prepare()
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"tfds:{name} is not prepared in {ted.data_dir()} and cannot be fetched ({reason}): set TFDS_DATA_DIR to "
            "a folder that has it"
        ) from None


def _pairs(rows: Iterable, feature: str, languages: tuple[str, str]) -> Iterator[tuple[str, str]]:
    for row in rows:
        texts = row[feature] if feature else row
        if "translation" in texts:  # several languages a row, each with its name
            texts = dict(zip((name.decode() for name in texts["language"]), texts["translation"], strict=True))
        if all(language in texts for language in languages):
            yield texts[languages[0]].decode(), texts[languages[1]].decode()
