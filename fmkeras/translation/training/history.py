"""The rows of results that a training has so far, one for each validation."""

from pathlib import Path

import pandas as pd

from fmkeras import runs

History = list[dict]
LOGS = {"token_accuracy": "accuracy", "val_token_accuracy": "val_accuracy"}  # names that Keras's callbacks expect
COUNTED = ("epoch", "steps", "target_tokens", "seconds", "tokens_per_second")  # of a row, what is no measure


def logs(row: dict) -> dict:
    """What callbacks are told of a row: its measures, by Keras's names."""
    return {LOGS.get(name, name): row[name] for name in row if name not in COUNTED}


def best(history: History, select: str) -> dict:
    """The row of the validation whose weights are kept: of the lowest "loss", the highest "bleu", or the "last"."""
    if select == "last":
        return history[-1]
    if select == "bleu" and all("val_bleu" in row for row in history):
        return max(history, key=lambda row: (row["val_bleu"], -row["val_nll"]))
    return min(history, key=lambda row: row["val_nll"])


def stalled(history: History, select: str, patience: int) -> bool:
    """Whether so many validations have brought nothing better; never with a patience of 0."""
    if not (history and patience) or select == "last":
        return False
    return len(history) - 1 - history.index(best(history, select)) >= patience


def table(history: History) -> bytes:
    """What history.csv holds; of no rows, nothing."""
    return pd.DataFrame(history).to_csv(index=False, lineterminator="\n").encode() if history else b""


def agrees(history: History, folder: Path, within: bool) -> bool:
    """Whether history.csv is what a checkpoint with these rows left.

    It may lack the last row; within an epoch it may have a row more, of the time before the run was resumed.
    """
    path = folder / runs.HISTORY
    found = path.read_bytes() if path.is_file() else table([])
    return found in (table(history), table(history[:-1])) or (within and found.startswith(table(history)))


def unlisted(history: History, folder: Path, select: str) -> History:
    """The row that history.csv has and a checkpoint with these rows lacks, if its weights were the best; else none.

    It is of a validation within an epoch, where the time was up. From there training goes on as if it had not been.
    """
    path = folder / runs.HISTORY
    try:
        rows = pd.read_csv(path, float_precision="round_trip").to_dict("records") if path.is_file() else []
    except ValueError:  # it is damaged, and will be written again
        return []
    if len(rows) != len(history) + 1 or not agrees(history, folder, within=True) or "val_nll" not in rows[-1]:
        return []
    return rows[-1:] if best([*history, rows[-1]], select) is rows[-1] else []


def write(history: History, folder: Path) -> None:
    """Write history.csv."""
    with runs.whole_file(folder / runs.HISTORY) as temporary:
        temporary.write_bytes(table(history))
