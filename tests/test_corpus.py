"""Sentence pairs from wherever a user has them, in either direction, every one accounted for."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest

from fmkeras.errors import InputError
from fmkeras.translation.corpora import corpus, facts, formats, held_out, phrasebook, ted
from fmkeras.translation.settings import Settings

PAIRS = [(f"frase número {i}.", f"sentence number {i}.") for i in range(100)]


def lines(pairs) -> str:
    return "".join(f"{first}\t{second}\n" for first, second in pairs)


def write(path, content: str | bytes):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "pairs.tsv", lines(PAIRS))


@pytest.fixture
def book(monkeypatch):
    """A phrasebook of a few sentences in place of the bundled one."""
    rows = [(f"livro {i}", f"book {i}", "train", "") for i in range(8)]
    rows += [("mar", "sea", "validation", ""), ("sol", "sun", "test", "new"), ("lua", "moon", "test", "unseen")]
    rows += [("céu", "sky", "test", "new")]
    table = pd.DataFrame(rows, columns=["pt", "en", "split", "part"])
    monkeypatch.setattr(phrasebook, "load", lambda: table)


@pytest.fixture
def no_ted(monkeypatch):
    def load(download=True):
        raise InputError("TED cannot be had (no network)")

    monkeypatch.setattr(ted, "load", load)


@pytest.fixture
def with_ted(monkeypatch):
    splits = {split: [("bom dia .", "good morning ."), ("olá .", "hello .")] for split in corpus.SPLITS}
    monkeypatch.setattr(ted, "load", lambda download=True: splits)


def load(dataset, **options) -> corpus.Corpus:
    return corpus.load(Settings(dataset=str(dataset), **options))


def split_pairs(pairs, share=None) -> tuple[dict[str, list], float]:
    """The pairs of each split, and the share of each."""
    rows, share = held_out.split(facts.examine(pairs)[1], share)
    return {split: [pairs[i] for i in own] for split, own in rows.items()}, share


def split_at_random(pairs) -> dict[str, list]:
    return {split: [pairs[i] for i in rows] for split, rows in held_out.split_at_random(pairs).items()}


def digest(pairs) -> str:
    return facts.digest(facts.examine(pairs)[1])


def everything(loaded: corpus.Corpus) -> list[tuple[str, str]]:
    return [*loaded.train, *loaded.validation, *loaded.test]


# --- the bundled corpora


def test_auto_is_ted_where_it_can_be_had(with_ted, book):
    loaded = load("auto")
    assert (loaded.name, loaded.style, loaded.source, loaded.target) == ("ted", "ted", "pt", "en")
    assert loaded.train[0] == ("bom dia .", "good morning .") and loaded.parts == {}


def test_auto_is_the_phrasebook_without_a_network_and_says_why(no_ted, book):
    loaded = load("auto")
    assert (loaded.name, loaded.style, loaded.source, loaded.target) == ("phrasebook", "plain", "pt", "en")
    assert loaded.notes[0] == "the bundled phrasebook, not TED: TED cannot be had (no network)"
    assert len(loaded.train) == 8


def test_ted_alone_is_an_error_where_it_cannot_be_had(no_ted, book):
    with pytest.raises(InputError, match="TED cannot be had"):
        load("ted")


def test_phrasebook_does_not_ask_for_ted(monkeypatch, book):
    monkeypatch.setattr(ted, "load", lambda: pytest.fail("asked for TED"))
    loaded = load("phrasebook")
    assert loaded.validation == [("mar", "sea")]
    assert loaded.test == [("sol", "sun"), ("lua", "moon"), ("céu", "sky")]
    assert loaded.parts == {"new": [0, 2], "unseen": [1]}
    assert loaded.split("test") is loaded.test


def test_bundled_phrasebook_comes_through_whole():
    loaded, table = load("phrasebook"), phrasebook.load()
    assert [len(loaded.split(split)) for split in corpus.SPLITS] == [
        (table.split == split).sum() for split in corpus.SPLITS
    ]
    assert all("0 blank and 0 duplicate dropped" in note for note in loaded.notes) and len(loaded.notes) == 3
    counts = table[table.split == "test"].part.value_counts().to_dict()
    assert list(loaded.parts) == ["written", "new", "unseen"]  # in the order in which they are reported
    assert {name: len(rows) for name, rows in loaded.parts.items()} == counts
    assert sorted(row for rows in loaded.parts.values() for row in rows) == list(range(len(loaded.test)))


@pytest.mark.parametrize("name", ["ted", "phrasebook"])
def test_bundled_corpora_turn_round(name, with_ted, book):
    there, back = load(name), load(name, source_column=2)
    assert (back.source, back.target) == ("en", "pt")
    for split in corpus.SPLITS:
        assert back.split(split) == [(target, source) for source, target in there.split(split)]


# --- a user's file


def test_file(file):
    loaded = load(file, source="Klingon", target="Elvish", style="ted")
    assert (loaded.name, loaded.source, loaded.target, loaded.style) == (str(file), "Klingon", "Elvish", "ted")
    assert sorted(everything(loaded)) == sorted(PAIRS)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (92, 4, 4)
    order = "by order alone column 1 is Klingon (frase número 0.): if not, --source-column 2"
    assert loaded.notes[0] == f"{file}: tab-separated, 2 columns, source 1, target 2; {order}"
    assert loaded.notes[1:] == [
        "train: 92 pairs read, 0 blank and 0 duplicate dropped, 92 kept",
        "validation: 4 pairs read, 0 blank and 0 duplicate dropped, 4 kept",
        "test: 4 pairs read, 0 blank and 0 duplicate dropped, 4 kept",
    ]


def test_languages_without_names(file):
    assert (load(file).source, load(file).target, load(file).style) == ("source", "target", "plain")


def test_other_direction(file):
    loaded = load(file, source_column=2)
    assert sorted(everything(loaded)) == sorted((second, first) for first, second in PAIRS)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: gzip.compress(text.encode(), mtime=0),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.replace("\n", "\n\n  \n").encode(),
        lambda text: text.replace("\t", " \t  ").encode(),
    ],
    ids=["gzip", "BOM", "CRLF", "no last line end", "empty lines", "spaces"],
)
def test_forms_of_a_file_read_the_same(change, file, tmp_path, request):
    content = change(lines(PAIRS))
    other = write(tmp_path / ("other.tsv.gz" if content[:2] == b"\x1f\x8b" else "other.tsv"), content)
    plain, changed = load(file), load(other)
    assert [changed.split(split) for split in corpus.SPLITS] == [plain.split(split) for split in corpus.SPLITS]
    assert changed.notes[1:] == plain.notes[1:]


def test_line_ends_are_no_part_of_a_sentence(tmp_path):
    assert formats.read_pairs(write(tmp_path / "pairs.tsv", "a\tb\r\nc\td\r\n")) == [("a", "b"), ("c", "d")]


def test_any_language_and_any_sign_but_tab_and_line_end(tmp_path):
    pairs = [(f"你好 {i}\u2028\x0b“„”", f"שלום {i}, 👩‍👩‍👧\x85") for i in range(30)]
    loaded = load(write(tmp_path / "pairs.tsv", lines(pairs)))
    spaced = [(first.replace("\x0b", " "), second.strip()) for first, second in pairs]
    assert sorted(everything(loaded)) == sorted(spaced)


def test_counts_are_exact(tmp_path):
    content = (
        lines(PAIRS) + "\tblank source\nblank target\t\n \t \n\n" + lines(PAIRS[:7]) + lines([("frase número 1.", "x")])
    )
    loaded = load(write(tmp_path / "pairs.tsv", content))
    numbers = [list(map(int, re.findall(r"\d+", note))) for note in loaded.notes[1:]]
    read, blank, duplicate, kept = (sum(column) for column in zip(*numbers, strict=True))
    assert (read, blank) == (111, 3)
    assert read == blank + duplicate + kept
    assert [kept for *_, kept in numbers] == [len(loaded.split(split)) for split in corpus.SPLITS]
    assert set(everything(loaded)) == {*PAIRS, ("frase número 1.", "x")}
    assert len(loaded.train) == len(set(loaded.train)), "no pair is trained on twice"


def test_duplicates_stay_in_what_is_tested_on():
    pairs = [("a", "b"), ("a", "b "), (" ", "b"), ("a", "c")]
    kept = [("a", "b"), ("a", "c")]
    assert corpus.drop_unusable(pairs) == (kept, "4 pairs read, 1 blank and 1 duplicate dropped, 2 kept")
    assert corpus.drop_unusable(pairs, drop_duplicates=False)[0] == [("a", "b"), ("a", "b"), ("a", "c")]


@pytest.mark.parametrize(
    ("pair", "kept", "said"),
    [
        (("\u200b\ufeff", "x"), None, "1 blank"),  # nothing that can be seen
        (("\x07\x1b", "x"), None, "1 blank"),
        (("um\x07dois\x1b[0m", "x"), ("um dois [0m", "x"), "with control characters, now spaces: 1"),
        (("a" * 100_000, "x"), None, "dropped for over 2,000 characters: 1"),
        (("a" * 2_000, "x"), ("a" * 2_000, "x"), "1 kept"),
        (("2020", "2020"), ("2020", "2020"), "kept with equal sides: 1"),
        (("שלום עולם", "مرحبا"), ("שלום עולם", "مرحبا"), "1 kept"),
        (("👩\u200d👩\u200d👧 fam\u00ad\u200bília", "x"), ("👩\u200d👩\u200d👧 fam\u00ad\u200bília", "x"), "1 kept"),
    ],
)
def test_what_is_dropped_or_changed_is_said(pair, kept, said):
    pairs, note = corpus.drop_unusable([pair])
    assert pairs == ([kept] if kept else []) and said in note


def test_sources_tested_on_that_were_trained_on_are_said(tmp_path):
    for split in corpus.SPLITS:
        write(tmp_path / f"{split}.tsv", lines(PAIRS[:3] if split == "test" else PAIRS[2:30]))
    assert "test: 1 of 3 sources are in train, too" in load(tmp_path).notes
    assert "test: 1 of 3 targets are in train, too" in load(tmp_path).notes


def test_limit_is_of_training_pairs(file):
    loaded = load(file, limit=10)
    assert loaded.train == load(file).train[:10] and len(loaded.test) == 4
    assert loaded.notes[-1] == "train: limited to 10 pairs"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a\tb\nc\td\te\n", "line 2: 3 columns"),
        ("a\tb\n\nno tab\n", "line 3: 1 columns"),
        (b"a\tb\nol\xe1\tc\n", "line 2, byte 3: not UTF-8"),
        ("a\tb\nc\0\td\n", "line 2: a NUL byte"),
        (b"a\tb\n\xed\xa0\x80\tb\n", "line 2, byte 1: not UTF-8"),  # half of a surrogate pair
        ("a\tb\n" + "x" * 1_000_000, "line 2: over 1,000,000 bytes"),
        ("", "holds no sentence pairs"),
        ("\n \n\r\n", "holds no sentence pairs"),
        (b"\xef\xbb\xbf", "holds no sentence pairs"),
        (lines(PAIRS[:19]), "19 different sentences are too few"),
        (lines(PAIRS[:19]) + lines(PAIRS[:5]) + "frase  número 3. \ty\n", "19 different sentences are too few"),
        (lines(PAIRS[:19]) + "\tblank\nx\t\n", "19 different sentences are too few"),
    ],
)
def test_mistakes_in_a_file_are_named(content, said, tmp_path):
    path = write(tmp_path / "pairs.tsv", content)
    with pytest.raises(InputError, match=said) as error:
        load(path)
    assert "\n" not in str(error.value)
    assert "too few" in said or str(path) in str(error.value)


@pytest.mark.parametrize(
    "content", [gzip.compress(lines(PAIRS).encode(), mtime=0)[:-20], b"not gzip", b"", b"\x1f\x8b\x08" + bytes(40)]
)
def test_damaged_gzip_is_named(content, tmp_path):
    path = write(tmp_path / "pairs.tsv.gz", content)
    with pytest.raises(InputError) as error:
        load(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["absent.tsv", "TED", "x" * 5000, "nul\0"])
def test_nothing_there(name):
    with pytest.raises(InputError, match="no such file or folder"):
        load(name)


def test_twenty_sentences_are_enough(tmp_path):
    loaded = load(write(tmp_path / "pairs.tsv", lines(PAIRS[:20])))
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (18, 1, 1)


def test_blank_sources_are_never_all_that_is_tested_on(tmp_path):
    """A blank source must not take the one place in validation or test, whatever its number."""
    loaded = load(write(tmp_path / "pairs.tsv", lines(PAIRS[:20]) + "\tblank\n" * 50))
    assert (len(loaded.validation), len(loaded.test)) == (1, 1)


# --- splits


@pytest.mark.parametrize("column", [1, 2])
def test_no_source_sentence_is_in_two_splits(column, tmp_path):
    """Also where a source has several translations, in either direction, and where only white space differs."""
    pairs = [(f"fonte {i % 60}{' ' * (i % 3)}", f"target  {i % 35}") for i in range(1000)]
    loaded = load(write(tmp_path / "pairs.tsv", lines(pairs)), source_column=column)
    sources = [{" ".join(source.split()) for source, _ in loaded.split(split)} for split in corpus.SPLITS]
    assert all(sources)
    assert len(set.union(*sources)) == sum(map(len, sources)) == (60 if column == 1 else 35)


def test_split_is_always_the_same_and_in_order():
    splits, share = split_pairs(PAIRS)
    assert (splits, share) == split_pairs(PAIRS) and share == 0.05
    assert all(pairs == sorted(pairs, key=PAIRS.index) for pairs in splits.values())
    # Written down, so that no release of anything changes what was trained and tested on.
    assert [PAIRS.index(pair) for pair in splits["validation"]] == [25, 28, 71, 95]
    assert [PAIRS.index(pair) for pair in splits["test"]] == [11, 65, 80, 87]


def test_no_edit_of_other_lines_moves_a_pair():
    pairs = [(f"frase {i}", f"sentence {i}") for i in range(3_000)]
    splits, share = split_pairs(pairs)
    where = {pair: split for split, own in splits.items() for pair in own}
    edited = [pairs[i] for i in np.random.default_rng(0).permutation(3_000) if i % 7]
    edited += [(f"novo {i}", "new") for i in range(60_000)]
    again, same = split_pairs(edited, share)
    assert same == share
    assert all(where.get(pair, split) == split for split, own in again.items() for pair in own)


def test_space_and_composition_are_no_difference():
    variants = ["caf\u00e9  com leite", "cafe\u0301 com leite", " caf\u00e9 com\tleite "]
    assert len(set(held_out.hashes(variants).tolist())) == 1 and len(set(held_out.hashes(["a", "b"]).tolist())) == 2


@pytest.mark.parametrize(("count", "least", "most"), [(2_000, 70, 130), (50_000, 1_850, 2_150)])
def test_split_holds_out_five_per_cent_or_about_2000(count, least, most):
    splits, share = split_pairs([(str(i), str(i)) for i in range(count)])
    assert share == min(0.05, 2_000 / count)
    assert all(least <= len(splits[split]) <= most for split in ("validation", "test"))
    assert sum(map(len, splits.values())) == count


@pytest.mark.parametrize("seed", range(20))
def test_every_split_of_few_sentences_has_one(seed):
    splits, _ = split_pairs([(f"{seed} {i}", "x") for i in range(20)])
    assert all(splits.values())


def test_the_split_of_version_0_1():
    splits = split_at_random(PAIRS)
    assert [PAIRS.index(pair) for pair in splits["validation"]] == [3, 14, 35, 81, 94]
    assert [PAIRS.index(pair) for pair in splits["test"]] == [13, 17, 28, 31, 86]


def test_runs_of_version_0_1_keep_their_split(file):
    settings = Settings.load({"dataset": str(file)})  # it has no share of what is held out
    assert corpus.load(settings).test == split_at_random(PAIRS)["test"]
    assert load(file).test == split_pairs(PAIRS)[0]["test"]


def test_the_digest_knows_the_pairs_in_any_order():
    assert digest(PAIRS) == digest(PAIRS[::-1])
    assert len({digest(pairs) for pairs in (PAIRS, PAIRS[1:], [*PAIRS, PAIRS[0]], [p[::-1] for p in PAIRS])}) == 4


def test_fingerprints_tell_what_was_trained_on(tmp_path):
    held_out.write_fingerprints(tmp_path, held_out.fingerprints(PAIRS[:60]))
    known = held_out.read_fingerprints(tmp_path)
    assert held_out.seen(known, [source for source, _ in PAIRS], 0) == 60
    assert held_out.seen(known, [target for _, target in PAIRS], 1) == 60
    assert held_out.seen(known, [target for _, target in PAIRS], 0) == 0  # a target is no source
    assert (tmp_path / held_out.TRAINED).stat().st_size == 128 + 8 * 120
    assert held_out.read_fingerprints(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("content", [b"", b"something else", b"\x93NUMPY\x01\x00", None])
def test_damaged_fingerprints_are_named(content, tmp_path):
    if content is None:
        np.save(tmp_path / held_out.TRAINED, np.array(["a"], dtype=object), allow_pickle=True)
    else:
        write(tmp_path / held_out.TRAINED, content)
    with pytest.raises(InputError, match=r"trained\.npy cannot be read") as error:
        held_out.read_fingerprints(tmp_path)
    assert "\n" not in str(error.value)


def test_training_notes_what_its_data_decide(tmp_path):
    dialogue = [(f"Quem és {i}? Sou eu.", f"Who are you {i}? It's me.") for i in range(40)]
    path = write(tmp_path / "pairs.tsv", lines(dialogue))
    settings = Settings(dataset=str(path), source="pt", target="en")
    corpus.settle(settings, corpus.load(settings))
    assert (settings.sentences_per_line, settings.data_sha256) == (2, digest(dialogue))
    assert 0 < settings.held_out < 0.5


@pytest.mark.parametrize(
    ("rows", "style", "language", "count"),
    [
        (["Um dois."] * 96 + ["Um. Dois. Três."] * 4, "plain", "pt", 1),
        (["Um dois."] * 90 + ["Um. Dois. Três."] * 10, "plain", "pt", 3),
        (["it did n't work . mr. smith said so ."] * 20, "ted", "en", 2),
        (["你好。再见！"] * 20, "plain", "Chinese", 2),
        ([], "plain", "pt", 1),
    ],
)
def test_sentences_that_lines_hold(rows, style, language, count):
    assert corpus.sentences_per_line(rows, style, language) == count


# --- a user's folder


def test_folder(tmp_path):
    write(tmp_path / "train.tsv", lines(PAIRS[:50]))
    write(tmp_path / "validation.tsv.gz", gzip.compress(lines(PAIRS[50:52]).encode(), mtime=0))
    write(tmp_path / "test.tsv", lines(PAIRS[52:53] * 2))
    loaded = load(tmp_path)
    assert (loaded.train, loaded.validation, loaded.test) == (PAIRS[:50], PAIRS[50:52], PAIRS[52:53] * 2)
    assert load(tmp_path, source_column=2).test == [PAIRS[52][::-1]] * 2


def test_folder_without_a_split(tmp_path):
    write(tmp_path / "train.tsv", lines(PAIRS))
    write(tmp_path / "test.tsv", lines(PAIRS))
    with pytest.raises(InputError, match=r"has no validation\.tsv or other validation file"):
        load(tmp_path)


def test_folder_with_an_empty_split(tmp_path):
    for split in corpus.SPLITS:
        write(tmp_path / f"{split}.tsv", lines(PAIRS))
    write(tmp_path / "test.tsv", "a\t\n")
    with pytest.raises(InputError, match="no sentence pairs for test"):
        load(tmp_path)


def test_rehearsal_data_in_the_users_own_form(rehearsal, tmp_path):
    """TED's own sentences, written to a file and read back: none is lost or changed but the duplicates."""
    pairs = rehearsal["validation"]
    loaded = load(write(tmp_path / "pairs.tsv.gz", gzip.compress(lines(pairs).encode(), mtime=0)))
    assert set(everything(loaded)) == {(source.strip(), target.strip()) for source, target in pairs}


def test_distinct_is_unique():
    values = np.array([7, 2**64 - 1, 7, 0, 3, 0], "u8")
    assert facts.distinct(values).tolist() == np.unique(values).tolist() == [0, 3, 7, 2**64 - 1]
    assert facts.distinct(values[:0]).tolist() == []
