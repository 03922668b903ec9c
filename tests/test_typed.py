"""What people type beside words: pictures, quotation marks, vowel signs, decomposed letters; and what is no text."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError
from fmkeras.translation.corpora import accents, textform
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.inference.hypotheses import Hypothesis
from fmkeras.translation.inference.parting import Parting
from fmkeras.translation.inference.translator import Translator

LINES = ["Onde fica a praia? Bom dia.", "वह कहाँ है। هذا كتابٌ", "Está ali! ☀"]


class Echo:
    """An engine that repeats what it is given."""

    def translate(self, sources, options):
        for i, ids in enumerate(sources):
            yield i, [Hypothesis(ids[:-1], 0.0, False)]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(LINES * 20, 420)


@pytest.fixture
def translator(tokenizer):
    return Translator(None, tokenizer, fmkeras.Settings(source="pt", target="en"), Echo())


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("Bom dia. 😀😀", "Bom dia. 😀😀"),
        ("Bom dia 👍🏽 ❤️", "Bom dia 👍🏽 ❤️"),
        ("Bom 😀 dia.", "Bom dia."),
        ("😀", "😀"),
        (" 👩‍👩‍👧 ", "👩‍👩‍👧"),
        ("Bom dia. ☀", "Bom dia. ☀"),  # which it knows
        ("Bom dia", "Bom dia"),
        ("", ""),
        ("\u200d", ""),
    ],
)
def test_pictures_that_it_does_not_know_stay_behind_the_translation(translator, text, translation):
    assert translator.translate(text) == [translation]
    found = translator.translate_n_best([text], 1)[0]
    assert [alternative.translation for alternative in found] == [translation] * bool(translation)


def test_signs_that_say_something_stay_where_they_are(tokenizer):
    parting = Parting(tokenizer, fmkeras.Settings(source="pt"))
    for text in ("Estão 12 °C.", "№ 5 é bom.", "© Ana ali.", "㎏ e ™"):
        assert parting.parts(text, split=False) == [text] and parting.framed(text, "x") == "x"
    assert parting.framed("Estão 12 ° ✨", "x") == "x ✨"


@pytest.mark.parametrize("mark", ["• ", "  * ", "1) ", "(12) ", "a) ", "## "])
def test_the_mark_of_a_list_that_it_does_not_know_stays_before_the_translation(translator, mark):
    assert translator.parts(f"{mark}Bom dia.") == ["Bom dia."]
    expected = [f"{mark.strip()} Bom dia. Onde?"]
    assert translator.translate(f"{mark}Bom dia. Onde?") == expected
    assert translator.translate_lines([f"{mark}Bom dia. Onde?"]) == expected


@pytest.mark.parametrize("text", ["Sim) não", "Bom (dia)", "1 dia", "-5 graus", "• ", "E a) b", "№ 5 é bom."])
def test_other_signs_are_no_marks_of_a_list(tokenizer, text):
    assert Parting(tokenizer, fmkeras.Settings(source="pt")).list_mark(text) == ""


@pytest.mark.parametrize("text", ["...", " * * * ", "?!", "•", "—"])
def test_a_text_of_signs_alone_is_its_own_translation(translator, text):
    assert translator.translate(text) == translator.translate_lines([text]) == [text.strip()]


class Without:
    """An engine that leaves a character out."""

    def __init__(self, tokenizer, left_out):
        self.tokenizer, self.left_out = tokenizer, left_out

    def translate(self, sources, options):
        for i, text in enumerate(self.tokenizer.decode([ids[:-1] for ids in sources])):
            (ids,) = self.tokenizer.encode([text.replace(self.left_out, "")])
            yield i, [Hypothesis(list(ids[:-1]), 0.0, False)]


@pytest.mark.parametrize(("left_out", "is_guess"), [("£", True), ("x", False)])
def test_a_character_that_it_does_not_know_and_loses_makes_a_guess(tokenizer, left_out, is_guess):
    said = []
    settings = fmkeras.Settings(source="pt", target="en")
    translator = Translator(None, tokenizer, settings, Without(tokenizer, left_out))
    translator.translate(["Custa 5 £.", "Bom dia."], on_doubt=lambda *doubt: said.append(doubt))
    assert [text for doubt, text in said if doubt.startswith("a guess")] == ["Custa 5 £."] * is_guess


@pytest.mark.parametrize(("source", "said"), [("pt", True), ("de", False)])  # in German any noun has a capital letter
def test_a_name_that_must_be_spelt_and_is_lost_is_said(tokenizer, source, said):
    doubts = []
    settings = fmkeras.Settings(source=source, target="en")
    translator = Translator(None, tokenizer, settings, Without(tokenizer, "Wolfgang"))
    translator.translate(["Bom dia Wolfgang.", "Bom dia."], on_doubt=lambda *doubt: doubts.append(doubt))
    assert [text for doubt, text in doubts if "lacks a number, a name" in doubt] == ["Bom dia Wolfgang."] * said


def test_a_sentence_of_unknown_letters_is_a_guess_also_within_a_text(translator):
    said = []
    translator.translate(["Bom dia. 你好吗？", "Bom dia. Está ali!"], on_doubt=lambda *doubt: said.append(doubt))
    assert [text for doubt, text in said if doubt.startswith("a guess")] == ["Bom dia. 你好吗？"]


def test_decomposed_letters_end_a_sentence_as_others_do(tokenizer):
    parting = Parting(tokenizer, fmkeras.Settings(source="pt", end_marks=".?"))
    for text in ("Onde está", unicodedata.normalize("NFD", "Onde está")):
        (part,) = parting.parts(text)
        assert list(parting.forms(part)) == ["Onde está.", "Onde está?"]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("वह कहाँ है", "वह कहाँ है।"),
        ("هذا كتابٌ", "هذا كتابٌ।"),
        ('"Bom dia"', '"Bom dia।"'),
        ("(bom dia)", "(bom dia।)"),
        ("Bom dia!", "Bom dia!"),
        ('"Bom dia!"', '"Bom dia!"'),
        ("...", "..."),
    ],
)
def test_a_mark_stands_before_what_closes_a_sentence(tokenizer, text, form):
    assert list(Parting(tokenizer, fmkeras.Settings(end_marks="।")).forms(text)) == [form]


def test_a_mark_is_a_token_of_its_own_in_ted_s_form(tokenizer):
    parting = Parting(tokenizer, fmkeras.Settings(end_marks=". ", style="ted"))
    assert list(parting.forms("`` bom dia ''")) == ["`` bom dia . ''", "`` bom dia ''"]


def test_turkish_sentences_begin_with_a_capital_of_theirs(tokenizer):
    (form,) = Parting(tokenizer, fmkeras.Settings(source="tr", capitals=True)).forms("istanbul güzel")
    assert form == "İstanbul güzel"
    (form,) = Parting(tokenizer, fmkeras.Settings(source="pt", capitals=True)).forms("istanbul é")
    assert form == "Istanbul é"
    assert textform.capital("ß", "de") == "ß" and textform.small("IŞIK", "Turkish") == "ışık"
    assert accents.accented(["IŞIK açık."], "tr") == ("ışık açık", "")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "NoneType: give a text or a list of texts"),
        (b"Bom dia.", "bytes: give a text"),
        ({"pt": ["Bom dia."]}, "dict: give a text"),
        (pd.DataFrame({"pt": ["Bom dia."]}), "DataFrame: give a text or a list of texts, such as a column of a table"),
        (["Bom dia.", None], "text 2 is None, and no text: leave it out, or make it a string"),
        (pd.Series(["Bom dia.", np.nan]), "text 2 is nan"),
        ([("Bom dia.", "Good morning.")], "text 1 is "),
    ],
)
def test_what_is_no_text_is_refused(translator, texts, message):
    for method in (translator.translate, lambda texts: translator.translate_n_best(texts, 2)):
        with pytest.raises(InputError, match=message):
            method(texts)


def test_columns_and_generators_are_texts(translator):
    for texts in (pd.Series(["um", "dois"]), np.array(["um", "dois"]), (text for text in ("um", "dois"))):
        assert translator.translate(texts) == ["um", "dois"]


@pytest.mark.parametrize(
    "option",
    [{"beam": 0}, {"beam": 2.0}, {"max_length": 0}, {"max_length": 2.5}, {"length_penalty": -1.0}]
    + [{"length_penalty": float(value)} for value in ("nan", "inf")],
)
def test_a_search_that_cannot_be_is_refused(translator, option):
    with pytest.raises(InputError, match=f"{next(iter(option))}=.* cannot be: choose a"):
        translator.translate(["um"], **option)


def test_no_pairs_have_no_score(translator):
    with pytest.raises(InputError, match="there are no pairs to score"):
        translator.score([], {})
