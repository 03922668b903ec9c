"""Excel and Parquet files, through pandas: cells that are numbers stay numbers."""

import contextlib
import decimal
import numbers
from collections.abc import Callable
from pathlib import Path

from fmkeras.errors import InputError
from fmkeras.houses.cells import gap

NEEDED = {".xlsx": "openpyxl", ".xls": "xlrd", ".parquet": "pyarrow"}  # packages, by the end of a file's name


def rows_of(path: Path, header: bool) -> tuple[list[tuple[list, int]], tuple[str, ...]]:
    """An Excel or Parquet file as rows of text and numbers, names first if there are any; columns of categories."""
    import pandas as pd

    excel = path.suffix.lower() != ".parquet"
    if path.suffix.lower() == ".xls":
        _text_in_disguise(path)
    read: Callable = pd.read_excel if excel else pd.read_parquet
    try:
        frame = read(path, header=None, dtype=object) if excel else read(path)
    except ImportError:
        package = NEEDED[path.suffix.lower()]
        raise InputError(f"{path} needs another package ({package}): pip install {package}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): give the path of a table") from None
    except Exception as error:  # each engine has errors of its own for damaged files
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())[:120]}): save it again") from None
    rows = [[_value(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    if not excel and header:
        rows.insert(0, [str(name) for name in frame.columns])
    categories = [str(name).strip() for name in frame.select_dtypes("category")] if header else []
    return [(row, line) for line, row in enumerate(rows, start=1)], tuple(categories)


def _text_in_disguise(path: Path) -> None:
    """Refuse a web page or a CSV file that is named .xls, as portals and old programs give them."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        start = file.read(100).lstrip(b"\xef\xbb\xbf \r\n\t")
        if start and not start.startswith((b"PK", b"\xd0\xcf")):
            what = "a web page" if start.startswith(b"<") else "no Excel file"
            raise InputError(
                f"{path} is {what} in spite of its name: open it in a spreadsheet and save it as .xlsx or CSV"
            )


def other_sheets(path: Path) -> tuple[str, ...]:
    """A line about the sheets of a workbook that are not read, if there are any."""
    import pandas as pd

    try:
        with pd.ExcelFile(path) as workbook:
            first, *others = map(str, workbook.sheet_names)
    except Exception:  # `rows_of` says why
        return ()
    return (f"of its sheets {first!r} is read, and not {', '.join(map(repr, others))}",) * bool(others)


def _value(value: object) -> str | int | float:
    """A number as it is, since its text would be read with some decimal mark; everything else as text."""
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, decimal.Decimal)) or gap(value):
        return as_text(value)
    real = float(value)
    return int(real) if real.is_integer() and abs(real) < 1e15 else real


def as_text(value: object) -> str:
    """A value as the text of a cell: nothing for a gap, 3 for 3.0, the day alone for midnight."""
    if gap(value):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).removesuffix(" 00:00:00")
