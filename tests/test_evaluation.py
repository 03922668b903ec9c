"""`evaluate` and `compare`: a test set is scored whole; what was trained on is said, whatever a file is called."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import NUMBERS

import fmkeras
from fmkeras import InputError, runs, translate
from fmkeras.translation.corpora import held_out
from fmkeras.translation.inference import evaluation_sets, loading
from fmkeras.translation.settings import Settings

EARLIER = Path(__file__).parent / "runs_0_1"


def numbers(count: int, seed: int, least: int = 3, most: int = 8) -> list[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    rows = [rng.choice(list(NUMBERS), rng.integers(least, most)) for _ in range(count)]
    return [(" ".join(row), " ".join(NUMBERS[word] for word in row)) for row in rows]


def write(path: Path, pairs) -> Path:
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on 300 pairs, as if trained: the weights are those of version 0.1's run, of the same languages."""
    folder = tmp_path_factory.mktemp("evaluation")
    data = write(folder / "data.tsv", numbers(300, seed=5))
    shutil.copytree(EARLIER / "translate", folder / "run")
    config = runs.read_config(folder / "run")
    settings = dataclasses.replace(Settings.load(config), dataset=str(data), held_out=None)
    from fmkeras.translation.corpora import corpus

    loaded = corpus.load(settings)
    corpus.settle(settings, loaded)
    runs.write_config(folder / "run", settings.asdict())
    held_out.write_fingerprints(folder / "run", held_out.fingerprints(loaded.train))
    return folder / "run", data, loaded


@pytest.fixture(scope="module")
def translator(run):
    """The run, loaded once: its graphs are then made once, too."""
    return fmkeras.load_translator(run[0])


@pytest.fixture
def evaluate(run, translator, monkeypatch, capsys):
    monkeypatch.setattr(loading, "load_translator", lambda folder, engine: translator)

    def call(*arguments) -> dict:
        translate.main(["evaluate", "--run", str(run[0]), "--beam", "1", "--json", *map(str, arguments)])
        return json.loads(capsys.readouterr().out)

    return call


def test_another_file_is_scored_whole(evaluate, tmp_path, run):
    result = evaluate("--dataset", write(tmp_path / "newstest.tsv", numbers(137, seed=9, least=9, most=10)))
    assert result["pairs"] == 137 and result["trained_on"] == {"sources": 0, "targets": 0}
    assert evaluate("--dataset", write(tmp_path / "one.tsv", [("um dois", "one two")]))["pairs"] == 1
    with pytest.raises(InputError, match="leave --split out"):
        evaluate("--dataset", tmp_path / "one.tsv", "--split", "train")


def test_a_file_with_turned_columns_is_said(evaluate, tmp_path):
    """Its BLEU is next to nothing, and that is not the model's fault."""
    pairs = numbers(20, seed=7)
    right, turned = (
        write(tmp_path / f"{name}.tsv", rows) for name, rows in (("right", pairs), ("turned", [p[::-1] for p in pairs]))
    )
    said = "its sources read like translations, and its references do not: if they are turned, --source-column"
    assert not [note for note in evaluate("--dataset", right)["notes"] if note.startswith("its sources")]
    assert f"{said} 2" in evaluate("--dataset", turned)["notes"]
    assert f"{said} 1" in evaluate("--dataset", right, "--source-column", 2)["notes"]
    assert evaluate("--dataset", turned, "--source-column", 2)["bleu"] > 90


def test_the_training_file_is_split_whatever_it_is_called(evaluate, tmp_path, run):
    _, data, loaded = run
    shuffled = data.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "other.tsv").write_text("".join(reversed(shuffled)), encoding="utf-8")
    for arguments in ([], ["--dataset", data], ["--dataset", tmp_path / "other.tsv"]):
        result = evaluate(*arguments)
        assert result["pairs"] == len(loaded.test) and result["trained_on"]["sources"] == 0
    assert evaluate("--split", "train")["trained_on"] == dict.fromkeys(("sources", "targets"), len(loaded.train))


def test_an_edited_training_file_keeps_what_is_held_out(evaluate, run):
    _, data, _ = run
    content = data.read_text(encoding="utf-8")
    lines = content.splitlines(keepends=True)
    try:
        data.write_text("".join(lines[:7:-1] + [f"novo {i}\tnew\n" for i in range(50)]), encoding="utf-8")
        result = evaluate()
    finally:
        data.write_text(content, encoding="utf-8")
    assert result["trained_on"]["sources"] == 0
    assert any("has been edited since" in note for note in result["notes"])


def test_pairs_that_were_trained_on_are_counted_in_any_file(evaluate, tmp_path, run, capsys):
    _, _, loaded = run
    mixed = [*loaded.train[:40], (numbers(1, 3, 9, 10)[0][0], loaded.train[0][1]), *loaded.test[:9]]
    file = write(tmp_path / "innocent.tsv", mixed)
    assert evaluate("--dataset", file)["trained_on"] == {"sources": 40, "targets": 41}
    translate.main(["evaluate", "--run", str(run[0]), "--beam", "1", "--dataset", str(file)])
    assert "trained on: 40 of 50 sources and 41 of 50 targets" in capsys.readouterr().out


def test_it_needs_the_training_file_no_more(evaluate, run, tmp_path):
    _, data, loaded = run
    file = write(tmp_path / "mine.tsv", loaded.train[:5])
    data.rename(data.with_suffix(".gone"))
    try:
        assert evaluate("--dataset", file)["trained_on"] == {"sources": 5, "targets": 5}
        with pytest.raises(InputError, match="no such file"):
            evaluate()
    finally:
        data.with_suffix(".gone").rename(data)


@pytest.mark.parametrize("there", [True, False])
def test_a_run_of_version_0_1_counts_by_its_data_or_says_that_it_cannot(there, tmp_path, monkeypatch, capsys):
    shutil.copytree(EARLIER, tmp_path / "runs")
    monkeypatch.chdir(tmp_path / "runs")
    first = Path("numbers.tsv").read_text(encoding="utf-8").splitlines()[:30]
    Path("mine.tsv").write_text("\n".join(first) + "\n", encoding="utf-8")
    if not there:
        Path("numbers.tsv").unlink()
    translate.main(["evaluate", "--run", "translate", "--beam", "1", "--dataset", "mine.tsv"])
    out = capsys.readouterr().out
    assert "all 30 pairs of mine.tsv" in out
    assert ("cannot be said" in out) is not there and ("of 30 sources and" in out) is there


# --- plain text files


def test_plain_text_with_several_references(evaluate, tmp_path):
    pairs = numbers(20, seed=9)
    (tmp_path / "src.txt").write_text("\n".join(source for source, _ in pairs), encoding="utf-8-sig")
    (tmp_path / "ref.txt").write_text("\r\n".join(target for _, target in pairs) + "\r\n", encoding="utf-8")
    (tmp_path / "wrong.txt").write_text("something else\n" * 19 + "\n", encoding="utf-8")
    one = evaluate("--source-file", tmp_path / "src.txt", "--reference", tmp_path / "ref.txt")
    two = evaluate("--source-file", tmp_path / "src.txt", "--reference", tmp_path / "wrong.txt", tmp_path / "ref.txt")
    assert one["pairs"] == two["pairs"] == 20 and one["bleu"] == pytest.approx(two["bleu"]) and one["bleu"] > 50
    assert "nrefs:1" in one["bleu_signature"] and "nrefs:" in two["bleu_signature"]
    file = write(tmp_path / "pairs.tsv", pairs)
    assert evaluate("--dataset", file)["bleu"] == pytest.approx(one["bleu"])


def test_lines_without_text_are_left_out_and_that_is_said(evaluate, tmp_path):
    (tmp_path / "src.txt").write_text("um\n\ndois\n\u200b\n", encoding="utf-8")
    (tmp_path / "ref.txt").write_text("one\ntwo\ntwo\n\n", encoding="utf-8")
    result = evaluate("--source-file", tmp_path / "src.txt", "--reference", tmp_path / "ref.txt")
    assert result["pairs"] == 2 and result["notes"] == ["4 lines read, 2 without source or reference left out"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source-file", "SRC"], "needs --reference"),
        (["--reference", "SRC"], "needs --reference"),
        (["--source-file", "SRC", "--reference", "SHORT"], "has 3 lines and .* has 2: give one for each"),
        (["--source-file", "SRC", "--reference", "SRC", "--split", "test"], "whole: leave out --dataset, --split"),
        (["--source-file", "NOWHERE", "--reference", "SRC"], "cannot be read"),
        (["--source-file", "BLANK", "--reference", "BLANK"], "holds no sentences"),
        (["--dataset", "SRC"], "its lines have no two columns"),
        (["--bleu-tokenize", "words"], "invalid choice"),
    ],
)
def test_mistakes_get_one_line(arguments, said, evaluate, tmp_path):
    for name, text in (("SRC", "um\ndois\ntrês\n"), ("SHORT", "one\ntwo\n"), ("BLANK", "\n \n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    places = {name: str(tmp_path / name) for name in ("SRC", "SHORT", "BLANK", "NOWHERE")}
    with pytest.raises(InputError, match=said) as error:
        evaluate(*(places.get(argument, argument) for argument in arguments))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "hyp.csv",
            "um,one,eins\n" * 3,
            ": its first line names no two languages that we know (um | one | eins): add a line such as pt,en, or name "
            "--columns 1,2, or choose another --dataset",
        ),
        (
            "fr.tsv",
            "fr\ten\n" + "un\tone\n" * 3,
            " holds fr and en, and pt is none of these: name --columns, or choose another --dataset",
        ),
        (
            "many.tsv",
            "fr\tde\ten\n" + "un\teins\tone\n" * 3,
            " holds fr, de, en, and pt is none of these: name --columns, or choose another --dataset",
        ),
    ],
)
def test_what_evaluate_has_no_option_for_is_not_recommended(name, text, said, translator, tmp_path):
    """The languages are the run's: they need no --source and --target."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        evaluation_sets.load(translator.settings, "run", str(tmp_path / name))
    assert str(error.value) == f"{tmp_path / name}{said}"
    if name == "fr.tsv":
        with pytest.raises(InputError, match=r"its source is fr, not pt: choose another --dataset$"):
            evaluation_sets.load(translator.settings, "run", str(tmp_path / name), columns="fr,en")


def test_advice_without_languages_stays_and_a_note_is_told_apart(translator, tmp_path):
    for message in ("x: leave out --source-column", "x holds no pairs", "x: name --source-file: y"):
        assert evaluation_sets.for_a_run(message) == message
    twice = "--source-column 2: leave out --source-column, or turn --source and --target round"
    assert evaluation_sets.for_a_run(twice).endswith("2: leave out --source-column, or choose another --dataset")
    rows = [("sentence", "rendering"), *numbers(9, 1)]
    note = evaluation_sets.load(translator.settings, "run", str(write(tmp_path / "x.tsv", rows))).notes[0]
    assert note.endswith("counts as sentences (sentence | rendering): if it names columns, use --columns")


def test_a_file_is_scored_on_what_text_prints(translator, tmp_path):
    """Of a line of two sentences `text` translates both: so does `evaluate`."""
    pairs = [(f"{a}. {b}.", f"{c}. {d}.") for (a, c), (b, d) in zip(numbers(15, 1), numbers(15, 2), strict=True)]
    test = evaluation_sets.load(translator.settings, "run", str(write(tmp_path / "two.tsv", pairs)))
    result, translations = evaluation_sets.score(translator, test, beam=1)
    assert translations == translator.translate([source for source, _ in pairs], beam=1)
    assert result["bleu"] == fmkeras_bleu(translations, [target for _, target in pairs])


def fmkeras_bleu(translations, references) -> float:
    import sacrebleu

    return sacrebleu.corpus_bleu(translations, [references]).score


def test_scores_on_request(evaluate, tmp_path):
    file = write(tmp_path / "newstest.tsv", numbers(10, seed=9))
    plain, asked = evaluate("--dataset", file), evaluate("--dataset", file, "--ter", "--bleu-tokenize", "char")
    assert "ter" not in plain and "tok:13a" in plain["bleu_signature"]
    assert asked["ter"] >= 0 and "tok:char" in asked["bleu_signature"] and plain["chrf_plus_plus"] > 0


# --- compare


def test_two_runs_are_compared_with_p_values(run, tmp_path, capsys):
    folder, _, _ = run
    file = write(tmp_path / "newstest.tsv", numbers(20, seed=9))
    shutil.copytree(folder, tmp_path / "again")
    translate.main(
        ["compare", str(folder), str(tmp_path / "again"), "--dataset", str(file), "--samples", "50", "--beam", "1"]
    )
    out = capsys.readouterr().out
    assert "all 20 pairs" in out and out.count("baseline") == out.count("p = 1.0000") == 3 and "bs:50" in out
    assert out.count("trained on: ") == 2


def test_of_words_bleu_says_nothing(evaluate, run, tmp_path, capsys):
    said = "BLEU says nothing of lines so short: 0 of 20 references have 4 tokens, which it compares in a row"
    file = write(tmp_path / "words.tsv", numbers(20, seed=9, least=1, most=3))
    assert evaluate("--dataset", file)["bleu_note"] == f"{said}; look at chrF"
    translate.main(["compare", *2 * [str(run[0])], "--dataset", str(file), "--samples", "10", "--beam", "1"])
    assert capsys.readouterr().out.splitlines()[-1] == f"{said}; look at chrF"


def test_runs_that_cannot_be_compared_are_refused(run, tmp_path):
    folder, _, _ = run
    for name, change in (("de", {"target": "de"}), ("other", {"dataset": str(tmp_path / "x.tsv"), "data_sha256": ""})):
        shutil.copytree(folder, tmp_path / name)
        runs.write_config(tmp_path / name, runs.read_config(folder) | change)
    write(tmp_path / "x.tsv", numbers(200, seed=8))
    with pytest.raises(InputError, match=r"translates pt → en, .* pt → de: no comparison"):
        translate.main(["compare", str(folder), str(tmp_path / "de")])
    with pytest.raises(InputError, match="hold out different sentences"):
        translate.main(["compare", str(folder), str(tmp_path / "other")])
    with pytest.raises(InputError, match="RUN"):
        translate.main(["compare", str(folder)])
