"""What a translator takes over from a run: its vocabulary, its sizes and, by name, its weights; and what came of it.

The run is one of pre-training, or another translator of the same languages, which is fine-tuned.
"""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora import facts, held_out
from fmkeras.translation.corpora.corpus import Corpus
from fmkeras.translation.corpora.languages import same
from fmkeras.translation.corpora.tokenizer import MASK, Tokenizer
from fmkeras.translation.inference import evaluation_sets
from fmkeras.translation.inference.loading import load_translator
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.saved import load_run
from fmkeras.translation.settings import Settings


@dataclasses.dataclass
class Pretrained:
    """A pre-trained run, loaded."""

    model: Transformer
    tokenizer: Tokenizer
    settings: Settings

    def check(self, settings: Settings) -> None:
        """Raise an InputError if a translator with these settings cannot start from here."""
        if self.settings.task == "translate":
            self._check_direction(settings)
        elif not self.tokenizer.known_language(settings.target):
            known = " and ".join(token.strip("<>") for token in self.tokenizer.special_tokens if token != MASK)
            raise InputError(
                f"{settings.init} has learnt to write {known}, not {settings.target}: name the languages of your data "
                "with --source and --target, or pre-train with its text"
            )
        if settings.style != self.settings.style:
            raise InputError(
                f"{settings.init} has learnt from text in the form {self.settings.style!r}, not {settings.style!r}: "
                f"pre-train with --dataset {settings.dataset}, or choose another --init"
            )
        same_file = settings.dataset == self.settings.dataset and Path(settings.dataset).is_file()
        if same_file and settings.source_column != self.settings.source_column:
            raise InputError(  # a file is split by its sources: now others are held out
                f"{settings.init} has learnt from sentences of {settings.dataset} that --source-column "
                f"{settings.source_column} tests on: pre-train with the same --source-column"
            )

    def warning(self, settings: Settings) -> str:
        """A line that says that sentences of the test set may have been pre-trained on; "" where none can have been.

        Pre-training leaves out the validation and test sentences of its own `Settings.dataset`, and knows no other.
        """
        before = self.settings
        same_data = all(getattr(before, name) == getattr(settings, name) for name in ("dataset", "validation", "test"))
        if before.task == "translate" or same_data:
            return ""
        return (
            f"warning: {settings.init} may have learnt from test sentences of {settings.dataset}, for it was "
            f"pre-trained without: name it in python -m fmkeras.pretrain, too, with --dataset {settings.dataset}"
        )

    def _check_direction(self, settings: Settings) -> None:
        """Raise an InputError if this translator translates between other languages, or the other way round."""
        own = self.settings.source, self.settings.target
        for mine, asked in zip(own, (settings.source, settings.target), strict=True):
            if not same(mine, asked):
                raise InputError(
                    f"{settings.init} translates {' → '.join(own)}, not {settings.source} → {settings.target}: name "
                    "the languages of your data with --source and --target, or choose another --init"
                )


def load_pretrained(run: str | Path) -> Pretrained:
    """Load a run that a translator can start from: of `fmkeras.pretrain`, or a translator.

    Raises:
        InputError: the folder is no such run, is damaged, or has not finished its first epoch.
    """
    task = runs.read_config(runs.find(run)).get("task", "translate")
    return Pretrained(*load_run(run, "denoise" if task == "denoise" else "translate"))


def learnt_from(corpus: Corpus, init: str, folder: Path, resume: bool, say: Callable[[str], None]) -> np.ndarray:
    """Fingerprints of the pairs that a translator learns from, and of those that the run it starts from has learnt.

    Args:
        corpus: the pairs; how many of those to test on had been learnt is said.
        init: the run that it starts from; "" for none.
        folder, resume: of the run. A resumed one knows what it has learnt, if `init` is gone.
        say: where the line goes.
    """
    own = held_out.fingerprints(corpus.train)
    if not init:  # those of millions of pairs are not sorted twice
        return own
    known = [own, held_out.read_fingerprints(folder) if resume else None]
    with contextlib.suppress(InputError):
        before = held_out.read_fingerprints(runs.find(init))
        known.append(before)
        if before is not None and (seen := held_out.seen(before, [source for source, _ in corpus.test], 0)):
            say(f"           test: {seen:,} of {len(corpus.test):,} sources were among what {init} was trained on")
    return facts.distinct(np.concatenate([one for one in known if one is not None]))


def before_and_now(init: str, translator: Translator, corpus: Corpus, say: Callable[[str], None]) -> dict:
    """Of a translator that was trained on: its BLEU before and now, on these test pairs and on its own test set.

    {} if it was none, but a pre-trained run. Its own test set is left out where that cannot be had.
    """
    try:
        if not init or Settings.load(runs.read_config(runs.find(init))).task != "translate":
            return {}
        old = load_translator(init, "keras")
    except InputError as error:  # a resumed run needs it no more, and it may be gone
        say(f"\nwhat it was before cannot be measured: {error}")
        return {}
    before, now = old.score(corpus.test, {}, progress=None)[0]["bleu"], translator.report["test"]["bleu"]
    say(f"\non these test pairs: BLEU {before:.2f} before, by {init}, {now:.2f} now")
    found = {"run": init, "test_bleu_before": before}
    try:
        test = evaluation_sets.load(old.settings, init)
    except InputError as error:
        say(f"what was lost on the test set of {init} cannot be measured: {error}")
        return found
    if list(zip(test.sources, test.references, strict=True)) == corpus.test:  # more of the same passes
        return found
    pair = [evaluation_sets.score(one, test)[0]["bleu"] for one in (old, translator)]
    say(f"on the test set of {init}: BLEU {pair[0]:.2f} before, {pair[1]:.2f} now ({test.name})")
    return found | {"test_set": test.name, "bleu_before": pair[0], "bleu_now": pair[1]}


def take_over(model: Transformer, pretrained: Transformer) -> list[str]:
    """Give `model` the weights of `pretrained` that have the same name and shape.

    Returns:
        The names of the weights that `model` has and `pretrained` has not: these stay as they are.
    """
    known = {_name(variable): variable for variable in pretrained.trainable_variables}
    missing = []
    for variable in model.trainable_variables:
        found = known.get(_name(variable))
        if found is None or found.shape != variable.shape:
            missing.append(_name(variable))
        else:
            variable.assign(found)
    return missing


def _name(variable: keras.Variable) -> str:
    """ "encoder_0/feed_forward/expand/kernel": the path without the model's own name, which Keras numbers."""
    return variable.path.split("/", 1)[1]
