"""What the phrasebook writes in figures: the same in both languages, but for how each writes it."""

import re
from random import Random

import pytest

from fmkeras.translation.corpora import phrasebook
from fmkeras.translation.corpora.grammar import figures, lexicon
from fmkeras.translation.corpora.grammar.slots import Slots
from fmkeras.translation.inference.numbers import keeps_numbers


def drawn(draw, *arguments, times=400):
    """Everything that is drawn in so many times, Portuguese to English."""
    random = Random(0)
    return {words.pt: words.en for words in (draw(random, *arguments) for _ in range(times))}


def test_whole_numbers_lie_in_their_range_and_small_ones_are_frequent():
    found = drawn(figures.draw_whole, 2, 9_999)
    numbers = [int(text.replace(".", "")) for text in found]
    assert min(numbers) == 2 and 5_000 < max(numbers) <= 9_999
    assert set(range(2, 10)) <= set(numbers), "as often as the thousands of thousands"
    assert all(en == f"{int(pt.replace('.', '')):,}" for pt, en in found.items())
    assert any(re.fullmatch(r"\d\.\d{3}", text) for text in found)
    assert set(drawn(figures.draw_whole, 5, 6)) == {"5", "6"}


def test_ranks():
    found = drawn(figures.draw_ordinal, 1, 112)
    assert [found[f"{n}.º"] for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111, 112)] == (
        "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 103rd 111th 112th".split()
    )
    assert figures.draw_ordinal(Random(0), 3, 3).pt_feminine == "3.ª"


def test_decimal_places():
    found = drawn(figures.draw_part, 1, 2, 2)
    assert all(re.fullmatch(r"1,\d\d", pt) and en == pt.replace(",", ".") for pt, en in found.items())
    assert "1,05" in found and "1,00" not in found


def test_money_and_quantities():
    found = drawn(figures.draw_amount, times=4_000)
    forms = {re.sub(r"[\d.,]+", "7", pt): re.sub(r"[\d.,]+", "7", en) for pt, en in found.items()}
    assert forms == {"7 euros": "7 euros", "7 €": "€7", "R$ 7": "R$7", "7 reais": "7 reais", "7 dólares": "7 dollars"}
    for units in (figures.FOOD, figures.DRINK):
        for pt, en in drawn(figures.draw_quantity, units).items():
            assert (pt.split()[1], en.split()[1]) in {unit[:2] for unit in units}
            assert pt.split()[0].replace(",", ".") == en.split()[0]


def test_times_of_day():
    found = drawn(figures.draw_hour, False, times=4_000)
    assert (found["às 18h40"], found["às 9h"], found["à 0h05"]) == ("at 6:40 p.m.", "at 9 a.m.", "at 12:05 a.m.")
    assert (found["às 12h30"], found["à 1:15"], found["às 23:55"]) == ("at 12:30 p.m.", "at 1:15", "at 23:55")
    now = drawn(figures.draw_hour, True, times=4_000)
    assert (now["são 18h40"], now["é 1h"]) == ("it is 6:40 p.m.", "it is 1 a.m.")


def test_days_and_codes_are_copied():
    found = drawn(figures.draw_day)
    assert all(pt == en and re.fullmatch(r"[0-2]\d/[01]\d(/20[23]\d)?", pt) for pt, en in found.items())
    found = drawn(figures.draw_code, "@@_##-x")
    assert all(pt == en and re.fullmatch(r"[A-Z]{2} \d\d-x", pt) for pt, en in found.items())


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("figures 2", "a figures slot is declared as: figures LOW HIGH"),
        ("figures 2 9 few", "'few' is no number of decimal places"),
        ("quantity air", "a quantity slot is declared as: quantity food"),
        ("code", "a code slot is declared as: code FORM"),
    ],
)
def test_a_wrong_declaration_is_refused(declaration, message):
    slots = Slots(lexicon.read(phrasebook._bundled()))
    with pytest.raises(ValueError, match=message):
        slots.declare(declaration, {})


def test_all_sentences_with_figures_have_the_same_ones_in_english():
    table = phrasebook.load()
    generated = table[(table["pattern"] != phrasebook.WRITTEN) & table["pt"].str.contains(r"\d")]
    assert len(generated) > 2_500
    wrong = [
        pair for pair in zip(generated["pt"], generated["en"], strict=True) if not keeps_numbers(*pair, "pt", "en")
    ]
    assert not wrong
    assert not generated["en"].str.contains(r"\.\.$").any(), "one full stop ends a sentence"
