"""What a search finds for the parts of a text, and what is made of it for the whole text."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fmkeras.translation.corpora.batches import padded
from fmkeras.translation.inference.decoding import cross_attention
from fmkeras.translation.model.transformer import Transformer

ALIGNED = 32  # parts aligned at a time


class Hypothesis(NamedTuple):
    """One translation of a part of a text."""

    ids: list[int]  # without special tokens
    score: float  # see `decoding.beam_search`
    cut: bool  # it ended only because it may not be longer


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
    alternatives: list[Alternative]  # the best first, the translation itself among them
    cut: bool  # it, or a part of it, ended only because it may not be longer


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


def align(model: Transformer, sources: list[list[int]], targets: list[list[int]], start: int) -> Iterator[list[int]]:
    """For each target token the place of the source token that the last block looks at most, its heads together.

    Args:
        model: that has translated.
        sources, targets: ids, end token last.
        start: the token that translations start with.
    """
    for i in range(0, len(sources), ALIGNED):
        target = padded(targets[i : i + ALIGNED])
        shifted = np.concatenate([np.full((len(target), 1), start, "int32"), target[:, :-1]], axis=1)
        weights = cross_attention(model, padded(sources[i : i + ALIGNED]), shifted)[:, -1].mean(axis=1)  # (B, T, S)
        for row, own in zip(weights, targets[i : i + ALIGNED], strict=True):
            yield [int(place) for place in row[: len(own)].argmax(axis=-1)]
