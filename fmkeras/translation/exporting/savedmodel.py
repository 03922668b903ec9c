"""A translator as a TensorFlow SavedModel: beam search in the graph, named inputs and outputs, no fmkeras needed."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import padded
from fmkeras.translation.corpora.tokenizer import PAD
from fmkeras.translation.exporting import folders
from fmkeras.translation.exporting.card import translator_card
from fmkeras.translation.exporting.comparing import Comparison, translations
from fmkeras.translation.inference import exports
from fmkeras.translation.inference.decoding import Search
from fmkeras.translation.inference.translator import Translator

VERSION = "1"  # TensorFlow Serving looks for folders with numbers, and serves the highest
BATCH = 32
SPACES = r"[\s\pZ\x{00}\x{0b}\x{1c}-\x{1f}\x{85}]+"  # what `normalise` makes one space: \s alone is ASCII here


class Served(tf.Module):
    """What the SavedModel holds.

    Args:
        search: beam search with its Transformer.
    """

    def __init__(self, search: Search):
        super().__init__()
        self.search = search

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, name="source")], autograph=False)
    def translate(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        """(B, S) ids, end token last, -> (B, L) ids without special tokens, and their (B,) scores."""
        ids, scores = self.search.call(source)
        return {"target": ids[:, 0], "score": scores[:, 0]}

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, name="source")], autograph=False)
    def encode(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        """(B, S) ids -> (B, S, d_model), what the encoder makes of them."""
        memory, _ = self.search.transformer.encode(source)
        return {"memory": tf.cast(memory, tf.float32)}


class ServedText(Served):
    """With a signature from text to text, one sentence each.

    Args:
        search: as in `Served`.
        model: the bytes of sentencepiece.model.
    """

    def __init__(self, search: Search, model: bytes):
        import tensorflow_text as tf_text

        super().__init__(search)
        self.tokenizer = tf_text.SentencepieceTokenizer(model=model, out_type=tf.int32, add_eos=True)
        self.compose = tf_text.normalize_utf8

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")], autograph=False)
    def text(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """(B,) sentences -> (B,) translations and (B,) scores. Text is composed (NFC), not cut into sentences."""
        clean = tf.strings.strip(tf.strings.regex_replace(self.compose(text, "NFC"), SPACES, " "))
        clean = tf.strings.regex_replace(clean, "▁", "_")
        found = self.translate(self.tokenizer.tokenize(clean).to_tensor(default_value=PAD))
        ids = tf.ragged.boolean_mask(found["target"], found["target"] != PAD)
        return {"translation": self.tokenizer.detokenize(ids), "score": found["score"]}


def export_savedmodel(
    run: Path, out: Path, translator: Translator, sentences: folders.Sentences, text: bool = False
) -> Comparison:
    """Write a folder in TensorFlow Serving's layout, with tokenizer, description and model card; compare it.

    Args:
        text: whether it has a signature from text to text. Loading it then needs tensorflow-text.

    Raises:
        InputError: it cannot be written, or does not do what the run does; or the data's form is not one that can be
            made in the graph. Nothing is left of it then.
    """
    settings = translator.settings
    search = Search(translator.model, settings.beam, settings.length_penalty, translator.start)
    module = _with_text(search, translator) if text else Served(search)
    with runs.whole_folder(out, exports.DESCRIPTION) as folder:
        signatures: dict[str, Any] = {"serving_default": module.translate, "encode": module.encode}
        signatures |= {"text": module.text} if isinstance(module, ServedText) else {}
        tf.saved_model.save(module, str(folder / VERSION), signatures=signatures)
        comparison = compare(folder / VERSION, translator, sentences, text).check("float32")
        folders.describe(run, folder, translator, "savedmodel", "float32")
        card = translator_card(run, translator, "savedmodel", out, runs.size_of(folder), comparison)
        runs.write_text(folder / runs.CARD, card)
    return comparison


def _with_text(search: Search, translator: Translator) -> ServedText:
    if translator.settings.style != "plain":
        raise InputError(
            "--text is not possible: this run's text is lower-cased and tokenised by Python, not by a graph"
        )
    try:
        return ServedText(search, translator.tokenizer.model)
    except ImportError:
        raise InputError("--text needs a package that is not installed: pip install tensorflow-text") from None


def compare(folder: Path, translator: Translator, sentences: folders.Sentences, text: bool) -> Comparison:
    """What the SavedModel finds, loaded again, against what the run finds: ids and scores; texts, if it has them."""
    loaded = tf.saved_model.load(str(folder))
    expected = translations(translator, sentences.sources, translator.settings.length_penalty)
    ids = translator.tokenizer.encode(sentences.sources)
    alike: list[bool] = []
    differences: list[float] = []
    for start in range(0, len(ids), BATCH):
        rows = slice(start, start + BATCH)
        answer = loaded.signatures["serving_default"](source=tf.constant(padded(ids[rows])))
        found = [[int(i) for i in row if i != PAD] for row in answer["target"].numpy()]
        alike += [one.ids == other for one, other in zip(expected[rows], found, strict=True)]
        # Where two translations are nearly as good, rounding decides which is found, and both have nearly one score.
        scores = zip(expected[rows], answer["score"].numpy(), strict=True)
        differences += [abs(one.score - float(score)) for one, score in scores]
    if text:
        written = loaded.signatures["text"](text=tf.constant(sentences.sources))["translation"].numpy()
        own = translator.tokenizer.decode(one.ids for one in expected)
        alike = [a and one == other.decode() for a, one, other in zip(alike, own, written, strict=True)]
    return Comparison(sentences.name, len(ids), sum(alike), max(differences, default=float("inf")))
