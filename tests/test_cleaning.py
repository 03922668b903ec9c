"""What `--clean` leaves out, and what it must not."""

import pytest

from fmkeras.translation.corpora import alphabets, cleaning, corpus
from fmkeras.translation.corpora.cleaning import Cleaner
from fmkeras.translation.settings import Settings

GOOD = [
    ("Sim.", "Yes, I certainly do think so."),  # a word can take a sentence to say
    ("Tom Jackson", "Tom Jackson"),
    ("3,14", "3,14"),
    ("O CD custa 5 €.", "The CD costs 5 €."),
    ("Ele disse \u00abolá\u00bb & saiu.", "He said 'hi' & left."),
    ("2 < 3 e 3 > 2", "2 < 3 and 3 > 2"),
    ("A letra Ω é grega.", "The letter Ω is Greek."),
    ("Não sei o que dizer sobre isto.", "I don't know what to say about this."),
]
WRONG = [
    ("Uma frase que é bastante comprida e diz muito.", "Short.", "unlike length"),
    ("Oi.", "This is a very long sentence that says much more than it should.", "unlike length"),
    ("Clique aqui para mais", "Clique aqui para mais", "untranslated"),
    ("boa noite", "Boa  noite", "untranslated"),
    ("<b>Olá</b>, mundo.", "Hello, world.", "markup"),
    ("Pão &amp; vinho.", "Bread and wine.", "markup"),
    ("Olá, mundo.", "Привет, мир.", "wrong script"),
]
ENTITIES = ["&apos;", "&eacute;", "&rsquo;", "&mdash;", "&Aacute;", "&#8217;", "&frac12;"]


@pytest.mark.parametrize(("source", "target"), GOOD)
def test_good_pairs_stay(source, target):
    assert Cleaner("pt", "en").fault((source, target)) == ""


@pytest.mark.parametrize(("source", "target", "reason"), WRONG)
def test_wrong_pairs_go(source, target, reason):
    assert Cleaner("pt", "en").fault((source, target)) == reason


def test_all_entities_of_html_are_markup():
    assert all(cleaning.marked_up(f"um{entity} dois") for entity in ENTITIES)
    assert not any(map(cleaning.marked_up, ["Silva & Filhos; e Ana", "a &b; c", "R&D; Q&A;", "&;"]))


@pytest.mark.parametrize(
    ("language", "text", "foreign"),
    [
        ("ja", "これはペンです。", False),
        ("zh", "这是一本书。", False),
        ("zh", "This is a book.", True),
        ("Russian", "Это книга.", False),
        ("uk", "This is English.", True),
        ("sr", "Ово је књига.", False),
        ("sr", "Ovo je knjiga.", False),
        ("Klingon", "Это книга.", False),
        ("en", "42!", False),
    ],
)
def test_scripts(language, text, foreign):
    assert alphabets.foreign(text, language) is foreign


def test_usual_lengths_are_those_of_the_file():
    """Chinese takes a third of the signs that English takes."""
    pairs = [
        (
            f"这是第{i}本关于中国历史的书，很有意思。",
            f"This is book number {i} on the history of China, and very interesting.",
        )
        for i in range(50)
    ]
    cleaner = Cleaner("zh", "en")
    assert list(cleaner.clean(pairs)) == pairs and not cleaner.dropped


def test_counts_and_examples():
    pairs = [*GOOD, *((source, target) for source, target, _ in WRONG), ("SIM!", "yes, i certainly do think so")]
    cleaner = Cleaner("pt", "en")
    assert list(cleaner.clean(pairs)) == GOOD
    assert cleaner.dropped == {
        "unlike length": 2,
        "untranslated": 2,
        "markup": 2,
        "wrong script": 1,
        "near-duplicates": 1,
    }
    assert cleaner.read == len(pairs) and cleaner.share == 8 / 16
    notes = cleaner.notes()
    assert notes[0] == "--clean: 8 of 16 pairs left out"
    assert any("near-duplicates 1, such as SIM! | yes" in note for note in notes)


def test_only_training_pairs_are_cleaned_and_only_if_asked(tmp_path):
    path = tmp_path / "pairs.tsv"
    rows = [f"frase número {i}\tsentence number {i}\n" for i in range(200)]
    path.write_text("".join(rows) + "".join(f"<p>{i}</p> texto\t{i} text\n" for i in range(100)), encoding="utf-8")
    asked = dict(dataset=str(path), source="pt", target="en")
    as_it_is = corpus.load(Settings(**asked))
    assert any("markup 3" in note and "--clean leaves them out" in note for note in as_it_is.notes)
    clean = corpus.load(Settings(**asked, clean=True))
    assert not any("<p>" in source for source, _ in clean.train)
    assert clean.test == as_it_is.test and clean.validation == as_it_is.validation
    assert any(note.startswith("--clean: ") for note in clean.notes)


def test_nothing_is_recommended_for_good_data():

    assert cleaning.recommended(GOOD, "pt", "en") == ""
