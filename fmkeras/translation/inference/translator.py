"""A trained translator: text in, text out."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fmkeras.errors import InputError
from fmkeras.translation.corpora import textform
from fmkeras.translation.corpora.languages import join
from fmkeras.translation.corpora.tokenizer import END, Tokenizer, as_texts
from fmkeras.translation.inference.hypotheses import (
    Alternative,
    Detail,
    Engine,
    Found,
    best_of_all,
    doubtful,
    search_options,
    strongest,
)
from fmkeras.translation.inference.parting import OnDoubt, Parting, Said
from fmkeras.translation.settings import Settings

if TYPE_CHECKING:  # CTranslate2 translates without Keras, and must not wait for it
    from fmkeras.translation.model.transformer import Transformer


class Translator:
    """A Transformer with its tokenizer and settings.

    Args:
        model: the Transformer; or None, or a function that loads it when it is asked for, if `engine` is given.
        tokenizer, settings: of the run.
        engine: what translates; by default the model itself.

    Attributes:
        engine: what translates.
        report: what report.json holds of the training, with its scores; empty while there is none.

    Example:
        >>> translator = fmkeras.load_translator("runs/translate")  # doctest: +SKIP
        >>> translator.translate(["O comboio está atrasado. Onde fica a praia?"])  # doctest: +SKIP
        ['The train is late. Where is the beach?']
    """

    def __init__(
        self,
        model: "Transformer | Callable[[], Transformer] | None",
        tokenizer: Tokenizer,
        settings: Settings,
        engine: Engine | None = None,
    ):
        self.tokenizer, self.settings = tokenizer, settings
        self.parting = Parting(tokenizer, settings)
        self.start = tokenizer.start(settings.target)
        self.report: dict = {}
        self._model = model
        if engine is None:
            from fmkeras.translation.inference.keras_engine import KerasEngine

            engine = KerasEngine(self.model, tokenizer, self.start, settings.label_smoothing)
        self.engine = engine

    @property
    def model(self) -> "Transformer":
        """The Keras model; loaded now, if another engine translates.

        Raises:
            InputError: there is none: this is an export, without its run.
        """
        import keras

        if self._model is None:
            raise InputError("an export holds no Keras model: load the run that it was made of")
        if not isinstance(self._model, keras.Model):
            self._model = self._model()
        return self._model

    def translate(
        self,
        texts: Iterable[str],
        beam: int | None = None,
        on_doubt: OnDoubt = None,
        *,
        length_penalty: float | None = None,
        max_length: int | None = None,
        split: bool = True,
    ) -> list[str]:
        """Translate ordinary text, one translation a text, in one line; the sentences of a text one by one.

        Nothing is left out: a sentence longer than those that the model has learnt from is cut. Nothing is cut that it
        has learnt to see whole: a text with no more sentences than the training lines have is translated as it is.

        Args:
            texts: each of any length; one without a character that can be seen gives "". A string is one text.
            beam: hypotheses of beam search, 1 for greedy; by default that of the settings.
            on_doubt: called with whatever is to be said of a text, and the text: see `parting.DOUBTS`.
            length_penalty: exponent of the length that scores are divided by; by default that of the settings.
            max_length: tokens that the translation of a sentence may have; by default half as many again as it has.
            split: False if each text is one sentence, whatever full stops are in it.
        """
        translations = []
        for found in self._translate(texts, 1, beam, length_penalty, max_length, split):
            translations.append(self._joined([part[0].ids for part in found.hypotheses], found.text))
            self._tell(found, translations[-1], on_doubt)
        return translations

    def translate_n_best(
        self, texts: Iterable[str], n: int, on_doubt: OnDoubt = None, **options: Any
    ) -> list[list[Alternative]]:
        """The n best translations of each text and their scores: with the usual length penalty, mean log-probabilities.

        Args:
            texts: as in `translate`. The alternatives of several sentences are put together from those of each.
            n: how many; there are fewer where no more are found. The search follows n hypotheses at least.
            on_doubt: as in `translate`, of the best translation.
            options: beam, length_penalty, max_length and split, as in `translate`.
        """
        answers = []
        for found in self._translate(texts, n, **options):
            answers.append(self._alternatives(found, n))
            self._tell(found, answers[-1][0].translation if answers[-1] else "", on_doubt)
        return answers

    def translate_in_detail(
        self, texts: Iterable[str], n: int = 1, on_doubt: OnDoubt = None, **options: Any
    ) -> Iterator[Detail]:
        """Each text's translation with everything that is known of it. Arguments as in `translate_n_best`."""
        for found in self._translate(texts, n, **options):
            alternatives = self._alternatives(found, n)
            translation = alternatives[0].translation if alternatives else ""
            self._tell(found, translation, on_doubt)
            best = [part[0] for part in found.hypotheses]
            sources, targets = self.tokenizer.encode(found.parts), [part.ids for part in best]
            alignment, looks, offset = list[int](), list[list[tuple[int, float]]](), 0
            for source, weights in zip(sources, self.engine.attention(sources, targets), strict=True):
                alignment += [offset + int(place) for place in weights.argmax(axis=-1)]
                looks += strongest(weights, offset)
                offset += len(source)
            yield Detail(
                source=found.text,
                translation=translation,
                score=alternatives[0].score if alternatives else None,
                source_tokens=self.tokenizer.to_tokens(itertools.chain.from_iterable(sources)),
                tokens=self.tokenizer.to_tokens(i for part in best for i in part.ids),
                alignment=alignment,
                weights=looks,
                alternatives=alternatives,
                cut=any(part.cut for part in best),
            )

    def parts(self, text: str, split: bool = True, on_cut: Said = None) -> list[str]:
        """What of a text is translated at a time, in the corpus' own form: see `Parting.parts`."""
        return self.parting.parts(text, split, on_cut)

    def translate_sentences(
        self, sources: list[str], beam: int | None = None, progress: str | None = None
    ) -> list[str]:
        """Translate sentences that have the corpus' own form already, into that form: what BLEU is computed on.

        Args:
            sources: one sentence each.
            beam: as in `translate`.
            progress: title of a progress bar; none without it.
        """
        if not sources:
            return []
        ids: list[list[int]] = [[]] * len(sources)
        found = self.engine.translate(self.tokenizer.encode(sources), search_options(self.settings, beam))
        if progress is not None:
            from tqdm.auto import tqdm  # it imports IPython, if that is there

            found = tqdm(found, total=len(sources), desc=progress, leave=False)
        for i, translations in found:
            ids[i] = translations[0].ids
        return self.tokenizer.decode(ids)

    def translate_lines(self, lines: list[str], beam: int | None = None, progress: str | None = None) -> list[str]:
        """As `translate_sentences`, but cut and put together as `translate` does: what is scored is what people get."""
        parting, settings = self.parting, self.settings
        texts = [textform.undo(line, settings.style, settings.source) for line in lines]
        rows = list(map(self.parts, texts))
        for row, line, text in zip(rows, lines, texts, strict=True):
            if len(row) == 1 and not parting.list_mark(text):
                row[0] = parting.familiar(line)
        found = iter(self.translate_sentences(list(itertools.chain.from_iterable(rows)), beam, progress))
        joined = [join(itertools.islice(found, len(row)), settings.target) for row in rows]
        return list(map(parting.framed, texts, joined))

    def score(
        self,
        pairs: list[tuple[str, str]],
        parts: dict[str, list[int]],
        beam: int | None = None,
        progress: str | None = "translating",
        **options: Any,
    ) -> tuple[dict, list[str]]:
        """Loss, token accuracy, BLEU and chrF on sentence pairs in the corpus' own form.

        Args:
            pairs: source and reference.
            parts: named groups of pairs to score apart as well, as indices.
            beam: as in `translate`.
            progress: as in `translate_sentences`.
            options: of `scoring.scores`.

        Returns:
            What report.json holds as `test`, and the translations.

        Raises:
            InputError: there are no pairs.
        """
        from fmkeras.translation.inference.scoring import scores  # sacreBLEU takes a while, and `translate` needs none

        if not pairs:
            raise InputError("there are no pairs to score")
        sources, references = (list(side) for side in zip(*pairs, strict=True))
        options = {"language": self.settings.target, "style": self.settings.style} | options
        losses = self.losses(sources, references)
        translations = self.translate_lines(sources, beam, progress)
        result: dict[str, Any] = {"pairs": len(pairs), "beam": beam or self.settings.beam} | losses
        result |= scores(translations, references, **options)
        result["parts"] = {
            name: {"pairs": len(rows)}
            | scores([translations[i] for i in rows], [references[i] for i in rows], **options)
            for name, rows in parts.items()
        }
        return result, translations

    def losses(self, sources: list[str], references: list[str]) -> dict[str, float]:
        """Loss, perplexity and token accuracy on sentences in the corpus' own form; what of it the engine can tell."""
        return self.engine.losses(sources, references)

    def attention(self, text: str) -> tuple[list[str], list[str], np.ndarray]:
        """How the translation of a sentence looks at its source: S tokens, T tokens, weights (num_layers, H, T, S).

        Row t holds the weights with which the decoder chose token t, the end token included.

        Raises:
            InputError: the text is blank, or longer than what is translated at a time.
        """
        from fmkeras.translation.inference.decoding import cross_attention

        (found,) = self._translate([text], 1, beam=1, split=False)
        if len(found.parts) != 1:
            what = "is too long, and would be cut: take a shorter one" if found.parts else "is missing"
            raise InputError(f"an attention map needs a sentence, and this one {what}")
        source, target = self.tokenizer.encode(found.parts), found.hypotheses[0][0].ids
        weights = cross_attention(self.model, np.array(source), np.array([[self.start, *target]]))[0]
        return self.tokenizer.to_tokens(source[0]), self.tokenizer.to_tokens([*target, END]), weights

    def _translate(
        self,
        texts: Iterable[str],
        n: int,
        beam: int | None = None,
        length_penalty: float | None = None,
        max_length: int | None = None,
        split: bool = True,
    ) -> Iterator[Found]:
        """What is found for each text: the n best translations of each of its parts."""
        texts = as_texts(texts)
        cut: list[list[str]] = [[] for _ in texts]
        parts = [self.parts(text, split, cuts.append) for text, cuts in zip(texts, cut, strict=True)]
        forms = {part: self.parting.forms(part) for part in itertools.chain.from_iterable(parts)}
        once = list(dict.fromkeys(itertools.chain.from_iterable(forms.values())))  # each is translated once
        options = search_options(self.settings, beam, length_penalty, n, max_length)
        searched = self.engine.translate(self.tokenizer.encode(once), options) if once else ()
        found = {once[i]: translations for i, translations in searched}

        def best(part: str) -> str:
            return max(forms[part], key=lambda form: found[form][0].score - forms[part][form])

        least = doubtful(self.report, options)
        for text, own, cuts in zip(texts, parts, cut, strict=True):
            meant = [best(part) for part in own]
            hypotheses = [found[form] for form in meant]
            improbable = any(part[0].score < least for part in hypotheses)
            yield Found(text, meant, hypotheses, bool(cuts), improbable)

    def _tell(self, found: Found, translation: str, on_doubt: OnDoubt) -> None:
        if on_doubt:
            for doubt in self.parting.doubts(found, translation):
                on_doubt(doubt, found.text)

    def _joined(self, parts: list[list[int]], text: str) -> str:
        """The translations of a text's parts as one line of ordinary text."""
        settings, lines = self.settings, self.tokenizer.decode(parts)
        # A model that writes bytes can write a line end: a text is one line, whatever is in it.
        ordinary = (textform.undo(line, settings.style, settings.target) for line in lines)
        return self.parting.framed(text, join(ordinary, settings.target))

    def _alternatives(self, found: Found, n: int) -> list[Alternative]:
        if not found.parts and (line := self._joined([], found.text)):  # nothing but pictures
            return [Alternative(line, 0.0)]
        return [Alternative(self._joined(ids, found.text), score) for ids, score in best_of_all(found.hypotheses, n)]
