"""The server: LibreTranslate's interface, batches, limits, errors, prices. Needs the extra `serve` and CTranslate2."""

import argparse
import asyncio
import gzip
import json
import logging
import re
import threading
import time

import pytest
from conftest import call

import fmkeras
from fmkeras.errors import InputError

for package in ("fastapi", "uvicorn", "httpx", "prometheus_client", "py3langid", "ctranslate2"):
    pytest.importorskip(package, reason=f"{package} is not installed: the server is not tested")

from fastapi.testclient import TestClient  # noqa: E402

from fmkeras import serve  # noqa: E402
from fmkeras.serving import page  # noqa: E402
from fmkeras.serving.app import Options, make_app  # noqa: E402
from fmkeras.serving.batching import Batcher  # noqa: E402
from fmkeras.serving.failures import Refused, shortened  # noqa: E402
from fmkeras.serving.served import Served  # noqa: E402
from fmkeras.translation.inference import parting  # noqa: E402


@pytest.fixture(scope="module")
def served(exported):
    return Served([exported], "ctranslate2")


@pytest.fixture(scope="module")
def client(served):
    with TestClient(make_app(served, Options(characters=500)), raise_server_exceptions=False) as client:
        yield client


def translated(client, **fields):
    answer = client.post("/translate", json={"source": "pt", "target": "en"} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_text_and_a_list(client, exported):
    texts = ["um dois três", "", "sete oito"]
    expected = fmkeras.load_translator(exported).translate(texts)
    assert expected == ["one two three", "", "seven eight"]
    assert translated(client, q=texts[0]) == {"translatedText": expected[0]}
    assert translated(client, q=texts)["translatedText"] == expected
    assert translated(client, q=[]) == {"translatedText": []}
    form = {"q": texts[0], "source": "Portuguese", "target": "en-GB"}
    assert client.post("/translate", data=form).json() == {"translatedText": expected[0]}


def test_line_ends_stay(client, exported):
    lines = ["um dois três", "", " sete oito "]
    expected = fmkeras.load_translator(exported).translate(lines)
    assert translated(client, q="\n".join(lines))["translatedText"] == "\n".join(expected)
    answer = translated(client, q="um\ndois", alternatives=2)
    assert len(answer["alternatives"]) == 2 and all(text.count("\n") == 1 for text in answer["alternatives"])


def test_what_is_doubtful_is_said(client, served, monkeypatch):
    """As the command says it: a program that asks the server must not take a guess for a translation."""
    fields = {"q": ["um dois", "Καλημέρα κόσμε\num"], "source": "pt", "target": "en"}
    (note,) = client.post("/translate", json=fields).json()["notes"]
    assert note.startswith("a guess") and note.endswith("has learnt little like it: Καλημέρα κόσμε")
    found = client.post("/details", json=fields | {"q": "um dois 4711"}).json()
    guess, lost = found["notes"]  # its vocabulary has no figures
    assert guess.startswith("a guess") and lost == f"{parting.NUMBERS}: um dois 4711"
    assert "notes" not in client.post("/translate", json=fields | {"q": "um dois"}).json()
    monkeypatch.setattr("fmkeras.translation.inference.hypotheses.SURE", 0.0)
    monkeypatch.setattr(
        served.translators["pt", "en"], "report", {"test": {"nll": 0.0}}
    )  # is less sure of anything now
    found = client.post("/translate", json=fields | {"q": ["um dois", "um dois"]}).json()
    assert len(found["notes"]) == 2 and all(re.match("a guess.*: um dois$", note) for note in found["notes"])


def test_alternatives_are_the_n_best_without_the_first(client, exported):
    (found,) = fmkeras.load_translator(exported).translate_n_best(["um dois"], 3)
    answer = translated(client, q="um dois", alternatives=2)
    assert [answer["translatedText"], *answer["alternatives"]] == [a.translation for a in found]


def test_detection_among_what_is_served(client):
    found = client.post("/detect", json={"q": "Onde fica a praia mais bonita?"}).json()
    assert [row["language"] for row in found] == ["pt", "en"] and found[0]["confidence"] > 80
    assert client.post("/detect", data={"q": "Where is the most beautiful beach?"}).json()[0]["language"] == "en"
    answer = translated(client, q=["três oito"], source="auto")
    assert answer["translatedText"] == ["three eight"] and answer["detectedLanguage"][0]["language"] == "pt"
    assert translated(client, q="the house is big", source="auto")["detectedLanguage"]["language"] == "pt"  # none else


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Good morning, my friend. Where do you live?", "English"),
        ("Guten Morgen, mein Freund. Wo wohnst du?", "German"),
        ("Onde fica a praia mais bonita?", ""),
        ("Bom dia", ""),
        ("OK 123", ""),
        ("", ""),
    ],
)
def test_a_language_that_is_not_served_is_named(client, text, language):
    """Detection among what is served finds Portuguese in everything that is to be English."""
    said = [f"looks like {language}, which is not translated to English here: {shortened(text)}"] * bool(language)
    for path in ("/translate", "/details"):
        answer = client.post(path, json={"q": text, "source": "auto", "target": "en"}).json()
        assert [note for note in answer.get("notes", []) if note.startswith("looks like")] == said
    answer = client.post("/translate", json={"q": text, "source": "pt", "target": "en"}).json()
    assert not [note for note in answer.get("notes", []) if note.startswith("looks like")]  # the caller says what it is


def test_what_there_is(client):
    assert client.get("/languages").json() == [
        {"code": "en", "name": "English", "targets": []},
        {"code": "pt", "name": "Portuguese", "targets": ["en"]},
    ]
    assert client.get("/health").json() == {"status": "ok"}
    assert [client.head(path).status_code for path in ("/", "/health")] == [200, 200]
    settings = client.get("/frontend/settings").json()
    assert (settings["charLimit"], settings["keyRequired"], settings["prices"]) == (500, False, [])
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/translate", "/languages", "/detect", "/health", "/prices/{name}"} <= set(paths)
    assert "/translate" in client.get("/docs").text


def test_details_say_where_each_token_looks(client):
    answer = client.post(
        "/details", json={"q": " um  dois", "source": "auto", "target": "en", "alternatives": 1}
    ).json()
    assert answer["translation"] == "one two" and answer["language"] == "pt" and len(answer["alternatives"]) == 2
    assert len(answer["weights"]) == len(answer["tokens"])
    two = answer["weights"][answer["tokens"].index("▁two")]
    assert max(two, key=lambda pair: pair[1])[0] == answer["source_tokens"].index("▁dois")


def deep(depth: int) -> bytes:
    return b'{"q":' + b"[" * depth + b"]" * depth + b"}"


GOOD = {"q": "um", "source": "pt", "target": "en"}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
NAMED = b'Content-Disposition: form-data; name="q"\r\n'
PARTS = [
    b"",
    b"--x--\r\n",
    b"--x\r\n\r\num\r\n--x--\r\n",  # nameless
    b"--x\r\n" + NAMED + b"\r\ntr\xeas\r\n--x--\r\n",
    b"--x\r\n" + NAMED + b"\r\num\r\n--x--\r\n",  # from which language?
    b"--y\r\n" + NAMED + b"\r\num\r\n--y--\r\n",
    b"--x\r\n" * 1000,
]
BODIES = [
    *[
        (400, JSON, json.dumps(GOOD | {"q": wrong}).encode())
        for wrong in (None, 1, 1.5, True, {}, [1], [None], [["um"]])
    ],
    *[
        (400, JSON, json.dumps(GOOD | {"source": wrong}).encode())
        for wrong in (None, 1, [], {}, "", "xx", "en", "ptpt")
    ],
    *[
        (400, JSON, json.dumps(GOOD | {"target": wrong}).encode())
        for wrong in (None, 1, [], {}, "", "xx", "pt", "auto")
    ],
    *[
        (400, JSON, json.dumps(GOOD | {"target": wrong}).encode())
        for wrong in ("../../etc/passwd", "e\0n", "\ud800", "<b>")
    ],
    *[
        (400, JSON, json.dumps(GOOD | {"alternatives": wrong}).encode())
        for wrong in (-1, 11, 10**30, 1.5, "many", [], None)
    ],
    *[
        (400, JSON, json.dumps(GOOD | {"alternatives": 1}).replace("1", wrong).encode())
        for wrong in ("1e400", "NaN", "9" * 5000)
    ],
    *[(400, JSON, json.dumps(GOOD | {"format": wrong}).encode()) for wrong in ("html", "pdf", 1)],
    (400, JSON, json.dumps({name: GOOD[name] for name in ("source", "target")}).encode()),
    (400, JSON, json.dumps({name: GOOD[name] for name in ("q", "target")}).encode()),
    (400, JSON, json.dumps({name: GOOD[name] for name in ("q", "source")}).encode()),
    *[(400, JSON, body) for body in (b"", b"{", b"null", b"[]", b'"um"', b"<q>um</q>", b"\0", deep(2), deep(2000))],
    (400, JSON, json.dumps(GOOD).encode("utf-16")),
    (400, JSON, '{"q": "três"}'.encode("latin-1")),
    *[(400, kind, json.dumps(GOOD).encode()) for kind in ("text/html", "text/plain", "multipart/form-data")],
    *[(400, "multipart/form-data; boundary=x", body) for body in PARTS],
    (400, FORM, b"q=tr%EAs&source=pt&target=en"),
    (400, FORM, b"q=um&source=pt&source=en&target=en"),
    (400, JSON, gzip.compress(json.dumps(GOOD).encode())),
    (400, "application/json; charset=iso-8859-1", '{"q": "três"}'.encode("latin-1")),
    (413, JSON, json.dumps(GOOD | {"q": "\U0001f600" * 200}).encode()),  # few characters, and four tokens each
    (400, FORM, b"&".join(b"q%d=x" % i for i in range(200))),
    (413, JSON, json.dumps(GOOD | {"q": "a" * 501}).encode()),
    (413, JSON, json.dumps(GOOD | {"q": ["um"] * 65}).encode()),
    (413, JSON, json.dumps(GOOD | {"q": "\n" * 64}).encode()),
    (413, JSON, json.dumps(GOOD | {"q": "a" * 10_000_000}).encode()),
    (413, FORM, b"q=" + b"a" * 10_000_000),
]


@pytest.mark.parametrize(("status", "kind", "body"), BODIES, ids=range(len(BODIES)))
def test_a_bad_request_gets_one_line(client, status, kind, body):
    answer = client.post("/translate", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    (message,) = answer.json().values()
    assert list(answer.json()) == ["error"] and 10 < len(message) < 300 and "\n" not in message
    assert "Traceback" not in message and 'File "' not in message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/translate", 405),
        ("POST", "/translate/", 404),
        ("OPTIONS", "/translate", 405),
        ("BREW", "/health", 405),
        ("PUT", "/translate", 405),
        ("POST", "/languages", 405),
        ("GET", "/etc/passwd", 404),
        ("GET", "/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/prices/..%2f..%2fconfig.json", 404),
        ("GET", "/prices/%00", 404),
        ("POST", "/prices/none", 404),
        ("GET", "/prices/" + "a" * 5000, 404),
    ],
)
def test_a_bad_path_gets_one_line(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status and list(answer.json()) == ["error"]


def test_a_wrong_field_is_named_with_what_it_is_for(client):
    answer = client.post("/translate", json=GOOD | {"q": 1}).json()["error"]
    assert answer == "Invalid request: q (text, or a list of texts): Input should be a valid string"
    assert client.get("/nowhere").json() == {"error": "Not Found: /docs says what there is"}


def test_it_is_alive_after_all_that(client):
    """Last of the tests with this client: what was wrong before has broken nothing."""
    assert len(BODIES) >= 60
    assert translated(client, q="um")["translatedText"] == "one"
    numbers = client.get("/metrics").text
    assert 'fmkeras_requests_total{path="/translate",status="413"} 6.0' in numbers
    assert 'path="other",status="404"' in numbers and "passwd" not in numbers


def test_a_key(served):
    with TestClient(make_app(served, Options(keys=("one", "schlüssel")))) as client:
        for fields, status in (({}, 400), ({"api_key": "no"}, 403), ({"api_key": "schlüssel"}, 200)):
            assert client.post("/translate", json=GOOD | fields).status_code == status
        for header, field, status in (
            ("Bearer one", "", 200),
            ("bearer  one", "no", 200),
            ("Bearer no", "one", 403),
            ("Basic b25l", "one", 200),  # meant for a proxy
            ("Basic b25l", "", 400),
        ):
            answer = client.post("/detect", json={"q": "um", "api_key": field}, headers={"Authorization": header})
            assert answer.status_code == status, (header, field)
        assert client.post("/prices/x", json={}).status_code in (400, 404)
        assert client.get("/frontend/settings").json()["keyRequired"] and client.get("/health").status_code == 200


def test_json_that_curl_calls_a_form(client):
    """`curl -d '{"q": ...}'` names no type, and means JSON."""
    for headers in ({"Content-Type": FORM}, {}):
        answer = client.post("/translate", content=json.dumps(GOOD | {"q": "um"}), headers=headers)
        assert answer.json() == {"translatedText": "one"}


def test_forms_as_browsers_send_them(client):
    """LibreTranslate's own page sends multipart/form-data."""
    fields = GOOD | {"q": "um\r\num dois", "alternatives": "0"}
    assert client.post("/translate", data=fields).json() == {"translatedText": "one\none two"}
    parts = [(name, (None, value)) for name, value in fields.items()]
    assert client.post("/translate", files=parts).json() == {"translatedText": "one\none two"}
    parts += [("q", (None, "um dois"))]
    assert client.post("/translate", files=parts).json() == {"translatedText": ["one\none two", "one two"]}


def test_what_clients_send_that_means_nothing(client):
    nothing = {"format": None, "api_key": None, "secret": ""}
    assert translated(client, q="um", **nothing) == translated(client, q="um", format="") == {"translatedText": "one"}
    marked = b"\xef\xbb\xbf" + json.dumps(GOOD).encode()  # a byte order mark
    answer = client.post("/translate", content=marked, headers={"Content-Type": JSON})
    assert answer.json() == {"translatedText": "one"}


def test_pages_from_elsewhere(client, served):
    asking = {"Origin": "https://example.org"}
    before = asking | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert "access-control-allow-origin" not in client.post("/translate", json=GOOD, headers=asking).headers
    with TestClient(make_app(served, Options(origins=("https://example.org",)))) as open_to_one:
        allowed = open_to_one.options("/translate", headers=before)
        assert allowed.status_code == 200 and "Content-Type" in allowed.headers["access-control-allow-headers"]
        for origin, expected in (("https://example.org", "https://example.org"), ("https://example.com", None)):
            answer = open_to_one.post("/translate", json=GOOD, headers={"Origin": origin})
            assert answer.json() == {"translatedText": "one"}
            assert answer.headers.get("access-control-allow-origin") == expected
        refused = open_to_one.post("/translate", json={}, headers=asking)
        assert refused.status_code == 400 and refused.headers["access-control-allow-origin"] == "https://example.org"


def test_a_text_that_cannot_be_translated_spares_the_others(served, caplog, monkeypatch):
    """And is in no log."""
    own = served.translate

    def broken(key, texts):
        if "sete" in texts:
            raise ValueError(f"cannot do {texts}")
        return own(key, texts)

    monkeypatch.setattr(served, "translate", broken)
    with (
        caplog.at_level(logging.DEBUG),
        TestClient(make_app(served, Options()), raise_server_exceptions=False) as client,
    ):
        answer = client.post("/translate", json=GOOD | {"q": "sete"})
        assert answer.status_code == 500 and answer.json() == {"error": "this text cannot be computed"}
        assert client.post("/translate", json=GOOD).json() == {"translatedText": "one"}
    assert "ValueError" in caplog.text and "sete" not in caplog.text


def test_texts_of_many_clients_are_computed_together():
    sizes = []

    def compute(key, texts):
        time.sleep(0.02)
        return [(key, text) for text in texts]

    async def main():
        batcher = Batcher(compute, batch=8, on_batch=sizes.append)
        asked = [("ab"[i % 2], [i, -i]) for i in range(40)]
        answers = await asyncio.gather(*(batcher.submit(key, texts) for key, texts in asked))
        assert answers == [[(key, text) for text in texts] for key, texts in asked]
        await batcher.close()

    asyncio.run(main())
    assert sum(sizes) == 80 and max(sizes) == 8 and len(sizes) <= 14


def test_too_many_are_refused_and_what_waits_is_answered_before_the_end():
    go, answered = threading.Event(), []

    def compute(key, texts):
        assert go.wait(30)
        return texts

    async def main():
        batcher = Batcher(compute, batch=2, waiting=3, wait=0.0)

        async def ask(text):
            answered.append(await batcher.submit("key", [text]))

        tasks = [asyncio.create_task(ask(0)), asyncio.create_task(ask(1))]
        await asyncio.sleep(0.1)  # both are being computed
        tasks += [asyncio.create_task(ask(i)) for i in range(2, 5)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refusal:
            await batcher.submit("key", [5])
        assert refusal.value.status == 429 and 1 <= int(refusal.value.headers["Retry-After"]) <= 60
        with pytest.raises(Refused) as refusal:
            await batcher.submit("key", [5] * 4)
        assert refusal.value.status == 413
        closing = asyncio.create_task(batcher.close())
        go.set()
        await asyncio.gather(closing, *tasks)

    asyncio.run(main())
    assert sorted(answered) == [[0], [1], [2], [3], [4]]


def test_the_page_loads_nothing_from_elsewhere(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert answer.text == page.TEXT and "default-src 'none'" in policy and "unsafe" not in policy
    assert policy.count("'sha256-") == 2 and answer.headers["x-content-type-options"] == "nosniff"
    assert set(page.re.findall(r"https?://[^\"' ]+", answer.text)) == {"http://www.w3.org/2000/svg"}  # a name only
    assert not page.re.findall(r"(?:style|onclick|src)=", answer.text)  # the policy would not let them
    docs = client.get("/docs")
    assert "script" not in docs.text and docs.headers["content-security-policy"].count("'sha256-") == 1


def test_the_price_of_a_house_and_what_moved_it(quick_regressor, served):
    both = Served([quick_regressor])
    with TestClient(make_app(both, Options()), raise_server_exceptions=False) as client:
        assert client.get("/frontend/settings").json()["prices"] == ["regressor"]
        form = client.get("/prices/regressor").json()
        assert [column["column"] for column in form["columns"]] == ["rooms", "area"] and form["target"] == "price"
        answer = client.post("/prices/regressor", data={"rooms": "4", "area": "70.5"}).json()
        expected = fmkeras.load_regressor(quick_regressor).predict({"rooms": 4, "area": 70.5})
        assert answer["price"] == float(expected[0])
        assert sum(row["effect"] for row in answer["moved"]) == pytest.approx(
            answer["price"] - answer["usual"], rel=1e-4
        )
        assert {row["column"] for row in answer["moved"]} == {"rooms", "area"}
        for wrong in ({"rooms": "4"}, {"rooms": "many", "area": "1"}, {"rooms": [1], "area": 2}):
            answer = client.post("/prices/regressor", json=wrong)
            assert answer.status_code == 400 and list(answer.json()) == ["error"]
        assert answer.json() == {"error": "'rooms' must be one number or one text"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "lets others in: name an --api-key-file, or say --no-key"),
        (["--host", "192.0.2.1", "--no-key"], "cannot listen at 192.0.2.1"),
        (["--allow-origin", "example.org"], "'example.org' is not like https://example.org"),
        (["--port", "70000"], "is not a whole number from 0 to 65535"),
        (["--run", "nowhere", "--port", "0"], "holds no run"),
        (["--api-key-file", "nowhere"], "--api-key-file nowhere cannot be read"),
    ],
)
def test_what_cannot_be_served(words, said):
    ended = call("serve", *words)
    assert ended.returncode == 2 and said in ended.stderr and ended.stderr.count("\n") == 1


def test_two_runs_of_one_direction(exported):
    with pytest.raises(InputError, match="two runs translate pt to en"):
        Served([exported, exported])


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(serve.importlib.util, "find_spec", lambda name: None)
    ended = call("serve")
    assert ended.returncode == 2
    assert "pip install fastapi uvicorn prometheus-client py3langid" in ended.stderr and ended.stderr.count("\n") == 1


def test_keys_are_read_line_by_line(tmp_path):
    (tmp_path / "keys").write_text("one\n\n two \n")
    assert serve.read_keys(tmp_path / "keys") == ("one", "two")
    (tmp_path / "keys").write_text("\n")
    with pytest.raises(InputError, match="holds no key"):
        serve.read_keys(tmp_path / "keys")
    assert serve.is_loopback("127.0.0.5") and serve.is_loopback("::1") and serve.is_loopback("localhost")
    assert not serve.is_loopback("0.0.0.0") and not serve.is_loopback("example.org")


def test_keys_of_a_windows_editor(tmp_path):
    (tmp_path / "keys").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert serve.read_keys(tmp_path / "keys") == ("one", "two")


def test_origins_are_those_that_browsers_send():
    given = ("https://Example.org", "https://example.org:443", "http://example.org:80", "http://localhost:8000", "*")
    sent = ["https://example.org", "https://example.org", "http://example.org", "http://localhost:8000", "*"]
    assert list(map(serve.origin, given)) == sent
    for text in ("https://*.example.org", "https://example.org/", "example.org"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not like"):
            serve.origin(text)


def test_half_a_surrogate_pair_is_answered(client):
    fields = {"q": "um \ud800", "source": "pt", "target": "en"}
    for path in ("/translate", "/details"):
        answer = client.post(path, content=json.dumps(fields), headers={"content-type": "application/json"})
        assert answer.status_code == 200, (path, answer.text)
