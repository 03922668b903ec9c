"""What a search finds for the parts of a text, and what is made of it for the whole text. NumPy only."""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fmkeras.errors import InputError
from fmkeras.translation.corpora.tokenizer import PAD
from fmkeras.translation.settings import Settings

Sources = Sequence[Sequence[int] | np.ndarray]  # ids of each sentence, end token last
ALIGNED = 32  # sentences whose attention an engine computes at a time
SURE = 0.5  # nats a token: so probable a translation is no guess, also where a test set was easier still


class Hypothesis(NamedTuple):
    """One translation of a part of a text."""

    ids: list[int]  # without special tokens
    score: float  # see `decoding.beam_search`
    cut: bool  # it ended only because it may not be longer


class Found(NamedTuple):
    """What a search has found for a text."""

    text: str
    parts: list[str]  # in the form in which they are translated best
    hypotheses: list[list[Hypothesis]]  # of each part, the best first
    cut: bool  # a sentence of it was too long to be translated whole
    improbable: bool  # to the model itself: see `doubtful`


class SearchOptions(NamedTuple):
    """How translations are searched for; more of each in `decoding.beam_search`."""

    beams: int = 4  # hypotheses kept at a time; 1 is greedy
    length_penalty: float = 1.0  # exponent of the length that a score is divided by
    n_best: int = 1  # translations of each sentence
    max_length: int | None = None  # tokens of a translation; None: what fits its source, see `length_limit`


DEFAULTS = SearchOptions()


def search_options(
    settings: Settings,
    beam: int | None = None,
    length_penalty: float | None = None,
    n_best: int = 1,
    max_length: int | None = None,
) -> SearchOptions:
    """How to search; what is None as the settings say.

    Raises:
        InputError: it cannot be.
    """
    beam = settings.beam if beam is None else beam
    penalty = settings.length_penalty if length_penalty is None else length_penalty
    for name, value in (("beam", beam), ("n", n_best), ("max_length", max_length)):
        if value is not None and not (isinstance(value, int | np.integer) and value >= 1):
            raise InputError(f"{name}={value!r} cannot be: choose a whole number from 1 on")
    if not 0 <= penalty < math.inf:
        raise InputError(f"length_penalty={penalty!r} cannot be: choose a number from 0 on")
    return SearchOptions(max(beam, n_best), penalty, n_best, max_length)


def doubtful(report: Mapping, options: SearchOptions) -> float:
    """The score below which a translation is a guess; minus infinity where that cannot be said.

    A model that finds its own translation less probable than, on average, those of its test set that are right has not
    learnt from text like this: another language, markup, an address, a word that there is not.

    Args:
        report: what report.json holds of the training.
    """
    nll = report.get("test", {}).get("nll")  # of a token of a reference, as a score is of a token: comparable if so
    return -max(nll, SURE) if isinstance(nll, float) and options.length_penalty == 1 else -math.inf


class Engine(Protocol):
    """What translates ids: a Transformer in Keras, or the same weights in CTranslate2.

    Attributes:
        name: "keras" or "ctranslate2".
    """

    name: str

    def translate(self, sources: Sources, options: SearchOptions = DEFAULTS) -> Iterator[tuple[int, list[Hypothesis]]]:
        """Translate sentences, in any order; yield the index of each and its translations, best first."""

    def attention(self, sources: Sources, targets: Sources) -> Iterator[np.ndarray]:
        """For each pair how the last block looks at the source, its heads together: (T, S), without the end token."""

    def losses(self, sources: list[str], references: list[str]) -> dict[str, float]:
        """How well it tells the references of sources, token by token: `nll` and `perplexity` at least."""


class Alternative(NamedTuple):
    """One translation of a text, and its score: the mean of its parts'."""

    translation: str
    score: float


class Detail(NamedTuple):
    """All that is known of the translation of a text."""

    source: str
    translation: str
    score: float | None  # of the translation; None if there was nothing to translate
    source_tokens: list[str]
    tokens: list[str]
    alignment: list[int]  # for each token, the place in source_tokens that the last block looks at most
    weights: list[list[tuple[int, float]]]  # for each token, the places that it looks at most, and how much
    alternatives: list[Alternative]  # the best first, the translation itself among them
    cut: bool  # it, or a part of it, ended only because it may not be longer


def strongest(weights: np.ndarray, offset: int = 0, least: float = 0.05) -> list[list[tuple[int, float]]]:
    """Of (T, S) attention weights those that are worth showing: for each token the places and weights, in order.

    Args:
        weights: each row sums to 1.
        offset: is added to the places.
        least: smaller weights are left out.
    """
    return [[(offset + int(s), round(float(row[s]), 3)) for s in np.flatnonzero(row >= least)] for row in weights]


def length_limit(source_length: Any, max_length: int | None = None) -> Any:
    """Tokens that a translation may have, end token included.

    Args:
        source_length: tokens of the source, end token included; a number or an array of any shape.
        max_length: the limit, if it is not to depend on the source. By default half as many again as that, and ten.

    Returns:
        A number or an array of the same shape.
    """
    return source_length * 3 // 2 + 10 if max_length is None else source_length * 0 + max_length


def check_options(beams: int, n_best: int, max_length: int | None) -> None:
    """Refuse what no search can do.

    Raises:
        InputError: n_best or max_length cannot be.
    """
    if not 1 <= n_best <= beams:
        raise InputError(f"n_best cannot be {n_best}: a search with {beams} beams finds 1 to {beams} translations")
    if max_length is not None and max_length < 1:
        raise InputError(f"max_length cannot be {max_length}: a translation has at least its end token, so 1 or more")


def was_cut(ids: Sequence[int] | np.ndarray, source_length: int, max_length: int | None = None) -> bool:
    """Whether a translation stopped only because it may not be longer: its end token was the one token allowed.

    Args:
        ids: of the translation without start and end tokens, filled up with PAD or not, as of `Search.translate`.
        source_length, max_length: as in `length_limit`.
    """
    return int(np.count_nonzero(np.asarray(ids) != PAD)) + 1 == length_limit(source_length, max_length)


def best_of_all(parts: list[list[Hypothesis]], n: int) -> list[tuple[list[list[int]], float]]:
    """The n best translations of a text, of all that those of its parts give together.

    Args:
        parts: the translations of each part.
        n: how many, if there are as many.

    Returns:
        The ids of each part, and the mean of the parts' scores; the best first, none if there are no parts.
    """
    best: list[tuple[list[list[int]], float]] = [([], 0.0)] if parts else []
    for hypotheses in parts:
        both = (([*before, h.ids], total + h.score) for before, total in best for h in hypotheses)
        best = heapq.nlargest(n, both, key=lambda entry: entry[1])
    return [(ids, total / len(parts)) for ids, total in best]
