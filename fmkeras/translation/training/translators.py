"""`fmkeras.train_translator`: sentence pairs in, a trained and scored translator out.

The corrected form of the TED Portuguese-to-English example of ecosystem.md, sections 5.2 and 5.4.
"""

import dataclasses
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmkeras import devices, machines, runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora import cache, held_out, own
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.corpus import Corpus, Data
from fmkeras.translation.corpora.encoding import encode_pairs, learn_vocabulary
from fmkeras.translation.corpora.tokenizer import MASK, Tokenizer, language_token
from fmkeras.translation.inference.loading import load_translator
from fmkeras.translation.inference.scoring import score_lines
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.saved import TOKENIZER, own_tokenizer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import checkpoint, estimates, fitting, session
from fmkeras.translation.training.options import decide
from fmkeras.translation.training.pretrained import Pretrained, before_and_now, learnt_from, load_pretrained
from fmkeras.translation.training.training import Training

SAMPLES = 10  # translations shown at the end of training
SCORED = 200  # validation sentences at most that are translated after each epoch, where BLEU selects
MANY_BYTES = 0.05  # share of single bytes from which on a vocabulary hardly fits
VOCABULARY_PAIRS = 200_000  # at most, from which the vocabulary is learnt


def train_translator(
    data: Data = "auto",
    *,
    run: str | Path | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
    **settings: Any,
) -> Translator:
    """Train a Transformer translator on sentence pairs, score it on those held out for a test, and return it.

    Text → normalise → SentencePiece ids → bucketed batches → Transformer → best weights → BLEU.

    Args:
        data: "auto", "ted" or "phrasebook"; the path of a file or folder; a list of (source, target) pairs, or of
            {"pt": ..., "en": ...}, split as a file is; a dict of such for "train", "validation", "test"; or a `Corpus`.
        run: the run folder, where everything is kept as the command line keeps it. Without one nothing is.
        resume: go on with the run that the folder holds.
        callbacks: of Keras or your own; see `Training`.
        verbose: whether to print what happens and show progress bars.
        settings: any field of `Settings`, such as source="fr", target="de", preset="small", epochs=10.

    Returns:
        The translator with the best weights. Its `report` is what report.json holds: scores, times, versions.

    Raises:
        InputError: the data or a setting cannot be used; says what to do.

    Example:
        >>> pairs = [("um dois", "one two"), ("três um", "three one")] * 50  # doctest: +SKIP
        >>> fmkeras.train_translator(pairs, source="pt", target="en", epochs=3)  # doctest: +SKIP
    """
    say = session.voice(verbose)
    with session.folder_of(run, resume) as folder:
        began = time.perf_counter()
        chosen = fitting.meant(settings) | {"task": "translate", "dataset": corpora.name_of(data)}
        if run is not None and not machines.first():  # whose folder is another: the cache is not
            chosen["cache"] = str(cache.place(chosen.get("cache", ""), run))
        corpus, training = prepare(data, folder, chosen, resume, callbacks, say)
        trained_on = learnt_from(corpus, training.settings.init, folder, resume, say)
        corpus.train = []  # as text: of a million pairs it is 0.4 GB, and no longer needed
        session.open_folder(training, resume, say)
        held_out.write_fingerprints(folder, trained_on)
        session.describe(training, say)

        title = f"{corpus.name}, {training.settings.preset}: {corpus.source} → {corpus.target}"
        sources = first_sources(corpus)

        def translated() -> Iterable[tuple[str, str]]:
            return zip(sources, training.translator.translate_sentences(sources, beam=1), strict=True)

        with session.interruptible(training, run is not None and machines.first()):
            session.train(training, title, began, translated, say)
            if not machines.leave():
                return load_translator(folder, "keras")
            translator = load_translator(folder, "keras")
            progress = "translating" if verbose else None
            test, translations = translator.score(corpus.test, corpus.parts, progress=progress)

        translator.report = {
            "dataset": corpus.name,
            "direction": f"{corpus.source}-{corpus.target}",
            "notes": corpus.notes,
            "pairs": len(training.batches.source),
            "init": training.settings.init,
            **session.report(training, began),
            "test": test,
        }
        for line in score_lines(f"test: {test['pairs']:,} pairs of {corpus.name}", test):
            say(line)
        if before := before_and_now(training.settings.init, translator, corpus, say):
            translator.report["before"] = before
        pairs = len(training.batches.source)
        line = fitting.only_noise(training.of_pairs) or fitting.learnt_nothing(translations, pairs)
        if line := line or fitting.not_gained(before, test):
            translator.report["warning"] = line
            say(f"\nwarning: {line}")
        session.finish(folder, translator.report, samples(corpus, translations), say)
        if run is not None:
            following = f'Translate: python -m fmkeras.translate text --run {folder} "..."'
            session.conclude(folder, translator.report["seconds"], following, say)
        return translator


def prepare(
    data: Data,
    folder: Path,
    chosen: dict,
    resume: bool,
    callbacks: Sequence[keras.callbacks.Callback],
    say: session.Say,
) -> tuple[Corpus, Training]:
    """Read the data, settle the settings, learn the vocabulary, make batches and model. Only the cache is written to.

    Raises:
        InputError: something cannot be used: data, a setting, the folder, the pre-trained run.
    """
    settings = session.choose_settings(folder, chosen, resume)
    pretrained = starting_point(settings, folder, chosen, resume)
    if settings.dataset == "auto":
        say(f"auto       {estimates.of_auto(chosen)}")
    place = cache.place(settings.cache, folder)
    if settings.dataset not in corpora.BUNDLED and own.large_files(settings):
        say(f"data       {settings.dataset} is large: what is made of it is kept in {place}")
    with machines.in_turn():
        corpus = corpora.of(data, settings, place)
    if resume:
        fitting.same_data(settings, corpus.digest, len(corpus.train))
    corpora.settle(settings, corpus, chosen)
    if pretrained:
        pretrained.check(settings)
    start = pretrained.settings if pretrained else None
    settings = decide(settings, chosen, len(corpus.train), None if resume else start)
    if not resume:
        settings = fitting.fit_settings(settings, len(corpus.train), chosen, start)
    say(f"data       {corpus.name}, {corpus.source} → {corpus.target}")
    for note in corpus.notes:
        say(f"           {note}")
    if pretrained and (line := pretrained.warning(settings)):
        say(f"           {line}")

    known = pretrained.tokenizer if pretrained else None
    with machines.in_turn():
        tokenizer, batches, validation, dropped = tokenize(corpus, settings, folder if resume else None, known)
    if known and known.sha256 != tokenizer.sha256:
        raise InputError(f"{settings.init} is not the run that {folder} was begun with: train in another --run")
    longest = settings.max_sentence_tokens
    say(f"           train: {dropped:,} pairs over {longest} tokens dropped, {len(batches.source):,} kept")
    if resume:
        batches = dataclasses.replace(batches, passes=settings.passes)
    else:
        settings.longest_source = fitting.longest_source(batches.source.lengths, start)
        settings, batches, line = fitting.fit_schedule(settings, batches, chosen, len(corpus.train))
        if line:
            say(f"           {line}")
    if known:
        say(f"           {written_in_bytes(tokenizer, batches)}")
    initial = pretrained.model if pretrained else None
    bleu = ValidationBleu(corpus) if settings.select == "bleu" else None
    return corpus, Training(
        *(settings, tokenizer, batches, validation, folder, resume),
        initial=initial,
        callbacks=callbacks,
        bleu=bleu,
    )


def starting_point(settings: Settings, folder: Path, chosen: dict, resume: bool) -> Pretrained | None:
    """The run that `settings.init` names, if its weights are needed. `settings` get its split, and its languages.

    Raises:
        InputError: it cannot be used, or is the run that is to be trained.
    """
    if settings.init and runs.find(settings.init).resolve() == folder.resolve():
        raise InputError(f"--init and --run are both {folder}: train in another --run")
    if not settings.init or (resume and checkpoint.exists(folder)):  # a run that has begun needs them no more
        return None
    pretrained = load_pretrained(settings.init)
    before = pretrained.settings
    if before.dataset == settings.dataset:
        if chosen.get("held_out", before.held_out) != before.held_out:
            raise InputError(f"--held-out: leave it out, and {settings.init} is tested on what it has not learnt from")
        settings.held_out = before.held_out  # it has not learnt from our test pairs
    if before.task == "translate" and not {"source", "target"} & set(chosen):
        settings.source, settings.target = before.source, before.target
    return pretrained


class ValidationBleu:
    """BLEU of greedy translations of the first `SCORED` validation sentences, by the averaged weights."""

    def __init__(self, corpus: Corpus):
        pairs = corpus.validation[:SCORED]
        self.sources, self.references = (list(side) for side in zip(*pairs, strict=True))
        self.options: dict[str, Any] = {"language": corpus.target, "style": corpus.style}

    def __call__(self, training: Training) -> float:
        from fmkeras.translation.inference.scoring import scores

        translations = training.translator.translate_sentences(self.sources, beam=1)
        return float(scores(translations, self.references, **self.options)["bleu"])


def written_in_bytes(tokenizer: Tokenizer, batches: Batches) -> str:
    """Which share of the training text the vocabulary of another run can only write in bytes."""
    is_byte = np.array([tokenizer.processor.is_byte(i) for i in range(len(tokenizer))])
    found = [
        sum(np.count_nonzero(is_byte[ids]) for ids in cache.blocks(side.ids)) / len(side.ids)
        for side in (batches.source, batches.target)
    ]
    line = f"of the subword tokens of these pairs, {found[0]:.1%} and {found[1]:.1%} are single bytes in its vocabulary"
    return line + ": train anew, without --init, if it comes out badly" * bool(max(found) > MANY_BYTES)


def vocabulary(corpus: Corpus, settings: Settings, folder: Path | None, known: Tokenizer | None = None) -> Tokenizer:
    """The folder's own tokenizer, or the one `known`, or a new one. Of very many pairs it reads some.

    With a folder it is saved there; without one nothing is written.
    """
    step = -(-len(corpus.train) // VOCABULARY_PAIRS)  # evenly spread
    pairs = corpus.train[::step]
    special = [MASK, *map(language_token, (settings.source, settings.target))] if settings.denoise_epochs else []
    tokenizer = own_tokenizer(folder, settings, lambda: known or learn_vocabulary(pairs, settings.vocab_size, special))
    if folder and not (folder / TOKENIZER).exists():
        tokenizer.save(folder / TOKENIZER)
    return tokenizer


def tokenize(
    corpus: Corpus, settings: Settings, folder: Path | None = None, known: Tokenizer | None = None
) -> tuple[Tokenizer, Batches, Batches, int]:
    """The tokenizer (see `vocabulary`), batches of training and validation, and how many pairs were dropped.

    Raises:
        InputError: every pair is too long.
    """
    tokenizer = vocabulary(corpus, settings, folder, known)
    start = tokenizer.start(settings.target)
    source, target = encode_pairs(corpus.train, tokenizer, settings.max_sentence_tokens)
    widths = devices.batch_widths(training=True), devices.batch_widths(training=False)
    batches = Batches(source, target, settings.batch_tokens, settings.seed, widths[0], start)
    held_out = (tokenizer.encode_corpus(side) for side in zip(*corpus.validation, strict=True))
    validation = Batches(next(held_out), next(held_out), settings.batch_tokens, 0, widths[1], start)
    return tokenizer, batches, validation, len(corpus.train) - len(source)


def first_sources(corpus: Corpus) -> list[str]:
    """The two validation sentences that are translated after each epoch."""
    return [source for source, _ in corpus.validation[:2]]


def samples(corpus: Corpus, translations: list[str]) -> str:
    """samples.txt: SAMPLES test pairs with their translations, evenly from first to last."""
    rows = [(*pair, translation) for pair, translation in zip(corpus.test, translations, strict=True)]
    rows = rows[:: max(1, len(rows) // SAMPLES)][:SAMPLES]
    return "\n".join(f"source       {s}\nreference    {r}\ntranslation  {t}\n" for s, r, t in rows)
