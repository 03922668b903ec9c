"""Bad input: each gets status 2 and one line that says what is wrong, and the run that was there stays as it was."""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HOUSES, PAIRS, QUICK

import fmkeras
from fmkeras import InputError, cli, pretrain, regress, runs, translate
from fmkeras.translation.inference.parting import CUT, Parting
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.settings import FEWEST_TOKENS, Settings

LETTERS = "a quick brown fox jumps over the lazy dog, and the dog sleeps on as if nothing had happened to it"
WIDE = "price," + ",".join(f"c{i}" for i in range(50)) + "\n"
WIDE += "".join(f"{i * i}," + ",".join(str(i * j % 7 + i % (j % 5 + 2)) for j in range(50)) + "\n" for i in range(30))


def rows(text: str, *more: str) -> str:
    """A table with lines added at its end."""
    return text + "".join(line + "\n" for line in more)


# What a translator is trained on: name, content, words of the message.
SENTENCES = [
    ("pairs.tsv", "", "holds no sentence pairs"),
    ("pairs.tsv", "\n\n \n", "holds no sentence pairs"),
    ("pairs.tsv", "one column\n" * 30, "its lines have no two columns"),
    ("pairs.tsv", rows(PAIRS, "a\tb\tc"), "line 61: 3 columns"),
    ("pairs.tsv", rows(PAIRS, "a\tb", "no tab here"), "line 62: 1 columns"),
    ("pairs.tsv", PAIRS.encode("latin-1"), "line 1, byte 8: not UTF-8"),
    ("pairs.tsv", PAIRS.encode("utf-16-be"), "line 1, byte 16: not UTF-8"),
    ("pairs.tsv", PAIRS.encode() + b"\xed\xa0\x80\tx\n", "line 61, byte 1: not UTF-8"),
    ("pairs.tsv", PAIRS.encode() + b"a\tb\xc3", "line 61, byte 4: not UTF-8"),
    ("pairs.tsv", rows(PAIRS, "a\0\tb"), "line 61: a NUL byte"),
    ("pairs.tsv", bytes(3000), "line 1: a NUL byte"),
    ("pairs.tsv", b"\x89PNG\r\n\x1a\n" + bytes(99), "line 1, byte 1: not UTF-8"),
    ("pairs.tsv", "x" * 1_000_001, "over 1,000,000 bytes"),
    ("pairs.tsv", b"PK\x03\x04" + bytes(99), "is damaged"),
    ("pairs.tsv", b"%PDF-1.7\n", "is a PDF: give .tsv"),
    ("pairs.tsv", "<!DOCTYPE html>\n<html>", "is a web page: give .tsv"),
    ("pairs.csv", "Olá.,Hello.\n" * 30, "names no two languages"),
    ("pairs.json", "[1, 2]", "a record must be an object"),
    ("pairs.jsonl", '{"pt": "a"}\n{"pt": "b"', "no JSON"),
    ("pairs.tmx", "<tmx><body>", "no whole XML file"),
    ("pairs.tsv.gz", PAIRS, "cannot be read"),
    ("pairs.tsv.gz", gzip.compress(PAIRS.encode(), mtime=0)[:-9], "is it whole"),
    ("pairs.tsv.gz", gzip.compress(PAIRS.encode(), mtime=0) + b"rubbish", "is it whole"),
    ("pairs.tsv.gz", gzip.compress(bytes(20_000_000), mtime=0), "over 1,000,000 bytes"),
    ("pairs.tsv", "".join(PAIRS.splitlines(True)[:19]), "19 different sentences are too few"),
    ("pairs.tsv", "a\tb\n" * 1000, "1 different sentences are too few"),
    ("pairs.tsv", "\tb\n" * 30, "0 different sentences are too few"),
    ("pairs.tsv", "".join(f"\u200b\u200b\t{i}\n" for i in range(60)), "too few"),
    ("pairs.tsv", "".join(f"{i}{'a' * 3000}\tb\n" for i in range(60)), "no sentence pairs for train"),
    ("pairs.tsv", "".join(" ".join(LETTERS[i:] * 10) + "\tb\n" for i in range(60)), "cut them into sentences"),
    ("folder/train.tsv", PAIRS, "no validation.tsv or other validation file"),
]

# What a regressor is trained on: content, target, words of the message.
TABLES = [
    ("", "price", "is empty"),
    ("\n\n", "price", "is empty"),
    ("price,rooms\n", "price", "a header but no rows"),
    (HOUSES, "prize", "no column 'prize': choose --target from price, rooms, area"),
    (HOUSES, None, "--target COLUMN is missing"),
    (HOUSES.partition("\n")[2], "price", "no column names"),
    (rows(HOUSES, "many,2,3"), "price", "line 62, column 'price': 'many' is not a number"),
    (rows(HOUSES, "inf,2,3"), "price", "infinity"),
    (rows(HOUSES, "100,-Infinity,3"), "price", "infinity"),
    (rows(HOUSES, "1e40,2,3"), "price", "is too large"),
    (rows(HOUSES, "1,2"), "price", "line 62: 2 cells where the header (price, rooms, area) has 3: put it right"),
    (rows(HOUSES, "1,2,3,4"), "price", "line 62: 4 cells"),
    (HOUSES.replace("area", "rooms", 1), "price", "two columns are named 'rooms'"),
    (HOUSES.replace("area", "price", 1), "price", "two columns are named 'price'"),
    ("price,rooms\n" + "5,1\n" * 60, "price", "the same in every row"),
    ("price,rooms\n" + "".join(f"{i},3\n" for i in range(60)), "price", "no numeric column is left"),
    ("price,city\n" + "".join(f"{i},Porto\n" for i in range(60)), "price", "no numeric column is left"),
    ("price,rooms\n" + "".join(f"{i},{i}\n" for i in range(60)), "price", "repeats the target"),
    ("price,rooms\n" + "".join(f"cheap,{i}\n" for i in range(60)), "price", "holds text, not numbers"),
    ("price,rooms\n" + "".join(f",{i}\n" for i in range(60)), "price", "holds nothing, not numbers"),
    ("price,rooms\n" + "".join(f"nan,{i}\n" for i in range(60)), "price", "holds nothing, not numbers"),
    ("\n".join(HOUSES.splitlines()[:6]), "price", "at least 10"),
    (WIDE, "price", "too few for"),
    (HOUSES.replace("price", "preço").encode("latin-1"), "price", "not UTF-8"),
    (rows(HOUSES, '1,2,"3'), "price", "line 62: unexpected end of data"),
    (HOUSES.encode().replace(b"50", b"5\0", 1), "price", "line "),
    (b"PK\x03\x04" + bytes(range(256)) * 9, "price", "not UTF-8"),
]  # fmt: skip

# Other mistakes: arguments, in which {run}, {houses} and {tmp} stand for folders, and words of the message.
ARGUMENTS = [
    ("translate --dataset {tmp}/absent.tsv", "no such file or folder"),
    ("translate --dataset {tmp}", "no train.tsv"),
    ("translate --epochs 0", "not a number above 0"),
    ("translate --epochs many", "not a number above 0"),
    ("translate --minutes -1", "not a number above 0"),
    ("translate --learning-rate nan", "not a number above 0"),
    ("translate --dropout 1", "from 0 to below 1"),
    ("translate --seed -1", "whole number"),
    ("translate --preset huge", "invalid choice"),
    ("translate --precision float8", "invalid choice"),
    ("translate --epoch 1", "unrecognized arguments"),
    ("translate fly", "there is no subcommand 'fly': choose from train, evaluate"),
    ("translate --dataset {pairs} --run {file}", "is not a run folder"),
    ("translate --dataset {pairs} --run {thesis}", "is not a run folder"),
    ("translate --dataset {pairs} --run {file}/below", "cannot write"),
    ("translate --dataset {pairs} --vocab-size 1 --run {run}", "choose a larger vocabulary"),
    ("translate --resume --run {tmp}/none", "holds no run"),
    ("translate --resume --run {run} --preset small", "preset document, not small"),
    ("translate --resume --run {run} --seed 7 --vocab-size 99", "vocab_size 320, not 99, seed 0, not 7"),
    ("translate evaluate --run {tmp}/none", "holds no run"),
    ("translate evaluate --run {houses}", "holds a regressor: name another run"),
    ("translate evaluate --run {run} --split exam", "invalid choice"),
    ("translate evaluate --run {run} --dataset {tmp}/absent.tsv", "no such file or folder"),
    ("translate text --run {tmp}/none Olá", "holds no run"),
    ("translate text --run {file} Olá", "holds no run"),
    ("translate text --run {run} --beam 0 Olá", "not a number above 0"),
    ("translate text --run {run} --beam 100000 Olá", "more than 64"),
    ("translate text --run {run} --attention map.txt Olá", "PNG"),
    ("translate text --run {run} --attention {tmp}/map.png Olá Adeus", "one sentence, not 2"),
    ("translate text --run {run} --attention {tmp}/none/map.png Olá", "cannot be written"),
    ("regress --dataset {tmp}/absent.csv --target price", "cannot be read"),
    ("regress --dataset {tmp} --target price", "cannot be read"),
    ("regress --target area", "has the target price"),
    ("regress --epochs 0", "not a number above 0"),
    ("regress --run {thesis}", "is not a run folder"),
    ("regress evaluate --run {tmp}/none", "holds no run"),
    ("regress evaluate --run {run}", "no run of fmkeras.regress"),
    ("regress predict --run {houses}", "required"),
    ("regress predict --run {houses} {tmp}/absent.csv", "cannot be read"),
    ("regress predict --run {houses} {short}", "lacks a column: area"),
    ("regress --target price --drop garden", "there is no such column"),
    ("regress predict --run {houses} {table} --out {tmp}", "is not a file"),
    ("regress predict --run {houses} {table} --out {tmp}/none/out.csv", "cannot be written"),
    ("translate --batch-tokens 99999999999999999999", "is more than 1000000"),
    ("translate --epochs 99999999999999999999", "is more than 1000000"),
    ("translate --vocab-size 99999999999999999999", "is more than 1000000"),
    ("translate --limit 99999999999999999999", "is more than 1000000000"),
    ("pretrain --skip 99999999999999999999", "is more than 1000000000"),
    ("pretrain --limit 99999999999999999999", "is more than 1000000000"),
    ("regress --epochs 99999999999999999999", "is more than 1000000"),
]

STDIN = [
    (b"Bom dia.\nol\xe1\n", "standard input, line 2, byte 3: not UTF-8"),
    ("Bom dia.\n".encode("utf-16"), "standard input is UTF-16 text: convert it to UTF-8 first"),
]


def call(words: list[str]) -> int:
    """The status with which a command ends."""
    main = {"translate": translate.main, "pretrain": pretrain.main, "regress": regress.main}[words[0]]
    with pytest.raises(SystemExit) as ended:
        cli.run(lambda: main(words[1:]))
    return ended.value.code


@pytest.fixture(scope="module")
def places(tmp_path_factory, quick_translator, quick_regressor) -> dict[str, Path]:
    """Copies of a trained translator and a trained regressor, and files to make mistakes with."""
    folder = tmp_path_factory.mktemp("places")
    names = "run houses file thesis pairs table short".split()
    found = {name: folder / name for name in names} | {"pairs": folder / "p.tsv", "table": folder / "t.csv"}
    found["pairs"].write_text(PAIRS, encoding="utf-8")
    found["table"].write_text(HOUSES)
    found["file"].write_text("years of work")
    found["thesis"].mkdir()
    (found["thesis"] / "thesis.txt").write_text("years of work")
    found["short"].write_text("price,rooms\n1,2\n")
    shutil.copytree(quick_translator, found["run"])
    shutil.copytree(quick_regressor, found["houses"])
    return found


@pytest.fixture(scope="module")
def translator(quick_translator) -> Translator:
    """The trained translator, loaded."""
    return fmkeras.load_translator(quick_translator)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def refused(places, tmp_path, capfd):
    """A function that runs a command, which must fail with one line and leave every file as it was."""

    def check(words: list[str], message: str) -> None:
        before, own = hashes(places["run"].parent), hashes(tmp_path)
        capfd.readouterr()
        status, error = call(words), capfd.readouterr().err
        assert status == 2, error
        assert error.startswith("fmkeras: error: ") and error.count("\n") == 1, error
        assert message in error
        assert hashes(places["run"].parent) == before and hashes(tmp_path) == own

    return check


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_tables_are_long_enough():
    assert len(SENTENCES) + len(TABLES) + len(ARGUMENTS) + len(STDIN) >= 100


@pytest.mark.parametrize(("name", "content", "message"), SENTENCES, ids=lambda value: str(value)[:30].strip())
def test_sentences(name, content, message, refused, places, tmp_path):
    path = write(tmp_path / name, content)
    dataset = path.parent if name.startswith("folder") else path
    refused(["translate", "--dataset", str(dataset), *QUICK, "--run", str(places["run"])], message)


@pytest.mark.parametrize(("content", "target", "message"), TABLES, ids=lambda value: str(value)[:30].strip())
def test_tables(content, target, message, refused, places, tmp_path):
    path = write(tmp_path / "table.csv", content)
    words = ["regress", "--dataset", str(path), *(["--target", target] if target else [])]
    refused([*words, "--run", str(places["houses"])], message)


@pytest.mark.parametrize(("line", "message"), ARGUMENTS)
def test_arguments(line, message, refused, places, tmp_path):
    refused([word.format(tmp=tmp_path, **places) for word in line.split()], message)


@pytest.mark.parametrize(("content", "message"), STDIN)
def test_standard_input(content, message, refused, places, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    refused(["translate", "text", "--run", str(places["run"])], message)


@pytest.mark.slow
@pytest.mark.parametrize("line", [ARGUMENTS[0], ARGUMENTS[40]])
def test_in_a_process_of_its_own(line, places, tmp_path):
    words, message = line[0].format(tmp=tmp_path, **places).split(), line[1]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", f"fmkeras.{words[0]}", *words[1:]]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 2 and message in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr
    assert ended.stderr.startswith("fmkeras: error: ") and ended.stdout == "" and not list(tmp_path.iterdir())


TEXTS = {
    "": "",
    "   ": "",
    "\u200b\ufeff\u2060": "",  # nothing that can be seen
    "\x07\x1b": "",
    "frase\x0cnúmero\u2028um\x85dois": None,  # line ends of other kinds
    "frase\0número": None,
    "fra\ud800se": None,  # half of a surrogate pair
    "👩‍👩‍👧 שלום مرحبا 你好": None,
    "frase número " * 500: None,  # 1,000 words
    "a" * 2_000: None,  # one word
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
def test_any_text_gives_one_line(text, translator):
    said = []
    translation, other = translator.translate([text, "frase número 3 d"], 1, lambda *doubt: said.append(doubt))
    assert len(translation.splitlines()) <= 1 and translation == " ".join(translation.split())
    assert TEXTS[text] in (None, translation)
    assert [other] == translator.translate(["frase número 3 d"], beam=1)
    longer_than_any_learnt = len(text.encode("utf-8", "replace")) > 40  # what it does not know is written in bytes
    cut = [text for doubt, text in said if doubt == CUT]
    assert cut == [text] * longer_than_any_learnt  # said of 1,000 words without a full stop, too; each once


def test_nothing_of_a_long_sentence_is_left_out(translator):
    for sentence in ("frase número 12 " * 300, "á" * 2_000, "x " + "número" * 99 + " y"):
        parts = translator.parts(sentence.strip())
        assert len(parts) > 1 and max(map(len, translator.tokenizer.encode(parts))) <= 128
        assert "".join("".join(parts).split()) == "".join(sentence.split())
    assert all(part.split()[0] in ("frase", "número", "12") for part in translator.parts("frase número 12 " * 300))


def test_the_fewest_tokens_that_a_run_may_name_leave_room_for_any_character(places):
    """Cut anywhere within four bytes of a character, a part would have no last whole one."""
    translator = fmkeras.load_translator(places["run"])
    for tokens in (1, 2, FEWEST_TOKENS - 1):
        with pytest.raises(InputError, match=f"max_sentence_tokens {tokens}"):
            Settings.load({"max_sentence_tokens": tokens})
    parting = Parting(translator.tokenizer, Settings.load({"max_sentence_tokens": FEWEST_TOKENS}))
    for sentence in ("a" * skipped + "𐍈" * 50 for skipped in range(12)):
        assert "".join(parting.parts(sentence)) == sentence


def test_a_run_without_its_model_says_so(places, refused, tmp_path):
    shutil.copytree(places["run"], tmp_path / "run")
    (tmp_path / "run" / runs.MODEL).unlink()
    refused(["translate", "text", "--run", str(tmp_path / "run"), "Olá"], "has not finished its first epoch")
