"""A look into a `.keras` file before Keras opens it.

Keras makes whatever object a file names, and its `safe_mode` had holes in several of the versions that we support
(CVE-2025-1550 and those after it). Our models are made of few parts; a file that names another is not opened.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

PARTS = {  # all that a model of ours is made of
    "fmkeras.translation.model.transformer": {"Transformer"},
    "fmkeras.translation.transformer": {"Transformer"},  # where it stood in versions before 0.2
    "keras": {"DTypePolicy", "Sequential"},
    "keras.layers": {"Activation", "Concatenate", "Dense", "InputLayer", "Normalization", "StringLookup"},
    "keras.initializers": {"GlorotUniform", "Zeros"},
    # A regressor of tables with text and gaps: a dict of columns in, and gaps found and filled on the way.
    "keras.src.models.functional": {"Functional"},
    "keras.src.ops.core": {"Cast"},
    "keras.src.ops.numpy": {"Isnan", "NanToNum"},
    None: {"__keras_tensor__"},  # in a Functional: where a layer's input comes from
}
ENTRIES = {"config.json", "metadata.json", "model.weights.h5"}


def inspect(path: str | Path) -> None:
    """Check that a `.keras` file is whole and holds nothing but a model of ours.

    Raises:
        ValueError: it names other objects or files, unpacks to more than it is, or is smaller than the model it names.
        Others: it is damaged (zipfile, json and h5py have many).
    """
    import h5py

    path = Path(path)
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        if {entry.filename for entry in archive.infolist()} != ENTRIES or len(archive.infolist()) != len(ENTRIES):
            raise ValueError(f"it holds other files than {', '.join(sorted(ENTRIES))}")
        if sum(entry.file_size for entry in archive.infolist()) > size:
            raise ValueError("it unpacks to more than its size")
        if damaged := archive.testzip():  # Keras jumps about in a file and does not see every damage
            raise ValueError(f"{damaged} in it is damaged")
        # Read once, whole: h5py jumps about, and to go back in a zip entry is to unpack it anew from its beginning.
        with io.BytesIO(archive.read("model.weights.h5")) as file, h5py.File(file, "r") as weights:
            _inspect_weights(weights, size)
        _inspect_objects(json.loads(archive.read("config.json")), size)


def _inspect_objects(config: object, size: int) -> None:
    """Go through all of config.json: everything with a class must be one of `PARTS`, and none larger than the file."""
    if isinstance(config, dict):
        if "class_name" in config or "registered_name" in config:
            module, name = config.get("module"), config.get("class_name")
            if not isinstance(module, str | None) or name not in PARTS.get(module, ()):
                raise ValueError(f"it names an object that is no part of our models: {module}.{name}")
            own = {None, f"fmkeras>{name}"} | ({name} if str(module).startswith("keras.src.") else set())
            if config.get("registered_name") not in own:
                raise ValueError(f"it names an object that is no part of our models: {config['registered_name']}")
            _inspect_sizes(str(name), config.get("config"), size)
        # All but the numbers by which Keras knows an object that occurs twice.
        config = [part for key, part in config.items() if key != "shared_object_id" or not isinstance(part, int)]
    if isinstance(config, list):
        for part in config:
            _inspect_objects(part, size)
    elif isinstance(config, int) and 4 * config > size:
        raise ValueError(f"it names sizes that its weights do not have ({config})")


def _inspect_sizes(name: str, config: object, size: int) -> None:
    """Refuse what Keras would make larger than the file, before it finds out that the weights do not fit."""
    config = config if isinstance(config, dict) else {}
    bytes_needed = 0
    if name == "Transformer":
        names = ("vocab_size", "d_model", "d_ff", "num_layers")
        vocabulary, d_model, d_ff, layers = (int(config[name]) for name in names)
        decoder_layers = int(config.get("decoder_layers") or layers)
        if min(vocabulary, d_model, d_ff, layers, decoder_layers) < 1:
            raise ValueError("it names sizes below 1")
        # Its kernels: an embedding; four of an attention, which a decoder block has twice; two of a feed-forward layer.
        # Stored in half precision, as in the bundled translator, a number takes two bytes.
        attention, feed_forward = 4 * d_model**2, 2 * d_model * d_ff
        blocks = layers * (attention + feed_forward) + decoder_layers * (2 * attention + feed_forward)
        bytes_needed = 2 * (vocabulary * d_model + blocks)
    elif name == "Dense" and config.get("units", 1) != 1:
        raise ValueError("it names a layer of more than one unit, which no regressor of ours has")
    elif name == "StringLookup":
        words = config.get("vocabulary")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("it names a vocabulary outside the file, which is no part of our models")
        if config.get("num_oov_indices") != 1:
            raise ValueError("it names sizes that no lookup of ours has")
    elif name == "Activation" and config.get("activation") not in ("exponential", "linear"):
        raise ValueError("it names an activation that is no part of our models")
    if bytes_needed > size:
        raise ValueError(f"it names sizes that its weights do not have ({bytes_needed:,} bytes)")


def _inspect_weights(group: Any, size: int, depth: int = 0) -> None:
    """Refuse links, which can lead into other files, and arrays larger than the file itself."""
    import h5py

    if depth > 20:
        raise ValueError("its weights are nested without end")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"its weights link to elsewhere ({name})")
        item = group[name]
        if isinstance(item, h5py.Group):
            _inspect_weights(item, size, depth + 1)
        elif item.external or item.is_virtual:
            raise ValueError(f"its weights lie in other files ({name})")
        elif item.nbytes > size:
            raise ValueError(f"its weights unpack to more than its size ({name})")
