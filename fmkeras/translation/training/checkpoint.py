"""checkpoint.npz: the state of a training, from which it goes on as if it had never stopped."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmkeras import runs
from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.training.callbacks import diverged

CHECKPOINT = "checkpoint.npz"


@dataclasses.dataclass
class Place:
    """Where a training stands.

    Attributes:
        epoch: epochs done.
        part: parts done of the epoch after these.
        position: batches done of the part after these.
        steps, tokens, seconds: steps since the last validation, their target tokens, and what they took.
    """

    epoch: int = 0
    part: int = 0
    position: int = 0
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, state: dict, epoch: int, batches: Callable[[], Batches]) -> "Place":
        """The place that a checkpoint's state tells of; one of version 0.1 tells it in the batches of its epoch."""
        if "place" in state:
            return cls(**state["place"])
        position, made = state["position"], batches()
        tokens = sum(int(made.lengths[rows, 0].sum()) for rows in made.indices(epoch)[:position])
        return cls(epoch, 0, position, position, tokens, state["position_seconds"])

    def validated(self, ended: bool) -> "Place":
        """The place after a validation, at the end of an epoch or within it."""
        return Place(self.epoch + 1) if ended else Place(self.epoch, self.part, self.position)


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


class Writer:
    """Writes checkpoints while training goes on; each is whole before the next is begun.

    Attributes:
        took: seconds that the last one took, from the copying of its variables to the disk.
    """

    def __init__(self, folder: Path):
        self.folder, self.took = folder, 0.0
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._under_way: Future | None = None

    def write(self, variables: Sequence[keras.Variable], state: Mapping) -> None:
        """Copy variables, and what else is needed, which JSON can hold; and begin to write them.

        Raises:
            InputError: some of the variables are no longer finite numbers: the last checkpoint stays; or that could
                not be written.
        """
        self.wait()
        began = time.perf_counter()
        arrays: dict[str, Any] = {f"{i:04d}": np.array(variable) for i, variable in enumerate(variables)}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise InputError(diverged("some weights are no longer finite numbers"))
        self._under_way = self._thread.submit(self._write, arrays, json.dumps(state), began)

    def _write(self, arrays: dict[str, Any], state: str, began: float) -> None:
        with runs.whole_file(self.folder / CHECKPOINT) as temporary:
            np.savez(temporary, state=np.asarray(state), **arrays)
        self.took = time.perf_counter() - began

    def wait(self) -> None:
        """Until what was begun is on the disk.

        Raises:
            InputError: it could not be written.
        """
        under_way, self._under_way = self._under_way, None
        if under_way:
            under_way.result()


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
        return state
    except InputError:
        raise
    except Exception as error:  # a damaged file can fail anywhere
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path} cannot be used ({reason}): restore it, or train in another --run") from None
