"""Sentence pairs to a vocabulary and to ids: a few in memory, many in files that are mapped into it."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from fmkeras.errors import InputError
from fmkeras.translation.corpora import cache
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.stored import Pairs, StoredPairs, by_chunks
from fmkeras.translation.corpora.tokenizer import Tokenizer

FORM = 1  # of what is kept on the disk: another number when it is made in another way
SHORT_IDS = 1 << 16  # tokens up to which an id takes two bytes there

Sides = tuple[Sentences, Sentences]


def encode_pairs(pairs: Pairs, tokenizer: Tokenizer, max_sentence_tokens: int) -> Sides:
    """The ids of sources and targets, without the pairs that have a side of more than `max_sentence_tokens`.

    Of pairs on the disk they are kept there, too, and found again.

    Raises:
        InputError: every pair is too long.
    """
    parts: Iterator[Sides] = by_chunks(_encoded, pairs, tokenizer, max_sentence_tokens)
    if isinstance(pairs, StoredPairs):
        sides = _stored(pairs, tokenizer, max_sentence_tokens, parts)
    else:
        source, target = zip(*parts, strict=True)
        sides = Sentences.joined(source), Sentences.joined(target)
    if not len(sides[0]):
        raise InputError(f"every training pair is longer than {max_sentence_tokens} tokens: cut them into sentences")
    return sides


def learn_vocabulary(pairs: Pairs, vocab_size: int, special_tokens: Sequence[str] = ()) -> Tokenizer:
    """A vocabulary of both sides of pairs; of pairs on the disk it is kept there, too, and found again."""

    def learn() -> Tokenizer:
        return Tokenizer.train(itertools.chain.from_iterable(pairs), vocab_size, special_tokens)

    def make(writer: cache.Writer) -> dict:
        writer.append("model", np.frombuffer(learn().model, "u1"))
        return {}

    if not isinstance(pairs, StoredPairs):
        return learn()
    key = {"vocab_size": vocab_size} | ({"special_tokens": [*special_tokens]} if special_tokens else {})
    return Tokenizer(_entry(pairs, "vocabulary", key, make).array("model").tobytes())


def _stored(pairs: StoredPairs, tokenizer: Tokenizer, max_sentence_tokens: int, parts: Iterator[Sides]) -> Sides:
    """The ids in the cache."""

    def make(writer: cache.Writer) -> dict:
        for sides in parts:
            for name, side in zip(("source", "target"), sides, strict=True):
                writer.append(name, side.ids.astype("uint16" if len(tokenizer) <= SHORT_IDS else "int32"))
                writer.append(f"{name}-lengths", side.lengths.astype("int32"))
        return {}

    entry = _entry(pairs, "ids", {"tokenizer": tokenizer.sha256, "max_sentence_tokens": max_sentence_tokens}, make)
    source, target = (Sentences(entry.array(name), entry.array(f"{name}-lengths")) for name in ("source", "target"))
    return source, target


def _entry(pairs: StoredPairs, kind: str, key: dict, make: Callable[[cache.Writer], dict]) -> cache.Entry:
    """What was made of pairs, in an entry beside that of their text."""
    rows = hashlib.sha256(np.ascontiguousarray(pairs.rows).data).hexdigest()
    key |= {"form": FORM, "pairs": pairs.folder.name, "rows": rows}
    return cache.entry(pairs.folder.parent, kind, key, make)


def _encoded(pairs: Pairs, tokenizer: Tokenizer, max_sentence_tokens: int) -> Sides:
    """Of one chunk."""
    source, target = (tokenizer.encode_corpus(side) for side in zip(*pairs, strict=True))
    kept = (source.lengths <= max_sentence_tokens) & (target.lengths <= max_sentence_tokens)
    return source.where(kept), target.where(kept)
