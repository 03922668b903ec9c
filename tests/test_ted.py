"""TED from wherever it is to be had, and what happens where it is not. Every host is a server on this machine."""

import hashlib
import http.server
import io
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import textwrap
import threading
from pathlib import Path

import pytest

from fmkeras.errors import InputError
from fmkeras.translation.corpora import ted

TEXTS = {
    "pt.train": "não funcionou .\nbom dia .\n\nonde fica a praia ?\n",
    "en.train": "it did n't work .\ngood morning .\n\nwhere is the beach ?\n",
    "pt.dev": "o comboio está atrasado .\n",
    "en.dev": "the train is late .\n",
    "pt.test": "obrigado .\nela é médica .\n",
    "en.test": "thank you .\nshe 's a doctor .\n",
}
PAIRS = {
    "train": {
        ("não funcionou .", "it did n't work ."),
        ("bom dia .", "good morning ."),
        ("onde fica a praia ?", "where is the beach ?"),
    },
    "validation": {("o comboio está atrasado .", "the train is late .")},
    "test": {("obrigado .", "thank you ."), ("ela é médica .", "she 's a doctor .")},
}
CLOUD_PATH = f"/datasets/{ted.NAME}/{ted.VERSION}"


def tarball(texts: dict[str, str]) -> bytes:
    """An archive of the layout of the original."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in texts.items():
            info = tarfile.TarInfo(f"datasets/pt_to_en/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


ARCHIVE = tarball(TEXTS)


class Server(http.server.ThreadingHTTPServer):
    """Serves `pages`: path -> bytes, or a function of the request handler."""

    def __init__(self):
        self.pages, self.asked, self.over = {}, [], threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is part of these tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path)
        if page is None:
            self.send_error(404)
        elif callable(page):
            page(self)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

    def log_message(self, *arguments):
        pass


def silent(handler):
    """Accept, and never answer."""
    handler.server.over.wait(60)


def cut(handler):
    """Announce more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(ARCHIVE)))
    handler.end_headers()
    handler.wfile.write(ARCHIVE[:-40])


def cut_chunk(handler):
    """Break off without having announced a length."""
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"fff\r\n" + ARCHIVE[:40])
    handler.close_connection = True


def stalled(handler):
    """Begin, and stop for so long that nobody should wait for the rest."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(ARCHIVE)))
    handler.end_headers()
    handler.wfile.write(ARCHIVE[:40])
    if not handler.server.over.wait(60):
        handler.wfile.write(ARCHIVE[40:])


def closed_port() -> str:
    """A host that refuses connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def server(monkeypatch):
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setattr(ted, "CLOUD", f"{server.url}/datasets")
    monkeypatch.setattr(ted, "HOSTS", (f"{server.url}/original.tar.gz", f"{server.url}/archived.tar.gz"))
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """TFDS's data folder, empty; and no host but those of the test."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(ted, "CLOUD", closed_port())
    monkeypatch.setattr(ted, "HOSTS", (f"{closed_port()}/original.tar.gz", f"{closed_port()}/archived.tar.gz"))
    monkeypatch.setattr(ted, "SHA256", hashlib.sha256(ARCHIVE).hexdigest())
    return tmp_path / "tfds"


def trust(patch: pytest.MonkeyPatch) -> None:
    """TFDS holds an archive against the checksum that it records: let it take ours for the real one."""
    from tensorflow_datasets.core.download import checksums

    sha256, size = "216a86c3df4d4f522856fe9b920ff5be6b394d769cc88974ae8f9f5546953bbc", 131_005_909
    real = checksums.UrlInfo(size=size, checksum=sha256, filename=ted.ARCHIVE)
    patch.setattr(checksums, "compute_url_info", lambda path, *_: real)


@pytest.fixture
def trusting(monkeypatch):
    trust(monkeypatch)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """A small data set that TFDS has prepared from the archive: the folder of its files."""
    with pytest.MonkeyPatch.context() as patch:
        data = tmp_path_factory.mktemp("tfds")
        patch.setenv("TFDS_DATA_DIR", str(data))
        trust(patch)
        source = tmp_path_factory.mktemp("host") / "archive"
        source.write_bytes(ARCHIVE)
        ted.from_archive(source.as_uri(), hashlib.sha256(ARCHIVE).hexdigest())
        return data / ted.NAME / ted.VERSION


def put(prepared: Path, folder: Path) -> Path:
    """Copy the prepared data set to TFDS's data folder."""
    return Path(shutil.copytree(prepared, folder / ted.NAME / ted.VERSION))


def as_sets(splits) -> dict[str, set]:
    assert {split: len(pairs) for split, pairs in splits.items()} == {
        split: len(pairs) for split, pairs in PAIRS.items()
    }
    return {split: set(pairs) for split, pairs in splits.items()}


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def one_line(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert "\n" not in message and len(message) < 700
    return message


# --- where it is had from


def test_prepared_on_disk_is_read_without_network(prepared, folder, server):
    put(prepared, folder)
    assert as_sets(ted.load()) == PAIRS
    assert server.asked == []


def test_reading_is_in_the_same_order_each_time(prepared, folder):
    put(prepared, folder)
    assert ted.load() == ted.load()


def test_cloud_copy_comes_first(prepared, folder, server):
    server.pages = {f"{CLOUD_PATH}/{file.name}": file.read_bytes() for file in prepared.iterdir()}
    server.pages["/original.tar.gz"] = ARCHIVE
    assert as_sets(ted.load()) == PAIRS
    assert all(path.startswith(CLOUD_PATH) for path in server.asked)
    assert files(folder) == sorted(f"{ted.NAME}/{ted.VERSION}/{file.name}" for file in prepared.iterdir())


@pytest.mark.parametrize("page", ["/original.tar.gz", "/archived.tar.gz"])
def test_archive_of_either_host(page, folder, server, trusting):
    server.pages[page] = ARCHIVE
    assert as_sets(ted.load()) == PAIRS
    asked = [f"{CLOUD_PATH}/dataset_info.json", "/original.tar.gz", "/archived.tar.gz"]
    assert server.asked == asked[: asked.index(page) + 1]
    # Neither the archive nor what was unpacked of it stays: it is 15 times the size of what is needed.
    assert {Path(name).parts[:3] for name in files(folder)} == {(*ted.NAME.split("/"), ted.VERSION)}
    before = len(server.asked)
    assert as_sets(ted.load()) == PAIRS
    assert len(server.asked) == before, "the second time it comes from disk"


def test_dead_first_hosts_are_passed_over(folder, server, trusting, monkeypatch):
    monkeypatch.setattr(ted, "CLOUD", closed_port())
    monkeypatch.setattr(ted, "HOSTS", (f"{closed_port()}/original.tar.gz", f"{server.url}/archived.tar.gz"))
    server.pages["/archived.tar.gz"] = ARCHIVE
    assert as_sets(ted.load()) == PAIRS


def test_default_folder_is_that_of_tfds(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert ted.data_dir() == Path.home() / "tensorflow_datasets"
    monkeypatch.setenv("TFDS_DATA_DIR", "")
    assert ted.data_dir() == Path.home() / "tensorflow_datasets"


# --- where it is not


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (None, "answered 404"),
        (cut, rf"broke off after {len(ARCHIVE) - 40:,} of {len(ARCHIVE):,} bytes"),
        (cut_chunk, r"broke off"),
        (tarball(TEXTS | {"pt.dev": "o autocarro está atrasado .\n"}), "gave another file .SHA-256"),
        (b"<html>Please log in</html>", "gave another file .SHA-256"),
        (lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "cannot be reached"),
    ],
    ids=["404", "cut", "cut chunk", "other archive", "portal", "not HTTP"],
)
def test_bad_host_is_named_and_leaves_nothing(page, said, folder, server, trusting):
    if page is not None:
        server.pages["/original.tar.gz"] = page
    with pytest.raises(InputError) as error:
        ted.load()
    message = one_line(error)
    assert re.search(rf"127\.0\.0\.1:{server.server_port} {said}", message)
    assert "TFDS_DATA_DIR" in message and "phrasebook" in message
    assert server.asked[-1] == "/archived.tar.gz", "a bad host does not keep from the next one"
    assert files(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("page", [cut, cut_chunk, b"another file"])
def test_download_is_whole_or_not_at_all(page, server, tmp_path):
    server.pages["/file"] = page
    (tmp_path / "file").write_text("what was there before")
    with pytest.raises((OSError, ValueError)):
        ted.download(f"{server.url}/file", tmp_path / "file", ted.SHA256)
    assert files(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "what was there before"
    server.pages["/file"] = ARCHIVE
    ted.download(f"{server.url}/file", tmp_path / "file", ted.SHA256)
    assert files(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == ARCHIVE


def test_next_host_serves_after_a_bad_one(folder, server, trusting):
    server.pages = {"/original.tar.gz": cut, "/archived.tar.gz": ARCHIVE}
    assert as_sets(ted.load()) == PAIRS


def test_tfds_checks_the_archive_too(folder, server):
    """Without the fixture `trusting`: an archive that is not TED's own never gets in, whatever SHA256 says."""
    server.pages["/original.tar.gz"] = ARCHIVE
    with pytest.raises(InputError, match=r"could not be prepared \(Artifact http"):
        ted.load()
    assert list(folder.iterdir()) == []


def test_the_checksum_is_the_one_that_tfds_records(monkeypatch):
    monkeypatch.undo()
    tfds = ted.imported()
    (info,) = tfds.builder_cls(ted.NAME.split("/")[0]).url_infos.values()
    assert (info.checksum, info.filename) == (ted.SHA256, ted.ARCHIVE)
    assert set(tfds.builder_cls(ted.NAME.split("/")[0]).url_infos) == {ted.HOSTS[0]}
    assert ted.HOSTS[1].endswith(ted.HOSTS[0])


def test_archive_with_unequal_sides(folder, server, trusting, monkeypatch):
    broken = tarball(TEXTS | {"pt.dev": ""})
    monkeypatch.setattr(ted, "SHA256", hashlib.sha256(broken).hexdigest())
    server.pages["/original.tar.gz"] = broken
    with pytest.raises(InputError, match="could not be prepared"):
        ted.load()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("change", ["missing shard", "cut shard", "not JSON", "no splits", "other splits"])
def test_bad_cloud_copy(change, prepared, folder, server):
    server.pages = {f"{CLOUD_PATH}/{file.name}": file.read_bytes() for file in prepared.iterdir()}
    info, shard = (next(p for p in server.pages if name in p) for name in ("dataset_info", "train.tfrecord"))
    if change == "missing shard":
        del server.pages[shard]
    elif change == "cut shard":
        server.pages[shard] = cut
    else:
        content = server.pages[info].decode()
        texts = {"not JSON": "<html>", "no splits": "{}", "other splits": content.replace('"test"', '"extra"')}
        server.pages[info] = texts[change].encode()
    with pytest.raises(InputError) as error:
        ted.load()
    said = {"missing shard": "answered 404", "cut shard": "broke off", "other splits": "has not the splits"}
    assert said.get(change, "gave something else") in one_line(error).split(";")[0]
    assert list(folder.iterdir()) == []


def test_silent_host_is_given_up(folder, server, monkeypatch):
    monkeypatch.setattr(ted, "PATIENCE", 0.2)
    server.pages = {f"{CLOUD_PATH}/dataset_info.json": silent, "/original.tar.gz": silent, "/archived.tar.gz": silent}
    with pytest.raises(InputError, match=r"no answer in 0\.2 seconds"):
        ted.load()
    assert list(folder.iterdir()) == []


def test_transfer_that_stands_still_is_given_up(folder, server, monkeypatch):
    monkeypatch.setattr(ted, "STALL", 0.3)
    server.pages["/original.tar.gz"] = stalled
    with pytest.raises(InputError, match=rf"broke off after \d+ of {len(ARCHIVE):,} bytes"):
        ted.load()
    assert list(folder.iterdir()) == []


def test_no_network_is_found_out(folder):
    with pytest.raises(InputError, match=r"cannot be reached \(\[Errno \d+\] ") as error:
        ted.load()
    assert len(re.findall("cannot be reached", one_line(error))) == 3, "every host that was tried is named"
    assert list(folder.iterdir()) == []


def test_slow_name_look_up_is_found_out_soon(monkeypatch):
    """A look-up has no time limit of its own: without a network it can take half a minute for each host."""
    over = threading.Event()

    def slow(*arguments, **options):
        over.wait(60)
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(ted, "PATIENCE", 0.2)
    with pytest.raises(InputError, match=r"no answer in 0\.2 seconds"):
        ted.load()
    over.set()


def test_tfds_never_asks_its_cloud(folder, server, trusting, monkeypatch):
    """TFDS before 4.9.8 asks gs:// about each data set that it has to prepare: minutes without a network."""
    gcs_utils = pytest.importorskip("tensorflow_datasets.core.utils.gcs_utils")
    asked = []
    monkeypatch.setattr(gcs_utils, "_is_gcs_disabled", False)
    monkeypatch.setattr(gcs_utils, "exists", lambda path: asked.append(path))
    server.pages["/original.tar.gz"] = ARCHIVE
    ted.load()
    assert asked == []


def test_no_download_means_none(folder, server):
    server.pages["/original.tar.gz"] = ARCHIVE
    with pytest.raises(InputError) as error:
        ted.load(download=False)
    assert "does not exist" in one_line(error) and str(folder) in one_line(error)
    assert server.asked == [] and not folder.exists()


def test_interruption_leaves_nothing(folder, server, monkeypatch):
    def interrupted(response, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("http.client.HTTPResponse.read", interrupted)
    server.pages["/original.tar.gz"] = ARCHIVE
    with pytest.raises(KeyboardInterrupt):
        ted.load()
    assert list(folder.iterdir()) == []


def test_folder_that_cannot_be_written(folder, server):
    folder.write_text("a file where the folder should be")
    with pytest.raises(InputError) as error:
        ted.load()
    assert "TED cannot be had" in one_line(error)


# --- where it is damaged


def test_half_made_folder(prepared, folder, server):
    (put(prepared, folder) / "dataset_info.json").unlink()
    with pytest.raises(InputError) as error:
        ted.load()
    assert "delete it" in one_line(error) and str(folder) in one_line(error)
    assert server.asked == []


@pytest.mark.parametrize("damage", ["turned byte", "cut", "missing", "empty", "no JSON", "no features"])
def test_damaged_files(damage, prepared, folder, server):
    copy = put(prepared, folder)
    record = next(copy.glob("*validation*tfrecord*"))
    content = bytearray(record.read_bytes())
    if damage == "turned byte":
        content[len(content) // 2] ^= 0x55
        record.write_bytes(content)
    elif damage == "cut":
        record.write_bytes(content[:-3])
    elif damage == "missing":
        record.unlink()
    elif damage == "empty":
        record.write_bytes(b"")
    else:
        (copy / ("dataset_info.json" if damage == "no JSON" else "features.json")).write_text("{")
    with pytest.raises(InputError) as error:
        ted.load()
    message = one_line(error)
    assert "cannot be read" in message and "delete it" in message and str(copy) in message
    assert server.asked == []


@pytest.mark.parametrize("missing", ["importlib_resources", "tensorflow_metadata", "tensorflow_datasets"])
def test_missing_package_is_named_in_one_line(missing, folder):
    code = f"""
        import sys
        sys.modules[{missing!r}] = None
        from fmkeras.translation.corpora import ted
        try:
            ted.load()
        except ted.InputError as error:
            print(error)
    """
    command, root = [sys.executable, "-c", textwrap.dedent(code)], Path(__file__).parents[1]
    process = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=600)
    assert len(process.stdout.splitlines()) == 1, process.stderr
    assert missing in process.stdout and "requirements.txt" in process.stdout
    assert "Traceback" not in process.stderr, "TFDS logs one, and means nothing to the user"


# --- the rehearsal


def test_rehearsal_has_the_size_of_ted(rehearsal):
    assert {split: len(pairs) for split, pairs in rehearsal.items()} == {
        "train": 51_785,
        "validation": 1_193,
        "test": 1_803,
    }
    assert all(isinstance(side, str) for pairs in rehearsal.values() for pair in pairs for side in pair)
    source, target = rehearsal["validation"][0]
    assert source == source.lower() and target == target.lower() and source != target
