"""Training: epochs that resume where they were killed, a running average of the weights, the best epoch kept."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmkeras import machines, parallel, runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.model.objective import as_dataset, evaluate
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import agreement, checkpoint, history
from fmkeras.translation.training.callbacks import (
    Announce,
    Callbacks,
    EveryMinute,
    Forward,
    Progress,
    suitable,
    synchronise,
)
from fmkeras.translation.training.curriculum import Curriculum
from fmkeras.translation.training.learner import Learner


class Training(Learner):
    """One training run: `for row in Training(...).epochs(): ...` trains, a row of results for each epoch.

    Once a minute, before each validation and after it the folder gets checkpoint.npz, from which training goes on as if
    it had never stopped: in float32 on a CPU, to the same bits. After each validation it gets history.csv, and
    model.keras if that is the best, as `select` says: the running average of the weights, in float32.

    Args:
        settings, initial: as of `Learner`.
        tokenizer: what the batches were made with.
        batches: sentence pairs to train on, as the settings say (see `Curriculum.of`), or another curriculum.
        validation: sentence pairs to choose the best epoch by.
        folder: the run folder.
        resume: go on from the folder's checkpoint if there is one.
        callbacks: of Keras (but for `UNSUITABLE`) or your own. They see the `Objective` as `self.model`, each step, and
            at an epoch's end the logs loss, accuracy, val_loss, val_nll, val_accuracy, val_perplexity and, with `bleu`,
            val_bleu. They may stop training.
        bleu: scores the averaged weights on validation sentences, after each epoch; for `select="bleu"`.

    Attributes:
        history: a row of results for each validation so far.
        kept: the row of a validation within an epoch whose weights model.keras holds: time was up, and it was resumed.
        place: where training stands.
        compile_seconds: of this process's seconds of training those that JAX spent compiling.
        shown: the averaged weights as they were after the last validation, to translate with meanwhile.
        notes: lines for the user, about what resuming has put right.

    Raises:
        InputError: resuming, and the checkpoint is missing, damaged, or of other data; a callback of `UNSUITABLE`.
    """

    def __init__(
        self,
        settings: Settings,
        tokenizer: Tokenizer,
        batches: Batches | Curriculum,
        validation: Batches,
        folder: str | Path,
        resume: bool = False,
        initial: Transformer | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        bleu: Callable[["Training"], float] | None = None,
    ):
        suitable(callbacks)
        resume = resume and checkpoint.exists(Path(folder))
        keras.utils.set_random_seed(settings.seed)
        self.settings, self.tokenizer, self.folder = settings, tokenizer, Path(folder)
        curriculum = Curriculum.of(settings, tokenizer, batches) if isinstance(batches, Batches) else batches
        self.curriculum, self.batches, self.validation, self.bleu = curriculum, curriculum.batches, validation, bleu
        self.devices = parallel.Devices(settings.devices)
        with ThreadPoolExecutor() as beside:  # the digest of millions of pairs takes seconds
            both = {"training": self.batches, "validation": validation}
            digests = {name: beside.submit(one.fingerprint) for name, one in both.items()}
            if machines.count() > 1:
                agreement.on_start(settings, tokenizer, {name: one.result() for name, one in digests.items()}, initial)
            with self.devices.scope():
                super().__init__(settings, len(tokenizer), curriculum.steps, initial, curriculum.steps_of_noise)
        self.data = {name: one.result() for name, one in digests.items()}
        # What translates between the steps: of several processes each has its own.
        self.shown = self.averaged if machines.count() == 1 else Transformer.from_config(self.averaged.get_config())
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=self.objective, epochs=curriculum.epochs)
        self.history, self.kept = list[dict](), list[dict]()
        self.place, self.late, self.compile_seconds = checkpoint.Place(), False, 0.0
        self.writer, self.notes = checkpoint.Writer(self.folder), list[str]()
        if resume:
            self.restore()

    @functools.cached_property
    def translator(self) -> Translator:
        """What `shown` translates, whoever asks: its search is compiled once."""
        return Translator(self.shown, self.tokenizer, self.settings)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, in all."""
        return sum(row["seconds"] for row in self.history) + self.place.seconds

    @property
    def best(self) -> dict:
        """The row of the validation whose weights are kept, as `select` says."""
        return history.best([*self.kept, *(self.of_pairs or self.history)], self.settings.select)

    @property
    def of_pairs(self) -> list[dict]:
        """The rows of results of epochs of pairs: those of denoising before them say little of translations."""
        return [row for row in self.history if row["epoch"] > self.curriculum.denoise_epochs]

    def epochs(self, show_progress: bool = True, announce: Announce | None = None) -> Iterator[dict]:
        """Train, and yield a row of results, which is also added to history.csv, after each epoch.

        However few minutes there are, the first epoch is ended: what has been learnt is published, and can be used.

        Args:
            show_progress: whether to show a progress bar.
            announce: called with the seconds that training will take, once, after the first steps.

        Raises:
            InputError: loss or weights are no longer finite numbers, or the folder cannot be written; the last
                checkpoint stays.
        """
        self.callbacks.on_train_begin()
        try:
            while not self.done():
                self.history.append(self.round(show_progress, announce))
                announce = None
                (self.folder / runs.REPORT).unlink(missing_ok=True)  # of the run as it was when it had fewer epochs
                if not self.late:  # else the checkpoint is of a step within this epoch: --resume goes on from there
                    self.save()
                self.writer.wait()
                self.publish()
                yield self.history[-1]
        finally:
            self.writer.wait()
        self.callbacks.on_train_end()

    def done(self) -> bool:
        """Whether training is over: all epochs are trained, the time is up, or a callback says so."""
        if self.place.epoch >= self.curriculum.epochs:
            return True
        over = history.stalled(self.of_pairs, self.settings.select, self.settings.patience) or self.time_left() <= 0
        return bool(self.history) and not self.place.steps and (over or self.objective.stop_training)

    def time_left(self) -> float:
        """Seconds of training still allowed; infinity without a limit."""
        return math.inf if self.settings.minutes is None else 60 * self.settings.minutes - self.seconds

    def round(self, show_progress: bool, announce: Announce | None) -> dict:
        """Train up to the next validation, while there is time, and return its row of results.

        That is the end of the epoch, or `validate_every` steps after the last one.
        """
        place, every, stop, self.late = self.place, self.settings.validate_every, False, False
        compiled = self.compile_seconds
        over = place.steps and self.time_left() <= 0  # it is resumed, and what it had time to train is validated
        self.callbacks.on_epoch_begin(len(self.history))
        while True:
            batches = self.curriculum(place.epoch, place.part)
            steps = len(batches.indices(place.epoch))
            last = min(steps, place.position + every - place.steps) if every else steps
            if place.position < last and over:
                self.late = True
            elif place.position < last:  # else it was stopped while it validated
                stop, announce = self.fit(batches, last, show_progress, announce), None
            ended = place.position == steps and place.part + 1 == self.curriculum.parts(place.epoch)
            if ended or stop or self.late or (every and place.steps == every):
                break
            place.part, place.position = place.part + 1, 0
        if place.steps:
            self.save()  # validation can take minutes, too
        row = {"epoch": place.epoch + 1, **self.measure(), "target_tokens": place.tokens, "seconds": place.seconds}
        row["tokens_per_second"] = row["target_tokens"] / (row["seconds"] - (self.compile_seconds - compiled))
        row = machines.from_first(row)  # no two clocks agree
        self.place = place.validated(ended or stop)
        self.objective.stop_training = stop  # `fit` has forgotten it
        self.callbacks.on_epoch_end(len(self.history), history.logs(row))
        return row

    def fit(self, batches: Batches, last: int, show_progress: bool, announce: Announce | None) -> bool:
        """The steps from `place` up to batch `last`; whether a callback wants training to stop."""
        place, before = self.place, dataclasses.replace(self.place)
        agreement.on_batches(batches, place.epoch)
        counted = [np.array(variable) for variable in self.counters()]
        tokens = [int(batches.lengths[rows, 0].sum()) for rows in batches.indices(place.epoch)]

        def expect(tokens_per_second: float) -> None:
            if announce:
                announce(min(self.curriculum.tokens(place.epoch) / tokens_per_second, self.time_left()))

        def recount(epoch: int, logs: dict) -> None:
            if before.steps:  # `fit` has just set the counters of what was begun back to zero
                checkpoint.assign(self.counters(), counted)

        def note() -> None:
            place.position = progress.done
            place.steps = before.steps + progress.done - before.position
            place.tokens = before.tokens + sum(tokens[before.position : progress.done])
            place.seconds = before.seconds + progress.elapsed

        def save() -> None:
            note()
            self.save()

        parts = self.curriculum.parts(place.epoch)
        title = f"epoch {place.epoch + 1}/{self.curriculum.epochs}" + f", part {place.part + 1}/{parts}" * (parts > 1)
        progress = Progress(title, tokens, place.position, self.time_left(), show_progress, expect)
        callbacks = [
            keras.callbacks.LambdaCallback(on_epoch_begin=recount),
            self.average,
            *([Forward(self.callbacks, before.steps)] if self.callbacks.callbacks else []),
            progress,
            EveryMinute(save, last - place.position, lambda: self.writer.took),
        ]
        with progress, self.devices.scope():
            dataset = as_dataset(batches, place.epoch, place.position, last, self.settings.accumulate)
            parallel.draw_apart(self.seeds())
            told = Callbacks(callbacks, self.settings.accumulate, add_history=True, model=self.objective)
            self.objective.fit(dataset, shuffle=False, verbose=0, callbacks=told)
        synchronise(self.objective)
        note()
        self.compile_seconds += progress.compiling
        self.late = progress.late and (place.position < len(tokens) or place.part + 1 < parts)
        return self.objective.stop_training and not progress.late

    def measure(self) -> dict:
        """What an epoch has reached: means over its training batches, and the averaged weights' on validation pairs."""
        self.callbacks.on_test_begin()
        if self.shown is not self.averaged:
            self.shown.set_weights(self.averaged.get_weights())
        with self.devices.scope():
            validation = evaluate(self.evaluator, self.validation)
        self.callbacks.on_test_end(validation)
        if not np.isfinite(validation["nll"]):
            raise InputError(  # the checkpoint holds the same weights: no lower rate would help them
                f"the validation loss became {validation['nll']}: train in another --run with a lower --learning-rate"
            )
        return {
            "loss": float(self.objective.token_loss.result()),
            "token_accuracy": float(self.objective.accuracy.result()),
            **{f"val_{name}": value for name, value in validation.items()},
            **({"val_bleu": self.bleu(self)} if self.bleu else {}),
            "steps": self.steps,
        }

    def save(self) -> None:
        """Begin to write checkpoint.npz: all that is needed to go on from this step. Of several processes one does."""
        if not machines.first():
            return
        state: dict[str, Any] = {"data": self.data, "history": self.history, "accumulate": self.settings.accumulate}
        state |= {"place": dataclasses.asdict(self.place), "widths": self.batches.widths, "kept": self.kept}
        self.writer.write(self.variables(), state)

    def restore(self) -> None:
        """Go back to the checkpoint, and write again what was derived from it."""
        state = checkpoint.read(self.folder, self.variables(), self.data)
        self.history = state["history"]
        self.count_in_parts(state.get("accumulate", self.settings.accumulate), self.settings.accumulate)
        epoch = len(self.history)  # where a checkpoint of version 0.1 stands
        self.place = checkpoint.Place.of(state, epoch, lambda: self.curriculum(epoch))
        if self.place.position and state.get("widths", 0) != self.batches.widths:
            self.place = checkpoint.Place(self.place.epoch)
            self.notes.append("another backend cuts other batches: the epoch that was begun begins anew")
        if self.time_left() <= 0:
            self.notes.append(f"its {self.settings.minutes:g} minutes are over: --minutes gives it more, in all")
        self.kept = state.get("kept") or history.unlisted(self.history, self.folder, self.settings.select)
        if not history.agrees(self.history, self.folder, within=bool(self.place.steps)):
            what = self.folder / runs.HISTORY
            self.notes.append(f"{what} was missing, damaged or changed: written again, from {checkpoint.CHECKPOINT}")
        if self.history and self.place.steps:
            history.write(self.history, self.folder)
        elif self.history:  # it was perhaps killed between the checkpoint and these
            self.publish()

    def publish(self) -> None:
        """Write history.csv and, if the last epoch is the best, model.keras."""
        if self.best is self.history[-1]:
            runs.save_model(self.averaged, self.folder / runs.MODEL)
        history.write(self.history, self.folder)

    def keep(self) -> None:
        """Save the weights as they are if no epoch has ended yet: an interrupted run still translates."""
        if not self.history:
            runs.save_model(self.averaged, self.folder / runs.MODEL)
