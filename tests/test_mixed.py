"""Tables with text, gaps, dates and money: trained, saved as Keras's own layers, and right for new rows."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import towns

import fmkeras
from fmkeras import InputError, regress
from fmkeras.houses import effects, fitting, linear, preparing, validation
from fmkeras.houses import table as housing
from fmkeras.houses.encoding import Encoder
from fmkeras.houses.training import preprocess_data, weights_of

SHARED = Path(__file__).parents[2] / "shared" / "houses"
PUBLISHED = {  # test R² of scikit-learn's LinearRegression and Ridge(10) on the same rows: see the README there
    "ames": (0.8944, 0.8950),
    "saratoga": (0.6034, 0.6014),
    "windsor": (0.6160, 0.6202),
}


@pytest.fixture(scope="module")
def town(tmp_path_factory) -> Path:
    """A folder with train.csv, new.csv (a fifth, in other order, with gaps and a category never met) and a run."""
    folder = tmp_path_factory.mktemp("town")
    table = towns.houses()
    table[:320].to_csv(folder / "train.csv", index=False)
    new = table[320:].iloc[:, ::-1].drop(columns="Sale Price").reset_index(drop=True)
    new.loc[0, ["1st Flr SF", "Zone/Class", "Sold", "Garage ($)"]] = ""
    new.loc[1, ["Year Built", "Pool", "Land Value"]] = "NA"
    new.loc[2, "Zone/Class"] = "never met"
    new.to_csv(folder / "new.csv", index=False)
    fmkeras.train_regressor(folder / "train.csv", "Sale Price", run=folder / "run", epochs=40, folds=3)
    return folder


@pytest.fixture(scope="module")
def regressor(town):
    return fmkeras.load_regressor(town / "run")


@pytest.fixture(scope="module")
def table():
    return housing.from_frame(towns.houses(), "Sale Price")


def test_what_becomes_of_each_column(regressor):
    kinds = {column.name: column.kind for column in regressor.columns}
    assert kinds == {
        "1st Flr SF": "number",
        "Zone/Class": "category",
        "Year Built": "number",
        "Garage ($)": "number",
        "Garage Type": "category",
        "Pool": "category",
        "Sold (year)": "number",
        "Sold (month)": "number",
        "Land Value": "number",
        "Alley": "category",
    }  # the Id and the heating are left out
    columns = {column.name: column for column in regressor.columns}
    assert columns["Garage Type"].spellings == {"Detchd ": "Detchd"} and columns["Garage ($)"].gaps


def test_it_reaches_least_squares_and_the_truth(regressor):
    report = regressor.report
    assert report["test"]["mse"] == pytest.approx(report["least_squares"]["mse"], rel=0.001)
    assert report["largest_weight_difference"] < 0.001 and report["refitted"]
    assert report["test"]["r2"] > 0.85 and report["cross_validation"]["r2"]["mean"] > 0.9
    assert report["cross_validation"]["mae"]["spread"] > 0
    assert 0.75 < report["coverage"]["90"] <= 1 and report["coverage"]["50"] < report["coverage"]["90"]


def test_every_row_gets_a_price_and_what_was_missing_is_said(town, capsys):
    regress.main(["predict", str(town / "new.csv"), "--run", str(town / "run"), "--strict"])
    out, errors = capsys.readouterr()
    header, *rows = out.splitlines()
    assert len(rows) == 80 and header.endswith(",predicted_Sale Price")
    assert all(float(row.rsplit(",", 1)[1]) > 0 for row in rows)
    for words in (
        "Zone/Class: gaps in 1 of 80 rows, taken as '(none)'; 1 rows have values without a weight ('never met')",
        "Sold (year): gaps in 1 of 80 rows",
        "1st Flr SF: gaps in",
    ):
        assert words in errors


FRESH = """
import csv, importlib.abc, json, math, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "fmkeras":
            raise ModuleNotFoundError("fmkeras is not installed here")
sys.meta_path.insert(0, Absent())
import keras, numpy
model = keras.models.load_model(sys.argv[1])
rows = list(csv.DictReader(open(sys.argv[2])))
def number(cell):
    cell = cell.strip("$").replace(",", "")
    return float(cell) if cell not in ("", "NA") else math.nan
sold = [row["Sold"].split("-") if row["Sold"] else ["nan", "nan"] for row in rows]
dates = {"Sold (year)": [float(s[0]) for s in sold], "Sold (month)": [float(s[1]) for s in sold]}
inputs = {}
for name, tensor in model.input.items():
    if tensor.dtype == "string":
        inputs[name] = numpy.array([row[name] for row in rows], dtype=object)
    else:
        cells = dates[name] if name in dates else [number(row[name]) for row in rows]
        inputs[name] = numpy.array(cells, dtype="float32")
print(json.dumps(model.predict(inputs, verbose=0)[:, 0].tolist()))
"""


@pytest.mark.slow
def test_keras_alone_gives_the_same_prices_in_a_new_process(town, regressor):
    line = [sys.executable, "-c", FRESH, town / "run" / "model.keras", town / "new.csv"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, cwd=town)
    assert done.returncode == 0, done.stderr
    here = regressor.price(town / "new.csv")
    assert not here.problems
    np.testing.assert_allclose(json.loads(done.stdout), here.values, rtol=1e-5)


def test_the_saved_layers_do_what_the_encoder_does(regressor):
    """In NumPy in float64, and in Keras."""
    frame = towns.houses(60, seed=5)
    read, *_ = regressor._read({name: list(frame[name]) for name in frame}, str, ".")
    encoder = Encoder(tuple(regressor.columns))
    coefficients = pd.Series(np.random.default_rng(0).normal(size=len(encoder.names) + 1))
    model = encoder.keras_model(coefficients.to_numpy(), [])
    expected = linear.linear(encoder.transform(read), coefficients.to_numpy())
    np.testing.assert_allclose(model.predict(encoder.model_inputs(read), verbose=0)[:, 0], expected, atol=1e-5)


def test_one_house_as_a_dict_a_frame_a_list_or_an_array(town, regressor):
    frame = towns.houses(3, seed=9)
    expected = regressor.price(frame).values
    rows = frame.to_dict("records")
    assert regressor.price(rows[0]).values.shape == (1,)
    np.testing.assert_allclose(regressor.price(rows[0]).values, expected[:1], rtol=1e-6)
    np.testing.assert_allclose(regressor.price(rows).values, expected, rtol=1e-6)
    np.testing.assert_allclose(regressor.price(frame[regressor.sources].to_numpy()).values, expected, rtol=1e-6)
    numbers = frame.assign(**{"Year Built": frame["Year Built"].astype(int), "Pool": frame["Pool"] == "Yes"})
    priced = regressor.price(numbers)
    assert "Pool: 3 rows have values without a weight" in " ".join(priced.notes)  # True is not "Yes"
    with pytest.raises(InputError, match="lacks a column: Alley"):
        regressor.predict(frame.drop(columns="Alley"))


def test_evaluate_measures_the_same_rows_again(town, regressor, capsys):
    regress.main(["evaluate", "--run", str(town / "run")])
    assert f"{regressor.report['test']['r2']:.4f}" in capsys.readouterr().out
    regress.main(["evaluate", str(town / "train.csv"), "--run", str(town / "run")])
    assert "320 rows" in capsys.readouterr().out


def test_nothing_of_other_rows_enters_vocabularies_medians_and_deviations(table):
    clean = preprocess_data(table.features, table.target, columns=table.columns)
    other = table.features.index.difference(clean.X_test.index)
    from sklearn.model_selection import train_test_split

    training = train_test_split(np.arange(400), test_size=0.2, random_state=42)[0][:256]
    spoilt = table.features.copy()
    away = spoilt.index.difference(training)
    spoilt.loc[away, "Zone/Class"], spoilt.loc[away, "Year Built"] = "only elsewhere", np.nan
    again = preprocess_data(spoilt, table.target, columns=table.columns)
    assert again.feature_scaler == clean.feature_scaler and len(other) == 320
    assert "only elsewhere" not in str(again.feature_scaler) and not again.feature_scaler.columns[2].gaps


@pytest.fixture(scope="module")
def ridged():
    return fmkeras.train_regressor(towns.houses(120), "Sale Price", epochs=40, ridge=True)


def test_ridge_reaches_its_closed_form_with_smaller_weights(ridged):
    from sklearn.linear_model import Ridge

    fit, report = ridged.fitted, ridged.report
    assert report["ridge"] in linear.STRENGTHS
    assert report["test"]["mse"] == pytest.approx(report["least_squares"]["mse"], rel=0.001)
    seen = fit.data.with_validation_rows()
    theirs = Ridge(report["ridge"]).fit(seen.X_train, seen.y_train)
    np.testing.assert_allclose(fit.weights, np.append(theirs.coef_, theirs.intercept_), atol=1e-3)


def test_the_strength_of_ridge_is_that_of_leaving_one_out():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.normal(size=40)
    _, errors = linear.choose_ridge(X, y)
    for ridge, error in list(errors.items())[::3]:
        left = [linear.least_squares(np.delete(X, i, 0), np.delete(y, i), ridge) for i in range(40)]
        by_hand = np.mean([(linear.linear(X[i : i + 1], w)[0] - y[i]) ** 2 for i, w in enumerate(left)])
        assert error == pytest.approx(by_hand)


@pytest.mark.slow
def test_a_model_of_logarithms_gives_means_above_zero(tmp_path, capsys):
    rng = np.random.default_rng(0)
    size = rng.uniform(0, 4, 600)
    frame = pd.DataFrame({"size": size, "zone": rng.choice(["a", "b"], 600)})
    frame["price"] = np.exp(8 + size + rng.normal(0, 0.6, 600))
    frame.to_csv(tmp_path / "t.csv", index=False)
    line = ["--dataset", str(tmp_path / "t.csv"), "--target", "price", "--epochs", "40", "--run"]
    regress.main([*line, str(tmp_path / "straight")])
    assert "test predictions are below 0: --log-target gives none" in capsys.readouterr().out
    regress.main([*line, str(tmp_path / "log"), "--log-target"])
    assert "Duan's smearing factor" in capsys.readouterr().out
    model = fmkeras.load_regressor(tmp_path / "log")
    predicted = model.predict(frame)
    assert (predicted > 0).all() and predicted.mean() == pytest.approx(frame["price"].mean(), rel=0.15)
    assert model.report["smearing"] == pytest.approx(np.exp(0.6**2 / 2), rel=0.1)  # what a normal error asks for
    low, high = model.interval(predicted, 90)
    np.testing.assert_allclose(high / predicted, predicted / low, rtol=1e-5)
    assert np.mean((low <= frame["price"]) & (frame["price"] <= high)) == pytest.approx(0.9, abs=0.06)


def test_a_target_without_logarithm_is_refused():
    frame = towns.houses(60).assign(**{"Sale Price": range(60)})
    with pytest.raises(InputError, match="--log-target: the target is 0"):
        fmkeras.train_regressor(frame, "Sale Price", log_target=True)


def test_more_columns_than_rows_want_ridge():
    frame = pd.DataFrame({"street": [f"s{i % 29}" for i in range(60)], "zone": [f"z{i % 23}" for i in range(60)]})
    frame["price"] = np.arange(60.0) ** 2
    with pytest.raises(InputError, match="--ridge"):
        fmkeras.train_regressor(frame, "price")


@pytest.mark.slow
def test_callbacks_and_tensorboard(tmp_path):
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_loss"]))
    fmkeras.train_regressor(
        towns.houses(100), "Sale Price", epochs=3, run=tmp_path / "r", callbacks=[callback], tensorboard=True
    )
    assert len(seen) == 3 and list((tmp_path / "r" / "tensorboard").rglob("events.out.tfevents*"))


def test_what_the_columns_do(ridged):
    importance = effects.importance(ridged.fitted)
    assert importance.index[0] == "1st Flr SF" and (importance >= 0).all()
    table = effects.categories(ridged.fitted).set_index(["column", "value"])
    zone = table.loc["Zone/Class"]
    assert zone.loc["RM", "effect"] < zone.loc["RL", "effect"] < zone.loc["FV", "effect"]
    assert abs((zone["effect"] * zone["rows"]).sum()) < 1  # beside the average
    parts = effects.partial_residuals(ridged.fitted, 2)
    assert next(iter(parts)) == "1st Flr SF" and parts["1st Flr SF"]["value"].between(50, 310).all()


def test_the_learning_curve_falls(table):
    data, _ = preparing.prepare(table)
    curve = validation.learning_curve(data)
    assert list(curve["rows"])[-1] == len(data.X_train) and len(curve) > 2
    assert curve["validation"].iloc[-1] < curve["validation"].iloc[0] and (curve["low"] <= curve["high"]).all()


def test_folds_that_cannot_be(table):
    with pytest.raises(InputError, match="--folds 300: choose from 2 to 200"):
        validation.cross_validate(table, 300)


def test_dependent_columns_share_their_weight_and_change_no_prediction():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    y = X @ [1.0, 2, 3] + 1
    twice = np.column_stack([X, X[:, 0], X.sum(axis=1)])
    weights = linear.least_squares(twice, y)
    assert linear.dependent(twice) and not linear.dependent(X)
    np.testing.assert_allclose(linear.linear(twice, weights), y)
    theirs = np.linalg.lstsq(twice - twice.mean(axis=0), y - y.mean(), rcond=None)[0]
    np.testing.assert_allclose(weights[:-1], theirs, atol=1e-9)


@pytest.fixture(params=PUBLISHED)
def shared(request) -> str:
    """The name of a table that lies beside the project; skips where it is absent."""
    if not (SHARED / f"{request.param}.csv").is_file():
        pytest.skip(f"no house tables: {SHARED} is absent")
    return request.param


@pytest.mark.parametrize("ridge", [False, True])
def test_the_closed_form_is_as_good_as_scikit_learns(shared, ridge):
    table = housing.load(str(SHARED / f"{shared}.csv"), "price")
    data, strength = preparing.prepare(table, ridge=ridge)
    everything = data.with_validation_rows()
    X_test = data.feature_scaler.transform(data.X_test)
    predicted = linear.linear(X_test, linear.least_squares(everything.X_train, everything.y_train, strength))
    assert linear.metrics(data.in_unit(predicted), data.y_test)["r2"] >= PUBLISHED[shared][ridge] - 5e-5


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"ridge": True}], ids=["least squares", "ridge"])
def test_training_reaches_it(shared, options):
    report = fmkeras.train_regressor(SHARED / f"{shared}.csv", "price", **options).report
    assert report["test"]["mse"] == pytest.approx(report["least_squares"]["mse"], rel=0.001)
    assert report["test"]["r2"] >= PUBLISHED[shared][bool(options)] - 5e-5


def test_weights_of(ridged):
    model = fitting.training.build_model((2,))
    model.set_weights([np.array([[1.0], [2.0]]), np.array([3.0])])
    assert weights_of(model).tolist() == [1, 2, 3]
