"""The phrasebook's words: nouns, verbs, adjectives and phrases, each in both languages and able to inflect itself."""

from dataclasses import dataclass, field

from fmkeras.translation.corpora.grammar import english, portuguese


@dataclass(frozen=True, eq=False)
class Noun:
    """A noun in both languages. `pt` and `en` hold (singular, plural); `pt_feminine` the same, or None."""

    key: str
    is_feminine: bool
    pt: tuple[str, str]
    pt_feminine: tuple[str, str] | None
    en: tuple[str, str]
    groups: tuple[str, ...]  # its semantic classes; the first is the main one
    kind: str  # count; mass: no plural; plural: no singular; name: no article; named: article in Portuguese only
    en_place: str  # in the park, at the station, on the beach


@dataclass(frozen=True, eq=False)
class Verb:
    """A verb in both languages with what follows it: "gostar de" / "like", "tomar banho" / "have a bath"."""

    key: str
    lemma: str
    is_reflexive: bool
    pt_tail: str
    pt_irregular: portuguese.Irregular
    en: str
    en_tail: str
    en_irregular: dict[str, str]
    groups: tuple[str, ...]
    object: str  # the classes of nouns that it takes, with options, as in a pattern's slot; empty: none
    _forms: dict[tuple, str] = field(default_factory=dict, repr=False)

    def pt_form(self, tense: str, person: int, clitic: str = "", before: bool = False) -> str:
        """The conjugated verb with its tail.

        Args:
            tense: one of portuguese.TENSES.
            person: 0 eu, 1 tu, 2 ele, 3 nós, 4 eles.
            clitic: an object pronoun; a reflexive verb brings its own.
            before: the clitic stands before the verb (after "não", "que", ...).
        """
        key = tense, person, clitic, before
        if key not in self._forms:
            self._forms[key] = self._pt_form(*key)
        return self._forms[key]

    def _pt_form(self, tense: str, person: int, clitic: str, before: bool) -> str:
        clitic = clitic or (portuguese.REFLEXIVE[person] if self.is_reflexive else "")
        if tense in portuguese.COMPOUND:
            auxiliary, auxiliary_tense, link, rest = portuguese.COMPOUND[tense]
            head = portuguese.conjugate(auxiliary, auxiliary_tense, portuguese.AUXILIARIES[auxiliary])[person]
            if rest == "participle":  # "tenho-me levantado", "não me tenho levantado"
                verb = _place(head, clitic, before) + " " + portuguese.participle(self.lemma, self.pt_irregular)
            else:  # "vou levantar-me", "não estou a levantar-me"
                verb = f"{head} {link} {portuguese.attach(self.lemma, clitic)}"
        elif tense == "participle":
            verb = portuguese.participle(self.lemma, self.pt_irregular)
        elif tense == "infinitive":
            verb = _place(self.lemma, clitic, before)
        else:
            form = portuguese.conjugate(self.lemma, tense, self.pt_irregular)[person]
            endings = {"future": portuguese.FUTURE, "conditional": portuguese.CONDITIONAL}.get(tense)
            if endings and clitic and not before:
                verb = portuguese.mesoclisis(form, clitic, endings, person)
            else:
                verb = _place(form, clitic, before)
        return " ".join(f"{verb} {self.pt_tail}".split())

    def en_form(self, form: str, who: str, pronoun: str = "") -> str:
        """The English form ("base", "present", "past", "participle", "ing") with its tail, and perhaps an object.

        Args:
            who: "I", "you", "he" or "they".
            pronoun: an object pronoun; it stands before a particle ("try it on"), behind a preposition ("look for it").
        """
        key = form, who, pronoun
        if key not in self._forms:
            head = english.verb_form(self.en, form, who, self.en_irregular)
            rest = (pronoun, self.en_tail) if self.en_tail in english.PARTICLES else (self.en_tail, pronoun)
            self._forms[key] = " ".join(filter(None, (head, *rest)))
        return self._forms[key]


def _place(form: str, clitic: str, before: bool) -> str:
    return f"{clitic} {form}" if clitic and before else portuguese.attach(form, clitic)


@dataclass(frozen=True, eq=False)
class Adjective:
    """An adjective in both languages. `pt` holds masculine, feminine, masculine plural, feminine plural."""

    key: str
    pt: tuple[str, str, str, str]
    pt_comparative: tuple[str, str, str, str] | None  # maior, melhor; None: "mais" before it
    en: str
    en_irregular: str
    copula: str  # ser: what it is; estar: how it is now; state: likewise, but without degrees; none: of what kind
    stands_before: bool  # "um bom livro"
    groups: tuple[str, ...]  # the classes of nouns that it goes with

    def pt_form(self, is_feminine: bool, is_plural: bool, degree: str = "") -> str:
        """The form that agrees; with a degree, the comparative: "alta", "mais alta", "maior"."""
        index = int(is_feminine) + 2 * int(is_plural)
        if not degree:
            return self.pt[index]
        return self.pt_comparative[index] if self.pt_comparative else f"mais {self.pt[index]}"

    def en_form(self, degree: str = "") -> str:
        """The English adjective, in a degree if one is given: "tall", "taller"."""
        return english.compare(self.en, degree, self.en_irregular) if degree else self.en


@dataclass(frozen=True, eq=False)
class Phrase:
    """Words that do not inflect: an adverb, a time, a turn of speech."""

    key: str
    groups: tuple[str, ...]
    pt: str
    en: str


Word = Noun | Verb | Adjective | Phrase
