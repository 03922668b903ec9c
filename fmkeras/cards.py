"""Model cards: a README.md that says what a model is, where it comes from, how good it is and what it is not for.

What a card says is what the run's own files say; where they do not know, it says so.

Reference: Mitchell et al. (2019), Model Cards for Model Reporting.
"""

from collections.abc import Iterable, Mapping


def front_matter(values: Mapping[str, str | list[str]]) -> str:
    """What model hubs read: a block of YAML."""
    lines = []
    for name, value in values.items():
        lines += [f"{name}: {value}"] if isinstance(value, str) else [f"{name}:", *(f"- {item}" for item in value)]
    return "\n".join(["---", *lines, "---"])


def section(title: str, *parts: str) -> str:
    """A heading and its paragraphs."""
    return "\n\n".join([f"## {title}", *(part for part in parts if part)])


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table; a | within a cell is none of it."""
    lines = [list(header)]
    lines += [["---"] * len(lines[0])]
    lines += [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def size(count: int) -> str:
    """Bytes for people: 1,234 -> "1 kB"."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def versions(made_by: Mapping[str, str]) -> str:
    """Versions and device of a training, as a list; what runs of version 0.1 do not say is not there."""
    rows = [f"* {name}: {value}" for name, value in made_by.items()]
    return "\n".join(rows) or "The run does not say which versions made it (it is of fmkeras 0.1)."
