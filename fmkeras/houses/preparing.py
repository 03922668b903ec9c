"""Before training: a table is loaded, what was read is said, and its rows are split and encoded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from fmkeras.errors import InputError
from fmkeras.houses import training
from fmkeras.houses.notes import Heard

if TYPE_CHECKING:
    import pandas as pd

    from fmkeras.houses.linear import Data
    from fmkeras.houses.table import Table

Source: TypeAlias = Union["pd.DataFrame", Mapping, Sequence[Mapping], str, Path]
NAMED = ("king_county", "california")


def load_table(table: Source, target: str | int | None, options: dict, header: bool) -> Table:
    """The table that `train_regressor` is given.

    Raises:
        InputError: it cannot be used, or nobody says what is to be predicted.
    """
    target = None if target is None else str(target)
    if isinstance(table, (str, Path)):
        return training.load_data(str(table), target, **options, header=header)
    from fmkeras.houses.frames import frame_of
    from fmkeras.houses.table import from_frame

    frame = frame_of(table)
    if target is None:
        raise InputError(f"which column is to be predicted? ({', '.join(map(str, frame.columns))})")
    return from_frame(frame, target, **options)


def source_of(table: Source, loaded: Table) -> str | None:
    """What config.json calls the table: its name, its full path, or nothing for one in memory."""
    if not isinstance(table, (str, Path)):
        return None
    return loaded.name if str(table) in NAMED else str(Path(table).resolve())


def introduce(loaded: Table, say: Callable[[str], None] | None) -> Callable[[str], None]:
    """Say what was read. Gives `say`, or what stands for it where there is none: warnings of what matters."""
    if say is None:
        say = warn
    rows, columns = loaded.features.shape
    say(f"{loaded.name}: {rows:,} rows, {columns} feature{'s'[: columns > 1]}, target {loaded.target.name}")
    for note in loaded.notes:
        say(note)
    return say


def warn(line: str) -> None:
    """Warn of a line, if a program must hear it."""
    if isinstance(line, Heard):
        warnings.warn(line, stacklevel=4)


def prepare(
    table: Table, scale_target: bool = True, log_target: bool = False, ridge: bool = False
) -> tuple[Data, float]:
    """Split and encode a table, and choose the strength of ridge (0 without it) on its training rows."""
    from fmkeras.houses.linear import choose_ridge

    X, columns = (table.features, table.columns) if not table.plain else (table.features.to_numpy(), ())
    data = training.preprocess_data(
        X, table.target.to_numpy(), scale_target=scale_target, columns=columns, log_target=log_target, ridge=ridge
    )
    rows, width = data.X_train.shape
    if log_target:
        _check_test_prices(table, data)
    if width >= rows and not ridge:
        raise InputError(
            f"the columns become {width:,} numbers, more than the {rows:,} training rows can tell apart: add --ridge, "
            "or leave out text columns of many values with --drop"
        )
    return data, choose_ridge(data.X_train, data.y_train)[0] if ridge else 0.0


def _check_test_prices(table: Table, data: Data) -> None:
    """See that a model of logarithms can price the test rows."""
    import pandas as pd

    from fmkeras.houses.linear import least_squares, linear
    from fmkeras.houses.validation import check_prices

    X = data.feature_scaler.transform(data.X_test)
    logarithms = linear(X, least_squares(data.X_train, data.y_train)) * data.target_scale + data.target_mean
    rows = pd.DataFrame(data.X_test, columns=list(table.features)).assign(**{str(table.target.name): data.y_test})
    check_prices(logarithms, rows, fitted_columns(table, data), str(table.target.name))


def fitted_columns(table: Table, data: Data) -> Sequence:
    """The table's columns with the statistics of the training rows."""
    import pandas as pd

    from fmkeras.houses.encoding import Encoder

    if isinstance(data.feature_scaler, Encoder):
        return data.feature_scaler.columns
    raw = pd.DataFrame(data.feature_scaler.inverse_transform(data.X_train), columns=list(table.features))
    return Encoder.fit(raw, table.columns).columns
