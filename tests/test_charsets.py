"""Encodings: what is proposed for text in another one, what is refused, and what a wrong one garbled already."""

import pytest

from fmkeras.errors import InputError
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import monolingual
from fmkeras.translation.corpora.formats import read_pairs
from fmkeras.translation.inference import evaluation_sets
from fmkeras.translation.settings import Settings


def written(folder, name, text, encoding):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "encoding", "asked", "said"),
    [
        ("Кот здесь.", "cp1251", "ru", "perhaps cp1251 or koi8-r"),
        ("猫在这里。", "gb18030", "zh", "perhaps gb18030 or big5"),
        ("猫はここです。", "shift_jis", "Japanese", "perhaps shift_jis"),
        ("고양이가 여기 있다.", "cp949", "ko", "perhaps cp949"),
        ("Η γάτα είναι εδώ.", "cp1253", "el", "perhaps cp1253"),
        ("Kedi burada mı?", "cp1254", "tr", "perhaps cp1254"),
        ("Żółty kot.", "cp1250", "pl", "perhaps cp1250"),
        ("แมวนอน", "cp874", "th", "perhaps cp874"),
        ("O gato não está.", "cp1252", "pt", "perhaps cp1252"),
        ("O gato não está.", "cp1252", "", "perhaps cp1252"),
        ("Кот здесь.", "cp1251", "", "name its --encoding"),
        ("猫在这里。", "gb18030", "", "name its --encoding"),
    ],
)
def test_the_encoding_that_is_proposed_is_one_of_the_language(tmp_path, text, encoding, asked, said):
    path = written(tmp_path, "a.tsv", f"{text}\tThe cat is here.\n", encoding)
    with pytest.raises(InputError) as error:
        read_pairs(path, **({"source": asked, "target": "en"} if asked else {}))
    assert str(error.value).endswith(said)
    side = written(tmp_path, f"a.{asked or 'x'}", f"{text}\n", encoding)
    with pytest.raises(InputError) as error:
        read_pairs([side, written(tmp_path, "a.en", "The cat is here.\n", "utf-8")])
    assert not asked or len(asked) > 2 or str(error.value).endswith(said)


def test_an_encoding_is_proposed_for_plain_text(tmp_path):
    path = written(tmp_path, "news.txt", "Кот здесь.\n", "cp1251")
    said = "news.txt, line 1, byte 1: not UTF-8; .* perhaps cp1251 or koi8-r$"
    with pytest.raises(InputError, match=said):
        evaluation_sets.load_texts(str(path), [str(path)], languages=("ru", "en"))
    with pytest.raises(InputError, match=said):
        monolingual.load(Settings(dataset="none", text=[f"ru={path}"]))


def test_the_encoding_that_was_tried_is_not_proposed(tmp_path):
    (tmp_path / "a.tsv").write_bytes("Не\tЏ\n".encode("cp1251") + b"\x98\tx\n")
    with pytest.raises(InputError, match=r"line 2, byte 1: not cp1251; .* --encoding, perhaps koi8-r$"):
        read_pairs(tmp_path / "a.tsv", source="ru", target="en", encoding="cp1251")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251"])
def test_utf_8_is_not_read_as_something_else(tmp_path, encoding):
    path = written(tmp_path, "a.tsv", "Não.\tNo.\n" * 9, "utf-8")
    said = f"a.tsv looks like UTF-8, not {encoding}: leave --encoding out, or convert what is not UTF-8"
    with pytest.raises(InputError, match=said):
        read_pairs(path, encoding=encoding)
    assert read_pairs(written(tmp_path, "b.tsv", "Sim.\tYes.\n", "utf-8"), encoding=encoding) == [("Sim.", "Yes.")]
    path = written(tmp_path, "c.tsv", "Кошка.\tA cat.\n", "cp1251")
    assert read_pairs(path, encoding="cp1251") == [("Кошка.", "A cat.")]


GARBLED = [
    *(
        text.encode().decode("latin-1")
        for text in ("Não.", "água", "déjà", "Łódź", "Кот", "猫はここ", "η γάτα", "แมว", "it’s")
    ),
    *(text.encode().decode("cp1252") for text in ("Não.", "it’s", "Кот", "猫犬", "łódź")),
    "lost \ufffd",
]
SOUND = [
    "NÃO!",
    "„Gruß“",
    "« café\u00a0»",
    "allé…\u00a0»",
    "IRMÃ”",
    "KÖ”",
    "Привет",
    "Ça va",
    "Ångström",
    "à «",
    "50 °C",
]


@pytest.mark.parametrize(("texts", "count"), [(GARBLED, len(GARBLED)), (SOUND, 0)])
def test_what_a_wrong_encoding_has_garbled_is_counted(texts, count):
    note = corpora.drop_unusable([(text, f"text {n}") for n, text in enumerate(texts)])[1]
    said = f"; with letters that a wrong encoding garbled (Ã¡, �): {count}, repair the file"
    assert note.endswith(said) is bool(count) and ("garbled" in note) is bool(count)
