"""Text to subword tokens, as ids, and back, with SentencePiece: one vocabulary for both languages, nothing unknown."""

import functools
import hashlib
import io
import itertools
import re
import unicodedata
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import sentencepiece

from fmkeras.errors import InputError
from fmkeras.runs import whole_file
from fmkeras.translation.corpora import textform
from fmkeras.translation.corpora.languages import same
from fmkeras.translation.corpora.sentences import Sentences

PAD, UNK, START, END = range(4)
MASK = "<mask>"  # the special token that stands for what noising has masked; only pre-trained vocabularies have it
SMALLEST = END + 1 + 256  # tokens that every vocabulary has: the special tokens and all bytes
WORDS = 1 << 17  # words whose tokens `encode_corpus` keeps at hand
CHUNK = 1 << 16  # sentences that it cuts at a time with BPE-dropout


def normalise(text: str) -> str:
    """Canonical composition (NFC), one space for any run of white space, nothing that cannot be stored as UTF-8.

    What this changes is all that tokenizing changes: `decode(encode(text)) == normalise(text)` for every string.
    """
    text = unicodedata.normalize("NFC", textform.storable(text))
    # "▁" is how SentencePiece itself writes a space. str.split knows every white space of Unicode.
    return " ".join(text.replace("▁", "_").replace("\0", " ").split())


def as_list(texts: str | Iterable[str]) -> Iterable[str]:
    """The texts; of a bare string the one text that it is, and not its characters."""
    return [texts] if isinstance(texts, str) else texts


def as_texts(texts: str | Iterable[str]) -> list[str]:
    """What somebody gives as texts.

    Raises:
        InputError: it is no text and holds none, as a table, whose columns it would give, or a gap in a column.
    """
    if isinstance(texts, bytes | Mapping) or hasattr(texts, "columns") or not isinstance(texts, Iterable):
        raise InputError(f"{type(texts).__name__}: give a text or a list of texts, such as a column of a table")
    found = list(as_list(texts))
    for number, text in enumerate(found, start=1):
        if not isinstance(text, str):
            raise InputError(f"text {number} is {text!r}, and no text: leave it out, or make it a string")
    return found


def language_token(language: str) -> str:
    """The language tag, which tells a pre-trained model to write `language`: "en" -> "<en>"."""
    return f"<{language}>"


class Tokenizer:
    """A SentencePiece model with padding, start and end tokens.

    Args:
        model: the bytes of a trained SentencePiece model.

    Raises:
        InputError: the bytes are not such a model.

    Example:
        >>> tokenizer = Tokenizer.train(["bom dia", "good morning"], vocab_size=300)
        >>> tokenizer.decode(tokenizer.encode(["bom dia"]))
        ['bom dia']
    """

    def __init__(self, model: bytes):
        self.model = model
        try:
            self.processor = processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except (RuntimeError, OSError, ValueError):  # UnicodeDecodeError, where its message holds the damage
            raise InputError("not a SentencePiece model") from None
        if not model or _special_ids(processor) != [PAD, UNK, START, END]:
            raise InputError("not a SentencePiece model that fmkeras has trained")
        # The ids of a word, 4 bytes each: of the last words that `encode_corpus` has met.
        self._cut = functools.lru_cache(WORDS)(lambda word: array("i", processor.encode(normalise(word))).tobytes())

    def __len__(self) -> int:
        return self.processor.get_piece_size()

    def __reduce__(self) -> tuple:
        return _known, (self.model,)

    @classmethod
    def train(cls, sentences: Iterable[str], vocab_size: int, special_tokens: Sequence[str] = ()) -> "Tokenizer":
        """Learn `vocab_size` subword tokens by byte-pair encoding (Sennrich et al. 2016), or fewer from a small text.

        Characters too rare for a token of their own are written as bytes, so that no text is ever unknown.

        Args:
            sentences: the text to learn from.
            vocab_size: tokens, special ones and bytes among them.
            special_tokens: further tokens that no text is ever cut into, such as `MASK` and `language_token("en")`.

        Raises:
            InputError: there is no text, or its characters alone need more tokens; says how many.
        """
        sentences = [text for sentence in as_list(sentences) if (text := normalise(sentence))]
        if not sentences:
            raise InputError("no vocabulary can be made of no text: give sentences that are not blank")
        size = max(vocab_size, SMALLEST + len(special_tokens))
        while True:
            model = io.BytesIO()
            try:
                sentencepiece.SentencePieceTrainer.train(
                    sentence_iterator=iter(sentences),
                    model_writer=model,
                    model_type="bpe",
                    vocab_size=size,
                    byte_fallback=True,
                    character_coverage=0.9999,
                    normalization_rule_name="identity",
                    remove_extra_whitespaces=False,
                    max_sentence_length=1 << 30,  # a longer one would be left out
                    pad_id=PAD,
                    unk_id=UNK,
                    bos_id=START,
                    eos_id=END,
                    control_symbols=list(special_tokens),
                    minloglevel=2,
                )
                return cls(model.getvalue())
            except RuntimeError as error:  # it says how many tokens the text can give, or needs
                possible = re.search(r"value <= (\d+)", str(error))
                needed = re.search(r"smaller than required_chars\. \d+ vs (\d+)", str(error))
                if needed:
                    least = f"at least {int(needed[1]):,} subword tokens for its characters and bytes"
                    raise InputError(
                        f"this text needs {least}, not {vocab_size:,}: choose a larger vocabulary"
                    ) from None
                if not possible or int(possible[1]) >= size:
                    raise InputError(
                        f"no vocabulary can be made of this text: {' '.join(str(error).split())}"
                    ) from None
                size = int(possible[1])

    @property
    def pieces(self) -> sentencepiece.SentencePieceProcessor:
        """The `processor`, as version 0.1 called it."""
        return self.processor

    def all_tokens(self) -> list[str]:
        """Every token, in the order of the ids."""
        return self.to_tokens(range(len(self)))

    @property
    def special_tokens(self) -> dict[str, int]:
        """The special tokens that it was trained with, and their ids: none unless it is for pre-training."""
        ids = list(itertools.takewhile(self.processor.is_control, range(END + 1, len(self))))
        return dict(zip(self.to_tokens(ids), ids, strict=True))

    def start(self, language: str) -> int:
        """The token that a sentence in `language` starts with: its tag in pre-trained vocabularies, else `START`."""
        return self.special_tokens.get(language_token(self.known_language(language)), START)

    def known_language(self, language: str) -> str:
        """What this vocabulary calls a language, "de" for "German"; "" if it has no tag for it."""
        names = [token[1:-1] for token in self.special_tokens if token != MASK]
        exactly = [name for name in names if name == language]
        return next(iter([*exactly, *(name for name in names if same(name, language))]), "")

    def encode(self, sentences: str | Iterable[str], bpe_dropout: float = 0.0, seed: int = 0) -> list[list[int]]:
        """Sentences to ids, end token last.

        Args:
            sentences: any texts, or one; they are normalised first.
            bpe_dropout: share of merges skipped at random, so that a model sees a word cut in many ways.
            seed: of the dropout, below 2**31: the same sentences with the same seed are cut the same way.
        """
        options = {}
        if bpe_dropout:
            # SentencePiece seeds a generator when a thread first draws. One new thread a call makes it repeatable.
            sentencepiece.set_random_generator_seed(seed)
            options = {"enable_sampling": True, "alpha": bpe_dropout, "nbest_size": -1, "num_threads": 1}
        return self.processor.encode([normalise(s) for s in as_list(sentences)], add_eos=True, **options)

    def encode_corpus(self, sentences: Iterable[str], bpe_dropout: float = 0.0, seed: int = 0) -> Sentences:
        """`encode` for a whole corpus: the same ids, but in one array, and at least twice as fast.

        No token reaches from one word into the next, so each word is cut once and then looked up. With BPE-dropout it
        is cut anew each time.

        Args:
            sentences: any number; they are taken one by one.
            bpe_dropout, seed: as in `encode`. The same cuts as there, but each `CHUNK` of sentences has its own seed.
        """
        sentences, ids, lengths = as_list(sentences), bytearray(), array("i")
        if bpe_dropout:
            sentences = iter(sentences)
            for i in itertools.count():
                rows = self.encode(list(itertools.islice(sentences, CHUNK)), bpe_dropout, (seed + i) % 2**31)
                if not rows:
                    break
                ids += array("i", itertools.chain.from_iterable(rows)).tobytes()
                lengths.extend(map(len, rows))
        else:
            end = array("i", [END]).tobytes()
            for sentence in sentences:
                row = b"".join(map(self._cut, sentence.split())) + end
                ids += row
                lengths.append(len(row) // len(end))
        return Sentences(np.frombuffer(ids, "int32"), np.asarray(lengths))

    def decode(self, ids: Iterable[Iterable[int]]) -> list[str]:
        """Ids to sentences, up to the end token if there is one; padding and start tokens are no text."""
        texts = []
        for row in ids:
            row = [int(i) for i in row]
            row = row[: row.index(END)] if END in row else row
            texts.append(self.processor.decode(row))
        return texts

    def split(self, sentence: str) -> list[str]:
        """The tokens of a sentence as text, end token last: ['▁bom', '▁dia', '</s>']."""
        return self.to_tokens(self.encode([sentence])[0])

    def to_tokens(self, ids: Iterable[int]) -> list[str]:
        """Ids to tokens as text, one each."""
        return [self.processor.id_to_piece(int(i)) for i in ids]

    def ends(self, text: str) -> list[int]:
        """For each token of a normalised text the place in it where the token ends."""
        return [token.end for token in self.processor.encode(text, out_type="immutable_proto").pieces]

    def unknown(self, text: str) -> str:
        """Those of a text's characters, spaces apart, that it can only write in bytes: training had (nearly) none.

        Nearly all where a model that learnt Portuguese is given Chinese, say.
        """
        return "".join(c for c in "".join(normalise(text).split()) if c not in self.characters)

    @functools.cached_property
    def characters(self) -> frozenset[str]:
        """All that are in tokens, but in those of bytes and special ones; others are written in bytes."""
        tokens, is_byte, is_control = self.all_tokens(), self.processor.is_byte, self.processor.is_control
        return frozenset("".join(token for i, token in enumerate(tokens) if not is_byte(i) and not is_control(i)))

    def save(self, path: str | Path) -> None:
        """Write the model to a file."""
        with whole_file(path) as temporary:
            temporary.write_bytes(self.model)

    @property
    def sha256(self) -> str:
        """Checksum of the model's bytes."""
        return hashlib.sha256(self.model).hexdigest()

    @classmethod
    def load(cls, path: str | Path, sha256: str = "") -> "Tokenizer":
        """Read a model that `save` wrote; with its checksum, if that is known.

        Raises:
            InputError: there is no such file, or it is damaged.
        """
        try:
            tokenizer = cls(Path(path).read_bytes())
        except OSError:
            raise InputError(f"{path} is missing: --run is not a run folder, or not a whole one") from None
        except InputError:
            raise InputError(f"{path} is damaged: restore it, or train again") from None
        if sha256 not in ("", tokenizer.sha256):
            raise InputError(f"{path} is damaged, or of another run: restore it, or train again")
        return tokenizer


def _special_ids(processor: sentencepiece.SentencePieceProcessor) -> list[int]:
    return [processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id()]


@functools.lru_cache(2)
def _known(model: bytes) -> Tokenizer:
    """The tokenizer that another process sends again and again: with the words that it has met."""
    return Tokenizer(model)
