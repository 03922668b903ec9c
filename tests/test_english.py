"""English inflection against tables written by hand."""

import pytest

from fmkeras.translation.corpora import phrasebook
from fmkeras.translation.corpora.grammar import english, lexicon


def pairs(table: str):
    words = table.split()
    return list(zip(words[::2], words[1::2], strict=True))


def test_plurals():
    for noun, plural in pairs(
        "book books box boxes city cities day days church churches dish dishes bus buses key keys"
    ):
        assert english.plural(noun) == plural


def test_third_person():
    for verb, form in pairs("eat eats watch watches try tries play plays go goes have has miss misses do does"):
        assert english.third_person(verb) == form


def test_ing():
    table = (
        "eat eating make making stop stopping run running play playing lie lying see seeing fix fixing swim swimming"
    )
    for verb, form in pairs(table + " sleep sleeping be being plan planning rain raining show showing help helping"):
        assert english.ing(verb) == form


def test_past():
    table = (
        "walk walked love loved stop stopped try tried play played open opened plan planned visit visited hug hugged"
    )
    for verb, form in pairs(table + " clean cleaned fix fixed show showed need needed chat chatted"):
        assert english.past(verb) == form


@pytest.mark.parametrize(
    ("form", "who", "expected"),
    [
        *(("present", "I", "am"), ("present", "he", "is"), ("present", "they", "are"), ("past", "you", "were")),
        *(("past", "he", "was"), ("base", "he", "be")),
    ],
)
def test_be(form, who, expected):
    assert english.verb_form("be", form, who) == expected


def test_irregular_verbs_of_the_lexicon():
    forms = {verb.en: verb.en_irregular for verb in lexicon.read(phrasebook._bundled()).verbs}
    table = """eat ate eaten; drink drank drunk; buy bought bought; write wrote written; take took taken;
        break broke broken; lose lost lost; find found found; give gave given; see saw seen; go went gone; put put put;
        forget forgot forgotten; speak spoke spoken; begin began begun; come came come; sing sang sung; make made made;
        know knew known; get got got; drive drove driven; draw drew drawn; teach taught taught; catch caught caught"""
    for line in table.split(";"):
        verb, past, participle = line.split()
        assert english.verb_form(verb, "past", "he", forms[verb]) == past, verb
        assert english.verb_form(verb, "participle", "he", forms[verb]) == participle, verb


@pytest.mark.parametrize(
    ("adjective", "irregular", "more", "most"),
    [
        ("tall", "", "taller", "tallest"),
        ("big", "", "bigger", "biggest"),
        ("nice", "", "nicer", "nicest"),
        ("happy", "", "happier", "happiest"),
        ("thin", "", "thinner", "thinnest"),
        ("grey", "", "greyer", "greyest"),
        ("new", "", "newer", "newest"),
        ("modern", "", "more modern", "most modern"),
        ("interesting", "", "more interesting", "most interesting"),
        ("bored", "more", "more bored", "most bored"),
        ("good", "better/best", "better", "best"),
    ],
)
def test_comparison(adjective, irregular, more, most):
    assert english.compare(adjective, "more", irregular) == more
    assert english.compare(adjective, "most", irregular) == most


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("A old man ate a apple.", "An old man ate an apple."),
        ("a hour at a university", "an hour at a university"),
        ("a European in a useful coat", "a European in a useful coat"),
        ("a honest man, a ugly hat, a one-way street", "an honest man, an ugly hat, a one-way street"),
        ("a unimportant egg", "an unimportant egg"),
        ("I have a lot of data", "I have a lot of data"),
    ],
)
def test_articles(written, said):
    assert english.articles(written) == said


def test_possessive():
    assert english.possessive("my sister", False) == "my sister's"
    assert english.possessive("the boys", True) == "the boys'"
    assert english.possessive("the children", True) == "the children's"


def test_numbers():
    table = {0: "zero", 13: "thirteen", 20: "twenty", 21: "twenty-one", 99: "ninety-nine", 100: "one hundred"}
    table |= {342: "three hundred and forty-two"}
    assert {n: english.number(n) for n in table} == table
