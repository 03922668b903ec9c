"""A trained translator: text in, text out."""

import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora import textform
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import END, Tokenizer
from fmkeras.translation.inference.decoding import Search, cross_attention
from fmkeras.translation.inference.scoring import scores
from fmkeras.translation.model.objective import Objective, evaluate
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.saved import load_run
from fmkeras.translation.settings import Settings


class Translator:
    """A Transformer with its tokenizer and settings.

    Attributes:
        report: what report.json holds of the training, with its scores; empty while there is none.

    Example:
        >>> translator = fmkeras.load_translator("runs/translate")  # doctest: +SKIP
        >>> translator.translate(["O comboio está atrasado. Onde fica a praia?"])  # doctest: +SKIP
        ['The train is late. Where is the beach?']
    """

    def __init__(self, model: Transformer, tokenizer: Tokenizer, settings: Settings):
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self.start = tokenizer.start(settings.target)
        self.report: dict = {}
        self._searches: dict[tuple[int, float], Search] = {}

    def translate(
        self, texts: Iterable[str], beam: int | None = None, on_cut: Callable[[str], None] | None = None
    ) -> list[str]:
        """Translate ordinary text, one translation a text, in one line; the sentences of a text one by one.

        Nothing is left out: a sentence longer than those that the model has learnt from is cut between words.

        Args:
            texts: each of any length; one without a character that can be seen gives "".
            beam: hypotheses of beam search, 1 for greedy; by default that of the settings.
            on_cut: called with every sentence that had to be cut, whose parts may not fit together well.
        """
        settings = self.settings
        sources: list[str] = []
        counts = []  # parts of each text
        for text in texts:
            before = len(sources)
            for sentence in textform.whole_sentences(text) if textform.visible(text) else []:
                pieces = (
                    textform.apply(piece, settings.style, settings.source) for piece in textform.shorter(sentence)
                )
                parts = [part for piece in pieces for part in self.parts(piece)]
                if len(parts) > 1 and on_cut:
                    on_cut(sentence)
                sources += parts
            counts.append(len(sources) - before)
        found = (textform.undo(t, settings.style, settings.target) for t in self.translate_sentences(sources, beam))
        # A model that writes bytes can write a line end: a text is one line, whatever is in it.
        return [" ".join(" ".join(itertools.islice(found, count)).split()) for count in counts]

    def parts(self, sentence: str) -> list[str]:
        """A sentence whole, or if it has more than `max_pieces` pieces, cut into parts, between words where it can."""
        longest = self.settings.max_pieces - 2  # a part gets an end mark, and perhaps a mark of its beginning
        if len(sentence.encode("utf-8", "replace")) <= longest:
            return [sentence]
        (ids,) = self.tokenizer.encode([sentence])
        pieces = [self.tokenizer.pieces.id_to_piece(int(i)) for i in ids[:-1]]
        cuts = [0]
        while len(pieces) - cuts[-1] > longest:
            window = range(cuts[-1] + longest, cuts[-1] + longest // 2, -1)
            words = (i for i in window if pieces[i].startswith("▁"))
            characters = (i for i in window if not re.fullmatch("<0x[89AB].>", pieces[i]))  # not amidst one's bytes
            cuts.append(next(itertools.chain(words, characters)))
        if len(cuts) == 1:
            return [sentence]
        return self.tokenizer.decode(ids[i:j] for i, j in itertools.pairwise([*cuts, len(pieces)]))

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
        key = (beam or self.settings.beam, self.settings.length_penalty)
        search = self._searches.setdefault(key, Search(self.model, *key, self.start))
        ids: list[np.ndarray] = [np.empty(0)] * len(sources)
        found = search.translate(self.tokenizer.encode(sources))
        for i, translation, _ in tqdm(found, total=len(sources), desc=progress, disable=progress is None, leave=False):
            ids[i] = translation
        return self.tokenizer.decode(ids)

    def score(
        self,
        pairs: list[tuple[str, str]],
        parts: dict[str, list[int]],
        beam: int | None = None,
        progress: str | None = "translating",
    ) -> tuple[dict, list[str]]:
        """Loss, token accuracy, BLEU and chrF on sentence pairs in the corpus' own form.

        Args:
            pairs: source and reference.
            parts: named groups of pairs to score apart as well, as indices.
            beam: as in `translate`.
            progress: as in `translate_sentences`.

        Returns:
            What report.json holds as `test`, and the translations.
        """
        sources, references = (list(side) for side in zip(*pairs, strict=True))
        objective = Objective(self.model, self.settings.label_smoothing)
        objective.compile(jit_compile=False)
        encode = self.tokenizer.encode
        losses = evaluate(objective, Batches(encode(sources), encode(references), budget=8192, start=self.start))
        translations = self.translate_sentences(sources, beam, progress)
        result = {"pairs": len(pairs), "beam": beam or self.settings.beam} | losses | scores(translations, references)
        result["parts"] = {
            name: {"pairs": len(rows)} | scores([translations[i] for i in rows], [references[i] for i in rows])
            for name, rows in parts.items()
        }
        return result, translations

    def attention(self, text: str) -> tuple[list[str], list[str], np.ndarray]:
        """How the translation of a sentence looks at its source: S pieces, T pieces, weights (num_layers, H, T, S).

        Row t holds the weights with which the decoder chose piece t, the end mark included.

        Raises:
            InputError: the text is blank.
        """
        if not textform.visible(text):
            raise InputError("an attention map needs a sentence")
        source = self.tokenizer.encode([textform.apply(text, self.settings.style, self.settings.source)])
        (target,) = self.tokenizer.encode(self.translate_sentences(self.tokenizer.decode(source), beam=1))
        weights = cross_attention(self.model, np.array(source), np.array([[self.start, *target[:-1]]]))[0]
        pieces = self.tokenizer.pieces.id_to_piece
        return [pieces(i) for i in source[0]], [pieces(i) for i in (*target[:-1], END)], weights


def load_translator(run: str | Path) -> Translator:
    """Load a translator from its run folder.

    Raises:
        InputError: the folder is no run of a translator, is damaged, or has not finished its first epoch.
    """
    translator = Translator(*load_run(run, "translate"))
    if (report := Path(run) / runs.REPORT).is_file():
        translator.report = runs.read_json(report)
    return translator
