"""Files whose columns are turned, and sentences that are in two splits, are said."""

import pytest

from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora.sides import read_as_translations, turned
from fmkeras.translation.settings import Settings

NOUNS = {"gato": "cat", "cão": "dog", "rato": "mouse", "peixe": "fish", "pato": "duck"}
VERBS = {"dorme": "sleeps", "come": "eats", "corre": "runs", "canta": "sings", "olha": "looks"}
PAIRS = [(f"O {n} {v} ali.", f"The {m} {w} there.") for n, m in NOUNS.items() for v, w in VERBS.items()]


def written(path, pairs):
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("option", ["validation", "test"])
def test_a_file_with_turned_columns_is_said(tmp_path, option):
    train = written(tmp_path / "train.tsv", PAIRS)
    others = [(f"Um {n} e um {m}.", f"A {NOUNS[n]} and a {NOUNS[m]}.") for n in NOUNS for m in NOUNS]
    said = f"{option}: its sides look turned"
    for pairs, expected in ((others, False), ([pair[::-1] for pair in others], True)):
        other = written(tmp_path / "other.tsv", pairs)
        notes = corpora.load(Settings(dataset=train, **{option: other})).notes
        assert any(note.startswith(said) for note in notes) is expected


def test_scripts_without_spaces_have_sides_too_and_one_language_has_none():
    chinese = [("我想吃饭。", "I want to eat."), ("你好吗？", "How are you?"), ("我很好。", "I am fine.")] * 3
    assert turned(chinese, [pair[::-1] for pair in chinese]) and not turned(chinese, chinese)
    same = [(f"The {m} {w} there.", f"the {m} {w} there") for m in NOUNS.values() for w in VERBS.values()]
    assert not turned(same[::2], same[1::2])
    assert not turned(chinese, [])


def test_sources_that_read_as_translations_do():
    sources, references = zip(*PAIRS, strict=True)
    poor = [f"The {m} {m} there there." for m in NOUNS.values()] * 5
    assert read_as_translations(poor, references, sources) and not read_as_translations(poor, sources, references)
    assert not read_as_translations(["Yes."] * 4, references[:4], sources[:4])  # too few to say


def test_test_sentences_that_choose_the_weights_are_said(tmp_path):
    train, other = written(tmp_path / "train.tsv", PAIRS), written(tmp_path / "other.tsv", [("Olá.", "Hello.")] * 3)
    notes = corpora.load(Settings(dataset=train, validation=other, test=other)).notes
    assert "test: 3 of 3 sources are in validation, too" in notes
