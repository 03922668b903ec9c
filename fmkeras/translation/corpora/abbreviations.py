"""Words that end in a full stop which ends no sentence, by language; and words that a sentence often begins with."""

import functools
from typing import NamedTuple

# Never last in a sentence: titles before a name, "e.g.", a street before its name.
_INSIDE = {
    "en": "mr mrs ms messrs dr prof gen gov sen rep rev hon lt col sgt capt cmdr maj pres vs cf viz e.g i.e",
    "de": "dr prof hr fr frl bzw ca vgl z.b d.h u.a.m i.d.r o.ä sog st inkl exkl geb gest ggf evtl zzgl dipl ing h.c",
    "fr": "m mm mme mmes mlle dr pr mgr st ste av bd boul p.ex c.-à-d cf env éd",
    "es": "sr sra srta sres dr dra d dña prof lic ing ud uds av avda cf p.ej aprox gral cnel sto sta mons excmo depto",
    "pt": "sr sra srs srta dr dra d dona prof profa eng av r al pça tv trav rod jd exmo exma sto sta p.ex i.e aprox "
    "dep gen cel ten sgt",
    "it": "sig sigg sig.ra dott dott.ssa prof avv ing mons p.es ca v.le c.so",
    "nl": "dhr mevr dr prof drs ir ing bijv d.w.z m.b.t i.p.v t.a.v ca nl",
    "ru": "т.е т.к т.н г г-н г-жа им ул пр просп пер пл наб д корп кв проф акад доц тов ок напр см ср св б р",
    "uk": "т.зв ім вул просп пров пл буд кв проф акад див напр м р бл",
    "el": "κ κα κος π.χ δηλ βλ πρβλ αγ καθ δρ οδ",
    "hi": "डॉ श्री सुश्री प्रो पं कु स्व मो न्या",
    "ar": "د أ م ا",
}
# Not last where a number follows: "p. 5", "No. 7", "art. 12".
_BEFORE_NUMBER = {
    "en": "no nos nr vol p pp ch chap sec sect fig figs eq art para approx est ca c v ver tel ext jan feb mar apr jun "
    "jul aug sept sep oct nov dec pt pl op fl bk app cl rm dept",
    "de": "nr nrn s bd abs art abb tab kap zi ziff tel str jg hrsg vers mind max rd std",
    "fr": "n no nos p pp vol chap art fig tél t sect al env réf app",
    "es": "n no núm núms nº p pp pág págs vol cap art arts fig tel tfno ref aprox apdo t ej",
    "pt": "n nº no p pp pág págs pag vol cap art arts fig figs tel ref aprox inc fl fls séc ed apto cx km",
    "it": "n pag pagg p pp vol cap art fig tel ca",
    "nl": "nr blz p pag art hfst fig tel ca vol",
    "ru": "стр с рис табл гл п пп ст т тел ок разд вып ч № д кв корп прим",
    "uk": "стор с рис табл гл п ст т тел бл розд",
    "el": "σελ αρ αριθ κεφ τομ εικ άρθρ παρ τηλ περ",
    "hi": "पृ सं क्र रु नं अ ई",
    "ar": "ص ج رقم ت م ق",
}
# Before a name, or last: "St. Louis", "on Main St. It is long".
_BEFORE_NAME = {"en": "st mt ft"}
# Last in a sentence or within it: a capital tells.
_FINAL = {
    "en": "etc al a.m p.m b.c a.d",
    "de": "usw etc u.a o.a u.s.w v.chr n.chr str",
    "fr": "etc j.-c",
    "es": "etc a.c d.c a.m p.m s.a ee.uu uu jr",
    "pt": "etc a.c d.c s.a ltda jr cia",
    "it": "ecc etc a.c d.c s.p.a",
    "nl": "enz etc e.d",
    "ru": "т.д т.п др пр гг вв руб коп н.э тыс млн млрд",
    "uk": "т.д т.п ін рр грн тис млн млрд н.е",
    "el": "κ.λπ κλπ κ.ά κ.τ.λ μ.μ π.μ",
    "hi": "",
    "ar": "إلخ",
}
# What a sentence begins with and a name does not: "in the U.S. He left", but "the U.S. Army".
_STARTERS = {
    "en": "the he she it we they you i this that these those there then but and so if when what who where why how my "
    "his her our their its not please after before",
    "de": "der die das er sie es wir ihr ich dann aber und wenn was wer wo warum wie mein sein ein eine dies diese",
    "fr": "le la les il elle on nous vous ils elles je ce cette ces puis mais et si quand que qui où pourquoi un une",
    "es": "el la los las él ella yo nosotros ellos esto este esta entonces pero y si cuando qué quién dónde un una",
    "pt": "o a os as ele ela eu nós eles isto este esta então mas e se quando que quem onde um uma depois",
    "it": "il lo la i gli le lui lei io noi loro questo poi ma e se quando che chi dove un una",
    "nl": "de het een hij zij ze wij we ik dit dat dan maar en als wat wie waar",
    "ru": "он она они мы вы я это потом но и если когда что кто где в на затем",
    "uk": "він вона вони ми ви я це потім але і якщо коли що хто де",
    "el": "ο η το οι τα αυτός αυτή εγώ εμείς μετά αλλά και αν όταν τι ποιος πού",
}
# In front of an ordinal number, in languages that write one with a full stop: "am 3. Oktober", "der 1. Weltkrieg".
_ORDINAL = {
    "de": "der die das dem den des am im vom zum zur beim ab seit bis jeder jeden jedes und oder mein sein ihr",
    "nb": "den det de",
    "da": "den det de",
    "cs": "dne od do",
    "fi": "",
    "hu": "a az",
}
_LATIN = ("en", "de", "fr", "es", "pt", "it", "nl")


class Words(NamedTuple):
    """The words of one language, lower-case, without their last full stop and without spaces: "z.b"."""

    inside: frozenset[str]
    before_number: frozenset[str]
    before_name: frozenset[str]
    final: frozenset[str]
    starters: frozenset[str]
    ordinal: frozenset[str]


@functools.cache
def words(code: str) -> Words:
    """The words of the language with this code; without one, those of all languages with Latin letters.

    English words stand in texts of other scripts, too: "Dr. Smithは来た。"
    """
    tables = (_INSIDE, _BEFORE_NUMBER, _BEFORE_NAME, _FINAL, _STARTERS, _ORDINAL)
    codes = (code,) if code in _LATIN else (code, "en") if code else _LATIN
    return Words(*(frozenset(word for c in codes for word in table.get(c, "").split()) for table in tables))
