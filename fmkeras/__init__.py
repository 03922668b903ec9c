"""fmkeras: a Transformer translator and a house-price regressor in Keras 3, corrected from two well-known articles.

Example:
    >>> import fmkeras
    >>> fmkeras.load_translator("runs/translate").translate(["Bom dia."])  # doctest: +SKIP
    >>> fmkeras.load_regressor("runs/regress").predict(table)  # doctest: +SKIP
"""

from pathlib import Path

from fmkeras.errors import InputError

__version__ = "0.1.0"
__all__ = ["DATA", "InputError", "load_regressor", "load_translator", "split_sentences"]

# The bundled data: inside the package where it was installed, beside it in a clone.
DATA = next((p for p in (Path(__file__).parent / "data", Path(__file__).parent.parent / "data") if p.is_dir()), None)


def load_translator(run: str = "runs/translate"):
    """Load a trained translator from its run folder: see `fmkeras.translation.inference.translator.Translator`."""
    from fmkeras.translation.inference.translator import load_translator

    return load_translator(run)


def load_regressor(run: str = "runs/regress"):
    """Load a trained regressor from its run folder: see `fmkeras.houses.regressor.Regressor`."""
    from fmkeras.houses.regressor import load_regressor

    return load_regressor(run)


def split_sentences(text: str, language: str = "") -> list[str]:
    """Cut a text into its sentences: see `fmkeras.translation.corpora.sentence_splitting.split_sentences`."""
    from fmkeras.translation.corpora.sentence_splitting import split_sentences

    return split_sentences(text, language)
