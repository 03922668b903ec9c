"""A Transformer in Keras as a translator's engine."""

import functools
from collections.abc import Iterator

import numpy as np

from fmkeras import cli, devices, workers
from fmkeras.translation.corpora.batches import Batches, padded
from fmkeras.translation.corpora.tokenizer import END, PAD, START, Tokenizer
from fmkeras.translation.inference.decoding import Search, cross_attention
from fmkeras.translation.inference.hypotheses import ALIGNED, DEFAULTS, Hypothesis, SearchOptions, Sources, was_cut
from fmkeras.translation.model.objective import Objective, evaluate
from fmkeras.translation.model.transformer import Transformer


class KerasEngine:
    """See `Engine`.

    Args:
        model: the Transformer.
        tokenizer: of its texts.
        start: the token that translations start with.
        label_smoothing: of the loss.
    """

    name = "keras"

    def __init__(self, model: Transformer, tokenizer: Tokenizer, start: int = START, label_smoothing: float = 0.1):
        self.model, self.tokenizer, self.start, self.label_smoothing = model, tokenizer, start, label_smoothing
        self.searches: dict[SearchOptions, Search] = {}

    def __getstate__(self) -> dict:
        """What is pickled or copied: what was compiled is not, and is made again where it is needed."""
        return {name: value for name, value in vars(self).items() if name != "objective"} | {"searches": {}}

    @functools.cached_property
    def objective(self) -> Objective:
        """What measures the loss, made once."""
        objective = Objective(self.model, self.label_smoothing)
        objective.compile(jit_compile=devices.jit_compile())
        return objective

    def search(self, options: SearchOptions) -> Search:
        """The search with these options, made once."""
        if options not in self.searches:
            self.searches[options] = Search(self.model, start=self.start, **options._asdict())
        return self.searches[options]

    def translate(self, sources: Sources, options: SearchOptions = DEFAULTS) -> Iterator[tuple[int, list[Hypothesis]]]:
        """See `Engine.translate`."""
        workers.not_forked()
        limit = options.max_length
        for i, found in self.search(options).translate_n_best(sources):
            cli.stop_if_interrupted()
            rows = [([int(token) for token in ids if token != PAD], float(score)) for ids, score in found]
            yield i, [Hypothesis(ids, score, was_cut(ids, len(sources[i]), limit)) for ids, score in rows]

    def attention(self, sources: Sources, targets: Sources) -> Iterator[np.ndarray]:
        """See `Engine.attention`; S counts the end token of the source."""
        for i in range(0, len(sources), ALIGNED):
            batch = [[*target, END] for target in targets[i : i + ALIGNED]]
            target = padded(batch)
            shifted = np.concatenate([np.full((len(target), 1), self.start, "int32"), target[:, :-1]], axis=1)
            weights = cross_attention(self.model, padded(sources[i : i + ALIGNED]), shifted)[:, -1].mean(axis=1)
            for row, source, own in zip(weights, sources[i : i + ALIGNED], batch, strict=True):
                yield row[: len(own) - 1, : len(source)]  # of (B, T, S)

    def losses(self, sources: list[str], references: list[str]) -> dict[str, float]:
        """See `objective.evaluate`."""
        source, target = (self.tokenizer.encode_corpus(side) for side in (sources, references))
        batches = Batches(source, target, 8192, 0, devices.batch_widths(training=False), self.start)
        return evaluate(self.objective, batches)
