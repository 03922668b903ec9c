"""Fonts for labels in any script, found among the installed ones by the characters that they have."""

import contextlib
import functools
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def families_for(text: str) -> tuple[list[str], str]:
    """The font families that show a text together, and which of its characters none of them has.

    matplotlib takes the first family that has a character. Its own comes first; others are looked for only if that one
    lacks something, those that add most before the others.

    Args:
        text: all labels.

    Returns:
        Names for `fontfamily`, and the missing characters, in order.
    """
    from matplotlib import font_manager

    default = font_manager.FontProperties()
    families = [font_manager.FontProperties(fname=font_manager.findfont(default)).get_name()]
    missing = {c for c in text if c.isprintable() and not c.isspace()} - _characters(font_manager.findfont(default))
    missing = {c for c in missing if ord(c) not in range(0xFE00, 0xFE10) and c not in "\u200c\u200d"}  # never shown
    if missing:
        regular = [entry for entry in font_manager.fontManager.ttflist if entry.style == "normal"]
        # matplotlib's "Last Resort" has every character, all as the same box.
        regular = [entry for entry in regular if not entry.name.startswith("Last Resort")]
        fonts = {entry.name: entry.fname for entry in sorted(regular, key=_weight, reverse=True)}
        while missing and fonts:
            name = max(sorted(fonts), key=lambda family: len(missing & _characters(fonts[family])))
            found = missing & _characters(fonts.pop(name))
            if not found:
                break
            families.append(name)
            missing -= found
    return families, "".join(dict.fromkeys(c for c in text if c in missing))


@contextlib.contextmanager
def legible(figure: "Figure") -> Iterator[None]:
    """Give a figure's labels fonts that have their characters, and draw what none has as a box, without a word."""
    from matplotlib.text import Text

    texts: Any = figure.findobj(Text)
    families, _ = families_for("".join(text.get_text() for text in texts))
    for text in texts if len(families) > 1 else ():
        text.set_fontfamily(families)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _weight(entry: Any) -> int:
    """How far from regular a font's weight is: of a family the nearest one is drawn."""
    names = {"normal": 400, "regular": 400, "book": 400, "medium": 500, "bold": 700}
    weight = entry.weight if isinstance(entry.weight, int) else names.get(entry.weight, 400)
    return abs(weight - 400)


@functools.lru_cache(4096)
def _characters(path: str) -> frozenset[str]:
    """All characters of a font file; none if it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()
