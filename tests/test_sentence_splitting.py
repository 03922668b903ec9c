"""Texts cut as a reader would cut them, in eight scripts; each rule is needed; nothing is lost whatever the text."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fmkeras
from fmkeras.translation.corpora import abbreviations, languages, sentence_splitting
from fmkeras.translation.corpora.languages import code_of, guess, join
from fmkeras.translation.corpora.sentence_splitting import RULES, split_sentences

# Language, kind, and the sentences of a text, written for this project.
TABLE = [
    (code, kind, sentences)
    for line in (Path(__file__).parent / "sentences.tsv").read_text(encoding="utf-8").splitlines()
    for code, kind, *sentences in [line.split("\t")]
]


def wrong(language: str | None = None) -> set[str]:
    """The kinds of which a text of the table is not cut as it should be; with its own language, or with another."""
    return {
        kind
        for code, kind, sentences in TABLE
        if split_sentences(join(sentences, code), code if language is None else language) != sentences
    }


def test_sixty_texts_in_twelve_languages_are_cut_as_a_reader_would():
    assert len(TABLE) == 60
    assert {code for code, *_ in TABLE} == {"zh", "ja", "ko", "hi", "ar", "ru", "el", "de", "fr", "es", "pt", "en"}
    right = [split_sentences(join(sentences, code), code) == sentences for code, _, sentences in TABLE]
    assert sum(right) == 60


def test_most_are_cut_right_also_where_nobody_has_named_the_language():
    cut = [split_sentences(join(sentences, code), "source") == sentences for code, _, sentences in TABLE]
    assert sum(cut) >= 57


# A kind of text in the table that goes wrong without the rule, or without the words.
NEEDED = {
    "closing_mark": "quotation",
    "touching": "quotation",
    "quotation": "quotation",
    "enumerator": "enumerator",
    "small_letter": "starter",
    "unit": "unit",
    "abbreviation": "street",
    "numbered": "number",
    "initials": "initials",
    "ordinal": "ordinal",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_is_needed(rule, monkeypatch):
    monkeypatch.setattr(sentence_splitting, "RULES", tuple(other for other in RULES if other is not rule))
    assert NEEDED[rule.__name__] in wrong()


@pytest.mark.parametrize(
    ("table", "kinds"),
    [
        ("inside", {"street", "title", "abbreviation"}),
        ("before_number", {"number", "abbreviation"}),
        ("final", {"starter", "time"}),
        ("starters", {"initials"}),
        ("ordinal", {"ordinal"}),
    ],
)
def test_each_table_of_words_is_needed(table, kinds, monkeypatch):
    full = abbreviations.words
    monkeypatch.setattr(sentence_splitting, "words", lambda code: full(code)._replace(**{table: frozenset()}))
    assert kinds <= wrong()


def test_both_the_library_and_what_it_overlooks_are_needed(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sentence_splitting, "get_sentence_boundaries", lambda code, text: [])
        assert {"question mark", "number", "title"} <= wrong()
    monkeypatch.setattr(sentence_splitting, "_END", re.compile(r"(?!)"))
    assert {"bracket", "starter", "unit"} <= wrong()


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["The train is late.", "Where is the beach?", "Over there!"]),
        ("en", ["“Hi.”", "“Bye,” she said.", "(Really?)", "Yes…", "No."]),
        ("en", ["He is in the U.S. Army now.", "J. K. Rowling (a.k.a. Galbraith) wrote it."]),
        ("pt", ["O Sr. Silva e a Sra. Costa chegaram.", "É tarde.", "Às 10.30 partimos.", "«Olá!»", "Sim."]),
        ("en", ["It costs 3.5 or 10.000, e.g. here.", "10 people came."]),
        ("en", ["He said no. but it goes on."]),
        ("en", ["No stop at the end"]),
        ("es", ["¿Qué?", "¡Sí!"]),
        ("en", ["it did n't work .", "it 's mr. smith 's fault ."]),  # TED's form: small letters, tokens apart
        ("km", ["សួស្តី។", "សុខសប្បាយទេ?"]),
        ("ko", ["네.", "알겠습니다."]),
        ("en", ["Use version 3.5 of Node.js.", "See www.example.com/a.b?c=d for more."]),
        ("de", ["Er wohnt in Zimmer 7.", "Sie ist nett."]),
    ],
)
def test_by_example(language, sentences):
    assert split_sentences(" ".join(sentences), language) == sentences
    assert split_sentences("  \n ".join(sentences) + "\u2028", language) == sentences


def test_without_white_space():
    assert split_sentences("他说：“你好。”我说：“再见！”真的吗？", "zh") == [
        "他说：“你好。”",
        "我说：“再见！”",
        "真的吗？",
    ]
    assert split_sentences("价格是３．５元。《走吧！》是书名。", "Chinese") == [
        "价格是３．５元。",
        "《走吧！》是书名。",
    ]
    assert split_sentences("He left.She came home.", "en") == ["He left.", "She came home."]


def test_a_long_text_takes_no_longer_than_its_length():
    """If it took its square, each of these would be minutes."""
    assert split_sentences("." * 300_000, "pt") == ["." * 300_000]
    assert split_sentences("Ele comprou uma casa. " * 9000, "pt") == ["Ele comprou uma casa."] * 9000


def test_no_text_has_no_sentences():
    assert split_sentences("", "en") == split_sentences(" \t\n", "zh") == []


def test_it_is_public():
    assert fmkeras.split_sentences("Bom dia. Tudo bem?", "Portuguese") == ["Bom dia.", "Tudo bem?"]


SIGNS = [*"abAB .?!…,;:()'\"“”«»「」。！？、।؟۔3٣\u3000\u2028अाДжд́", "e.g.", "No. ", "\ud800"]
ANY = st.one_of(st.text(max_size=50), st.lists(st.sampled_from(SIGNS)).map("".join))
LANGUAGES = st.sampled_from(["en", "pt", "German", "zh", "ja", "hi", "ar", "el", "ru", "ko", "th", "Klingon", ""])


@example("A\u3000A. B", "hi")  # on this sentencex itself stops with a panic
@example("a\ud800. B", "en")
@given(ANY, LANGUAGES)
def test_nothing_is_lost(text, language):
    sentences = split_sentences(text, language)
    assert all(sentence == " ".join(sentence.split()) != "" for sentence in sentences)
    assert "".join("".join(sentences).split()) == "".join(join(sentences, language).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *[(name, "pt") for name in ("pt", "Português", "por", "pt-BR", "Brazilian Portuguese")],
        *[(name, "zh") for name in ("CHINESE", "zh_Hans", "Chinese (Simplified)", "中文")],
        *[("français", "fr"), ("German", "de"), ("한국어", "ko"), ("Ελληνικά", "el")],
        *[("source", ""), ("", ""), ("Klingon", "")],
    ],
)
def test_names_of_languages(name, code):
    assert code_of(name) == code


def test_no_name_stands_for_two_languages():
    names = [name for group in languages._NAMES.replace("\n", "|").split("|") for name in group.split()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("你好", "zh"),
        ("漢字とかな", "ja"),
        ("안녕", "ko"),
        ("नमस्ते", "hi"),
        ("Привет", "ru"),
        ("hello", ""),
        ("123 !", ""),
    ],
)
def test_the_script_stands_for_a_language(text, code):
    assert guess(text) == code


@pytest.mark.parametrize(
    ("sentences", "language", "text"),
    [
        (["你好。", "再见。"], "zh", "你好。再见。"),
        (["你好。", "再见。"], "target", "你好。再见。"),
        (["はい。", "「いいえ」"], "Japanese", "はい。「いいえ」"),
        (["OK.", "Bye."], "zh", "OK. Bye."),
        (["OK.", "好的。"], "zh", "OK.好的。"),
        (["สวัสดีครับ", "ผมชื่อสมชาย"], "Thai", "สวัสดีครับ ผมชื่อสมชาย"),
        (["안녕.", "네."], "ko", "안녕. 네."),
        (["Oi.", "", " Tchau. "], "pt", "Oi. Tchau."),
        ([], "pt", ""),
    ],
)
def test_sentences_are_joined_as_their_language_writes_them(sentences, language, text):
    assert join(sentences, language) == text


@pytest.mark.parametrize("given", [(None,), (b"a. b.",), (5,), (["A. B."],), ("Hi. There.", None), ("Hi.", 5)])
def test_what_is_no_text_is_refused(given):
    with pytest.raises(fmkeras.InputError, match="give a string"):
        fmkeras.split_sentences(*given)
