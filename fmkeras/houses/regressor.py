"""A trained regressor at work: from its run folder to predictions for new rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fmkeras import runs
from fmkeras.errors import InputError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from fmkeras.houses.table import Sheet


class Regressor:
    """A trained model with what its run folder says about it.

    Attributes:
        model: the Keras model, raw features (batch, features) -> the target in its own unit (batch, 1).
        config: the run's config.json.
        features, target, unit: column names, and "$" where the target is in dollars.

    Example:
        >>> fmkeras.load_regressor("runs/regress").predict(pandas.read_csv("houses.csv"))  # doctest: +SKIP
        array([221900.4, 538000.1], dtype=float32)
    """

    def __init__(self, model: keras.Model, config: dict):
        self.model, self.config = model, config
        self.features, self.target, self.unit = config["features"], config["target"], config["unit"]

    def predict(self, table: pd.DataFrame | Mapping | Sequence[Mapping]) -> np.ndarray:
        """Predict from a DataFrame, a dict of columns or a list of dicts; other columns and the order do not matter.

        Returns:
            (rows,) float32, in the target's unit: dollars for the bundled data.

        Raises:
            InputError: a column is missing, or a cell is text, missing or infinite; named with its column and row.
        """
        import pandas as pd

        from fmkeras.houses.table import feature_matrix

        frame = pd.DataFrame(table)
        return self._predict(feature_matrix(frame, self.features, lambda row: f"row {frame.index[row]}"))

    def predict_csv(self, path: str | Path) -> str:
        """The CSV at `path` again, its cells unchanged, with a last column `predicted_<target>`.

        Raises:
            InputError: as in `predict`, with the line of the file; or it has such a column already.
        """
        import numpy as np

        from fmkeras.houses.table import read_csv

        sheet, name = read_csv(path), f"predicted_{self.target}"
        if name in sheet.header:
            raise InputError(f"{path} has a column {name!r} already: remove it")
        predictions = self._predict(self._matrix(sheet, self.features))
        text = io.StringIO()
        writer = csv.writer(text, delimiter=sheet.delimiter, lineterminator="\n")
        writer.writerow([*sheet.header, name])
        for cells, value in zip(sheet.rows, predictions, strict=True):
            writer.writerow([*cells, np.format_float_positional(value, trim="-")])  # the shortest exact float32
        return text.getvalue()

    def labelled(self, path: str | Path) -> tuple[np.ndarray, np.ndarray]:
        """Features (rows, features) and target (rows,) of a CSV that has the target column, too."""
        from fmkeras.houses.table import read_csv

        matrix = self._matrix(read_csv(path), [*self.features, self.target])
        return matrix[:, :-1], matrix[:, -1]

    def _matrix(self, sheet: Sheet, names: list[str]) -> np.ndarray:
        from fmkeras.houses.table import feature_matrix

        columns = dict(zip(sheet.header, zip(*sheet.rows, strict=True), strict=True))
        return feature_matrix(columns, names, lambda row: f"{sheet.path}, line {sheet.lines[row]}")

    def _predict(self, X: np.ndarray) -> np.ndarray:
        return self.model.predict(X, batch_size=4096, verbose=0)[:, 0] if len(X) else X[:, 0].astype("float32")


def load_regressor(run: str | Path = "runs/regress") -> Regressor:
    """Load a trained regressor from its run folder.

    Raises:
        InputError: there is no run there, it is damaged, or it is of another kind.
    """
    config = runs.read_config(run)
    if config.get("task") != "regress":
        raise InputError(f"{run} is no run of fmkeras.regress: name another --run")
    if absent := [
        key for key in ("features", "target", "unit", "dataset", "scale_target", "digest") if key not in config
    ]:
        raise InputError(f"{Path(run) / runs.CONFIG} lacks {absent[0]!r}: restore it, or train again")
    model = runs.load_model(Path(run) / runs.MODEL)
    if model.input_shape[-1] != len(config["features"]):
        raise InputError(f"{run}: its model takes {model.input_shape[-1]} columns and its config names another number")
    return Regressor(model, config)
