"""The currency in a cell: "$" of "$415,186" and of "415,186 USD", "CHF" of "CHF 450'000", "₹" of "Rs. 45,00,000"."""

import re
from collections.abc import Iterable

from fmkeras.houses.notes import Heard

SIGNS = "$¢£¤¥" + "".join(map(chr, range(0x20A0, 0x20C1)))  # € and ₹ among them
CODES = (
    "USD EUR GBP CHF JPY CNY RMB INR AUD CAD NZD SGD HKD SEK NOK DKK PLN CZK HUF RON TRY RUB UAH BRL MXN ARS CLP COP "
    "ZAR NGN KES EGP AED SAR ILS KRW THB VND IDR MYR PHP PKR"
).split()
MONEY = rf"(?:(?:US|AU|A|CA|C|NZ|HK|R)?[{SIGNS}]|{'|'.join(CODES)}|Rs\.?|zł|Kč|kr\.?)"
SAME = {"USD": "$", "US$": "$", "EUR": "€", "GBP": "£", "INR": "₹", "Rs": "₹", "R$": "BRL", "zł": "PLN", "Kč": "CZK"}

_MONEY = re.compile(MONEY)
_PLAIN = re.compile(r"[-+\d.,eE\s]*")


def money(cell: object) -> str:
    """The currency that a cell names, "" if it names none: "$" of "$415,186" and of "415,186 USD"."""
    found = _MONEY.search(cell) if isinstance(cell, str) and not _PLAIN.fullmatch(cell) else None
    return SAME.get(found[0].rstrip("."), found[0].rstrip(".")) if found else ""


def is_money(text: str) -> bool:
    """Whether a text is a currency and nothing else."""
    return bool(_MONEY.fullmatch(text))


def without_money(text: str) -> str:
    """A cell's text without its currency."""
    return text if _PLAIN.fullmatch(text) else _MONEY.sub("", text).strip()


def currencies(cells: Iterable) -> list[str]:
    """The currencies that cells name, each once."""
    return [found for found in dict.fromkeys(map(money, cells)) if found]


def only(cells: Iterable) -> str:
    """The currency that cells name, "" if they name none, or several."""
    found = currencies(cells)
    return found[0] if len(found) == 1 else ""


def mixed(name: str, cells: Iterable) -> list[str]:
    """A line on a column of several currencies."""
    found = currencies(cells)
    several = f"{name}: {', '.join(found)} are taken as one currency: write all cells in one"
    return [Heard(several)] if len(found) > 1 else []
