"""What people type and pipe in: what nobody sees in it, names with dots, sentences longer than any learnt."""

import dataclasses
import io
import unicodedata
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import call

import fmkeras
from fmkeras import InputError, cli
from fmkeras.translation.corpora import accents, corpus, phrasebook, textform
from fmkeras.translation.corpora.sentence_splitting import split_sentences
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.inference import evaluation_sets, scoring
from fmkeras.translation.inference.hypotheses import Hypothesis
from fmkeras.translation.inference.parting import GUESS, Parting
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.training import fitting

UNKNOWN_TO_IT = {
    "soft hyphen": "um do\u00adis três",
    "zero-width space": "um \u200bdois três",
    "a byte-order mark within": "\ufeffum dois três",
    "a mark of direction": "um dois\u200e três",
    "control characters": "um\x02dois\x1btrês",
    "half a surrogate pair": "um dois\ud83d três",
}


@pytest.mark.parametrize("text", UNKNOWN_TO_IT.values(), ids=UNKNOWN_TO_IT)
def test_what_nobody_sees_changes_no_translation(text, quick_translator):
    translator = fmkeras.load_translator(quick_translator)
    assert translator.parts(text) == ["um dois três"]


def test_a_model_that_has_learnt_invisible_characters_sees_them():
    """As Persian's zero-width non-joiner, and the quotation marks of a book."""
    lines = ["می\u200cروم و می\u200cآیم", "“um” — dois…"]
    parting = Parting(Tokenizer.train(lines * 20, 400), fmkeras.Settings(source="pt"))
    for line in lines:
        assert parting.parts(line, split=False) == [line]
    assert parting.parts("um\u00ad «dois»", split=False) == ['um "dois"']


def test_quotation_marks_that_it_does_not_know_are_those_of_a_keyboard():
    parting = Parting(Tokenizer.train(["\"um\" dois - 'três'..."] * 20, 300), fmkeras.Settings(source="pt"))
    assert parting.parts("“um” dois – ‘três’…") == ["\"um\" dois - 'três'..."]


def test_capitals_are_read_in_small_letters_where_few_were_learnt():
    lines = ["Obrigado pela sua ajuda!", "Onde fica a estação?", "O TOM e a NATO"] * 20
    parting = Parting(Tokenizer.train(lines, 420), fmkeras.Settings(source="pt"))
    assert parting.parts("OBRIGADO PELA SUA AJUDA! ONDE FICA?") == ["Obrigado pela sua ajuda!", "Onde fica?"]
    for line in ("NATO", "O TOM e a NATO", "12345678", "你好你好你好", "OK!"):
        assert parting.parts(line) == [line]
    loud = Parting(Tokenizer.train([line.upper() for line in lines], 420), fmkeras.Settings(source="pt"))
    assert loud.parts("OBRIGADO PELA SUA AJUDA!") == ["OBRIGADO PELA SUA AJUDA!"]


def test_turkish_has_two_letters_i():
    assert textform.sentence_case("IŞIK İYİ", "tr") == "Işık iyi" and textform.sentence_case("¡HI!", "en") == "¡Hi!"


@pytest.mark.parametrize(
    "text",
    [
        "Abra o ficheiro README.TXT agora.",
        "VISITE WWW.EXEMPLO.COM HOJE.",
        "Use ASP.NET Core now.",
        "She uses Socket.IO and Three.JS daily.",
        "I booked on Booking.Com yesterday.",
    ],
)
def test_names_with_a_dot_in_them_are_whole(text):
    assert split_sentences(text) == [text]
    assert split_sentences("He left.She came home.", "en") == ["He left.", "She came home."]


def test_a_sentence_longer_than_those_learnt_from_is_cut():
    """Else a model stops where its training sentences did, and the rest is lost without a word."""
    tokenizer = Tokenizer.train(["um dois três quatro"] * 20, 300)
    settings = fmkeras.Settings(source="pt", longest_source=12)
    text, said = " ".join(["um dois três quatro,"] * 6), []
    parts = Parting(tokenizer, settings).parts(text, on_cut=said.append)
    assert said == [text] and " ".join(parts) == text
    assert max(map(len, tokenizer.encode(parts))) <= 12
    assert Parting(tokenizer, fmkeras.Settings(source="pt")).parts(text) == [text]  # a run of an earlier version


def test_how_long_sentences_are_that_it_has_learnt_from():
    lengths = np.array([5] * 900 + [30] * 99 + [120])
    assert fitting.longest_source(lengths) == 120
    assert fitting.longest_source(np.array([30] * 9999 + [120])) == 30
    assert fitting.longest_source(np.array([2, 3])) == fitting.UNCUT
    before = fmkeras.Settings(longest_source=60)
    assert fitting.longest_source(np.array([30, 30]), fmkeras.Settings()) == 0  # of an earlier version: not known
    assert fitting.longest_source(np.array([30, 30]), before) == 60
    assert fitting.longest_source(np.array([30, 30]), dataclasses.replace(before, task="denoise")) == 30


def test_scores_do_not_depend_on_how_accents_are_stored():
    lines = ["Tôi rất thích đọc sách vào buổi tối.", "Hôm nay trời đẹp quá, phải không?", "한국어를 공부하고 있습니다."]
    decomposed = [unicodedata.normalize("NFD", line) for line in lines]
    found = scoring.scores(lines, decomposed, more=[[decomposed[0], None, None]])
    assert found["bleu"] == pytest.approx(100) and found["chrf"] == pytest.approx(100)
    assert scoring.bleu(decomposed, lines)[0] == pytest.approx(100)


def test_ted_s_form_has_one_apostrophe_and_opening_quotation_marks():
    assert textform.apply("The doctors’ idea.", "ted", "en") == textform.apply("The doctors' idea.", "ted", "en")
    assert textform.apply('He said—"go".', "ted", "en").startswith("he said — `` go ''")
    assert textform.apply('Diga:"Olá".', "ted", "pt") == "diga : `` olá '' ."


def test_capitals_are_no_guess_where_the_model_reads_small_letters():
    tokenizer, said = Tokenizer.train(["obrigado pela sua ajuda !"] * 20, 300), []
    settings = fmkeras.Settings(source="pt", target="en", style="ted")
    translator = Translator(None, tokenizer, settings, Silent())
    translator.translate(["OBRIGADO PELA SUA AJUDA!"], on_doubt=lambda *doubt: said.append(doubt))
    assert not said
    translator.translate(["你好你好"], on_doubt=lambda *doubt: said.append(doubt))
    assert said == [(GUESS.format(source="pt", target="en"), "你好你好")]


class Silent:
    """An engine that says nothing."""

    def translate(self, sources, options):
        return ((i, [Hypothesis([], 0.0, False)]) for i in range(len(sources)))


def test_attention_is_that_of_the_translation_that_is_given():
    translator = fmkeras.load_translator("bundled", "keras")
    source, target, _ = translator.attention("onde fica a praia")
    assert (source[-2:], target[-2:]) == (["?", "</s>"], ["?", "</s>"])
    text = translator.tokenizer.processor.decode_pieces(target[:-1])
    assert [text] == translator.translate(["onde fica a praia"], beam=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["um dois três. Quatro cinco!"], "draws one sentence, and this text is translated in"),
        (["um dois", "--max-length", "5"], "leave --max-length out"),
        (["um dois", "--length-penalty", "0.5"], "leave --length-penalty out"),
    ],
)
def test_an_attention_map_is_of_what_is_printed(words, said, quick_translator, tmp_path):
    ended = call("translate", "text", "--run", quick_translator, "--attention", tmp_path / "map.png", *words)
    assert ended.returncode == 2 and said in ended.stderr and not (tmp_path / "map.png").exists()


def test_text_that_is_not_utf_8_is_said(quick_translator, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("um dois\n".encode("utf-16-le"))))
    with pytest.raises(InputError, match="standard input, line 1: it has a NUL byte"):
        list(cli.input_lines())
    ended = call("translate", "text", "--run", quick_translator, "tr\udceas dois")
    assert ended.returncode == 2 and "is not UTF-8 text" in ended.stderr


def test_lines_too_long_to_score_are_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("um\n" + "dois " * 500 + "\ntrês\n")
    (tmp_path / "b.txt").write_text("one\ntwo\nthree\n")
    found = evaluation_sets.load_texts(str(tmp_path / "a.txt"), [str(tmp_path / "b.txt")])
    assert found.sources == ["um", "três"] and found.references == ["one", "three"]
    assert any("3 lines read, 1 with over 2,000 characters left out" in note for note in found.notes)
    assert not any("without source" in note for note in found.notes)


def test_how_training_lines_begin_and_end_is_known():
    lines = ["Onde fica a praia?"] * 30 + ["Bom dia."] * 60 + ["“Olá!"] * 10
    assert (corpus.end_marks(lines), corpus.capitals(lines)) == (".?!", True)
    assert (corpus.end_marks(["你好。", "再见！"]), corpus.capitals(["你好。", "再见！"])) == ("。！", False)
    assert corpus.end_marks([*lines, "Uma praia", "Um dia"]) == ".?! "
    words = ["praia", "dia", "Olá."]
    assert (corpus.end_marks(words), corpus.capitals(words)) == ("", False)
    assert (corpus.end_marks([]), corpus.capitals([])) == ("", False)
    assert corpus.capitals(["Bom dia.", "12 dias.", "3 de maio."]) and not corpus.capitals(["12.", "3."])


def test_a_sentence_without_a_mark_may_have_any_of_them():
    tokenizer = Tokenizer.train(["Onde fica a praia? Bom dia."] * 20, 300)
    parting = Parting(tokenizer, fmkeras.Settings(source="pt", end_marks=".?", capitals=True))
    assert parting.forms("onde fica a praia") == {"Onde fica a praia.": 0, "Onde fica a praia?": 0}
    assert parting.forms("Bom dia.") == {"Bom dia.": 0} and parting.forms("bom dia!") == {"Bom dia!": 0}
    assert parting.forms("2 dias.") == {"2 dias.": 0}, "and not Dias"
    assert parting.forms("“bom dia”") == {"“Bom dia.”": 0, "“Bom dia?”": 0} and parting.forms("ß") == {"ß.": 0, "ß?": 0}
    ted = Parting(tokenizer, fmkeras.Settings(source="pt", end_marks=".", style="ted"))
    assert ted.forms("bom dia") == ted.forms("bom dia .") == {"bom dia .": 0}
    assert Parting(tokenizer, fmkeras.Settings(source="pt")).forms("bom dia") == {"bom dia": 0}
    some = Parting(tokenizer, fmkeras.Settings(source="pt", end_marks=". "))
    assert some.forms("bom dia") == {"bom dia.": 0, "bom dia": 0}


def test_the_form_that_is_translated_best_is_meant():
    class Asking(Silent):
        """An engine that likes questions, and says how many tokens it was given."""

        def translate(self, sources, options):
            texts = tokenizer.decode(sources)
            given.append(texts)
            return (
                (i, [Hypothesis(tokenizer.encode([text])[0][:-1], float(text.endswith("?")), False)])
                for i, text in enumerate(texts)
            )

    tokenizer, given = Tokenizer.train(["Onde fica a praia? Bom dia."] * 20, 300), []
    settings = fmkeras.Settings(source="pt", target="en", end_marks=".?", capitals=True)
    translator = Translator(None, tokenizer, settings, Asking())
    assert translator.translate(["onde fica a praia", "Bom dia.", "onde fica a praia"]) == [
        "Onde fica a praia?",
        "Bom dia.",
        "Onde fica a praia?",
    ]
    assert given == [["Onde fica a praia.", "Onde fica a praia?", "Bom dia."]]


def test_the_bundled_translator_knows_the_form_of_its_lines():
    settings = fmkeras.load_translator("bundled").settings
    table = phrasebook.load()
    sources = table[table["split"] == "train"]["pt"].tolist()
    assert settings.end_marks == corpus.end_marks(sources) and settings.capitals == corpus.capitals(sources)
    assert (settings.accented, settings.homographs) == accents.accented(sources)
