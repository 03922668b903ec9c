"""Make the bundled translator: copy a trained run to data/translator/, its weights in half precision.

    python -m docs.bundle runs/bundled

Its model card, README.md, is made anew. Half precision keeps 11 bits of each weight, so that the file is half as large;
Keras reads it into float32. The run is trained by the command in docs/results.md.
"""

import argparse
import io
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np

from fmkeras import DATA, InputError, cli, runs
from fmkeras.translation.corpora.held_out import TRAINED
from fmkeras.translation.exporting.card import translator_card
from fmkeras.translation.inference.loading import load_translator
from fmkeras.translation.saved import TOKENIZER

FILES = (runs.CONFIG, TOKENIZER, runs.REPORT, runs.HISTORY, TRAINED)
WEIGHTS = "model.weights.h5"  # in a .keras file
MOST = 16_000_000  # bytes of all files together


def halve_weights(source: Path, target: Path) -> None:
    """Copy a .keras file with all its float32 weights as float16. The same input gives the same bytes."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            new.writestr(zipfile.ZipInfo(name), _halved(content) if name == WEIGHTS else content)


def _halved(content: bytes) -> bytes:
    """An HDF5 file with all its float32 arrays as float16."""
    copied = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as old, h5py.File(copied, "w", track_order=False) as new:
        new.attrs.update(old.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                values = item[...]
                made = new.create_dataset(name, data=values.astype("float16") if values.dtype == np.float32 else values)
            made.attrs.update(item.attrs)

        old.visititems(copy)
    return copied.getvalue()


def card(folder: Path) -> str:
    """The model card, README.md, of such a folder."""
    translator = load_translator(folder, "keras")
    return translator_card(folder, translator, "run", folder, runs.size_of(folder, runs.CARD))


def main(argv: list[str] | None = None) -> None:
    """Copy a run."""
    parser = cli.Parser(prog="python -m docs.bundle", description="Make the bundled translator of a trained run.")
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--to", type=Path, default=DATA and DATA / "translator", help="where to (data/translator)")
    arguments: argparse.Namespace = parser.parse_args(argv)
    runs.read_json(arguments.run / runs.REPORT)  # a finished run
    arguments.to.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(arguments.run / name, arguments.to / name)
    halve_weights(arguments.run / runs.MODEL, arguments.to / runs.MODEL)
    runs.write_text(arguments.to / runs.CARD, card(arguments.to))
    size = sum(file.stat().st_size for file in arguments.to.iterdir())
    if size > MOST:
        raise InputError(f"{arguments.to} has {size:,} bytes, more than {MOST:,}: train a smaller model")
    print(f"{arguments.to}: {size:,} bytes")


if __name__ == "__main__":
    cli.run(main)
