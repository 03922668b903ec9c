"""Files whose columns are turned, and sentences that are in two splits, are said."""

import pytest

from fmkeras import InputError
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import formats
from fmkeras.translation.corpora.sides import by_letters, read_as_translations, turned
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


RUSSIAN = {"кот": "cat", "пёс": "dog", "конь": "horse", "лев": "lion", "волк": "wolf"}
TO_RUSSIAN = [
    (f"The {m} {w} there.", f"Там {n} {i}.") for n, m in RUSSIAN.items() for i, w in enumerate(VERBS.values())
]
FROM_ENGLISH = [(t, f"{s[:-1]}, não está aqui.") for s, t in PAIRS]


def test_letters_tell_the_sides():
    assert by_letters(FROM_ENGLISH, "en", "pt") == by_letters([p[::-1] for p in FROM_ENGLISH], "pt", "en") == 1
    assert by_letters(FROM_ENGLISH, "pt", "en") == by_letters(TO_RUSSIAN, "ru", "en") == 2
    assert by_letters([(s, t.upper()) for s, t in FROM_ENGLISH], "Portuguese", "English") == 2
    plain = [("The house is big.", "Het huis is groot.")] * 9
    assert by_letters(plain, "nl", "en") == by_letters(FROM_ENGLISH, "source", "target") == 0
    assert by_letters(FROM_ENGLISH[:4], "pt", "en") == 0  # too few to say
    mixed = [pair[::-1] if n % 3 else pair for n, pair in enumerate(FROM_ENGLISH)]
    assert by_letters(mixed, "pt", "en") == 0


@pytest.mark.parametrize(("pairs", "asked"), [(FROM_ENGLISH, "pt"), (TO_RUSSIAN, "ru")])
def test_a_file_whose_order_alone_decides_is_said_to_be_turned(tmp_path, pairs, asked):
    """As ManyThings' por.txt: English first, whatever is asked for."""
    path = written(tmp_path / "a.tsv", pairs)
    said = f"train: its sides look turned, for {asked} → en: --source-column 2"
    notes = corpora.load(Settings(dataset=path, source=asked, target="en")).notes
    assert said in notes and not any("--clean" in note or "by order alone" in note for note in notes)
    for options in (dict(source=asked, target="en", source_column=2), dict(source="en", target=asked), {}):
        notes = corpora.load(Settings(dataset=path, **options)).notes
        assert not any("turned" in note or "by order" in note for note in notes)


def test_the_way_round_fits_what_decides_the_sides(tmp_path):
    path = written(tmp_path / "a.tsv", FROM_ENGLISH)
    asked = dict(source="pt", target="en")
    notes = corpora.load(Settings(dataset=path, columns="1,2", **asked)).notes
    assert "train: its sides look turned, for pt → en: swap its --columns" in notes
    path = written(tmp_path / "named.tsv", [("pt", "en"), *FROM_ENGLISH])
    notes = corpora.load(Settings(dataset=path)).notes
    assert "train: its sides look turned, for pt → en: correct the names of its languages" in notes
    notes = corpora.of(FROM_ENGLISH, Settings(**asked)).notes
    assert "train: its sides look turned, for pt → en: turn the pairs round" in notes


def test_cleaning_that_leaves_nothing_is_said(tmp_path):
    path = written(tmp_path / "a.tsv", TO_RUSSIAN)
    with pytest.raises(InputError) as error:
        corpora.load(Settings(dataset=path, source="ru", target="en", clean=True))
    assert "--clean leaves none of" in str(error.value) and "(wrong script 100%): train: its sides" in str(error.value)
    with pytest.raises(
        InputError, match=r"\(wrong script 100%\): leave it out, or mend the file, --source or --target"
    ):
        corpora.load(Settings(dataset=path, source="ar", target="th", clean=True))


def test_an_order_that_nothing_tells_is_said(tmp_path):
    path = written(tmp_path / "a.tsv", [(f"The house is big {n}.", f"Het huis is groot {n}.") for n in range(9)])
    asked = dict(source="nl", target="en")
    said = "by order alone column 1 is nl (The house is big 0.): if not, --source-column 2"
    assert said in formats.read(path, formats.Reading(**asked)).said
    for options in (asked | dict(source_column=2), asked | dict(columns="1,2"), dict(source="nl"), {}):
        assert "by order" not in formats.read(path, formats.Reading(**options)).said
    notes = corpora.load(Settings(dataset=path, validation=path, test=path, **asked)).notes
    assert [note.startswith(path) for note in notes if "by order" in note] == [True]
    path = written(tmp_path / "roles.tsv", [("source", "target"), ("The house.", "Het huis.")])
    assert "by order" not in formats.read(path, formats.Reading(**asked)).said
