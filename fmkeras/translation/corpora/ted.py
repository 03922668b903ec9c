"""TED pt→en (Qi et al. 2018) through TensorFlow Datasets, from the first place that has it.

The host of the original stopped serving it in early 2026, and TFDS takes over three minutes to give a host up. So we
look ourselves, a few seconds each: prepared on disk; TFDS's cloud copy of the prepared files; the original host; its
archived copy. What the last two give is checked against the SHA-256 that TFDS records, before it is opened.
"""

import contextlib
import hashlib
import http.client
import json
import os
import queue
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

from tqdm.auto import tqdm

from fmkeras.errors import InputError

NAME, VERSION = "ted_hrlr_translate/pt_to_en", "1.0.0"
CLOUD = "https://storage.googleapis.com/tfds-data/datasets"
ARCHIVE = "qi18naacl-dataset.tar.gz"
HOSTS = (
    f"http://www.phontron.com/data/{ARCHIVE}",
    f"https://web.archive.org/web/20240301220426if_/http://www.phontron.com/data/{ARCHIVE}",
)
SHA256 = "216a86c3df4d4f522856fe9b920ff5be6b394d769cc88974ae8f9f5546953bbc"
SPLITS = ("train", "validation", "test")
PATIENCE = 5.0  # seconds that a host may take to answer
STALL = 30.0  # seconds that a transfer under way may stand still

Pairs = list[tuple[str, str]]


def load(download: bool = True) -> dict[str, Pairs]:
    """All pairs of TED by split, from disk or, if `download`, from the network.

    Raises:
        InputError: TED is nowhere to be had; says what was tried.
    """
    imported()  # without it, what is fetched could not be read
    failures = []
    ways: list[Callable[[], None]] = [from_cloud, *(partial(from_archive, url) for url in HOSTS)]
    if not prepared().exists():
        if prepared().parent.exists():
            raise InputError(f"{prepared().parent} holds only a part of TED: delete it, and it is made anew")
        for fetch in ways if download else ():
            try:
                fetch()
            except (OSError, ValueError) as error:
                failures.append(" ".join(str(error).split()))
            if prepared().exists():
                break
        else:
            tried = "; ".join(failures) or f"{prepared().parent} does not exist"
            raise InputError(
                f"TED cannot be had ({tried}): set TFDS_DATA_DIR to a folder that has it, or use the phrasebook"
            )
    return read()


def data_dir() -> Path:
    """TFDS's data folder: TFDS_DATA_DIR, or its default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def prepared() -> Path:
    """The file that a data set prepared by TFDS has."""
    return data_dir() / NAME / VERSION / "dataset_info.json"


def read() -> dict[str, Pairs]:
    """The pairs of the prepared data set, by split, in the order of the files.

    Raises:
        InputError: TFDS cannot be imported, or cannot read the files.
    """
    tfds = imported()
    try:
        builder = tfds.builder(f"{NAME}:{VERSION}", data_dir=data_dir())
        splits: dict[str, Pairs] = {}
        for split in SPLITS:
            # Row by row, TFDS would take three times as long.
            batches = tfds.as_numpy(builder.as_dataset(split=split, batch_size=1024, shuffle_files=False))
            rows = [row for batch in batches for row in zip(batch["pt"], batch["en"], strict=True)]
            splits[split] = [(pt.decode(), en.decode()) for pt, en in rows]
        return splits
    except Exception as error:  # whatever TensorFlow makes of a damaged file
        raise InputError(
            f"{prepared().parent} cannot be read ({_line(error)}): delete it, and it is made anew"
        ) from None


def from_cloud(base: str | None = None) -> None:
    """Fetch the files that TFDS has prepared, over HTTPS, into TFDS's data folder.

    Raises:
        OSError: it cannot be reached, or has not got them.
        ValueError: what came is not such a data set.
    """
    base = f"{base or CLOUD}/{NAME}/{VERSION}"
    with _whole_data_set() as temporary:
        folder = temporary / NAME / VERSION
        folder.mkdir(parents=True)
        for name in ("dataset_info.json", "features.json"):
            download(f"{base}/{name}", folder / name)
        try:
            info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
            shards = {split["name"]: len(split["shardLengths"]) for split in info["splits"]}
        except (ValueError, KeyError, TypeError):  # a portal's "please log in", say
            raise ValueError(f"{urlsplit(base).netloc} gave something else than a prepared data set") from None
        if set(shards) != set(SPLITS):
            raise ValueError(f"{urlsplit(base).netloc} has not the splits {', '.join(SPLITS)}")
        for split, count in shards.items():
            for shard in range(count):
                name = f"{NAME.split('/')[0]}-{split}.tfrecord-{shard:05d}-of-{count:05d}"
                download(f"{base}/{name}", folder / name)


def from_archive(url: str, sha256: str | None = None) -> None:
    """Fetch the original archive and let TFDS prepare it.

    Raises:
        OSError: it cannot be reached, or the transfer broke off.
        ValueError: what came is not the archive that TFDS knows.
    """
    tfds = imported()
    with _whole_data_set() as temporary:
        download(url, temporary / ARCHIVE, sha256 or SHA256)
        # TFDS looks into manual_dir for a file before it goes to the network, and checks its SHA-256 once more.
        config = tfds.download.DownloadConfig(
            manual_dir=temporary, extract_dir=temporary / "extracted", try_download_gcs=False
        )
        try:
            builder = tfds.builder(f"{NAME}:{VERSION}", data_dir=temporary)
            with contextlib.redirect_stdout(sys.stderr):  # where its progress bars are
                builder.download_and_prepare(download_dir=temporary / "downloads", download_config=config)
        except Exception as error:
            raise ValueError(f"the archive of {urlsplit(url).netloc} could not be prepared ({_line(error)})") from None


def download(url: str, path: Path, sha256: str | None = None) -> None:
    """Fetch a file whole or not at all, with a progress bar.

    Raises:
        OSError: no answer within PATIENCE seconds, an HTTP error, or fewer bytes than announced.
        ValueError: the file is not the one with this SHA-256.
    """
    host = urlsplit(url).netloc
    try:
        response = _open(url)
    except urllib.error.HTTPError as error:
        raise OSError(f"{host} answered {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        raise OSError(f"{host} cannot be reached ({_line(getattr(error, 'reason', error))})") from None
    size = int(response.headers.get("Content-Length") or 0)
    digest = hashlib.sha256()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with (
            response,
            open(temporary, "wb") as file,
            tqdm(total=size or None, desc=path.name, unit="B", unit_scale=True, disable=size < 1e6) as bar,
        ):
            for block in _blocks(response, host, size):
                file.write(block)
                digest.update(block)
                bar.update(len(block))
        if sha256 and digest.hexdigest() != sha256:
            raise ValueError(f"{host} gave another file (SHA-256 {digest.hexdigest()[:12]}..., not {sha256[:12]}...)")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _blocks(response: http.client.HTTPResponse, host: str, size: int) -> Iterator[bytes]:
    """What a host sends. OSError if it is less than the `size` announced (0: none), or if it stands still."""
    received = 0
    try:
        while block := response.read(1 << 16):
            yield block
            received += len(block)
        whole = received >= size
    except (OSError, http.client.HTTPException):
        whole = False
    if not whole:
        raise OSError(f"{host} broke off after {received:,} of {size:,} bytes" if size else f"{host} broke off")


def _open(url: str) -> http.client.HTTPResponse:
    """Open a URL, within PATIENCE seconds whatever it is that takes long.

    urlopen's own limit is one for each read and each address, and none for the look-up of a name, which alone can take
    half a minute without a network. So the wait is ours, for a thread that nobody waits for at the end.
    """
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=STALL))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=PATIENCE)
    except queue.Empty:
        raise TimeoutError(f"no answer in {PATIENCE:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def answers(url: str) -> None:
    """Find out within PATIENCE seconds whether a host answers, whatever it says.

    Raises:
        OSError: it does not.
    """
    with contextlib.suppress(urllib.error.HTTPError), contextlib.closing(_open(url)):
        pass


@contextlib.contextmanager
def _whole_data_set() -> Iterator[Path]:
    """Give a temporary data folder. The data set in it at the end moves to TFDS's own in one step; all else goes."""
    data_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data_dir(), prefix=".incomplete-", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)
        prepared().parent.parent.mkdir(parents=True, exist_ok=True)
        os.rename(Path(temporary) / NAME / VERSION, prepared().parent)


def imported() -> ModuleType:
    """TensorFlow Datasets, kept from the network.

    Raises:
        InputError: it, or something that it needs, is not installed or does not fit.
    """
    try:
        import importlib_resources  # noqa: F401  TFDS needs it to prepare data, and does not declare it
        from absl import logging

        verbosity = logging.get_verbosity()
        logging.set_verbosity(logging.FATAL)
        try:
            # Where something is missing, tensorflow_datasets logs a traceback and is an empty module; this raises it.
            from tensorflow_datasets import public_api as tfds
            from tensorflow_datasets.core.utils import gcs_utils
        finally:
            logging.set_verbosity(verbosity)
    except Exception as error:  # protobuf has its own for a version that does not fit
        raise InputError(
            f"TED needs tensorflow-datasets and what it needs ({_line(error)}): see requirements.txt"
        ) from None
    # TFDS before 4.9.8 asks its cloud storage about a data set that is not prepared, for minutes without a network.
    gcs_utils._is_gcs_disabled = True
    return tfds


def _line(error: object) -> str:
    """An error as one line, not too long."""
    return " ".join(str(error).split())[:200] or type(error).__name__
