"""Whether an export does what its run does: the same sentences, translated by both."""

from typing import NamedTuple

import numpy as np

from fmkeras.errors import InputError
from fmkeras.translation.exporting.folders import Sentences
from fmkeras.translation.inference.ctranslate2_engine import CTranslate2Engine
from fmkeras.translation.inference.hypotheses import Hypothesis, SearchOptions
from fmkeras.translation.inference.translator import Translator

# The largest difference in nats a token that rounding explains. bfloat16, in which a run may compute, has 8 bits, too.
ALLOWED = {"float32": 0.1, "int8": 1.0}


class Comparison(NamedTuple):
    """What a comparison found.

    Attributes:
        sentences: what was translated, for people.
        of, equal: how many sentences, and how many of their translations are the same.
        largest: difference between what both say of the run's translations, in nats a token; of a SavedModel, which
            rates none but its own, between what each says of its own.
    """

    sentences: str
    of: int
    equal: int
    largest: float

    def line(self) -> str:
        """For people."""
        share = f"{self.equal:,} of {self.of:,} translations are equal ({self.equal / self.of:.1%})"
        return f"{share}, largest difference {self.largest:.2g} nats a token; on {self.sentences}"

    def check(self, quantization: str) -> "Comparison":
        """Itself.

        Raises:
            InputError: it is no export of this run.
        """
        if not self.largest <= ALLOWED[quantization]:
            raise InputError(f"the export does not do what its run does, and is not kept: {self.line()}")
        return self


def translations(translator: Translator, sources: list[str], length_penalty: float = 1.0) -> list[Hypothesis]:
    """The best translations; their scores are mean log-probabilities of their tokens, if the penalty is 1."""
    found: list[Hypothesis] = [Hypothesis([], 0.0, False)] * len(sources)
    ids, options = translator.tokenizer.encode(sources), SearchOptions(translator.settings.beam, length_penalty)
    for i, hypotheses in translator.engine.translate(ids, options):
        found[i] = hypotheses[0]
    return found


def compare_engines(run: Translator, engine: CTranslate2Engine, sentences: Sentences) -> Comparison:
    """A run against a CTranslate2 model: what each finds, and how the model rates what the run finds."""
    expected = translations(run, sentences.sources)
    export = Translator(None, run.tokenizer, run.settings, engine)
    found = translations(export, sentences.sources)
    equal = sum(one.ids == other.ids for one, other in zip(expected, found, strict=True))
    rated = engine.rate(run.tokenizer.encode(sentences.sources), [one.ids for one in expected])
    differences = [abs(one.score - other) for one, other in zip(expected, rated, strict=True)]
    return Comparison(sentences.name, len(expected), equal, float(np.max(differences)))
