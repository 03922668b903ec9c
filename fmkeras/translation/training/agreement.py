"""Several processes train alike only if all have the same command, data and versions: what they must agree on."""

import hashlib
from collections.abc import Mapping

import numpy as np

from fmkeras import machines
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import Tokenizer
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import Settings

# Settings that tell where files lie, which may be elsewhere on each machine.
PLACES = ("dataset", "validation", "test", "text", "cache", "init", "tokenizer_sha256")
DIGITS = 12  # of a digest, that are compared and shown


def on_start(settings: Settings, tokenizer: Tokenizer, data: Mapping[str, str], initial: Transformer | None) -> None:
    """See that all processes begin the same training: before there is a model, which they would make together.

    Args:
        data: digests of the pairs, by what they are for.
        initial: where its weights come from, if not from chance.

    Raises:
        InputError: one has something else; names it.
    """
    facts = {name: value for name, value in settings.asdict().items() if name not in PLACES}
    facts |= {f"{name} data": digest[:DIGITS] for name, digest in data.items()}
    weights = b"".join(np.asarray(variable).tobytes() for variable in initial.variables) if initial else b""
    facts |= {"vocabulary": tokenizer.sha256[:DIGITS], "--init": hashlib.sha256(weights).hexdigest()[:DIGITS]}
    machines.agree(facts)


def on_batches(batches: Batches, epoch: int) -> None:
    """See that all processes cut the same batches: of others the losses would be wrong, and nothing would tell.

    Raises:
        InputError: one has others.
    """
    if machines.count() > 1:
        machines.agree({f"batches of epoch {epoch + 1}": batches.fingerprint(epoch)[:DIGITS]})
