"""What learns: the model, the average of its weights, its loss and its optimizer; and all that a step changes."""

import itertools

import keras

from fmkeras import devices
from fmkeras.translation.model.objective import Objective
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.callbacks import RunningAverage
from fmkeras.translation.training.optimizers import optimizer_of
from fmkeras.translation.training.pretrained import take_over

MANY = 50  # steps between two validations, at which the average may lag behind by a few


class Learner:
    """A Transformer that is ready to be trained.

    Args:
        settings: see `Settings`; `precision` must not be "auto" any more.
        vocab_size: V, tokens of the vocabulary.
        steps: of the whole training, for the schedule.
        initial: a model whose weights are where training starts; random ones by default. See `take_over`.
        of_noise: how many of the steps are, the first ones; they have a schedule of their own.

    Attributes:
        model: what is trained, in the precision of the settings.
        averaged: the running average of its weights, in float32: what is kept.
        objective, evaluator: the losses of the two, as compiled Keras models.
        average: the callback that keeps the average.
        fresh: names of the weights that `initial` did not have; None without it.
    """

    def __init__(
        self, settings: Settings, vocab_size: int, steps: int, initial: Transformer | None = None, of_noise: int = 0
    ):
        devices.check_floatx()
        sizes = {"vocab_size": vocab_size, **settings.model_sizes()}
        half = settings.precision != "float32"
        self.model = Transformer(**sizes, dtype=f"mixed_{settings.precision}" if half else "float32")
        self.fresh = take_over(self.model, initial) if initial else None
        self.averaged = Transformer(**sizes, dtype="float32")
        self.averaged.set_weights(self.model.get_weights())
        self.objective = Objective(self.model, settings.label_smoothing, settings.word_dropout, settings.consistency)
        optimizer = optimizer_of(settings, steps, of_noise)
        optimizer.build(self.model.trainable_variables)
        self.objective.compile(optimizer, jit_compile=devices.jit_compile())
        epochs = settings.denoise_epochs + settings.epochs
        between = min(steps // epochs, settings.validate_every or steps)  # steps between two validations
        self.average = RunningAverage(self.averaged, settings.ema_decay, every=10 if between >= MANY else 1)
        self.evaluator = Objective(self.averaged, settings.label_smoothing)
        self.evaluator.compile(jit_compile=devices.jit_compile())

    @property
    def steps(self) -> int:
        """Steps made so far."""
        return int(keras.ops.convert_to_numpy(self.objective.optimizer.iterations))

    def variables(self) -> list:
        """All that a step changes: weights, their average, the optimizer's moments and step, dropout's state, sums.

        The sums of the gradients of a batch's parts are left out: between two batches they are 0.
        """
        weights = self.model.trainable_variables, self.averaged.trainable_variables
        optimizer = [one for one in self.objective.optimizer.variables if "gradient_accumulator" not in one.name]
        return [*itertools.chain(*weights), *optimizer, *self.seeds(), *self.counters()]

    def count_in_parts(self, before: int, now: int) -> None:
        """Have the optimizer, which counts the parts of batches, count the steps so far in other parts."""
        for count in self.objective.optimizer.variables:
            if count.name == "iteration":  # what scales the loss has one, too
                count.assign(keras.ops.convert_to_numpy(count) // before * now)

    def seeds(self) -> list:
        """The states of all that is drawn at random in a step: dropout, word dropout."""
        variables = self.model.variables + self.objective.own_state
        return [variable for variable in variables if variable.name == "seed_generator_state"]

    def counters(self) -> list:
        """The sums behind loss and accuracy of the epoch so far."""
        return [variable for metric in self.objective.metrics for variable in metric.variables]
