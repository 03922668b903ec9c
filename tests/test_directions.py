"""Which column is the source: by what a file says of its languages and by what is asked for; else it is refused."""

import gzip
import json

import pytest

import fmkeras
from fmkeras.errors import InputError
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import formats
from fmkeras.translation.corpora.formats import Reading
from fmkeras.translation.corpora.languages import same
from fmkeras.translation.settings import Settings

TWO = [("Habari, rafiki.", "Hello, friend."), ("Nyumba iko wapi?", "Where is the house?"), ("Asante.", "Thank you.")]
PT_EN, SW_EN = {"source": "pt", "target": "en"}, {"source": "sw", "target": "en"}


def table(header: str, *rows: str, sign: str = "\t") -> str:
    return "".join(line.replace("|", sign) + "\n" for line in (header, *rows))


def rows(form: str) -> list[str]:
    """The pairs as lines of a form: "{en}|{sw}|note"."""
    return [form.format(sw=sw, en=en, n=n) for n, (sw, en) in enumerate(TWO)]


def tmx(first: str, second: str) -> str:
    unit = '<tu><tuv xml:lang="{}"><seg>{}</seg></tuv><tuv xml:lang="{}"><seg>{}</seg></tuv></tu>'
    return f"<tmx><body>{''.join(unit.format(first, en, second, sw) for sw, en in TWO)}</body></tmx>"


def xliff(first: str, second: str) -> str:
    unit = "<trans-unit><source>{}</source><target>{}</target></trans-unit>"
    units = "".join(unit.format(en, sw) for sw, en in TWO)
    return f'<xliff><file source-language="{first}" target-language="{second}"><body>{units}</body></file></xliff>'


def records(**names: str) -> str:
    return "".join(
        json.dumps({key: value.format(sw=sw, en=en) for key, value in names.items()}) + "\n" for sw, en in TWO
    )


# name, content, what is asked for
READ = [
    ("context.tsv", table("en|pt|context", *rows("{en}|{sw}|a menu")), PT_EN),
    ("key.tsv", table("key|en|pt", *rows("k{n}|{en}|{sw}")), PT_EN),
    ("domain.csv", table("en|pt|domain", *rows("{en}|{sw}|news"), sign=";"), PT_EN),
    ("named.tsv", table("en|pt|similarity", *rows("{en}|{sw}|0.{n}")), {"columns": "pt,en"}),
    ("unknown.tsv", table("en|sw", *rows("{en}|{sw}")), SW_EN),
    ("unknown.tsv", table("English|Filipino|x", *rows("{en}|{sw}|y")), {"source": "Filipino"}),
    ("unknown.csv", table("en|sw", *rows("{en}|{sw}"), sign=";"), SW_EN),
    ("unknown.jsonl", records(en="{en}", sw="{sw}"), SW_EN),
    ("unknown.tmx", tmx("en", "sw"), SW_EN),
    ("unknown.tmx", tmx("en", "sw"), {"source": "sw"}),
    ("every.tmx", tmx("*all*", "pt"), PT_EN),
    ("unknown.xlf", xliff("en", "sw"), SW_EN),
    ("one.jsonl", records(en="{en}", translation="{sw}"), SW_EN),
    ("one.csv", table("english|translation", *rows("{en}|{sw}"), sign=";"), PT_EN),
    ("regions.tsv", table("pt-BR|pt-PT", *rows("{en}|{sw}")), {"source": "pt-PT", "target": "pt-BR"}),
    ("tags.jsonl", records(src_lang="en", tgt_lang="pt", src="{en}", tgt="{sw}"), PT_EN),
    ("tags.jsonl", records(tgt_lang="en", src_lang="pt", tgt="{en}", src="{sw}"), {}),
    ("tags.tsv", table(*rows("eng|por|{en}|{sw}")), PT_EN),
    ("number.csv", table("no|en|sentence", *rows("{n}|{en}|{sw}"), sign=";"), PT_EN),
    ("marks.csv", "Sim, eu sei;Yes, I know\nNão, não;No, no\n", {"columns": "1,2"}),
]


@pytest.mark.parametrize(("name", "content", "options"), READ, ids=lambda value: str(value)[:20])
def test_the_languages_that_are_asked_for_are_found(name, content, options, tmp_path):
    (tmp_path / name).write_text(content, encoding="utf-8")
    expected = [("Sim, eu sei", "Yes, I know"), ("Não, não", "No, no")] if name == "marks.csv" else TWO
    assert fmkeras.read_pairs(tmp_path / name, **options) == expected
    found = formats.read(str(tmp_path / name), Reading(**options))
    asked = options.get("source") or found.source, options.get("target") or found.target
    assert all(
        own in ("", name) or same(own, name) for own, name in zip((found.source, found.target), asked, strict=True)
    )


def test_so_are_two_files_of_a_language_that_no_table_knows(tmp_path):
    (tmp_path / "text.en").write_text("".join(f"{en}\n" for _, en in TWO))
    (tmp_path / "text.sw.gz").write_bytes(gzip.compress("".join(f"{sw}\n" for sw, _ in TWO).encode()))
    for name in (tmp_path / "text", f"{tmp_path}/text.en,{tmp_path}/text.sw.gz"):
        assert fmkeras.read_pairs(name, **SW_EN) == TWO


def test_a_row_that_tells_each_rows_languages_is_no_header(tmp_path):
    content = table(*rows("{n}|eng|{en}|{n}|swa|{sw}"), "9|por|Sim.|8|eng|Yes.")
    (tmp_path / "a.tsv").write_text(content)
    assert len(fmkeras.read_pairs(tmp_path / "a.tsv", columns="6,3")) == 4


@pytest.mark.parametrize("options", [{"source": "fr", "target": "en"}, {"source": "fr"}, {"target": "Swahili"}])
@pytest.mark.parametrize(
    ("name", "content"),
    [("a.tsv", table("en|pt|context", *rows("{en}|{sw}|a menu"))), ("a.tmx", tmx("en", "pt"))],
)
def test_a_language_that_is_not_there_is_refused(name, content, options, tmp_path):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"holds en and pt, and .* is none of these"):
        fmkeras.read_pairs(tmp_path / name, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoding": "utf-16"}, "has no byte-order mark, which utf-16 needs: name --encoding utf-16-le or utf-16-be"),
        ({"encoding": "utf-32"}, "utf-32-le or utf-32-be"),
        ({"columns": "²,1"}, "no column ²"),
        ({"columns": ("pt", "en")}, "give a string such as columns='2,4'"),
        ({"source": None}, "source=None: give a string"),
        ({"source_column": 3}, "source_column=3: choose 1 or 2"),
    ],
)
def test_options_that_cannot_be(options, said, tmp_path):
    (tmp_path / "a.tsv").write_text("Olá.\tHello.\n\u4f60\tYou.\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        fmkeras.read_pairs(tmp_path / "a.tsv", **options)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("path", [None, 5, b"a.tsv", [None, "b.tsv"]])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InputError, match="is no path"):
        fmkeras.read_pairs(path)


# What contradicts what is asked for.


def corpus(path, **settings):
    return corpora.load(Settings(dataset=str(path), **settings))


MANY = [f"a sentence {i}|uma frase {i}" for i in range(60)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": "en,pt", **PT_EN}, "its source is en, not pt (--source): name the languages as it does"),
        ({"columns": "1,2", "target": "German"}, "its target is pt, not German (--target)"),
        ({"source": "fr"}, "holds en and pt, and fr is none of these"),
        ({"source": "fr", "target": "sw"}, "holds en and pt, and fr is none of these"),
        ({"source": "en", "target": "pt", "source_column": 2}, "--source-column 2: in "),
        ({"source": "en", "source_column": 2}, "--source-column 2: in "),
        ({"source": "fr", "target": "fr"}, "both languages are called fr: name them apart"),
        ({"source": "pt", "target": "Portuguese"}, "both languages are called pt and Portuguese: name them apart"),
    ],
)
def test_what_contradicts_the_file_is_refused(options, said, tmp_path):
    (tmp_path / "a.csv").write_text(table("en|pt", *MANY, sign=";"))
    for read in (corpus, fmkeras.read_pairs):
        with pytest.raises(InputError) as error:
            read(tmp_path / "a.csv", **options)
        assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{}, PT_EN, {"target": "English"}, {"source": "Portuguese"}])
def test_a_direction_that_is_turned_round_can_be_named_too(options, tmp_path):
    """As a run that goes on does: it knows the names that it has learnt from the file."""
    (tmp_path / "a.csv").write_text(table("en|pt", *MANY, sign=";"))
    found = corpus(tmp_path / "a.csv", source_column=2, **options)
    assert (same(found.source, "pt"), same(found.target, "en")) == (True, True)
    assert found.train[0][0].startswith("uma frase")


def test_pairs_in_memory_have_two_languages():
    with pytest.raises(InputError, match="both languages are called fr"):
        corpora.of([tuple(line.split("|")) for line in MANY], Settings(source="fr", target="fr"))


RECORDS = [{"id": str(n), "en": f"a sentence {n}", "pt": f"uma frase {n}"} for n in range(60)]


@pytest.mark.parametrize("options", [PT_EN, {"source": "pt"}, {"target": "English"}])
def test_rows_with_names_are_read_by_their_names(options):
    splits = {"train": RECORDS, "validation": RECORDS[:5], "test": [("uma frase", "a sentence")]}
    for data in (RECORDS, splits):
        found = corpora.of(data, Settings(**options))
        assert all(source.startswith("uma") and target.startswith("a ") for source, target in found.train + found.test)
        assert same(found.source, "pt") and same(found.target, "en")
    found = corpora.of([{"translation": row} for row in RECORDS], Settings())
    assert (found.source, found.target, found.train[0][0][:4]) == ("en", "pt", "a se")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        *((data, "is no list of pairs: give") for data in (None, 5, b"fr-de.tsv", 1.5)),
        *(([row], "pair 0 is ") for row in (None, 1, 1.5, b"ab", "ab", ("a",), ("a", None), (b"a", b"b"))),
        pytest.param([{"a", "b"}], "pair 0 is ", id="a set"),  # by its own name it would differ from process to process
        ({"train": None, "validation": [], "test": []}, "train: None is no list of pairs"),
        (dict.fromkeys(map(str, range(500))), "the data have the parts 0, 1, 2"),
        ([{"fr": "Oui.", "de": "Ja."}, ("Non.", "Nein.", 1)], "pair 1 is ('Non.', 'Nein.', 1): give all by name"),
        ([{"fr": "Oui."}], "no two texts"),
        ([{"fr": "Oui.", "de": "Ja."}], "holds fr and de, and pt is none of these"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_list_of_pairs_is_refused(data, said):
    with pytest.raises(InputError) as error:
        corpora.of(data, Settings(source="pt"))
    assert said in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 300
