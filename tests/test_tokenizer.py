"""Text to tokens and back: nothing is lost but what `normalise` says, on any text; training repeats itself."""

import itertools
import re
import tracemalloc
import unicodedata
from types import SimpleNamespace

import pytest
import sentencepiece
from hypothesis import example, given
from hypothesis import strategies as st

from fmkeras.errors import InputError
from fmkeras.translation.corpora import tokenizer as module
from fmkeras.translation.corpora.tokenizer import END, PAD, START, UNK, Tokenizer, normalise
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import translators

TEXT = [
    "o comboio está atrasado .",
    "the train is late .",
    "onde fica a praia ?",
    "where is the beach ?",
    "ela não queria ir ao mercado na segunda-feira .",
    "she did n't want to go to the market on monday .",
] * 3


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXT, 350)


# Any string that Python can hold, and those that look like what SentencePiece uses itself.
strings = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=30),
    st.lists(
        st.sampled_from(
            [
                "<s>",
                "</s>",
                "<unk>",
                "<pad>",
                "<0x41>",
                "<0xC3>",
                "▁",
                " ",
                "\0",
                "\ud800",
                "\udfff",
                "\u200b",
                "e\u0301",
            ]
            + [
                "\u0323",
                "\u0301",
                "a",
                "\t",
                "\n",
                "\x1c",
                "\u2028",
                "\xa0",
                "\u3000",
                "שלום",
                "\u202e",
                "👩‍👩‍👧",
                "🇵🇹",
                "한",
                "ᄒ",
            ]
            + ["the", "train", "\ufffd", "\ufeff", "\u1e9b\u0323", "ﬁ", "Å", "\U0010ffff", "\u2000"]
        ),
        max_size=8,
    ).map("".join),
)


@given(strings)
@example("<s>")
@example("</s>")
@example("<0x41>")
@example("a\u2581b \u2581 c\u2581")
@example("\ud83d\ude00")
@example("a\0b")
@example("e\u0301 \u0301 e")
@example("")
def test_round_trip_of_any_string(tokenizer, text):
    (ids,) = tokenizer.encode([text])
    assert tokenizer.decode([ids]) == [normalise(text)]
    assert ids[-1] == END and not {PAD, UNK, START, END} & set(ids[:-1])


@given(strings, st.integers(0, 2**31 - 1))
def test_round_trip_of_any_string_with_bpe_dropout(tokenizer, text, seed):
    (ids,) = tokenizer.encode([text], bpe_dropout=0.5, seed=seed)
    assert tokenizer.decode([ids]) == [normalise(text)]
    assert UNK not in ids


@given(strings)
def test_normalise_is_idempotent_and_changes_little(text):
    once = normalise(text)
    assert normalise(once) == once == unicodedata.normalize("NFC", once) == " ".join(once.split())
    once.encode("utf-8")
    if not re.search("[\ud800-\udfff\0▁]", text):
        kept = "".join(unicodedata.normalize("NFC", text).split())
        assert once.replace(" ", "") == kept, "only white space and composition change"


def test_normalise_by_example():
    assert normalise("  cafe\u0301 \t\n e\xa0água ") == "café e água"
    assert normalise("a▁b\0c\ud800") == "a_b c?"
    assert normalise("ﬁ ½ Ａ") == "ﬁ ½ Ａ", "compatibility forms are the writer's own"


@pytest.fixture(scope="module")
def trained(rehearsal) -> Tokenizer:
    return Tokenizer.train([side for pair in rehearsal["train"] for side in pair], 8000)


@pytest.mark.slow
def test_round_trip_of_the_rehearsal_data(rehearsal, trained):
    texts = [side for pairs in rehearsal.values() for pair in pairs for side in pair]
    assert len(trained) == 8000
    encoded = trained.encode(texts)
    assert trained.decode(encoded) == [normalise(text) for text in texts]
    assert not any(UNK in ids for ids in encoded)
    words = sum(len(text.split()) for text in texts)
    assert 1.0 < sum(map(len, encoded)) / words < 1.6, "tokens are words or a little less, not letters"


def test_marks(tokenizer):
    assert (PAD, UNK, START, END) == (0, 1, 2, 3)
    names = tokenizer.to_tokens((PAD, UNK, START, END))
    assert names == ["<pad>", "<unk>", "<s>", "</s>"]
    assert tokenizer.encode([""]) == [[END]]
    assert tokenizer.encode([]) == []
    assert tokenizer.split("the train")[-1] == "</s>" and "".join(tokenizer.split("the train")[:-1]) == "▁the▁train"


def test_decode_stops_at_the_end_mark_and_passes_over_padding(tokenizer):
    (ids,) = tokenizer.encode(["the train"])
    (more,) = tokenizer.encode(["is late"])
    assert tokenizer.decode([[START, *ids, *more, PAD, PAD]]) == ["the train"]
    assert tokenizer.decode([[PAD, *ids[:-1]], [END], []]) == ["the train", "", ""]


def test_both_languages_share_tokens(tokenizer):
    assert set(tokenizer.encode(["a"])[0]) == set(tokenizer.encode(["a"])[0])
    frequent = [tokenizer.encode([word])[0] for word in ("the", "o")]
    assert [len(ids) for ids in frequent] == [2, 2], "a token each, and the end token"


# --- training


def test_vocabulary_has_the_size_asked_for(tokenizer):
    assert len(tokenizer) == 350


def test_vocabulary_shrinks_to_a_small_text():
    small = Tokenizer.train(["bom dia", "good morning"], 4000)
    assert 270 < len(small) < 320
    assert small.decode(small.encode(["bom dia, 世界"])) == ["bom dia, 世界"]
    assert len(Tokenizer.train(["bom dia", "good morning"], len(small))) == len(small)


@pytest.mark.parametrize("vocab_size", [-1, 0, 3, 100, 262, 269])
def test_too_small_a_vocabulary_says_the_least(vocab_size):
    texts = ["bom dia", "good morning"]
    with pytest.raises(InputError) as error:
        Tokenizer.train(texts, vocab_size)
    (least,) = re.findall(r"at least (\d+)", str(error.value))
    assert f"not {vocab_size}" in str(error.value)
    assert len(Tokenizer.train(texts, int(least))) == int(least)
    with pytest.raises(InputError):
        Tokenizer.train(texts, int(least) - 1)


def test_least_is_said_with_thousands():
    signs = [chr(0x4E00 + i) for i in range(2000)]
    with pytest.raises(InputError, match=r"at least 2,\d\d\d subword tokens .*, not 1,000"):
        Tokenizer.train(signs * 2, 1000)


@pytest.mark.parametrize("texts", [[], [""], ["  ", "\0", "\t\n"]])
def test_no_text_is_said(texts):
    with pytest.raises(InputError, match="no text"):
        Tokenizer.train(texts, 300)


def test_training_repeats_itself(tokenizer):
    assert Tokenizer.train(iter(TEXT), 350).model == tokenizer.model


def test_very_long_sentence_is_learnt_from_too():
    long = "abracadabra " * 20_000  # SentencePiece leaves out what is longer than 4,192 bytes unless it is told
    assert len(Tokenizer.train([long, "bom dia"], 290).encode(["abracadabra"])[0]) <= 3


# --- BPE-dropout


def test_bpe_dropout_changes_tokens_and_not_the_text(tokenizer):
    plain, sampled = tokenizer.encode(TEXT), tokenizer.encode(TEXT, bpe_dropout=0.3, seed=1)
    assert sampled != plain
    assert sum(map(len, sampled)) > sum(map(len, plain)), "merges left out leave more tokens"
    assert tokenizer.decode(sampled) == tokenizer.decode(plain) == TEXT


def test_more_bpe_dropout_cuts_finer(tokenizer):
    counts = [sum(map(len, tokenizer.encode(TEXT, bpe_dropout=share, seed=1))) for share in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert counts == sorted(counts) and len(set(counts)) == 5


def test_bpe_dropout_repeats_itself_with_its_seed(tokenizer):
    def sample(seed, texts=TEXT):
        return tokenizer.encode(texts, bpe_dropout=0.3, seed=seed)

    many = TEXT * 100  # enough to be dealt to several threads, were there several
    first = sample(1)
    assert sample(1, many) == sample(1, many)
    assert sample(2) != first
    sample(3, TEXT[:1])
    assert sample(1) == first, "whatever was drawn in between"
    assert Tokenizer(tokenizer.model).encode(TEXT, bpe_dropout=0.3, seed=1) == first, "and in another tokenizer"


def test_bpe_dropout_does_not_repeat_the_same_cut_within_a_call(tokenizer):
    sentence = "she did n't want to go to the market on monday ."
    assert len({tuple(ids) for ids in tokenizer.encode([sentence] * 20, bpe_dropout=0.3, seed=0)}) > 10


def test_encoding_without_bpe_dropout_is_always_the_same(tokenizer):
    plain = tokenizer.encode(TEXT)
    tokenizer.encode(TEXT, bpe_dropout=0.5, seed=9)
    assert tokenizer.encode(TEXT) == plain == [tokenizer.encode([text])[0] for text in TEXT]


# --- a whole corpus


def as_lists(sentences) -> list[list[int]]:
    return [row.tolist() for row in sentences]


@given(st.lists(strings, max_size=6))
@example(["a\0b", "\0", "▁", " ", "", "e \u0301", "a\u200bb <s> </s>"])
def test_corpus_has_the_ids_of_its_sentences(tokenizer, texts):
    assert as_lists(tokenizer.encode_corpus(iter(texts))) == tokenizer.encode(texts)


def test_corpus_has_the_ids_of_its_sentences_though_words_are_forgotten(tokenizer, monkeypatch):
    monkeypatch.setattr(module, "WORDS", 3)
    assert as_lists(tokenizer.encode_corpus(TEXT)) == tokenizer.encode(TEXT)


@pytest.mark.slow
def test_corpus_of_the_rehearsal_data(rehearsal, trained):
    texts = [side for pair in rehearsal["train"] for side in pair]
    assert as_lists(trained.encode_corpus(texts)) == trained.encode(texts)


def test_corpus_with_bpe_dropout(tokenizer, monkeypatch):
    options = dict(bpe_dropout=0.3, seed=2**31 - 1)
    whole = tokenizer.encode_corpus(TEXT, **options)
    assert as_lists(whole) == tokenizer.encode(TEXT, **options)
    monkeypatch.setattr(module, "CHUNK", 5)
    cut = tokenizer.encode_corpus(iter(TEXT), **options)
    assert cut == tokenizer.encode_corpus(TEXT, **options) != whole
    assert tokenizer.decode(cut) == TEXT and as_lists(cut)[:5] == as_lists(whole)[:5]


def test_corpus_takes_little_more_memory_than_its_ids(tokenizer):
    """As lists, its ids take nine times as much."""
    many = 50_000
    tracemalloc.start()
    sentences = tokenizer.encode_corpus(f"the train {i % 100} is late ." for i in range(many))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sentences) == many
    assert peak < 1.5 * (sentences.ids.nbytes + sentences.lengths.nbytes + sentences.starts.nbytes)


def test_vocabulary_of_very_many_pairs_is_learnt_from_some_of_both_sides(monkeypatch, tmp_path):
    read = []
    monkeypatch.setattr(
        Tokenizer, "train", lambda texts, size, special: read.extend(texts) or SimpleNamespace(save=print)
    )
    monkeypatch.setattr(translators, "VOCABULARY_PAIRS", 4)
    corpus = SimpleNamespace(train=[(f"s{i}", f"t{i}") for i in range(9)])
    translators.vocabulary(corpus, Settings(), tmp_path)
    assert read == ["s0", "t0", "s3", "t3", "s6", "t6"]
    read.clear()
    corpus.train = corpus.train[:4]
    translators.vocabulary(corpus, Settings(), tmp_path)
    assert read == list(itertools.chain(*corpus.train)), "all, if they are not too many"


# --- on disk


def test_save_and_load(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.model")
    loaded = Tokenizer.load(tmp_path / "tokenizer.model")
    assert loaded.model == tokenizer.model and len(loaded) == len(tokenizer)
    assert loaded.encode(TEXT) == tokenizer.encode(TEXT)
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.model"]


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"tokenizer\.model is missing"):
        Tokenizer.load(tmp_path / "tokenizer.model")


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "zeros"])
def test_damaged_file(damage, tokenizer, tmp_path, capfd):
    path = tmp_path / "tokenizer.model"
    contents = {"empty": b"", "cut": tokenizer.model[:-9], "text": b"no model\n", "zeros": bytes(999)}
    path.write_bytes(contents[damage])
    with pytest.raises(InputError, match=r"tokenizer\.model is damaged"):
        Tokenizer.load(path)
    assert capfd.readouterr().err == "", "SentencePiece says nothing of its own"


def test_model_of_another_program_is_refused(tmp_path):
    """With other marks it would load, and translate to nonsense."""
    with open(tmp_path / "other.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXT), model_writer=file, vocab_size=60, model_type="bpe", minloglevel=2
        )
    with pytest.raises(InputError):
        Tokenizer.load(tmp_path / "other.model")


def test_a_bare_string_is_one_text_and_not_its_characters(tokenizer):
    assert tokenizer.encode("bom dia") == tokenizer.encode(["bom dia"])
    assert tokenizer.encode_corpus("bom dia") == tokenizer.encode_corpus(["bom dia"])
    text = " ".join(TEXT)
    assert Tokenizer.train(text, 300).model == Tokenizer.train([text], 300).model
