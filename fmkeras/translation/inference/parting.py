"""A text in parts: what of it is translated at a time."""

import re
import unicodedata
from collections.abc import Callable

from fmkeras.translation.corpora import accents, textform
from fmkeras.translation.corpora.cutting import cut
from fmkeras.translation.corpora.languages import code_of
from fmkeras.translation.corpora.sentence_splitting import split_sentences
from fmkeras.translation.corpora.tokenizer import Tokenizer, normalise
from fmkeras.translation.inference.hypotheses import Found
from fmkeras.translation.inference.numbers import keeps_numbers, lost_names
from fmkeras.translation.settings import Settings

# What is said of a text and its translation.
CUT = "cut, since too long for one sentence"  # and the parts may not fit together well
GUESS = "a guess, for the model ({source} to {target}) has learnt little like it"  # see `Parting.doubts`
LIMIT = "the translation ended at its length limit (--max-length)"
NUMBERS = "the translation lacks a number, a name or an address of the text, check it"
DOUBTS = CUT, GUESS, LIMIT, NUMBERS
CLOSING = " \"'”’»)]}"  # after the mark that ends a sentence
SPELT = 0.6  # tokens a letter: a word of so many is spelt, and copied badly
NOUNS = ("de", "lb", "gsw")  # languages in which any noun has a capital letter, and not names alone
ACRONYM = 5  # letters that a word in capitals has at most which is never written otherwise
LONGER = 0.7  # of as many tokens, if they are clearly longer
LIKELIER = 0.25  # mean log-probability of a translation whose source was given accents that nobody has typed
LIST_MARK = re.compile(r"\s*(?:[•‣·*#>»→▪●○◦■□◆★✓✔✗➤►–—-]{1,3}|\(?(?:\d{1,3}|[A-Za-z])\))[^\S\n]+(?=\S)")
UNKNOWN = 0.5  # share of a part's characters from which on it is none that the model can read
Said = Callable[[str], object] | None  # is called with a sentence of which something must be said
OnDoubt = Callable[[str, str], object] | None  # is called with one of `DOUBTS`, and the text


class Parting:
    """Takes texts apart as a run has learnt to see them.

    Args:
        tokenizer, settings: of the run.
    """

    def __init__(self, tokenizer: Tokenizer, settings: Settings):
        self.tokenizer, self.settings = tokenizer, settings
        self.accented, self.homographs = map(accents.by_bare, (settings.accented, settings.homographs))

    def parts(self, text: str, split: bool = True, on_cut: Said = None) -> list[str]:
        """The parts of a text, in the corpus' own form: its sentences, and parts of those that are too long.

        Args:
            text, split: as in `Translator.translate`.
            on_cut: called with every sentence that had to be cut.
        """
        settings = self.settings
        text = text[len(self.list_mark(text)) :]
        if not textform.says(text):
            return []
        text = unicodedata.normalize("NFC", textform.CONTROL.sub(" ", text))  # as in training

        def parts_of(sentence: str) -> list[str]:
            return self.shorter(self.familiar(textform.apply(sentence, settings.style, settings.source)))

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
        return list(filter(textform.visible, parts))  # of "😀" nothing is left

    def doubts(self, found: Found, translation: str) -> list[str]:
        """Those of `DOUBTS` that are to be said of a text's translation; mostly none.

        It is a guess if the model finds what it says itself improbable, or if the text has characters that its
        vocabulary has not: most of a part, or some that the translation lacks, as in "É 5×3."
        """
        source, target = self.settings.source, self.settings.target
        unknown = [self.tokenizer.unknown(part) for part in found.parts]
        unread = any(len(some) > UNKNOWN * len(part) for some, part in zip(unknown, found.parts, strict=True))
        lost = set("".join(unknown)) - set(normalise(translation))
        holds = (
            found.cut,
            found.improbable or unread or bool(lost),
            any(part[0].cut for part in found.hypotheses),
            not keeps_numbers(found.text, translation, source, target) or self._loses_a_name(found.text, translation),
        )
        return [d.format(source=source, target=target) for d, is_so in zip(DOUBTS, holds, strict=True) if is_so]

    def _loses_a_name(self, text: str, translation: str) -> bool:
        """Whether a translation lacks a name that the vocabulary must spell; others may be Lisboa, which is Lisbon."""
        if code_of(self.settings.source) in NOUNS:
            return False
        lost = lost_names(text, translation)
        forms = [textform.apply(name, self.settings.style, self.settings.source) for name in lost]
        return any(
            len(ids) - 1 >= SPELT * len(name) for name, ids in zip(lost, self.tokenizer.encode(forms), strict=True)
        )

    def forms(self, part: str) -> dict[str, float]:
        """The forms that a part may have had in training, of which that one is meant that is translated best.

        Where all lines end with a mark, "Onde fica a praia" is no sentence, and a model makes little of it: it may be
        one with each of these marks. Where all begin with a capital letter, this one does, too. And without any accent
        it may come from a keyboard that has none: then words may have them that are never written otherwise, and
        "esta" may be "está".

        Returns:
            Each form, and how much likelier its translation has to be: nothing, or `LIKELIER` if words of it have
            accents that are written without as well, and no others.
        """
        forms = dict.fromkeys(self._marked(part), 0.0)
        if part.isascii():
            first, *others = accents.variants(accents.with_accents(part, self.accented), self.homographs)
            forms |= dict.fromkeys(self._marked(first), 0.0)
            likelier = LIKELIER if first == part else 0.0
            forms |= {form: likelier for other in others for form in self._marked(other)}
        return forms

    def list_mark(self, text: str) -> str:
        """What stands before a text in a list and no translation can have: "• ", "* " or "1) "; mostly nothing."""
        mark = LIST_MARK.match(text)
        return mark[0] if mark and self.tokenizer.unknown(mark[0]) else ""

    def framed(self, text: str, translation: str) -> str:
        """A text's translation between what no translation can have: the mark of a list before it, pictures behind.

        A text of signs alone is its own translation.
        """
        if not textform.says(text):
            return " ".join(text.split()) if textform.visible(text) else ""
        return (self.list_mark(text) + translation + self._signs_behind(text)).strip()

    def _signs_behind(self, text: str) -> str:
        known, end = self.tokenizer.characters, len(text)
        while end and (text[end - 1].isspace() or (textform.is_sign(text[end - 1]) and text[end - 1] not in known)):
            end -= 1
        return f" {text[end:].strip()}" if textform.visible(text[end:]) else ""

    def _marked(self, part: str) -> list[str]:
        """A part with a capital letter, and each of the marks at its end, if training has them."""
        first = next((i for i, c in enumerate(part) if c.isalnum()), None)  # a figure has no capital form
        if first is not None and self.settings.capitals:
            part = part[:first] + textform.capital(part[first], self.settings.source) + part[first + 1 :]
        said = part.rstrip(CLOSING)
        if unicodedata.category(said[-1:] or " ")[0] not in "LNM":  # letters, figures, and the signs that go with them
            return [part]
        space, closing = " " * (self.settings.style == "ted"), part[len(said) :]
        return [f"{said}{(space + mark).rstrip()}{closing}" for mark in self.settings.end_marks] or [part]

    def familiar(self, text: str) -> str:
        """A text in characters that the vocabulary has, where that changes nothing that can be read.

        What it has not is left out if it is invisible, as a soft hyphen in a word, and quotation marks and dashes are
        those of a keyboard. A model has no other way to know that they mean the same.
        """
        unknown = {c for c in text if c not in self.tokenizer.characters}
        text = text.translate({ord(c): textform.plain(c) for c in unknown})
        return self.in_small_letters(text) if text.isupper() else text

    def in_small_letters(self, text: str) -> str:
        """A text in capitals as one in small letters, if it has longer tokens then, for few like it were learnt from.

        OBRIGADO is cut into letters where a vocabulary lacks it, and a model makes anything of them.
        """
        small = textform.sentence_case(text, self.settings.source)
        many, few = map(len, self.tokenizer.encode([text, small]))
        return small if sum(map(str.isalpha, text)) > ACRONYM and few < LONGER * many else text

    def shorter(self, sentence: str, longest: int | None = None) -> list[str]:
        """A sentence whole, or if it is longer than those learnt from, cut as `cutting.cut` does."""
        most = min(self.settings.max_sentence_tokens, self.settings.longest_source or self.settings.max_sentence_tokens)
        if len(sentence.encode("utf-8", "replace")) < (longest or most):
            return [sentence]
        text = normalise(sentence)
        ends = self.tokenizer.ends(text)
        if len(ends) < (longest or most):  # with its end token it has one more
            return [sentence]
        longest = longest or most - 2  # a part gets an end token, and perhaps one of its beginning
        parts = cut(text, ends, longest)
        if max(map(len, self.tokenizer.encode(parts))) <= most:
            return parts
        return self.shorter(sentence, longest * 3 // 4)  # cut elsewhere than between words, it can have more tokens
