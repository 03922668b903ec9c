"""The package from Python: what scripts, notebooks and benchmarks stand on."""

import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

import fmkeras
from fmkeras import InputError
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.settings import Settings

ROOT = Path(__file__).parents[1]
SIZES = dict(d_model=32, num_heads=2, d_ff=64, num_layers=1, vocab_size=330, warmup_steps=20, precision="float32")
LANGUAGES = dict(source="pt", target="en")
BRIEF = SIZES | LANGUAGES | dict(epochs=1, passes=1, select="loss", verbose=False)  # no translation of validation data


@pytest.fixture(scope="module")
def numbers(pairs) -> list[tuple[str, str]]:
    """The pairs of the file `pairs`, as a list."""
    return [tuple(line.split("\t")) for line in pairs.read_text(encoding="utf-8").splitlines()]


class Diary(keras.callbacks.Callback):
    """Writes down what it is told of, the logs at the ends of epochs, and the weights then."""

    def __init__(self):
        super().__init__()
        self.told, self.logs, self.batches = [], [], []

    def on_train_begin(self, logs=None):
        self.told.append("train begins")

    def on_train_end(self, logs=None):
        self.told.append("train ends")

    def on_epoch_begin(self, epoch, logs=None):
        self.told.append(f"epoch {epoch} begins")

    def on_epoch_end(self, epoch, logs=None):
        self.told.append(f"epoch {epoch} ends")
        self.logs.append(logs)

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


@pytest.fixture(scope="module")
def trained(numbers, tmp_path_factory):
    """A translator of two epochs, the diary of its training, and its run folder."""
    folder, diary = tmp_path_factory.mktemp("api") / "run", Diary()
    translator = fmkeras.train_translator(
        numbers, run=folder, epochs=2, callbacks=[diary], verbose=False, **LANGUAGES, **SIZES
    )
    return translator, diary, folder


def test_a_list_of_pairs_becomes_a_translator_and_a_run(trained):
    translator, _, folder = trained
    assert isinstance(translator, fmkeras.Translator)
    assert {"config.json", "model.keras", "report.json", "loss.png"} <= {file.name for file in folder.iterdir()}
    again = fmkeras.load_translator(folder)
    assert again.report == translator.report and translator.report["test"]["pairs"] == 26
    assert again.translate(["um dois", "três"]) == translator.translate(["um dois", "três"])
    made_by = translator.report["made_by"]
    assert made_by["fmkeras"] == fmkeras.__version__ and made_by["keras"] == keras.__version__
    assert made_by["backend"].startswith(f"{keras.backend.backend()} ") and "CPU" in made_by["device"]
    assert made_by["precision"] == "float32"


def test_callbacks_are_told_of_one_training_with_all_its_epochs_and_steps(trained):
    _, diary, _ = trained
    epochs = [f"epoch {epoch} {what}" for epoch in range(2) for what in ("begins", "ends")]
    assert diary.told == ["train begins", *epochs, "train ends"]
    steps = len(diary.batches) // 2
    assert diary.batches == [*range(steps)] * 2 and steps > 1
    names = {"loss", "accuracy", "val_loss", "val_accuracy", "val_nll", "val_perplexity", "val_bleu"}
    assert all(set(logs) == names for logs in diary.logs)
    assert diary.logs[1]["loss"] < diary.logs[0]["loss"]


def test_lists_of_splits_are_data_too_silently_in_another_thread_and_nothing_is_kept(
    numbers, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    splits = {"train": numbers[:200], "validation": numbers[200:220], "test": numbers[220:230]}
    found = []

    def work() -> None:
        found.append(fmkeras.train_translator(splits, **BRIEF))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    out, err = capsys.readouterr()
    assert not out and not err.strip() and not list(tmp_path.iterdir())
    assert (found[0].report["dataset"], found[0].report["test"]["pairs"]) == (corpora.GIVEN, 10)
    assert len(found[0].translate(["um", "dois"])) == 2


@pytest.mark.slow
def test_a_corpus_is_data_too(pairs):
    corpus = corpora.load(Settings(dataset=str(pairs), **LANGUAGES))
    report = fmkeras.train_translator(corpus, **BRIEF).report
    assert report["dataset"] == str(pairs) and corpus.train  # the corpus that was given stays as it is


def test_it_resumes(numbers, trained, tmp_path):
    _, _, folder = trained
    with pytest.raises(InputError, match="name it with run="):
        fmkeras.train_translator(numbers, resume=True)
    diary = Diary()
    translator = fmkeras.train_translator(
        numbers, run=folder, resume=True, epochs=3, callbacks=[diary], verbose=False, **LANGUAGES
    )
    assert translator.report["epochs"] == 3
    assert diary.told == ["train begins", "epoch 2 begins", "epoch 2 ends", "train ends"]


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ("phrasebook", {"epoch": 3}, "there is no setting 'epoch': did you mean epochs?"),
        ("phrasebook", {"preset": "huge"}, "preset='huge' cannot be: choose from auto, document, tiny, small, base"),
        ("phrasebook", {"epochs": -1}, "epochs=-1 cannot be"),
        ("phrasebook", {"learning_rate": float("nan")}, "learning_rate=nan cannot be"),
        ("phrasebook", {"seed": "0"}, "seed='0' cannot be"),
        ([("um", "one"), "dois"], {}, "pair 1 is 'dois': give (source, target), both strings"),
        ([("um", 1)], {}, "give (source, target), both strings"),
        ([("um", "one")] * 30, {}, "1 different sentences are too few"),
        ({"train": [], "test": []}, {}, "the data have the parts train, test: give train, validation, test"),
        ("nowhere.tsv", {}, "nowhere.tsv: no such file or folder"),
    ],
)
def test_mistakes_are_told_in_one_line_before_anything_is_written(data, settings, message, tmp_path):
    with pytest.raises(InputError) as error:
        fmkeras.train_translator(data, run=tmp_path / "run", verbose=False, **settings)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_numbers_may_be_whole_where_they_need_not_be():
    assert Settings.check({"minutes": 5, "learning_rate": 1}) and Settings.load({"minutes": 5}).minutes == 5


@pytest.mark.slow
def test_pretraining_is_a_function_and_still_a_script_and_a_path_is_data(pairs, tmp_path):
    pretrained = fmkeras.pretrain(pairs, run=tmp_path / "p", epochs=1, verbose=False, **LANGUAGES, **SIZES)
    assert pretrained.settings.task == "denoise" and "<pt>" in pretrained.tokenizer.special_tokens
    options = dict(epochs=1, passes=1, select="loss", verbose=False)
    translator = fmkeras.train_translator(pairs, init=str(tmp_path / "p"), **options, **LANGUAGES)
    assert translator.tokenizer.sha256 == pretrained.tokenizer.sha256 and translator.report["dataset"] == str(pairs)
    from fmkeras import pretrain

    assert callable(pretrain) and callable(pretrain.main)


@pytest.mark.slow
def test_tensorboard_logs(pairs, tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from fmkeras import translate

    sizes = "--preset tiny --vocab-size 330 --epochs 1 --source pt --target en".split()
    translate.main(["--dataset", str(pairs), *sizes, "--tensorboard", "--run", str(tmp_path / "run")])
    logs = {path.parent.name: path.read_bytes() for path in (tmp_path / "run" / "tensorboard").rglob("*.v2")}
    assert b"epoch_loss" in logs["train"] and b"epoch_loss" in logs["validation"]


def test_tensorboard_that_is_not_installed_is_said(monkeypatch, tmp_path):
    from fmkeras.translation.training import callbacks

    monkeypatch.setattr(callbacks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        callbacks.tensorboard(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["fmkeras", "keras"])
def test_keras_loads_a_saved_model_after_import_fmkeras(trained, first):
    """By itself, whichever is imported first."""
    _, _, folder = trained
    code = f"import {first}, keras, fmkeras; model = keras.models.load_model({str(folder / 'model.keras')!r}); "
    code += "print(type(model).__name__, model.count_params())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stdout.startswith("Transformer "), done.stderr


def test_keras_knows_all_classes_that_a_saved_model_can_name():
    """The schedules, too: a compiled model is saved with its optimizer."""
    names = "Attention DecayToZero DecoderBlock EncoderBlock FeedForward InverseSquareRoot LayerNormalization Objective"
    names += " OneAfterAnother"
    code = (
        "import keras, fmkeras; print([n for n in {} if keras.saving.get_registered_object(f'fmkeras>{{n}}') is None])"
    )
    command = [sys.executable, "-c", code.format([*names.split(), "Transformer"])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stdout == "[]\n", done.stderr


def test_importing_the_package_does_not_wait_for_keras():
    code = "import sys, fmkeras; print([name for name in ('keras', 'tensorflow', 'pandas') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "[]\n"


def test_what_the_package_offers_is_there():
    assert set(fmkeras.__all__) <= set(dir(fmkeras))
    for name in fmkeras.__all__:
        assert getattr(fmkeras, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fmkeras.nothing


def test_the_mean_of_a_diary_is_what_the_history_says(trained):
    """What callbacks are told is what history.csv and report.json hold."""
    import pandas as pd

    _, diary, folder = trained
    history = pd.read_csv(folder / "history.csv")
    np.testing.assert_allclose(history["val_loss"][:2], [logs["val_loss"] for logs in diary.logs])
