"""Whether a translation has the numbers of its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmkeras.translation.inference.numbers import keeps_numbers, lost_names


@pytest.mark.parametrize(
    ("text", "translation", "kept"),
    [
        ("Custa 47 euros.", "It costs 47 euros.", True),
        ("Custa 47 euros.", "It costs 74.", False),
        ("Tenho 3 filhos.", "I have three children.", True),
        ("Tenho 12 e 12.", "I have 12.", False),
        ("Custa 1.250,50 €.", "It costs €1,250.50.", True),
        ("1 250 euros, 10\u202f000 reais", "1,250 euros, 10000 reais", True),
        ("São 17h45.", "It's 5:45 p.m.", True),
        ("À 17 h 45", "At 5:45", True),
        ("São 17h45.", "It's 5:54 p.m.", False),
        ("O voo TP1234", "Flight TP1234", True),
        ("O voo TP1234", "The vote214", False),
        ("١٢٣ ريال", "123 riyals", True),
        ("Bom dia.", "In 1998.", True),
        ("Escreva para ana.silva@exemplo.com.br.", "Write to ana.silva@exemplo.com.br.", True),
        ("Escreva para ana.silva@exemplo.com.br.", "Write to ancups.", False),
        ("Veja https://exemplo.com/a?b=c.", "See (https://exemplo.com/a?b=c)!", True),
        ("Veja www.exemplo.com.", "See exemplo.", False),
        ("Olá, {name}!", "Hello, {name}!", True),
        ("Custa %s euros.", "It costs s% euros.", False),
        ("É 50% de tudo.", "It is 50 percent of all.", True),
        ("Estão -5 graus.", "It's 5 degrees.", False),
        ("Estão −5 graus.", "It's -5 degrees.", True),
        ("Estão -5 graus.", "It's minus five degrees.", True),
        ("Às 07:30 por 12,00 €", "At 7:30 for €12", True),
        ("As 2 lojas abrem às 8h30.", "Both shops open at 8:30.", True),
        ("Os 3 chegam às 17h.", "The three arrive at 5 p.m.", True),
        ("Os 3 chegam às 17h.", "The 4 arrive at 5 p.m.", False),
        ("O saldo é -200 €.", "The balance is -€200.", True),
        ("- 5 maçãs, 3-2, 10-20", "5 apples, 3-2, 10-20", True),
        ("Ganhámos por 3-2.", "We won 32.", False),
        ("Ganhámos por 3 a 2.", "We won three to two.", True),
        ("Tenho 3 filhos.", "I have 5 children.", False),
        ("Dia 3.5.2024", "On 3/5/2024", True),
        ("Às 18.30", "At 18:30", True),
        ("São 3,5 km.", "It's 35 km.", False),
        ("São 0,5 l.", "It's 5 l.", False),
        ("São 5.5 e 5,5.", "They are 5.5 and 5.5.", True),
        ("São 5.5.", "They are 5 and 5.", True),
        ("A conta é $20.", "The bill is 0.20.", False),
        ("Os números 1,2 e 3", "The numbers 1, 2 and 3", True),
        ("Cerca de 3 mil pessoas", "About 3,000 people", True),
        ("É o 1º.", "It is the 1st.", True),
    ],
)
def test_the_numbers_of_a_text_are_those_of_its_translation(text, translation, kept):
    assert keeps_numbers(text, translation) is kept


@pytest.mark.parametrize(
    ("text", "translation", "kept"),
    [
        ("Tem 2,345 kg.", "It has 2,345 kg.", False),
        ("Tem 2,345 kg.", "It has 2.345 kg.", True),
        ("Custa 1.250 euros.", "It costs 1,250 euros.", True),
        ("Custa 1.250 euros.", "It costs 1.250 euros.", False),
        ("Custa 1.250,50 €.", "It costs €1,250.50.", True),
        ("São 3.5 km.", "It's 3.5 km.", True),
    ],
)
def test_a_mark_of_thousands_in_one_language_is_that_of_decimals_in_another(text, translation, kept):
    assert keeps_numbers(text, translation, "pt", "English") is kept
    assert keeps_numbers(text, translation)  # of languages that nobody knows it is not asked


def test_a_long_text_of_signs_is_looked_through_at_once():
    assert keeps_numbers("a.b" * 20_000, "1")  # it took half a minute


@given(st.lists(st.text("0123456789.,-:/h€ ab", max_size=8), max_size=6).map(" ".join))
def test_a_text_has_its_own_numbers(text):
    assert keeps_numbers(text, text)


@given(st.lists(st.integers(10, 99_999), min_size=1, max_size=5), st.data())
def test_a_number_that_is_missing_is_missed(numbers, data):
    left = data.draw(st.sampled_from(numbers))
    others = list(numbers)
    others.remove(left)
    text, translation = ("; ".join(map(str, some)) for some in (numbers, others))
    assert keeps_numbers(text, text) and not keeps_numbers(text, translation)


@pytest.mark.parametrize(
    ("text", "translation", "lost"),
    [
        ("Olá, sou o Wolfgang.", "Hello, I'm a slept.", ["Wolfgang"]),
        ("Olá, sou o Wolfgang.", "Hello, I'm Wolfgang.", []),
        ("Vi o Wolfgang e a Sara.", "i saw wolfgang .", ["Sara"]),
        ("Wolfgang chegou à ONU.", "He came.", []),  # where it begins any word has a capital letter
        ("Vi o Wolfgang.", "Я видел Вольфганга.", []),  # another script writes it otherwise
        ("Это Марія.", "This is Maria.", []),
        ("He knows I'm late, Mr Silva, and I'll go.", "Ele sabe, Silva.", []),
    ],
)
def test_names_that_a_translation_lacks(text, translation, lost):
    assert lost_names(text, translation) == lost
