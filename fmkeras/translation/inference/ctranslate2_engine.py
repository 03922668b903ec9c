"""Our weights in CTranslate2 as a translator's engine: no TensorFlow, so that it is there at once."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fmkeras import workers
from fmkeras.errors import InputError
from fmkeras.translation.corpora.batches import by_length
from fmkeras.translation.corpora.tokenizer import PAD, START, UNK, Tokenizer
from fmkeras.translation.inference.hypotheses import (
    ALIGNED,
    DEFAULTS,
    Hypothesis,
    SearchOptions,
    Sources,
    check_options,
    length_limit,
    was_cut,
)

# Its threads wait for each other awake, unless told otherwise before it is imported. Where other programs have the
# cores, a sentence then takes many times as long (docs/deploy.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
BUDGET = 8192  # source tokens times hypotheses in a batch at most, as in `Search`


class CTranslate2Engine:
    """See `Engine`. Tokens go in and out as text.

    Args:
        folder: a CTranslate2 model that `python -m fmkeras.export` wrote.
        tokenizer: of its texts.
        positions: the longest sentence that it can read or write, in tokens.

    Raises:
        InputError: the folder cannot be read.
    """

    name = "ctranslate2"

    def __init__(self, folder: str | Path, tokenizer: Tokenizer, positions: int):
        import ctranslate2

        workers.not_forked()
        try:
            self.model = ctranslate2.Translator(str(folder), intra_threads=workers.cores())
        except (RuntimeError, ValueError, IndexError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{folder} cannot be loaded ({reason}): export it again") from None
        self.tokenizer, self.positions = tokenizer, positions
        self.ids = {token: i for i, token in enumerate(tokenizer.all_tokens())}

    def translate(self, sources: Sources, options: SearchOptions = DEFAULTS) -> Iterator[tuple[int, list[Hypothesis]]]:
        """See `Engine.translate`.

        Where the length limit ends a translation, or a length penalty of 0 makes short ones win, CTranslate2's rules
        are not quite those of `beam_search`, and the translation can be another.
        """
        workers.not_forked()
        check_options(options.beams, options.n_best, options.max_length)
        most = options.max_length
        lengths = np.array([len(row) for row in sources])
        order = np.argsort(lengths, kind="stable")
        for run in reversed(by_length(lengths[order], max(1, BUDGET // options.beams))):
            rows = order[run]
            # It knows one limit for a call: that of the longest. What goes beyond its own is searched again, alone.
            limit = length_limit(int(lengths[rows].max()), most)
            for i, found in zip(rows, self._search([sources[i] for i in rows], limit, options), strict=True):
                own = length_limit(int(lengths[i]), most)
                if any(len(ids) >= own for ids, _ in found):
                    (found,) = self._search([sources[i]], own, options)
                yield int(i), [Hypothesis(*one, was_cut(one[0], len(sources[i]), most)) for one in found]

    def _search(self, sources: Sources, limit: int, options: SearchOptions) -> list[list[tuple[list[int], float]]]:
        """Ids and scores of a batch's translations, which have `limit` tokens at most, end token included."""
        self._check_length(max(limit, *map(len, sources)))
        if limit == 1:  # nothing but an end token: CTranslate2 takes a limit of 0 for none
            return [[([], 0.0)] for _ in sources]
        results = self.model.translate_batch(
            [self.tokenizer.to_tokens(row[:-1]) for row in sources],
            max_decoding_length=limit - 1,
            min_decoding_length=0,
            max_input_length=0,
            disable_unk=True,  # these three are no text, and our own search never writes them
            suppress_sequences=[[token] for token in self.tokenizer.to_tokens((PAD, UNK, START))],
            return_scores=True,
            beam_size=options.beams,
            length_penalty=options.length_penalty,
            num_hypotheses=options.n_best,
        )
        return [
            [([self.ids[token] for token in row], score) for row, score in zip(r.hypotheses, r.scores, strict=True)]
            for r in results
        ]

    def _check_length(self, longest: int) -> None:
        if longest > self.positions:
            raise InputError(
                f"this export reads and writes {self.positions:,} tokens at most, not {longest:,}: "
                "take a lower --max-length, shorter sentences, or --engine keras"
            )

    def attention(self, sources: Sources, targets: Sources) -> Iterator[np.ndarray]:
        """See `Engine.attention`; S does not count the end token of the source."""
        for start in range(0, len(sources), ALIGNED):
            batch, written = sources[start : start + ALIGNED], targets[start : start + ALIGNED]
            results = self.model.translate_batch(
                [self.tokenizer.to_tokens(row[:-1]) for row in batch],
                target_prefix=[self.tokenizer.to_tokens(row) for row in written],
                max_decoding_length=max(map(len, written)) + 1,
                max_input_length=0,
                beam_size=1,
                return_attention=True,
            )
            for source, target, result in zip(batch, written, results, strict=True):
                yield np.reshape(np.array(result.attention[0][: len(target)]), (len(target), len(source) - 1))

    def losses(self, sources: list[str], references: list[str]) -> dict[str, float]:
        """Cross-entropy in nats a token, and its exponential. CTranslate2 gives neither smoothed loss nor accuracy."""
        source, target = self.tokenizer.encode(sources), self.tokenizer.encode(references)
        nll = -float(np.concatenate(self._log_probabilities(source, [row[:-1] for row in target])).mean())
        return {"nll": nll, "perplexity": math.exp(min(nll, 700.0))}

    def rate(self, sources: Sources, targets: Sources) -> list[float]:
        """For each translation of a source the mean log-probability of its tokens, end token included.

        Args:
            sources: ids, end token last.
            targets: ids without it.
        """
        return [float(row.mean()) for row in self._log_probabilities(sources, targets)]

    def _log_probabilities(self, sources: Sources, targets: Sources) -> list[np.ndarray]:
        self._check_length(max((*map(len, sources), *(len(row) + 1 for row in targets)), default=0))
        texts = [self.tokenizer.to_tokens(row[:-1]) for row in sources]
        written = [self.tokenizer.to_tokens(row) for row in targets]
        scored = self.model.score_batch(texts, written, max_batch_size=BUDGET, batch_type="tokens", max_input_length=0)
        return [np.array(result.log_probs) for result in scored]
