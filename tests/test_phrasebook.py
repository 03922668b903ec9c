"""The bundled corpus: its files, its grammar in whole sentences, its splits and its determinism."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from fmkeras import InputError
from fmkeras.translation.corpora import phrasebook
from fmkeras.translation.corpora.grammar import lexicon, patterns, referents
from fmkeras.translation.corpora.grammar.slots import Slots

FOLDER = phrasebook._bundled()
ROOT = FOLDER.parents[1]


@pytest.fixture(scope="module")
def whole():
    return phrasebook.load()


@pytest.fixture(scope="module")
def corpus(whole):
    """The generated part; tests/test_written.py is about the other."""
    return whole[whole.pattern != phrasebook.WRITTEN]


@pytest.fixture(scope="module")
def words():
    return lexicon.read(FOLDER)


@pytest.fixture(scope="module")
def dealt(words):
    """What `load()` deals before it splits: sentences with the words that fill them."""
    dealer = phrasebook._Dealer(patterns.read(FOLDER, words), Random(0), 0)
    return dealer.deal(38_500) + dealer.aside


def digest(table) -> str:
    return hashlib.sha256(table.to_csv(index=False, lineterminator="\n").encode()).hexdigest()


# What the issue asks for in numbers.


def test_sizes(corpus):
    assert list(corpus.columns) == ["pt", "en", "pattern", "register", "split", "part"]
    assert corpus.groupby(["split", "part"]).size().to_dict() == {
        ("train", ""): 18_500,
        ("validation", ""): 500,
        ("test", "new"): 500,
        ("test", "unseen"): 500,
    }


def test_lexicon_is_large_enough(words, corpus):
    assert len(words.words) >= 4_000
    assert len(patterns.read(FOLDER, words)) >= 150
    assert (corpus.pattern == phrasebook.FIXED).sum() >= 400


def test_sentences_are_3_to_25_words_long(corpus):
    for column in ("pt", "en"):
        lengths = corpus[column].str.split().str.len()
        assert lengths.min() >= 3 and lengths.max() <= 25


def test_sentences_look_like_sentences(corpus):
    for column in ("pt", "en"):
        text = corpus[column]
        assert text.str.match(r"^[A-ZÀ-Ú\d].*[.!?]$").all()
        assert not text.str.contains(r"[{}<>@|]|  | [,.?!]").any()


def test_all_registers_are_there(corpus):
    assert corpus.register.value_counts().min() > 1_500
    assert set(corpus.register) == set(patterns.REGISTERS)


def test_no_portuguese_sentence_has_two_english_ones(corpus):
    assert corpus.pt.is_unique
    assert corpus.pt.str.lower().is_unique


# The splits.


@pytest.mark.parametrize(("size", "seed"), [(20_000, 0), (2_000, 3), (400, 1)])
def test_no_leakage(size, seed):
    table = phrasebook.load(size, seed)
    assert (table.pattern != phrasebook.WRITTEN).sum() == size
    for column in ("pt", "en"):
        train = set(table[table.split == "train"][column])
        held_out = table[table.split != "train"][column]
        assert not train & set(held_out)
    assert (table[table.split == "test"].pattern != phrasebook.FIXED).all()


def test_unseen_combinations_are_unseen(words):
    """Each unseen sentence has a word and a pattern that train and validation hold, but never together."""
    table = phrasebook.load(6_000, 5)
    dealer = phrasebook._Dealer(patterns.read(FOLDER, words), Random(0), 5)
    told = {s.pt: s.words for s in _dealt_again(6_000, 5)}
    table = table[table.pattern != phrasebook.WRITTEN]
    known = table[table.split != "test"]
    combinations = {(p, w) for p, pt in zip(known.pattern, known.pt, strict=True) for w in told[pt]}
    known_words = {w for _, w in combinations}
    unseen = table[table.part == "unseen"]
    assert len(unseen) == 150
    for pattern, pt in zip(unseen.pattern, unseen.pt, strict=True):
        held = [w for w in told[pt] if dealer.held(pattern, w)]
        assert held and all((pattern, w) not in combinations for w in held)
        assert pattern in set(known.pattern) and known_words.issuperset(held)
    new = table[table.part == "new"]
    assert not any(dealer.held(p, w) for p, pt in zip(new.pattern, new.pt, strict=True) for w in told[pt])


def _dealt_again(size, seed):
    """All sentences that `load` makes, with their words: it is told to remember them."""
    made = []
    original = phrasebook._Sentence
    try:
        phrasebook._Sentence = lambda *fields: made.append(original(*fields)) or made[-1]
        phrasebook.load(size, seed)
    finally:
        phrasebook._Sentence = original
    return made


def test_small_sizes_are_refused():
    with pytest.raises(InputError, match="at least 400"):
        phrasebook.load(100)


# Determinism.


@pytest.mark.slow
def test_same_bytes_in_every_process(whole):
    code = (
        "import hashlib; from fmkeras.translation.corpora import phrasebook as p;"
        "print(hashlib.sha256(p.load().to_csv(index=False, lineterminator='\\n').encode()).hexdigest())"
    )
    for seed in ("0", "12345"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=FOLDER.parents[1], check=True, timeout=600
        )
        assert done.stdout.strip() == digest(whole)


def test_another_seed_is_another_sample(corpus):
    other = phrasebook.load(2_000, 1)
    assert digest(other) == digest(phrasebook.load(2_000, 1)) != digest(phrasebook.load(2_000, 2))
    own = (phrasebook.FIXED, phrasebook.WRITTEN)  # which every sample has
    assert len(set(other.pt) & set(corpus[~corpus.pattern.isin(own)].pt)) < 200


# Coverage.


def test_every_pattern_is_used(words, dealt):
    used = Counter(sentence.pattern for sentence in dealt)
    assert set(used) == {pattern.id for pattern in patterns.read(FOLDER, words)}
    assert min(used.values()) >= 30


def test_nearly_every_word_is_used(words, dealt):
    used = Counter(word for sentence in dealt for word in sentence.words)
    free = {word for word in words.words if word.groups != ("general",)}  # general verbs stand in templates
    for few, times, group in ((0.05, 10, free - words.rare), (0.2, 1, free & words.rare)):
        missing = [word.key for word in group if used[word.key] < times]
        assert len(missing) <= few * len(group), missing


# Agreement, in whole phrases.


def phrase(words, pt, determiner, is_plural=False, adjective=None, is_feminine=None):
    noun = next(noun for noun in words.nouns if noun.pt[0] == pt)
    described = next((a for a in words.adjectives if a.pt[0] == adjective), None)
    feminine = noun.is_feminine if is_feminine is None else is_feminine
    made = referents.NounPhrase(noun, is_plural, feminine, determiner, described)
    return made.pt_text(""), made.en_text("")


def test_agreement(words):
    the, a, own = referents.THE, referents.A, referents.OWN
    this, _, that = referents.THESE
    expected = [
        (("casa", the, False, "branco"), ("a casa branca", "the white house")),
        (("casa", the, True, "azul"), ("as casas azuis", "the blue houses")),
        (("problema", a, False, "difícil"), ("um problema difícil", "a difficult problem")),
        (("problema", this, True, "difícil"), ("estes problemas difíceis", "these difficult problems")),
        (("mão", own[0], True), ("as minhas mãos", "my hands")),
        (("pão", own[3], False), ("o pão dele", "his bread")),
        (("livro", that, True, "bom"), ("aqueles bons livros", "those good books")),
        (("ideia", a, False, "bom"), ("uma boa ideia", "a good idea")),
        (("ideia", own[2], True, "mau"), ("as nossas más ideias", "our bad ideas")),
        (("calças", this, True, "preto"), ("estas calças pretas", "these black trousers")),
        (("professor", the, True, "inglês", True), ("as professoras inglesas", "the English teachers")),
        (("professor", the, False, "espanhol", True), ("a professora espanhola", "the Spanish teacher")),
        (("cientista", the, False, "trabalhador", True), ("a cientista trabalhadora", "the hard-working scientist")),
        (("juiz", the, True, None, False), ("os juízes", "the judges")),
        (("cão", own[5], True, "velho"), ("os cães velhos deles", "their old dogs")),
        (("pastel de nata", a, True), ("uns pastéis de nata", "some custard tarts")),
        (("máquina de lavar", the, True), ("as máquinas de lavar", "the washing machines")),
    ]
    for (noun, determiner, is_plural, *more), texts in expected:
        assert phrase(words, noun, determiner, is_plural, *more) == texts


def sentence(words, slots, pt, en, choose):
    """One sentence of a pattern written here, in which `choose` says which words fill the slots."""
    cells = {"id": "x", "register": "everyday", "weight": "", "slots": slots, "pt": pt, "en": en}
    made = patterns._pattern(lexicon.Row("here", 1, cells), Slots(words), words)
    for seed in range(200_000):
        result = made.realise(Random(seed))
        if choose in result[0]:
            return result[:2]
    raise AssertionError(f"no sentence with {choose!r}")


@pytest.mark.parametrize(
    ("slots", "pt", "en", "expected"),
    [
        (
            "s=subject tu; v=verb self",
            "não {v.subjunctive@s}!",
            "don't {v.base}!",
            ("Não te levantes!", "Don't get up!"),
        ),
        (
            "s=subject pronoun; v=verb self",
            "{s} {v.present} agora.",
            "{s} {v.present} now.",
            ("Levantamo-nos agora.", "We get up now."),
        ),
        (
            "s=subject pronoun; v=verb self",
            "embora {s.explicit} {v.subjunctive} cedo",
            "although {s} {v.present} early",
            ("Embora eu me levante cedo", "Although I get up early"),
        ),
        (
            "s=subject pronoun; o=noun clothes the plain",
            "{s} vai <comprar.infinitive+o>: {o}.",
            "{s} {s.be} going to buy {o.him}: {o}.",
            ("Ela vai comprá-las: as camisas.", "She is going to buy them: the shirts."),
        ),
        (
            "s=subject pronoun; o=noun clothes the plain",
            "{s} <comprar.preterite+o>: {o}.",
            "{s} bought {o.him}: {o}.",
            ("Eles compraram-no: o casaco.", "They bought it: the coat."),
        ),
        (
            "s=subject pronoun; v=verb self",
            "{s} <levantar-se.perfect> cedo.",
            "{s} {s.have} been getting up early; {v.base}.",
            None,
        ),
        (
            "o=noun building|place the plain; p=noun name",
            "o dono de {o} fala a {p} em {o}.",
            "the owner of {o} talks to {p} in {o}.",
            (
                "O dono das escolas fala à Maria nas escolas.",
                "The owner of the schools talks to Maria in the schools.",
            ),
        ),
        (
            "s=subject; a=adjective people ser",
            "{s} <ser.present> {a.more@s}.",
            "{s} {s.be} {a.more}.",
            ("A Ana é mais alta.", "Ana is taller."),
        ),
        (
            "o=noun art the plain; a=adjective for o ser",
            "{o} <ser.present@o> {a.more@o}.",
            "{o} {o.be} {a.more}.",
            ("Os filmes são melhores.", "The films are better."),
        ),
        (
            "n=noun region plain; a=adjective for n ser",
            "<este@n> <ser.present@n> {a.superlative@n}.",
            "this {n.be} the {a.most} {n.bare}.",
            ("Esta é a maior cidade.", "This is the biggest city."),
        ),
        (
            "n=noun region plain; a=adjective for n ser",
            "<este@n> <ser.present@n> {a.superlative@n}.",
            "this {n.be} the {a.most} {n.bare}.",
            ("Este é o país mais bonito.", "This is the most beautiful country."),
        ),
        (
            "v=verb once; o=object of v",
            "{o} <ser.preterite@o> {v.participle@o}.",
            "{o} {o.was} {v.participle}.",
            ("As propostas foram aceites.", "The proposals were accepted."),
        ),
        (
            "v=verb once; o=object of v",
            "{o} <ser.preterite@o> {v.participle@o}.",
            "{o} {o.was} {v.participle}.",
            ("As portas foram abertas.", "The doors were opened."),
        ),
    ],
)
def test_grammar_in_sentences(words, slots, pt, en, expected):
    if expected is None:  # a slot that the Portuguese never names
        with pytest.raises(InputError, match="declared and never used"):
            sentence(words, slots, pt, en, "x")
        return
    assert sentence(words, slots, pt, en, expected[0]) == expected


def test_clitics_of_compound_tenses(words):
    verb = next(verb for verb in words.verbs if verb.lemma == "levantar" and verb.is_reflexive)
    assert verb.pt_form("perfect", 0) == "tenho-me levantado"
    assert verb.pt_form("perfect", 3) == "temo-nos levantado"
    assert verb.pt_form("perfect", 0, before=True) == "me tenho levantado"
    assert verb.pt_form("going", 1) == "vais levantar-te"
    assert verb.pt_form("progressive", 4, before=True) == "estão a levantar-se"
    assert verb.pt_form("future", 2) == "levantar-se-á"
    assert verb.pt_form("future", 2, before=True) == "se levantará"


def test_english_pronouns_beside_particles_and_prepositions(words):
    forms = {  # the first of each
        verb.lemma: verb for verb in reversed(words.verbs) if verb.object
    }
    assert forms["experimentar"].en_form("past", "he", "it") == "tried it on"
    assert forms["procurar"].en_form("past", "he", "it") == "looked for it"
    assert forms["comer"].en_form("present", "he", "them") == "eats them"


def times_of_day(is_sentence):
    times = [referents.draw_time(Random(seed), is_sentence) for seed in range(3000)]
    return {time.pt: time.en for time in times}


def test_times_of_day():
    times = times_of_day(False)
    assert times["às três e meia"] == "at half past three"
    assert times["à uma"] == "at one o'clock"
    assert times["às nove e um quarto"] == "at a quarter past nine"
    assert times["às oito menos um quarto"] == "at a quarter to eight"
    assert times["às duas menos dez"] == "at ten to two"
    assert times["ao meio-dia"] == "at noon"
    assert times["à meia-noite"] == "at midnight"
    times = times_of_day(True)
    assert times["são sete e vinte"] == "it is twenty past seven"
    assert times["é uma e meia"] == "it is half past one"


# Mistakes in the files.


def row_of(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("name", "line", "column", "problem"),
    [
        ("nouns.csv", "mesa,x,,,table,,furniture,,", "gender", "'x' is not one of m, f"),
        ("nouns.csv", "mesa,f,,,,,furniture,,", "en", "empty"),
        ("nouns.csv", "mesa,f,,,table,,furniture,heavy,", "kind", "'heavy' is not one of"),
        ("nouns.csv", "mesa,f,,,table,,furniture,,under", "en_place", "'under' is not one of"),
        ("nouns.csv", "mesa,f,,mesa,table,,furniture,,", "pt_feminine", "only a masculine noun"),
        ("nouns.csv", "gato,m,,,cat,,animal,,", "pt", "stands above already"),
        ("nouns.csv", "mesa,f,,,table", "en_plural", "5 cells, not 9"),
        ("verbs.csv", "comida,eat,act,food,,,", "pt", "no infinitive"),
        ("verbs.csv", "trincar,bite,act,stones,,,", "object", "'stones' is no class"),
        ("irregular_verbs.csv", "ser,aorist,a,b,c,d,e", "tense", "'aorist' is not one of"),
        ("irregular_verbs.csv", "ser,present,sou,és,é,,são", "nós", "empty"),
        ("adjectives.csv", "duro,,,,hard,,be,,food", "copula", "'be' is not one of"),
        ("adjectives.csv", "duro,,,,hard,,ser,,stones", "for", "'stones' is no class"),
        ("phrases.csv", "past,,yesterday", "pt", "empty"),
        ("sentences.csv", "formal,Bom dia a todos.,Good morning everyone.", "register", "'formal' is not one of"),
        ("sentences.csv", "everyday,Bom dia.,Good morning to you.", "pt", "2 words, not 3 to 25"),
        ("patterns.csv", "new,talk,,s=person,{s} come.,{s} eats.", "slots", "'person' is no kind of slot"),
        ("patterns.csv", "new,talk,,s=subject tall,{s} come.,{s} eats.", "slots", "'tall' is no option"),
        ("patterns.csv", "new,talk,,o=noun stones,{o} cai.,{o} falls.", "slots", "'stones' is no class"),
        ("patterns.csv", "new,talk,,s=subject,{s} <comer.aorist>.,{s} eats.", "pt", "'aorist' is no form"),
        ("patterns.csv", "new,talk,,s=subject,{s} <comer.present>.,{s} {t}.", "en", "no slot 't'"),
        ("patterns.csv", "new,talk,,s=subject,{s} <comer.present.,{s} eats.", "pt", "not closed"),
        ("patterns.csv", "new,talk,,s=subject,{s} <zarpar.present>.,{s} eats.", "pt", "'zarpar' is not in verbs.csv"),
        ("patterns.csv", "new,talk,,s=subject;a=adjective for s ser,{s} é {a}.,{s} is {a}.", "pt", "add @slot"),
        ("patterns.csv", "new,talk,often,s=subject,{s} come.,{s} eats.", "weight", "not a whole number"),
        ("patterns.csv", "habit,talk,,s=subject,{s} come.,{s} eats.", "id", "taken"),
    ],
)
def test_a_broken_row_is_named(tmp_path, name, line, column, problem):
    folder = tmp_path / "phrasebook"
    shutil.copytree(FOLDER, folder)
    lines = row_of(name)
    number = len(lines) + 1
    (folder / name).write_text("\n".join([*lines, line]) + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        phrasebook.load(400, folder=folder)
    message = str(caught.value)
    assert f"{name}, line {number}, column {column}: " in message and problem in message
    assert "\n" not in message


def test_a_wrong_header_is_named(tmp_path):
    folder = tmp_path / "phrasebook"
    shutil.copytree(FOLDER, folder)
    (folder / "phrases.csv").write_text("class;pt;en\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"phrases\.csv, line 1: the columns must be class,pt,en"):
        phrasebook.load(400, folder=folder)


def test_a_missing_file_is_named(tmp_path):
    folder = tmp_path / "phrasebook"
    shutil.copytree(FOLDER, folder)
    (folder / "nouns.csv").unlink()
    with pytest.raises(InputError, match=r"nouns\.csv cannot be read"):
        phrasebook.load(400, folder=folder)


def test_files_are_plain_utf8_without_carriage_returns():
    for path in FOLDER.glob("*.csv"):
        assert b"\r" not in path.read_bytes() and not path.read_bytes().startswith(b"\xef\xbb\xbf")


# The command line.


def test_show(capsys):
    phrasebook.main(["--show", "3", "--size", "2000", "--split", "test"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all("test" in line for line in lines[1::2])


def test_show_refuses_nonsense():
    for arguments in (["--show", "0"], ["--size", "x"], ["--split", "all"]):
        with pytest.raises(InputError):
            phrasebook.main(arguments)


def test_import_is_light():
    code = "import sys; from fmkeras.translation.corpora import phrasebook\n"
    code += "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=FOLDER.parents[1], check=True, timeout=600
    )
    assert done.stdout.split() == ["False", "False"]


# The words of `rare/`.


def test_every_adjective_slot_can_be_filled(words):
    """No noun that a pattern may take is without an adjective for the pattern's adjective slot."""
    decks = Slots(words)
    for row in lexicon.rows(FOLDER / "patterns.csv", ("id", "register", "weight", "slots", "pt", "en")):
        declared = dict(part.strip().split("=", 1) for part in row["slots"].split(";") if "=" in part)
        for kind, *options in (spec.split() for spec in declared.values()):
            if (kind, options[:1]) != ("adjective", ["for"]):
                continue
            classes = _classes(declared, declared[options[1]].split(), words)
            for noun in words.nouns:
                if classes.intersection(noun.groups):
                    assert decks.adjective_deck(noun.groups, options[2] if len(options) > 2 else ""), (row["id"], noun)


def _classes(declared, slot, words):
    """The classes of nouns that may fill a slot."""
    if slot[0] == "noun":
        return set(slot[1].split("|"))
    if slot[0] == "subject":
        return {"profession", "people", "family", "name"}
    wanted = set(declared[slot[2]].split()[1].split("|"))  # object of v
    objects = [verb.object for verb in words.verbs if verb.object and wanted.intersection(verb.groups)]
    return {group for declaration in objects for group in declaration.split()[0].split("|")}


def test_common_words_come_more_often_than_rare_ones(words, dealt):
    used = Counter(word for sentence in dealt for word in sentence.words)
    common = [used[word.key] for word in words.nouns if word not in words.rare]
    rare = [used[word.key] for word in words.nouns if word in words.rare]
    assert len(rare) > len(common) and sum(common) / len(common) > 4 * sum(rare) / len(rare)


def test_without_the_folder_of_rare_words_the_others_are_there(tmp_path, words):
    shutil.copytree(FOLDER, tmp_path / "p", ignore=shutil.ignore_patterns(lexicon.RARE, "patterns.csv"))
    common = lexicon.read(tmp_path / "p")
    assert not common.rare and len(common.words) == len(words.words) - len(words.rare) >= 1_300
