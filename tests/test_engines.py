"""CTranslate2 as the engine of a translator: what the Keras model says, without TensorFlow. Needs CTranslate2."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import NUMBERS, call, succeed

import fmkeras
from fmkeras import InputError
from fmkeras.translation.inference import exports
from fmkeras.translation.inference.hypotheses import SearchOptions, length_limit

pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: its engine is not tested")
ROOT = Path(__file__).parents[1]
RUN = ROOT / "tests" / "runs_0_1" / "translate"  # it turns Portuguese numbers into English ones


@pytest.fixture(scope="module")
def run(exported) -> Path:
    """The run, with its export."""
    return exported


@pytest.fixture(scope="module")
def both(run) -> tuple[fmkeras.Translator, fmkeras.Translator]:
    """The run on Keras, and on CTranslate2."""
    return tuple(fmkeras.load_translator(run, engine) for engine in ("keras", "ctranslate2"))


def test_both_translate_alike(both):
    rng = np.random.default_rng(2)
    texts = [" ".join(rng.choice(list(NUMBERS), rng.integers(1, 12))) for _ in range(60)]
    texts += ["", "Um dois. Três!", "dois, " * 60]
    for beam in (4, 1):
        keras, fast = (translator.translate(texts, beam) for translator in both)
        assert sum(one == other for one, other in zip(keras, fast, strict=True)) >= 62


def test_scores_and_details(both):
    keras, fast = (translator.translate_n_best(["um dois três"], 2)[0] for translator in both)
    assert [a.translation for a in keras] == [a.translation for a in fast]
    # CTranslate2 takes no share for the special tokens, which our own scores leave to them.
    np.testing.assert_allclose([a.score for a in keras], [a.score for a in fast], atol=2e-3)
    (detail,) = both[1].translate_in_detail(["um dois. três"])
    assert detail.translation == both[0].translate("um dois. três")[0]
    assert [detail.source_tokens[place] for place in detail.alignment[-1:]] == ["▁três"]
    assert len(detail.alignment) == len(detail.tokens) and "</s>" in detail.source_tokens


def test_losses(both):
    pairs = ["um dois", "sete"], ["one two", "seven one"]
    keras, fast = (translator.losses(*pairs) for translator in both)
    assert fast["nll"] == pytest.approx(keras["nll"], abs=1e-5) and set(fast) == {"nll", "perplexity"}


def test_a_translation_that_does_not_end_is_cut_at_its_own_limit(both):
    """Also beside a longer sentence, whose limit CTranslate2 takes for all."""
    ids = both[0].tokenizer.encode(["um dois três quatro cinco seis sete oito", "um"])
    for limit in (2, 3, 5):
        found = dict(both[1].engine.translate(ids, SearchOptions(beams=2, max_length=limit)))
        assert all(len(found[i][0].ids) == limit - 1 and found[i][0].cut for i in range(2))
    assert dict(both[1].engine.translate(ids, SearchOptions(max_length=1)))[0][0].ids == []

    def endless(sources, limit, options):
        return [[([300] * (limit - 1), -1.0)] for _ in sources]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(both[1].engine, "_search", endless)
        found = dict(both[1].engine.translate(ids))
    assert [len(found[i][0].ids) + 1 for i in range(2)] == [length_limit(len(row)) for row in ids]
    assert found[0][0].cut and found[1][0].cut


def test_what_it_cannot_do(both, run):
    with pytest.raises(InputError, match="1,024 tokens at most"):
        both[1].translate(["um"], max_length=2000)
    with pytest.raises(InputError, match="n_best cannot be 3"):
        list(both[1].engine.translate([[5, 3]], SearchOptions(beams=2, n_best=3)))
    with pytest.raises(InputError, match="no engine 'onnx'"):
        fmkeras.load_translator(run, "onnx")


def test_the_keras_model_is_there_when_it_is_asked_for(both, run):
    assert both[1].model.count_params() == 20208
    export = fmkeras.load_translator(run / "exports" / "ctranslate2")
    assert export.translate("um dois") == ["one two"] and export.report["pairs"] == 358
    with pytest.raises(InputError, match="holds no Keras model"):
        export.model  # noqa: B018
    with pytest.raises(InputError, match="for CTranslate2 only"):
        fmkeras.load_translator(run / "exports" / "ctranslate2", "keras")


def test_an_export_of_earlier_weights_is_not_taken(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "model.keras").write_bytes((ROOT / "tests" / "runs_0_1" / "pretrain" / "model.keras").read_bytes())
    export, note = exports.choose(copy)
    assert export is None and "so Keras translates: export it again" in note
    with pytest.raises(InputError, match="is of other weights"):
        exports.choose(copy, "ctranslate2")
    assert exports.choose(run)[0].folder == run / "exports" / "ctranslate2"
    assert exports.choose(RUN) == (None, "")
    with pytest.raises(InputError, match=r"has no export: python -m fmkeras\.export"):
        exports.choose(RUN, "ctranslate2")


def test_an_export_to_another_format_is_no_run(run, tmp_path):
    copy = tmp_path / "saved"
    shutil.copytree(run / "exports" / "ctranslate2", copy)
    text = (copy / "export.json").read_text(encoding="utf-8")
    (copy / "export.json").write_text(text.replace('"ctranslate2"', '"savedmodel"'), encoding="utf-8")
    with pytest.raises(InputError, match="is an export to savedmodel"):
        fmkeras.load_translator(copy)


@pytest.mark.parametrize("name", ["model.bin", "config.json", "shared_vocabulary.json", "sentencepiece.model"])
def test_a_damaged_export_gives_one_line(run, tmp_path, name):
    """Also where CTranslate2 would take it: with one bit of a weight, or the order of two tokens, another."""
    copy = tmp_path / "export"
    shutil.copytree(run / "exports" / "ctranslate2", copy)
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    for damaged in (b"", bytes(content), None):
        (copy / name).unlink() if damaged is None else (copy / name).write_bytes(damaged)
        with pytest.raises(InputError, match=f"{name} is missing, damaged or of another export: export it again"):
            exports.choose(copy)
    ended = call("translate", "text", "um", "--run", copy)
    assert ended.returncode == 2 and "export it again" in ended.stderr and ended.stderr.count("\n") == 1


def test_a_changed_description_is_no_export(run, tmp_path):
    (tmp_path / "export").mkdir()
    text = (run / "exports" / "ctranslate2" / "export.json").read_text(encoding="utf-8")
    for changed, said in (
        (text.replace('"beam": 4', '"beam": 5'), "was changed: export it again"),
        (json.dumps({"format": "ctranslate2"}), "lacks 'model_sha256': export it again"),
    ):
        assert changed != text
        (tmp_path / "export" / "export.json").write_text(changed, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            exports.choose(tmp_path / "export")


def test_text_does_without_tensorflow(run):
    program = (
        "import sys\nfrom fmkeras import translate\n"
        f"translate.main(['text', '--run', {str(run)!r}, 'um dois'])\nprint(*sorted(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    translation, modules = ended.stdout.splitlines()
    assert translation == "one two"
    assert not {"tensorflow", "keras", "jax", "h5py", "pandas", "sklearn", "matplotlib"} & set(modules.split())


@pytest.mark.slow
def test_evaluate(run, tmp_path):
    (tmp_path / "test.tsv").write_text("um dois\tone two\nsete\tseven\n")
    words = ["evaluate", "--run", run, "--dataset", tmp_path / "test.tsv"]
    fast, keras = (succeed("translate", *words, "--engine", engine) for engine in ("ctranslate2", "keras"))
    line = next(line for line in keras.splitlines() if line.strip().startswith("bleu "))
    assert line in fast.splitlines() and "perplexity" in fast
    assert "token_accuracy" in keras and "token_accuracy" not in fast


@pytest.mark.slow
def test_attention_is_drawn_of_the_keras_model(run, tmp_path):
    succeed("translate", "text", "um", "--run", run, "--attention", tmp_path / "map.png")
    ended = call(
        "translate", "text", "um", "--run", run, "--attention", tmp_path / "map.png", "--engine", "ctranslate2"
    )
    assert ended.returncode == 2 and "leave --engine ctranslate2 out" in ended.stderr
