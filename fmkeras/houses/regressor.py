"""A trained regressor at work: from its run folder to predictions for new rows."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fmkeras import runs, workers
from fmkeras.errors import InputError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from fmkeras.houses.files import Sheet
    from fmkeras.houses.fitting import Fit
    from fmkeras.houses.marks import Mark

NEEDED = ("features", "target", "unit", "dataset", "scale_target", "digest")


class Priced(NamedTuple):
    """Predictions with what there is to say about them.

    Attributes:
        values: (rows,) float32, NaN for a row that cannot be read or whose price is too large to compute.
        notes: one line for each column with gaps or with categories that training never met.
        problems: for each such row, its number and one line that names place and column.
    """

    values: np.ndarray
    notes: list[str]
    problems: dict[int, str]


class Regressor:
    """A trained model with what its run folder says about it.

    Attributes:
        model: the Keras model: raw features (batch, features), or a dict of raw columns where there is text or gaps,
            -> the target in its own unit (batch, 1).
        config, report: the run's config.json and report.json (empty if training was stopped).
        columns: how each column is read.
        features, target, unit: column names, and "$" where the target is in dollars.
        fitted: how it was trained, where that was in this process: a `fmkeras.houses.fitting.Fit`, else None.

    Example:
        >>> fmkeras.load_regressor("runs/regress").predict({"bedrooms": 3, "sqft_living": 1800, ...})  # doctest: +SKIP
        array([421900.4], dtype=float32)
    """

    def __init__(self, model: keras.Model, config: dict, report: dict | None = None):
        from fmkeras.houses.columns import Column

        self.model, self.config, self.report = model, config, report or {}
        self.fitted: Fit | None = None
        self.features, self.target, self.unit = config["features"], config["target"], config["unit"]
        if "columns" in config:
            self.columns = [Column.from_json(content) for content in config["columns"]]
        else:  # a run of version 0.1: numbers without gaps, whose means are in the model
            means = [float(mean) for mean in self.model.layers[0].mean.numpy().ravel()]
            self.columns = [
                Column(name, "number", name, middle=mean) for name, mean in zip(self.features, means, strict=True)
            ]

    @property
    def sources(self) -> list[str]:
        """The columns that a table of new rows must have."""
        return list(dict.fromkeys(column.source for column in self.columns))

    def predict(self, table: pd.DataFrame | Mapping | Sequence[Mapping] | np.ndarray | str | Path) -> np.ndarray:
        """Predict from one house (a dict or a Series), or a dict of columns, a list of dicts, a DataFrame, a file.

        Other columns and the order do not matter; a NumPy array must have the columns of `sources`, in their order.
        Gaps become the training rows' medians or "(none)", and are said in a warning, as are unknown categories.

        Returns:
            (rows,) float32, in the target's unit: dollars for the bundled data. NaN for a row that cannot be read.

        Raises:
            InputError: a column is missing.
        """
        priced = self.price(table)
        for line in [*priced.problems.values(), *priced.notes]:
            warnings.warn(line, stacklevel=2)
        return priced.values

    def price(self, table: pd.DataFrame | Mapping | Sequence[Mapping] | np.ndarray | str | Path) -> Priced:
        """As `predict`, and what there is to say comes with the predictions."""
        from fmkeras.houses.files import read
        from fmkeras.houses.frames import cells_of, frame_of

        if isinstance(table, (str, Path)):
            sheet = read(table, self.config.get("header", True), lenient=True)
            return self._price_sheet(sheet, self._mark(sheet.cells, sheet.spaced))
        frame = frame_of(table, self.sources)
        cells = cells_of(frame, self.sources)
        return self._price(cells, len(frame), lambda row: f"row {frame.index[row]}", self._mark(cells))

    def interval(self, values: np.ndarray, percent: int) -> tuple[np.ndarray, np.ndarray]:
        """Low and high ends (rows,) of an interval that holds about `percent` of the true values.

        From the errors on the validation rows, which the weights had not seen (split conformal prediction). It is as
        wide for every row; for a model of logarithms, in proportion to the prediction.

        Raises:
            InputError: the run has none: it is of an earlier version, or was stopped, or has too few validation rows.
        """
        import numpy as np

        half = self.report.get("intervals", {}).get(str(percent))
        if half is None:
            raise InputError(f"this run has no interval of {percent} %: train again, or with more rows")
        if self.config.get("log_target"):
            return values / np.float32(np.exp(half)), values * np.float32(np.exp(half))
        return values - np.float32(half), values + np.float32(half)

    def predict_csv(self, path: str | Path, interval: int | None = None, header: bool = True) -> tuple[str, Priced]:
        """The table at `path` as CSV, its cells unchanged, with a last column `predicted_<target>`.

        Args:
            interval: also columns low_<target> and high_<target> that hold about so many per cent of the true values.
            header: whether its first line holds the names.

        Returns:
            The text, with the table's decimal mark and nothing in the new columns for rows that cannot be read; and the
            predictions.

        Raises:
            InputError: a column is missing, or it has such columns already.
        """
        from fmkeras.houses.files import read
        from fmkeras.houses.reading import shortest

        sheet = read(path, header, lenient=True)
        names = [f"predicted_{self.target}", *[f"{end}_{self.target}" for end in ("low", "high")] * bool(interval)]
        if there := [name for name in names if name in sheet.header]:
            raise InputError(f"{path} has a column {there[0]!r} already: remove it")
        mark = self._mark(sheet.cells, sheet.spaced)
        priced, decimal = self._price_sheet(sheet, mark), "." if sheet.typed else mark.decimal
        predictions = [priced.values, *(self.interval(priced.values, interval) if interval else ())]
        text = io.StringIO()
        writer = csv.writer(text, delimiter=sheet.delimiter, lineterminator="\n")
        if header:
            writer.writerow([*sheet.header, *names])
        for cells, *values in zip(sheet.rows, *predictions, strict=True):
            padding = [""] * (len(sheet.header) - len(cells))
            writer.writerow([*cells, *padding, *(shortest(value).replace(".", decimal) for value in values)])
        return text.getvalue(), priced

    def labelled(self, path: str | Path, header: bool = True) -> tuple[np.ndarray | dict, np.ndarray, list[str]]:
        """Model inputs and target (rows,) of a table that has the target column, and notes; other rows are left out."""
        import numpy as np

        from fmkeras.houses.checks import strike_total
        from fmkeras.houses.files import read
        from fmkeras.houses.reading import too_large
        from fmkeras.houses.table import exact_numbers
        from fmkeras.houses.units import bare, missing

        sheet = read(path, header)
        cells, unit = sheet.cells, self.config.get("target_unit", "")
        if self.target not in cells:
            raise InputError(f"the table lacks a column: {self.target}")
        mark = self._mark(cells | {self.target: bare(cells[self.target], unit)}, sheet.spaced, self.target)
        y = exact_numbers(self.target, cells[self.target], sheet.place, mark.decimal, unit)
        total = strike_total(y, self.target, sheet.place)
        frame, notes, problems = self._read(cells, sheet.place, mark.decimal, np.flatnonzero(np.isnan(y)).tolist())
        notes = [*sheet.notes, *total, *mark.notes, *missing(self.target, cells[self.target], unit), *notes]
        beyond = too_large(self.columns, frame, self._values(frame), sheet.place)
        notes, problems = [*notes, *beyond.values()], problems | beyond
        kept = ~np.isnan(y)
        kept[list(problems)] = False
        if not kept.any():
            raise InputError(f"{path}: no row has both a {self.target} and columns that can be read")
        if left_out := int((~kept).sum()):
            notes.append(f"rows left out, unreadable or without {self.target}: {left_out:,}")
        return self.inputs(frame[kept]), y[kept], notes

    def read_house(self, house: Mapping) -> tuple[pd.DataFrame, list[str]]:
        """One house's read columns, a frame of one row, and notes on gaps and unknown categories.

        Raises:
            InputError: a column is missing or cannot be read.
        """
        cells = {name: [cell] for name, cell in house.items()}
        mark = self._mark(cells)
        frame, notes, problems = self._read(cells, lambda row: "house", mark.decimal)
        if problems:
            raise InputError(problems[0])
        return frame, mark.notes + notes

    def inputs(self, frame: pd.DataFrame) -> np.ndarray | dict[str, np.ndarray]:
        """What the model takes for a frame of read columns."""
        from fmkeras.houses.encoding import Encoder

        if takes_columns(self.model):
            return Encoder(tuple(self.columns)).model_inputs(frame)
        filled = frame.fillna({column.name: column.middle for column in self.columns})
        return filled[[column.name for column in self.columns]].to_numpy(dtype="float64")

    def _values(self, frame: pd.DataFrame) -> np.ndarray:
        """(rows,) float32 prices of read columns."""
        workers.not_forked()
        return self.model.predict(self.inputs(frame), batch_size=4096, verbose=0)[:, 0]

    @property
    def _decimal(self) -> str:
        """The decimal mark of the tables that the run was trained on."""
        return self.config.get("decimal", ".")

    def _mark(self, cells: Mapping, spaced: bool = False, target: str = "") -> Mark:
        from fmkeras.houses.reading import mark_of

        return mark_of(self.columns, cells, self._decimal, spaced, target)

    def _price_sheet(self, sheet: Sheet, mark: Mark) -> Priced:
        priced = self._price(sheet.cells, len(sheet.rows), sheet.place, mark, skip=tuple(sheet.misfits))
        priced.values[list(sheet.misfits)] = float("nan")
        problems = dict(sorted((priced.problems | sheet.misfits).items()))
        return priced._replace(notes=[*sheet.notes, *priced.notes], problems=problems)

    def _price(
        self, cells: Mapping, rows: int, place: Callable[[int], str], mark: Mark, skip: Sequence[int] = ()
    ) -> Priced:
        import numpy as np

        from fmkeras.houses.reading import too_large

        frame, notes, problems = self._read(cells, place, mark.decimal, skip)
        notes = mark.notes + notes
        if not rows:
            return Priced(np.empty(0, dtype="float32"), notes, problems)
        values = self._values(frame)
        problems = too_large(self.columns, frame, values, place) | problems
        if (negative := int((values < 0).sum())) and not self.config.get("log_target"):
            way_out = f"if {self.target} never is, a model trained with --log-target gives none"
            notes.append(f"predictions below 0: {negative:,}; {way_out}")
        values[list(problems)] = float("nan")
        return Priced(values, notes, problems)

    def _read(
        self, cells: Mapping, place: Callable[[int], str], decimal: str, skip: Sequence[int] = ()
    ) -> tuple[pd.DataFrame, list[str], dict[int, str]]:
        from fmkeras.houses.reading import read_cells

        return read_cells(self.columns, cells, place, decimal, skip)


def takes_columns(model: keras.Model) -> bool:
    """Whether a model of ours takes a dict of raw columns, and not a matrix of numbers."""
    import keras

    return not isinstance(model, keras.Sequential)


def load_regressor(run: str | Path = "runs/regress") -> Regressor:
    """Load a trained regressor from its run folder.

    Raises:
        InputError: there is no run there, it is damaged, or it is of another kind.
    """
    run = Path(run).expanduser()
    config = runs.read_config(run)
    if config.get("task") != "regress":
        raise InputError(f"{run} is no run of fmkeras.regress: name another --run")
    if absent := [key for key in NEEDED if key not in config]:
        raise InputError(f"{run / runs.CONFIG} lacks {absent[0]!r}: restore it, or train again")
    from fmkeras import devices
    from fmkeras.houses.encoding import quietly_named

    workers.not_forked()
    devices.gpus()  # where the backend finds no device at all, that is no fault of the model's file
    with quietly_named():
        model = runs.load_model(run / runs.MODEL)
    inputs = len(model.inputs) if takes_columns(model) else model.input_shape[-1]
    if inputs != len(config["features"]):
        raise InputError(f"{run}: its model takes {inputs} columns and its config names another number")
    report = run / runs.REPORT
    return Regressor(model, config, runs.read_json(report) if report.exists() else {})
