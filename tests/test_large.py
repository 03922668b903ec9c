"""Many pairs are prepared on the disk, chunk by chunk: the same pairs and ids as in memory, found again, never half."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fmkeras import InputError, runs, workers
from fmkeras.translation.corpora import cache, corpus, encoding, formats, held_out, own, stored
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training import bpe_dropout
from fmkeras.translation.training.bpe_dropout import BpeDropout

ROWS = [
    f"frase número {i} com {'muitas ' * (i % 9)}palavras\tsentence number {i} of {'many ' * (i % 9)}words\n"
    for i in range(300)
]
TEXT = "".join([*ROWS, *ROWS[:40], "\t\nx\t\n", "um\x07dois\tone two\n", "igual\tigual\n", f"{'a' * 3000}\tb\n"])
TEXT += "".join(f"<p>parágrafo {i}</p>\tparagraph {i}\n" for i in range(30))


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def large(monkeypatch):
    """Every file counts as large, and a chunk is a few pairs; without other processes, which would not know of it."""
    monkeypatch.setattr(own, "LARGE", 1)
    monkeypatch.setattr(stored, "CHUNK", 64)
    monkeypatch.setattr(workers, "in_order", lambda function, jobs: (function(*job) for job in jobs))


def options(file, **more) -> Settings:
    return Settings(dataset=str(file), source="pt", target="en", **more)


@pytest.mark.parametrize("more", [{}, {"clean": True}, {"limit": 50}, {"held_out": 0.1}, {"source_column": 2}])
def test_on_the_disk_they_are_the_same_as_in_memory(file, tmp_path, large, more):
    expected = corpus.load(options(file, **more))
    for _ in range(2):  # made, and found
        found = corpus.load(options(file, **more), tmp_path / "cache")
        assert isinstance(found.train, stored.StoredPairs) and list(found.train) == list(expected.train)
        for name in ("validation", "test", "notes", "digest", "held_out", "source", "target"):
            assert getattr(found, name) == getattr(expected, name), name
    np.testing.assert_array_equal(*(held_out.fingerprints(loaded.train) for loaded in (expected, found)))


def test_files_of_their_own_to_validate_and_test_on(file, tmp_path, large):
    (tmp_path / "mine.tsv").write_text("bom dia\tgood morning\n", encoding="utf-8")
    mine = str(tmp_path / "mine.tsv")
    for more in ({"test": mine}, {"test": mine, "validation": mine}):
        expected = corpus.load(options(file, **more))
        found = corpus.load(options(file, **more), tmp_path / "cache")
        assert found.test == expected.test == [("bom dia", "good morning")]
        assert (list(found.train), found.validation) == (list(expected.train), expected.validation)


def test_the_ids_are_the_same_as_in_memory(file, tmp_path, large):
    expected, found = corpus.load(options(file)), corpus.load(options(file), tmp_path / "cache")
    tokenizer = Tokenizer.train((side for pair in expected.train for side in pair), 400)
    sides = encoding.encode_pairs(expected.train, tokenizer, 12)
    assert 0 < len(sides[0]) < len(expected.train)
    for _ in range(2):
        again = encoding.encode_pairs(found.train, tokenizer, 12)
        assert again == sides and again[0].ids.dtype == "uint16"
        assert Batches(*again).fingerprint() == Batches(*sides).fingerprint()
    assert len(list((tmp_path / "cache").glob("ids-*"))) == 1
    encoding.encode_pairs(found.train, tokenizer, 30)
    encoding.encode_pairs(found.train[:100], tokenizer, 12)
    assert len(list((tmp_path / "cache").glob("ids-*"))) == 3
    with pytest.raises(InputError, match="every training pair is longer than 1 tokens"):
        encoding.encode_pairs(found.train, tokenizer, 1)


def test_they_are_known_by_their_bytes_and_not_read_again(file, tmp_path, large, monkeypatch):
    expected = corpus.load(options(file), tmp_path / "cache")
    moved = file.rename(tmp_path / "elsewhere.tsv")
    monkeypatch.setattr(formats, "read", None)
    again = corpus.load(options(moved), tmp_path / "cache")
    assert again.digest == expected.digest and list(again.train) == list(expected.train)
    monkeypatch.undo()
    monkeypatch.setattr(own, "LARGE", 1)
    moved.write_text(TEXT.replace("muitas", "poucas"), encoding="utf-8")
    other = corpus.load(options(moved), tmp_path / "cache")
    assert other.digest != expected.digest and not any("muitas" in source for source, _ in other.train)


def test_small_files_make_no_cache(file, tmp_path):
    corpus.load(options(file), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_mistake_in_a_large_file_is_named_and_leaves_nothing(file, tmp_path, large):
    file.write_text(TEXT + "no tab\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line \d+: 1 columns"):
        corpus.load(options(file), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


# --- the cache


def numbers(writer: cache.Writer) -> dict:
    writer.append("numbers", np.arange(5))
    writer.append("numbers", np.arange(3))
    writer.append("nothing", np.empty(0, "<u8"))
    return {"made": os.getpid()}


def test_an_entry_is_made_once(tmp_path):
    made = []

    def make(writer):
        made.append(1)
        return numbers(writer)

    for key in ({"a": 1}, {"a": 1}, {"a": 2}):
        found = cache.entry(tmp_path / "cache", "kind", key, make)
        assert found.array("numbers").tolist() == [0, 1, 2, 3, 4, 0, 1, 2] and found.array("nothing").tolist() == []
        assert found.info == {"made": os.getpid()}
    assert len(made) == 2


@pytest.mark.parametrize("damage", ["shorter", "longer", "gone", "no list", "other list"])
def test_a_damaged_entry_is_made_anew(tmp_path, damage):
    folder = cache.entry(tmp_path, "kind", {}, numbers).folder
    content = (folder / "numbers").read_bytes()
    if damage == "gone":
        (folder / "numbers").unlink()
    elif damage.endswith("list"):
        (folder / cache.WHOLE).write_text("{}" if damage == "other list" else "[", encoding="utf-8")
    else:
        (folder / "numbers").write_bytes(content[:-1] if damage == "shorter" else content + b"x")
    assert cache.entry(tmp_path, "kind", {}, numbers).array("numbers").tobytes() == content


def test_what_was_killed_is_removed_and_what_is_being_made_is_not(tmp_path):
    for name in ("dead", "alive"):
        (tmp_path / f"{runs.UNFINISHED}{name}").mkdir()
        (tmp_path / f"{runs.UNFINISHED}{name}" / "numbers").write_bytes(b"half")
    with runs.alone(tmp_path / f"{runs.UNFINISHED}alive"):
        cache.entry(tmp_path, "kind", {}, numbers)
    assert [path.name for path in tmp_path.glob(f"{runs.UNFINISHED}*")] == [f"{runs.UNFINISHED}alive"]


def test_two_at_once_make_the_same(tmp_path):
    def make(writer):
        if len(list(tmp_path.iterdir())) == 1:  # before it ends, another begins and ends
            cache.entry(tmp_path, "kind", {}, numbers)
        return numbers(writer)

    assert len(cache.entry(tmp_path, "kind", {}, make).array("numbers")) == 8
    assert len(list(tmp_path.iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file cannot be written .*name another --cache"):
        cache.entry(tmp_path / "file", "kind", {}, numbers)


def test_the_cache_lies_beside_the_run(tmp_path):
    assert cache.place("", tmp_path / "runs" / "translate") == tmp_path / "runs" / cache.FOLDER
    assert cache.place("elsewhere", tmp_path / "run") == Path("elsewhere")


PREPARED = """
import os, signal, sys
from fmkeras.translation.corpora import cache, corpus, encoding, own, stored
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.settings import Settings

own.LARGE, stored.CHUNK, left = 1, 64, int(sys.argv[3])
def dying(function):
    def call(*arguments):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call
cache.Writer.append, os.rename = dying(cache.Writer.append), dying(os.rename)
loaded = corpus.load(Settings(dataset=sys.argv[1], source="pt", target="en"), cache.Path(sys.argv[2]))
tokenizer = Tokenizer.train((side for pair in loaded.train for side in pair), 400)
print(loaded.digest, len(loaded.train), Batches(*encoding.encode_pairs(loaded.train, tokenizer, 12)).fingerprint())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_at_any_moment_it_is_never_half(file, tmp_path):
    """Each start dies a little later than the one before, at a write or at a rename; the last one ends."""
    (expected,) = {prepared(file, tmp_path / "whole", 0) for _ in range(2)}
    said, deaths = "", 0
    while not said and deaths < 30:
        said = prepared(file, tmp_path / "cache", 1 + 4 * deaths)
        deaths += not said
    assert said == expected and deaths > 5
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {p.name for p in (tmp_path / "whole").iterdir()}


def prepared(file: Path, place: Path, dies: int) -> str:
    """What a process says of the data that it prepared; nothing if it died, at the so-many-th write or rename."""
    command = [sys.executable, "-c", PREPARED, str(file), str(place), str(dies)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=300)
    assert ended.returncode == (0 if ended.stdout else -9), ended.stderr
    return ended.stdout


# --- processes


def test_processes_keep_the_order_and_pass_errors_on():
    jobs = ((text,) for text in ["1", "22", "333"] * 5)
    assert list(workers.in_order(len, jobs)) == [1, 2, 3] * 5
    with pytest.raises(ValueError, match="invalid literal"):
        list(workers.in_order(int, [("1",), ("x",), ("3",)]))
    assert list(workers.in_order(os.getpid, [()])) == [os.getpid()] and list(workers.in_order(len, [])) == []
    assert os.getpid() not in list(workers.in_order(os.getpid, [(), ()]))


def test_a_process_that_is_ended_is_said():
    with pytest.raises(InputError, match="was ended, perhaps for want of memory"):
        list(workers.in_order(os._exit, [(1,), (1,)]))


ORPHANS = """
import os, time
from fmkeras import workers
print(*set(workers.in_order(os.getpid, [()] * 8)), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_processes_end_with_the_program_however_that_ends():
    command = [sys.executable, "-c", ORPHANS]
    root = Path(__file__).parents[1]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    numbers = process.stdout.readline().split()
    assert numbers
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while (left := [n for n in numbers if Path(f"/proc/{n}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


# --- BPE-dropout


def test_many_pairs_are_cut_part_by_part(monkeypatch):
    text = [row.split("\t")[0] for row in ROWS]
    tokenizer = Tokenizer.train(text, 350)
    ids = tokenizer.encode_corpus(text)
    batches = Batches(ids, ids, 300, start=np.arange(300))
    whole = BpeDropout(batches, tokenizer, 0.2)
    assert whole.parts == 1 and tokenizer.decode(whole(0).source) == text
    assert 1 < whole.longer == pytest.approx(len(whole(0)) / len(batches), rel=0.1)
    monkeypatch.setattr(bpe_dropout, "PART", 128)
    made = BpeDropout(batches, tokenizer, 0.2)
    assert made.parts == 3
    places = [(0, 0), (0, 1), (0, 2), (1, 0)]
    parts = {place: made(*place) for place in places}
    epoch = [sentence for place in places[:3] for sentence in tokenizer.decode(parts[place].source)]
    assert sorted(epoch) == sorted(text) and epoch != text
    assert [text[i] for part in list(parts.values())[:3] for i in part.start] == epoch, "what belongs to a pair stays"
    assert [len(part.source) for part in parts.values()] == [128, 128, 44, 128]
    assert tokenizer.decode(parts[0, 0].source) != tokenizer.decode(parts[1, 0].source)
    again = BpeDropout(batches, tokenizer, 0.2)  # resumed: the same, from wherever it goes on
    for place in ((0, 2), (1, 0), (0, 1)):
        assert again(*place).source == parts[place].source and again(*place).target == parts[place].target
