"""The model card of a translator: of its run and of its exports."""

import importlib.metadata
from pathlib import Path

import fmkeras
from fmkeras import cards, runs
from fmkeras.translation.corpora.languages import code_of, name_of
from fmkeras.translation.exporting.comparing import Comparison
from fmkeras.translation.inference.exports import is_bundled
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.settings import MADE_BY, Settings

LICENCES = {
    "ted": "TED's talks and their translations are CC BY-NC-ND 4.0, © TED Conferences. Whether that binds a model that "
    "was trained on them, fmkeras does not know: find out before you pass it on or earn money with it.",
    "phrasebook": "The bundled phrasebook was written for this project: Apache-2.0.",
}
SCORES = ("bleu", "bleu_13a", "chrf", "chrf_plus_plus", "ter")
LOADING = {
    "run": """```python
import fmkeras

fmkeras.load_translator("{out}").translate(["..."])
```""",
    "ctranslate2": """With fmkeras, without TensorFlow:

```python
import fmkeras

fmkeras.load_translator("{out}").translate(["..."])
```

With CTranslate2 and SentencePiece alone, one sentence at a time, in the form of the training data:

```python
import ctranslate2
import sentencepiece

tokenizer = sentencepiece.SentencePieceProcessor("{out}/sentencepiece.model")
translator = ctranslate2.Translator("{out}")
results = translator.translate_batch([tokenizer.encode("...", out_type=str)], beam_size={beam}, max_decoding_length=256)
print(tokenizer.decode(results[0].hypotheses[0]))
```""",
    "argos": """```python
import argostranslate.package
import argostranslate.translate

argostranslate.package.install_from_path("{out}")
print(argostranslate.translate.translate("...", "{source}", "{target}"))
```

LibreTranslate serves what is installed so. Both search with beam 4 and a length penalty of 0.2, and cut nothing: a
translation can differ from the run's.""",
    "savedmodel": """```python
import tensorflow as tf

serve = tf.saved_model.load("{out}/1").signatures["serving_default"]
found = serve(source=tf.constant([[..., 3]]))  # ids of sentencepiece.model, end token 3 last, 0 for padding
found["target"], found["score"]
```

TensorFlow Serving: `--model_base_path={out}`.""",
}


def translator_card(
    run: Path, translator: Translator, format: str, out: Path, size: int, comparison: Comparison | None = None
) -> str:
    """README.md of a run ("run") or of an export of it.

    Args:
        run: where its files are.
        translator: the run.
        format: a name in `LOADING`.
        out: where it lies.
        size: bytes of it.
        comparison: of the export with the run.
    """
    settings, report = translator.settings, translator.report
    codes = [code_of(language) or language for language in (settings.source, settings.target)]
    names = [name_of(code) for code in codes]
    place = runs.BUNDLED if format == "run" and is_bundled(out) else out
    filled = {"out": place, "beam": settings.beam, "source": codes[0], "target": codes[1]}
    loading = LOADING[format]
    for name, value in filled.items():
        loading = loading.replace(f"{{{name}}}", str(value))
    parts = [
        cards.front_matter(_front_matter(settings, report, codes)),
        f"# {names[0]} to {names[1]}" + (f", {format}" if comparison else ""),
        f"A Transformer translator ({_parameters(translator)}) of fmkeras. This folder or file: {cards.size(size)}.",
        cards.section("Data", *_data(translator)),
        cards.section("Licence", _licence(settings, report)),
        cards.section("Scores", _scores(report)),
        cards.section("How it was exported", _exported(format, comparison)) if comparison else "",
        cards.section("How to load it", loading),
        cards.section("Versions", cards.versions(report.get(MADE_BY) or runs.read_config(run).get(MADE_BY, {}))),
        cards.section("What it must not be used for", _limits(translator)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _parameters(translator: Translator) -> str:
    count, settings = translator.report.get("parameters"), translator.settings
    shape = f"{settings.blocks} layers, model dimension {settings.d_model}"
    return f"{count:,} parameters, {shape}" if count else shape


def _data(translator: Translator) -> list[str]:
    settings, report = translator.settings, translator.report
    name = report.get("dataset", settings.dataset)
    pairs = f", {report['pairs']:,} pairs" if "pairs" in report else ""
    pairs += f", in {report['epochs']:,} epochs" if "epochs" in report else ""
    start = f"Its weights were started from {settings.init}." if settings.init else ""
    form = "Its text is lower-cased and tokenised, as in TED HRLR." if settings.style == "ted" else ""
    notes = "\n".join(f"* {note}" for note in report.get("notes", []))
    return [f"Trained on {name}{pairs}, {settings.source} to {settings.target}. {start} {form}".strip(), notes]


def _licence(settings: Settings, report: dict) -> str:
    name = str(report.get("dataset", settings.dataset)).lower()
    known = next((text for word, text in LICENCES.items() if word in (name, settings.dataset)), "")
    unknown = (
        f"That of {settings.dataset}, which fmkeras does not know: say here what it allows. The code is Apache-2.0."
    )
    if not settings.init or _ours(settings, report):
        return known or unknown
    return f"{known or unknown} So does that of what {settings.init} was trained on: its card says which."


def _ours(settings: Settings, report: dict) -> bool:
    """Whether it has learnt from the phrasebook alone, the run that it started from, too: its test set tells."""
    before = report.get("before", {}).get("test_set", "") if settings.init else "phrasebook"
    return settings.dataset == "phrasebook" and before.endswith("phrasebook")


def _front_matter(settings: Settings, report: dict, codes: list[str]) -> dict[str, str | list[str]]:
    """What model hubs read; a licence only where the data are ours."""
    front: dict[str, str | list[str]] = {"language": codes, "library_name": "keras", "tags": ["translation", "fmkeras"]}
    if _ours(settings, report):
        front["license"] = "apache-2.0"
    return front


def _exported(format: str, comparison: Comparison) -> str:
    package = "tensorflow" if format == "savedmodel" else "ctranslate2"
    made = f"fmkeras {fmkeras.__version__} and {package} {importlib.metadata.version(package)}"
    return f"With {made}. Compared with the run: {comparison.line()}."


def _scores(report: dict) -> str:
    test = report.get("test")
    if not test:
        return "The run has no report: its training was stopped, or never scored."
    rows = [[name, f"{test[name]:.2f}", test.get(f"{name}_signature", "")] for name in SCORES if name in test]
    rows += [[name, f"{test[name]:.4f}", ""] for name in ("loss", "perplexity", "token_accuracy") if name in test]
    whole = cards.table(["score", "value", "sacreBLEU's signature"], rows)
    note = f"\n\n{test['bleu_note']}." if "bleu_note" in test else ""
    return f"On {test['pairs']:,} held-out pairs, beam {test['beam']}:\n\n{whole}" + note + _parts(test)


def _parts(test: dict) -> str:
    """The scores of a test set's parts: together they can look better than the part that matters."""
    if not (parts := test.get("parts")):
        return ""
    rows = [[name, f"{part['pairs']:,}", f"{part['bleu']:.2f}", f"{part['chrf']:.2f}"] for name, part in parts.items()]
    return "\n\nIts parts, with the same signatures:\n\n" + cards.table(["part", "pairs", "bleu", "chrf"], rows)


def _limits(translator: Translator) -> str:
    return (
        "It knows sentences like those that it was trained on, and no others; it can leave out, add or invert what a "
        "text says, and does not say when it does. Do not use it where a wrong translation can harm: medicine, law, "
        "safety, asylum, contracts, news; nor to judge people by what they wrote. A person who knows both languages "
        "must read what is published."
    )
