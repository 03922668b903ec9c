"""Monolingual text: the sides of a parallel corpus, unpaired, or a user's own text files, a language each."""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from fmkeras.errors import InputError
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import formats, textform
from fmkeras.translation.corpora.corpus import Corpus
from fmkeras.translation.corpora.facts import LONGEST
from fmkeras.translation.corpora.languages import same
from fmkeras.translation.corpora.tokenizer import normalise
from fmkeras.translation.settings import NONE, Settings

TABLES = {".csv", ".json", ".jsonl", ".ndjson", ".tmx", ".xlf", ".xliff", ".parquet", ".arrow"}
LEAST = 20  # different sentences a language
VALIDATION = 20  # of so many sentences one is validated on
ByLanguage = dict[str, list[str]]


@dataclasses.dataclass
class Texts:
    """What is pre-trained on.

    Attributes:
        name: of the corpus, or of the files.
        dataset: name of the corpus, `NONE` without one.
        train: sentences by language, each once, in no order.
        validation: sentences by language, none of which is in `train`, whatever its language.
        style: their text form, see `textform.apply`.
        notes: lines for the user: what was read, dropped and kept.
    """

    name: str
    dataset: str
    train: ByLanguage
    validation: ByLanguage
    style: str
    notes: list[str]

    def sample(self, most: int = 400_000) -> Iterator[str]:
        """The sentences to learn a vocabulary from: all, or about `most`, evenly spread."""
        step = -(-sum(map(len, self.train.values())) // most)
        return itertools.chain.from_iterable(sentences[::step] for sentences in self.train.values())


def load(settings: Settings) -> Texts:
    """The sides of the corpus that `settings.dataset` names, unpaired, and the files of `settings.text`.

    Of the corpus' training pairs the first `settings.skip` are left out. No sentence of its validation and test pairs
    is among the sentences to train on, nor in a file; what is validated on are its validation sentences, or for a
    language that it has not, one sentence in 20 (at most 1,000) of the files.

    Raises:
        InputError: something cannot be had or read, or too little is left.
    """
    files = [_language(text) for text in settings.text]
    if settings.dataset == NONE and not files:
        raise InputError("--dataset none leaves nothing to learn from: name text files with --text LANGUAGE=FILE")
    if settings.dataset == NONE and settings.skip:
        raise InputError(f"--skip {settings.skip:,} leaves out pairs of a corpus: name it with --dataset")
    corpus = None if settings.dataset == NONE else corpora.load(dataclasses.replace(settings, limit=None))
    sides, validation, known, notes = {}, {}, set(), []
    if corpus:
        known = {normalise(side) for pair in corpus.validation + corpus.test for side in pair}
        sides, validation = unpaired(corpus, "train", settings.skip), unpaired(corpus, "validation")
        notes += [note for note in corpus.notes if note.startswith(("the bundled", "train:"))]
        if settings.skip:
            notes.append(f"train: the first {settings.skip:,} pairs left out, to fine-tune on")
    form = corpus.style if corpus else "plain"
    for language, path in files:
        name = _known(language, list(sides))
        lines = plain_lines(path, settings.encoding, [language], f"--text {language}=")
        lines = [textform.apply(line, form, name) for line in lines]
        notes.append(f"{path}: {len(lines):,} lines of {name}" + f", for {language} is the same" * (name != language))
        language = name
        sides[language] = sides.get(language, []) + lines

    train: ByLanguage = {}
    rng = Random(settings.seed)
    for language, sentences in sides.items():
        kept, note = distinct(sentences, known)
        notes.append(f"{language}: {note}")
        if len(kept) < LEAST:
            raise InputError(f"{len(kept)} different sentences of {language} are too few: give {LEAST} at least")
        rng.shuffle(kept)  # each language in an order of its own: no sentence stands where its translation does
        if language not in validation:
            size = min(1000, len(kept) // VALIDATION)
            validation[language], kept = kept[:size], kept[size:]
        train[language] = kept
    known = {sentence for sentences in validation.values() for sentence in sentences}  # names, numbers: in any language
    for language, sentences in train.items():
        train[language] = [sentence for sentence in sentences if sentence not in known][: settings.limit]
        if settings.limit:
            notes.append(f"{language}: limited to {len(train[language]):,} sentences")
    name = corpus.name if corpus else ", ".join(path.name for _, path in files)
    return Texts(name, corpus.name if corpus else NONE, train, validation, form, notes)


def unpaired(corpus: Corpus, split: str, skip: int = 0) -> ByLanguage:
    """The two sides of the pairs of a split, from number `skip` on, by language.

    Raises:
        InputError: no pair is left, or both languages have one name.
    """
    pairs = corpus.split(split)
    if skip >= len(pairs):
        raise InputError(
            f"--skip {skip:,} leaves none of {len(pairs):,} pairs to pre-train on: choose a smaller number"
        )
    if corpus.source == corpus.target:
        raise InputError(f"both languages are called {corpus.source}: name them apart with --source and --target")
    pairs = pairs[skip:]
    return {corpus.source: [source for source, _ in pairs], corpus.target: [target for _, target in pairs]}


def distinct(sentences: list[str], known: set[str]) -> tuple[list[str], str]:
    """Each sentence once, without those that are blank, over `LONGEST` or `known`; and how many of each there were.

    Args:
        sentences: any text; control characters become spaces.
        known: normalised sentences, of validation and test.
    """
    kept: dict[str, None] = {}
    blank = long = held_out = 0
    for sentence in sentences:
        sentence = normalise(textform.CONTROL.sub(" ", sentence))
        if not textform.visible(sentence):
            blank += 1
        elif len(sentence) > LONGEST:
            long += 1
        elif sentence in known:
            held_out += 1
        else:
            kept[sentence] = None
    duplicate = len(sentences) - blank - long - held_out - len(kept)
    note = f"{len(sentences):,} sentences, {blank:,} blank, {duplicate:,} duplicate dropped, {len(kept):,} kept"
    note += f"; dropped, being in validation or test: {held_out:,}" * bool(held_out)
    note += f"; dropped for over {LONGEST:,} characters: {long:,}" * bool(long)
    return list(kept), note


def _known(language: str, known: list[str]) -> str:
    """What a language is called already: "fr" of "French", "de" of "de-AT"; but "pt-PT" and "pt-BR" are two."""
    alike = (name for name in known if same(name, language) and (name.isalpha() or language.isalpha()))
    return language if language in known else next(alike, language)


def plain_lines(path: Path, encoding: str, languages: Sequence[str], option: str = "") -> list[str]:
    """The lines of a text file.

    Args:
        path, encoding, languages: see `formats.Source.lines`.
        option: with which it was named, for messages.

    Raises:
        InputError: it cannot be read, or holds pairs: with both sides in a line no line is of one language.
    """
    source = formats.Source.of(path)
    if source.suffix in TABLES:
        lines, tabled = [], True
    else:
        lines = [line for _, line in source.lines(encoding, languages=languages)]
        tabled = sum("\t" in line or line.lstrip().startswith(("{", "<tu", "<?xml")) for line in lines) > len(lines) / 2
    if tabled:
        raise InputError(f"{option}{path}: a table or file of pairs, and no plain text: name it with --dataset")
    return lines


def _language(text: str) -> tuple[str, Path]:
    """ "pt=news.txt" -> ("pt", Path("news.txt"))."""
    language, equals, file = text.partition("=")
    if not (equals and file and re.fullmatch(r"\w[\w -]*", language)):
        raise InputError(f"--text {text}: name the language before the file, as in --text pt={text}")
    return language, Path(file)
