"""The rows of results that a training has so far, one for each validation."""

import pandas as pd

History = list[dict]


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
