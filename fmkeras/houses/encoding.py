"""Columns as they are -> numbers for a linear model, twice the same: in NumPy to train on, in Keras layers to save."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmkeras.houses.cells import GAP_SPELLINGS, NO_VALUE
from fmkeras.houses.columns import Column

if TYPE_CHECKING:
    import keras
    import pandas as pd

# Names that layers have.
RESERVED = re.compile(r"(numbers|standardize|encoded|linear|to_target_unit|from_logarithm|(category|column)_\d+)$")
_DIGITS = re.compile(r"[-+]?\d+")
# What the lookup calls a category never met. Categories come without spaces around them, so none is called so.
NEVER_MET = " "


@contextlib.contextmanager
def quietly_named() -> Iterator[None]:
    """Keep Keras from remarking that a column with a / in its name has an input of another name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="When providing `inputs` as a dict")
        yield


@dataclass(frozen=True)
class Encoder:
    """Fitted columns as a matrix: numbers, then indicators of their gaps, then one column a category.

    A number is (value - median) / standard deviation, 0 in a gap; a category never met gives zeros everywhere.

    Example:
        >>> encoder = Encoder.fit(training_rows, columns)  # doctest: +SKIP
        >>> encoder.transform(rows).shape  # doctest: +SKIP
        (1875, 323)
    """

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, columns: Sequence[Column]) -> Encoder:
        """Take medians, deviations and categories from `frame`, which holds training rows and no others."""
        return cls(tuple(column.fit(frame[column.name]) for column in columns))

    @property
    def numbers(self) -> list[Column]:
        """The columns of numbers, in the table's order."""
        return [column for column in self.columns if column.kind == "number"]

    @property
    def categories(self) -> list[Column]:
        """The columns of categories, in the table's order."""
        return [column for column in self.columns if column.kind == "category"]

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns: "area", "area: gap", "zone = RL"."""
        names = [column.name for column in self.numbers]
        names += [f"{column.name}: gap" for column in self.numbers if column.gaps]
        return names + [f"{column.name} = {value}" for column in self.categories for value in column.values]

    @property
    def groups(self) -> list[str]:
        """For each encoded column the name of the table's column that it comes from."""
        groups = [column.name for column in self.numbers] + [column.name for column in self.numbers if column.gaps]
        return groups + [column.name for column in self.categories for _ in column.values]

    @property
    def mean_(self) -> np.ndarray:
        """What is 0 in each encoded column; named as scikit-learn names it in StandardScaler."""
        middles = [column.middle for column in self.numbers]
        return np.array(middles + [0.0] * (len(self.names) - len(middles)))

    @property
    def scale_(self) -> np.ndarray:
        """What is 1 in each encoded column, in units of the table."""
        scales = [column.scale for column in self.numbers]
        return np.array(scales + [1.0] * (len(self.names) - len(scales)))

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """(rows, encoded columns) float64 of a frame that has all columns, categories as text."""
        blocks = []
        for column in self.numbers:
            values = frame[column.name].to_numpy(dtype="float64")
            blocks.append(np.nan_to_num((values - column.middle) / column.scale, nan=0.0))
        blocks += [frame[column.name].isna().to_numpy(dtype="float64") for column in self.numbers if column.gaps]
        for column in self.categories:
            values = frame[column.name].to_numpy()
            blocks += [(values == value).astype("float64") for value in column.values]
        return np.stack(blocks, axis=1)

    def model_inputs(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """What the saved model takes: float32 for numbers, NaN in a gap; objects (str) for categories."""
        kinds = {"number": "float32", "category": object}
        return {column.name: frame[column.name].to_numpy().astype(kinds[column.kind]) for column in self.columns}

    def unknown(self, frame: pd.DataFrame) -> dict[str, int]:
        """How many cells of each category column hold a value without a weight."""
        counts = {column.name: int((~frame[column.name].isin(column.values)).sum()) for column in self.categories}
        return {name: count for name, count in counts.items() if count}

    def keras_model(self, weights: np.ndarray, output: Sequence[keras.layers.Layer]) -> keras.Model:
        """The model to save: a dict of raw columns, each (batch, 1) -> (batch, 1).

        Args:
            weights: (encoded columns + 1,), the bias last.
            output: layers from the linear unit to the target in its own unit.
        """
        import keras

        kernel = dict(zip(self.names, weights[:-1], strict=True))
        inputs, blocks, rows = {}, [], []
        for i, column in enumerate(self.columns):
            taken = "/" in column.name or RESERVED.match(column.name)  # Keras keeps / for itself
            name = f"column_{i}" if taken else column.name
            dtype = "float32" if column.kind == "number" else "string"
            inputs[column.name] = keras.Input((1,), name=name, dtype=dtype)
        if self.numbers:
            raw = [inputs[column.name] for column in self.numbers]
            joined = keras.layers.Concatenate(name="numbers")(raw) if len(raw) > 1 else raw[0]
            scaled = keras.layers.Normalization(
                mean=[column.middle for column in self.numbers],
                variance=[column.scale**2 for column in self.numbers],
                name="standardize",
            )(joined)
            # Centred at the median, so that a gap filled with 0 is a gap filled with the median.
            blocks += [keras.ops.nan_to_num(scaled), keras.ops.cast(keras.ops.isnan(scaled), "float32")]
            rows += [kernel[column.name] for column in self.numbers]
            rows += [kernel.get(f"{column.name}: gap", 0.0) for column in self.numbers]
        for i, column in enumerate(self.categories):
            spellings = self._spellings(column)
            lookup = keras.layers.StringLookup(
                vocabulary=list(spellings),
                num_oov_indices=1,
                oov_token=NEVER_MET,
                output_mode="one_hot",
                name=f"category_{i}",
            )
            blocks.append(lookup(inputs[column.name]))
            rows += [0.0] + [kernel[f"{column.name} = {value}"] for value in spellings.values()]  # 0: never met
        encoded = keras.layers.Concatenate(name="encoded")(blocks) if len(blocks) > 1 else blocks[0]
        dense = keras.layers.Dense(1, name="linear")
        result = dense(encoded)
        for layer in output:
            result = layer(result)
        dense.set_weights([np.array(rows, dtype="float32")[:, None], weights[-1:].astype("float32")])
        with quietly_named():
            return keras.Model(inputs, result)

    def _spellings(self, column: Column) -> dict[str, str]:
        """Every form in which a category may stand in a table, with the category."""
        gaps = dict.fromkeys(GAP_SPELLINGS, NO_VALUE) if NO_VALUE in column.values else {}
        floats = {f"{value}.0": value for value in column.values if _DIGITS.fullmatch(value)}  # as pandas may write it
        return gaps | floats | column.spellings | {value: value for value in column.values}


def as_frame(
    columns: Sequence[Column], cells: Mapping[str, Sequence], decimal: str
) -> tuple[pd.DataFrame, list[tuple[int, str, object]]]:
    """Read cells by `columns`: a frame of float64 and text, and where a cell could not be read.

    Args:
        cells: for each column's source its cells.

    Returns:
        The frame, a gap in the place of each unreadable cell, and a list of (row, source, cell).
    """
    import pandas as pd

    frame, unreadable = {}, []
    for column in columns:
        values = [column.read(cell, decimal) for cell in cells[column.source]]
        for row, value in enumerate(values):
            if value is None:
                unreadable.append((row, column.source, cells[column.source][row]))
                values[row] = float("nan")
        frame[column.name] = pd.Series(values, dtype="float64" if column.kind == "number" else object)
    return pd.DataFrame(frame), sorted(unreadable, key=lambda found: found[0])
