"""Settings that fit the amount of data; every field on the command line; going on from another translator."""

import dataclasses
import itertools
import shutil

import keras
import numpy as np
import pytest

import fmkeras
from fmkeras import InputError, translate
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.settings import FIELDS, PRESETS, Settings
from fmkeras.translation.training import fitting, options, pretrained, translators

# Fields that no option sets: what a training decides by itself, or what an option of another name sets.
DECIDED = {"task", "data_sha256", "sentences_per_line", "end_marks", "capitals", "longest_source", "tokenizer_sha256"}
DECIDED |= {"accented", "homographs", "init"}
OTHERWISE = {"bpe_dropout", "text", "skip", "mask", "span", "delete"}  # of pretrain, or named in its own way


def batches(pairs: int, budget: int = 512) -> Batches:
    rng = np.random.default_rng(0)
    ids = [np.arange(3, 3 + n) for n in rng.integers(5, 30, pairs)]
    return Batches(ids, ids, budget)


# Few pairs.


def test_the_bundled_data_and_many_pairs_keep_their_settings():
    settings = Settings(dataset="pairs.tsv", vocab_size=8000)
    assert fitting.fit_settings(settings, fitting.FEW, {}) == settings
    for name in ("phrasebook", "ted"):
        assert fitting.fit_settings(Settings(dataset=name), 300, {}) == Settings(dataset=name)
    fitted, same, line = fitting.fit_schedule(settings, batches(20_000), {})
    assert (fitted, same.passes, line) == (settings, 1, "")
    # Of which a few were too long for a batch.
    left = fitting.fit_schedule(settings, batches(fitting.FEW - 5, 2048), {}, fitting.FEW)
    assert left[0].epochs == settings.epochs and left[1].passes == 1


def test_some_pairs_get_more_passes_and_dropout_and_what_is_named_stays():
    settings = Settings(dataset="pairs.tsv", preset="small", **PRESETS["small"])
    for pairs in (fitting.FEW, fitting.SOME - 1):
        fitted = fitting.fit_settings(settings, pairs, {"dropout": 0.1})
        assert fitted == dataclasses.replace(settings, **fitting.SOME_DATA | {"dropout": 0.1})
    for pairs in (fitting.SOME, fitting.MANY - 1):
        fitted = fitting.fit_settings(settings, pairs, {"dropout": 0.1})
        assert fitted == dataclasses.replace(settings, **fitting.MANY_DATA | {"dropout": 0.1})
    for other in ({"preset": "base"}, {"minutes": 60.0}, {"dataset": "phrasebook"}):
        other_settings = dataclasses.replace(settings, **other)
        assert fitting.fit_settings(other_settings, 20_000, {}) == other_settings
    assert fitting.fit_settings(settings, fitting.MANY, {}) == settings
    assert fitting.fit_settings(settings, 20_000, {"epochs": 5}).denoise_epochs == 0, "five are all that were asked for"
    trained_on = dataclasses.replace(settings, init="runs/before")
    assert fitting.fit_settings(trained_on, 20_000, {}, Settings()) == trained_on, "not anew"


def test_a_training_gets_what_fits_its_pairs_also_if_some_are_too_long(tmp_path):
    pairs = [(f"um {number}", f"one {number}") for number in range(fitting.FEW - 3)]
    pairs += [(f"{number} dois" * 300, "two") for number in range(3)]
    chosen = {"task": "translate", "dataset": "a list of pairs", "source": "pt", "target": "en", "vocab_size": 300}
    small = {"d_model": 16, "d_ff": 16, "num_heads": 2, "num_layers": 1}
    data = {"train": pairs, "validation": pairs[:20], "test": pairs[:20]}
    said: list[str] = []
    _, training = translators.prepare(data, tmp_path / "run", chosen | small, False, (), said.append)
    settings = training.settings
    assert len(training.batches.source) == fitting.FEW - 3 and settings.preset == "small"
    assert {name: getattr(settings, name) for name in fitting.SOME_DATA} == fitting.SOME_DATA and settings.passes == 1
    (line,) = (line for line in said if "fitted" in line)
    assert "fitted to 9,997 pairs, fewer than 30,000: 10 epochs of noise, then 12 epochs of 1 pass, " in line
    assert "696 steps at most of 1,024 tokens, warm-up 174, linear schedule, dropout 0.2" in line


@pytest.mark.parametrize("pairs", [40, 300, 600, 2000, 9000])
def test_the_warm_up_is_a_share_of_the_steps_that_there_will_be(pairs):
    settings = fitting.fit_settings(Settings(dataset="pairs.tsv", preset="tiny"), pairs, {})
    settings, fitted, line = fitting.fit_schedule(settings, batches(pairs), {})
    total = settings.epochs * len(fitted)
    assert settings.warmup_steps <= min(400, fitting.WARM_UP * total)
    assert total >= fitting.STEPS and len(fitted) >= fitting.LEAST_STEPS
    assert f"{pairs:,} pairs" in line and f"warm-up {settings.warmup_steps}" in line


def test_what_is_named_stays():
    chosen = {"vocab_size": 777, "dropout": 0.05, "epochs": 3, "warmup_steps": 50, "passes": 1, "select": "loss"}
    settings = Settings(dataset="pairs.tsv", **chosen)
    settings = fitting.fit_settings(settings, 600, chosen)
    settings, _, _ = fitting.fit_schedule(settings, batches(600), chosen)
    assert {name: getattr(settings, name) for name in chosen} == chosen


def test_another_epoch_selected_does_not_shorten_the_training():
    chosen = {"select": "loss"}
    settings = fitting.fit_settings(Settings(dataset="pairs.tsv", **chosen), 600, chosen)
    settings, fitted, _ = fitting.fit_schedule(settings, batches(600), chosen)
    assert settings.select == "loss" and settings.epochs * len(fitted) >= fitting.STEPS


def test_a_known_vocabulary_is_not_changed_and_a_translator_is_trained_on_by_its_loss():
    settings = Settings(dataset="pairs.tsv", vocab_size=4000)
    for task, select in (("denoise", "bleu"), ("translate", "loss")):
        fitted = fitting.fit_settings(settings, 600, {}, Settings(task=task))
        assert (fitted.vocab_size, fitted.select) == (4000, select)
    chosen = {"select": "bleu"}
    assert fitting.fit_settings(dataclasses.replace(settings, **chosen), 600, chosen, Settings()).select == "bleu"


@pytest.mark.parametrize(
    ("pairs", "gpu", "preset"),
    [
        (300, False, "tiny"),
        (1000, True, "tiny"),
        (50_000, False, "small"),
        (50_000, True, "small"),
        (10**6, True, "base"),
    ],
)
def test_the_size_follows_from_the_number_of_pairs(pairs, gpu, preset):
    assert fitting.preset_for(pairs, gpu) == preset


def test_an_epoch_of_several_passes_sees_each_pair_in_each():
    once, thrice = batches(100), dataclasses.replace(batches(100), passes=3)
    assert len(thrice) == 3 * len(once) and thrice.tokens == 3 * once.tokens
    rows = thrice.indices(2)
    counts = np.bincount(np.concatenate(rows), minlength=100)
    assert len(rows) == len(thrice) and (counts == 3).all()
    assert [list(row) for row in once.indices(0)] == [list(row) for row in thrice.indices(0)[: len(once)]]
    assert len(thrice.indices(None)) == len(once)


def test_the_same_answer_to_everything_is_no_translation():
    assert "has not learnt" in fitting.learnt_nothing(["..."] * 30, 600)
    assert "1 different translation." in fitting.learnt_nothing(["..."] * 30, 600)
    assert fitting.learnt_nothing([f"sentence {i}" for i in range(30)], 600) == ""
    assert fitting.learnt_nothing(["..."] * 5, 600) == ""


# The command line.


def test_every_setting_can_be_set_from_the_command_line():

    train = options.parser()._subparsers._group_actions[0].choices["train"]
    names = {action.dest for action in train._actions}
    assert set(FIELDS) - names - DECIDED - OTHERWISE == set()
    assert {"bpe_dropout", "init"} <= names


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--warmup-steps", "-1"),
        ("--label-smoothing", "1"),
        ("--d-model", "0"),
        ("--patience", "x"),
        ("--ema-decay", "nan"),
        ("--num-layers", "99999999"),
    ],
)
def test_impossible_values_are_named(option, value):
    with pytest.raises(InputError, match=f"is no value for {option[2:].replace('-', '_')}"):
        translate.main(["train", option, value])


# Going on.


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A file of pairs, and a translator that was trained on it for two epochs."""
    folder = tmp_path_factory.mktemp("begun")
    path = folder / "pairs.tsv"
    path.write_text("".join(f"frase {i} aqui\tsentence {i} here\n" for i in range(80)), encoding="utf-8")
    fmkeras.train_translator(
        str(path), run=folder / "first", source="pt", target="en", verbose=False, **SMALL, epochs=2
    )
    return folder


@pytest.fixture
def pairs_file(begun, tmp_path):
    return shutil.copy(begun / "pairs.tsv", tmp_path / "pairs.tsv")


@pytest.fixture
def trained(begun, tmp_path):
    return shutil.copytree(begun / "first", tmp_path / "first")


SMALL = dict(
    d_model=16, num_heads=2, d_ff=16, num_layers=1, vocab_size=300, precision="float32", passes=1, select="loss"
)


@pytest.mark.slow
def test_a_run_is_resumed_with_its_data_wherever_they_lie_and_its_last_weights_can_be_had(
    trained, pairs_file, tmp_path
):
    moved = tmp_path / "elsewhere.tsv"
    shutil.copy(pairs_file, moved)
    fmkeras.train_translator(str(moved), run=trained, resume=True, verbose=False, epochs=3, select="last")
    report = fmkeras.load_translator(trained).report
    assert report["epochs"] == report["best_epoch"] == 3


def test_a_run_is_not_resumed_with_other_data(trained, pairs_file):
    with pairs_file.open("a", encoding="utf-8") as file:
        file.write("mais uma\tone more\n")
    with pytest.raises(InputError, match=r"has changed \(now \d+ training pairs\).*name the run as --init"):
        fmkeras.train_translator(str(pairs_file), run=trained, resume=True, verbose=False, epochs=3)


@pytest.mark.slow
def test_a_translator_is_trained_on_with_other_pairs(trained, tmp_path, capsys):
    other = tmp_path / "other.tsv"
    other.write_text("".join(f"coisa {i} nova\tnew thing {i}\n" for i in range(60)), encoding="utf-8")
    tuned = fmkeras.train_translator(str(other), run=tmp_path / "tuned", init=str(trained), epochs=1, select="loss")
    said = capsys.readouterr().out
    first = fmkeras.load_translator(trained)
    assert tuned.tokenizer.sha256 == first.tokenizer.sha256
    assert (tuned.settings.source, tuned.settings.target) == ("pt", "en")
    assert tuned.settings.learning_rate == pytest.approx(fitting.FINE_TUNING * PRESETS["tiny"]["learning_rate"])
    assert "are single bytes in its vocabulary" in said and "all of its weights come from" in said
    assert tuned.report["before"]["run"] == str(trained) and f"before, by {trained}, " in said
    assert tuned.report["before"]["test_bleu_before"] >= 0
    assert tuned.report["before"]["bleu_before"] == pytest.approx(first.report["test"]["bleu"], abs=0.01)


def test_training_on_that_has_not_paid_is_said():
    before = {"run": "runs/first", "test_bleu_before": 20.0}
    assert fitting.not_gained(before, {"bleu": 20.1}) == "" == fitting.not_gained({}, {"bleu": 0.0})
    assert fitting.not_gained(before, {"bleu": 0.0, "bleu_note": "BLEU says nothing"}) == ""
    for bleu in (20.0, 12.0):
        assert "not made it better on these test pairs: go on with runs/first" in fitting.not_gained(
            before, {"bleu": bleu}
        )


def test_what_was_trained_on_may_be_gone_at_the_end(tmp_path):
    said = []
    assert pretrained.before_and_now(str(tmp_path / "gone"), None, None, said.append) == {}
    assert len(said) == 1 and said[0].startswith("\nwhat it was before cannot be measured: ")


def test_a_translator_of_the_other_direction_is_refused(trained, pairs_file, tmp_path):
    with pytest.raises(InputError, match=r"translates pt → en, not en → pt"):
        fmkeras.train_translator(
            str(pairs_file), run=tmp_path / "tuned", init=str(trained), source="en", target="pt", verbose=False
        )
    assert not (tmp_path / "tuned").exists()


@pytest.mark.slow
def test_patience_ends_a_training(pairs_file, tmp_path):
    translator = fmkeras.train_translator(
        str(pairs_file),
        run=tmp_path / "run",
        verbose=False,
        **SMALL,
        epochs=20,
        patience=1,
        learning_rate=10.0,
    )
    assert translator.report["epochs"] <= 3


WHO = {"o médico": "the doctor", "a professora": "the teacher", "o meu irmão": "my brother", "a tua tia": "your aunt"}
WHO |= {"o carteiro": "the postman", "a nossa vizinha": "our neighbour", "o rapaz": "the boy", "a menina": "the girl"}
DOES = dict(compra="buys", vende="sells", procura="looks for", encontra="finds", esconde="hides", perde="loses")
DOES |= dict(pinta="paints", lava="washes", traz="brings")
WHAT = {"o livro": "the book", "a bicicleta": "the bicycle", "o chapéu": "the hat", "as chaves": "the keys"}
WHAT |= {"o relógio": "the watch", "a mala": "the suitcase", "os óculos": "the glasses", "a cadeira": "the chair"}


@pytest.mark.slow
def test_few_pairs_are_learnt(tmp_path):
    """All 576 sentences of a small grammar. With the settings of version 0.1 each was "...", and nothing was said."""
    rows = list(itertools.product(WHO, DOES, WHAT))
    lines = [f"{a} {b} {c}.\t{WHO[a]} {DOES[b]} {WHAT[c]}.\n" for a, b, c in rows]
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(lines), encoding="utf-8")
    translator = fmkeras.train_translator(
        str(path), run=tmp_path / "run", source="pt", target="en", epochs=8, verbose=False
    )
    assert "warning" not in translator.report
    assert translator.report["test"]["token_accuracy"] > 0.9


def test_the_phrasebook_is_learnt_with_muon_where_that_was_measured(monkeypatch):
    assert fitting.bundled_corpus(gpu=True) == fitting.WITH_ADAM
    assert fitting.bundled_corpus(gpu=False) == fitting.WITH_MUON
    monkeypatch.delattr(keras.optimizers, "Muon")  # as in Keras 3.8
    assert fitting.bundled_corpus(gpu=False) == fitting.WITH_ADAM


def test_help_names_no_default_of_what_varies():
    """By the size of the model, or the data."""
    given = Settings(**PRESETS["tiny"])
    fitted = fitting.fit_settings(dataclasses.replace(given, dataset="pairs.tsv"), 600, {})
    changed = {name for name in options.RARE if getattr(fitted, name) != getattr(Settings, name)}
    changed |= {name for name in fitting.WITH_MUON if name in options.RARE}
    text = " ".join(options.parser()._actions[-1].choices["train"].format_help().split())
    assert not [name for name in changed if f"{options.RARE[name]} (" in text]
    assert changed >= {"select", "patience", "optimizer", "schedule", "warmup_steps", "ema_decay"}
    assert f"{options.RARE['clip_norm']} (1.0)" in text


def test_the_default_command_takes_that_recipe_and_what_is_named_stays():
    settings = options.decide(options.new_settings({"dataset": "phrasebook"}), {}, 50_000)
    assert {name: getattr(settings, name) for name in fitting.WITH_MUON} == fitting.WITH_MUON
    chosen = {"optimizer": "adam", "epochs": 5}
    settings = options.decide(options.new_settings({"dataset": "phrasebook"} | chosen), chosen, 50_000)
    assert (settings.optimizer, settings.epochs, settings.batch_tokens) == ("adam", 5, 512)  # the rest is Adam's recipe
