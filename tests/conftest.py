"""What all tests share: quiet, off the network, and the rehearsal data where it is."""

import os
import socket
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import numpy as np
import pytest

# The machines that test are slow and shared: no deadline for an example, nor for making one. The same every time.
SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile(
    "fmkeras", deadline=None, derandomize=True, max_examples=100, suppress_health_check=SLOW
)
hypothesis.settings.load_profile("fmkeras")

NUMBERS = dict(um="one", dois="two", três="three", quatro="four", cinco="five", seis="six", sete="seven", oito="eight")
REHEARSAL = Path(__file__).parents[2] / "shared" / "tfds"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse, and report, every connection that leaves this machine, whoever makes it."""
    left, connect = [], socket.socket.connect

    def refuse(self, address):
        if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            left.append(address)
            raise OSError(f"the tests are kept from the network: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    assert not left, f"tried to reach {left}"


@pytest.fixture(scope="session")
def rehearsal() -> dict[str, list[tuple[str, str]]]:
    """The full-size rehearsal of TED, by split; see shared/tfds/README.md. Skips where it is absent."""
    if not REHEARSAL.is_dir():
        pytest.skip(f"no rehearsal data: {REHEARSAL} is absent")
    from fmkeras.translation.corpora import ted

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(REHEARSAL))
        return ted.load(download=False)


@pytest.fixture(scope="session")
def jax_environment():
    """The environment of a process whose Keras runs on JAX. Skips where JAX is not installed."""
    pytest.importorskip("jax", reason="JAX is not installed: keras.ops are tested with TensorFlow only")
    return os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """400 lines of numbers in two languages."""
    rng = np.random.default_rng(0)
    rows = [list(rng.choice(list(NUMBERS), rng.integers(3, 8))) for _ in range(400)]
    path = tmp_path_factory.mktemp("pairs") / "numbers.tsv"
    text = "\n".join(f"{' '.join(row)}\t{' '.join(NUMBERS[w] for w in row)}" for row in rows)
    path.write_text(text + "\n", encoding="utf-8")
    return path
