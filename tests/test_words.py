"""The field's words: the glossary's places exist, and what the field has a word for is called by that word."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in GLOSSARY.splitlines() if line[:2] == "| "]
TERMS = [row for row in ROWS if row[0] != "English"]


def test_the_glossary_has_no_more_terms_than_can_be_kept_in_mind_each_once():
    assert 30 <= len(TERMS) <= 40
    assert all(len(row) == 4 and all(row) for row in TERMS), "English, Chinese, meaning, code"
    assert len({row[0] for row in TERMS}) == len({row[1] for row in TERMS}) == len(TERMS)


@pytest.mark.parametrize("row", TERMS, ids=lambda row: row[0])
def test_each_term_is_where_the_glossary_says(row):
    (link,) = re.findall(r"\]\(\.\./([^)]+)\)", row[3])
    text = (ROOT / link).read_text(encoding="utf-8")
    for name in re.findall(r"`([^`]+)`", row[3]):
        assert re.search(rf"^ *(?:def |class )?{name}\b\s*[(:=]", text, re.MULTILINE), f"{link} defines no {name}"
    assert re.search("[\u4e00-\u9fff]", row[1]) or row[1] == "BLEU，chrF"
