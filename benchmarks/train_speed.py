"""Real target tokens a second in training: ours, the TensorFlow tutorial's way, Keras's own layers, and PyTorch.

    python -m benchmarks.train_speed --dataset ted --json train_speed.json

All in one run, each in a process of its own, taking turns, so that the machine's noise falls on all. `tutorial` is the
tutorial's shape as it trains it: heads as wide as the model, 64 random pairs a batch, float32. The others get our
batches. Adam and dropout 0.1 for all; label smoothing 0.1 for ours and PyTorch's, but Keras's sparse loss has no such
option. Ten batches at the start are not counted.
"""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import measure
from fmkeras import cli, runs
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.sentences import Sentences

SIZES = {  # d_model, heads, feed-forward, blocks
    "tutorial": dict(d_model=128, num_heads=8, d_ff=512, num_layers=4),
    "small": dict(d_model=256, num_heads=4, d_ff=1024, num_layers=3),
}
VOCABULARY, TUTORIAL_PAIRS, LONGEST = 8000, 64, 128


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.train_speed", description=__doc__.split("\n\n")[0])
    parser.add_argument("--dataset", default="phrasebook", help="as in fmkeras.translate: phrasebook, ted, a path")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="which sizes of model")
    parser.add_argument("--repetitions", type=cli.positive(), default=5, help="of each contender; the median counts")
    parser.add_argument("--seconds", type=cli.positive(float), default=6.0, help="of each repetition, at least")
    parser.add_argument("--batch-tokens", type=cli.positive(), default=2048, help="tokens a batch, padding included")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="contenders, by the beginning of their names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    source, target = sentences(arguments.dataset)
    result = {"machine": measure.machine(), "dataset": arguments.dataset, "batch_tokens": arguments.batch_tokens}
    print(measure.describe(result["machine"]))
    for size in arguments.sizes:
        common = source, target, SIZES[size], arguments.batch_tokens, arguments.seconds
        chosen = {
            name: (function, (*common, *options))
            for name, (function, *options) in contenders(size).items()
            if not arguments.only or name.startswith(tuple(arguments.only))
        }
        found: dict[str, list] = {name: [] for name in chosen}
        for name, (tokens, padding) in measure.take_turns(chosen, arguments.repetitions):
            found[name].append((tokens, padding))
        result[size] = {
            name: measure.summary([tokens for tokens, _ in values])
            | {"padding": float(np.mean([p for _, p in values]))}
            for name, values in found.items()
        }
        show(size, result[size])
    if arguments.json:
        runs.write_json(arguments.json, result)


def contenders(size: str) -> dict[str, tuple]:
    """By name, the generator function and its own arguments. PyTorch where it is installed."""
    import importlib.util

    found: dict[str, tuple] = {
        "fmkeras, bfloat16": (ours, "mixed_bfloat16"),
        "fmkeras, float32": (ours, "float32"),
        "Keras's layers, float32": (keras_layers, "float32", False),
        "Keras's layers, bfloat16": (keras_layers, "mixed_bfloat16", False),
    }
    if importlib.util.find_spec("torch"):
        found["PyTorch, float32"] = pytorch, False
        found["PyTorch, bfloat16 autocast"] = pytorch, True
    if size == "tutorial":
        found["as the tutorial trains"] = keras_layers, "float32", True
    return found


def show(size: str, found: dict[str, dict]) -> None:
    """Print the table of one size, with what the faster of ours is to each contender."""
    ours = max((value["median"] for name, value in found.items() if name.startswith("fmkeras")), default=float("nan"))
    rows = [
        (
            name,
            f"{value['median']:,.0f}",
            f"{value['low']:,.0f} - {value['high']:,.0f}",
            f"{value['padding']:.1%}",
            f"{ours / value['median']:.2f}",
        )
        for name, value in found.items()
    ]
    sizes = ", ".join(f"{name} {number}" for name, number in SIZES[size].items())
    print(f"\n{size}: {sizes}")
    print(measure.table(["", "tokens/s", "lowest - highest", "padding", "ours / this"], rows), flush=True)


def sentences(dataset: str) -> tuple[Sentences, Sentences]:
    """The training sentences of a corpus as ids, none over LONGEST tokens."""
    from fmkeras.translation.corpora import corpus as corpora
    from fmkeras.translation.corpora.tokenizer import Tokenizer
    from fmkeras.translation.settings import Settings

    pairs = corpora.load(Settings(dataset=dataset)).train
    tokenizer = Tokenizer.train(itertools.chain(*pairs), VOCABULARY)
    source, target = (tokenizer.encode_corpus(side) for side in zip(*pairs, strict=True))
    keep = np.maximum(source.lengths, target.lengths) <= LONGEST
    return source.where(keep), target.where(keep)


class RandomBatches(Batches):
    """TUTORIAL_PAIRS random pairs a batch, padded to the longest: what costs the tutorial most of its time."""

    def indices(self, epoch: int | None) -> list[np.ndarray]:
        order = np.random.default_rng((self.seed, epoch or 0)).permutation(len(self.source))
        return np.array_split(order, max(1, len(order) // TUTORIAL_PAIRS))


def ours(source, target, size: dict, budget: int, seconds: float, precision: str) -> Iterator:
    """Our Transformer through our `Objective.fit`."""
    from fmkeras.translation.model.objective import Objective
    from fmkeras.translation.model.transformer import Transformer

    model = Transformer(VOCABULARY, **size, dropout=0.1, dtype=precision)
    yield from fitted(Objective(model), Batches(source, target, budget), seconds)


def keras_layers(source, target, size: dict, budget: int, seconds: float, precision: str, tutorial: bool) -> Iterator:
    """The same sizes, layers, loss and metric from Keras; `tutorial`: its wide heads and its random batches."""
    import keras

    from benchmarks.tutorial import Transformer

    key_dim = size["d_model"] if tutorial else size["d_model"] // size["num_heads"]
    model = Transformer(VOCABULARY, **size, key_dim=key_dim, dropout=0.1, dtype=precision)
    made = (RandomBatches if tutorial else Batches)(source, target, budget)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    yield from fitted(model, made, seconds, loss=loss, weighted_metrics=["accuracy"])


def fitted(model, batches: Batches, seconds: float, **how) -> Iterator:
    """Train with `fit`; after the first yield, (real target tokens a second, share of padding) for each turn."""
    import keras

    from fmkeras.translation.model.schedules import InverseSquareRoot

    optimizer = keras.optimizers.Adam(InverseSquareRoot(1e-3, 400), 0.9, 0.98, 1e-9, global_clipnorm=1.0)
    model.compile(optimizer, jit_compile=False, **how)
    made = list(itertools.islice(batches.epoch(0), 200))
    warm = time.perf_counter()
    train(model, made, 0, 6)  # the graph is made, and memory found
    steps = max(4, int(4 * seconds / train(model, made, 6, 4)))
    first = 10
    yield time.perf_counter() - warm
    while True:
        taken = train(model, made, first, steps)
        weights = [made[(first + i) % len(made)][2] for i in range(steps)]
        real = sum(float(w.sum()) for w in weights)
        yield real / taken, 1 - real / sum(w.size for w in weights)
        first += steps


def train(model, made: list, first: int, steps: int, callbacks=None) -> float:
    """Seconds that `fit` takes for so many of the batches, which come round again and again.

    Without `callbacks`, Keras's own list of none turns what each step has measured into numbers: it waits for the step.
    """
    from fmkeras.translation.model.objective import as_dataset

    class Part:
        def indices(self, epoch: int) -> range:
            return range(steps)

        def batch(self, number: int, replicas: int) -> tuple:
            return made[(first + number) % len(made)]

    began = time.perf_counter()
    model.fit(as_dataset(Part(), 0), shuffle=False, verbose=0, callbacks=callbacks)
    return time.perf_counter() - began


def pytorch(source, target, size: dict, budget: int, seconds: float, autocast: bool) -> Iterator:
    """torch.nn.Transformer, pre-norm, tied embeddings, trained in a plain loop on our batches."""
    import torch

    from fmkeras.foundations import sinusoidal_positions

    d_model = size["d_model"]
    embedding = torch.nn.Embedding(VOCABULARY, d_model, padding_idx=0)
    torch.nn.init.normal_(embedding.weight, std=d_model**-0.5)
    blocks = size["num_layers"], size["num_layers"], size["d_ff"]
    model = torch.nn.Transformer(d_model, size["num_heads"], *blocks, 0.1, batch_first=True, norm_first=True)
    positions, dropout = (
        torch.tensor(sinusoidal_positions(LONGEST + 1, d_model), dtype=torch.float32),
        torch.nn.Dropout(0.1),
    )
    weights = [*embedding.parameters(), *model.parameters()]
    optimizer = torch.optim.Adam(weights, 1e-3, (0.9, 0.98), 1e-9)
    loss_of = torch.nn.CrossEntropyLoss(ignore_index=0, label_smoothing=0.1)

    def step(batch) -> tuple[int, int]:
        (inputs, shifted), expected, _ = batch
        inputs, shifted, expected = (torch.from_numpy(x.astype("int64")) for x in (inputs, shifted, expected))
        causal = torch.nn.Transformer.generate_square_subsequent_mask(shifted.shape[1])
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            x, y = (dropout(embedding(ids) * d_model**0.5 + positions[: ids.shape[1]]) for ids in (inputs, shifted))
            hidden = {"src_key_padding_mask": inputs == 0, "memory_key_padding_mask": inputs == 0}
            out = model(x, y, tgt_mask=causal, tgt_is_causal=True, **hidden)
            loss = loss_of((out @ embedding.weight.T).flatten(0, 1), expected.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        return int((expected > 0).sum()), expected.numel()

    def endless() -> Iterator:
        while True:
            yield from Batches(source, target, budget).epoch(0)

    batches, warm = endless(), time.perf_counter()
    for _ in range(10):
        step(next(batches))
    yield time.perf_counter() - warm
    while True:
        began, real, all_ = time.perf_counter(), 0, 0
        while time.perf_counter() - began < seconds:
            tokens, places = step(next(batches))
            real, all_ = real + tokens, all_ + places
        yield real / (time.perf_counter() - began), 1 - real / all_


if __name__ == "__main__":
    cli.run(main)
