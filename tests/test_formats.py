# ruff: noqa: E501  tables of files
"""Files as people have them: each is read to the pairs that a person would read from it, or refused with a way out."""

import bz2
import gzip
import io
import json
import lzma
import sys
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fmkeras
from fmkeras.errors import InputError
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import formats
from fmkeras.translation.corpora.formats import Reading, tables
from fmkeras.translation.corpora.formats.naming import is_header, kind, language
from fmkeras.translation.settings import Settings

TWO = [("Olá.", "Hello."), ("Sim, claro.", "Yes, of course.")]
PLAIN = "".join(f"{pt}\t{en}\n" for pt, en in TWO)
CC = "CC-BY 2.0 (France) Attribution: tatoeba.org #538123 (CM) & #629296 (sacredceltic)"
TMX = '<tmx version="1.4"><header srclang="en"/><body>{}</body></tmx>'
UNIT = '<tu><tuv xml:lang="en-US"><seg>{}</seg></tuv><tuv xml:lang="pt-BR"><seg>{}</seg></tuv></tu>'
BOMB = '<!DOCTYPE tmx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
PT_EN = {"source": "pt", "target": "en"}


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(content: str) -> bytes:
    buffer, member = io.BytesIO(), tarfile.TarInfo("pairs.tsv")
    member.size = len(content.encode())
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


def anki(*more: str) -> str:
    return "".join("\t".join((pt, en, *more)) + "\n" for pt, en in TWO)


# name, content, options of `Reading`, what is read: all of TWO where nothing is said.
GOOD: list[tuple[str, str | bytes, dict, list]] = [
    ("plain.tsv", PLAIN, {}, TWO),
    ("plain.txt", PLAIN, {}, TWO),
    ("anki.txt", anki(CC), {}, TWO),
    ("remark.tsv", anki("a remark"), {}, TWO),
    ("tatoeba.tsv", "12\tOlá.\t7\tHello.\n13\tSim, claro.\t9\tYes, of course.\n", {}, TWO),
    ("ids.tsv", "s1\tOlá.\tHello.\ns2\tSim, claro.\tYes, of course.\ns3\tNão.\tNo.\n", {}, [*TWO, ("Não.", "No.")]),
    ("challenge.tsv", "".join(f"por\teng\tfrase {i}\tsentence {i}\n" for i in "abc"), {}, [(f"frase {i}", f"sentence {i}") for i in "abc"]),
    ("five.tsv", "1\tHello.\t3\tOlá.\tx\n", {"columns": "4,2"}, TWO[:1]),
    ("header.tsv", "pt\ten\n" + PLAIN, {}, TWO),
    ("header.tsv", "Portuguese\tEnglish\n" + PLAIN, {}, TWO),
    ("header.tsv", "source\ttarget\n" + PLAIN, PT_EN, TWO),
    ("header.tsv", "en\tpt\nHello.\tOlá.\n", PT_EN, TWO[:1]),
    ("index.tsv", "\tpt\ten\n0\tOlá.\tHello.\n1\tSim, claro.\tYes, of course.\n", {}, TWO),
    ("glossary.tsv", "inglês\tEnglish\ncão\tdog\n", {}, [("inglês", "English"), ("cão", "dog")]),
    ("pandas.tsv", 'pt\ten\n"Disse ""olá""."\t"He said ""hi""."\n', {}, [('Disse "olá".', 'He said "hi".')]),
    ("quotes.tsv", '"Olá", disse.\t"Hi," he said.\n"Sim!"\t"Yes!"\n', {}, [('"Olá", disse.', '"Hi," he said.'), ('"Sim!"', '"Yes!"')]),
    ("trailing.tsv", "Olá.\tHello.\t\r\nSim, claro.\tYes, of course.\r\n", {}, TWO),
    ("mac.tsv", PLAIN.replace("\n", "\r"), {}, TWO),
    ("separators.tsv", "a\u2028b\tc\u0085d\n", {}, [("a\u2028b", "c\u0085d")]),
    ("marked.tsv", PLAIN.encode("utf-8-sig"), {}, TWO),
    ("utf16.tsv", PLAIN.encode("utf-16"), {}, TWO),
    ("utf32.tsv", PLAIN.encode("utf-32"), {}, TWO),
    ("wide.tsv", PLAIN.encode("utf-16-be"), {"encoding": "utf-16-be"}, TWO),
    ("latin.tsv", PLAIN.encode("cp1252"), {"encoding": "cp1252"}, TWO),
    ("table.csv", 'pt,en\nOlá.,Hello.\n"Sim, claro.","Yes, of course."\n', {}, TWO),
    ("table.csv", 'id;English;Portuguese\n7;Hello.;"Olá."\n', PT_EN, TWO[:1]),
    ("table.csv", 'Olá.,Hello.\n"Sim, claro.","Yes, of course."\n', {"columns": "1,2"}, TWO),
    ("table.csv", 'frase,sentence,n\nOlá.,Hello.,1\n', {"columns": "frase,sentence"}, TWO[:1]),
    ("lines.csv", 'pt,en\n"Olá\nmundo.","Hello\nworld."\n', {}, [("Olá mundo.", "Hello world.")]),
    ("excel.csv", "sep=;\r\npt;en\r\nOlá.;Hello.\r\n", {}, TWO[:1]),
    ("tabs.csv", PLAIN, {}, TWO),
    ("aligned.pt-en", PLAIN.replace("\t", " ||| "), {}, TWO),
    ("hub.jsonl", '{"translation": {"en": "Hello.", "pt": "Olá."}}\n', PT_EN, TWO[:1]),
    ("hub.jsonl", '{"id": "1", "pt": "Olá.", "en": "Hello."}\n', {}, TWO[:1]),
    ("hub.json", json.dumps([{"source": a, "target": b} for a, b in TWO], indent=1), {}, TWO),
    ("hub.json", json.dumps({"data": [list(pair) for pair in TWO]}), {}, TWO),
    ("memory.tmx", TMX.format("".join(UNIT.format(en, pt) for pt, en in TWO)), PT_EN, TWO),
    ("tags.tmx", TMX.format(UNIT.format("Hello<ph>{1}</ph>.", "<hi>Olá</hi>.")), PT_EN, TWO[:1]),
    ("lines.tmx", TMX.format(UNIT.format("One<ph>&lt;br/></ph>two.", "<hi>Um </hi>e<bpt>b</bpt>ra <hi> dois</hi>.")), PT_EN,
     [("Um era dois.", "One two.")]),
    ("one.xlf", '<xliff version="1.2"><file source-language="pt" target-language="en"><body><trans-unit id="1"><source>Olá.'
     "</source><target>Hello.</target></trans-unit></body></file></xliff>", {}, TWO[:1]),
    ("two.xliff", '<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="pt" trgLang="en"><file id="f"><unit '
     'id="1"><segment><source>Olá.</source><target>Hello.</target></segment></unit></file></xliff>', {}, TWO[:1]),
    ("plain.tsv.gz", gzip.compress(PLAIN.encode(), mtime=0), {}, TWO),
    ("plain.tsv.bz2", bz2.compress(PLAIN.encode()), {}, TWO),
    ("plain.tsv.xz", lzma.compress(PLAIN.encode()), {}, TWO),
    ("plain", gzip.compress(PLAIN.encode(), mtime=0), {}, TWO),
    ("plain.zip", zipped(**{"data/plain.tsv": PLAIN, "README": "about"}), {}, TWO),
    ("por-eng.zip", zipped(**{"_about.txt": "** Info **\n\nWhere it is from\n", "por.txt": anki(CC)}), {}, TWO),
    ("opus.zip", zipped(**{"T.en-pt.en": "Hello.\n", "T.en-pt.pt": "Olá.\n", "LICENSE": "by", "README": "a"}), PT_EN, TWO[:1]),
    ("many.zip", zipped(**{f"T.{x}": f"{x}\n" for x in ("de", "en", "pt")}), PT_EN, [("pt", "en")]),
]  # fmt: skip

# name, content, words of the refusal
BAD = [
    ("alone.txt", "Olá.\nSim, claro.\n", "its lines have no two columns"),
    ("three.tsv", "en\tpt\tfr\nHi.\tOlá.\tSalut.\n", "holds en, pt, fr: name two of them with --source and --target"),
    ("five.tsv", "a b\tc d\te f\tg h\ti j\n", "name them with --columns"),
    ("ragged.tsv", PLAIN + "a\tb\tc\n", "line 3: 3 columns"),
    ("nameless.csv", "Olá.,Hello.\n", "names no two languages"),
    ("open.csv", 'pt,en\n"' + "x,y\n" * 300_000, "left open"),
    ("wide.tsv", PLAIN.encode("utf-16-be"), "perhaps utf-16-be"),
    ("latin.tsv", PLAIN.encode("cp1252"), "perhaps cp1252"),
    ("page.tsv", "<!DOCTYPE html>\n", "is a web page"),
    ("pointer.tsv", "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ("missing.tsv", "404: Not Found", "an error message of a web server"),
    ("paper.pdf", b"%PDF-1.7", "is a PDF"),
    ("pairs.7z", b"7z\xbc\xaf\x27\x1c", "a 7z archive, to be unpacked first"),
    ("pairs.tar.gz", gzip.compress(tarred(PLAIN), mtime=0), "a tar archive, to be unpacked first"),
    ("deck.apkg", zipped(**{"collection.anki2": "SQLite format 3\0"}), "is a database"),
    ("table.xlsx", zipped(**{"xl/workbook.xml": ""}), "Office document: save it as .csv"),
    ("text.docx", zipped(**{"word/document.xml": ""}), "Office document"),
    ("mixed.zip", zipped(**{"a.tsv": PLAIN, "b.jsonl": "{}"}), "holds several files"),
    ("empty.zip", zipped(README="nothing"), "holds no file of sentences"),
    ("bomb.tmx", BOMB + TMX.format(UNIT.format("&b;", "x")), "defines entities"),
    ("half.tmx", TMX.format(UNIT.format("Hello.", "Olá."))[:-20], "no whole XML file"),
    ("other.xml", "<?xml version='1.0'?><a/>", "neither TMX nor XLIFF"),
    ("texts.json", '{"a": 1}', "no two texts"),
    ("numbers.json", "[1, 2]", "a record must be an object"),
    ("cut.xz", lzma.compress(PLAIN.encode() * 999)[:-40], "is it whole"),
    ("cut.gz", gzip.compress(PLAIN.encode() * 999, mtime=0)[:-40], "is it whole"),
]


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("name", "content", "options", "expected"), GOOD, ids=lambda value: str(value)[:20])
def test_a_file_is_read_as_a_person_reads_it(name, content, options, expected, tmp_path):
    path = written(tmp_path, name, content)
    assert fmkeras.read_pairs(path, **options) == expected
    note = formats.read(str(path), Reading(**options)).note
    assert name in note and "\n" not in note


@pytest.mark.parametrize(("name", "content", "said"), BAD, ids=lambda value: str(value)[:20])
def test_what_cannot_be_read_is_refused_with_a_way_out(name, content, said, tmp_path):
    path = written(tmp_path, name, content)
    with pytest.raises(InputError, match=said) as error:
        fmkeras.read_pairs(path)
    assert "\n" not in str(error.value) and name in str(error.value)


def test_what_was_understood_is_said(tmp_path):
    path = written(tmp_path, "fra.txt", anki(CC))
    assert formats.read(str(path)).note == f"{path}: tab-separated, 3 columns, source 1, target 2; left out: 3"


@pytest.mark.parametrize(
    ("options", "languages"), [({}, ("Portuguese", "English")), (dict(source_column=2), ("English", "Portuguese"))]
)
def test_languages_are_learnt_from_the_file(options, languages, tmp_path):
    found = formats.read(str(written(tmp_path, "a.tsv", "Portuguese\tEnglish\n" + PLAIN)), Reading(**options))
    assert (found.source, found.target) == languages


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(source="fr", target="en"), "and fr is none of these"),
        (dict(columns="3,1"), "no column 3"),
        (dict(columns="1,de"), "no column de"),
    ],
)
def test_languages_and_columns_that_are_not_there(options, said, tmp_path):
    path = written(tmp_path, "a.tsv", "pt\ten\n" + PLAIN)
    with pytest.raises(InputError, match=said):
        fmkeras.read_pairs(path, **options)


@pytest.mark.parametrize("columns", ["1", "1,1", "1,2,3", ","])
def test_columns_must_be_two(columns):
    with pytest.raises(InputError, match="name two"):
        Reading(columns=columns)


def test_an_encoding_must_exist():
    with pytest.raises(InputError, match="there is none of this name"):
        Reading(encoding="utf-9")


# Moses' form.


def test_two_files(tmp_path):
    pt, en = (
        written(tmp_path, "text.pt", "Olá.\nSim\u2028.\n"),
        written(tmp_path, "text.en.gz", gzip.compress(b"Hello.\nYes.\n", mtime=0)),
    )
    expected = [("Olá.", "Hello."), ("Sim\u2028.", "Yes.")]
    assert fmkeras.read_pairs([pt, en]) == expected
    assert fmkeras.read_pairs(f"{pt},{en}") == expected
    assert fmkeras.read_pairs([en, pt], **PT_EN) == expected
    assert fmkeras.read_pairs(tmp_path / "text", **PT_EN) == expected
    found = formats.read(str(tmp_path / "text"))
    assert (found.source, found.target) == ("en", "pt")
    with pytest.raises(InputError, match=r"are of .*, not of fr and en"):
        fmkeras.read_pairs([pt, en], source="fr", target="en")


def test_two_files_of_unequal_length(tmp_path):
    pt, en = written(tmp_path, "text.pt", "a\nb\nc\n"), written(tmp_path, "text.en", "a\n")
    with pytest.raises(InputError, match=r"text.pt has 3, the other 1"):
        fmkeras.read_pairs([pt, en])


# Folders, Parquet and Arrow.


@pytest.mark.parametrize(
    "names", [("train.csv", "dev.csv", "test.csv"), ("train-00000-of-00001.jsonl", "valid.jsonl", "test.jsonl")]
)
def test_a_folder_of_splits_in_any_form(names, tmp_path):
    for name in names:
        written(tmp_path, name, "pt,en\nOlá.,Hello.\n" if name.endswith("csv") else '{"pt": "Olá.", "en": "Hello."}\n')
    corpus = corpora.load(Settings(dataset=str(tmp_path)))
    assert corpus.train == corpus.validation == corpus.test == TWO[:1]
    assert (corpus.source, corpus.target) == ("pt", "en")


def test_a_folder_of_moses_files(tmp_path):
    for split in ("train", "valid", "test"):
        written(tmp_path, f"{split}.pt", "Olá.\n")
        written(tmp_path, f"{split}.en", "Hello.\n")
    assert corpora.load(Settings(dataset=str(tmp_path), **PT_EN)).test == TWO[:1]


def test_parquet_and_arrow(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import ipc, parquet

    table = arrow.table({"id": [1, 2], "translation": [{"en": en, "pt": pt} for pt, en in TWO]})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert fmkeras.read_pairs(tmp_path / "a.parquet", **PT_EN) == TWO
    for split in ("train", "validation", "test"):
        (tmp_path / "hub" / split).mkdir(parents=True)
        with ipc.new_stream(str(tmp_path / "hub" / split / "data-00000-of-00001.arrow"), table.schema) as stream:
            stream.write_table(table)
    written(tmp_path / "hub", "dataset_dict.json", '{"splits": ["train", "validation", "test"]}')
    assert corpora.load(Settings(dataset=str(tmp_path / "hub"), **PT_EN)).train == TWO
    written(tmp_path, "b.parquet", b"PAR1 and nothing more")
    with pytest.raises(InputError, match=r"b.parquet cannot be read"):
        fmkeras.read_pairs(tmp_path / "b.parquet")


def test_a_missing_package_is_said_with_the_command(tmp_path, monkeypatch):
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match="pip install pyarrow"):
        fmkeras.read_pairs(written(tmp_path, "a.parquet", b"PAR1"))


# Validation and test files of their own.


def test_own_validation_and_test_files(tmp_path):
    many = "".join(f"frase {i}\tsentence {i}\n" for i in range(60))
    data, own = written(tmp_path, "a.tsv", many), written(tmp_path, "own.csv", "en,pt\nHello.,Olá.\n")
    options = dict(dataset=str(data), **PT_EN)
    both = corpora.load(Settings(**options, validation=str(own), test=str(own)))
    assert len(both.train) == 60 and both.validation == both.test == TWO[:1]
    one = corpora.load(Settings(**options, test=str(own)))
    assert len(one.train) + len(one.validation) == 60 and one.test == TWO[:1] and one.validation


# What decides.


def test_headers():
    assert is_header(["pt", "en"]) and is_header(["Source", "Target"]) and is_header(["", "sentence_pt", "sentence_en"])
    assert not is_header(["inglês", "English"]) and not is_header(["Olá.", "Hello."]) and not is_header(["pt"])
    assert not is_header(["pt", "pt"])


def test_kinds_of_columns():
    assert [kind(cells) for cells in (["1", "2.5"], ["", " "], ["por"] * 3, [CC, CC], ["s1", "s2", "s3"], ["Olá.", "a"])] == [
        "number",
        "blank",
        "constant",
        "attribution",
        "id",
        "text",
    ]  # fmt: skip


def test_language_of_a_name():
    assert [language(name) for name in ("pt-BR", "text_en", "Portuguese", "column", "en_pt")] == [
        "pt-BR",
        "en",
        "Portuguese",
        "",
        "",
    ]


CELL = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20).filter(
    lambda cell: cell.strip()
)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_any_pairs_come_back_from_json_and_csv(pairs):
    lines = [("", json.dumps({"pt": a, "en": b}, ensure_ascii=False)) for a, b in pairs]
    source = formats.Source("a.jsonl", lambda: io.BytesIO("\n".join(line for _, line in lines).encode()))
    assert list(formats.files.read_source(source, Reading()).pairs) == pairs
    buffer = io.StringIO()
    import csv

    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("pt", "en"), *pairs])
    source = formats.Source("a.csv", lambda: io.BytesIO(buffer.getvalue().encode()))
    assert list(formats.files.read_source(source, Reading()).pairs) == pairs


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_quotes_of_a_text_stay(pairs):
    """Of tab-separated text nothing is changed, but where quotes are quoting by the rules of CSV."""
    rows = [list(pair) for pair in pairs]
    if not tables.quotes_are_quoting(rows) and not is_header(rows[0]):
        source = formats.Source("a.tsv", lambda: io.BytesIO("".join(f"{a}\t{b}\n" for a, b in pairs).encode()))
        assert list(formats.files.read_source(source, Reading()).pairs) == pairs
