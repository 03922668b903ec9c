"""What is said of texts while they are translated, on standard error: of the first at once, of the rest at the end."""

import sys
from collections.abc import Sequence
from typing import Any

SHOWN = 20  # numbers of lines at most


class Remarks:
    """Says each thing of the first text that it is true of, and when it is left, of which other lines it was.

    Example:
        >>> with Remarks() as remarks:
        ...     remarks.texts(["A long text.", "Another."], first=1)
        ...     remarks.say("cut, since too long for one sentence", "A long text.")
    """

    def __init__(self) -> None:
        self.lines: dict[str, dict[int, None]] = {}  # what -> the numbers of the lines that it was said of, in order
        self._texts: Sequence[str] = ()
        self._first = 1

    def texts(self, texts: Sequence[str], first: int) -> None:
        """The texts at hand, a line each, and the number of the first line."""
        self._texts, self._first = texts, first

    def say(self, what: str, text: str) -> None:
        """Something that is to be said of a text."""
        if what not in self.lines:
            print(f"fmkeras: {what}: {text[:40]}...", file=sys.stderr)
        of_text = [i for i, other in enumerate(self._texts, self._first) if text == other]
        self.lines.setdefault(what, {}).update(dict.fromkeys(of_text))

    def __enter__(self) -> "Remarks":
        return self

    def __exit__(self, *exception: Any) -> None:
        for what, numbers in self.lines.items():
            if len(numbers) > 1:
                shown = ", ".join(f"{number:,}" for number in list(numbers)[:SHOWN])
                more = f" and {len(numbers) - SHOWN:,} more" * (len(numbers) > SHOWN)
                print(f"fmkeras: {what}: lines {shown}{more}", file=sys.stderr)
