"""checkpoint.npz: the state of a training, from which it goes on as if it had never stopped."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.training.callbacks import diverged

CHECKPOINT = "checkpoint.npz"


def exists(folder: Path) -> bool:
    """Whether a run can be gone on with from where it was stopped. One that was killed in its first minute begins anew.

    Raises:
        InputError: the run has trained, and its checkpoint is gone: to begin anew would overwrite what it has learnt.
    """
    if (folder / CHECKPOINT).is_file():
        return True
    if (folder / runs.HISTORY).exists() or (folder / runs.REPORT).exists():
        raise InputError(f"{folder / CHECKPOINT} is missing: restore it, or train in another --run")
    return False


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Give variables their values."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def write(folder: Path, variables: Sequence[keras.Variable], state: Mapping) -> None:
    """Write a checkpoint of variables and of what else is needed, which JSON can hold.

    Raises:
        InputError: some of the variables are no longer finite numbers: the last checkpoint stays.
    """
    arrays: dict[str, Any] = {f"{i:04d}": np.asarray(variable) for i, variable in enumerate(variables)}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise InputError(diverged("some weights are no longer finite numbers"))
    with runs.whole_file(folder / CHECKPOINT) as temporary:
        np.savez(temporary, state=np.asarray(json.dumps(state)), **arrays)


def read(folder: Path, variables: Sequence[keras.Variable], data: Mapping[str, str]) -> dict:
    """Give variables the values that a checkpoint holds, and return the rest of its state.

    Args:
        data: fingerprints of the data that training goes on with, by name.

    Raises:
        InputError: it is damaged, or of another model, other data or an earlier version.
    """
    path = folder / CHECKPOINT
    earlier = f"{path} was made by an earlier version, or is damaged: restore it, or train in another --run"
    try:
        with np.load(path, allow_pickle=False) as saved:
            if "state" not in saved.files:
                raise InputError(earlier)
            state = json.loads(str(saved["state"]))
            before = state["data"]  # in an earlier version, the checksum of the training data alone
            for name, digest in (before if isinstance(before, dict) else {"training": before}).items():
                if digest != data[name]:
                    raise InputError(f"the {name} data changed since {path} was written: train in another --run")
            if len(saved.files) != len(variables) + 1:
                raise InputError(earlier)
            assign(variables, [saved[f"{i:04d}"] for i in range(len(variables))])
        return {name: state[name] for name in ("history", "position", "position_seconds")}
    except InputError:
        raise
    except Exception as error:  # a damaged file can fail anywhere
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path} cannot be used ({reason}): restore it, or train in another --run") from None
