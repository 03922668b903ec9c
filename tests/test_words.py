"""The field's words: the glossary's places exist, and what the field has a word for is called by that word."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^- \*\*(.+?)\*\* (.+?): (.+) → (.+)$", GLOSSARY, re.MULTILINE)


def test_the_glossary_has_no_more_terms_than_can_be_kept_in_mind_each_once():
    assert 30 <= len(TERMS) <= 40
    assert len(TERMS) == GLOSSARY.count("\n- "), "each is **English** 中文: meaning → code"
    assert len({term[0] for term in TERMS}) == len({term[1] for term in TERMS}) == len(TERMS)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term[0])
def test_each_term_is_where_the_glossary_says(term):
    (link,) = re.findall(r"\]\(\.\./([^)]+)\)", term[3])
    text = (ROOT / link).read_text(encoding="utf-8")
    for name in re.findall(r"`([^`]+)`", term[3]):
        assert re.search(rf"^ *(?:def |class )?{name}\b\s*[(:=]", text, re.MULTILINE), f"{link} defines no {name}"
    assert re.search("[\u4e00-\u9fff]", term[1]) or term[1] == "BLEU，chrF"


# What we once called things, and the word of the field. In ordinary senses, such as a file to restore, they may stand.
PRIVATE = {
    r"spoil(s|t|ed|ing)?": "corrupt, noising",
    r"restor(es|ed|ing|e(?! it\b| data/))": "reconstruct",
    r"pieces?": "subword tokens",
    r"(take|takes|taken|taking) apart": "unpaired text",
    r"heaps?": "monolingual text",
    r"to the letter": "exact match",
    r"likeness(es)?": "similarity",
    r"sub-?verbs?|(no|each|without|default|first) (a )?verbs?": "subcommand",
    r"widths? (of )?[0-9]+|of width [0-9]|model's width|units wide": "model dimension (d_model)",
    r"(?<!_)sampling": "BPE-dropout, --bpe-dropout",
    r"(start|end|language) marks?": "special token, language tag",
}
# Where an earlier name is kept on purpose, for those who use it.
KEPT = {
    "CHANGELOG.md": "pieces sampling",
    "fmkeras/translation/corpora/tokenizer.py": "pieces",
    "fmkeras/translation/settings.py": "sampling",
    "fmkeras/translation/training/options.py": "sampling",
    "fmkeras/translation/training/training.py": "restore",  # a checkpoint
}
PAGES = [path.relative_to(ROOT).as_posix() for folder in (ROOT, ROOT / "docs") for path in folder.glob("*.md")]
NOTEBOOKS = [path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").rglob("*.ipynb")]
CODE = [path.relative_to(ROOT).as_posix() for path in (ROOT / "fmkeras").rglob("*") if path.suffix in (".py", ".html")]


def read(name: str) -> str:
    """A file's text; of a notebook that of its cells, without their outputs."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".ipynb"):
        return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return text


@pytest.mark.parametrize("name", sorted({*PAGES, *NOTEBOOKS, *CODE}))
def test_things_have_the_names_of_the_field(name):
    kept = KEPT.get(name, "").split()
    found = []
    for number, line in enumerate(read(name).splitlines(), start=1):
        for private, field in PRIVATE.items():
            words = [match[0] for match in re.finditer(rf"\b({private})\b", line, re.IGNORECASE)]
            found += [f"{name}:{number}: {word}, in the field: {field}" for word in words if word not in kept]
    assert not found, "\n".join(found)
