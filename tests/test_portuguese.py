"""Portuguese inflection against tables written by hand (checked with a grammar, not with the code)."""

import pytest

from fmkeras.translation.corpora import phrasebook
from fmkeras.translation.corpora.grammar import lexicon, portuguese


@pytest.fixture(scope="module")
def verbs():
    """lemma -> irregular forms, as the lexicon gives them."""
    return {verb.lemma: verb.pt_irregular for verb in lexicon.read(phrasebook._bundled()).verbs}


CONJUGATION = """
falar present falo falas fala falamos falam
falar preterite falei falaste falou falámos falaram
falar imperfect falava falavas falava falávamos falavam
falar future falarei falarás falará falaremos falarão
falar conditional falaria falarias falaria falaríamos falariam
falar subjunctive fale fales fale falemos falem
falar past_subjunctive falasse falasses falasse falássemos falassem
falar future_subjunctive falar falares falar falarmos falarem
falar personal_infinitive falar falares falar falarmos falarem
comer present como comes come comemos comem
comer preterite comi comeste comeu comemos comeram
comer imperfect comia comias comia comíamos comiam
comer subjunctive coma comas coma comamos comam
comer past_subjunctive comesse comesses comesse comêssemos comessem
partir present parto partes parte partimos partem
partir preterite parti partiste partiu partimos partiram
partir past_subjunctive partisse partisses partisse partíssemos partissem
ficar preterite fiquei ficaste ficou ficámos ficaram
ficar subjunctive fique fiques fique fiquemos fiquem
pagar preterite paguei pagaste pagou pagámos pagaram
começar preterite comecei começaste começou começámos começaram
começar subjunctive comece comeces comece comecemos comecem
conhecer present conheço conheces conhece conhecemos conhecem
conhecer subjunctive conheça conheças conheça conheçamos conheçam
proteger present protejo proteges protege protegemos protegem
seguir present sigo segues segue seguimos seguem
seguir subjunctive siga sigas siga sigamos sigam
passear present passeio passeias passeia passeamos passeiam
passear subjunctive passeie passeies passeie passeemos passeiem
conduzir present conduzo conduzes conduz conduzimos conduzem
conduzir subjunctive conduza conduzas conduza conduzamos conduzam
ir personal_infinitive ir ires ir irmos irem
construir present construo constróis constrói construímos constroem
construir preterite construí construíste construiu construímos construíram
construir past_subjunctive construísse construísses construísse construíssemos construíssem
ser present sou és é somos são
ser preterite fui foste foi fomos foram
ser imperfect era eras era éramos eram
ser future serei serás será seremos serão
ser subjunctive seja sejas seja sejamos sejam
ser past_subjunctive fosse fosses fosse fôssemos fossem
estar present estou estás está estamos estão
estar preterite estive estiveste esteve estivemos estiveram
estar imperfect estava estavas estava estávamos estavam
estar past_subjunctive estivesse estivesses estivesse estivéssemos estivessem
ter present tenho tens tem temos têm
ter preterite tive tiveste teve tivemos tiveram
ter imperfect tinha tinhas tinha tínhamos tinham
ter subjunctive tenha tenhas tenha tenhamos tenham
ter future_subjunctive tiver tiveres tiver tivermos tiverem
ir present vou vais vai vamos vão
ir imperfect ia ias ia íamos iam
ir subjunctive vá vás vá vamos vão
vir present venho vens vem vimos vêm
vir preterite vim vieste veio viemos vieram
vir past_subjunctive viesse viesses viesse viéssemos viessem
vir future_subjunctive vier vieres vier viermos vierem
ver present vejo vês vê vemos veem
ver preterite vi viste viu vimos viram
ver past_subjunctive visse visses visse víssemos vissem
fazer present faço fazes faz fazemos fazem
fazer preterite fiz fizeste fez fizemos fizeram
fazer future farei farás fará faremos farão
fazer conditional faria farias faria faríamos fariam
fazer subjunctive faça faças faça façamos façam
fazer future_subjunctive fizer fizeres fizer fizermos fizerem
dizer present digo dizes diz dizemos dizem
dizer preterite disse disseste disse dissemos disseram
dizer future direi dirás dirá diremos dirão
trazer present trago trazes traz trazemos trazem
trazer preterite trouxe trouxeste trouxe trouxemos trouxeram
trazer conditional traria trarias traria traríamos trariam
poder present posso podes pode podemos podem
poder preterite pude pudeste pôde pudemos puderam
poder past_subjunctive pudesse pudesses pudesse pudéssemos pudessem
querer present quero queres quer queremos querem
querer preterite quis quiseste quis quisemos quiseram
querer subjunctive queira queiras queira queiramos queiram
saber present sei sabes sabe sabemos sabem
saber preterite soube soubeste soube soubemos souberam
saber subjunctive saiba saibas saiba saibamos saibam
dar present dou dás dá damos dão
dar preterite dei deste deu demos deram
dar subjunctive dê dês dê demos deem
dar past_subjunctive desse desses desse déssemos dessem
pôr present ponho pões põe pomos põem
pôr preterite pus puseste pôs pusemos puseram
pôr imperfect punha punhas punha púnhamos punham
pôr future porei porás porá poremos porão
pôr subjunctive ponha ponhas ponha ponhamos ponham
ler present leio lês lê lemos leem
ler preterite li leste leu lemos leram
sair present saio sais sai saímos saem
sair preterite saí saíste saiu saímos saíram
sair imperfect saía saías saía saíamos saíam
sair subjunctive saia saias saia saiamos saiam
perder present perco perdes perde perdemos perdem
ouvir present ouço ouves ouve ouvimos ouvem
medir present meço medes mede medimos medem
dormir present durmo dormes dorme dormimos dormem
dormir subjunctive durma durmas durma durmamos durmam
preferir present prefiro preferes prefere preferimos preferem
fugir present fujo foges foge fugimos fogem
odiar present odeio odeias odeia odiamos odeiam
rir present rio ris ri rimos riem
doer present doo dóis dói doemos doem
""".strip().splitlines()


@pytest.mark.parametrize("line", CONJUGATION)
def test_conjugation(line, verbs):
    lemma, tense, *forms = line.split()
    assert portuguese.conjugate(lemma, tense, verbs.get(lemma)) == tuple(forms)


def test_imperative_speaks_to_tu(verbs):
    for lemma, form in {"fazer": "faz", "ler": "lê", "dizer": "diz", "comer": "come", "ser": "sê"}.items():
        assert portuguese.conjugate(lemma, "imperative", verbs.get(lemma))[1] == form


def test_participles(verbs):
    table = "falar falado comer comido partir partido fazer feito ver visto escrever escrito abrir aberto pôr posto "
    table += "vir vindo sair saído construir construído seguir seguido descobrir descoberto ler lido pagar pago"
    words = table.split()
    for lemma, form in zip(words[::2], words[1::2], strict=True):
        assert portuguese.participle(lemma, verbs.get(lemma)) == form


def test_plurals():
    table = "casa casas flor flores rapaz rapazes homem homens hotel hotéis animal animais azul azuis lençol lençóis "
    table += "funil funis fácil fáceis útil úteis telemóvel telemóveis estação estações inglês ingleses país países "
    table += "lápis lápis jovem jovens mês meses feliz felizes espanhol espanhóis jornal jornais avô avôs robô robôs"
    words = table.split()
    for word, plural in zip(words[::2], words[1::2], strict=True):
        assert portuguese.plural(word) == plural


def test_feminines():
    words = "alto alta inglês inglesa trabalhador trabalhadora feliz feliz grande grande alemão alemã europeu europeia"
    words = (words + " nenhum nenhuma azul azul jovem jovem cujo cuja").split()
    for word, feminine in zip(words[::2], words[1::2], strict=True):
        assert portuguese.feminine(word) == feminine


@pytest.mark.parametrize(
    ("apart", "joined"),
    [
        ("o carro de o João", "o carro do João"),
        ("em a casa de as irmãs", "na casa das irmãs"),
        ("gosto de ela e de este livro", "gosto dela e deste livro"),
        ("em um país, em uma rua", "num país, numa rua"),
        ("por o jardim e por as ruas", "pelo jardim e pelas ruas"),
        ("vou a o mercado, a a praia e a os correios", "vou ao mercado, à praia e aos correios"),
        ("voltei a aquela aldeia e a aqueles campos", "voltei àquela aldeia e àqueles campos"),
        ("penso em isto e em aquilo", "penso nisto e naquilo"),
        ("vem com mim", "vem comigo"),
        ("fica perto de aqui", "fica perto daqui"),
        ("de Portugal, em Lisboa, por favor", "de Portugal, em Lisboa, por favor"),
        ("o deserto de manhã", "o deserto de manhã"),
    ],
)
def test_contractions(apart, joined):
    assert portuguese.contract(apart) == joined


@pytest.mark.parametrize(
    ("form", "clitic", "joined"),
    [
        ("comprei", "o", "comprei-o"),
        ("comprar", "o", "comprá-lo"),
        ("comer", "as", "comê-las"),
        ("abrir", "a", "abri-la"),
        ("construir", "os", "construí-los"),
        ("pôr", "o", "pô-lo"),
        ("compraram", "o", "compraram-no"),
        ("dão", "as", "dão-nas"),
        ("põe", "a", "põe-na"),
        ("compras", "o", "compra-lo"),
        ("compramos", "os", "compramo-los"),
        ("fazes", "o", "faze-lo"),
        ("faz", "o", "fá-lo"),
        ("fez", "a", "fê-la"),
        ("fiz", "o", "fi-lo"),
        ("tens", "o", "tem-lo"),
        ("quer", "o", "quere-o"),
        ("viu", "me", "viu-me"),
        ("levantamos", "nos", "levantamo-nos"),
        ("lembrar", "se", "lembrar-se"),
        ("vimos", "vos", "vimos-vos"),
    ],
)
def test_enclisis(form, clitic, joined):
    assert portuguese.attach(form, clitic) == joined


def test_mesoclisis():
    assert portuguese.mesoclisis("comprarei", "o", portuguese.FUTURE, 0) == "comprá-lo-ei"
    assert portuguese.mesoclisis("levantará", "se", portuguese.FUTURE, 2) == "levantar-se-á"
    assert portuguese.mesoclisis("faríamos", "o", portuguese.CONDITIONAL, 3) == "fá-lo-íamos"


def test_what_draws_a_clitic_before_the_verb():
    assert portuguese.attracts("ela não ", False)
    assert portuguese.attracts("quero que ", False)
    assert not portuguese.attracts("quando chegou, ", False)
    assert not portuguese.attracts("não sei, mas ", False)
    assert not portuguese.attracts("ontem ", False)


@pytest.mark.parametrize(
    ("n", "is_feminine", "words"),
    [
        (1, True, "uma"),
        (2, False, "dois"),
        (16, False, "dezasseis"),
        (22, True, "vinte e duas"),
        (30, False, "trinta"),
        (99, False, "noventa e nove"),
        (100, True, "cem"),
        (101, True, "cento e uma"),
        (342, True, "trezentas e quarenta e duas"),
        (999, False, "novecentos e noventa e nove"),
    ],
)
def test_numbers(n, is_feminine, words):
    assert portuguese.number(n, is_feminine) == words


@pytest.mark.parametrize(
    "lemma, thou, they",
    [("construir", "construíres", "construírem"), ("sair", "saíres", "saírem"), ("seguir", "seguires", "seguirem")],
)
def test_a_stressed_i_in_hiatus_has_an_accent(lemma, thou, they):
    forms = portuguese.conjugate(lemma, "personal_infinitive", {})
    assert (forms[1], forms[4]) == (thou, they) and forms[0] == forms[2] == lemma
