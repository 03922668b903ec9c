"""Training: epochs that resume where they were killed, a running average of the weights, the best epoch kept."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.model.objective import Objective, as_dataset, evaluate
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import checkpoint
from fmkeras.translation.training.callbacks import (
    Announce,
    EveryMinute,
    Forward,
    Progress,
    RunningAverage,
    synchronise,
)
from fmkeras.translation.training.optimizers import optimizer_of
from fmkeras.translation.training.pretrained import take_over

LOGS = {"token_accuracy": "accuracy", "val_token_accuracy": "val_accuracy"}  # names that Keras's callbacks expect
COUNTED = ("epoch", "steps", "target_tokens", "seconds", "tokens_per_second")  # of a row, what is no measure


class Training:
    """One training run: `for row in Training(...).epochs(): ...` trains, a row of results for each epoch.

    Once a minute, before each validation and after it the folder gets checkpoint.npz, from which training goes on as if
    it had never stopped: in float32 on a CPU, to the same bits. After each epoch it gets history.csv, and model.keras
    if the epoch had the lowest validation loss: the running average of the weights, in float32.

    Args:
        settings: see `Settings`; `precision` must be "float32" or "bfloat16".
        tokenizer: what the batches were made with.
        batches, validation: sentence pairs to train on and to choose the best epoch by.
        folder: the run folder.
        resume: go on from the folder's checkpoint if there is one.
        initial: a model whose weights are where training starts; random ones by default. See `take_over`.
        callbacks: of Keras or your own. They see the `Objective` as `self.model`, each step, and at an epoch's end the
            logs loss, accuracy, val_loss, val_nll, val_accuracy, val_perplexity and, with `bleu`, val_bleu. They may
            stop training.
        bleu: scores the averaged weights on validation sentences, after each epoch; for `select="bleu"`.
        renew: makes the batches of each epoch anew, given its number, 0 first; must depend on nothing else. By
            default they stay the same, or with BPE-dropout are cut into other pieces.

    Attributes:
        history: a row of results for each epoch so far.
        position: batches done of the epoch after these.
        fresh: names of the weights that `initial` did not have; None without it.
        notes: lines for the user, about what resuming has put right.

    Raises:
        InputError: resuming, and the checkpoint is missing, damaged, or of another model or other data.
    """

    def __init__(
        self,
        settings: Settings,
        tokenizer: Tokenizer,
        batches: Batches,
        validation: Batches,
        folder: str | Path,
        resume: bool = False,
        initial: Transformer | None = None,
        renew: Callable[[int], Batches] | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        bleu: Callable[["Training"], float] | None = None,
    ):
        resume = resume and checkpoint.exists(Path(folder))
        keras.utils.set_random_seed(settings.seed)
        self.settings, self.tokenizer, self.folder = settings, tokenizer, Path(folder)
        self.batches, self.validation, self.bleu = batches, validation, bleu
        self.renew = renew or (self.resample if settings.sampling else lambda epoch: self.batches)
        sizes = {"vocab_size": len(tokenizer), **settings.model_sizes()}
        mixed = settings.precision == "bfloat16"
        self.model = Transformer(**sizes, dtype="mixed_bfloat16" if mixed else "float32")
        self.fresh = take_over(self.model, initial) if initial else None
        self.averaged = Transformer(**sizes, dtype="float32")
        self.averaged.set_weights(self.model.get_weights())
        self.objective = Objective(self.model, settings.label_smoothing, settings.word_dropout, settings.consistency)
        optimizer = optimizer_of(settings, settings.epochs * len(batches))
        optimizer.build(self.model.trainable_variables)
        # XLA would compile each new shape of a batch; on a CPU it is also ten times slower.
        jit = "auto" if keras.backend.backend() == "jax" else False
        self.objective.compile(optimizer, jit_compile=jit)
        self.evaluator = Objective(self.averaged, settings.label_smoothing)
        self.evaluator.compile(jit_compile=jit)
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=self.objective, epochs=settings.epochs)
        self.history: list[dict] = []
        self.position, self.position_seconds, self.late = 0, 0.0, False
        self.data = {"training": batches.fingerprint(), "validation": validation.fingerprint()}
        self.notes: list[str] = []
        if resume:
            self.restore()

    @property
    def seconds(self) -> float:
        """Seconds of training so far, in all."""
        return sum(row["seconds"] for row in self.history) + self.position_seconds

    @property
    def best(self) -> dict:
        """The row of the epoch whose weights are kept, as `select` says."""
        select = self.settings.select
        if select == "last":
            return self.history[-1]
        if select == "bleu" and all("val_bleu" in row for row in self.history):
            return max(self.history, key=lambda row: (row["val_bleu"], -row["val_nll"]))
        return min(self.history, key=lambda row: row["val_nll"])

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
        while not self.done():
            self.history.append(self.epoch(show_progress, announce))
            self.position, self.position_seconds, announce = 0, 0.0, None
            (self.folder / runs.REPORT).unlink(missing_ok=True)  # of the run as it was when it had fewer epochs
            if not self.late:  # else the checkpoint is of a step within this epoch: --resume goes on from there
                self.save()
            self.publish()
            yield self.history[-1]
        self.callbacks.on_train_end()

    def done(self) -> bool:
        """Whether training is over: all epochs are trained, the time is up, or a callback says so."""
        stopped = bool(self.history) and (self.objective.stop_training or self.stalled())
        return stopped or len(self.history) >= self.settings.epochs or (bool(self.history) and self.time_left() <= 0)

    def stalled(self) -> bool:
        """Whether `patience` epochs have brought nothing better."""
        patience = self.settings.patience
        return bool(patience) and len(self.history) - self.best["epoch"] >= patience and self.settings.select != "last"

    def time_left(self) -> float:
        """Seconds of training still allowed; infinity without a limit."""
        return math.inf if self.settings.minutes is None else 60 * self.settings.minutes - self.seconds

    def epoch(self, show_progress: bool, announce: Announce | None) -> dict:
        """Train what is left of the next epoch, while there is time, and return its row of results."""
        epoch = len(self.history)
        self.batches = self.renew(epoch)
        tokens = [int(self.batches.lengths[rows, 0].sum()) for rows in self.batches.indices(epoch)]

        def expect(tokens_per_second: float) -> None:
            if announce:
                to_come = (self.settings.epochs - epoch) * self.batches.tokens / tokens_per_second
                announce(min(to_come, self.time_left()))

        title = f"epoch {epoch + 1}/{self.settings.epochs}"
        progress = Progress(title, tokens, self.position, self.time_left(), show_progress, expect)
        before, stop, self.late = self.position_seconds, False, False
        self.callbacks.on_epoch_begin(epoch)
        if self.position < len(tokens):  # else it was stopped while it validated
            stop = self.fit(epoch, progress, len(tokens))
        trained = {"target_tokens": sum(tokens[: progress.done]), "seconds": before + progress.elapsed}
        row = {"epoch": epoch + 1, **self.measure(), **trained}
        row["tokens_per_second"] = row["target_tokens"] / row["seconds"]
        self.objective.stop_training = stop  # `fit` has forgotten it
        self.callbacks.on_epoch_end(epoch, {LOGS.get(name, name): row[name] for name in row if name not in COUNTED})
        return row

    def fit(self, epoch: int, progress: Progress, steps: int) -> bool:
        """The steps of an epoch from `position` on; whether a callback wants training to stop."""
        before, counted = self.position_seconds, [np.asarray(variable) for variable in self.counters()]
        within = self.position > 0

        def recount(epoch: int, logs: dict) -> None:
            if within:  # `fit` has just set the counters of the half epoch back to zero
                checkpoint.assign(self.counters(), counted)

        def save() -> None:
            self.position, self.position_seconds = progress.done, before + progress.elapsed
            self.save()

        callbacks = [
            keras.callbacks.LambdaCallback(on_epoch_begin=recount),
            RunningAverage(self.averaged, self.settings.ema_decay),
            Forward(self.callbacks, self.position),
            progress,
            EveryMinute(save, steps - self.position),
        ]
        with progress:
            dataset = as_dataset(self.batches, epoch, self.position)
            self.objective.fit(dataset, shuffle=False, verbose=0, callbacks=callbacks)
        synchronise(self.objective)
        stop = self.objective.stop_training and not progress.late
        self.late = progress.late and progress.done < steps
        if progress.done == steps or self.late:
            save()  # validation can take minutes, too
        return stop

    def measure(self) -> dict:
        """What an epoch has reached: means over its training batches, and the averaged weights' on validation pairs."""
        self.callbacks.on_test_begin()
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
            "steps": int(self.objective.optimizer.iterations),
        }

    def resample(self, epoch: int) -> Batches:
        """BPE-dropout: the same pairs with every sentence cut into other pieces than before."""
        settings, batches = self.settings, self.batches

        def cut(side: Sentences, number: int) -> Sentences:
            seed = int(np.random.default_rng((settings.seed, epoch, number)).integers(1 << 31))
            return self.tokenizer.encode_corpus(self.tokenizer.decode(side), settings.sampling, seed)

        sides = cut(batches.source, 0), cut(batches.target, 1)
        return dataclasses.replace(batches, source=sides[0], target=sides[1])

    def counters(self) -> list:
        """The sums behind loss and accuracy of the epoch so far."""
        return [variable for metric in self.objective.metrics for variable in metric.variables]

    def variables(self) -> list:
        """All that a step changes: weights, their average, the optimizer's moments and step, dropout's state, sums."""
        variables = self.model.variables + self.objective.own_state
        dropout = [v for v in variables if v.name == "seed_generator_state"]
        weights = self.model.trainable_variables, self.averaged.trainable_variables
        return [*itertools.chain(*weights), *self.objective.optimizer.variables, *dropout, *self.counters()]

    def save(self) -> None:
        """Write checkpoint.npz: all that is needed to go on from this step."""
        state = {"data": self.data, "history": self.history, "position": self.position}
        state |= {"position_seconds": self.position_seconds}
        checkpoint.write(self.folder, self.variables(), state)

    def restore(self) -> None:
        """Go back to the checkpoint, and write again what was derived from it."""
        state = checkpoint.read(self.folder, self.variables(), self.data)
        self.history, self.position = state["history"], state["position"]
        self.position_seconds = state["position_seconds"]
        history = self.folder / runs.HISTORY
        found = history.read_bytes() if history.is_file() else table([])
        within = bool(self.position) and found.startswith(table(self.history))  # and a row of the epoch that was begun
        if not within and found not in (table(self.history), table(self.history[:-1])):
            self.notes.append(f"{history} was missing, damaged or changed: written again, from {checkpoint.CHECKPOINT}")
        if self.history and self.position:
            self.write_history()
        elif self.history:  # it was perhaps killed between the checkpoint and these
            self.publish()

    def publish(self) -> None:
        """Write history.csv and, if the last epoch is the best, model.keras."""
        if self.best is self.history[-1]:
            runs.save_model(self.averaged, self.folder / runs.MODEL)
        self.write_history()

    def write_history(self) -> None:
        """Write history.csv."""
        with runs.whole_file(self.folder / runs.HISTORY) as temporary:
            temporary.write_bytes(table(self.history))

    def keep(self) -> None:
        """Save the weights as they are if no epoch has ended yet: an interrupted run still translates."""
        if not self.history:
            runs.save_model(self.averaged, self.folder / runs.MODEL)


def table(history: list[dict]) -> bytes:
    """What history.csv holds; of no rows, nothing."""
    return pd.DataFrame(history).to_csv(index=False, lineterminator="\n").encode() if history else b""
