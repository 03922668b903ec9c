"""The slots of the phrasebook's patterns: what each kind of slot is filled with, and how that is drawn.

A pattern declares its slots in order ("s=subject; v=verb act; o=object of v"); `data/phrasebook/README.md` lists the
kinds and their options.
"""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from fmkeras.translation.corpora.grammar import figures, referents
from fmkeras.translation.corpora.grammar.lexicon import Lexicon
from fmkeras.translation.corpora.grammar.referents import DETERMINERS, NounPhrase, Pronoun
from fmkeras.translation.corpora.grammar.words import Adjective, Noun

# slot -> its filler: a Pronoun, NounPhrase, Words, Verb, Adjective or Phrase. The kind of the slot
# says which, so their type is left open.
Values = dict[str, Any]
Draw = Callable[[Random, Values], Any]  # (random, the fillers so far) -> a filler

REFERENTS = ("subject", "noun", "object")  # the kinds of slots that others agree with
PLURALS, DESCRIBED = 0.25, 0.22  # how often a noun is plural, and how often it has an adjective
COMMON = 30  # times that a common word is dealt while a rare one is dealt once
PRONOUNS, NAMES, FAMILY = 0.5, 0.15, 0.13  # who acts; otherwise a noun for a person
COPULAS = {"": ("ser", "estar"), "state": ("estar", "state"), "attribute": ("ser", "none")}
SUBJECT_OPTIONS = {*("third", "near", "tu", "pronoun", "singular", "plural", "not-I", "not-you", "not-we")}


class Deck:
    """Deals items in random order, each once before any comes again, so that none is left out."""

    def __init__(self, items: list):
        self.items = items
        self.left: list = []

    def draw(self, random: Random, avoid: Sequence = ()) -> Any:
        """The next item that is not in `avoid`, where there is one."""
        for _ in range(20):
            if not self.left:
                self.left = self.items[:]
                random.shuffle(self.left)
            item = self.left.pop()
            if item not in avoid:
                break
        return item


class Slots:
    """Makes the function that fills a slot from the slot's declaration. All patterns share its decks.

    Its methods that end in `_slot` are the kinds of slots. Each takes the options and the kinds of the slots declared
    before, and raises ValueError for options that make no sense.
    """

    def __init__(self, lexicon: Lexicon):
        self.adjectives, self.rare = lexicon.adjectives, lexicon.rare
        self.groups: dict[tuple[str, str], list] = {}
        for kind, words in (("nouns", lexicon.nouns), ("verbs", lexicon.verbs), ("phrases", lexicon.phrases)):
            for word in words:
                for group in word.groups:
                    self.groups.setdefault((kind, group), []).append(word)
        self.decks: dict[tuple, Deck | None] = {}
        self.objects: dict[str, Draw] = {}
        self.kinds = {name[:-5]: getattr(self, name) for name in dir(self) if name.endswith("_slot")}

    def declare(self, spec: str, kinds: dict[str, str]) -> Draw:
        """The function for a declaration such as "noun food|drink the a singular"."""
        kind, *options = spec.split()
        if kind not in self.kinds:
            raise ValueError(f"{kind!r} is no kind of slot: {', '.join(self.kinds)}")
        return self.kinds[kind](options, kinds)

    def deck(self, kind: str, groups: str) -> Deck:
        """The deck of all words of one or several classes ("food|drink"), the same one for every pattern."""
        key = kind, groups
        deck = self.decks.get(key)
        if deck is None:
            words: dict[str, object] = {}
            for group in groups.split("|"):
                if (kind, group) not in self.groups:
                    raise ValueError(f"{group!r} is no class of {kind}.csv")
                words |= {word.key: word for word in self.groups[kind, group]}
            deck = self.decks[key] = Deck(self.weighted(words.values()))
        return deck

    def weighted(self, words: Iterable) -> list:
        """The words as a deck holds them: the common ones several times."""
        return [word for word in words for _ in range(1 if word in self.rare else COMMON)]

    def adjective_deck(self, groups: tuple[str, ...], copula: str) -> Deck | None:
        """The adjectives that go with some classes of nouns; None where there are none.

        Args:
            copula: as in the column, where "state" takes "estar" too; "" for ser or estar; "attribute" for what
                stands beside its noun.
        """
        key = "adjectives", groups, copula
        if key not in self.decks:
            wanted = COPULAS.get(copula, (copula,))
            words = [a for a in self.adjectives if a.copula in wanted and not set(groups).isdisjoint(a.groups)]
            self.decks[key] = Deck(self.weighted(words)) if words else None
        return self.decks[key]

    def subject_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """Who acts: a pronoun, a name, someone of the family, or a noun for a person."""
        others = _others(options, kinds)
        if unknown := set(options) - SUBJECT_OPTIONS - {f"not-{other}" for other in others}:
            raise ValueError(f"{min(unknown)!r} is no option of a subject")
        pronouns = [pronoun for pronoun in referents.PRONOUNS if pronoun.fits(options)]
        numbers = [option for option in options if option in ("singular", "plural")]
        name = self.noun_slot(["name"], kinds)
        family = self.noun_slot(["family", "my", *numbers], kinds)
        person = self.noun_slot(["profession|people", "the", "this", *numbers], kinds)
        only_pronouns = not {"pronoun", "near", "tu"}.isdisjoint(options)

        def draw(random: Random, values: Values) -> Pronoun | NounPhrase:
            while True:
                chance = random.random()
                if only_pronouns or chance < PRONOUNS:
                    subject = random.choice(pronouns)
                elif chance < PRONOUNS + NAMES and "plural" not in options:
                    subject = name(random, values)
                else:
                    subject = (family if chance < PRONOUNS + NAMES + FAMILY else person)(random, values)
                if not any(_same(subject, values[other]) for other in others):
                    return subject

        return draw

    def noun_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A noun phrase: "noun CLASS", determiners, singular or plural, plain (no adjective) or described (one)."""
        groups, *options = options or [""]
        others = _others(options, kinds)
        known = {*DETERMINERS, "singular", "plural", "plain", "described", *(f"not-{other}" for other in others)}
        if unknown := set(options) - known:
            raise ValueError(f"{min(unknown)!r} is no option of a noun")
        deck = self.deck("nouns", groups)
        asked = [option for option in options if option in DETERMINERS] or ["the", "a", "this", "my"]
        no_plurals = "singular" in options or not any(True in DETERMINERS[name].numbers for name in asked)
        plurals = 1.0 if "plural" in options else 0.0 if no_plurals else PLURALS
        plain = not {"plain", "bare", "generic"}.isdisjoint(options)
        described = 1.0 if "described" in options else 0.0 if plain else DESCRIBED

        def draw(random: Random, values: Values) -> NounPhrase:
            noun = deck.draw(random, [values[other].noun for other in others])
            is_feminine = noun.is_feminine or (noun.pt_feminine is not None and random.random() < 0.5)
            is_plural = noun.kind == "plural" or (noun.kind == "count" and random.random() < plurals)
            adjective = None
            if random.random() < described and noun.kind not in ("name", "named"):
                adjectives = self.adjective_deck(noun.groups, "attribute")
                adjective = adjectives.draw(random) if adjectives else None
            return NounPhrase(noun, is_plural, is_feminine, _determiner(random, noun, asked, is_plural), adjective)

        return draw

    def verb_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A verb of some classes: "verb act|once"."""
        if len(options) != 1:
            raise ValueError("a verb slot is declared as: verb CLASS")
        deck = self.deck("verbs", options[0])
        for verb in deck.items:
            if verb.object and verb.object not in self.objects:
                self.objects[verb.object] = self.noun_slot(verb.object.split(), {})
        others = [name for name, kind in kinds.items() if kind == "verb"]
        return lambda random, values: deck.draw(random, [values[other] for other in others])

    def object_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """What a verb takes, as the verb's row says: "object of v"."""
        if len(options) != 2 or options[0] != "of" or kinds.get(options[1]) != "verb":
            raise ValueError("an object slot is declared as: object of v, after v=verb CLASS")
        verb = options[1]

        def draw(random: Random, values: Values) -> NounPhrase:
            return self.objects[values[verb].object](random, values)

        return draw

    def adjective_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """An adjective that suits another slot, "adjective for o ser", or a class, "adjective people estar"."""
        copula = options[-1] if options and options[-1] in ("ser", "estar", "state", "none") else ""
        options = options[: len(options) - bool(copula)]
        others = [name for name, kind in kinds.items() if kind == "adjective"]
        slot = options[1] if len(options) == 2 and options[0] == "for" and kinds.get(options[1]) in REFERENTS else ""
        of_class = self.adjective_deck((options[0],), copula) if len(options) == 1 else None
        if not slot and not of_class:
            raise ValueError("an adjective slot is declared as: adjective for SLOT ser, or: adjective CLASS estar")

        def draw(random: Random, values: Values) -> Adjective:
            if of_class:
                return of_class.draw(random, [values[other] for other in others])
            noun = values[slot].noun
            deck = self.adjective_deck(noun.groups if noun else ("people",), copula)
            if deck is None:
                raise ValueError(f"adjectives.csv has no adjective for {noun.key} ({copula or 'ser or estar'})")
            return deck.draw(random, [values[slot].adjective, *(values[other] for other in others)])

        return draw

    def phrase_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """Words that do not inflect: "phrase CLASS"."""
        if len(options) != 1:
            raise ValueError("a phrase slot is declared as: phrase CLASS")
        deck = self.deck("phrases", options[0])
        return lambda random, values: deck.draw(random)

    def number_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A whole number in words: "number 2 99"."""
        low, high = _range("number", options)
        return lambda random, values: referents.draw_number(random, low, high)

    def year_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A year in figures: "year 1900 2025"."""
        low, high = _range("year", options)
        return lambda random, values: referents.draw_year(random, low, high)

    def time_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A time of day, "at three o'clock"; "time sentence": "it is three o'clock"."""
        return lambda random, values: referents.draw_time(random, "sentence" in options)

    def date_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A day of a month."""
        return lambda random, values: referents.draw_date(random)

    def price_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """An amount of money in words."""
        return lambda random, values: referents.draw_price(random)

    def figures_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A number in figures: "figures 2 99"; "figures 0 9 1" has a decimal place, "figures 1 12 rank" is "3rd"."""
        (low, high), more = _range("figures", options[:2]), options[2:]
        if more == ["rank"]:
            return lambda random, values: figures.draw_ordinal(random, low, high)
        if more and not more[0].isdecimal():
            raise ValueError(f"{more[0]!r} is no number of decimal places")
        if more:
            return lambda random, values: figures.draw_part(random, low, high, int(more[0]))
        return lambda random, values: figures.draw_whole(random, low, high)

    def amount_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """An amount of money in figures."""
        return lambda random, values: figures.draw_amount(random)

    def quantity_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """How much of something, in figures: "quantity food", "quantity drink"."""
        units = {"food": figures.FOOD, "drink": figures.DRINK}.get(" ".join(options))
        if units is None:
            raise ValueError("a quantity slot is declared as: quantity food, or: quantity drink")
        return lambda random, values: figures.draw_quantity(random, units)

    def hour_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A time of day in figures, "at 6:40 p.m."; "hour sentence": "it is 6:40 p.m."."""
        return lambda random, values: figures.draw_hour(random, "sentence" in options)

    def day_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A day in figures."""
        return lambda random, values: figures.draw_day(random)

    def code_slot(self, options: list[str], kinds: dict[str, str]) -> Draw:
        """A code: "code phone", or "code @@###" of letters and digits."""
        if len(options) != 1:
            raise ValueError("a code slot is declared as: code FORM, with @ for a letter and # for a digit")
        forms = figures.PHONES if options == ["phone"] else tuple(options)
        return lambda random, values: figures.draw_code(random, random.choice(forms))


def _range(kind: str, options: list[str]) -> tuple[int, int]:
    if len(options) != 2 or not all(option.isdecimal() for option in options) or int(options[0]) > int(options[1]):
        raise ValueError(f"a {kind} slot is declared as: {kind} LOW HIGH")
    return int(options[0]), int(options[1])


def _others(options: list[str], kinds: dict[str, str]) -> list[str]:
    """The earlier slots that an option "not-SLOT" sets this one apart from."""
    return [option[4:] for option in options if option.startswith("not-") and option[4:] in kinds]


def _determiner(random: Random, noun: Noun, asked: list[str], is_plural: bool) -> referents.Determiner:
    """One of the determiners asked for that this noun can have."""
    if noun.kind in ("name", "named"):
        return referents.THE if noun.kind == "named" else referents.NONE
    names = [name for name in asked if is_plural in DETERMINERS[name].numbers] or ["the"]
    name = names[0] if len(names) == 1 else random.choices(names, [DETERMINERS[n].weight for n in names])[0]
    if noun.kind == "mass" and name == "a":  # "bebi água"
        name = "bare"
    if noun.kind == "plural" and name == "count":  # "two trousers" is no English
        name = "the"
    if name in ("the", "this") and "my" in names and noun.groups[0] == "family":
        name = "my"  # an uncle is somebody's uncle
    if name == "my" and "spouse" in noun.groups:
        return random.choice(referents.OWN_ALONE)
    choices = DETERMINERS[name].choices
    return choices[0] if len(choices) == 1 else random.choice(choices)


def _same(one: Pronoun | NounPhrase, other: Pronoun | NounPhrase) -> bool:
    """Whether two subjects could be the same person: nobody says "quero que eu coma"."""
    if one.noun is None and other.noun is None:
        return one.person == other.person or one.who == other.who == "you" or {one.person, other.person} == {0, 3}
    return one.noun is other.noun
