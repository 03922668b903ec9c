"""What looks wrong with a test set once it is translated: a line each, with the way out. It is scored all the same."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import sacrebleu

from fmkeras.translation.corpora import sides

SAMPLE = 2000  # of them, evenly spread, that are held against the references of their neighbours
CLEARLY = 20  # points of chrF, on average, by which neighbours' references fit better: more than ever by chance

# A form of references: whether a text has it, the share of them that has it at least, and the way out.
_FORMS: dict[str, tuple[Callable[[str], object], float, str]] = {
    "escaped (&apos;)": (re.compile(r"&(?:amp|apos|gt|lt|quot|#\d+);").search, 0.01, "undo it, as html.unescape does"),
    "lower-cased": (str.islower, 0.9, "take them as they were written, or score what text prints by sacrebleu -lc"),
    "tokenised (a space before full stops)": (re.compile(r"\w [.,;:!?](?: |$)").search, 0.5, "detokenise them"),
}


def doubts(
    sources: Sequence[str], references: Sequence[str], translations: Sequence[str], others: str, turned: str
) -> list[str]:
    """Lines about sides that are equal, turned or shifted, else about references in another form than translations.

    Args:
        sources, references, translations: (N,) sentences.
        others: how other references are named: "--reference".
        turned: how the sides are swapped.
    """
    same, count = sum(map(str.__eq__, sources, references)), len(sources)
    if count < sides.FEWEST:
        return []
    if same > count / 2:
        return [f"{same:,} of {count:,} sources are their own references: name their translations, by {others}"]
    if sides.read_as_translations(translations, sources, references):
        return [f"its sources read like translations, and its references do not: if they are turned, {turned}"]
    return [line] if (line := shifted(translations, references)) else other_forms(translations, references)


def shifted(translations: Sequence[str], references: Sequence[str]) -> str:
    """A line if from some pair on translations are like the reference of the next or last pair; else ""."""
    score, count = sacrebleu.CHRF().sentence_score, len(references)
    rows = range(0, count, -(-count // SAMPLE))
    own = {i: score(translations[i], [references[i]]).score for i in rows}
    for step, where in ((1, "after"), (-1, "before")):
        inner = [i for i in rows if 0 <= i + step < count]
        gains = np.array([score(translations[i], [references[i + step]]).score - own[i] for i in inner])
        tails = gains[::-1].cumsum()[::-1]  # of what is gained from each pair on
        first = int(tails.argmax())
        if len(inner) - first >= sides.FEWEST and tails[first] > CLEARLY * (len(inner) - first):
            return (
                f"from about pair {inner[first] + 1:,} on translations are like the reference {where} their own: see "
                "whether a line is missing there, or too much"
            )
    return ""


def other_forms(translations: Sequence[str], references: Sequence[str]) -> list[str]:
    """A line for each form that references have, and translations have not."""
    lines = []
    for form, (has, least, way_out) in _FORMS.items():
        found, expected = (sum(map(bool, map(has, texts))) for texts in (references, translations))
        if found >= max(1, least * len(references)) and 2 * expected < found:
            lines.append(f"{found:,} of {len(references):,} references are {form}, and translations not: {way_out}")
    return lines
