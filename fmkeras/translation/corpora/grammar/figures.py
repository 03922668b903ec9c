"""What is written in figures: numbers, prices, quantities, times of day, dates, telephone numbers and other codes.

Portuguese writes "1.250,50" and "18h40" where English writes "1,250.50" and "6:40 p.m."; the rest is copied.
"""

from random import Random

from fmkeras.translation.corpora.grammar.referents import Words

MONEY = (  # how an amount of it is written
    *(("{} euros", "{} euros"), ("{} dólares", "{} dollars"), ("{} reais", "{} reais")),
    *(("{} €", "€{}"), ("R$ {}", "R${}")),
)
FOOD = (("kg", "kg", 1), ("quilos", "kilos", 1), ("g", "g", 50), ("gramas", "grams", 50))
DRINK = (("litros", "litres", 1), ("l", "l", 1), ("ml", "ml", 50), ("cl", "cl", 5))
PHONES = ("9## ### ###", "2## ### ###", "9########", "(##) 9####-####", "+351 9## ### ###", "+55 ## 9####-####")


def draw_whole(random: Random, low: int, high: int) -> Words:
    """A whole number, low <= n <= high; small ones as often as large ones."""
    tops = [top for top in (9, 99, 999, 9_999, 99_999, 999_999, high) if low <= top <= high]
    return _number(random.randint(low, random.choice(tops)))


def draw_ordinal(random: Random, low: int, high: int) -> Words:
    """The rank of a number: "3.º" / "3rd"; in the feminine "3.ª"."""
    n = random.randint(low, high)
    ending = "th" if n // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return Words(f"{n}.º", f"{n}{ending}", f"{n}.ª")


def draw_part(random: Random, low: int, high: int, places: int) -> Words:
    """A number with so many decimal places, low <= n < high."""
    return _number(random.randint(low, high - 1), random.randint(1, 10**places - 1), places)


def draw_amount(random: Random) -> Words:
    """An amount of money: "35,90 €" / "€35.90"."""
    pt, en = random.choice(MONEY)
    amount = draw_whole(random, 2, 9_999)
    if random.random() < 0.4:
        amount = _number(random.randint(1, 99), random.choice((5, 10, 20, 25, 50, 75, 80, 90, 95, 99)), 2)
    return Words(pt.format(amount.pt), en.format(amount.en))


def draw_quantity(random: Random, units: tuple[tuple[str, str, int], ...]) -> Words:
    """How much of something there is: "2,5 kg"."""
    pt, en, step = random.choice(units)
    amount = _number(step * random.randint(2, 19))
    if step == 1 and random.random() < 0.4:
        amount = draw_part(random, 0, 10, 1)
    return Words(f"{amount.pt} {pt}", f"{amount.en} {en}")


def draw_hour(random: Random, sentence: bool) -> Words:
    """A time of day: "às 18h40" / "at 6:40 p.m.", or as a sentence "são 18h40" / "it is ..."; 18:40 is copied."""
    hour, minutes = random.randint(0, 23), random.choice(("", *(f"{5 * n:02}" for n in range(12))))
    begin = ("é" if hour < 2 else "são") if sentence else ("à" if hour < 2 else "às")
    lead = "it is" if sentence else "at"
    if minutes and random.random() < 0.4:
        return Words(f"{begin} {hour}:{minutes}", f"{lead} {hour}:{minutes}")
    half = "a.m." if hour < 12 else "p.m."
    return Words(f"{begin} {hour}h{minutes}", f"{lead} {hour % 12 or 12}{':' * bool(minutes)}{minutes} {half}")


def draw_day(random: Random) -> Words:
    """A day: "14/03/2025", the day before the month in both languages."""
    day, month = random.randint(1, 28), random.randint(1, 12)
    text = f"{day:02}/{month:02}" + random.choice(("", f"/{random.randint(2020, 2035)}"))
    return Words(text, text)


def draw_code(random: Random, form: str) -> Words:
    """What is copied sign by sign: of the form, # is a digit, @ is a capital letter, and _ a space."""
    signs = {"#": "0123456789", "@": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "_": " "}
    text = "".join(random.choice(signs.get(sign, sign)) for sign in form)
    return Words(text, text)


def _number(whole: int, part: int = 0, places: int = 0) -> Words:
    point, comma = (f"{mark}{part:0{places}}" * bool(places) for mark in ".,")
    return Words(f"{whole:,}".replace(",", ".") + comma, f"{whole:,}" + point)
