"""Files as people have them: keys beside the sentences, many regional codes in one memory, names in any language."""

import json
import zipfile

import pytest

from fmkeras.errors import InputError
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import formats
from fmkeras.translation.corpora.formats import Reading, read_pairs
from fmkeras.translation.settings import Settings

PAIRS = [(f"O gato número {n} dorme.", f"Cat number {n} sleeps.") for n in range(20)]
KEYS = ["abcdefghijklmnopqrst"[n] for n in range(20)]


def written(folder, name, lines):
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def memory(*units):
    """A TMX file, a unit for each dict of code -> text."""
    variants = ("".join(f'<tuv xml:lang="{code}"><seg>{text}</seg></tuv>' for code, text in u.items()) for u in units)
    return f"<tmx><body>{''.join(f'<tu>{unit}</tu>' for unit in variants)}</body></tmx>"


@pytest.mark.parametrize("key", ["{k}", "train-{k}", "train-{n}"])
def test_keys_called_id_are_no_indonesian(tmp_path, key):
    ids = [key.format(k=k, n=n) for n, k in enumerate(KEYS)]
    nested = [{"id": i, "translation": {"pt": pt, "sw": en}} for i, (pt, en) in zip(ids, PAIRS, strict=True)]
    flat = [f"{i}\t{pt}\t{en}" for i, (pt, en) in zip(ids, PAIRS, strict=True)]
    assert read_pairs(written(tmp_path, "a.jsonl", map(json.dumps, nested))) == PAIRS
    assert read_pairs(written(tmp_path, "a.tsv", ["id\tpt\tsw", *flat]), source="pt", target="sw") == PAIRS
    assert read_pairs(written(tmp_path, "a.tsv", ["id\tpt\tno", *flat])) == PAIRS
    indonesian = [f"Kucing nomor {n}\t{en}\t{pt}" for n, (pt, en) in enumerate(PAIRS)]
    found = read_pairs(written(tmp_path, "b.tsv", ["id\ten\tpt", *indonesian]), source="id", target="en")
    assert found[3] == ("Kucing nomor 3", "Cat number 3 sleeps.")


def test_a_translation_names_its_languages_though_no_table_knows_them(tmp_path):
    rows = [json.dumps({"note": f"a note {n}", "translation": {"af": s, "sw": t}}) for n, (s, t) in enumerate(PAIRS)]
    found = formats.read(written(tmp_path, "a.jsonl", rows))
    assert (found.source, found.target) == ("af", "sw") and list(found.pairs) == PAIRS
    rows = [json.dumps({"translation": {"en": s, "sw": t, "fr": s + t}}) for s, t in PAIRS]
    with pytest.raises(InputError, match="holds en, sw, fr: name two of them"):
        formats.read(written(tmp_path, "b.jsonl", rows))


@pytest.mark.parametrize("key", ["https://example.org/{k}", "{k}.txt", "news_{k}", "s{n}", "news"])
def test_the_first_column_is_no_sentence_if_it_holds_addresses_files_or_labels(tmp_path, key):
    keys = [key.format(k=k, n=n) for n, k in enumerate(KEYS)]
    keys = keys if len(set(keys)) > 1 else ["news", "law"] * 10
    rows = [f"{k}\t{pt}\t{en}" for k, (pt, en) in zip(keys, PAIRS, strict=True)]
    assert read_pairs(written(tmp_path, "a.tsv", rows)) == PAIRS
    both = [f"{k}\t{k}\t{pt}\t{en}\t0.5" for k, (pt, en) in zip(keys, PAIRS, strict=True)]
    assert read_pairs(written(tmp_path, "b.tsv", both)) == PAIRS


def test_a_memory_writes_one_language_in_many_codes(tmp_path):
    codes = [("en-US", "pt-BR"), ("EN-us", "pt_br"), ("en-GB", "pt-BR"), ("en", "pt-BR")]
    units = [dict(zip(code, pair[::-1], strict=True)) for code, pair in zip(codes, PAIRS, strict=False)]
    name = written(tmp_path, "a.tmx", [memory(*units)])
    found = formats.read(name, Reading(source="pt", target="en"))
    assert (found.source, found.target) == ("pt-BR", "en") and list(found.pairs) == PAIRS[:4]
    only = formats.read(name, Reading(source="en-GB", target="pt"))  # a form that is asked for stays by itself
    assert [pair for pair in only.pairs if all(pair)] == [PAIRS[2][::-1]]
    late = [{"en": en, "pt": pt} for pt, en in PAIRS] * 60 + [{"en-AU": "Late.", "pt-PT": "Tarde."}]
    assert list(formats.read(written(tmp_path, "b.tmx", [memory(*late)])).pairs)[-1] == ("Late.", "Tarde.")


def test_of_several_texts_in_one_language_the_first_that_is_not_empty_counts(tmp_path):
    variant = '<tuv xml:lang="{}"><seg>{}</seg></tuv>'
    units = [("pt", "Olá."), ("en", ""), ("en", "Hello."), ("en", "Hi.")], [("pt", "Sim."), ("en", "Yes.")]
    units = ("".join(variant.format(*text) for text in unit) for unit in units)
    body = "".join(f"<tu>{unit}</tu>" for unit in units)
    found = formats.read(written(tmp_path, "a.tmx", [f"<tmx><body>{body}</body></tmx>"]))
    assert list(found.pairs) == [("Olá.", "Hello."), ("Sim.", "Yes.")]
    assert found.said == f"{found.note}; further texts of a unit in the same language, left out: 1"


TRANS_UNITS = (
    '<trans-unit><source>No.</source><target state="needs-translation">No.</target></trans-unit>'
    '<trans-unit><source>Yes.</source><target state="new">Yes.</target></trans-unit>'
    '<trans-unit translate="no"><source>Ana</source><target>Ana</target></trans-unit>'
    '<trans-unit translate="no"><source>Hi.</source><target>Oi.</target></trans-unit>'
    '<trans-unit><source>Bye.</source><target state="needs-review-translation">Tchau.</target></trans-unit>'
)
SEGMENTS = (
    '<unit><segment state="initial"><source>No.</source><target>No.</target></segment></unit>'
    '<unit translate="no"><segment><source>Ana</source><target>Ana</target></segment></unit>'
    '<unit><segment state="final"><source>Hi.</source><target>Oi.</target></segment></unit>'
)
XLIFF = [
    (
        '<xliff version="1.2"><file source-language="en" target-language="pt"><body>{}</body></file></xliff>',
        TRANS_UNITS,
    ),
    ('<xliff version="2.0" srcLang="en" trgLang="pt"><file>{}</file></xliff>', SEGMENTS),
]


@pytest.mark.parametrize(("file", "units"), XLIFF)
def test_units_that_are_marked_as_not_translated_are_blank(tmp_path, file, units):
    found = formats.read(written(tmp_path, "a.xlf", [file.format(units)]))
    first = units is TRANS_UNITS
    expected = [("Hi.", "Oi."), ("Bye.", "Tchau.")] if first else [("Hi.", "Oi.")]
    assert [pair for pair in found.pairs if all(pair)] == expected
    review = "; marked as to be reviewed, kept: 1" * first
    assert found.said == f"{found.note}; marked as not translated, blank: {3 if first else 2}{review}"


def test_what_was_counted_while_reading_is_said_of_the_data(tmp_path):
    units = "".join(f"<trans-unit><source>{en}</source><target>{pt}</target></trans-unit>" for pt, en in PAIRS)
    path = written(tmp_path, "a.xlf", [XLIFF[0][0].format(units + TRANS_UNITS)])
    notes = corpora.load(Settings(dataset=path)).notes
    assert notes[0].endswith("; marked as not translated, blank: 3; marked as to be reviewed, kept: 1")


def test_columns_of_numbers_are_said(tmp_path):
    """As Tatoeba's links between the numbers of sentences."""
    said = "both hold numbers only: if these are keys, name a file with the sentences, or its --columns"
    path = written(tmp_path, "links.csv", (f"{n}\t{n + 3}" for n in range(1000, 1009)))
    assert formats.read(path).doubt == said
    path = written(tmp_path, "a.tsv", (f"{n}\tnumber {n}" for n in range(1000, 1009)))
    assert formats.read(path).doubt == ""


def test_cells_that_stand_for_nothing_are_blank():
    pairs = [("Olá.", "nan"), ("#N/A", "Yes."), ("Sim.", "NULL"), ("Não.", "None"), ("Nenhum.", "None.")]
    said = "5 pairs read, 3 blank and 0 duplicate dropped, 2 kept; blank for a side that is nan, NULL or #N/A: 3"
    assert corpora.drop_unusable(pairs) == ([("Não.", "None"), ("Nenhum.", "None.")], said)


def test_regional_forms_that_stand_side_by_side_are_two_languages(tmp_path):
    units = [{"en-US": f"Color {n}", "en-GB": f"Colour {n}", "pt": f"Cor {n}"} for n in range(3)]
    name = written(tmp_path, "a.tmx", [memory(*units)])
    assert read_pairs(name, source="en_us", target="en-gb")[0] == ("Color 0", "Colour 0")
    with pytest.raises(InputError, match="en is several of these"):
        read_pairs(name, source="en", target="pt")


def test_one_language_on_both_sides(tmp_path):
    xliff = "<trans-unit><source>He go.</source><target>He goes.</target></trans-unit>"
    xliff = f'<xliff><file source-language="en" target-language="en"><body>{xliff}</body></file></xliff>'
    assert read_pairs(written(tmp_path, "a.xlf", [xliff]), source="wrong", target="right") == [("He go.", "He goes.")]
    files = [written(tmp_path, "plain.en", ["He go."]), written(tmp_path, "right.en", ["He goes."])]
    assert read_pairs(files) == read_pairs(files, source="wrong", target="right") == [("He go.", "He goes.")]


@pytest.mark.parametrize("names", [("pt.txt", "en.txt"), ("news_pt.txt", "news_en.txt"), ("pt.a.txt", "en.a.txt")])
def test_two_files_are_placed_by_the_languages_that_begin_or_end_their_names(tmp_path, names):
    files = [written(tmp_path, name, side) for name, side in zip(names, zip(*PAIRS, strict=True), strict=True)]
    assert read_pairs(files[::-1], source="pt", target="en") == read_pairs(files) == PAIRS


@pytest.mark.parametrize("names", [("Anglais", "Français"), ("en", "sw"), ("incorrect", "correct"), ("原文", "译文")])
def test_a_first_line_that_may_be_names_is_said(tmp_path, names):
    lines = ["\t".join(pair) for pair in [names, *PAIRS]]
    found = formats.read(written(tmp_path, "a.tsv", lines))
    assert f"the first line counts as sentences ({names[0]} | {names[1]})" in found.note
    found = formats.read(written(tmp_path, "a.tsv", lines), Reading(source=names[0], target=names[1]))
    assert "first line" not in found.note.replace("first line its names", "") and list(found.pairs) == PAIRS
    for others in ([("gato", "cat"), ("cão", "dog")], PAIRS):  # a dictionary; sentences
        lines = ["\t".join(pair) for pair in [others[0], *others]]
        assert "counts as" not in formats.read(written(tmp_path, "b.tsv", lines)).note


def test_a_comma_too_many_is_said_of_csv(tmp_path):
    with pytest.raises(
        InputError, match="line 2: 3 columns, not two sentences: one with a comma needs quotes around it"
    ):
        read_pairs(written(tmp_path, "a.csv", ["pt,en", "Bom dia, Ana.,Good morning.", "Adeus.,Goodbye."]))


@pytest.mark.parametrize("name", ["a.feather", "a.arrow"])
def test_arrow_files_are_read_as_streams_are(tmp_path, name):
    arrow = pytest.importorskip("pyarrow")
    feather = pytest.importorskip("pyarrow.feather")
    columns = dict(zip(("pt", "en"), map(list, zip(*PAIRS, strict=True)), strict=True))
    feather.write_feather(arrow.table(columns), tmp_path / name)
    assert read_pairs(tmp_path / name) == PAIRS


TIMED = "1\n00:00:01,000 --> 00:00:02,500\nHello.\n\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a{}.tsv", "Olá.\tHello.\n", "a1.tsv has lines of several cells, as of pairs; of several files two are"),
        ("a{}.csv", "Olá.;Hello.\n", "a1.csv has lines of several cells, as of pairs; of several files two are plain"),
        (
            "a{}.jsonl",
            '{"pt": "Olá.", "en": "Hello."}\n',
            "put pairs together into one file, or name others as --valid",
        ),
        (
            "a{}.txt",
            "Olá.\tHello.\n",
            "a1.txt has lines of several cells, as of pairs; of several files two are plain text",
        ),
        ("a{}.srt", TIMED, "a1.srt holds subtitles with their times"),
        ("a{}.txt", "WEBVTT\n\n" + TIMED.replace(",", ".")[2:], "a1.txt holds subtitles with their times"),
        ("a{}.txt", "%PDF-1.7\n", "a1.txt is a PDF"),
        ("a{}.txt", "<html>\n", "a1.txt is a web page"),
    ],
)
def test_two_files_that_are_no_sides_of_a_text_are_refused(name, content, said, tmp_path):
    files = [written(tmp_path, name.format(number), content.splitlines()) for number in (1, 2)]
    with pytest.raises(InputError, match=said) as error:
        read_pairs(files)
    assert "\n" not in str(error.value)


def test_two_office_documents_are_refused_as_one_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("word/document.xml", "")
    with pytest.raises(InputError, match=r"a.docx is an Office document"):
        read_pairs([tmp_path / "a.docx", written(tmp_path, "a.txt", ["Hello."])])


def test_a_tab_in_some_lines_is_text(tmp_path):
    sides = [
        written(tmp_path, f"a.{code}", text) for code, text in (("pt", ["Olá.", "A\tB."]), ("en", ["Hello.", "A\tB."]))
    ]
    assert read_pairs(sides) == [("Olá.", "Hello."), ("A\tB.", "A\tB.")]


def test_a_name_for_which_there_is_nothing_says_what_there_is(tmp_path):
    def said(name):
        with pytest.raises(InputError) as error:
            formats.read(name, Reading(source="pt", target="en"))
        assert "\n" not in str(error.value)
        return str(error.value).replace(f"{tmp_path}/", "").removeprefix("--dataset ")

    corpus = str(tmp_path / "corpus")
    assert said(corpus) == "corpus: no such file or folder (and not 'auto', 'ted' or 'phrasebook')"
    written(tmp_path, "corpus.pt", ["Olá."])
    sides = "name one in full, or two sides, source first: "
    assert said(corpus) == f"corpus: no such file, but corpus.pt: {sides}corpus.pt,ITS_TRANSLATION"
    assert said(f"{corpus}.pt,{corpus}.en") == "corpus.pt,corpus.en: no such file: corpus.en"
    written(tmp_path, "corpus.tgt", ["Hello."])
    assert said(corpus) == f"corpus: no such file, but corpus.pt, corpus.tgt: {sides}corpus.pt,corpus.tgt"
    three = said(f"{corpus}.pt,{corpus}.tgt,{corpus}.pt")
    assert three.startswith("corpus.pt,corpus.tgt,corpus.pt: 3 files, where two are plain text, read line by line")


def test_a_folder_whose_files_name_no_languages_says_so(tmp_path):
    for name in ("train.src", "train.tgt"):
        written(tmp_path, name, ["Olá."])
    with pytest.raises(
        InputError, match=r"\(train.src, train.tgt: let their names end with the languages, train.pt train.en\)"
    ):
        formats.read_splits(tmp_path, Reading())


def test_quotes_of_a_spreadsheet_s_text_are_undone(tmp_path):
    """Excel puts them round the cells with a comma only."""
    lines = ["pt\ten", '"Sim, claro."\tYes.', "Bom dia.\tGood morning.", '"Não, Ana."\t"No, Ana."']
    found = formats.read(written(tmp_path, "a.txt", lines))
    assert list(found.pairs) == [("Sim, claro.", "Yes."), ("Bom dia.", "Good morning."), ("Não, Ana.", "No, Ana.")]
    assert "quotes undone" in found.note
    for more in ("Olá, Ana.\tHello.", '"Olá."\tHello.', 'O "gato".\tThe cat.'):  # then quotes are the text's
        found = formats.read(written(tmp_path, "a.txt", [*lines, more]))
        assert next(found.pairs) == ('"Sim, claro."', "Yes.")
        assert f"; {3 + ('Olá.' in more)} cells of the first 5 lines keep their quotes" in found.note


@pytest.mark.parametrize("line", ['"Olá.\nBom dia."\tHello.', 'Olá.\t"Hello.\nGood morning."'])
def test_a_line_break_within_a_cell_is_said(tmp_path, line):
    said = r"line [34]: a cell in quotes goes on in another line: save the file as CSV, with commas"
    with pytest.raises(InputError, match=said):
        read_pairs(written(tmp_path, "a.tsv", ["Sim.\tYes.", "Não.\tNo.", line, "Adeus.\tGoodbye."]))
