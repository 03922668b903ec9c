"""Sentences without translations: no pair remains, nothing of validation and test is among them."""

import gzip

import pytest

from fmkeras import InputError
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import monolingual
from fmkeras.translation.corpora.tokenizer import normalise
from fmkeras.translation.settings import NONE, Settings


def lines(path, *sentences: str) -> str:
    path.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def pairs(tmp_path) -> str:
    """As many different sentences in one language as in the other."""
    rows = [f"frase número {i} aqui\tsentence number {i} here" for i in range(200)]
    return lines(tmp_path / "pairs.tsv", *rows, rows[0], "frase número 0 aqui\tsentence number 1 here")


def load(**settings) -> monolingual.Texts:
    return monolingual.load(Settings(**settings))


def test_a_corpus_is_taken_apart(pairs):
    settings = dict(dataset=pairs, source="pt", target="en")
    corpus = corpora.load(Settings(**settings))
    texts = load(**settings)
    assert set(texts.train) == {"pt", "en"} and texts.dataset == pairs and texts.style == "plain"
    assert set(texts.train["en"]) == {target for _, target in corpus.train}
    assert len(set(texts.train["pt"])) == len(texts.train["pt"])
    translations = dict(corpus.train)
    in_place = sum(translations[pt] == en for pt, en in zip(texts.train["pt"], texts.train["en"], strict=False))
    assert len(texts.train["pt"]) == len(texts.train["en"]) == 181 and in_place < 10
    assert texts.validation["pt"] == [source for source, _ in corpus.validation]


def held_out_of(settings: dict) -> None:
    corpus, texts = corpora.load(Settings(**settings)), load(**settings)
    held_out = {normalise(side) for pair in corpus.validation + corpus.test for side in pair}
    assert held_out and all(len(side) > 1000 for side in texts.train.values())
    for side in texts.train.values():
        assert not held_out & set(map(normalise, side))


@pytest.mark.slow
def test_nothing_of_validation_and_test_is_in_the_phrasebook_s_text():
    held_out_of({"dataset": "phrasebook"})


def test_nor_if_one_side_of_a_pair_is_in_the_training_pairs(tmp_path):
    train = [f"frase {i}\tsentence {i}" for i in range(40)]
    lines(tmp_path / "train.tsv", *train, "bom dia\tgood day", "boa noite\tgood night", "ola\tfrase de fora")
    lines(tmp_path / "validation.tsv", "bons dias\tgood  day", "frase de fora\tsentence from outside")
    lines(tmp_path / "test.tsv", "boa  noite\tgood evening")
    texts = load(dataset=str(tmp_path), source="pt", target="en")
    assert set(texts.train["pt"]) == {f"frase {i}" for i in range(40)} | {"bom dia", "ola"}
    assert set(texts.train["en"]) == {f"sentence {i}" for i in range(40)} | {"good night"}


def test_what_is_validated_on_is_learnt_in_no_language(tmp_path):
    sentences = [f"número {i}" for i in range(100)]
    files = [lines(tmp_path / f"{language}.txt", *sentences) for language in ("pt", "gl")]
    texts = load(dataset=NONE, text=[f"pt={files[0]}", f"gl={files[1]}"])
    validation = set(texts.validation["pt"]) | set(texts.validation["gl"])
    assert len(texts.validation["pt"]) == len(texts.validation["gl"]) == 5
    assert not validation & (set(texts.train["pt"]) | set(texts.train["gl"]))
    assert len(texts.train["pt"]) == 100 - len(validation)


def test_nothing_of_validation_and_test_is_in_the_rehearsal_s_text(rehearsal, monkeypatch):
    from fmkeras.translation.corpora import ted

    monkeypatch.setattr(ted, "load", lambda: rehearsal)
    held_out_of({"dataset": "ted", "skip": 10_000})


def test_nor_in_a_file_beside_it(pairs, tmp_path):
    corpus = corpora.load(Settings(dataset=pairs))
    told = [target for _, target in corpus.test[:3]] + [f"something else {i}" for i in range(30)]
    file = lines(tmp_path / "more.txt", *told, told[0] + "  ")
    texts = load(dataset=pairs, source="pt", target="en", text=[f"en={file}"])
    assert not set(told[:3]) & set(texts.train["en"]) and set(told[3:]) < set(texts.train["en"])
    assert any("being in validation or test: 4" in note for note in texts.notes)
    assert any("34 lines of en" in note for note in texts.notes)


def test_pairs_to_fine_tune_on_are_left_out(pairs):
    settings = dict(dataset=pairs, source="pt", target="en")
    first = corpora.load(Settings(**settings, limit=50)).train
    texts = load(**settings, skip=50)
    assert not {source for source, _ in first[1:]} & set(texts.train["pt"])
    assert any("the first 50 pairs left out" in note for note in texts.notes)


def test_text_files_alone(tmp_path):
    pt = lines(tmp_path / "pt.txt", *(f"frase {i}" for i in range(100)), "", "\u200b", "frase 1", "x\x07y")
    with gzip.open(tmp_path / "en.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\ufeff" + "".join(f"sentence {i}\r\n" for i in range(40)))
    texts = load(dataset=NONE, text=[f"pt={pt}", f"en={tmp_path}/en.txt.gz"])
    assert texts.name == "pt.txt, en.txt.gz" and texts.dataset == NONE
    assert len(texts.train["pt"]) == 96 and len(texts.validation["pt"]) == 5  # of 101
    assert len(texts.train["en"]) == 38 and len(texts.validation["en"]) == 2
    assert not set(texts.train["pt"]) & set(texts.validation["pt"])
    assert {"x y", "sentence 0"} < {
        s for part in (texts.train, texts.validation) for side in part.values() for s in side
    }
    assert any("2 blank, 1 duplicate" in note for note in texts.notes)


@pytest.mark.parametrize(
    ("names", "languages"),
    [
        (("Portuguese", "en-GB"), {"pt": 181 + 38, "en": 181 + 38}),
        (("pt", "Galego"), {"pt": 181 + 38, "en": 181, "Galego": 38}),
    ],
)
def test_one_language_has_one_name(names, languages, pairs, tmp_path):
    files = [lines(tmp_path / f"{i}.txt", *(f"outra {name} {n}" for n in range(38))) for i, name in enumerate(names)]
    text = [f"{name}={file}" for name, file in zip(names, files, strict=True)]
    texts = load(dataset=pairs, source="pt", target="en", text=text)
    assert {name: len(side) for name, side in texts.train.items()} == languages | (
        {"Galego": 37} if "Galego" in languages else {}
    )


def test_two_forms_of_a_language_stay_two(tmp_path):
    text = [f"{name}={lines(tmp_path / name, *(f'{name} {n}' for n in range(40)))}" for name in ("pt-PT", "pt-BR")]
    assert set(load(dataset=NONE, text=text).train) == {"pt-PT", "pt-BR"}


def test_a_limit_is_of_each_language(pairs):
    texts = load(dataset=pairs, source="pt", target="en", limit=30)
    assert [len(side) for side in texts.train.values()] == [30, 30]
    assert [len(side) for side in texts.validation.values()] == [9, 9]


def test_the_order_is_the_seed_s(pairs):
    first, again, other = (load(dataset=pairs, seed=seed).train for seed in (0, 0, 1))
    assert first == again != other


def test_the_vocabulary_is_learnt_from_some_of_very_many(pairs):
    texts = load(dataset=pairs, source="pt", target="en")
    everything = [sentence for side in texts.train.values() for sentence in side]
    assert list(texts.sample()) == everything
    assert 0.4 * 50 <= len(list(texts.sample(most=50))) <= 52


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"text": ["news.txt"]}, "name the language before the file, as in --text pt=news.txt"),
        ({"text": ["=news.txt"]}, "name the language"),
        ({"text": ["<s>=news.txt"]}, "name the language"),
        ({"text": ["pt="]}, "name the language"),
        ({"text": []}, "leaves nothing to learn from"),
        ({"text": ["pt={}/absent.txt"]}, "absent.txt cannot be read"),
        ({"text": ["pt={}/few.txt"]}, "2 different sentences of pt are too few: give 20 at least"),
        ({"text": ["pt={}/latin.txt"]}, "latin.txt, line 2, byte 2: not UTF-8"),
        ({"text": ["pt={}/nul.txt"]}, "nul.txt, line 1: a NUL byte"),
        ({"text": ["pt={}/few.txt"], "skip": 5}, "--skip 5 leaves out pairs of a corpus: name it with --dataset"),
        ({"dataset": "{}/pairs.tsv", "source": "en", "target": "en"}, "both languages are called en: name them apart"),
        (
            {"text": ["pt={}/pairs.tsv"]},
            "pairs.tsv: a table or file of pairs, and no plain text: name it with --dataset",
        ),
        ({"text": ["pt={}/tabs.txt"]}, "tabs.txt: a table or file of pairs"),
        ({"text": ["pt={}/records"]}, "records: a table or file of pairs"),
        ({"dataset": "{}/pairs.tsv", "skip": 10_000}, "--skip 10,000 leaves none of 182 pairs"),
    ],
)
def test_says_what_is_wrong(settings, said, tmp_path, pairs):
    lines(tmp_path / "few.txt", "one", "two", "one")
    (tmp_path / "latin.txt").write_bytes("ola\nolá\n".encode("latin-1").replace(b"ol\xe1", b"o\xe1l"))
    (tmp_path / "nul.txt").write_bytes(b"a\0b\n")
    lines(tmp_path / "tabs.txt", "um\tone", "dois\ttwo", "três")
    lines(tmp_path / "records", *['{"pt": "um", "en": "one"}'] * 3)
    settings = {"dataset": NONE} | settings
    settings["dataset"] = settings["dataset"].format(tmp_path)
    settings["text"] = [text.format(tmp_path) for text in settings.get("text", [])]
    with pytest.raises(InputError) as error:
        load(**settings)
    assert said in str(error.value) and "\n" not in str(error.value)
