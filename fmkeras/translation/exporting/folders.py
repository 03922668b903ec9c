"""What every export of a translator needs: a description, the tokenizer, and sentences to compare on."""

from pathlib import Path
from typing import NamedTuple

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.inference import evaluation_sets, exports
from fmkeras.translation.inference.hypotheses import length_limit
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.settings import Settings

POSITIONS = 1024  # tokens of a sentence: what CTranslate2 itself cuts its input to
SAMPLES = "samples.txt"


class Sentences(NamedTuple):
    """Sentences to compare translations of, in the corpus' own form, and what they are."""

    sources: list[str]
    name: str


def positions(settings: Settings) -> int:
    """The longest sentence that a run's export must be able to read or write, in tokens."""
    return max(POSITIONS, length_limit(settings.max_sentence_tokens) + 1)


def describe(run: Path, folder: Path, translator: Translator, format: str, quantization: str) -> None:
    """Write its tokenizer, and what an export was made of and consists of; its other files must be there."""
    translator.tokenizer.save(folder / exports.TOKENIZER)
    content = {
        "format": format,
        "model_sha256": runs.sha256_of(run / runs.MODEL),
        "quantization": quantization,
        "positions": positions(translator.settings),
        "config": runs.read_config(run),
        "report": translator.report,
        "files": {file.name: runs.sha256_of(file) for file in sorted(folder.iterdir()) if file.is_file()},
    }
    runs.write_json(folder / exports.DESCRIPTION, content | {runs.CHECKSUM: runs.checksum(content)})


def validation_sentences(run: Path, settings: Settings, most: int, tokenizer: Tokenizer | None = None) -> Sentences:
    """Sources of a run's validation part, evenly from first to last; of its samples, if its data are gone.

    Those that are cut before they are translated are left out, if the tokenizer is given.

    Raises:
        InputError: there are neither.
    """
    try:
        sources = evaluation_sets.load(settings, str(run), split="validation").sources
        name = "validation sentences"
    except InputError:
        lines = (run / SAMPLES).read_text(encoding="utf-8").split("\n") if (run / SAMPLES).is_file() else []
        sources = [line.removeprefix("source").strip() for line in lines if line.startswith("source")]
        name = f"sentences of {SAMPLES}, for its data are gone"
        if not sources:
            raise InputError(f"{run} has neither its data nor {SAMPLES}: nothing to compare the export on") from None
    if tokenizer:
        ids = tokenizer.encode(sources)
        whole = [text for text, row in zip(sources, ids, strict=True) if len(row) <= settings.max_sentence_tokens]
        sources = whole or [min(sources, key=len)]
    count = min(most, len(sources))
    return Sentences([sources[i * (len(sources) - 1) // max(1, count - 1)] for i in range(count)], name)
