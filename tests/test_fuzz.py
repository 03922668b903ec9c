"""Whatever comes in, nothing fails but with an error of ours: over 10,000 random cases, a twentieth of them by default.

The rest are slow tests: each property is checked twice, with few cases and with many.
"""

import gzip
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmkeras import InputError
from fmkeras.houses import files
from fmkeras.houses import table as housing
from fmkeras.translation.corpora import corpus, formats, textform
from fmkeras.translation.corpora.sentence_splitting import split_sentences
from fmkeras.translation.corpora.tokenizer import Tokenizer, normalise

CASES = {"tokenizer": 3000, "style": 2000, "ordinary": 1000, "tsv": 2500, "csv": 2500}
QUICK = 20  # by default, of so many cases one


def examples(name: str) -> pytest.MarkDecorator:
    """Two tests of a property, with few cases and with many."""
    many = pytest.param(settings(max_examples=CASES[name]), id="many", marks=pytest.mark.slow)
    few = pytest.param(settings(max_examples=CASES[name] // QUICK), id="few")
    return pytest.mark.parametrize("cases", [few, many])


ANY = st.text(st.characters(exclude_categories=()), max_size=40)  # every code point, halves of pairs too
SIGNS = st.sampled_from([*"\t\n\r\0\x0b\x1c\x85\u2028 ▁`'\".,;:?!…()[]%$€«»“”¿-_1aZéß", "\ufeff", "e\u0301", "n't"])
TEXT = st.one_of(ANY, st.lists(SIGNS, max_size=30).map("".join))
PAIRS = "".join(f"frase número {i}\tsentence number {i}\n" for i in range(30)).encode()
HOUSES = ("price,rooms\n" + "".join(f"{100 + 7 * i},{i % 5}\n" for i in range(30))).encode()
TOKENIZER = Tokenizer.train(["o comboio está atrasado", "the train is late, isn't it?"] * 3, 320)


@st.composite
def mutated(draw, content: bytes) -> bytes:
    """A good file with parts replaced by rubbish, or rubbish alone."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        rubbish = draw(st.one_of(st.binary(max_size=12), TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))))
        content = content[:start] + rubbish + content[start + draw(st.integers(0, 9)) :]
    return draw(
        st.sampled_from([content, content, content, gzip.compress(content, mtime=0), content[: len(content) // 2]])
    )


def test_the_cases_are_many():
    assert sum(CASES.values()) >= 10_000


@examples("tokenizer")
def test_a_tokenizer_gives_every_text_back(cases):
    @cases
    @given(TEXT)
    def holds(text):
        (ids,) = TOKENIZER.encode([text])
        assert TOKENIZER.decode([ids]) == [normalise(text)]
        assert not any(c in "\n\r\t\0" for c in normalise(text)) and unicodedata.is_normalized("NFC", normalise(text))

    holds()


@examples("style")
def test_the_style_takes_any_text(cases):
    """In one line, no word lost, and sentences that together are the text."""

    @cases
    @given(TEXT, st.sampled_from(["en", "pt"]))
    def holds(text, language):
        applied = textform.apply(text, "ted", language)
        textform.undo(applied, "ted", language)
        textform.undo(text, "ted", language)
        assert applied == " ".join(applied.split()) and textform.apply(text, "plain", language) == text
        assert "".join("".join(split_sentences(text, "en")).split()) == "".join(text.split())

    holds()


WORDS = st.sampled_from("the train late is it we don't she's I'll no cannot house 10,000 10:30 Mr. they".split())


@examples("ordinary")
def test_the_style_is_undone_on_ordinary_text(cases):
    """Once in the corpus' form, text comes back to it: what a model reads is what it would have written."""

    @cases
    @given(st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=8), st.sampled_from(".?!")), min_size=1, max_size=3))
    def holds(sentences):
        text = " ".join(" ".join(words).capitalize() + mark for words, mark in sentences)
        applied = textform.apply(text, "ted", "en")
        back = textform.undo(applied, "ted", "en")
        assert back.lower().replace(" ", "") == text.lower().replace(" ", "")
        assert textform.apply(back, "ted", "en") == applied

    holds()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One folder for the files of all cases."""
    return tmp_path_factory.mktemp("fuzz")


@examples("tsv")
def test_the_reader_of_sentences_takes_any_bytes(cases, place):
    @cases
    @given(content=mutated(PAIRS), suffix=st.sampled_from([".tsv", ".tsv", ".tsv.gz"]))
    def holds(content, suffix):
        path = place / f"pairs{suffix}"
        path.write_bytes(content)
        try:
            pairs = formats.read_pairs(path)
        except InputError as error:
            assert "\n" not in str(error) and path.name in str(error)
            return
        kept, _ = corpus.drop_unusable(pairs)
        assert all(
            textform.visible(side) and "\t" not in side and side == side.strip() for pair in kept for side in pair
        )

    holds()


@examples("csv")
def test_the_reader_of_tables_takes_any_bytes(cases, place):
    @cases
    @given(content=mutated(HOUSES))
    def holds(content):
        path = place / "houses.csv"
        path.write_bytes(content)
        try:
            table = housing.from_sheet(files.read(path), "price")
        except InputError as error:
            assert "\n" not in str(error)
            return
        assert table.target.notna().all() and table.target.abs().max() <= 1e30
        assert len(table.features) < content.count(b"\n") + content.count(b"\r") + 2

    holds()
