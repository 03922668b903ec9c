"""Over-long sentences: cut at clause marks, else at white space, else between characters, and never within one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fmkeras.translation.corpora.cutting import between_characters, cut


def parts(text: str, longest: int) -> list[str]:
    """Cut a text each of whose characters is a token."""
    return cut(text, list(range(1, len(text) + 1)), longest)


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("um dois, três quatro", 14, ["um dois,", "três quatro"]),
        ("um dois três quatro", 14, ["um dois três", "quatro"]),
        ("custa 10,000 euros sim", 14, ["custa 10,000", "euros sim"]),  # the comma is within a number
        ("我们去公园，然后回家吃饭。", 9, ["我们去公园，", "然后回家吃饭。"]),
        ("雨が降る、風も吹く。", 8, ["雨が降る、", "風も吹く。"]),
        ("قال أحمد، ثم ذهب", 12, ["قال أحمد،", "ثم ذهب"]),
        ("天地玄黄宇宙洪荒", 5, ["天地玄黄宇", "宙洪荒"]),
        ("ab" * 6, 12, ["ab" * 6]),
        ("👩‍👩‍👧👩‍👩‍👧", 8, ["👩‍👩‍👧", "👩‍👩‍👧"]),
        ("🇵🇹🇪🇸🇫🇷", 3, ["🇵🇹", "🇪🇸", "🇫🇷"]),
        ("นี่นี่นี่", 4, ["นี่", "นี่", "นี่"]),
        ("", 8, []),
    ],
)
def test_by_example(text, longest, expected):
    assert parts(text, longest) == expected


@pytest.mark.parametrize("text", ["e\u0301", "👍🏽", "👩\u200d👧", "🇵🇹", "की", "\u1112\u1161", "ﾊﾞ", "\ud83d\ude00"])
def test_no_place_within_a_character(text):
    assert not any(between_characters(text, place) for place in range(1, len(text)))
    assert between_characters(f"{text}a", len(text)) and between_characters(f"a{text}", 1)


SIGNS = [*"ab ,;:、，۔ 你好あ", "\u0301", "👍", "🏽", "\u200d", "🇵", "🇹", "की"]


@example("\u0301" * 30, 8)
@given(st.lists(st.sampled_from(SIGNS), max_size=60).map("".join), st.integers(8, 20))
def test_nothing_is_lost_and_no_part_is_too_long(text, longest):
    text = " ".join(text.split())
    found = parts(text, longest)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(part.strip() == part != "" and len(part) <= longest for part in found)
