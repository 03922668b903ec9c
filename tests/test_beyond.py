"""What lies beyond what a model can say: prices too large to compute, gaps in every spelling, rows left out."""

import keras
import numpy as np
import pandas as pd
import pytest
import towns

import fmkeras
from fmkeras import InputError, regress, runs
from fmkeras.houses import exporting
from fmkeras.houses.cells import GAPS
from fmkeras.houses.explaining import explain

RNG = np.random.default_rng(0)
AREA = RNG.integers(40, 200, 120)
TABLE = pd.DataFrame({"area": AREA, "price": 3 * AREA + RNG.integers(0, 40, 120)})


GUESS = "a guess, or another unit"


def trained(table=TABLE, **options):
    return fmkeras.train_regressor(table, "price", **{"epochs": 3} | options)


@pytest.fixture(scope="module")
def logarithmic(tmp_path_factory):
    return trained(run=tmp_path_factory.mktemp("log") / "run", log_target=True)


def test_a_price_too_large_to_compute_is_no_price(logarithmic, tmp_path):
    with pytest.warns(UserWarning, match=r"row 1: the price is too large to compute: is area = 120000 right\?"):
        prices = logarithmic.predict({"area": [100, 120_000]})
    assert np.isfinite(prices).tolist() == [True, False] and np.isnan(prices[1])
    with pytest.raises(InputError, match=r"house: the price is too large to compute: is area = 120000 right\?"):
        explain(logarithmic, {"area": 120_000})
    TABLE.head(3).assign(area=[100, 120_000, 90]).to_csv(tmp_path / "new.csv", index=False)
    text, _ = logarithmic.predict_csv(tmp_path / "new.csv", 90)
    assert "inf" not in text and text.splitlines()[2].endswith(",,,")
    _, y, notes = logarithmic.labelled(tmp_path / "new.csv")
    assert len(y) == 2 and any("line 3: the price is too large" in note for note in notes)


def test_a_served_price_too_large_to_compute_is_refused(logarithmic):
    from fastapi.testclient import TestClient

    from fmkeras.serving.app import Options, make_app
    from fmkeras.serving.served import Served

    served = Served([])
    served.regressors["log"] = logarithmic
    with TestClient(make_app(served, Options()), raise_server_exceptions=False) as client:
        answer = client.post("/prices/log", json={"area": 120_000})
    assert answer.status_code == 400 and "too large to compute" in answer.json()["error"]


@pytest.mark.parametrize("suffix", [{}, {"zone": np.where(AREA > 90, "a", "b")}], ids=["plain", "text"])
def test_a_test_row_too_large_to_compute_is_named(suffix, tmp_path):
    from sklearn.model_selection import train_test_split

    _, test = train_test_split(np.arange(120), test_size=0.2, random_state=42)
    table = TABLE.assign(**suffix)
    table.loc[test[0], "area"] = 150_000
    with pytest.raises(InputError, match=rf"a test row's price .*price = {table.price[test[0]]}, area = 150000"):
        trained(table, log_target=True, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_saved_model_knows_the_gaps_that_the_run_does(tmp_path):
    table = TABLE.assign(garage=np.where(AREA % 3 > 0, "-", np.where(AREA % 2 > 0, "one", "two")))
    table["price"] += 500 * (table.garage == "-")
    regressor = trained(table, run=tmp_path / "run")
    model = keras.models.load_model(tmp_path / "run" / runs.MODEL)
    spellings = sorted(GAPS | {gap.upper() for gap in GAPS} | {"NaN", "None"})
    inputs = {"area": np.full(len(spellings), 90, "float32"), "garage": np.array(spellings, dtype=object)}
    expected = regressor.predict({"area": 90, "garage": None})
    np.testing.assert_allclose(model.predict(inputs, verbose=0)[:, 0], expected[0], rtol=1e-6)
    assert "200 made-up rows" in exporting.export(tmp_path / "out", regressor, "savedmodel")
    drawn = exporting.made_up(regressor.columns)
    assert {"-", "N/A", ".", "never met"} <= set(drawn["garage"])


def test_an_export_of_plain_numbers_fills_gaps(tmp_path):
    import tensorflow as tf

    regressor = trained()
    exporting.export(tmp_path / "out", regressor, "savedmodel")
    serve = tf.saved_model.load(str(tmp_path / "out" / exporting.VERSION)).signatures["serving_default"]
    (price,) = serve(area=tf.constant([np.nan], tf.float32))["price"].numpy()
    assert price == pytest.approx(regressor.predict({"area": None})[0])
    assert exporting.made_up(regressor.columns)["area"].isna().any()


def warned(table, **options):
    """The lines that a training from Python warns of."""
    return towns.warned(trained, table, **options)


def test_what_is_left_out_is_said_to_programs_and_stored(tmp_path):
    table = TABLE.assign(address=[f"{x} Long Road" for x in range(120)], empty=None)
    table["price"] = table.price.astype(object)
    table.loc[:3, "price"] = None
    lines = warned(table, run=tmp_path / "run")
    assert len(lines) == 3 and all("left out" in line for line in lines)
    assert set(lines) <= set(runs.read_json(tmp_path / "run" / runs.REPORT)["notes"])
    heard = []
    assert warned(table, say=heard.append) == [] and set(lines) <= set(heard)
    assert warned(TABLE) == []


def test_columns_that_are_the_target_together_are_said(tmp_path, capsys):
    noise = RNG.normal(size=(120, 60))
    land = (TABLE.price * RNG.uniform(0.2, 0.6, 120)).round()
    table = TABLE.assign(land=land, building=TABLE.price - land)
    (line,) = warned(table)
    heard = []
    assert trained(table, say=heard.append).report["notes"][-1] == heard[-1] == line
    assert line.startswith("is the answer among the columns? ") and "land" in line and "building" in line
    assert warned(pd.concat([TABLE, pd.DataFrame(noise).add_prefix("noise")], axis=1)) == []  # many columns, few rows
    table.to_csv(tmp_path / "table.csv", index=False)
    words = ["--dataset", tmp_path / "table.csv", "--target", "price", "--epochs", "2", "--run", tmp_path / "run"]
    regress.main([*map(str, words)])
    assert capsys.readouterr().out.count(line) == 1


def test_what_a_program_must_hear_is_no_matter_of_wording():
    gaps = np.where(AREA % 3 > 0, AREA, None)
    assert warned(TABLE.assign(**{"left out": gaps, "is the answer": gaps})) == []


def test_a_fold_whose_price_is_too_large_is_refused_before_anything_is_written(tmp_path):
    from sklearn.model_selection import train_test_split

    rest, _ = train_test_split(np.arange(120), test_size=0.2, random_state=42)
    for area in (1e6, 1e9):  # the square of its price is none, or the price itself
        table = TABLE.assign(area=AREA.astype(float))
        table.loc[rest[0], "area"] = area
        with pytest.raises(
            InputError, match=rf"row's price is too large .*price = {table.price[rest[0]]}, area = 10+\)"
        ):
            trained(table, log_target=True, folds=5, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_rows_that_were_trained_on_are_said_when_they_are_measured(tmp_path, capsys):
    for name in ("mine.csv", "other.csv"):
        TABLE.to_csv(tmp_path / name, index=False)
    trained(tmp_path / "mine.csv", run=tmp_path / "run")
    for name, said in (("mine.csv", True), ("other.csv", False)):
        regress.main(["evaluate", str(tmp_path / name), "--run", str(tmp_path / "run")])
        assert ("most of these rows were trained on: without FILE" in capsys.readouterr().err) == said


def test_folds_in_which_the_target_never_varies_have_no_r2(tmp_path, capsys):
    table = pd.DataFrame({"area": AREA[:12], "price": [0] * 11 + [100_000]})
    table.to_csv(tmp_path / "few.csv", index=False)
    run = tmp_path / "run"
    for folds in ("2", "6"):
        command = f"--dataset {tmp_path / 'few.csv'} --target price --folds {folds} --epochs 3 --run {run}"
        regress.main(command.split())
        assert "NaN" not in (run / runs.REPORT).read_text() and "fold cross-validation" in capsys.readouterr().out
        assert runs.read_json(run / runs.REPORT)["cross_validation"]["r2"]["spread"] is None


def said(regressor, table):
    """The lines that pricing warns of."""
    return towns.warned(regressor.predict, table)


def test_numbers_beyond_those_of_training_are_said():
    regressor = trained(TABLE.assign(sold=pd.date_range("2012-01-01", periods=120, freq="9D")))
    low, high = int(regressor.columns[0].low), int(regressor.columns[0].high)
    assert AREA.min() <= low < high <= AREA.max()
    house = {"area": 100, "sold": "2013-05-02"}
    assert said(regressor, house) == []
    (line,) = said(regressor, house | {"area": 1076.4})  # in square feet
    assert line == f"area: 1 of 1 rows lie beyond the training rows' {low} to {high}, as 1076.4 does: {GUESS}"
    (line,) = said(regressor, house | {"area": -100})
    assert "as -100 does" in line
    (line,) = said(regressor, house | {"sold": "2031-05-02"})
    assert line == f"sold (year): 1 of 1 rows lie beyond the training rows' 2012 to 2014, as 2031 does: {GUESS}"
    many = pd.DataFrame([house] * 40)
    assert said(regressor, many.assign(area=[high + 9, *[100] * 39])) == []  # as one of many may
    assert len(said(regressor, many.assign(area=[9 * high, *[100] * 39]))) == 1
    notes = explain(regressor, house | {"area": 1076.4, "sold": None})["notes"]
    assert any("as 1076.4 does" in note for note in notes)


def test_a_run_that_knows_no_range_says_nothing_of_it():
    regressor = trained()
    regressor.columns = [type(c).from_json(c.to_json() | {"low": None, "high": None}) for c in regressor.columns]
    assert said(regressor, {"area": 10_000}) == []
