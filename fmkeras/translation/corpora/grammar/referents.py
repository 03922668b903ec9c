"""What a phrasebook pattern's slots are filled with: subjects, noun phrases, numbers, times.

Each filler knows its words in both languages and what others must agree with: person, gender, number.
"""

from dataclasses import dataclass
from random import Random

from fmkeras.translation.corpora.grammar import english, portuguese
from fmkeras.translation.corpora.grammar.words import Adjective, Noun

PERSONS = ("family", "profession", "people", "name")  # classes of nouns that are "he" or "she", not "it"

Forms = tuple[str, str, str, str]  # masculine, feminine, masculine plural, feminine plural


@dataclass(frozen=True)
class Determiner:
    """What stands before a noun, and in "o livro dele" also behind it. `en` holds singular and plural."""

    pt: Forms
    en: tuple[str, str]
    pt_after: str = ""


_THE: Forms = ("o", "a", "os", "as")
NONE = Determiner(("", "", "", ""), ("", ""))
THE = Determiner(_THE, ("the", "the"))
A = Determiner(("um", "uma", "uns", "umas"), ("a", "some"))
MANY = Determiner(("", "", "muitos", "muitas"), ("", "many"))
GENERIC = Determiner(_THE, ("", ""))  # "a saúde" / "health"
THESE = (
    Determiner(("este", "esta", "estes", "estas"), ("this", "these")),
    Determiner(("esse", "essa", "esses", "essas"), ("that", "those")),
    Determiner(("aquele", "aquela", "aqueles", "aquelas"), ("that", "those")),
)
OWN = (
    Determiner(("o meu", "a minha", "os meus", "as minhas"), ("my", "my")),
    Determiner(("o teu", "a tua", "os teus", "as tuas"), ("your", "your")),
    Determiner(("o nosso", "a nossa", "os nossos", "as nossas"), ("our", "our")),
    Determiner(_THE, ("his", "his"), "dele"),
    Determiner(_THE, ("her", "her"), "dela"),
    Determiner(_THE, ("their", "their"), "deles"),
)
OWN_ALONE = (OWN[0], OWN[1], OWN[3], OWN[4])  # a husband is not shared
COUNTS = tuple(
    Determiner(("", "", portuguese.number(n), portuguese.number(n, True)), ("", english.number(n)))
    for n in (*range(2, 13), 15, 20, 30, 50, 100)
)


@dataclass(frozen=True)
class Choice:
    """What one word in a noun slot's declaration allows."""

    choices: tuple[Determiner, ...]
    weight: int  # how often, among several words
    numbers: tuple[bool, ...] = (False, True)  # is_plural


DETERMINERS = {
    "bare": Choice((NONE,), 4),
    "generic": Choice((GENERIC,), 4),
    "the": Choice((THE,), 4),
    "a": Choice((A,), 3, (False,)),
    "some": Choice((A,), 2, (True,)),
    "this": Choice(THESE, 2),
    "my": Choice(OWN, 3),
    "many": Choice((MANY,), 1, (True,)),
    "count": Choice(COUNTS, 2, (True,)),
}


class Pronoun:
    """A subject that is a pronoun. `person` is 0 eu, 1 tu, 2 ele, 3 nós, 4 eles; `who` is the English agreement."""

    noun = None
    adjective = None

    def __init__(self, person: int, pt: str, is_feminine: bool, en: str, him: str, his: str, who: str):
        self.person, self.pt, self.is_feminine, self.is_plural = person, pt, is_feminine, person > 2
        self.en, self.him, self.his, self.who = en, him, his, who
        self.they = en
        self.clitic = ("me", "te", "a" if is_feminine else "o", "nos", "as" if is_feminine else "os")[person]
        if pt == "vocês":
            self.clitic = "vos"

    def pt_text(self, feature: str) -> str:
        """The subject: dropped where the verb says it ("fala"), unless the feature is "explicit"."""
        if feature == "explicit":  # the verb forms of eu and ele are the same: say eu
            return "eu" if self.person == 0 else "" if self.person in (1, 3) else self.pt
        return "" if feature == "" and self.person in (0, 1, 3) else self.pt

    def en_text(self, feature: str) -> str:
        """The subject, which English never drops."""
        return self.en

    def en_object(self) -> str:
        """As an object: "him"."""
        return self.him

    def en_owner(self) -> str:
        """As an owner: "his"."""
        return self.his

    def fits(self, options: list[str]) -> bool:
        """Whether the options of a subject slot allow this pronoun."""
        is_we, is_you = self.person == 3, self.who == "you"
        is_near = self.person == 0 or is_we or is_you  # who speaks or is spoken to
        refused = {
            "third": is_near,
            "near": not is_near,
            "tu": self.person != 1,
            "singular": self.is_plural,
            "plural": not self.is_plural,
            "not-I": self.person == 0,
            "not-you": is_you,
            "not-we": is_we,
        }
        return not any(refused.get(option) for option in options)


EU = [Pronoun(0, "eu", feminine, "I", "me", "my", "I") for feminine in (False, True)]
TU = [Pronoun(1, "tu", feminine, "you", "you", "your", "you") for feminine in (False, True)]
NOS = [Pronoun(3, "nós", feminine, "we", "us", "our", "they") for feminine in (False, True)]
ELE, ELA = Pronoun(2, "ele", False, "he", "him", "his", "he"), Pronoun(2, "ela", True, "she", "her", "her", "he")
ELES, ELAS = (Pronoun(4, pt, pt == "elas", "they", "them", "their", "they") for pt in ("eles", "elas"))
VOCES = [Pronoun(4, "vocês", feminine, "you", "you", "your", "you") for feminine in (False, True)]
PRONOUNS = (*EU, *EU, *TU, ELE, ELE, ELA, ELA, *NOS, *VOCES[:1], ELES, ELAS)


class NounPhrase:
    """A noun with determiner and perhaps an adjective, in both languages."""

    def __init__(
        self, noun: Noun, is_plural: bool, is_feminine: bool, determiner: Determiner, adjective: Adjective | None
    ):
        self.noun, self.is_plural, self.is_feminine = noun, is_plural, is_feminine
        self.determiner, self.adjective = determiner, adjective
        self.person = 4 if is_plural else 2
        self.index = int(is_feminine) + 2 * int(is_plural)
        self.clitic = _THE[self.index]
        animate = noun.groups[0] in PERSONS
        if is_plural:
            self.who, self.they, self.him, self.his = "they", "they", "them", "their"
        elif animate:
            self.who = "he"
            self.they, self.him, self.his = ("she", "her", "her") if is_feminine else ("he", "him", "his")
        else:
            self.who, self.they, self.him, self.his = "he", "it", "it", "its"

    def _determiner(self, feature: str) -> Determiner:
        """The determiner: the one drawn, or the one that the template asks for."""
        if self.noun.kind in ("name", "named") or feature in ("", "explicit", "full"):
            return self.determiner
        if feature == "a" and self.noun.kind == "mass":
            return NONE
        return {"the": THE, "a": A, "bare": NONE}[feature]

    def pt_text(self, feature: str) -> str:
        """The noun phrase in Portuguese, its determiner and adjective agreeing with the noun."""
        determiner, adjective = self._determiner(feature), self.adjective
        noun = (self.noun.pt_feminine if self.is_feminine and self.noun.pt_feminine else self.noun.pt)[self.is_plural]
        if adjective:
            form = adjective.pt[self.index]
            noun = f"{form} {noun}" if adjective.stands_before else f"{noun} {form}"
        article = determiner.pt[self.index]
        text = f"{article} {noun}" if article else noun
        return f"{text} {determiner.pt_after}" if determiner.pt_after else text

    def pt_superlative(self, adjective: Adjective) -> str:
        """The noun with its superlative: "a cidade mais bonita", "a melhor cidade"."""
        noun, form = self.pt_text("bare"), adjective.pt_form(self.is_feminine, self.is_plural, "most")
        pair = f"{form} {noun}" if adjective.pt_comparative else f"{noun} {form}"
        return f"{_THE[self.index]} {pair}"

    def en_text(self, feature: str) -> str:
        """The noun phrase in English, determiner first."""
        noun = self.noun.en[self.is_plural]
        if self.adjective:
            noun = f"{self.adjective.en} {noun}"
        if self.noun.kind == "named":
            return noun
        article = self._determiner(feature).en[self.is_plural]
        return f"{article} {noun}" if article else noun

    def en_object(self) -> str:
        """As an object, where a noun phrase stays as it is."""
        return self.en_text("")

    def en_owner(self) -> str:
        """Whose something is: "Maria's", "the boys'"."""
        return english.possessive(self.en_text(""), self.is_plural)

    def en_place(self) -> str:
        """With its preposition of place: "in the park", "at the station"."""
        return f"{self.noun.en_place} {self.en_text('')}"


class Words:
    """A filler that is the same text wherever it stands; a number may agree in gender."""

    noun = adjective = None

    def __init__(self, pt: str, en: str, pt_feminine: str = ""):
        self.pt, self.en, self.pt_feminine = pt, en, pt_feminine or pt


def draw_number(random: Random, low: int, high: int) -> Words:
    """A whole number in words, low <= n <= high."""
    n = random.randint(low, high)
    return Words(portuguese.number(n), english.number(n), portuguese.number(n, True))


def draw_time(random: Random, sentence: bool) -> Words:
    """A time of day: "às três e meia" / "at half past three", or as a sentence "são três e meia" / "it is ..."."""
    hour, kind = random.randint(1, 12), random.randrange(8)
    word, en_word = portuguese.number(hour, True), english.number(hour)
    if hour == 12:
        word = random.choice(("meio-dia", "meia-noite"))
        en_word = {"meio-dia": "noon", "meia-noite": "midnight"}[word]
        kind = 0
    begin = {"meio-dia": "ao", "meia-noite": "à", "uma": "à"}.get(word, "às")
    if sentence:
        begin = "são" if begin == "às" else "é"
    lead = "it is" if sentence else "at"
    minutes = random.choice((5, 10, 20, 25))
    if kind == 0:
        return Words(f"{begin} {word}", f"{lead} {en_word}" + (" o'clock" if hour < 12 else ""))
    if kind == 1:
        return Words(f"{begin} {word} e meia", f"{lead} half past {en_word}")
    if kind == 2:
        return Words(f"{begin} {word} e um quarto", f"{lead} a quarter past {en_word}")
    if kind == 3:
        return Words(f"{begin} {word} menos um quarto", f"{lead} a quarter to {en_word}")
    if kind < 6:
        return Words(
            f"{begin} {word} e {portuguese.number(minutes)}", f"{lead} {english.number(minutes)} past {en_word}"
        )
    return Words(f"{begin} {word} menos {portuguese.number(minutes)}", f"{lead} {english.number(minutes)} to {en_word}")


MONTHS = tuple(
    zip(
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split(),
        "January February March April May June July August September October November December".split(),
        strict=True,
    )
)


def draw_date(random: Random) -> Words:
    """A day of the year: "no dia 14 de março" / "on 14 March"."""
    pt, en = random.choice(MONTHS)
    day = random.randint(1, 28)
    return Words(f"no dia {day} de {pt}", f"on {day} {en}")


def draw_year(random: Random, low: int, high: int) -> Words:
    """A year in figures, low <= year <= high."""
    year = str(random.randint(low, high))
    return Words(year, year)


def draw_price(random: Random) -> Words:
    """A price: "doze euros e cinquenta cêntimos" / "twelve euros and fifty cents"."""
    euros, cents = random.randint(2, 99), random.choice((0, 0, 20, 50, 75, 90))
    pt, en = f"{portuguese.number(euros)} euros", f"{english.number(euros)} euros"
    if cents:
        pt, en = f"{pt} e {portuguese.number(cents)} cêntimos", f"{en} and {english.number(cents)} cents"
    return Words(pt, en)
