"""fmkeras: a Transformer translator and a house-price regressor in Keras 3, corrected from two well-known articles.

Example:
    >>> import fmkeras
    >>> translator = fmkeras.train_translator("pairs.tsv", source="pt", target="en", epochs=10)  # doctest: +SKIP
    >>> translator.translate(["Bom dia."])  # doctest: +SKIP
    >>> fmkeras.load_translator("runs/translate").translate(["Bom dia."])  # doctest: +SKIP
    >>> fmkeras.load_regressor("runs/regress").predict(table)  # doctest: +SKIP
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmkeras import registration
from fmkeras.errors import InputError

if TYPE_CHECKING:
    from fmkeras import pretrain
    from fmkeras.houses.fitting import train_regressor
    from fmkeras.houses.regressor import Regressor, load_regressor
    from fmkeras.translation.corpora.formats import read_pairs
    from fmkeras.translation.corpora.sentence_splitting import split_sentences
    from fmkeras.translation.inference.loading import load_translator
    from fmkeras.translation.inference.translator import Translator
    from fmkeras.translation.model.objective import Objective
    from fmkeras.translation.model.transformer import Transformer
    from fmkeras.translation.settings import Settings
    from fmkeras.translation.training.translators import train_translator

__version__ = "0.2.0"
__all__ = [
    "DATA",
    "InputError",
    "Objective",
    "Regressor",
    "Settings",
    "Transformer",
    "Translator",
    "load_regressor",
    "load_translator",
    "pretrain",
    "read_pairs",
    "split_sentences",
    "train_regressor",
    "train_translator",
]

# The bundled data: inside the package where it was installed, beside it in a clone.
DATA = next((p for p in (Path(__file__).parent / "data", Path(__file__).parent.parent / "data") if p.is_dir()), None)

# Where the rest of the API is: imported when it is asked for, since `import fmkeras` must not wait for TensorFlow.
_HOMES = {
    "Objective": "fmkeras.translation.model.objective",
    "Regressor": "fmkeras.houses.regressor",
    "Settings": "fmkeras.translation.settings",
    "Transformer": "fmkeras.translation.model.transformer",
    "Translator": "fmkeras.translation.inference.translator",
    "load_regressor": "fmkeras.houses.regressor",
    "load_translator": "fmkeras.translation.inference.loading",
    "read_pairs": "fmkeras.translation.corpora.formats",
    "split_sentences": "fmkeras.translation.corpora.sentence_splitting",
    "train_regressor": "fmkeras.houses.fitting",
    "train_translator": "fmkeras.translation.training.translators",
}


def __getattr__(name: str) -> Any:
    if name == "pretrain":  # the script, which can be called: see there
        return importlib.import_module("fmkeras.pretrain")
    if name not in _HOMES:
        raise AttributeError(f"module 'fmkeras' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


registration.register()
