"""How long the default command will take here: said before anything is fetched, since TED takes far longer."""

import time
from collections.abc import Collection

import numpy as np
from threadpoolctl import threadpool_limits

from fmkeras import cli, devices, workers
from fmkeras.translation.settings import WITH_MUON
from fmkeras.translation.training import fitting

# Measured on 2 cores of an AMD EPYC, float32 (docs/results.md), where `product_seconds` gave PRODUCT; of TED ten epochs
# of pairs, 8.2 million target tokens, for which the default has 10.7 now.
PHRASEBOOK, TED, PRODUCT = 340.0, 10.7 / 8.2 * 4100.0, 0.003  # seconds
SIZE = 512  # of the matrices
CHANGING = set("epochs denoise_epochs passes minutes limit preset d_model num_layers batch_tokens".split())
CHANGING |= {"consistency", "optimizer"}


def product_seconds(times: int = 20) -> float:
    """The shortest time that one core took for a product of two matrices, in seconds."""
    matrix = np.ones((SIZE, SIZE), "float32")

    def once() -> float:
        began = time.perf_counter()
        np.matmul(matrix, matrix)
        return time.perf_counter() - began

    with threadpool_limits(1):  # other programs at work would make the threads wait for each other
        return min(once() for _ in range(times))


def of_auto(chosen: Collection[str] = ()) -> str:
    """What `--dataset auto` may choose, how long each takes here, and how to choose oneself.

    Args:
        chosen: names of the settings that the user has named; with some of them it takes another time.
    """
    if CHANGING.intersection(chosen):
        return "TED if it can be had, else the bundled phrasebook; to choose: --dataset ted or --dataset phrasebook"
    if devices.has_gpu():
        times = ["minutes on a GPU"] * 2  # never measured on one that TensorFlow drives
    else:
        ratio = product_seconds() / PRODUCT * 2 / min(workers.cores(), 2)  # what more of them bring was not measured
        ted, phrasebook = (cli.duration(ratio * seconds) for seconds in (TED, PHRASEBOOK))
        # Adam takes three passes for two, and JAX compiles: how long that takes was not measured.
        measured = fitting.bundled_corpus(gpu=False) == WITH_MUON
        times = [f"about {ted} here", f"{'about' if measured else 'more than'} {phrasebook} here"]
    return (
        f"TED if it can be had ({times[0]}), else the bundled phrasebook ({times[1]}); "
        "to choose: --dataset ted or --dataset phrasebook, --minutes M to stop earlier"
    )
