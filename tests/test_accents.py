"""Accents that somebody has not typed: which words are known to have them, and when the model is asked."""

import pytest

import fmkeras
from benchmarks import everyday
from fmkeras.translation.corpora import accents
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.inference import parting
from fmkeras.translation.inference.hypotheses import Hypothesis
from fmkeras.translation.inference.translator import Translator

LINES = ["Você está bem?", "Esta é a estação.", "Não, não está aqui.", "Ela dá a mão à irmã."] + ["A casa da avó."] * 20


@pytest.mark.parametrize(
    ("typed", "without"),
    [
        ("São João", "Sao Joao"),
        ("Łódź", "Łodz"),
        ("łódź", "lodz"),
        ("straße", "strasse"),
        ("đi", "di"),
        ("東京", "東京"),
    ],
)
def test_without_accents(typed, without):
    assert accents.bare(typed) == without


def test_which_words_have_accents_always_and_which_at_times():
    always, often = accents.accented(LINES)
    assert set(always.split()) == {"você", "estação", "não", "mão", "irmã", "avó", "é"}
    assert often == "está", "neither à nor dá: for one of them there are 20 without"
    assert always.startswith("avó não"), "the most frequent first"
    assert accents.accented(["I have a dog.", "Я здесь, ёлка тоже.", "가나다", "がか"]) == ("", "")
    assert accents.accented([]) == ("", "")


def test_no_more_words_are_kept_than_a_settings_file_bears(monkeypatch):
    monkeypatch.setattr(accents, "KEPT", 2)
    assert accents.accented(["três três três dois não não irmã"]) == ("três não", "")


def test_words_get_their_accents_back_in_the_case_that_they_have():
    words = accents.by_bare("você avó avô não")
    assert accents.with_accents("Voce e a AVO, nao-nao A.", words) == "Você e a AVÓ, não-não A."
    assert accents.with_accents("vocês", words) == "vocês"


def test_of_the_words_that_may_have_accents_each_alone_and_all_are_tried():
    words = accents.by_bare("está é")
    assert accents.variants("Onde fica?", words) == ["Onde fica?"]
    assert accents.variants("Ele e alto.", words) == ["Ele e alto.", "Ele é alto."]
    assert accents.variants("Esta e boa.", words) == ["Esta e boa.", "Está e boa.", "Esta é boa.", "Está é boa."]
    assert accents.variants("e e e e e", words) == ["e e e e e"], "too many to try"


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(LINES * 5, 300)


def forms(tokenizer, text, **settings):
    always, often = accents.accented(LINES)
    return parting.Parting(tokenizer, fmkeras.Settings(accented=always, homographs=often, **settings)).forms(text)


def test_a_text_without_accents_may_be_one_with_them(tokenizer):
    assert forms(tokenizer, "Onde fica?") == {"Onde fica?": 0}
    assert forms(tokenizer, "Esta ali.") == {"Esta ali.": 0, "Está ali.": parting.LIKELIER}
    assert forms(tokenizer, "Voce esta bem.") == {"Voce esta bem.": 0, "Você esta bem.": 0, "Você está bem.": 0}
    assert forms(tokenizer, "Você esta bem.") == {"Você esta bem.": 0}, "whoever typed it has a keyboard with accents"
    assert forms(tokenizer, "nao", end_marks=".?", capitals=True) == dict.fromkeys(["Nao.", "Nao?", "Não.", "Não?"], 0)


@pytest.mark.parametrize(("gain", "meant"), [(parting.LIKELIER / 2, "Esta ali."), (parting.LIKELIER * 2, "Está ali.")])
def test_a_word_gets_an_accent_that_it_may_lack_only_where_the_translation_is_clearly_likelier(tokenizer, gain, meant):
    class Fond:
        """An engine that likes accents by so much, and repeats what it is given."""

        def translate(self, sources, options):
            for i, text in enumerate(tokenizer.decode(sources)):
                yield i, [Hypothesis(tokenizer.encode([text])[0][:-1], gain * (not text.isascii()), False)]

    settings = fmkeras.Settings(target="en", homographs="está")
    assert Translator(None, tokenizer, settings, Fond()).translate(["Esta ali."]) == [meant]


def test_the_bundled_translator_reads_what_is_typed_without_accents():
    translator = fmkeras.load_translator("bundled")
    typed = {
        "Voce fala ingles?": "do you speak english",
        "Onde fica a estacao?": "where is the station",
        "Quem e ele?": "who is he",
        "A vida e bela.": "life is beautiful",
        "O Tom e a Maria.": "tom and maria",  # not "é"
    }
    assert [everyday.plain(text) for text in translator.translate(list(typed))] == list(typed.values())
