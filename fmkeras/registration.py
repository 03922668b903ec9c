"""`import fmkeras` makes our layers known to Keras, but does not wait for Keras, which takes seconds to import.

Keras loads a saved model of ours only if its classes have been registered. Where Keras is there already, they are at
once; else as soon as it has been imported.
"""

import importlib
import importlib.abc
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

OURS = "fmkeras.translation.model"  # importing it imports, and so registers, all layers and models


class AfterKeras(importlib.abc.MetaPathFinder):
    """Finds Keras as Python would, and has our classes registered when it has been imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Called for each import that is about to be made; None leaves it to the other finders."""
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                if OURS not in sys.modules:  # else it is being imported, and has asked for Keras
                    importlib.import_module(OURS)

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]  # of this one module
        return spec


def register() -> None:
    """Register our classes now, or once Keras is imported."""
    if "keras" in sys.modules:
        importlib.import_module(OURS)
    else:
        sys.meta_path.insert(0, AfterKeras())
