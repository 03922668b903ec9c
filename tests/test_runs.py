"""The run folder: nothing is lost, nothing is half written, and damage is named."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

import fmkeras
from fmkeras import InputError, runs
from fmkeras.translation import saved
from fmkeras.translation.training import session


@pytest.fixture
def folder(tmp_path):
    """A finished run."""
    path = tmp_path / "run"
    path.mkdir()
    for name in (runs.CONFIG, runs.REPORT):
        runs.write_json(path / name, {"name": name})
    return path


def names(path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


def test_start_makes_an_empty_folder(tmp_path):
    path, note = runs.start(tmp_path / "a" / "b")
    assert path.is_dir() and not names(path) and note is None
    assert runs.start(str(path)) == (path, None)  # empty already


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    """No shell has read what Python is given, nor --run=~/x."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert runs.start("~/run")[0] == runs.find("~/run") == tmp_path / "run"
    with session.folder_of("~/run", resume=False) as folder:
        assert folder == tmp_path / "run"
    with pytest.raises(InputError, match=f"{tmp_path.name}.run"):
        fmkeras.load_regressor("~/run")


def test_start_moves_a_run_aside_and_destroys_nothing(folder, tmp_path):
    path, note = runs.start(folder)
    assert not names(path) and "run.1" in note and "finished" in note
    assert names(tmp_path / "run.1") == {runs.CONFIG, runs.REPORT}
    runs.write_json(path / runs.CONFIG, {})
    _, note = runs.start(folder)
    assert "run.2" in note and "unfinished" in note
    assert names(tmp_path) == {"run", "run.1", "run.2"}


def test_start_refuses_what_is_no_run(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not a run folder"):
        runs.start(tmp_path)
    with pytest.raises(InputError):
        runs.start(tmp_path / "thesis.txt")
    with pytest.raises(InputError, match="cannot write"):
        runs.start(tmp_path / "thesis.txt" / "run")
    assert names(tmp_path) == {"thesis.txt"}


def test_whole_file_or_none(tmp_path):
    path = tmp_path / "file.txt"
    runs.write_text(path, "old\n")
    with pytest.raises(RuntimeError), runs.whole_file(path) as temporary:
        temporary.write_text("half of the n")
        assert path.read_text() == "old\n" and temporary.suffix == ".txt"
        raise RuntimeError
    assert path.read_text() == "old\n" and names(tmp_path) == {"file.txt"}
    with pytest.raises(KeyboardInterrupt), runs.whole_file(tmp_path / "other.txt"):
        raise KeyboardInterrupt
    assert names(tmp_path) == {"file.txt"}
    runs.write_text(path, "ação\nnew\n")
    assert path.read_bytes() == "ação\nnew\n".encode()


def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path, monkeypatch):
    """As on some network mounts: the rename has succeeded by then. A file that cannot be flushed is one."""
    flush, kinds = runs.flush, ["folder"]

    def refuse(path):
        if ("folder" if path.is_dir() else "file") in kinds:
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(path)

    monkeypatch.setattr(runs, "flush", refuse)
    runs.write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    kinds.append("file")
    with pytest.raises(InputError, match=r"a\.txt cannot be written \(Invalid argument\)"):
        runs.write_text(tmp_path / "a.txt", "newer")
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_folder_without_the_right_to_write(folder):
    folder.chmod(0o500)
    try:
        with pytest.raises(InputError, match=r"a\.txt cannot be written \(Permission denied\)"):
            runs.write_text(folder / "a.txt", "new")
        with pytest.raises(InputError, match=r"cannot write to .* \(Permission denied\)"):
            runs.start(folder / "below")
    finally:
        folder.chmod(0o700)
    assert names(folder) == {runs.CONFIG, runs.REPORT}


def test_a_read_only_file_system(folder, monkeypatch):
    """What the system says of one, since a test cannot mount it everywhere."""

    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    for owner, name in ((Path, "touch"), (Path, "mkdir"), (os, "rename")):
        monkeypatch.setattr(owner, name, refuse)
    for write in (lambda: runs.write_text(folder / "a.txt", "new"), lambda: runs.start(folder)):
        with pytest.raises(InputError, match=r"Read-only file system") as caught:
            write()
        assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.undo()
    assert names(folder) == {runs.CONFIG, runs.REPORT} and names(folder.parent) == {folder.name}


@pytest.mark.skipif(runs.fcntl is None, reason="no locks on Windows")
def test_two_trainings_do_not_share_a_folder(folder, tmp_path):
    with runs.alone(folder):
        for begin in (lambda: runs.start(folder), lambda: runs.alone(folder).__enter__()):
            with pytest.raises(InputError, match=r"another training writes to .*: name another --run"):
                begin()
        assert names(folder) == {runs.CONFIG, runs.REPORT} and names(tmp_path) == {"run"}
        with runs.alone(tmp_path):
            pass
    _, note = runs.start(folder)  # its time is over
    assert "run.1" in note


def test_json_there_and_back(tmp_path):
    content = {"dataset": "ação", "rows": 3, "test": {"r2": None, "mse": 0.1}}
    runs.write_json(tmp_path / "a.json", content)
    assert runs.read_json(tmp_path / "a.json") == content
    assert "ação" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", [b"", b'{"rows": 3', b"[1]", b"\xff\xfe", b"null", b"[" * 100_000])
def test_damaged_json_is_named(tmp_path, damage):
    (tmp_path / runs.CONFIG).write_bytes(damage)
    with pytest.raises(InputError, match=r"config\.json") as caught:
        runs.read_json(tmp_path / runs.CONFIG)
    assert "\n" not in str(caught.value)


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        runs.read_json(tmp_path / "none" / runs.CONFIG)


@pytest.fixture(scope="module")
def model():
    import keras

    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def test_a_regressor_is_no_translator():
    """It was taken for a run of another version."""
    with pytest.raises(InputError, match="holds a regressor"):
        saved.load_run(Path(__file__).parent / "runs_0_1" / "regress", "translate")


def test_models_there_and_back(tmp_path, model):
    runs.save_model(model, tmp_path / runs.MODEL)
    assert names(tmp_path) == {runs.MODEL}
    x = np.ones((3, 2), "float32")
    np.testing.assert_array_equal(runs.load_model(tmp_path / runs.MODEL)(x), model(x))


def test_damaged_models_are_named(tmp_path, model):
    path = tmp_path / runs.MODEL
    with pytest.raises(InputError, match="is missing"):
        runs.load_model(path)
    runs.save_model(model, path)
    whole = path.read_bytes()
    for damage in (b"", b"not a model", whole[: len(whole) // 2]):
        path.write_bytes(damage)
        with pytest.raises(InputError, match="cannot be loaded") as caught:
            runs.load_model(path)
        assert "\n" not in str(caught.value)


def test_a_model_file_cannot_bring_code(tmp_path):
    """A Lambda layer is Python code in a file: loading it must fail."""
    import keras

    bad = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)])
    bad.save(tmp_path / runs.MODEL)
    with pytest.raises(InputError, match="cannot be loaded"):
        runs.load_model(tmp_path / runs.MODEL)


def test_save_figure(tmp_path):
    from matplotlib.figure import Figure

    runs.save_figure(Figure(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG") and names(tmp_path) == {"a.png"}


def test_a_report_is_plain_json(folder):
    assert json.loads((folder / runs.REPORT).read_text()) == {"name": runs.REPORT}
