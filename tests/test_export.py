"""Exports: what is written, loaded by whoever will use it, and compared with the run. Needs CTranslate2."""

import dataclasses
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import NUMBERS, call, succeed

import fmkeras
from fmkeras import InputError, runs
from fmkeras.translation.exporting import comparing, folders
from fmkeras.translation.inference import exports

pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: exports are not tested")
RUN = Path(__file__).parent / "runs_0_1" / "translate"  # it turns Portuguese numbers into English ones


def sentences(count: int) -> list[str]:
    rng = np.random.default_rng(1)
    return [" ".join(rng.choice(list(NUMBERS), rng.integers(1, 9))) for _ in range(count)]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A copy of the run, with an export to CTranslate2."""
    folder = tmp_path_factory.mktemp("runs") / "numbers"
    shutil.copytree(RUN, folder)
    said = succeed("export", "--run", folder, "--to", "ctranslate2")
    assert "10 of 10 translations are equal (100.0%)" in said and "samples.txt, for its data are gone" in said
    return folder


def test_ctranslate2_has_what_it_needs_and_nothing_twice(run):
    folder = run / "exports" / "ctranslate2"
    names = {"README.md", "config.json", "export.json", "model.bin", "sentencepiece.model", "shared_vocabulary.json"}
    assert {file.name for file in folder.iterdir()} == names
    translator = fmkeras.load_translator(run, "keras")
    vocabulary = json.loads((folder / "shared_vocabulary.json").read_text(encoding="utf-8"))
    assert vocabulary == translator.tokenizer.all_tokens()
    # The embedding, which stands in three places, and the table of positions, in two, are stored once.
    assert translator.model.count_params() == 20208
    stored = 4 * (20208 + 1024 * 24)
    assert stored < (folder / "model.bin").stat().st_size < stored + 4000
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["decoder_start_token"] == "<s>" and config["add_source_eos"] and not config["add_source_bos"]


def test_int8_is_smaller_and_close(run, tmp_path):
    said = succeed("export", "--run", run, "--to", "ctranslate2", "--quantization", "int8", "--out", tmp_path / "small")
    assert "nats a token" in said
    sizes = [(folder / "model.bin").stat().st_size for folder in (tmp_path / "small", run / "exports" / "ctranslate2")]
    assert sizes[0] < sizes[1] - 2.5 * 20208  # of the weights three quarters, and not of the table of positions
    texts = sentences(50)
    whole, small = (fmkeras.load_translator(folder).translate(texts) for folder in (run, tmp_path / "small"))
    assert sum(one == other for one, other in zip(whole, small, strict=True)) >= 40


def test_bytes_of_a_matrix_whose_products_fit_16_bits():
    from fmkeras.translation.exporting import converter

    matrix = np.array([[1.0, -0.5, 0.007], [0.0, 0.0, 0.0], [-640.0, 5.0, 6.0]], "float32")
    bytes_, scale = converter.to_bytes(matrix)
    assert bytes_.tolist() == [[64, -32, 0], [0, 0, 0], [-64, 0, 1]] and bytes_.dtype == np.int8
    assert scale.tolist() == [64.0, 1.0, np.float32(0.1)] and scale.dtype == np.float32
    assert 2 * 255 * converter.LARGEST_WEIGHT < 2**15 <= 2 * 255 * (converter.LARGEST_WEIGHT + 1)


def test_the_cards_say_what_it_is(run):
    for card in (run / "README.md", run / "exports" / "ctranslate2" / "README.md"):
        text = card.read_text(encoding="utf-8")
        assert "# Portuguese to English" in text and "358 pairs" in text and "| bleu | 92.94 | nrefs:1\\|case" in text
        assert "which fmkeras does not know" in text and "must not be used for" in text
    assert f"and ctranslate2 {importlib.metadata.version('ctranslate2')}. Compared with the run: 10 of 10" in text
    assert f'fmkeras.load_translator("{run / "exports" / "ctranslate2"}")' in text


def test_an_export_of_other_weights_is_not_kept(run, monkeypatch):
    """Positions counted from 1, as CTranslate2's own are: it writes sentences, and other ones."""
    from fmkeras.translation.exporting import converter

    own = converter.sinusoidal_positions
    monkeypatch.setattr(converter, "sinusoidal_positions", lambda positions, d_model: own(positions + 1, d_model))
    before = (run / "exports" / "ctranslate2" / "model.bin").read_bytes()
    ended = call("export", "--run", run, "--to", "ctranslate2")
    assert ended.returncode == 2 and "does not do what its run does" in ended.stderr
    assert (run / "exports" / "ctranslate2" / "model.bin").read_bytes() == before
    assert {path.name for path in (run / "exports").iterdir()} == {"ctranslate2"}


def test_somebody_elses_folder_is_left_alone(run, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("mine")
    ended = call("export", "--run", run, "--to", "ctranslate2", "--out", tmp_path / "notes")
    assert ended.returncode == 2 and "was not written by this command" in ended.stderr
    assert (tmp_path / "notes" / "diary.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "litert"], "--to litert is not for this run: choose from ctranslate2, argos, savedmodel"),
        (["--to", "onnx"], "invalid choice"),
        (["--to", "ctranslate2", "--text"], "--text is for --to savedmodel"),
        (["--to", "savedmodel", "--quantization", "int8"], "--quantization is for --to ctranslate2 and argos"),
        (["--to", "argos", "--out", "x.zip"], "must end in .argosmodel"),
        (["--to", "argos", "--out", __file__ + "/x.argosmodel"], "x.argosmodel cannot be written (File exists)"),
        (["--to", "ctranslate2", "--out", "x" * 300], "cannot be written (File name too long)"),
        (["--to", "savedmodel", "--out", "."], "--out . has no name of its own: name a new folder"),
    ],
)
def test_bad_arguments(run, words, said):
    ended = call("export", "--run", run, *words)
    assert ended.returncode == 2 and said in ended.stderr and ended.stderr.count("\n") == 1


def test_a_file_goes_to_no_other_name_and_to_no_folder(quick_regressor, tmp_path):
    (tmp_path / "full.tflite").mkdir()
    for out, said in (("houses.csv", "must end in .tflite"), ("full.tflite", "is a folder, and litert is one file")):
        ended = call("export", "--run", quick_regressor, "--to", "litert", "--out", tmp_path / out)
        assert ended.returncode == 2 and said in ended.stderr and ended.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["full.tflite"]


def test_a_missing_package_is_named(run, monkeypatch):
    find = exports.importlib.util.find_spec
    monkeypatch.setattr(
        exports.importlib.util, "find_spec", lambda name, *more: None if name == "ctranslate2" else find(name, *more)
    )
    for words in (["export", "--to", "argos"], ["translate", "text", "um", "--engine", "ctranslate2"]):
        module, *rest = words
        ended = call(module, *rest, "--run", run)
        assert ended.returncode == 2 and "pip install ctranslate2" in ended.stderr and ended.stderr.count("\n") == 1


def test_a_comparison_of_a_run_with_its_data(tmp_path, quick_translator):
    """The validation part itself, where it can be had."""
    translator = fmkeras.load_translator(quick_translator, "keras")
    found = folders.validation_sentences(quick_translator, translator.settings, 3)
    assert found.name == "validation sentences" and 0 < len(found.sources) <= 3
    with pytest.raises(InputError, match="nothing to compare"):
        folders.validation_sentences(tmp_path, fmkeras.Settings(dataset="gone.tsv"), 3)


@pytest.mark.parametrize("number", [1, 199, 200, 399, 1000])
def test_a_comparison_takes_sentences_from_first_to_last(number, tmp_path, monkeypatch):
    pairs = SimpleNamespace(sources=[*range(number)])
    monkeypatch.setattr(folders.evaluation_sets, "load", lambda *arguments, **options: pairs)
    found = folders.validation_sentences(tmp_path, fmkeras.Settings(), 200).sources
    assert len(set(found)) == min(number, 200) and (found[0], found[-1]) == (0, number - 1)


def test_what_is_too_different():
    close, far = (comparing.Comparison("sentences", 4, 3, difference) for difference in (0.01, 0.2))
    assert close.check("float32") is close and far.check("int8") is far
    for wrong in (far, far._replace(largest=float("nan"))):
        with pytest.raises(InputError, match=r"3 of 4 translations are equal \(75.0%\)"):
            wrong.check("float32")


def test_a_card_of_a_run_that_was_started_from_another(run):
    """Its licence is that of both trainings."""
    from fmkeras.translation.exporting import card

    translator = fmkeras.load_translator(run, "keras")
    translator.settings = dataclasses.replace(translator.settings, dataset="phrasebook", init="runs/before")
    text = card.translator_card(run, translator, "run", run, 1)
    assert "what runs/before was trained on: its card says which" in text and "license: apache-2.0" not in text


def test_a_card_says_where_bleu_says_nothing(run):
    from fmkeras.translation.exporting import card

    translator = fmkeras.load_translator(run, "keras")
    translator.report = {"test": {"pairs": 9, "beam": 4, "bleu": 0.0, "bleu_note": "BLEU says nothing; look at chrF"}}
    assert "\n\nBLEU says nothing; look at chrF.\n" in card.translator_card(run, translator, "run", run, 1)


def test_a_run_that_cannot_be_written_to_is_exported_all_the_same(run, tmp_path, monkeypatch):
    own = runs.write_text

    def refuse(path, text):
        if Path(path).parent == run:
            raise InputError(f"{path} cannot be written")
        own(path, text)

    monkeypatch.setattr(runs, "write_text", refuse)
    ended = call("export", "--run", run, "--to", "ctranslate2", "--out", tmp_path / "out")
    assert ended.returncode == 0 and (tmp_path / "out" / "model.bin").is_file()
    assert "the run's own model card is missing" in ended.stderr and ended.stderr.count("\n") == 1


def test_the_argos_package(run):
    succeed("export", "--run", run, "--to", "argos")
    with zipfile.ZipFile(run / "exports" / "translate-pt_en-1000_0.argosmodel") as package:
        names = package.namelist()
        metadata = json.loads(package.read("translate-pt_en-1000_0/metadata.json"))
    assert {name.split("/")[0] for name in names} == {"translate-pt_en-1000_0"} and "translate-pt_en-1000_0/" in names
    expected = {"model/model.bin", "model/config.json", "sentencepiece.model", "README.md"}
    assert expected <= {name.partition("/")[2] for name in names}
    assert (metadata["from_code"], metadata["to_name"]) == ("pt", "English")
    # LibreTranslate puts a package of the same direction in its place whose version is higher: theirs are 1.x.
    assert float(metadata["package_version"]) >= 1000


def test_argos_translate_itself(run, tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    package = pytest.importorskip("argostranslate.package", reason="Argos Translate is not installed")
    from argostranslate import translate

    succeed("export", "--run", run, "--to", "argos")
    package.install_from_path(run / "exports" / "translate-pt_en-1000_0.argosmodel")
    translation = next(iter(translate.get_installed_languages())).get_translation(translate.Language("en", "English"))
    assert translation.translate("um dois três") == "one two three"


PLAIN_TENSORFLOW = """
import json, sys
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures
found = serve["serving_default"](source=tf.constant(json.loads(sys.argv[2])))
memory = serve["encode"](source=tf.constant(json.loads(sys.argv[2])))["memory"]
assert not [name for name in sys.modules if name.startswith("fmkeras")]
print(json.dumps([found["target"].numpy().tolist(), found["score"].numpy().tolist(), memory.shape.as_list()]))
"""


def plain_tensorflow(program: str, *words: str, folder: Path) -> str:
    """What a process prints that does not find fmkeras."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", program, *words]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


@pytest.mark.slow
def test_plain_tensorflow_loads_the_savedmodel(run, tmp_path):
    said = succeed("export", "--run", run, "--to", "savedmodel")
    assert "10 of 10 translations are equal" in said
    translator = fmkeras.load_translator(run, "keras")
    ids = translator.tokenizer.encode(["um dois três", "sete oito"])
    rows = [[*row, *[0] * (max(map(len, ids)) - len(row))] for row in ids]
    out = run / "exports" / "savedmodel" / "1"
    target, scores, shape = json.loads(plain_tensorflow(PLAIN_TENSORFLOW, str(out), json.dumps(rows), folder=tmp_path))
    assert translator.tokenizer.decode(target) == ["one two three", "seven eight"]
    expected = [found[0].score for found in translator.translate_n_best(["um dois três", "sete oito"], 1)]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert shape == [2, len(rows[0]), 24]


@pytest.mark.slow
def test_text_to_text(run, tmp_path):
    pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
    said = succeed("export", "--run", run, "--to", "savedmodel", "--text", "--out", tmp_path / "text")
    assert "10 of 10" in said
    program = "import sys, tensorflow as tf, tensorflow_text\n"
    program += "serve = tf.saved_model.load(sys.argv[1]).signatures['text']\n"
    program += "print(*[t.decode() for t in serve(text=tf.constant(sys.argv[2:]))['translation'].numpy()], sep='\\n')"
    words = ["um dois tre\u0302s", "  sete\u2028 oito ", ""]
    lines = plain_tensorflow(program, str(tmp_path / "text" / "1"), *words, folder=tmp_path).split("\n")
    assert lines[:2] == ["one two three", "seven eight"]


TABLE = "price,rooms,living area,zone\n" + "".join(
    f"{100 + 7 * i + i % 3},{i % 5 + 1},{'' if i % 9 == 4 else 50 + i * i % 37},{'ab'[i % 2] * 2}\n" for i in range(60)
)


def test_a_regressor_of_plain_numbers(quick_regressor, tmp_path):
    run, out = tmp_path / "run", tmp_path / "saved"
    shutil.copytree(quick_regressor, run)
    assert "largest difference" in succeed("export", "--run", run, "--to", "savedmodel", "--out", out)
    import tensorflow as tf

    serve = tf.saved_model.load(str(out / "1")).signatures["serving_default"]
    price = serve(rooms=tf.constant([3.0, 4.0]), area=tf.constant([60.0, 70.0]))["price"].numpy()
    expected = fmkeras.load_regressor(quick_regressor).predict({"rooms": [3, 4], "area": [60, 70]})
    np.testing.assert_array_equal(price, expected)
    cards = [(folder / "README.md").read_text(encoding="utf-8") for folder in (out, run)]
    for text in cards:
        assert "lend, insure, tax" in text and "which fmkeras does not know: say here" in text
        assert f"* fmkeras: {fmkeras.__version__}" in text and "| r2 |" in text
        assert "On 12 test rows" in text and "| score | this model | least squares | the mean |" in text
    assert f'fmkeras.load_regressor("{run}").predict' in cards[1] and "200 equal" in cards[0]
    succeed("export", "--run", run, "--to", "litert", "--out", tmp_path / "model.tflite")
    assert runs.size_of(tmp_path / "model.tflite") < 10_000


@pytest.mark.slow
def test_a_regressor_of_a_table_as_it_is(tmp_path):
    (tmp_path / "houses.csv").write_text(TABLE)
    run, out = tmp_path / "run", tmp_path / "saved"
    succeed("regress", "--dataset", tmp_path / "houses.csv", "--target", "price", "--epochs", 2, "--run", run)
    succeed("export", "--run", run, "--to", "savedmodel", "--out", out)
    import tensorflow as tf

    serve = tf.saved_model.load(str(out / "1")).signatures["serving_default"]
    rows = {"rooms": [3.0, 4.0], "living_area": [np.nan, 70.0], "zone": ["aa", "never met"]}
    price = serve(**{name: tf.constant(column) for name, column in rows.items()})["price"].numpy()
    with pytest.warns(UserWarning):
        cells = {"rooms": [3, 4], "living area": ["", 70], "zone": ["aa", "never met"]}
        np.testing.assert_array_equal(price, fmkeras.load_regressor(run).predict(cells))
    ended = call("export", "--run", run, "--to", "litert")
    assert ended.returncode == 2 and "plain numbers only" in ended.stderr
