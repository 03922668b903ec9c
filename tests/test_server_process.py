"""The server as a process of its own: real clients, slow ones, many at a time, and an end under load."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fmkeras

for package in ("fastapi", "uvicorn", "prometheus_client", "py3langid"):
    pytest.importorskip(package, reason=f"{package} is not installed: the server is not tested")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
TEXTS = [
    f"{one} {two} {three}" for one in ("um", "dois") for two in ("sete", "oito", "três") for three in ("um", "seis")
]


@pytest.fixture
def server(exported):
    """The process, and its address."""
    command = [sys.executable, "-m", "fmkeras.serve", "--run", str(exported), "--port", "0", "--max-waiting", "512"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, **pipes)
    assert process.stdout.readline().startswith("pt → en:")
    yield process, process.stdout.readline().split()[0]
    process.kill()
    process.communicate()


def ask(address: str, text: str) -> str:
    body = json.dumps({"q": text, "source": "pt", "target": "en"}).encode()
    request = urllib.request.Request(f"{address}translate", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["translatedText"]


def test_many_clients_each_get_their_own_answer_also_when_it_ends(server, exported):
    """200 requests of 40 clients, of which the last are asked when it is told to end; no line of a text is logged."""
    process, address = server
    expected = dict(zip(TEXTS, fmkeras.load_translator(exported).translate(TEXTS), strict=True))
    half, refused, answers = threading.Barrier(41), [], []

    def client(number: int) -> None:
        for i in range(5):
            text = TEXTS[(7 * number + i) % len(TEXTS)]
            if i == 4:
                half.wait(120)
            try:
                answers.append((text, ask(address, text)))
            except (ConnectionError, urllib.error.URLError):  # not accepted any more
                assert i == 4
                refused.append(text)

    with ThreadPoolExecutor(41) as pool:
        clients = [pool.submit(client, number) for number in range(40)]
        half.wait(120)
        process.send_signal(signal.SIGTERM)
        for one in clients:
            one.result()
    assert len(answers) + len(refused) == 200 and len(answers) >= 160
    assert [pair for pair in answers if expected[pair[0]] != pair[1]] == []
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and errors == "" and "sete" not in output


def test_a_slow_sender_is_told_and_keeps_nobody_waiting(server):
    process, address = server
    host, port = address.removeprefix("http://").strip("/").split(":")
    head = "POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    slow = [socket.create_connection((host, int(port))) for _ in range(20)]
    for connection in slow:
        connection.sendall(head.encode())
    garbage = socket.create_connection((host, int(port)))
    garbage.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    broken = socket.create_connection((host, int(port)))
    broken.sendall(b"POST /translate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n")
    assert ask(address, "um dois três") == "one two three"
    for connection in slow:
        connection.settimeout(60)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
        assert answer.startswith(b"HTTP/1.1 408 ") and b'{"error":"the request did not arrive within 10 s"}' in answer
    for connection in (garbage, broken):
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 400 ") and b'{"error": "this is not HTTP' in answer
    assert ask(address, "um dois três") == "one two three" and process.poll() is None


def test_a_client_of_libretranslate(server):
    client = pytest.importorskip("libretranslatepy", reason="libretranslatepy is not installed")
    api = client.LibreTranslateAPI(server[1])
    assert api.translate("um dois três", "pt", "en") == "one two three"
    assert {language["code"] for language in api.languages()} == {"en", "pt"}
    assert api.detect("Onde fica a praia mais bonita?")[0]["language"] == "pt"
