"""A text in parts: what of it is translated at a time."""

from collections.abc import Callable

from fmkeras.translation.corpora import textform
from fmkeras.translation.corpora.cutting import cut
from fmkeras.translation.corpora.sentence_splitting import split_sentences
from fmkeras.translation.corpora.tokenizer import Tokenizer, normalise
from fmkeras.translation.settings import Settings

Said = Callable[[str], None] | None  # is called with a text of which something must be said


class Parting:
    """Takes texts apart as a run has learnt to see them.

    Args:
        tokenizer, settings: of the run.
    """

    def __init__(self, tokenizer: Tokenizer, settings: Settings):
        self.tokenizer, self.settings = tokenizer, settings

    def parts(self, text: str, split: bool = True, on_cut: Said = None) -> list[str]:
        """The parts of a text, in the corpus' own form: its sentences, and parts of those that are too long.

        Args:
            text, split, on_cut: as in `Translator.translate`.
        """
        settings = self.settings
        if not textform.visible(text):
            return []

        def parts_of(sentence: str) -> list[str]:
            return self.shorter(textform.apply(sentence, settings.style, settings.source))

        whole = " ".join(text.split())
        sentences = split_sentences(text, settings.source) if split else [whole]
        if len(sentences) <= settings.sentences_per_line and len(parts_of(whole)) == 1:
            sentences = [whole]
        parts = []
        for sentence in sentences:
            cuts = parts_of(sentence)
            if len(cuts) > 1 and on_cut:
                on_cut(sentence)
            parts += cuts
        return parts

    def shorter(self, sentence: str, longest: int | None = None) -> list[str]:
        """A sentence whole, or if it has more than `max_sentence_tokens`, cut as `cutting.cut` does."""
        most = self.settings.max_sentence_tokens
        longest = longest or most - 2  # a part gets an end token, and perhaps one of its beginning
        if len(sentence.encode("utf-8", "replace")) <= longest:
            return [sentence]
        text = normalise(sentence)
        ends = self.tokenizer.ends(text)
        if len(ends) <= longest:
            return [sentence]
        parts = cut(text, ends, longest)
        if max(map(len, self.tokenizer.encode(parts))) <= most:
            return parts
        return self.shorter(sentence, longest * 3 // 4)  # cut elsewhere than between words, it can have more tokens
