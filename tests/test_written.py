"""The written part of the bundled corpus: its files, its splits, and that it is what it says."""

import re
import shutil
from collections import Counter

import pytest

from fmkeras import InputError
from fmkeras.translation.corpora import phrasebook, written

FOLDER = phrasebook._bundled()
PAIRS = written.read(FOLDER / phrasebook.WRITTEN)


@pytest.fixture(scope="module")
def corpus():
    return phrasebook.load(2_000)


def test_there_are_as_many_as_the_readme_says():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(PAIRS) >= 15_000
    assert f"{len(PAIRS):,} pairs" in readme
    assert f"{len({pair.subject for pair in PAIRS})} subjects" in readme


def test_no_sentence_stands_twice():
    keys = Counter(" ".join(re.findall(r"\w+", pair.pt.casefold())) for pair in PAIRS)
    assert not [key for key, times in keys.items() if times > 1]


def test_pairs_look_like_pairs():
    for pair in PAIRS:
        for text in pair[:2]:
            assert text == " ".join(text.split()) and len(text.split()) <= 40, text
            assert re.search(r"[.!?…][\"')]*$", text), text
        asks = [re.search(r"\?[\"')]*$", text) is not None for text in pair[:2]]
        assert asks[0] == asks[1] or pair.pt.startswith("Será que"), pair  # "I wonder if ..."


def test_lengths_and_varieties_are_as_meant():
    words = sorted(len(pair.en.split()) for pair in PAIRS)
    assert words[0] <= 2 and words[len(words) // 2] <= 10 and words[int(0.97 * len(words))] >= 14
    varieties = Counter(pair.variety for pair in PAIRS)
    assert min(varieties[name] for name in ("pt-PT", "pt-BR")) > len(PAIRS) / 10
    registers = Counter(pair.register for pair in PAIRS)
    assert set(registers) <= {"everyday", "travel", "story", "talk"}
    assert registers["talk"] + registers["story"] > len(PAIRS) / 6


def test_whole_stories_are_held_out():
    """No two splits share a story: each split holds a run of lines between two empty ones."""
    for path in sorted((FOLDER / phrasebook.WRITTEN).glob(f"*{written.STORIES}.tsv")):
        stories = re.split(r"\n\n+", path.read_text(encoding="utf-8").strip().partition("\n")[2])
        assert len(stories) > 10
        split_of = {pair.pt: pair.split for pair in PAIRS if pair.subject == path.stem}
        for i, story in enumerate(stories):
            splits = {split_of[line.split("\t")[0]] for line in story.splitlines()}
            assert splits <= {written.SPLITS[i % 5], "train"}  # train: what is said elsewhere, too
    assert {pair.split for pair in PAIRS if not pair.subject.endswith(written.STORIES)} == {"train"}


def test_what_is_held_out_stands_nowhere_else(corpus):
    own = corpus[corpus.pattern == phrasebook.WRITTEN]
    assert set(own[own.split == "test"].part) == {phrasebook.WRITTEN}
    assert len(own[own.split == "test"]) > 300 and len(own[own.split == "validation"]) > 150
    for column in ("pt", "en"):
        train = set(corpus[corpus.split == "train"][column])
        assert not train & set(own[own.split != "train"][column])


def test_every_sample_holds_all_of_them(corpus):
    own = Counter(corpus[corpus.pattern == phrasebook.WRITTEN].pt)
    assert set(own) == {pair.pt for pair in PAIRS}
    first = {pair.pt for pair in PAIRS if pair.subject in written.FIRST}
    often = {pt: 6 if pt in first and len(pt.split()) <= 3 else 2 if pt in first else 1 for pt in own}
    assert own == often and len(first) > 5_000


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Olá.\tHello.", "column variety: 2 cells, not 3"),
        ("Olá.\tHello.\tpt\tx", "4 cells, not 3: one tab between two cells"),
        ("\tHello.\tpt", "column pt: is empty"),
        ("Olá.\tHello.\tbr", "'br' is not one of pt, pt-PT, pt-BR"),
        ("Bom dia.\tGood day.\tpt", "this sentence stands in a.tsv, line 2 already"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, problem):
    (tmp_path / "a.tsv").write_text("pt\ten\tvariety\nBom dia.\tGood morning.\tpt\n", encoding="utf-8")
    (tmp_path / "b.tsv").write_text(f"pt\ten\tvariety\n\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        written.read(tmp_path)
    assert "b.tsv, line 3" in str(caught.value) and problem in str(caught.value)


def test_quotes_are_text(tmp_path):
    line = 'Ele disse: "Vem, Ana!"\tHe said, "Come, Ana!"\tpt'
    (tmp_path / "a.tsv").write_text(f"pt\ten\tvariety\n{line}\n", encoding="utf-8")
    assert written.read(tmp_path)[0][:2] == ('Ele disse: "Vem, Ana!"', 'He said, "Come, Ana!"')


def test_without_written_files_the_rest_is_there(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "p", ignore=shutil.ignore_patterns(phrasebook.WRITTEN))
    table = phrasebook.load(400, folder=tmp_path / "p")
    assert len(table) == 400 and phrasebook.WRITTEN not in set(table.part)
