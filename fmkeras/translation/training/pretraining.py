"""`fmkeras.pretrain`: sentences without translations in, a model out that a translator can start from.

What ecosystem.md promises in sections 3 and 5.2, self-supervised pre-training and then fine-tuning: here the model
learns to reconstruct corrupted sentences, and `--init runs/pretrain` makes a translator of it.
"""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from fmkeras import machines, runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora import monolingual
from fmkeras.translation.corpora.tokenizer import MASK, Tokenizer, language_token
from fmkeras.translation.saved import own_tokenizer
from fmkeras.translation.settings import NONE, Settings, present_names
from fmkeras.translation.training import fitting, session
from fmkeras.translation.training.curriculum import Curriculum
from fmkeras.translation.training.denoising import Denoising, Reconstructor
from fmkeras.translation.training.options import decide
from fmkeras.translation.training.pretrained import Pretrained, load_pretrained
from fmkeras.translation.training.training import Training

TRANSLATING = {"init", "passes", "bpe_dropout", "denoise_epochs"}  # settings that pre-training has no use for
SAMPLES = 5  # sentences of each language shown at the end


def pretrain(
    dataset: str | Path | None = None,
    *,
    run: str | Path | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
    **options: Any,
) -> Pretrained:
    """Pre-train a Transformer by denoising, on sentences whose translations it is not shown.

    Text → SentencePiece ids → corrupted and original → Transformer → best weights.

    Args:
        dataset: what `train_translator` takes by name or path: its sides are used unpaired. By default "auto", or with
            `text` none.
        run, resume, callbacks, verbose: as in `fmkeras.train_translator`.
        options: any field of `Settings`, such as text=["pt=news.txt", "en=more.txt.gz"], skip=1000, mask=0.35.

    Returns:
        The pre-trained model with its tokenizer and settings. `train_translator(..., init=run)` starts from the run.

    Raises:
        InputError: the data or a setting cannot be used; says what to do.
    """
    say = session.voice(verbose)
    with session.folder_of(run, resume) as folder:
        began = time.perf_counter()
        chosen = _meant(options) | {"task": "denoise"} | ({"dataset": str(dataset)} if dataset is not None else {})
        if chosen.get("text") and not resume:
            chosen.setdefault("dataset", NONE)
        texts, counts, training = prepare(chosen, folder, resume, callbacks, say)
        settings, tokenizer = training.settings, training.tokenizer
        session.open_folder(training, resume, say)
        session.describe(training, say)

        reconstructor = Reconstructor(training.shown, tokenizer, settings)
        title = f"denoising, {texts.name}, {settings.preset}: {', '.join(texts.train)}"
        with session.interruptible(training, run is not None and machines.first()):
            session.train(
                training, title, began, lambda: [row[1:] for row in reconstructor.samples(texts.validation, 1)], say
            )
            if not machines.leave():
                return load_pretrained(folder)
            best = Reconstructor(runs.load_model(folder / runs.MODEL), tokenizer, settings)
            samples = best.samples(texts.validation, SAMPLES)

        measures = ("loss", "nll", "perplexity", "token_accuracy")
        report = {
            "dataset": texts.name,
            "notes": texts.notes,
            "sentences": counts,
            **session.report(training, began),
            "validation": {name: training.best[f"val_{name}"] for name in measures},
        }
        lines = "\n".join(f"sentence       {c}\ncorrupted      {s}\nreconstructed  {r}\n" for c, s, r in samples)
        session.finish(folder, report, lines, say)
        if run is not None:
            following = f"Fine-tune: {fine_tuning(settings, list(texts.train), folder)}"
            session.conclude(folder, report["seconds"], following, say)
        return load_pretrained(folder)


def _meant(values: dict[str, Any]) -> dict[str, Any]:
    """The settings that somebody names, by the names that they have now.

    Raises:
        InputError: one has no meaning in pre-training.
    """
    values = present_names(values)
    if strange := sorted(TRANSLATING & set(values)):
        raise InputError(f"{strange[0]}=: pre-training has no such choice: leave it out")
    if values.get("select") == "bleu":
        raise InputError("select='bleu': pre-training has no translations to score: choose 'loss' or 'last'")
    return values


def prepare(
    chosen: dict,
    folder: Path,
    resume: bool,
    callbacks: Sequence[keras.callbacks.Callback],
    say: session.Say,
) -> tuple[monolingual.Texts, dict[str, int], Training]:
    """Read the text, settle the settings, learn the vocabulary, make corrupted batches and model. Writes nothing.

    Returns:
        The text, how many sentences of each language are learnt from, and the training.

    Raises:
        InputError: something cannot be used: text, a setting, the folder.
    """
    settings = session.choose_settings(folder, chosen, resume)
    with machines.in_turn():
        texts = monolingual.load(settings)
    settings.dataset, settings.style = texts.dataset, texts.style
    settings = decide(settings, chosen, sum(map(len, texts.train.values())))
    say(f"data       {texts.name}, {' and '.join(texts.train)}, without translations")
    for note in texts.notes:
        say(f"           {note}")

    special = [MASK, *map(language_token, texts.train)]
    tokenizer = own_tokenizer(
        folder if resume else None,
        settings,
        lambda: Tokenizer.train(texts.sample(), settings.vocab_size, special),
    )
    denoising = Denoising.of(texts.train, tokenizer, settings)
    batches = denoising.batches(0)
    if not resume:
        settings = fitting.warm_up(settings, settings.epochs * len(batches), chosen)
    for language, kept in denoising.counts.items():
        long = len(texts.train[language]) - kept
        dropped = f"{long:,} sentences over {settings.max_sentence_tokens} tokens dropped"
        say(f"           {language}: {dropped}, {kept:,} kept")
    validation = Denoising.of(texts.validation, tokenizer, settings).batches(0)
    training = Training(
        settings,
        tokenizer,
        Curriculum(batches, settings.epochs, lambda epoch, part: denoising.batches(epoch)),
        validation,
        folder,
        resume,
        callbacks=callbacks,
    )
    return texts, denoising.counts, training


def fine_tuning(settings: Settings, languages: list[str], folder: Path) -> str:
    """The command that makes a translator of the run, on the pairs that it has not learnt from."""
    words = ["python", "-m", "fmkeras.translate", "--init", str(folder)]
    words += ["--dataset", "PAIRS.tsv" if settings.dataset == NONE else settings.dataset]
    if settings.source_column != 1:
        words += ["--source-column", str(settings.source_column)]
    if settings.dataset not in ("ted", "phrasebook"):  # these know their languages
        words += ["--source", languages[0], "--target", languages[min(1, len(languages) - 1)]]
    if settings.skip:
        words += ["--limit", str(settings.skip)]
    return shlex.join(words)
