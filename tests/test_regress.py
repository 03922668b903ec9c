"""The regressor: it reaches least squares, leaks nothing, saves what it is, and says what is wrong."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import DATA, InputError, regress
from fmkeras.houses import linear, training

ROOT = Path(__file__).parent.parent
PLOTS = ("loss.png", "predicted.png", "residuals.png", "coefficients.png", "importance.png", "partial_residuals.png")
PLOTS += ("learning_curve.png",)


@pytest.fixture(scope="module")
def houses():
    table = regress.load_data()
    return regress.preprocess_data(table.features.to_numpy(), table.target.to_numpy())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The default command, once, in full: `python -m fmkeras.regress`."""
    folder = tmp_path_factory.mktemp("regress") / "run"
    regress.main(["--run", str(folder)])
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small table, and a run on it of a few epochs, for tests that need any trained model."""
    folder = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(7)
    table = pd.DataFrame({"size": rng.uniform(40, 200, 300).round(1), "rooms": rng.integers(1, 7, 300)})
    table["cost"] = (3000 * table["size"] - 9000 * table["rooms"] + rng.normal(0, 9000, 300)).round(2)
    table.to_csv(folder / "t.csv", index=False)
    regress.main(
        ["--dataset", str(folder / "t.csv"), "--target", "cost", "--epochs", "20", "--run", str(folder / "run")]
    )
    return folder


def command(*arguments, **options) -> subprocess.CompletedProcess:
    options.setdefault("env", os.environ | {"PYTHONPATH": str(ROOT)})
    line = [sys.executable, "-m", "fmkeras.regress", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, encoding="utf-8", **options)


def report_of(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def assert_least_squares(model, data) -> None:
    """Within 0.1 % of the closed form's test error, and each weight within 1 % of a standard deviation."""
    kernel, bias = model.layers[-1].get_weights()
    weights = linear.least_squares(data.X_train, data.y_train)
    dollars = linear.linear(data.feature_scaler.transform(data.X_test), weights) * data.target_scale + data.target_mean
    best = linear.metrics(dollars, data.y_test)
    trained = regress.evaluate_model(regress.with_scaling(model, data), data.X_test, data.y_test)
    assert abs(trained["mse"] / best["mse"] - 1) < 0.001
    assert np.abs(np.append(kernel[:, 0], bias) - weights).max() < 0.01


# --- the data ---------------------------------------------------------------------------------------------------


def test_the_rows_are_the_articles(houses):
    from sklearn.model_selection import train_test_split

    table = regress.load_data()
    y_train, y_test = train_test_split(table.target.to_numpy(), test_size=0.2, random_state=42)
    first = int(np.floor(len(y_train) * 0.8))  # as Keras's validation_split=0.2 takes them
    dollars = [y * houses.target_scale + houses.target_mean for y in (houses.y_train, houses.y_validation)]
    np.testing.assert_allclose(dollars[0], y_train[:first])
    np.testing.assert_allclose(dollars[1], y_train[first:])
    np.testing.assert_array_equal(houses.y_test, y_test)
    assert [len(part) for part in (houses.X_train, houses.X_validation, houses.X_test)] == [13_832, 3_458, 4_323]


def test_training_rows_are_standardized_target_included(houses):
    np.testing.assert_allclose(houses.X_train.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(houses.X_train.std(axis=0), 1, atol=1e-9)
    assert abs(houses.y_train.mean()) < 1e-9 and abs(houses.y_train.std() - 1) < 1e-9


def test_no_statistic_of_validation_or_test_rows_enters_the_scaling():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), rng.normal(size=100)
    clean = regress.preprocess_data(X, y)
    raw = clean.X_train * clean.feature_scaler.scale_ + clean.feature_scaler.mean_
    train = [int(np.abs(X - row).sum(axis=1).argmin()) for row in raw]
    other = np.setdiff1d(np.arange(100), train)
    assert len(train) == 64 and len(other) == 36
    X[other], y[other] = 1e6, -1e6
    spoilt = regress.preprocess_data(X, y)
    np.testing.assert_array_equal(spoilt.feature_scaler.mean_, clean.feature_scaler.mean_)
    np.testing.assert_array_equal(spoilt.feature_scaler.scale_, clean.feature_scaler.scale_)
    assert (spoilt.target_mean, spoilt.target_scale) == (clean.target_mean, clean.target_scale)
    np.testing.assert_array_equal(spoilt.X_train, clean.X_train)


def test_too_few_rows():
    with pytest.raises(InputError, match="9 usable rows"):
        regress.preprocess_data(np.eye(9), np.arange(9.0))
    with pytest.raises(InputError, match=r"of 30 usable rows 19 .* 40 columns"):
        regress.preprocess_data(np.random.default_rng(0).normal(size=(30, 40)), np.arange(30.0))
    with pytest.raises(InputError, match="the target is the same"):
        regress.preprocess_data(np.arange(30.0)[:, None], np.zeros(30))


def test_batches_are_whole_and_differ_by_epoch_and_seed():
    X = np.arange(10.0)[:, None]

    def epochs(seed: int) -> list[list[float]]:
        batches = linear.shuffled_batches(X, X[:, 0], 3, seed)
        return [[float(v) for _ in range(3) for v in next(batches)[1]] for _ in range(2)]

    first, second = epochs(0)
    assert len(set(first)) == len(set(second)) == 9 and first != second
    assert epochs(0) == [first, second] and epochs(1) != [first, second]


# --- what it must show ------------------------------------------------------------------------------------------


def test_it_reaches_least_squares(run):
    report = report_of(run)
    assert report["dataset"] == "king_county" and report["rows"] == 21_613 and report["features"] == 16
    assert report["least_squares"]["r2"] == pytest.approx(0.6957, abs=1e-4)
    assert round(report["least_squares_with_validation_rows"]["r2"], 4) == 0.6957
    assert report["least_squares_with_validation_rows"]["mse"] == pytest.approx(4.5999e10, rel=1e-5)
    assert report["mean_baseline"]["mse"] == pytest.approx(15.131e10, rel=2e-4)
    assert report["test"]["mse"] == pytest.approx(report["least_squares"]["mse"], rel=0.001)
    assert report["test"]["rmse"] == pytest.approx(214_461, rel=0.001)
    assert report["largest_weight_difference"] < 0.01
    assert 50 < report["epochs"] <= 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_it_reaches_least_squares_from_every_seed(houses, seed):
    model = regress.build_model((16,))
    _, finished = regress.train_model(model, houses, seed=seed)
    assert finished
    assert_least_squares(model, houses)


@pytest.mark.slow
def test_the_command_is_silent_on_standard_error(tmp_path):
    done = command("--epochs", 2, "--run", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr


@pytest.mark.slow
def test_without_target_scaling_the_same_steps_leave_r2_below_zero(tmp_path):
    """The article's mistake: 2,000 steps move a weight by some 6 dollars; the mean price is 540,000 away."""
    regress.main(["--no-target-scaling", "--run", str(tmp_path / "run")])
    report = report_of(tmp_path / "run")
    assert report["test"]["r2"] < 0
    assert report["least_squares"]["r2"] == pytest.approx(0.6957, abs=1e-4)


def test_the_same_seed_gives_the_same_weights(houses, monkeypatch):
    monkeypatch.setattr(training, "MOST_NUMBERS", 10_000)  # as for a very large table: in batches

    def weights(seed: int) -> np.ndarray:
        model = regress.build_model((16,))
        regress.train_model(model, houses, epochs=2, seed=seed)
        return np.append(*(w.ravel() for w in model.get_weights()))

    np.testing.assert_array_equal(weights(3), weights(3))
    assert (weights(3) != weights(4)).any()


def test_the_best_weights_of_the_second_half_are_kept(houses):
    import keras

    model = regress.build_model((16,))
    history, finished = regress.train_model(model, houses, epochs=8)
    assert finished and list(history.columns) == ["epoch", "loss", "val_loss", "seconds"]
    model.compile(loss="mean_squared_error")
    loss = model.evaluate(houses.X_validation, houses.y_validation, batch_size=4096, verbose=0)
    assert loss == pytest.approx(history["val_loss"].iloc[4:].min(), rel=1e-5)
    assert isinstance(model, keras.Sequential)


# --- the run folder ---------------------------------------------------------------------------------------------


def test_the_run_folder_is_complete(run):
    names = {"config.json", "model.keras", "history.csv", "report.json", "coefficients.csv", *PLOTS}
    assert {path.name for path in run.iterdir()} == names
    assert all((run / name).read_bytes().startswith(b"\x89PNG") for name in PLOTS)
    history = pd.read_csv(run / "history.csv")
    assert len(history) == report_of(run)["epochs"] and history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert set(report_of(run)["test"]) == {"mse", "rmse", "mae", "r2"}


def test_the_coefficients_predict_by_hand(run):
    """Price = intercept + sum of (coefficient per unit x feature), and both units say the same."""
    table = pd.read_csv(run / "coefficients.csv", index_col="feature")
    houses = regress.load_data().features.head(50)
    per_unit = table["trained_per_unit"]
    by_hand = houses @ per_unit[list(houses)] + per_unit["(intercept)"]
    np.testing.assert_allclose(fmkeras.load_regressor(run).predict(houses), by_hand, atol=20)  # dollars
    ratio = table["trained_per_deviation"] / table["least_squares_per_deviation"]
    assert ratio[["sqft_living", "grade", "lat"]].between(0.97, 1.03).all()


FRESH = """
import importlib.abc, json, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "fmkeras":
            raise ModuleNotFoundError("fmkeras is not installed here")
sys.meta_path.insert(0, Absent())
import keras, numpy
model = keras.models.load_model(sys.argv[1])
print(json.dumps(model.predict(numpy.load(sys.argv[2]), verbose=0)[:, 0].tolist()))
"""


@pytest.mark.slow
def test_the_model_loads_in_a_fresh_process_without_fmkeras(run, tmp_path):
    features = regress.load_data().features.sample(200, random_state=1)
    np.save(tmp_path / "X.npy", features.to_numpy())
    line = [sys.executable, "-c", FRESH, run / "model.keras", tmp_path / "X.npy"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    there = np.array(json.loads(done.stdout))
    np.testing.assert_allclose(there, fmkeras.load_regressor(run).predict(features), rtol=1e-5)
    assert 300_000 < np.median(there) < 700_000  # dollars


@pytest.mark.slow
def test_evaluate_reports_the_same_metrics_in_a_new_process(run, tmp_path):
    done = command("evaluate", "--run", run, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    test = report_of(run)["test"]
    assert "4,323 rows" in done.stdout
    for text in (f"{test['mse']:.4e}", f"${test['rmse']:,.0f}", f"${test['mae']:,.0f}", f"{test['r2']:.4f}"):
        assert text in done.stdout


def test_what_training_prints(small, tmp_path, capsys):
    regress.main(["--dataset", str(small / "t.csv"), "--target", "cost", "--epochs", "2", "--run", str(tmp_path / "r")])
    printed = capsys.readouterr().out
    for text in ("300 rows, 2 features", "192 training, 48 validation, 60 test rows", "epoch   1/2", "trained model"):
        assert text in printed
    for text in (
        "least squares, same rows",
        "mean of the training rows",
        "per standard deviation",
        "report.json",
        "R²",
    ):
        assert text in printed


@pytest.mark.slow
def test_an_earlier_run_is_kept(small, tmp_path, capsys):
    line = ["--dataset", str(small / "t.csv"), "--target", "cost", "--epochs", "1", "--run", str(tmp_path / "r")]
    regress.main(line)
    before = (tmp_path / "r" / "report.json").read_bytes()
    regress.main(line)
    assert (tmp_path / "r.1" / "report.json").read_bytes() == before
    assert "r.1" in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_weights_so_far(small, tmp_path):
    run = tmp_path / "run"
    line = [sys.executable, "-u", "-m", "fmkeras.regress", "--dataset", small / "t.csv", "--target", "cost"]
    line += ["--epochs", "100000", "--run", run]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}  # a crash says where
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        for text in process.stdout:
            if text.startswith("epoch  10/"):
                process.send_signal(signal.SIGINT)
                break
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert len(errors.strip().splitlines()) == 1 and "best weights" in errors and "Traceback" not in errors
    assert {path.name for path in run.iterdir()} == {"config.json", "model.keras", "history.csv"}
    predicted = fmkeras.load_regressor(run).predict(pd.read_csv(small / "t.csv"))
    assert np.isfinite(predicted).all()


# --- tables of the user's ---------------------------------------------------------------------------------------


def table_of(rows: int, columns: int) -> pd.DataFrame:
    rng = np.random.default_rng(rows + columns)
    X = rng.normal(size=(rows, columns)) * rng.uniform(0.1, 1000, columns) + rng.uniform(-100, 10_000, columns)
    table = pd.DataFrame(X, columns=[f"x{i}" for i in range(columns)])
    return table.assign(cost=1000 + (X / X.std(axis=0)) @ rng.normal(size=columns) + rng.normal(size=rows) * 0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "features"),
    [
        (table_of(400, 1), 1),
        (table_of(900, 59), 59),
        (table_of(300, 3).assign(flat=7.0, copy=lambda table: table["x1"]), 4),
        (table_of(30, 3), 3),
    ],
    ids=["2 columns", "60 columns", "a constant and a copied column", "30 rows"],
)
def test_tables_of_different_shape(tmp_path, table, features):
    table.to_csv(tmp_path / "t.csv", index=False)
    line = ["--dataset", str(tmp_path / "t.csv"), "--target", "cost", "--run", str(tmp_path / "run")]
    if len(table) > 50:  # 40 epochs are enough, and quicker; 19 training rows make 19 steps an epoch and need all 100
        line += ["--epochs", "40"]
    regress.main(line)
    report = report_of(tmp_path / "run")
    assert report["rows"] == len(table) and report["features"] == features
    assert report["test"]["r2"] > 0.8
    assert report["test"]["r2"] == pytest.approx(report["least_squares"]["r2"], abs=0.02)
    assert report["largest_weight_difference"] < 0.05
    regressor = fmkeras.load_regressor(tmp_path / "run")
    assert regressor.predict(table).shape == (len(table),)
    if "copy" in table:
        weights = pd.read_csv(tmp_path / "run" / "coefficients.csv", index_col="feature")["trained_per_deviation"]
        assert weights["copy"] == pytest.approx(weights["x1"])


def test_a_column_constant_in_the_training_rows_alone_gets_no_weight():
    table = table_of(60, 2)
    X, y = np.column_stack([table[["x0", "x1"]], np.zeros(60)]), table["cost"].to_numpy()
    data = regress.preprocess_data(X, y)
    model = regress.build_model((3,))
    regress.train_model(model, data, epochs=3)
    assert abs(model.get_weights()[0][2, 0]) < 1e-6
    X[:, 2] = 1000  # a new house that differs
    moved = regress.with_scaling(model, data).predict(X, verbose=0)
    X[:, 2] = 0
    np.testing.assert_allclose(moved, regress.with_scaling(model, data).predict(X, verbose=0), rtol=1e-5)


# --- predict and evaluate ---------------------------------------------------------------------------------------


def test_predict_takes_columns_in_any_order_and_leaves_the_cells_alone(small, tmp_path, capsys):
    path = tmp_path / "new.csv"
    path.write_text('street,rooms,size\n"Elm, 5",3,100.50\nRua da Sé,2,80\n', encoding="utf-8")
    regress.main(["predict", str(path), "--run", str(small / "run")])
    printed = capsys.readouterr().out
    header, first, second = printed.splitlines()
    assert header == "street,rooms,size,predicted_cost"
    assert first.startswith('"Elm, 5",3,100.50,') and second.startswith("Rua da Sé,2,80,")
    houses = pd.DataFrame({"size": [100.5, 80], "rooms": [3, 2]})
    expected = fmkeras.load_regressor(small / "run").predict(houses)
    written = np.array([first.rsplit(",", 1)[1], second.rsplit(",", 1)[1]], dtype="float32")
    np.testing.assert_array_equal(written, expected)
    regress.main(["predict", str(path), "--run", str(small / "run"), "--out", str(tmp_path / "out.csv")])
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == printed and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rooms\n3\n", ["lacks a column: size"]),
        ("size,rooms,predicted_cost\n90,3,1\n", ["predicted_cost", "already"]),
        ("", ["empty"]),
        ("90,3\n80,2\n", ["no column names", "--no-header"]),
    ],
)
def test_predict_names_what_is_wrong_with_a_file_and_writes_nothing(small, tmp_path, text, words):
    (tmp_path / "new.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        out = str(tmp_path / "out.csv")
        regress.main(["predict", str(tmp_path / "new.csv"), "--run", str(small / "run"), "--out", out])
    assert all(word in str(caught.value) for word in words), caught.value
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


@pytest.mark.parametrize("cell", ["two", "inf", "1e40"])
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_priced(small, tmp_path, capsys, cell):
    (tmp_path / "new.csv").write_text(f"size,rooms\n90,3\n80,{cell}\n70,1\n60\n")
    line = ["predict", str(tmp_path / "new.csv"), "--run", str(small / "run")]
    regress.main(line)
    out, errors = capsys.readouterr()
    first, second, third, fourth = (row.rsplit(",", 1)[1] for row in out.splitlines()[1:])
    assert float(first) > 0 and float(third) > 0 and second == fourth == ""
    assert "line 3, column 'rooms'" in errors and cell in errors and "line 5: 1 cells" in errors
    assert "2 of 4 rows cannot be read" in errors
    with pytest.raises(InputError, match="2 of 4 rows cannot be read"):
        regress.main([*line, "--strict", "--out", str(tmp_path / "out.csv")])
    assert (tmp_path / "out.csv").read_text() == out  # written all the same


@pytest.mark.parametrize("cell", ["", "NA", "nan", "?"])
def test_a_gap_is_filled_with_the_median_and_said(small, tmp_path, capsys, cell):
    (tmp_path / "new.csv").write_text(f"size,rooms\n90,{cell}\n90,3\n")
    regress.main(["predict", str(tmp_path / "new.csv"), "--run", str(small / "run")])
    out, errors = capsys.readouterr()
    assert "rooms: gaps in 1 of 2 rows, filled with 3" in errors or "filled with 4" in errors
    assert all(float(row.rsplit(",", 1)[1]) > 0 for row in out.splitlines()[1:])


def test_intervals_widen_with_their_per_cent(small, tmp_path, capsys):
    (tmp_path / "new.csv").write_text("size,rooms\n90,3\n")
    widths = []
    for percent in ("50", "90"):
        regress.main(["predict", str(tmp_path / "new.csv"), "--run", str(small / "run"), "--interval", percent])
        header, row = capsys.readouterr().out.splitlines()
        assert header == "size,rooms,predicted_cost,low_cost,high_cost"
        middle, low, high = map(float, row.split(",")[2:])
        assert low < middle < high
        widths.append(high - low)
    assert 0 < widths[0] < widths[1]
    with pytest.raises(InputError, match="no interval of 99 %"):  # 48 validation rows cannot tell
        regress.main(["predict", str(tmp_path / "new.csv"), "--run", str(small / "run"), "--interval", "99"])


def test_predict_where_it_cannot_write(small, tmp_path):
    line = ["predict", str(small / "t.csv"), "--run", str(small / "run"), "--out"]
    with pytest.raises(InputError, match="is not a file"):
        regress.main([*line, str(tmp_path)])
    with pytest.raises(InputError, match="cannot be written"):
        regress.main([*line, str(tmp_path / "none" / "out.csv")])


def test_predict_from_python(small):
    regressor = fmkeras.load_regressor(small / "run")
    frame = pd.read_csv(small / "t.csv")
    expected = regressor.predict(frame)
    assert expected.shape == (300,) and expected.dtype == np.float32
    np.testing.assert_array_equal(regressor.predict(frame[["cost", "rooms", "size"]]), expected)
    np.testing.assert_allclose(regressor.predict(frame.head(2).to_dict("records")), expected[:2], rtol=1e-6)
    np.testing.assert_allclose(regressor.predict({"size": ["90"], "rooms": [3]}), 243_000, rtol=0.1)
    assert regressor.predict(frame.head(0)).shape == (0,)
    one = regressor.predict({"size": 100.5, "rooms": 3})  # one house
    np.testing.assert_allclose(one, regressor.predict(pd.DataFrame({"size": [100.5], "rooms": [3]})))
    np.testing.assert_allclose(regressor.predict(np.array([100.5, 3])), one)
    np.testing.assert_allclose(regressor.predict(np.array([[100.5, 3], [90, 2]]))[:1], one)
    np.testing.assert_allclose(regressor.predict(small / "t.csv"), expected)
    with pytest.raises(InputError, match=r"3 columns; the model takes 2: size, rooms"):
        regressor.predict(np.ones((4, 3)))
    gap = pd.DataFrame({"size": [1, 2], "rooms": [1, None]}, index=["a", "b"])
    with pytest.warns(UserWarning, match="rooms: gaps in 1 of 2 rows"):
        assert np.isfinite(regressor.predict(gap)).all()
    with pytest.warns(UserWarning, match="row b, column 'rooms': 'many' cannot be read"):
        assert np.isnan(regressor.predict(gap.assign(rooms=["1", "many"]))).tolist() == [False, True]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_policy_of_the_notebooks_changes_no_price(policy):
    """Half precision had 407552 for 408123, and in float16 no price at all."""
    rng = np.random.default_rng(0)
    X = rng.uniform(500, 5000, (200, 1))
    data = training.preprocess_data(X, 200 * X[:, 0] + 90_001)
    try:
        keras.config.set_dtype_policy(policy)
        model = training.build_model((1,))
        weights = linear.least_squares(data.X_train, data.y_train)
        model.set_weights([weights[:-1, None], weights[-1:]])
        priced = training.with_scaling(model, data).predict(np.array([[2001.0]]), verbose=0)[0, 0]
        assert keras.config.dtype_policy().name == policy
    finally:
        keras.config.set_dtype_policy("float32")
    assert priced == pytest.approx(490_201, rel=1e-5)


def test_evaluate_on_a_file_and_on_a_changed_table(small, tmp_path, capsys):
    regress.main(["evaluate", str(small / "t.csv"), "--run", str(small / "run")])
    assert "300 rows" in capsys.readouterr().out
    for name in ("t.csv", "run"):
        (tmp_path / name).symlink_to(small / name)
    config = json.loads((small / "run" / "config.json").read_text())
    assert Path(config["dataset"]) == (small / "t.csv").resolve()
    kept = (small / "t.csv").read_text()
    try:
        (small / "t.csv").write_text(kept + "1,2,3\n")
        with pytest.raises(InputError, match="has changed since"):
            regress.main(["evaluate", "--run", str(small / "run")])
    finally:
        (small / "t.csv").write_text(kept)


def test_runs_that_cannot_be_loaded(tmp_path, small):
    with pytest.raises(InputError, match="holds no run"):
        fmkeras.load_regressor(tmp_path / "none")
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"task": "translate"}')
    with pytest.raises(InputError, match=r"no run of fmkeras\.regress"):
        fmkeras.load_regressor(other)
    (other / "config.json").write_text('{"task": "regress"}')
    with pytest.raises(InputError, match="lacks 'features'"):
        fmkeras.load_regressor(other)
    (other / "config.json").write_text((small / "run" / "config.json").read_text())
    with pytest.raises(InputError, match=r"model\.keras is missing"):
        fmkeras.load_regressor(other)


# --- the command line -------------------------------------------------------------------------------------------


def test_help_imports_nothing_heavy(tmp_path):
    done = command("--help", cwd=tmp_path)
    assert done.returncode == 0 and "predict" in done.stdout
    heavy = "{'keras', 'tensorflow', 'numpy', 'pandas', 'sklearn', 'matplotlib'}"
    check = f"import fmkeras.regress, sys; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=600)


@pytest.mark.parametrize(
    "line",
    [
        ["--dataset", "none.csv", "--target", "price"],
        ["--epochs", "0"],
        ["--seed", "-1"],
        ["--colour", "red"],
        ["evaluate"],
        ["predict"],
        ["predict", "none.csv"],
        ["--dataset", str(DATA / "king_county_houses.csv")],
    ],
    ids=" ".join,
)
def test_mistakes_get_one_line_and_status_2(line, tmp_path):
    done = command(*line, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("fmkeras: error: ") and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_mistake_is_said_before_keras_is_imported():
    check = """
import sys
from fmkeras import InputError, regress
try:
    regress.main(["--dataset", "nowhere.csv"])
except InputError as error:
    sys.exit(f"{error}, with Keras" if "keras" in sys.modules else 0)
"""
    subprocess.run([sys.executable, "-c", check], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=600)
