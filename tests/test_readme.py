"""README.md and README.zh-CN.md say the same: headings, commands, figures, links; and Chinese is set as Chinese."""

import re
from pathlib import Path

import pytest

from notebooks import address

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
HAN = "[\u4e00-\u9fff]"


def headings(page: str) -> list[str]:
    """The level of each heading, without those that are comments of code."""
    return re.findall(r"^(#+) ", without_blocks(page), re.MULTILINE)


def blocks(page: str) -> list[str]:
    """The code blocks, without comments and the spaces in front of them; what a program printed as it is."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    comment = re.compile(r"(^| +)# .*$", re.MULTILINE)
    return [f"{kind}\n{code if kind == 'text' else comment.sub('', code)}" for kind, code in found]


def without_blocks(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def spans(page: str) -> list[str]:
    """What stands in backquotes in the text, in any order: each language has its own."""
    return sorted(re.findall(r"`([^`\n]+)`", without_blocks(page)))


def figures(page: str) -> list[list[str]]:
    """All numbers of each section, in text, tables, code and comments; in any order within a section."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)
    return [sorted(re.findall(r"\d(?:[\d.,]*\d)?", section)) for section in sections]


def tables(page: str) -> list[list[int]]:
    """The number of cells in each row of each table."""
    found = re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE)
    return [[row.count("|") - 1 for row in table.splitlines()] for table in found]


def translations(page: str) -> list[list[str]]:
    """What was typed to the bundled translator, and what it printed: the table after the last of those marks."""
    part = page.rpartition("replace from here ... -->")[2].partition("<!-- ...")[0]
    return [re.split(r" *\| *", row)[1:3] for row in re.findall(r"^\|.*", part, re.MULTILINE)[2:]]


def marks(page: str) -> list[str]:
    """The comments between which measured figures are replaced."""
    return re.findall(r"<!--.*?-->", page)


@pytest.mark.parametrize("part", [headings, blocks, spans, figures, tables, translations, marks])
def test_both_have_the_same(part):
    assert part(ENGLISH)
    assert part(CHINESE) == part(ENGLISH)


@pytest.mark.parametrize(
    ("part", "right", "wrong"),
    [
        (headings, "\n## ", "\n# "),
        (blocks, "--epochs 3", "--epochs 4"),
        (spans, "`--dataset ted`", "`--dataset TED`"),
        (figures, "CC BY-NC-ND 4.0", "CC BY-NC-ND 4.1"),
        (tables, "| Tenho fome. | I'm hungry. | |", "| Tenho fome. | I'm hungry. |"),
        (translations, "Eu me chamo João.", "Eu me chamo Joao."),
        (marks, "<!-- ...", "<!-- .."),
    ],
)
def test_a_difference_is_found(part, right, wrong):
    text = "```sh\npython -m fmkeras.translate --epochs 3  # 3 passes\n```\n" + CHINESE
    assert part(text.replace(right, wrong)) != part(text)
    assert blocks(text.replace("3 passes", "三轮")) == blocks(text), "comments have a language"


def links(page: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", page)


def in_chinese(link: str) -> str:
    """Where a link of the English page leads to in the Chinese one: to the page in Chinese, if there is one."""
    if link == "README.zh-CN.md":
        return "README.md"
    if link.startswith(address.COLAB):
        return link.replace("/main/notebooks/", "/main/notebooks/zh/")
    path, hash_, anchor = link.partition("#")
    here = Path(path)
    for page in (here.with_suffix(".zh-CN.md"), here.parent / "zh" / here.name):
        if (ROOT / page).exists():
            return page.as_posix() + hash_ + anchor
    return link


def test_links_are_the_same_or_lead_to_the_page_in_chinese():
    assert sorted(links(CHINESE)) == sorted(map(in_chinese, links(ENGLISH)))


def test_links_to_colab_lead_to_the_notebooks_in_chinese():
    english, chinese = (
        address.readme_line("https://github.com/a/b", ROOT / name) for name in ("README.md", "README.zh-CN.md")
    )
    assert len(links(english)) == 4 and links(chinese) == list(map(in_chinese, links(english)))


def test_both_articles_are_named_at_the_top():
    for page in (ENGLISH, CHINESE):
        assert re.findall("《(.+?)》", page[:1000]) == ["基础模型的技术生态系统", "基础模型的技术架构与实现"]


def test_chinese_is_set_as_chinese():
    """Full-width punctuation, its quotation marks, a space between Latin and Chinese, each paragraph on one line."""
    text = re.sub(r"`[^`\n]+`", "`", re.sub(r"\]\([^)]+\)", "]", without_blocks(CHINESE)))
    assert not re.findall(f'{HAN} ?[,.;:!?"()]|[,;:"()] ?{HAN}', text)
    assert not re.findall(f"{HAN}[*]*[A-Za-z0-9`]|[A-Za-z0-9`][*]*{HAN}", text)
    assert not re.findall(f"{HAN}[，。；：、]?\n{HAN}", text)
    assert text.count("“") == text.count("”")
