"""What a request is refused with: a status and one line, always as {"error": "..."}."""

from collections.abc import Mapping


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        message: what is wrong and what to do, in one line.
        headers: more headers.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


def busy(seconds: int) -> Refused:
    """Too many requests wait."""
    return Refused(429, f"too many requests wait: try again in {seconds} s", {"Retry-After": str(seconds)})


def shown(value: object) -> str:
    """A value of the caller's for a message: short, and ASCII whatever it is."""
    return shortened(ascii(value))


def shortened(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= 40 else f"{text[:40]}..."
