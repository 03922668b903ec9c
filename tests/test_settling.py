"""What the data and the user have settled stays so; what cannot go together is refused before anything is trained."""

import copy
import dataclasses
import os
import pickle
import shutil
import signal
from pathlib import Path

import keras
import pytest

import fmkeras
from fmkeras import InputError, devices, machines, parallel, runs
from fmkeras.translation.corpora import corpus
from fmkeras.translation.settings import PRESETS, Settings
from fmkeras.translation.training import callbacks, fitting, options, session, translators


def decided(named: dict, pairs: int = 50_000, **settled) -> Settings:
    """The settings of a training whose user has named some, and whose data have settled others."""
    return options.decide(dataclasses.replace(options.new_settings(named), **settled), named, pairs)


def test_what_auto_took_is_what_the_settings_say():
    assert decided({"dataset": "auto"}, dataset="phrasebook").dataset == "phrasebook"
    assert decided({"dataset": "auto"}, dataset="phrasebook").preset == "tiny"


def test_languages_style_and_split_are_those_of_the_data():
    named = {"dataset": "phrasebook", "source": "Portuguese", "held_out": 0.2, "style": "plain"}
    settled = {"source": "pt", "held_out": 0.05, "style": "ted"}
    found = decided(named, **settled)
    assert {name: getattr(found, name) for name in settled} == settled


def test_what_is_named_stays_beside_the_size_that_is_chosen():
    found = decided({"dataset": "pairs.tsv", "epochs": 3, "d_ff": 64})
    assert (found.preset, found.epochs, found.d_ff, found.d_model) == ("small", 3, 64, PRESETS["small"]["d_model"])


@pytest.mark.parametrize(("d_model", "heads"), [(130, 4), (129, 3), (128, 3)])
def test_heads_that_cannot_share_the_model_are_refused(d_model, heads):
    with pytest.raises(InputError, match=rf"^--d-model {d_model}: choose an even multiple of --num-heads {heads}$"):
        decided({"dataset": "pairs.tsv", "d_model": d_model, "num_heads": heads})


def test_patience_without_a_best_epoch_is_refused():
    with pytest.raises(InputError, match="--patience waits for a better epoch, and --select last knows none"):
        decided({"dataset": "pairs.tsv", "patience": 3, "select": "last"})
    few = fitting.fit_settings(Settings(dataset="pairs.tsv", preset="tiny", select="last"), 600, {"select": "last"})
    batches = translators.Batches([[4, 3]] * 600, [[4, 3]] * 600, 512)
    assert "better one" not in fitting.fit_schedule(few, batches, {"select": "last"})[2]


def test_another_form_of_text_than_the_data_have_is_refused():
    ted = corpus.Corpus("ted", *([("a", "b")],) * 3, source="pt", target="en", style="ted")
    with pytest.raises(InputError, match=r"^--style plain: ted has the form ted: leave the option out$"):
        corpus.settle(Settings(), ted, {"style": "plain"})
    corpus.settle(Settings(), ted, {"style": "ted"})


def test_a_translator_that_is_trained_on_is_split_as_before(quick_translator):
    before = Settings.load(runs.read_config(quick_translator))
    named = {"dataset": before.dataset, "init": str(quick_translator), "held_out": 0.31}
    with pytest.raises(InputError, match=r"^--held-out: leave it out, and .* on what it has not learnt from$"):
        translators.starting_point(Settings(**named), Path("elsewhere"), named, resume=False)
    named.pop("held_out")
    settings = Settings(**named)
    translators.starting_point(settings, Path("elsewhere"), named, resume=False)
    assert settings.held_out == before.held_out


# Going on.


def test_a_run_of_earlier_whose_data_auto_chose_can_be_resumed_by_their_name(tmp_path):
    runs.write_config(tmp_path, Settings(dataset="auto", preset="tiny", data_sha256="0").asdict())
    assert options.resumed_settings(tmp_path, {"dataset": "phrasebook"}).dataset == "phrasebook"
    runs.write_config(tmp_path, Settings(dataset="ted", preset="tiny", data_sha256="0").asdict())
    with pytest.raises(InputError, match="was trained with dataset ted, not phrasebook"):
        options.resumed_settings(tmp_path, {"dataset": "phrasebook"})


@pytest.mark.parametrize(("before", "named"), [("bleu", "loss"), ("loss", "bleu"), ("last", "loss")])
def test_an_epoch_whose_weights_are_gone_cannot_be_selected(tmp_path, before, named):
    runs.write_config(tmp_path, Settings(select=before).asdict())
    with pytest.raises(InputError, match=f"^--select {named}: .* kept the best epoch by {before} alone: leave"):
        options.resumed_settings(tmp_path, {"select": named})
    assert options.resumed_settings(tmp_path, {"select": "last"}).select == "last"
    assert options.resumed_settings(tmp_path, {"select": before}).select == before


def test_the_rate_of_a_fine_tuning_is_lowered_once(tmp_path):
    """Also if it was killed before its first checkpoint, and begins anew."""
    pairs = [(f"um {number}", f"one {number}") for number in range(40)]
    chosen = {"task": "translate", "dataset": "a list of pairs", "init": "bundled", "passes": 1, "epochs": 1}
    folder = tmp_path / "run"
    _, first = translators.prepare(pairs, folder, chosen, False, (), list().append)
    session.open_folder(first, False, list().append)
    _, again = translators.prepare(pairs, folder, {"task": "translate"}, True, (), list().append)
    assert again.settings.learning_rate == first.settings.learning_rate < PRESETS["tiny"]["learning_rate"]
    assert again.settings == first.settings


def test_what_the_other_processes_get_ends_as_a_run(quick_translator, tmp_path):
    """They may train to the end without a better epoch than the best one before."""
    for name in session.RESUMED:
        shutil.copy(quick_translator / name, tmp_path / name)
    assert fmkeras.load_translator(tmp_path, "keras").translate(["um"], beam=1)


def test_one_process_writes_tensorboards_logs(monkeypatch):
    given = options.parser().parse_args(["train", "--tensorboard"])
    assert len(options.callbacks_given(given)) == 1
    monkeypatch.setattr(machines, "first", lambda: False)
    assert options.callbacks_given(given) == []


# What is said.


@pytest.mark.parametrize(
    ("callback", "instead"),
    [
        (keras.callbacks.LearningRateScheduler(lambda epoch: 0.1), "--schedule"),
        (keras.callbacks.ReduceLROnPlateau(), "--learning-rate"),
        (keras.callbacks.BackupAndRestore("backup"), "--resume"),
    ],
)
def test_callbacks_that_would_not_work_are_refused(callback, instead):
    with pytest.raises(InputError, match=rf"^keras.callbacks.{type(callback).__name__} cannot be used: .*{instead}"):
        callbacks.suitable([keras.callbacks.EarlyStopping(), callback])
    callbacks.suitable([keras.callbacks.EarlyStopping()])


@pytest.mark.parametrize("stays", [True, False])
def test_an_interrupted_training_names_the_folder_that_stays(tmp_path, stays):
    class Trained:
        folder = tmp_path

        def keep(self):
            pass

    with pytest.raises(KeyboardInterrupt) as raised, session.interruptible(Trained(), stays):
        raise KeyboardInterrupt
    assert (f"--run {tmp_path} --resume goes on" in str(raised.value)) == stays
    assert stays or not raised.value.args
    with pytest.raises(KeyboardInterrupt), session.interruptible(Trained(), stays):
        exec(
            "raise_signal(number)",
            {"number": signal.SIGINT, "__name__": "tensorflow", "raise_signal": signal.raise_signal},
        )  # where it only is noted


def test_of_several_gpus_one_is_used_if_one_is_asked_for(monkeypatch):
    monkeypatch.setattr(devices, "gpus", lambda: ["GPU:0", "GPU:1"])
    assert parallel.Devices(1).note() == "; one of them is used"
    monkeypatch.setattr(devices, "gpus", lambda: [])
    assert parallel.Devices(1).note() == ""


def test_a_translator_and_a_regressor_that_were_used_are_pickled_and_copied(quick_translator, quick_regressor):
    """As other processes get them: Keras cannot pickle a search that is compiled."""
    translator, regressor = fmkeras.load_translator(quick_translator), fmkeras.load_regressor(quick_regressor)
    house, sentences = {"rooms": 3, "area": 70}, ["frase", "uma frase"]
    price, translations = regressor.predict(house), translator.translate(sentences)
    translator.losses(["frase"], ["sentence"])
    for other in (copy.deepcopy(translator), pickle.loads(pickle.dumps(translator))):
        assert other.translate(sentences) == translations == translator.translate(sentences)
    assert pickle.loads(pickle.dumps(regressor)).predict(house) == price


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on Windows")
def test_a_model_that_was_loaded_before_a_fork_is_refused_after_it(quick_translator, quick_regressor):
    """Their libraries' threads do not follow: it waited forever. What is forked here ends in any case."""
    translator, regressor = fmkeras.load_translator(quick_translator), fmkeras.load_regressor(quick_regressor)
    calls = [
        lambda: translator.translate(["frase"]),
        lambda: regressor.predict({"rooms": 3, "area": 70}),
        lambda: fmkeras.load_translator(quick_translator),
        lambda: fmkeras.load_regressor(quick_regressor),
    ]
    for call in calls:
        call()
    reads, writes = os.pipe()
    if (child := os.fork()) == 0:
        signal.alarm(60)
        refused = 0
        for call in calls:
            try:
                call()
            except fmkeras.InputError as error:
                refused += "forked off one that had loaded a model" in str(error)
        os.write(writes, bytes([refused]))
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as file:
        assert list(file.read()) == [len(calls)] and os.waitpid(child, 0)[1] == 0
