"""The phrasebook's sentence patterns: reads `patterns.csv`, checks it, and makes sentence pairs.

`data/phrasebook/README.md` explains the notation: slots in braces (`{s}`, `{v.present}`, `{o.the}`), and in angle
brackets fixed words that agree with a slot (`<ter.present@s>`, `<cansado@s>`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fmkeras.translation.corpora.grammar import english, portuguese
from fmkeras.translation.corpora.grammar.lexicon import Lexicon, Row, rows
from fmkeras.translation.corpora.grammar.referents import NounPhrase, Pronoun
from fmkeras.translation.corpora.grammar.slots import REFERENTS, Draw, Slots, Values
from fmkeras.translation.corpora.grammar.words import Verb

COLUMNS = ("id", "register", "weight", "slots", "pt", "en")
REGISTERS = ("everyday", "travel", "story", "talk")

Part = str | Callable[[Values], str]  # a part of a template: fixed text, or a function of the fillers

_MARK = re.compile(r"\{([^}]*)\}|<([^>]*)>")
_REFERENCE = re.compile(r"([\w-]+)(?:\.([\w']+))?(?:\+(\w+))?(?:@(\w+))?")
_PRONOUN_FORMS = {"um": "um uma uns umas", "este": "este esta estes estas"}  # no rule for adjectives gives these
_PARTICIPLE_ENDINGS = ("o", "a", "os", "as")


@dataclass(frozen=True)
class Reference:
    """What a template says between braces or angle brackets: name.feature+clitic@agreement."""

    name: str
    feature: str
    clitic: str
    agreement: str


@dataclass(frozen=True, eq=False)
class Pattern:
    """One sentence pattern, ready to make sentences."""

    id: str
    register: str
    weight: int
    slots: tuple[tuple[str, Draw], ...]
    pt: tuple[Part, ...]
    en: tuple[Part, ...]

    def realise(self, random: Random) -> tuple[str, str, list[str]]:
        """A sentence in both languages, and the keys of the lexicon's words that fill its slots."""
        values: Values = {}
        for name, draw in self.slots:
            values[name] = draw(random, values)
        pt = portuguese.contract(_join(self.pt, values))
        en = english.articles(_join(self.en, values)).replace(".m..", ".m.")  # one full stop ends "at 6 p.m."
        words = []
        for value in values.values():
            if key := getattr(value, "key", None):
                words.append(key)
            else:
                words.extend(word.key for word in (value.noun, value.adjective) if word)
        return pt[0].upper() + pt[1:], en[0].upper() + en[1:], words


def _join(parts: tuple[Part, ...], values: Values) -> str:
    """The template's text; what a dropped subject leaves is closed up."""
    return " ".join("".join([part if isinstance(part, str) else part(values) for part in parts]).split())


def read(folder: Path, lexicon: Lexicon) -> tuple[Pattern, ...]:
    """Read patterns.csv.

    Raises:
        InputError: a row is wrong; the message names file, line and column.
    """
    slots, patterns = Slots(lexicon), {}
    for row in rows(folder / "patterns.csv", COLUMNS):
        row.require("id", "slots", "pt", "en")
        if row["id"] in patterns:
            row.fail("id", f"{row['id']!r} is taken by a line above: choose another")
        patterns[row["id"]] = _pattern(row, slots, lexicon)
    return tuple(patterns.values())


def _pattern(row: Row, slots: Slots, lexicon: Lexicon) -> Pattern:
    register = row.choose("register", REGISTERS)
    if not (row["weight"] or "1").isdecimal():
        row.fail("weight", f"{row['weight']!r} is not a whole number")
    draws: dict[str, Draw] = {}
    kinds: dict[str, str] = {}
    for declaration in row["slots"].split(";"):
        name, equals, spec = (part.strip() for part in declaration.partition("="))
        if not equals or not name.isidentifier() or not spec or name in kinds:
            row.fail("slots", f"{declaration.strip()!r} is not of the form name=kind ..., with a name of its own")
        try:
            draws[name] = slots.declare(spec, kinds)
        except ValueError as error:
            row.fail("slots", f"{declaration.strip()!r}: {error}")
        kinds[name] = spec.split()[0]
    for name, kind in kinds.items():
        for column in ("pt",) if kind == "subject" else ("pt", "en"):  # English hides the subject of "Eat!"
            if not re.search(rf"[{{@+]{name}\b", row[column]):
                row.fail(column, f"slot {name!r} is declared and never used")
    pt, en = (_Template(row, column, kinds, lexicon).parts() for column in ("pt", "en"))
    return Pattern(row["id"], register, int(row["weight"] or 1), tuple(draws.items()), pt, en)


class _Template:
    """One template of one row, cut into fixed text and functions of the fillers."""

    def __init__(self, row: Row, column: str, kinds: dict[str, str], lexicon: Lexicon):
        self.row, self.column, self.kinds, self.lexicon = row, column, kinds, lexicon

    def parts(self) -> tuple[Part, ...]:
        """The template cut into plain text and slots."""
        parts: list[Part] = []
        text, end, attracted = self.row[self.column], 0, False
        for mark in _MARK.finditer(text):
            before, end = text[end : mark.start()], mark.end()
            attracted = portuguese.attracts(before, attracted)
            parts += [before, self._part(mark, attracted)]
        parts.append(text[end:])
        if any(sign in part for part in parts if isinstance(part, str) for sign in "{}<>"):
            self.row.fail(self.column, "a brace or bracket is not closed")
        return tuple(part for part in parts if part != "")

    def _part(self, mark: re.Match, attracted: bool) -> Part:
        is_slot = mark[1] is not None
        match = _REFERENCE.fullmatch(mark[1] if is_slot else mark[2])
        try:
            if not match:
                raise ValueError("is not of the form name.feature+clitic@agreement")
            reference = Reference(*(group or "" for group in match.groups()))
            for slot in (reference.clitic, reference.agreement):
                if slot and self.kinds.get(slot) not in REFERENTS:
                    raise ValueError(f"{slot!r} is no subject, noun or object slot")
            return self._slot(reference, attracted) if is_slot else self._fixed(reference, attracted)
        except ValueError as error:
            self.row.fail(self.column, f"{mark[0]!r}: {error}")

    def _slot(self, reference: Reference, attracted: bool) -> Part:
        """The function for a slot: `{s}`, `{v.present+o}`, `{a.more@s}`."""
        name, feature, agreement = reference.name, reference.feature, reference.agreement
        kind = self.kinds.get(name)
        if kind is None:
            raise ValueError(f"no slot {name!r} is declared")
        if kind == "verb":
            return self._verb(lambda values: values[name], reference, attracted)
        if kind in REFERENTS:
            return _portuguese_referent(name, feature) if self.column == "pt" else _english_referent(name, feature)
        if kind == "adjective":
            return self._adjective(name, feature, agreement)
        if kind == "number" and feature == "feminine" and self.column == "pt":  # "duas pessoas"
            return lambda values: values[name].pt_feminine
        if feature:
            raise ValueError(f"a {kind} slot has no feature {feature!r}")
        if self.column == "en":
            return lambda values: values[name].en
        if agreement:  # a number: "duas casas"
            return lambda values: values[name].pt_feminine if values[agreement].is_feminine else values[name].pt
        return lambda values: values[name].pt

    def _adjective(self, name: str, degree: str, agreement: str) -> Part:
        if degree not in ("", "more", "most", "superlative") or (degree == "superlative" and self.column == "en"):
            raise ValueError(f"{degree!r} is no form of an adjective: more, most, superlative (in pt)")
        if self.column == "en":
            return lambda values: values[name].en_form(degree)
        if not agreement:
            raise ValueError("a Portuguese adjective agrees with something: add @slot")
        if degree == "superlative":
            return lambda values: values[agreement].pt_superlative(values[name])
        return lambda values: values[name].pt_form(values[agreement].is_feminine, values[agreement].is_plural, degree)

    def _fixed(self, reference: Reference, attracted: bool) -> Part:
        """The function for a fixed word that inflects: `<ter.present@s>`, `<cansado@s>`."""
        word, agreement = reference.name, reference.agreement
        if reference.feature:
            verb = self._fixed_verb(word)
            return self._verb(lambda values: verb, reference, attracted)
        if self.column == "en" or not agreement:
            raise ValueError("write <word@slot> in pt, or <verb.form@slot>")
        if word in _PRONOUN_FORMS:
            forms = tuple(_PRONOUN_FORMS[word].split())
        else:
            feminine = portuguese.feminine(word)
            forms = (word, feminine, portuguese.plural(word), portuguese.plural(feminine))
            forms = next((a.pt for a in self.lexicon.adjectives if a.pt[0] == word), forms)
        return lambda values: forms[values[agreement].is_feminine + 2 * values[agreement].is_plural]

    def _fixed_verb(self, word: str) -> Verb:
        """A verb named in a template; the lexicon must hold it, for its irregular forms."""
        lemma = word.removesuffix("-se")
        for verb in self.lexicon.verbs:
            if self.column == "en" and verb.en == word:
                return Verb(word, "", False, "", {}, word, "", verb.en_irregular, (), "")
            if self.column == "pt" and verb.lemma == lemma:
                return Verb(word, lemma, lemma != word, "", verb.pt_irregular, "", "", {}, (), "")
        raise ValueError(f"the verb {word!r} is not in verbs.csv")

    def _verb(self, verb: Callable[[Values], Verb], reference: Reference, attracted: bool) -> Part:
        """The function for a verb's form. It agrees with slot s unless told otherwise; without one, with "ele"."""
        form, clitic = reference.feature, reference.clitic
        agreement = reference.agreement or ("s" if "s" in self.kinds else "")
        forms = portuguese.TENSES if self.column == "pt" else english.VERB_FORMS
        if form not in forms:
            raise ValueError(f"{form!r} is no form of a verb here: {', '.join(forms)}")
        if self.column == "en":
            return lambda values: verb(values).en_form(
                form, values[agreement].who if agreement else "he", values[clitic].him if clitic else ""
            )
        if form == "participle":  # it agrees with what is told: "as cartas escritas"
            return lambda values: _participle(verb(values), values[agreement])
        before = form == "personal_infinitive" or (attracted and form != "infinitive")
        if clitic:
            return lambda values: verb(values).pt_form(
                form, values[agreement].person if agreement else 2, values[clitic].clitic, before
            )
        if not agreement:
            return lambda values: verb(values).pt_form(form, 2, "", before)
        return lambda values: verb(values).pt_form(form, values[agreement].person, "", before)


def _participle(verb: Verb, referent: Pronoun | NounPhrase) -> str:
    form = verb.pt_form("participle", 2)
    if form.endswith("e"):  # "foram aceites"
        return form + "s" * referent.is_plural
    return form[:-1] + _PARTICIPLE_ENDINGS[referent.is_feminine + 2 * referent.is_plural]


def _portuguese_referent(name: str, feature: str) -> Part:
    """The function for a subject, noun or object in the Portuguese template."""
    if feature not in ("", "explicit", "full", "the", "a", "bare"):
        raise ValueError(f"{feature!r} is no feature here: explicit, full, the, a, bare")
    return lambda values: values[name].pt_text(feature)


def _english_referent(name: str, feature: str) -> Part:
    """The function for a subject, noun or object in the English template."""
    if feature in english.AUXILIARIES:
        forms = dict(zip(("I", "he", "they"), english.AUXILIARIES[feature], strict=True))
        forms["you"] = forms["they"]
        return lambda values: forms[values[name].who]

    def text(form: str) -> Part:
        return lambda values: values[name].en_text(form)

    special: dict[str, Part] = {
        "they": lambda values: values[name].they,
        "him": lambda values: values[name].him,
        "his": lambda values: values[name].his,
        "object": lambda values: values[name].en_object(),
        "owner": lambda values: values[name].en_owner(),
        "place": lambda values: values[name].en_place(),
        **{form: text(form) for form in ("", "the", "a", "bare")},
    }
    if feature not in special:
        raise ValueError(f"{feature!r} is no feature here: {', '.join((*special, *english.AUXILIARIES))}")
    return special[feature]
