"""What people bring: files that once were read otherwise than they were meant, and nobody was told."""

import csv
import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fmkeras
from fmkeras import InputError, evaluation, translate
from fmkeras.translation.corpora import corpus, facts, formats, held_out, monolingual, own
from fmkeras.translation.corpora.formats.naming import is_header, language
from fmkeras.translation.inference import evaluation_sets, scoring
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import options, pretrained

PAIRS = [(f"frase número {i}", f"sentence number {i}") for i in range(60)]


def write(path: Path, pairs=PAIRS, first: str = "", encoding: str = "utf-8") -> Path:
    """A file of pairs with a tab between; returns it."""
    path.write_text(first + "".join(f"{source}\t{target}\n" for source, target in pairs), encoding=encoding)
    return path


# A first line that is a pair.


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("He left.", "Il est parti."),
        ("Is it my cat?", "Et ce chat, est-il à moi ?"),
        ("He left", "Il est"),
        ("My dog", "O meu cão"),
        ("No, he is not", "Não, ele não"),
    ],
)
def test_sentences_are_no_header(tmp_path, source, target):
    assert not is_header([source, target])
    pairs = [(source, target), *PAIRS]
    assert fmkeras.read_pairs(write(tmp_path / "pairs.tsv", pairs)) == pairs
    named = own.read(Settings(dataset=str(tmp_path / "pairs.tsv"), source="en", target="fr"), None)
    assert list(named.pairs) == pairs


@pytest.mark.parametrize("name", ["pt", "pt BR", "Portuguese", "text_pt", "Portuguese sentence", "Text (EN)"])
def test_the_names_of_columns_are_headers(name):
    assert language(name) and is_header([name, "German"])


def test_no_written_pair_is_a_header():
    rows = [row for row in corpus.load(Settings(dataset="phrasebook")).train if not is_header(row)]
    assert len(rows) == len(corpus.load(Settings(dataset="phrasebook")).train)


# Files that belong together.


def turned(pairs) -> list[tuple[str, str]]:
    return [(target, source) for source, target in pairs]


def test_splits_may_have_their_columns_in_another_order(tmp_path):
    write(tmp_path / "train.tsv", first="pt\ten\n")
    write(tmp_path / "dev.tsv", PAIRS[:5], "pt\ten\n")
    write(tmp_path / "test.tsv", turned(PAIRS[:5]), "en\tpt\n")
    found = corpus.load(Settings(dataset=str(tmp_path)))
    assert found.test == PAIRS[:5] and (found.source, found.target) == ("pt", "en")


def test_parts_of_a_split_may_have_theirs(tmp_path):
    for name in ("train1", "dev", "test"):
        write(tmp_path / f"{name}.tsv", PAIRS[:30], "pt\ten\n")
    write(tmp_path / "train2.tsv", turned(PAIRS[30:]), "en\tpt\n")
    assert corpus.load(Settings(dataset=str(tmp_path))).train == PAIRS


def test_a_zip_of_splits_is_not_poured_together(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in ("train", "dev", "test"):
            archive.write(write(tmp_path / f"{name}.tsv"), f"set/{name}.tsv")
    with pytest.raises(InputError, match=r"set\.zip holds train, validation and test files: unpack it, and name the"):
        formats.read(str(tmp_path / "set.zip"))


# Encodings, JSON, CSV.


def test_a_byte_order_mark_decides_and_encoding_is_for_the_rest(tmp_path):
    marked = write(tmp_path / "marked.tsv", [("é", "e")] * 3, encoding="utf-8-sig")
    plain = write(tmp_path / "plain.tsv", [("é", "e")] * 3, encoding="cp1252")
    for path in (marked, plain):
        assert fmkeras.read_pairs(path, encoding="cp1252") == [("é", "e")] * 3


def test_text_to_pre_train_on_is_read_in_its_encoding(tmp_path):
    (tmp_path / "text.txt").write_text("".join(f"é assim {i}\n" for i in range(200)), encoding="cp1252")
    text = [f"pt={tmp_path / 'text.txt'}"]
    found = monolingual.load(Settings(dataset="none", text=text, encoding="cp1252"))
    assert all(sentence.startswith("é ") for sentence in found.train["pt"])


def test_json_may_be_one_long_line_and_lines_may_be_lists(tmp_path):
    many = [(f"{source} {'x' * 400}", target) for source, target in PAIRS * 50]
    (tmp_path / "one.json").write_text(json.dumps(many))
    assert (tmp_path / "one.json").stat().st_size > formats.LONGEST_LINE
    assert fmkeras.read_pairs(tmp_path / "one.json") == many
    (tmp_path / "lists.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    assert fmkeras.read_pairs(tmp_path / "lists.jsonl") == PAIRS
    (tmp_path / "two.json").write_text(json.dumps(PAIRS[:1]) + "\n")
    assert fmkeras.read_pairs(tmp_path / "two.json") == PAIRS[:1]


@pytest.mark.parametrize("bad", ['"Sim, disse ele,Yes\nUm,One\n"Não",No\n', 'Olá,"Go" he said\n'])
def test_a_quote_that_does_not_close_where_it_should_is_named(tmp_path, bad):
    (tmp_path / "pairs.csv").write_text("pt,en\nUm,One\n" + bad)
    with pytest.raises(InputError, match=r"pairs\.csv, line \d: .*is a quote left open\?"):
        fmkeras.read_pairs(tmp_path / "pairs.csv")


def test_a_space_before_a_quote_is_not_the_sentences(tmp_path):
    (tmp_path / "pairs.csv").write_text('pt,en\n"Olá, Ana", "Hello, Ana"\n')
    assert fmkeras.read_pairs(tmp_path / "pairs.csv") == [("Olá, Ana", "Hello, Ana")]
    with (tmp_path / "written.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("pt", "en"), ('"Olá", disse', 'He said "hello"'), ("a\nb", "c")])
    assert fmkeras.read_pairs(tmp_path / "written.csv") == [('"Olá", disse', 'He said "hello"'), ("a b", "c")]


def test_halves_of_surrogate_pairs_become_spaces(tmp_path):
    (tmp_path / "pairs.jsonl").write_text('{"pt": "Olá \\ud83d", "en": "Hello"}\n' * 2)
    pairs, known = facts.examine(fmkeras.read_pairs(tmp_path / "pairs.jsonl"))
    assert pairs == [("Olá", "Hello")] * 2 and (known["flags"] & facts.CONTROL).all()


# What is scored.


@pytest.fixture
def settings(tmp_path) -> Settings:
    """Of a run that was trained on a file, validated and tested on others."""
    files = {name: str(write(tmp_path / f"{name}.tsv")) for name in ("dataset", "validation", "test")}
    return trained(Settings(**files))


def trained(settings: Settings) -> Settings:
    corpus.settle(settings, corpus.load(settings))
    return settings


def test_a_folder_is_scored_on_its_own_test_pairs(settings, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    other = [(f"outra {i}", f"other {i}") for i in range(60)]
    for name in ("train", "dev", "test"):
        write(folder / f"{name}.tsv", other)
    found = evaluation_sets.load(settings, "runs/x", str(folder))
    assert found.sources == [source for source, _ in other]


@pytest.mark.parametrize("named", ["text.pt,text.en", "text"])
def test_moses_files_are_scored_whole(tmp_path, monkeypatch, named):
    monkeypatch.chdir(tmp_path)
    run = trained(Settings(dataset=str(write(tmp_path / "pairs.tsv", first="pt\ten\n"))))
    for place, name in enumerate(("pt", "en")):
        (tmp_path / f"text.{name}").write_text("".join(f"{pair[place]} !\n" for pair in PAIRS))
    (tmp_path / "text.de").write_text("x\n" * len(PAIRS))
    found = evaluation_sets.load(run, "runs/x", named)
    assert found.name.startswith("all 60 pairs of text") and found.sources[0] == "frase número 0 !"


def test_moses_files_that_were_edited_keep_what_is_held_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(("pt", "en")):
        (tmp_path / f"text.{name}").write_text("".join(f"{pair[place]}\n" for pair in PAIRS))
    run = trained(Settings(dataset="text.pt,text.en"))
    before = evaluation_sets.load(run, "runs/x")
    for name in ("pt", "en"):
        with (tmp_path / f"text.{name}").open("a") as file:
            file.write("mais uma\n")
    found = evaluation_sets.load(run, "runs/x", "text")
    assert set(before.sources) <= set(found.sources) and found.own


def test_another_file_is_read_as_it_is_and_not_as_the_runs_was(tmp_path):
    four = [(f"{i}", *pair, "x") for i, pair in enumerate(PAIRS)]
    (tmp_path / "four.tsv").write_text("".join("\t".join(row) + "\n" for row in four), encoding="cp1252")
    run = trained(Settings(dataset=str(tmp_path / "four.tsv"), columns="2,3", encoding="cp1252", source_column=2))
    news = write(tmp_path / "news.tsv", [("olá é", "hello"), ("adeus", "bye")])
    found = evaluation_sets.load(run, "runs/x", str(news))
    assert (found.sources, found.references) == (["olá é", "adeus"], ["hello", "bye"])
    assert any("source 1, target 2" in note for note in found.notes), "what was taken for the source is said"
    cp1252 = write(tmp_path / "cp1252.tsv", turned([("olá é", "hello")]), encoding="cp1252")
    with pytest.raises(InputError, match="--encoding"):
        evaluation_sets.load(run, "runs/x", str(cp1252))
    found = evaluation_sets.load(run, "runs/x", str(cp1252), encoding="cp1252", source_column=2)
    assert (found.sources, found.references) == (["olá é"], ["hello"])
    copy = (tmp_path / "four.tsv").rename(tmp_path / "moved.tsv")
    assert evaluation_sets.load(run, "runs/x", str(copy)).own
    with pytest.raises(InputError, match=r"was trained on .*, and knows how it is read: leave out --source-column$"):
        evaluation_sets.load(run, "runs/x", str(copy), source_column=1)


def test_the_command_hands_them_on(tmp_path, monkeypatch):
    given = options.parser().parse_args("evaluate --dataset x --columns 2,4 --encoding cp1252".split())
    called = {}
    monkeypatch.setattr(evaluation_sets, "load", lambda *words, **reading: called.update(reading))
    evaluation._test_set(given, Settings(), "runs/x")
    assert called == {"columns": "2,4", "encoding": "cp1252"}
    text = tmp_path / "text.txt"
    text.write_text("é\n", encoding="cp1252")
    given = options.parser().parse_args(f"evaluate --source-file {text} --reference {text} --encoding cp1252".split())
    assert evaluation._test_set(given, Settings(), "runs/x").sources == ["é"]
    with pytest.raises(InputError, match="is scored whole: leave out"):
        given.columns = "1,2"
        evaluation._test_set(given, Settings(), "runs/x")


def test_the_script_of_the_references_tells_how_bleu_cuts_them():
    references = ["我喜欢喝茶。", "他住在北京。"] * 10
    output = ["我喜欢喝水。", "他住在上海。"] * 10
    by_name = scoring.scores(output, references, "zh")
    assert scoring.scores(output, references, "target")["bleu"] == by_name["bleu"] > 10
    assert scoring.tokenizer_of("target", ["Hello."]) == "13a" == scoring.tokenizer_of("de", references)


def test_what_the_run_before_has_learnt_counts_as_trained_on(tmp_path):
    data = corpus.Corpus("x", PAIRS[:20], PAIRS[20:30], PAIRS[30:40], "pt", "en")
    (tmp_path / "before").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "before" / "config.json").write_text("{}")
    held_out.write_fingerprints(tmp_path / "before", held_out.fingerprints(PAIRS[25:35]))
    said: list[str] = []
    known = pretrained.learnt_from(data, str(tmp_path / "before"), tmp_path / "run", False, said.append)
    assert held_out.seen(known, [source for source, _ in data.test], 0) == 5
    assert said == [f"           test: 5 of 10 sources were among what {tmp_path / 'before'} was trained on"]
    held_out.write_fingerprints(tmp_path / "run", known)
    again = pretrained.learnt_from(data, str(tmp_path / "gone"), tmp_path / "run", True, said.append)
    np.testing.assert_array_equal(known, again)
    assert len(pretrained.learnt_from(data, "", tmp_path / "run", False, said.append)) == 40


# The cache.


def test_renamed_files_of_a_folder_are_other_data(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "LARGE", 0)
    folder = tmp_path / "data"
    folder.mkdir()
    for name, pairs in (("train1", PAIRS[:30]), ("train2", PAIRS[30:]), ("dev", PAIRS[:5]), ("test", PAIRS[:5])):
        write(folder / f"{name}.tsv", pairs)
    settings = Settings(dataset=str(folder))
    assert len(corpus.load(settings, tmp_path / "cache").train) == 60
    (folder / "train2.tsv").rename(folder / "unused2.tsv")
    assert len(corpus.load(settings, tmp_path / "cache").train) == 30


@pytest.mark.parametrize("header", ["", "pt\ten\n"])
def test_a_run_that_goes_on_reads_nothing_again(tmp_path, monkeypatch, header):
    """Languages that nobody had named have names now."""
    monkeypatch.setattr(own, "LARGE", 0)
    settings = Settings(dataset=str(write(tmp_path / "pairs.tsv", first=header)))
    loaded = corpus.load(settings, tmp_path / "cache")
    later = dataclasses.replace(settings)
    corpus.settle(later, loaded)
    before = sorted(path.name for path in (tmp_path / "cache").glob("pairs-*"))
    assert corpus.load(later, tmp_path / "cache").digest == loaded.digest
    assert sorted(path.name for path in (tmp_path / "cache").glob("pairs-*")) == before
    turned_round = dataclasses.replace(settings, source="en", target="pt")
    if header:
        assert corpus.load(turned_round, tmp_path / "cache").train[0] == loaded.train[0][::-1]


def test_without_standard_input_an_argument_is_translated(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", None)
    translate.main(["text", "--run", "bundled", "--beam", "1", "Bom dia!"])
    assert capsys.readouterr().out.strip() == "Good morning!"
