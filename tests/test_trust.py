"""Whoever loads a run does not run its maker's code, and reads and writes nothing but the run."""

import io
import json
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import fmkeras
from fmkeras import InputError, runs, trust
from fmkeras.translation.corpora import ted
from fmkeras.translation.model.transformer import Transformer

SIZES = dict(vocab_size=300, d_model=8, num_heads=2, d_ff=8, num_layers=1)


@pytest.fixture
def canary(tmp_path) -> Path:
    """A file that exists as soon as hostile code has run."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "code from a file was run"


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    """A translator's model."""
    path = tmp_path_factory.mktemp("good") / runs.MODEL
    runs.save_model(Transformer(**SIZES), path)
    return path


def altered(good: Path, path: Path, change, entries: dict[str, bytes] | None = None, **options) -> Path:
    """A copy of a model file with its config.json changed and entries replaced or added."""
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w", **options) as copy:
        content = {name: source.read(name) for name in source.namelist()} | (entries or {})
        config = json.loads(content["config.json"])
        content["config.json"] = json.dumps(change(config) or config).encode()
        for name, data in content.items():
            copy.writestr(name, data)
    return path


def refused(path: Path, words: str) -> None:
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        runs.load_model(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_our_own_models_load(good, tmp_path):
    trust.inspect(good)
    loaded = runs.load_model(altered(good, tmp_path / "same.keras", lambda config: None))
    for weight, other in zip(loaded.get_weights(), runs.load_model(good).get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


HOSTILE = {
    "a function of os": {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
    "a class of the standard library": {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}},
    "a builtin": {"module": "builtins", "class_name": "eval", "config": "1", "registered_name": "eval"},
    "a Lambda": {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "x"}},
    "a lambda": {"class_name": "__lambda__", "config": {"value": "code"}},
    "a getter of files": {"module": "keras.utils", "class_name": "function", "config": "get_file"},
    "a module that is no word": {"module": ["os"], "class_name": "system", "config": {}},
    "another registered name": {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {},
        "registered_name": "builtins>Dense",
    },
    "a layer that opens files": {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "config": {"vocabulary": "/etc/passwd"},
    },
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["instead", "within", "compiled"])
def test_an_object_that_is_not_ours_is_never_made(good, tmp_path, canary, name, place):
    def change(config: dict) -> dict | None:
        if place == "instead":
            return HOSTILE[name]
        compiled = config.setdefault("compile_config", {})  # Keras 3.8 writes none
        part = config["config"] if place == "within" else compiled
        part["dtype"] = [{"deep": HOSTILE[name]}]

    refused(altered(good, tmp_path / "hostile.keras", change), "no part of our models")


def test_a_lambda_that_would_run_is_not(tmp_path, canary):
    """A file as Keras itself writes it, with code inside."""
    code = f"open({str(canary)!r}, 'w')"
    layer = keras.layers.Lambda(eval(f"lambda x: ({code}, x)[1]"), output_shape=(2,))
    model = keras.Sequential([keras.Input((2,)), layer])
    canary.unlink(missing_ok=True)  # making it ran it once
    model.save(tmp_path / "lambda.keras")
    canary.unlink(missing_ok=True)
    refused(tmp_path / "lambda.keras", "no part of our models")


@pytest.mark.parametrize("name", ["../outside", "/outside", "assets/vocabulary.txt", "code.py", "data.pkl"])
def test_an_archive_with_other_files_is_refused(good, tmp_path, canary, name):
    class Evil:
        def __reduce__(self):
            return open, (str(canary), "w")

    refused(altered(good, tmp_path / "more.keras", lambda config: None, {name: pickle.dumps(Evil())}), "other files")
    assert not (tmp_path.parent / "outside").exists() and not Path("/outside").exists()


def test_a_bomb_is_not_unpacked(good, tmp_path):
    bomb = {"model.weights.h5": bytes(50_000_000)}
    path = altered(good, tmp_path / "bomb.keras", lambda config: None, bomb, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    refused(path, "more than its size")


SIZES_NEVER_MADE = [
    ("vocab_size", 10**12),
    ("vocab_size", 1e12),
    ("num_layers", 10**9),
    ("num_layers", 1000),
    ("d_model", 10**6),
    ("d_ff", 10**9),
    ("num_heads", 10**12),
    ("num_layers", 0),
    ("decoder_layers", 1000),
    ("decoder_layers", -1),
]


@pytest.mark.parametrize(("name", "size"), SIZES_NEVER_MADE)
def test_a_model_larger_than_its_weights_is_not_made(good, tmp_path, monkeypatch, name, size):
    monkeypatch.setattr(Transformer, "from_config", lambda config: pytest.fail("it was made"))
    change = lambda config: config["config"].update({name: size})  # noqa: E731
    refused(altered(good, tmp_path / "huge.keras", change), "it names sizes")


def test_a_regressor_larger_than_ours_is_not_made(tmp_path):
    path = tmp_path / "small.keras"
    runs.save_model(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), path)
    assert runs.load_model(path).input_shape == (None, 3)

    def change(config):
        config["config"]["layers"][1]["config"]["units"] = 1000

    refused(altered(path, tmp_path / "huge.keras", change), "more than one unit")


def weights(write) -> dict[str, bytes]:
    """An HDF5 file made by `write(file)`, as an entry of a model file."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        write(file)
    return {"model.weights.h5": content.getvalue()}


def large(file) -> None:
    file.create_dataset("a", shape=(1 << 40,), dtype="float32", chunks=(1 << 20,), fillvalue=0)


def elsewhere(file) -> None:
    file.create_dataset("a", shape=(4,), dtype="u1", external=[("/etc/passwd", 0, 4)])


def endless(file) -> None:
    file["a"] = file.create_group("b")
    file["b/c"] = file["/"]


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda file: file.__setitem__("a", h5py.ExternalLink("b.h5", "/")), "link"),
        (lambda file: file.__setitem__("a", h5py.SoftLink("/b")), "link"),
        (elsewhere, "other files"),
        (large, "more than its size"),
        (endless, "without end"),
    ],
    ids=["an external link", "a soft link", "data elsewhere", "a large array", "a circle"],
)
def test_weights_that_reach_outside_are_refused(good, tmp_path, write, words):
    refused(altered(good, tmp_path / "weights.keras", lambda config: None, weights(write)), words)


def test_no_pickle_anywhere():
    source = Path(fmkeras.__file__).parent
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found = re.findall(
            r"import pickle|pickle\.load|marshal|joblib\.(?:load|dump)|allow_pickle=True|\beval\(|\bexec\(", text
        )
        assert not found, f"{path.name}: {found}"
        assert text.count("np.load(") == text.count("allow_pickle=False"), path.name


@pytest.mark.parametrize("member", ["../evil.txt", "/fmkeras-evil.txt", "link"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path, monkeypatch, member):
    """Even one that both checksums let through. One with another checksum is not opened: see test_ted.py."""
    from tensorflow_datasets.core.download import extractor
    from test_ted import trust as trusted

    hostile = tmp_path / "served" / "hostile.tar.gz"
    hostile.parent.mkdir()
    with tarfile.open(hostile, "w:gz") as archive:
        entry = tarfile.TarInfo("good.txt")  # before the bad one: it shows that the archive is opened
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"good"))
        entry = tarfile.TarInfo(member)
        if member == "link":
            entry.type, entry.linkname = tarfile.SYMTYPE, str(tmp_path / "target.txt")
            archive.addfile(entry)
        entry = tarfile.TarInfo(member)
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"evil"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(ted, "download", lambda url, path, sha256: path.write_bytes(hostile.read_bytes()))
    trusted(monkeypatch)
    unpacked, copy = [], extractor._copy

    def watched(source, destination):
        copy(source, destination)
        unpacked.append(Path(destination).read_bytes())

    monkeypatch.setattr(extractor, "_copy", watched)
    with pytest.raises(ValueError, match="could not be prepared"):
        ted.from_archive("http://127.0.0.1/hostile.tar.gz", sha256="0" * 64)
    assert b"good" in unpacked
    outside = [path for path in tmp_path.rglob("*") if path.name in ("evil.txt", "target.txt")]
    assert not outside and not Path("/fmkeras-evil.txt").exists()


@pytest.fixture(scope="module")
def columns(tmp_path_factory) -> Path:
    """A regressor's model of raw columns: text, and numbers with gaps."""
    from fmkeras.houses.columns import Column
    from fmkeras.houses.encoding import Encoder

    zone = Column("zone", "category", "zone", values=("RL", "RM"))
    encoder = Encoder((zone, Column("a/b", "number", "a/b"), Column("area", "number", "area")))
    output = [keras.layers.Normalization(mean=[1.0], variance=[4.0], invert=True)]
    path = tmp_path_factory.mktemp("columns") / runs.MODEL
    model = encoder.keras_model(np.arange(5.0), [*output, keras.layers.Activation("exponential")])
    runs.save_model(model, path)
    return path


def test_a_regressor_of_raw_columns_loads(columns):
    assert set(runs.load_model(columns).input) == {"zone", "a/b", "area"}


@pytest.mark.parametrize(
    ("layer", "settings", "words"),
    [
        ("StringLookup", {"vocabulary": "/etc/passwd"}, "no part of our models"),
        ("StringLookup", {"vocabulary": [["a"]]}, "no part of our models"),
        ("StringLookup", {"num_oov_indices": 1000}, "sizes that no lookup of ours has"),
        ("StringLookup", {"max_tokens": 10**9}, "sizes that its weights do not have"),
        ("Activation", {"activation": "relu"}, "no part of our models"),
        ("Dense", {"units": 2}, "more than one unit"),
        ("InputLayer", {"batch_shape": [None, 10**9]}, "sizes that its weights do not have"),
    ],
)
def test_a_regressor_of_raw_columns_with_other_layers_is_not_made(columns, tmp_path, layer, settings, words):
    def change(config):
        found = next(part for part in config["config"]["layers"] if part["class_name"] == layer)
        found["config"].update(settings)

    refused(altered(columns, tmp_path / "changed.keras", change), words)


def test_an_operation_of_keras_that_is_not_ours_is_never_made(columns, tmp_path):
    def change(config):
        found = next(part for part in config["config"]["layers"] if part["class_name"] == "Isnan")
        found.update({"class_name": "Isinf", "registered_name": "Isinf"})

    refused(altered(columns, tmp_path / "changed.keras", change), "no part of our models")
