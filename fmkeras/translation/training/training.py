"""Training: epochs that resume where they were killed, a running average of the weights, the best epoch kept."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.model.objective import InverseSquareRoot, Objective, as_dataset, evaluate
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.callbacks import Announce, EveryMinute, Progress, RunningAverage, diverged
from fmkeras.translation.training.pretrained import take_over

CHECKPOINT = "checkpoint.npz"


def has_checkpoint(folder: Path) -> bool:
    """Whether a run can be gone on with from where it was stopped. One that was killed in its first minute begins anew.

    Raises:
        InputError: the run has trained, and its checkpoint is gone: to begin anew would overwrite what it has learnt.
    """
    if (folder / CHECKPOINT).is_file():
        return True
    if (folder / runs.HISTORY).exists() or (folder / runs.REPORT).exists():
        raise InputError(f"{folder / CHECKPOINT} is missing: restore it, or train in another --run")
    return False


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
    ):
        resume = resume and has_checkpoint(Path(folder))
        keras.utils.set_random_seed(settings.seed)
        self.settings, self.tokenizer, self.folder = settings, tokenizer, Path(folder)
        self.batches, self.validation = batches, validation
        self.renew = renew or (self.resample if settings.sampling else lambda epoch: self.batches)
        sizes = {"vocab_size": len(tokenizer), **settings.model_sizes()}
        mixed = settings.precision == "bfloat16"
        self.model = Transformer(**sizes, dtype="mixed_bfloat16" if mixed else "float32")
        self.fresh = take_over(self.model, initial) if initial else None
        self.average = Transformer(**sizes, dtype="float32")
        self.average.set_weights(self.model.get_weights())
        self.objective = Objective(self.model, settings.label_smoothing)
        optimizer = keras.optimizers.Adam(
            InverseSquareRoot(settings.learning_rate, settings.warmup_steps),
            beta_1=0.9,
            beta_2=0.98,
            epsilon=1e-9,
            global_clipnorm=settings.clip_norm,
        )
        optimizer.build(self.model.trainable_variables)
        # XLA would compile each new shape of a batch; on a CPU it is also ten times slower.
        jit = "auto" if keras.backend.backend() == "jax" else False
        self.objective.compile(optimizer, jit_compile=jit)
        self.judge = Objective(self.average, settings.label_smoothing)
        self.judge.compile(jit_compile=jit)
        self.history: list[dict] = []
        self.position, self.position_seconds = 0, 0.0
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
        """The row of the epoch whose weights are kept."""
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
        limit = None if self.settings.minutes is None else self.settings.minutes * 60

        def expect(tokens_per_second: float) -> None:
            seconds = (self.settings.epochs - len(self.history)) * self.batches.tokens / tokens_per_second
            announce(min(seconds, limit - self.seconds) if limit else seconds)

        while len(self.history) < self.settings.epochs and (limit is None or self.seconds < limit or not self.history):
            left = None if limit is None else limit - self.seconds
            self.history.append(self.epoch(show_progress, left, expect if announce else None))
            self.position, self.position_seconds, announce = 0, 0.0, None
            (self.folder / runs.REPORT).unlink(missing_ok=True)  # of the run as it was when it had fewer epochs
            self.save()
            self.publish()
            yield self.history[-1]

    def epoch(self, show_progress: bool, seconds: float | None, announce: Announce | None) -> dict:
        """Train what is left of the next epoch, for so many seconds at most, and return its row of results."""
        epoch = len(self.history)
        self.batches = self.renew(epoch)
        tokens = [int(self.batches.lengths[rows, 0].sum()) for rows in self.batches.indices(epoch)]
        title = f"epoch {epoch + 1}/{self.settings.epochs}"
        progress = Progress(title, tokens, self.position, seconds, show_progress, announce)
        before = self.position_seconds
        counted = [np.asarray(variable) for variable in self.counters()] if self.position else None

        def recount(epoch: int, logs: dict) -> None:
            if counted:  # `fit` has just set the counters of the half epoch back to zero
                self.assign(self.counters(), counted)

        def checkpoint() -> None:
            self.position, self.position_seconds = progress.done, before + progress.elapsed
            self.save()

        callbacks = [
            keras.callbacks.LambdaCallback(on_epoch_begin=recount),
            RunningAverage(self.average, self.settings.average),
            progress,
            EveryMinute(checkpoint, len(tokens) - self.position),
        ]
        if self.position < len(tokens):  # else it was stopped while it validated
            with progress:
                dataset = as_dataset(self.batches, epoch, self.position)
                self.objective.fit(dataset, shuffle=False, verbose=0, callbacks=callbacks)
            if progress.done == len(tokens):
                checkpoint()  # validation can take minutes, too
        taken, trained = before + progress.elapsed, sum(tokens[: progress.done])
        measured = {metric.name: float(metric.result()) for metric in self.objective.metrics}
        validation = evaluate(self.judge, self.validation)
        if not np.isfinite(validation["nll"]):
            raise InputError(  # the checkpoint holds the same weights: no lower rate would help them
                f"the validation loss became {validation['nll']}: train in another --run with a lower --learning-rate"
            )
        return {
            "epoch": epoch + 1,
            "loss": measured["token_loss"],
            "token_accuracy": measured["accuracy"],
            **{f"val_{name}": value for name, value in validation.items()},
            "steps": int(self.objective.optimizer.iterations),
            "target_tokens": trained,
            "seconds": taken,
            "tokens_per_second": trained / taken,
        }

    def resample(self, epoch: int) -> Batches:
        """BPE-dropout: the same pairs with every sentence cut into other pieces than before."""
        sides = []
        for i, side in enumerate((self.batches.source, self.batches.target)):
            seed = int(np.random.default_rng((self.settings.seed, epoch, i)).integers(1 << 31))
            sides.append(self.tokenizer.encode_corpus(self.tokenizer.decode(side), self.settings.sampling, seed))
        return Batches(*sides, self.settings.batch_tokens, self.settings.seed, start=self.batches.start)

    def counters(self) -> list:
        """The sums behind loss and accuracy of the epoch so far."""
        return [variable for metric in self.objective.metrics for variable in metric.variables]

    def variables(self) -> list:
        """All that a step changes: weights, their average, the optimizer's moments and step, dropout's state, sums."""
        dropout = [v for v in self.model.variables if v.name == "seed_generator_state"]
        weights = self.model.trainable_variables, self.average.trainable_variables
        return [*itertools.chain(*weights), *self.objective.optimizer.variables, *dropout, *self.counters()]

    def assign(self, variables: list, values: list[np.ndarray]) -> None:
        """Give variables their values."""
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def save(self) -> None:
        """Write checkpoint.npz: all that is needed to go on from this step."""
        arrays = {f"{i:04d}": np.asarray(variable) for i, variable in enumerate(self.variables())}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise InputError(diverged("some weights are no longer finite numbers"))
        state = {"data": self.data, "history": self.history, "position": self.position}
        state |= {"position_seconds": self.position_seconds}
        with runs.whole_file(self.folder / CHECKPOINT) as temporary:
            np.savez(temporary, state=json.dumps(state), **arrays)

    def restore(self) -> None:
        """Go back to the checkpoint, and write again what was derived from it."""
        path = self.folder / CHECKPOINT
        earlier = f"{path} was made by an earlier version, or is damaged: restore it, or train in another --run"
        try:
            with np.load(path, allow_pickle=False) as saved:
                variables = self.variables()
                if "state" not in saved.files:
                    raise InputError(earlier)
                state = json.loads(str(saved["state"]))
                data = state["data"]  # in an earlier version, the checksum of the training data alone
                for name, digest in (data if isinstance(data, dict) else {"training": data}).items():
                    if digest != self.data[name]:
                        raise InputError(f"the {name} data changed since {path} was written: train in another --run")
                if len(saved.files) != len(variables) + 1:
                    raise InputError(earlier)
                self.assign(variables, [saved[f"{i:04d}"] for i in range(len(variables))])
            self.history, self.position = state["history"], state["position"]
            self.position_seconds = state["position_seconds"]
        except InputError:
            raise
        except Exception as error:  # a damaged file can fail anywhere
            reason = " ".join(str(error).split())[:120]
            raise InputError(f"{path} cannot be used ({reason}): restore it, or train in another --run") from None
        history = self.folder / runs.HISTORY
        found = history.read_bytes() if history.is_file() else table([])
        if found not in (table(self.history), table(self.history[:-1])):
            self.notes.append(f"{history} was missing, damaged or changed: written again, from {CHECKPOINT}")
        if self.history and self.position:
            self.write_history()
        elif self.history:  # it was perhaps killed between the checkpoint and these
            self.publish()

    def publish(self) -> None:
        """Write history.csv and, if the last epoch is the best, model.keras."""
        if self.best is self.history[-1]:
            runs.save_model(self.average, self.folder / runs.MODEL)
        self.write_history()

    def write_history(self) -> None:
        """Write history.csv."""
        with runs.whole_file(self.folder / runs.HISTORY) as temporary:
            temporary.write_bytes(table(self.history))

    def keep(self) -> None:
        """Save the weights as they are if no epoch has ended yet: an interrupted run still translates."""
        if not self.history:
            runs.save_model(self.average, self.folder / runs.MODEL)


def table(history: list[dict]) -> bytes:
    """What history.csv holds; of no rows, nothing."""
    return pd.DataFrame(history).to_csv(index=False, lineterminator="\n").encode() if history else b""
