"""Training learns the right function, resumes where it stopped, and keeps the best weights."""

import json
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from fmkeras import InputError, runs
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import END, Tokenizer
from fmkeras.translation.inference.decoding import Search
from fmkeras.translation.inference.scoring import bleu
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import callbacks
from fmkeras.translation.training import training as trainings
from fmkeras.translation.training.callbacks import EveryMinute, RunningAverage
from fmkeras.translation.training.checkpoint import CHECKPOINT, Place
from fmkeras.translation.training.curriculum import Curriculum
from fmkeras.translation.training.training import Training

FIRST, V = 4, 24  # ids of ordinary tokens are FIRST ... V - 1


class Tokens:
    """Stands in for a tokenizer where the ids are made up: a training only asks how many there are."""

    def __len__(self):
        return V


def sequences(number: int, seed: int, longest: int = 8) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [[*map(int, rng.integers(FIRST, V, rng.integers(2, longest))), END] for _ in range(number)]


def training(folder, source, target, resume=False, validation=None, callbacks=(), **settings):
    settings = Settings(**dict(d_model=32, d_ff=64, num_layers=1, dropout=0.0, precision="float32") | settings)
    validation = Batches(*(validation or (source[:20], target[:20])), 500)
    batches = Batches(source, target, settings.batch_tokens, settings.seed)
    return Training(settings, Tokens(), batches, validation, folder, resume, callbacks=callbacks)


def run(trained: Training) -> Training:
    list(trained.epochs(show_progress=False))
    return trained


def outputs(model, sources, beams=1):
    found = sorted(Search(model, beams, 1.0).translate(sources), key=lambda item: item[0])
    return [[int(i) for i in ids if i] for _, ids, _ in found]


@pytest.mark.slow
def test_copying_is_learnt_for_sequences_never_seen(tmp_path):
    rows = sequences(3000, 0)
    seen = {tuple(row) for row in rows}
    unseen = [row for row in sequences(100, 1) if tuple(row) not in seen]
    assert len(unseen) > 50
    trained = run(training(tmp_path, rows, rows, epochs=8, batch_tokens=512, learning_rate=5e-3, warmup_steps=100))
    copies = outputs(trained.averaged, unseen)
    assert np.mean([copy == row[:-1] for copy, row in zip(copies, unseen, strict=True)]) > 0.9


@pytest.mark.slow
def test_64_pairs_are_memorized_and_the_source_is_what_decides(tmp_path):
    source, target = sequences(64, 2, 12), sequences(64, 3, 12)  # nothing to learn but the pairs themselves
    settings = dict(epochs=120, batch_tokens=400, learning_rate=5e-3, warmup_steps=50, ema_decay=0.99)
    trained = run(training(tmp_path, source, target, validation=(source, target), **settings))

    def text(rows):
        return [" ".join(str(i) for i in row if i != END) for row in rows]

    score, _ = bleu(text(outputs(trained.averaged, source)), text(target), "none")
    assert score >= 99
    shuffled, _ = bleu(text(outputs(trained.averaged, source[1:] + source[:1])), text(target), "none")
    assert shuffled < 20


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of three epochs, with dropout, that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    return run(training(folder, sequences(80, 4), sequences(80, 5), epochs=3, dropout=0.2, batch_tokens=200)), folder


MEASURED = ["epoch", "loss", "token_accuracy", "val_loss", "val_nll", "steps", "target_tokens"]  # not by a clock


def assert_same(expected: Training, found: Training) -> None:
    """The same history and the same state of everything, bit for bit."""
    pd.testing.assert_frame_equal(*(pd.DataFrame(t.history)[MEASURED] for t in (expected, found)), check_exact=True)
    for variable, other in zip(expected.variables(), found.variables(), strict=True):
        np.testing.assert_array_equal(np.asarray(variable), np.asarray(other))


def test_a_resumed_run_ends_as_one_that_was_never_stopped(whole, tmp_path):
    expected, _ = whole
    data = sequences(80, 4), sequences(80, 5)
    first = run(training(tmp_path, *data, epochs=1, dropout=0.2, batch_tokens=200))
    assert first.history[0]["loss"] == pytest.approx(expected.history[0]["loss"], rel=1e-6)  # the seed decides
    assert_same(expected, run(training(tmp_path, *data, resume=True, epochs=3, dropout=0.2, batch_tokens=200)))


@pytest.mark.slow
def test_a_run_stopped_within_each_epoch_goes_on_from_there(whole, tmp_path, monkeypatch):
    """Checkpoints after two steps of three: what comes after the last one is done again, and counts once."""
    expected, _ = whole
    data = sequences(80, 4), sequences(80, 5)
    settings = dict(epochs=3, dropout=0.2, batch_tokens=200)
    left, save = [0], Training.save

    def stopping(self) -> None:
        if self.place.position % 3 != 2:
            return save(self)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    for epoch in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(EveryMinute.__init__, "__defaults__", (0.0,))
            patch.setattr(callbacks, "SHARE", np.inf)
            patch.setattr(Training, "save", stopping)
            left[0] = 2 if epoch else 1  # resumed, it first comes where it was stopped before
            stopped = training(tmp_path, *data, resume=True, **settings)
            with pytest.raises(KeyboardInterrupt):
                run(stopped)
        resumed = training(tmp_path, *data, resume=True, **settings)
        assert resumed.place.position % 3 == 1 and len(resumed.history) == len(stopped.history) == epoch
    assert_same(expected, run(resumed))


@pytest.mark.slow
def test_a_run_stopped_while_it_validates_goes_on_with_that(whole, tmp_path, monkeypatch):
    expected, _ = whole
    data, settings = (sequences(80, 4), sequences(80, 5)), dict(epochs=3, dropout=0.2, batch_tokens=200)

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainings, "evaluate", stop)
        with pytest.raises(KeyboardInterrupt):
            run(training(tmp_path, *data, **settings))
    resumed = training(tmp_path, *data, resume=True, **settings)
    assert resumed.place.position == len(resumed.batches) and not resumed.history
    assert_same(expected, run(resumed))


@pytest.mark.slow
def test_no_minutes_left_still_end_the_first_epoch(tmp_path, monkeypatch):
    """Else nothing were published, and nothing could be scored."""
    rows, save = sequences(80, 4), Training.save

    def stop(self):
        save(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EveryMinute.__init__, "__defaults__", (0.0,))
        patch.setattr(callbacks, "SHARE", np.inf)
        patch.setattr(Training, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            run(training(tmp_path, rows, rows, epochs=3, batch_tokens=200))
    resumed = training(tmp_path, rows, rows, resume=True, epochs=3, batch_tokens=200, minutes=1e-9)
    assert resumed.place.position and len(run(resumed).history) == 1
    assert resumed.best["epoch"] == 1 and (tmp_path / runs.MODEL).exists()


def test_a_run_without_its_checkpoint_is_not_begun_anew(whole, tmp_path):
    _, folder = whole
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / CHECKPOINT).unlink()
    rows = sequences(80, 4)
    with pytest.raises(InputError, match=r"checkpoint\.npz is missing: restore it, or train in another --run"):
        training(tmp_path / "run", rows, rows, resume=True)
    assert not training(tmp_path / "empty", rows, rows, resume=True).history  # there is nothing to overwrite


def test_an_epoch_whose_batches_are_cut_otherwise_begins_anew(tmp_path):
    """Begun with one backend, resumed with another."""
    rows, settings = sequences(40, 8), Settings(d_model=16, d_ff=16, num_layers=1, precision="float32")

    def begun(widths: int, resume: bool = False) -> Training:
        return Training(
            settings, Tokens(), Batches(rows, rows, 64, widths=widths), Batches(rows, rows), tmp_path, resume
        )

    first = begun(0)
    first.place.position = first.place.steps = 3
    first.save()
    first.writer.wait()
    assert (begun(0, resume=True).place.position, begun(0, resume=True).notes) == (3, [])
    resumed = begun(8, resume=True)
    assert resumed.place.position == 0 and resumed.notes == [
        "another backend cuts other batches: the epoch that was begun begins anew"
    ]


@pytest.mark.slow
def test_a_lower_learning_rate_may_be_gone_on_with(whole, tmp_path):
    _, folder = whole
    shutil.copytree(folder, tmp_path / "run")
    data = sequences(80, 4), sequences(80, 5)
    settings = dict(epochs=4, dropout=0.2, batch_tokens=200, learning_rate=1e-5)
    resumed = training(tmp_path / "run", *data, resume=True, **settings)
    before = [np.copy(weight) for weight in resumed.model.get_weights()]
    run(resumed)
    change = max(np.abs(x - y).max() for x, y in zip(before, resumed.model.get_weights(), strict=True))
    assert 0 < change < 1e-3


def test_other_data_are_refused(whole, tmp_path):
    _, folder = whole
    shutil.copytree(folder, tmp_path / "run")
    with pytest.raises(InputError, match="training data changed"):
        training(tmp_path / "run", sequences(80, 4), sequences(80, 6), resume=True, epochs=4, batch_tokens=200)


def test_other_validation_data_are_refused(whole, tmp_path):
    """By them the best epoch is chosen."""
    _, folder = whole
    shutil.copytree(folder, tmp_path / "run")
    data, other = (sequences(80, 4), sequences(80, 5)), (sequences(20, 4), sequences(20, 6))
    with pytest.raises(InputError, match="validation data changed"):
        training(tmp_path / "run", *data, resume=True, validation=other, dropout=0.2, batch_tokens=200)


def rewritten(folder, change) -> None:
    """The checkpoint with its arrays changed by `change(arrays)`."""
    with np.load(folder / CHECKPOINT) as saved:
        arrays = dict(saved)
    change(arrays)
    np.savez(folder / CHECKPOINT, **arrays)


@pytest.mark.parametrize("change", [lambda arrays: arrays.pop("state"), lambda arrays: arrays.update(more=np.ones(1))])
def test_a_checkpoint_of_an_earlier_version_is_said(whole, tmp_path, change):
    _, folder = whole
    shutil.copytree(folder, tmp_path / "run")
    rewritten(tmp_path / "run", change)
    data = sequences(80, 4), sequences(80, 5)
    with pytest.raises(InputError, match=r"earlier version.* train in another --run"):
        training(tmp_path / "run", *data, resume=True, dropout=0.2, batch_tokens=200)


def test_a_checkpoint_from_before_the_validation_data_were_remembered_is_good(whole, tmp_path):
    expected, folder = whole
    shutil.copytree(folder, tmp_path / "run")

    def change(arrays):
        state = json.loads(str(arrays["state"]))
        arrays["state"] = np.array(json.dumps(state | {"data": state["data"]["training"]}))

    rewritten(tmp_path / "run", change)
    data = sequences(80, 4), sequences(80, 5)
    assert_same(expected, training(tmp_path / "run", *data, resume=True, epochs=3, dropout=0.2, batch_tokens=200))


@pytest.mark.slow
def test_a_damaged_history_is_written_again_and_said(whole, tmp_path):
    _, folder = whole
    data, settings = (sequences(80, 4), sequences(80, 5)), dict(epochs=3, dropout=0.2, batch_tokens=200)
    shutil.copytree(folder, tmp_path / "run")
    path = tmp_path / "run" / runs.HISTORY
    good = path.read_bytes()
    assert not training(tmp_path / "run", *data, resume=True, **settings).notes
    for damage in (b"", b"\0" * 100, good.replace(b"1", b"2")):
        path.write_bytes(damage)
        (note,) = training(tmp_path / "run", *data, resume=True, **settings).notes
        assert note.startswith(f"{path} was missing, damaged or changed") and path.read_bytes() == good
    path.write_bytes(b"\n".join(good.split(b"\n")[:-2]) + b"\n")  # killed before the last row was written
    assert not training(tmp_path / "run", *data, resume=True, **settings).notes and path.read_bytes() == good


def test_checkpoints_are_a_minute_apart(monkeypatch):
    now, saved = [0.0], []
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    for steps, took in ((200, 3.0), (61, 0.0), (200, 5.0)):
        every = EveryMinute(lambda: saved.append(now[0]), steps, lambda: took)  # noqa: B023
        every.set_model(SimpleNamespace())
        now[0] = 0.0
        every.on_train_begin()
        for step in range(steps):
            now[0] += 1.0
            every.on_train_batch_end(step)
        # Not after the last step, when the epoch is saved. Five seconds are 5 % of a hundred.
        assert saved == {(200, 3.0): [61.0, 122.0, 183.0], (61, 0.0): [], (200, 5.0): [101.0]}[steps, took]
        saved.clear()


@pytest.mark.slow
def test_another_seed_is_another_run(whole, tmp_path):
    """While the same seed gives the same: `test_a_resumed_run_ends_as_one_that_was_never_stopped`."""
    expected, _ = whole
    data = sequences(80, 4), sequences(80, 5)
    other = run(training(tmp_path, *data, epochs=1, dropout=0.2, batch_tokens=200, seed=1))
    assert other.history[0]["loss"] != pytest.approx(expected.history[0]["loss"], rel=1e-6)


def test_the_folder_holds_the_best_average_in_float32(whole):
    trained, folder = whole
    history = pd.read_csv(folder / runs.HISTORY)
    assert list(history["epoch"]) == [1, 2, 3]
    assert trained.best["epoch"] == history["val_nll"].idxmin() + 1
    model = runs.load_model(folder / runs.MODEL)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert not [name for name in folder.iterdir() if name.name.startswith(".")]  # nothing half-written


@pytest.mark.slow
def test_only_the_best_epoch_is_kept(tmp_path):
    """With a learning rate that destroys what was learnt, model.keras stays at the epoch before."""
    rows = sequences(80, 6)
    trained = training(tmp_path, rows, rows, epochs=2, batch_tokens=200, ema_decay=0.0)
    epochs = trained.epochs(show_progress=False)
    next(epochs)
    kept = (tmp_path / runs.MODEL).read_bytes()
    trained.model.set_weights([w + np.random.default_rng(0).normal(0, 5, w.shape) for w in trained.model.get_weights()])
    next(epochs)
    assert trained.best["epoch"] == 1 and (tmp_path / runs.MODEL).read_bytes() == kept


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_with_advice(tmp_path):
    rows = sequences(40, 7)
    trained = training(tmp_path, rows, rows, epochs=2)
    next(trained.epochs(show_progress=False))
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    good = trained.model.get_weights()
    for poison in (np.nan, np.inf):
        trained.model.set_weights([np.full_like(w, poison) for w in good])
        with pytest.raises(InputError, match="--resume and a lower --learning-rate"):
            next(trained.epochs(show_progress=False))
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept
    resumed = training(tmp_path, rows, rows, epochs=2, resume=True, learning_rate=1e-4)
    assert np.isfinite(run(resumed).history[1]["loss"])


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    """The loss is measured before the step that spoils the weights: they are looked at, too."""
    rows = sequences(40, 7)
    trained = training(tmp_path, rows, rows)
    weight = trained.averaged.trainable_variables[0]
    weight.assign(weight * np.nan)
    with pytest.raises(InputError, match="weights are no longer finite"):
        trained.save()
    assert not list(tmp_path.iterdir())


def test_gradients_are_clipped(tmp_path):
    """However large a gradient is, the optimizer gets one of length `clip_norm`."""
    rows = sequences(8, 7)
    trained = training(tmp_path, rows, rows)
    variables = trained.model.trainable_variables
    trained.objective.optimizer.apply([1e6 + 0 * v for v in variables], variables)
    moments = [v for v in trained.objective.optimizer.variables if "momentum" in v.path]
    length = np.sqrt(sum(np.square(np.asarray(m)).sum() for m in moments))
    assert length == pytest.approx(0.1, rel=1e-3)  # (1 - beta_1) of a gradient of length 1


def test_batches_of_nothing_are_safe(tmp_path):
    """An end token alone, no token at all, padding only, one token: an epoch of each leaves finite numbers."""
    kinds = [[END], [], [0, 0, 0], [5]]
    trained = training(tmp_path, [[END]], [[END]], epochs=len(kinds))
    trained.curriculum.renew = lambda epoch, part: Batches([kinds[epoch]] * 3, [kinds[epoch]] * 3, 500)
    epochs = trained.epochs(show_progress=False)
    for row in kinds:
        trained.validation = Batches([row], [row], 500)
        result = next(epochs)
        assert np.isfinite([result["loss"], result["val_loss"], result["token_accuracy"]]).all()
        assert all(np.isfinite(np.asarray(variable)).all() for variable in trained.variables())


@pytest.mark.slow
def test_minutes_end_training_within_an_epoch(tmp_path):
    rows = sequences(400, 8)
    trained = run(training(tmp_path, rows, rows, epochs=50, batch_tokens=60, minutes=0.02))
    assert 1 <= len(trained.history) < 50
    assert trained.history[0]["target_tokens"] <= trained.batches.tokens


@pytest.mark.slow
def test_callbacks_may_stop_training_after_an_epoch_or_within_one(tmp_path):
    rows, told = sequences(80, 4), []
    for name in ("patient", "hasty"):
        (tmp_path / name).mkdir()
    patient = keras.callbacks.EarlyStopping("val_loss", min_delta=100.0, patience=1)
    assert len(run(training(tmp_path / "patient", rows, rows, callbacks=[patient], epochs=5)).history) == 2

    class Hasty(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            told.append(batch)
            self.model.stop_training = batch == 1

        def on_train_end(self, logs=None):
            told.append("train ends")

    hasty = run(training(tmp_path / "hasty", rows, rows, callbacks=[Hasty()], epochs=5, batch_tokens=200))
    assert len(hasty.history) == 1
    assert told == [0, 1, "train ends"]


@pytest.mark.slow
def test_what_minutes_cut_short_goes_on_within_the_epoch(whole, tmp_path):
    """Once the rest of the epoch was passed over: of 80 pairs, 76."""
    expected, _ = whole
    data, settings = (sequences(80, 4), sequences(80, 5)), dict(epochs=3, dropout=0.2, batch_tokens=200)
    cut = run(training(tmp_path, *data, minutes=1e-9, **settings))
    assert len(cut.history) == 1 and cut.history[0]["target_tokens"] < cut.batches.tokens
    resumed = training(tmp_path, *data, resume=True, **settings)
    assert resumed.place.position == 1 and not resumed.notes
    assert_same(expected, run(resumed))
    assert resumed.history[0]["target_tokens"] == resumed.batches.tokens


@pytest.mark.slow
def test_what_minutes_cut_short_is_validated_again_when_no_time_is_left(whole, tmp_path):
    """The epoch that was cut short keeps its row, which is that of model.keras."""
    data, settings = (sequences(80, 4), sequences(80, 5)), dict(dropout=0.2, batch_tokens=200)
    first = run(training(tmp_path, *data, epochs=1, **settings))
    minutes = first.seconds / 60 + 1e-9
    cut = run(training(tmp_path, *data, resume=True, epochs=3, minutes=minutes, **settings))
    assert [row["epoch"] for row in cut.history] == [1, 2]
    again = training(tmp_path, *data, resume=True, epochs=3, minutes=minutes, **settings)
    assert any("minutes are over: --minutes gives it more" in note for note in again.notes)
    assert run(again).history == cut.history and again.best == cut.best


@pytest.mark.slow
def test_the_best_weights_are_kept_where_time_was_up_and_the_epoch_ended_worse(tmp_path):
    """model.keras is of the row that `best` names, also when that is of a validation within an epoch."""
    data, settings = (sequences(80, 4), sequences(80, 5)), dict(epochs=2, batch_tokens=200, select="bleu")

    def scored(bleu: float, **more) -> Training:
        trained = training(tmp_path, *data, **settings | more)
        trained.bleu = lambda training: bleu
        return run(trained)

    cut = scored(20.0, minutes=1e-9)
    kept = (tmp_path / runs.MODEL).read_bytes()
    (row,) = cut.history
    worse = scored(10.0, resume=True, epochs=1)
    assert (tmp_path / runs.MODEL).read_bytes() == kept
    assert worse.best == row and [r["val_bleu"] for r in worse.history] == [10.0]
    again = scored(15.0, resume=True)  # in a process that knows of it by the checkpoint alone
    assert again.best == row and (tmp_path / runs.MODEL).read_bytes() == kept
    better = scored(25.0, resume=True, epochs=3)
    assert better.best["val_bleu"] == 25.0 and (tmp_path / runs.MODEL).read_bytes() != kept


@pytest.mark.slow
def test_a_run_goes_on_with_batches_in_other_parts(tmp_path):
    data, settings = (sequences(80, 4), sequences(80, 5)), dict(batch_tokens=200)
    first = run(training(tmp_path, *data, epochs=1, accumulate=2, **settings))
    for parts in (1, 2, 3):
        resumed = training(tmp_path, *data, resume=True, epochs=2, accumulate=parts, **settings)
        assert resumed.steps == first.steps == len(first.batches)
        rates = [float(one.objective.optimizer.learning_rate) for one in (first, resumed)]
        assert rates[0] == pytest.approx(rates[1])
        for variable, other in zip(first.variables(), resumed.variables(), strict=True):
            if variable.name != "iteration":
                np.testing.assert_array_equal(np.asarray(variable), np.asarray(other))
    assert run(resumed).steps == 2 * first.steps


def in_parts(folder, resume=False, **settings) -> Training:
    """A training whose epochs have two parts, of three batches and of two, with a validation every four steps."""
    settings = dict(epochs=2, dropout=0.2, batch_tokens=200, validate_every=4) | settings
    trained = training(folder, sequences(80, 4), sequences(80, 5), resume=resume, **settings)
    parts = [Batches(sequences(n, n), sequences(n, n + 1), 200) for n in (70, 50)]
    trained.curriculum = Curriculum(trained.batches, trained.settings.epochs, lambda epoch, part: parts[part], parts=2)
    assert [len(part) for part in parts] == [3, 2]
    return trained


@pytest.fixture(scope="module")
def parted(tmp_path_factory) -> Training:
    return run(in_parts(tmp_path_factory.mktemp("parted")))


def test_parts_and_validations_within_an_epoch(parted):
    rows = parted.history
    assert [(row["epoch"], row["steps"]) for row in rows] == [(1, 4), (1, 5), (2, 9), (2, 10)]
    tokens = [sum(int(part.lengths[:, 0].sum()) for part in (parted.curriculum(0, 0), parted.curriculum(0, 1)))] * 2
    assert [rows[0]["target_tokens"] + rows[1]["target_tokens"], sum(r["target_tokens"] for r in rows[2:])] == tokens
    assert parted.place == Place(epoch=2) and parted.done()
    assert list(pd.read_csv(parted.folder / runs.HISTORY)["steps"]) == [4, 5, 9, 10]
    assert (parted.folder / runs.MODEL).exists()


@pytest.mark.slow
@pytest.mark.parametrize("validation", [1, 2])
def test_stopped_while_it_validates_within_an_epoch_it_goes_on(parted, tmp_path, monkeypatch, validation):
    left, measure = [validation], trainings.evaluate

    def stop(*arguments):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return measure(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainings, "evaluate", stop)
        with pytest.raises(KeyboardInterrupt):
            run(in_parts(tmp_path))
    assert len(in_parts(tmp_path, resume=True).history) == validation - 1
    assert_same(parted, run(in_parts(tmp_path, resume=True)))


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 4, 9])
def test_stopped_within_a_part_it_goes_on(parted, tmp_path, monkeypatch, step):
    """The checkpoint is of the step before."""
    left, done = [step], callbacks.Progress.on_train_batch_end

    def stop(self, batch, logs=None):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        done(self, batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(EveryMinute.__init__, "__defaults__", (0.0,))
        patch.setattr(callbacks, "SHARE", np.inf)
        patch.setattr(callbacks.Progress, "on_train_batch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            run(in_parts(tmp_path))
    assert_same(parted, run(in_parts(tmp_path, resume=True)))


@pytest.mark.slow
def test_the_time_to_come_is_announced_once(tmp_path):
    rows = sequences(200, 9)
    said = []
    list(training(tmp_path, rows, rows, epochs=2, batch_tokens=40).epochs(show_progress=False, announce=said.append))
    assert len(said) == 1 and said[0] > 0


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint"])
def test_a_damaged_checkpoint_is_named(whole, tmp_path, damage):
    _, folder = whole
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / CHECKPOINT).write_bytes(damage)
    with pytest.raises(InputError, match=CHECKPOINT):
        training(tmp_path / "run", sequences(80, 4), sequences(80, 5), resume=True, epochs=4, batch_tokens=200)


def test_a_checkpoint_of_another_model_is_refused(whole, tmp_path):
    _, folder = whole
    shutil.copytree(folder, tmp_path / "run")
    settings = dict(epochs=4, dropout=0.2, batch_tokens=200, d_model=16)
    with pytest.raises(InputError, match=CHECKPOINT):
        training(tmp_path / "run", sequences(80, 4), sequences(80, 5), resume=True, **settings)


def test_the_running_average_is_its_formula():
    keras.utils.set_random_seed(0)
    model, mean = (Transformer(10, 8, 2, 8, 1) for _ in range(2))
    before = [np.copy(w) for w in mean.get_weights()]
    RunningAverage(mean, decay=0.9, every=2).update(model, step=1000)
    for old, new, weight in zip(before, mean.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(new, 0.81 * old + 0.19 * weight, atol=1e-6)


def test_a_handful_of_steps_is_not_lost(tmp_path):
    """The average is updated every tenth step, but also after each of the first ones."""
    trained = training(tmp_path, sequences(12, 8), sequences(12, 9), epochs=1, batch_tokens=40)
    before = trained.averaged.get_weights()
    run(trained)
    assert 1 < trained.history[0]["steps"] < 10
    for old, new, weight in zip(before, trained.averaged.get_weights(), trained.model.get_weights(), strict=True):
        assert not np.array_equal(old, new)
        np.testing.assert_allclose(new, weight, atol=0.02)


def test_bpe_dropout_cuts_words_anew_each_epoch(tmp_path):
    text = [
        f"the quick brown fox {word} over the lazy dog" for word in ("jumps", "leaps", "walks", "runs", "flies")
    ] * 8
    tokenizer = Tokenizer.train(text, 330)
    ids = tokenizer.encode(text)
    settings = Settings(d_model=16, d_ff=16, num_layers=1, bpe_dropout=0.3, precision="float32")
    trained = Training(settings, tokenizer, Batches(ids, ids, 400), Batches(ids, ids, 400), tmp_path)
    seen = []
    for epoch in (0, 1, 0):
        cut = trained.curriculum(epoch)
        seen.append(cut.source)
        assert tokenizer.decode(cut.source) == tokenizer.decode(cut.target) == text
    assert seen[0] == seen[2] != seen[1]
