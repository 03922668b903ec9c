"""European Portuguese inflection: verbs, plurals, feminines, contractions, clitic pronouns, numbers.

Regular forms follow from rules; irregular ones come from the lexicon (`data/phrasebook/*.csv`) as arguments. Persons
are counted 0 eu, 1 tu, 2 ele/ela/você, 3 nós, 4 eles/elas/vocês; "vós" is left out. Spelling: the 1990 agreement.
Reference: Celso Cunha and Lindley Cintra, "Nova Gramática do Português Contemporâneo" (1984).
"""

import re
from collections.abc import Mapping

Irregular = Mapping[str, tuple[str, ...]]  # tense -> its five forms (for the participle: the first)

ENDINGS = {
    ("present", "ar"): "o as a amos am",
    ("present", "er"): "o es e emos em",
    ("present", "ir"): "o es e imos em",
    ("preterite", "ar"): "ei aste ou ámos aram",
    ("preterite", "er"): "i este eu emos eram",
    ("preterite", "ir"): "i iste iu imos iram",
    ("imperfect", "ar"): "ava avas ava ávamos avam",
    ("imperfect", "er"): "ia ias ia íamos iam",
    ("imperfect", "ir"): "ia ias ia íamos iam",
    ("subjunctive", "ar"): "e es e emos em",
    ("subjunctive", "er"): "a as a amos am",
    ("subjunctive", "ir"): "a as a amos am",
}
FUTURE, CONDITIONAL = ("ei", "ás", "á", "emos", "ão"), ("ia", "ias", "ia", "íamos", "iam")
SIMPLE = (
    *("present", "preterite", "imperfect", "future", "conditional", "subjunctive"),
    *("past_subjunctive", "future_subjunctive", "personal_infinitive", "imperative"),
)
# A compound tense: the auxiliary, its tense, the word between, and the form of the verb proper.
COMPOUND = {
    "perfect": ("ter", "present", "", "participle"),
    "pluperfect": ("ter", "imperfect", "", "participle"),
    "progressive": ("estar", "present", "a", "infinitive"),
    "past_progressive": ("estar", "imperfect", "a", "infinitive"),
    "going": ("ir", "present", "", "infinitive"),
}
# The auxiliaries' own irregular forms, as irregular_verbs.csv gives them for the verbs proper.
AUXILIARIES: dict[str, Irregular] = {
    "ter": {
        "present": ("tenho", "tens", "tem", "temos", "têm"),
        "imperfect": ("tinha", "tinhas", "tinha", "tínhamos", "tinham"),
    },
    "estar": {"present": ("estou", "estás", "está", "estamos", "estão")},
    "ir": {"present": ("vou", "vais", "vai", "vamos", "vão")},
}
TENSES = (*SIMPLE, *COMPOUND, "infinitive", "participle")
REFLEXIVE = ("me", "te", "se", "nos", "se")

# Words after which a clitic stands before its verb ("não me lembro", "quero que o vejas").
ATTRACTORS = frozenset(
    "não nunca que quem onde quando como porque talvez embora se já ainda também só sempre todos ninguém nada "
    "enquanto quanto quantos quantas qual".split()
)
CLAUSE_ENDS = ("mas", "e")

_DETERMINERS = "o a os as ele ela eles elas este esta estes estas esse essa esses essas aquele aquela aqueles aquelas"
CONTRACTIONS = {("de", w): "d" + w for w in (_DETERMINERS + " isto isso aquilo aqui ali").split()}
CONTRACTIONS |= {("em", w): "n" + w for w in (_DETERMINERS + " um uma uns umas isto isso aquilo").split()}
CONTRACTIONS |= {("por", w): "pel" + w for w in "o a os as".split()}
CONTRACTIONS |= {("a", "o"): "ao", ("a", "os"): "aos", ("a", "a"): "à", ("a", "as"): "às", ("a", "aquilo"): "àquilo"}
CONTRACTIONS |= {("a", w): "à" + w[1:] for w in ("aquele", "aquela", "aqueles", "aquelas")}
CONTRACTIONS |= {("com", "mim"): "comigo", ("com", "ti"): "contigo", ("com", "nós"): "connosco"}
_PAIR = re.compile(r"\b(de|em|por|a|com) (\w+)")

UNITS = (
    "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezasseis dezassete "
    "dezoito dezanove"
).split()
TENS = "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa".split()


def contract(text: str) -> str:
    """Join prepositions with the articles and pronouns that follow: "em a casa de o João" -> "na casa do João"."""

    def join(match: re.Match) -> str:
        first, second = match.groups()
        return CONTRACTIONS.get((first, second), f"{first} {second}")

    return _PAIR.sub(join, text)


def attracts(text: str, attracted: bool) -> bool:
    """Whether a clitic would stand before the verb that follows this text.

    Args:
        attracted: the answer for the text before it.
    """
    for word in text.lower().split():
        if word.rstrip(",.;:?!") in ATTRACTORS:
            attracted = True
        if word[-1] in ",.;:?!" or word in CLAUSE_ENDS:
            attracted = False
    return attracted


def plural(word: str) -> str:
    """The regular plural of a noun or adjective: "hotel" -> "hotéis", "fácil" -> "fáceis", "estação" -> "estações"."""
    accented = any(letter in "áéíóúâêô" for letter in word)
    if word.endswith("ão"):
        return word[:-2] + "ões"
    if word.endswith("m"):
        return word[:-1] + "ns"
    if word.endswith(("r", "z")):
        return word + "es"
    if word.endswith("ês"):
        return word[:-2] + "eses"
    if word.endswith("ís"):  # país; lápis and ténis, stressed before, do not change
        return word + "es"
    if word.endswith("s"):
        return word
    if word.endswith("l"):
        stem, vowel = word[:-2], word[-2]
        if vowel == "i":
            return stem + ("eis" if accented else "is")
        if accented or vowel in "au":
            return stem + vowel + "is"
        return stem + {"e": "é", "o": "ó"}[vowel] + "is"
    return word + "s"


def feminine(word: str) -> str:
    """The regular feminine of an adjective or a person's noun: "alto" -> "alta", "inglês" -> "inglesa"."""
    for ending, replacement in (("um", "uma"), ("eu", "eia"), ("ês", "esa"), ("ão", "ã"), ("or", "ora"), ("o", "a")):
        if word.endswith(ending):
            return word[: -len(ending)] + replacement
    return word


def _respell(stem: str, kind: str, ending: str) -> str:
    """Join stem and ending so that the last consonant keeps its sound: "fic" + "e" -> "fique"."""
    if kind == "ar" and ending[0] in "eé":
        for old, new in (("c", "qu"), ("g", "gu"), ("ç", "c")):
            if stem.endswith(old):
                return stem[: -len(old)] + new + ending
    if kind != "ar" and ending[0] in "ao":
        for old, new in (("gu", "g"), ("c", "ç"), ("g", "j")):
            if stem.endswith(old):
                return stem[: -len(old)] + new + ending
    return stem + ending


def conjugate(lemma: str, tense: str, irregular: Irregular | None = None) -> tuple[str, ...]:
    """The five forms (eu, tu, ele, nós, eles) of one verb in one simple tense.

    Args:
        lemma: the infinitive, without "-se".
        tense: one of SIMPLE.
        irregular: the forms that no rule gives; other tenses are derived from them ("faço" -> "faça").
    """
    irregular = irregular or {}
    if tense in irregular:
        return irregular[tense]
    kind, stem = {"ô": "er"}.get(lemma[-2], lemma[-2:]), lemma[:-2]
    if tense == "future":
        return tuple(lemma.replace("ô", "o") + ending for ending in FUTURE)
    if tense == "conditional":
        return tuple(lemma.replace("ô", "o") + ending for ending in CONDITIONAL)
    if tense == "personal_infinitive":
        plain = lemma.replace("ô", "o")
        hiatus = lemma[-3:-2] in ("a", "u") and lemma[-4:-2] not in ("gu", "qu")  # construir, sair; not seguir
        stressed = plain[:-2] + "ír" if kind == "ir" and hiatus else plain
        return lemma, stressed + "es", lemma, plain + "mos", stressed + "em"
    if tense == "imperative":  # what is said to "tu"; the others take the subjunctive
        present, subjunctive = conjugate(lemma, "present", irregular), conjugate(lemma, "subjunctive", irregular)
        return subjunctive[0], present[2], subjunctive[2], subjunctive[3], subjunctive[4]
    if tense in ("past_subjunctive", "future_subjunctive"):
        return _from_preterite(lemma, tense, irregular)
    if tense == "subjunctive" and kind != "ar":  # built on "eu" of the present: tenho -> tenha
        base = conjugate(lemma, "present", irregular)[0][:-1]
        return tuple(base + ending for ending in ENDINGS[tense, kind].split())
    forms = [_respell(stem, kind, ending) for ending in ENDINGS[tense, kind].split()]
    if lemma.endswith("ear") and tense in ("present", "subjunctive"):  # passear: passeio, passeamos
        forms = [f if i == 3 else stem + "i" + f[len(stem) :] for i, f in enumerate(forms)]
    if lemma.endswith("uzir") and tense == "present":  # conduzir: ele conduz
        forms[2] = stem
    return tuple(forms)


def _from_preterite(lemma: str, tense: str, irregular: Irregular) -> tuple[str, ...]:
    """The two subjunctives built on "eles" of the preterite: tiveram -> tivesse, tiver."""
    they = conjugate(lemma, "preterite", irregular)[4]
    if tense == "future_subjunctive":
        stem = they[:-2]
        plain = stem.replace("í", "i")  # sair, saíres, sair, sairmos, saírem
        return plain, stem + "es", plain, plain + "mos", stem + "em"
    stem, vowel = they[:-4], they[-4]
    strong = "preterite" in irregular and vowel == "e"
    accent = "é" if strong else {"a": "á", "e": "ê", "i": "í", "í": "í", "o": "ô"}[vowel]
    return (*(stem + vowel + e for e in ("sse", "sses", "sse")), stem + accent + "ssemos", stem + vowel + "ssem")


def participle(lemma: str, irregular: Irregular | None = None) -> str:
    """The past participle, masculine singular: "comer" -> "comido", "fazer" -> "feito" (irregular)."""
    if irregular and "participle" in irregular:
        return irregular["participle"][0]
    if lemma.endswith(("air", "uir")) and not lemma.endswith("guir"):
        return lemma[:-2] + "ído"
    return lemma[:-2] + ("ado" if lemma.endswith("ar") else "ido")


def attach(form: str, clitic: str) -> str:
    """A verb form with a clitic behind it: "comprar", "o" -> "comprá-lo"; "viram", "a" -> "viram-na"."""
    if not clitic:
        return form
    if clitic in ("o", "a", "os", "as"):
        if form == "quer":
            return f"quere-{clitic}"
        if form[-1] in "rz":
            stem = form[:-1]
            hiatus = len(stem) > 1 and stem[-1] == "i" and stem[-2] in "au" and not stem.endswith("gui")
            accents = {"a": "á", "e": "ê", "o": "ô", "i": "í" if hiatus else "i"}
            return stem[:-1] + accents.get(stem[-1], stem[-1]) + f"-l{clitic}"
        if form[-1] == "s":
            stem = form[:-1]
            return (stem[:-1] + "m" if stem.endswith("n") else stem) + f"-l{clitic}"
        if form.endswith(("m", "ão", "õe")):
            return f"{form}-n{clitic}"
    if clitic == "nos" and form.endswith("mos"):
        form = form[:-1]
    return f"{form}-{clitic}"


def mesoclisis(form: str, clitic: str, endings: tuple[str, ...], person: int) -> str:
    """A future or conditional with its clitic inside: "comprarei", "o" -> "comprá-lo-ei"."""
    ending = endings[person]
    return f"{attach(form[: -len(ending)], clitic)}-{ending}"


def number(n: int, is_feminine: bool = False) -> str:
    """A whole number from 0 to 999 in words: 21, feminine -> "vinte e uma"."""
    if n >= 100:
        hundreds = (
            "cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos".split()
        )
        word = "cem" if n == 100 else hundreds[n // 100 - 1]
        if is_feminine and n >= 200:
            word = word[:-2] + "as"
        return word if n % 100 == 0 else f"{word} e {number(n % 100, is_feminine)}"
    if n >= 20:
        word = TENS[n // 10 - 2]
        return word if n % 10 == 0 else f"{word} e {number(n % 10, is_feminine)}"
    return {1: "uma", 2: "duas"}.get(n, UNITS[n]) if is_feminine else UNITS[n]
