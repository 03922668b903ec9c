"""Decoding speed: our cached, batched search against the TensorFlow tutorial's loop and against CTranslate2.

    python -m benchmarks.decode_speed --run runs/translate --json decode.json

All decode the same sentences with the same weights, so only the loop differs. The tutorial's loop runs the whole
decoder again for each token, one sentence at a time; it is slow, so it has every n-th sentence only. Each contender has
a process of its own; they take turns. Reading the model, tracing and a first small batch are timed apart, as `start`.
"""

import functools
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks import measure
from fmkeras import cli, runs

THREADS = 2
SIZES = {"d_model": 256, "num_heads": 4, "d_ff": 1024, "num_layers": 3}  # the preset small
CT2_BATCHES = (512, 2048, 8192)  # source tokens; of these the fastest
LENGTH_PENALTY = 1.0


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.decode_speed", description=__doc__.split("\n\n")[0])
    parser.add_argument("--run", help="run folder, or bundled: its model and the validation split of its corpus")
    parser.add_argument("--sentences", type=cli.positive(), help="how many at most (default: all; without --run 1,000)")
    parser.add_argument("--every", type=cli.positive(), default=30, help="the tutorial's loop has each n-th sentence")
    parser.add_argument("--no-tutorial", action="store_true", help="without the tutorial's loops")
    parser.add_argument("--beams", type=cli.positive(), nargs="+", default=[1, 4], help="hypotheses; 1 is greedy")
    parser.add_argument("--repetitions", type=cli.positive(), default=3, help="the median counts")
    parser.add_argument("--quick", action="store_true", help="a tiny random model: whether it runs, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    arguments.run = arguments.run and runs.find(arguments.run)
    if arguments.quick:
        arguments.sentences, arguments.every, arguments.repetitions = 12, 4, 1

    task = (arguments.run, arguments.sentences, arguments.quick)
    every = arguments.every
    contenders = {
        "tutorial, eager": (tutorial, (task, every, False)),
        "tutorial, tf.function": (tutorial, (task, every)),
        "tutorial, batched": (batched, (task, every)),
    }
    if arguments.no_tutorial:
        contenders.clear()
    for beams in arguments.beams:
        contenders[f"fmkeras, {name(beams)}"] = (ours, (task, beams))
        if importlib.util.find_spec("ctranslate2"):
            contenders[f"CTranslate2, {name(beams)}"] = (ctranslate2, (task, beams))
            contenders[f"CTranslate2 int8, {name(beams)}"] = (ctranslate2, (task, beams, "int8"))

    found = {contender: [] for contender in contenders}
    for contender, measurement in measure.take_turns(contenders, arguments.repetitions):
        found[contender].append(measurement)
    rows = [{"contender": contender} | figures(measurements) for contender, measurements in found.items()]
    reference = f"fmkeras, {name(min(arguments.beams))}"
    print(measure.describe(machine := measure.machine()))
    print(f"{arguments.run or 'random weights'}, {len(found[reference][0]['ids']):,} sentences\n")
    print(table(rows))
    same = {}
    for beams in arguments.beams:
        base = found[f"fmkeras, {name(beams)}"][0]["ids"]
        for contender, measurements in found.items():
            other = measurements[0]["ids"]
            alike = contender.endswith(name(beams)) or (beams == 1 and contender.startswith("tutorial"))
            if alike and not contender.startswith("fmkeras"):
                same[f"{contender} / fmkeras, {name(beams)}"] = [sum(base[i] == other[i] for i in other), len(other)]
    print()
    for pair, (alike, of) in same.items():
        print(f"{pair}: {alike:,} of {of:,} translations are the same")
    if arguments.json:
        result = {"machine": machine, "run": arguments.run and arguments.run.name, "threads": THREADS}
        runs.write_json(arguments.json, result | {"rows": rows, "same": same})


def name(beams: int) -> str:
    return "greedy" if beams == 1 else f"beam {beams}"


def figures(measurements: list[dict]) -> dict:
    """Sentences and tokens a second: medians and spreads."""
    first = measurements[0]
    tokens = sum(len(ids) + 1 for ids in first["ids"].values())  # end tokens count
    return {
        "sentences": len(first["ids"]),
        "tokens": tokens,
        "start_seconds": first["start"],
        "note": first.get("note", ""),
        "seconds": measure.summary([m["seconds"] for m in measurements]),
        "sentences_per_second": measure.summary([len(first["ids"]) / m["seconds"] for m in measurements]),
        "sentences_per_cpu_second": measure.summary([len(first["ids"]) / m["cpu_seconds"] for m in measurements]),
        "tokens_per_second": measure.summary([tokens / m["seconds"] for m in measurements]),
    }


def table(rows: list[dict]) -> str:
    """The rows, each against the first. What comes in a CPU second depends less on what else a machine does."""
    slowest, lines = rows[0]["sentences_per_second"]["median"], []
    for row in rows:
        speed = row["sentences_per_second"]
        spread = f"{speed['low']:.4g}-{speed['high']:.4g}"
        times = f"{speed['median'] / slowest:.1f}"
        tokens = f"{row['tokens_per_second']['median']:,.0f}"
        start = f"{row['start_seconds']:.1f}"
        cpu = f"{row['sentences_per_cpu_second']['median']:.4g}"
        lines.append(
            [row["contender"], f"{row['sentences']:,}", f"{speed['median']:.4g}", spread, cpu, tokens, times, start]
        )
    header = ["decoder", "sentences", "sentences/s", "spread", "a CPU s", "tokens/s", "times", "start, s"]
    return measure.table(header, lines)


def load(run: Path | None, sentences: int | None, quick: bool):
    """The model, and the source ids of the sentences to translate."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    if run and not quick:
        from fmkeras.translation.corpora import corpus as corpora
        from fmkeras.translation.inference.loading import load_translator

        translator = load_translator(run)
        pairs = corpora.load(translator.settings).split("validation")[:sentences]
        return translator.model, translator.tokenizer.encode([source for source, _ in pairs])
    import keras

    from fmkeras.translation.corpora.tokenizer import END
    from fmkeras.translation.model.transformer import Transformer

    keras.utils.set_random_seed(0)
    model = Transformer(40, 16, 2, 32, 1) if quick else Transformer(8000, **SIZES)
    # Random weights never end a sentence. Raise the logit of the end token, about to where one token in 20 is one.
    row = keras.ops.convert_to_numpy(model.embedding.embeddings)[END]
    model.decoder_norm.beta.assign((1.5 if quick else 3.2) * row / (row @ row))
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(3, 0.6, sentences or 1000), 2, 100).astype(int)  # about TED's
    vocabulary = model.settings["vocab_size"]
    return model, [[*map(int, rng.integers(END + 1, vocabulary, n)), END] for n in lengths]


def measured(translate: Callable[[list], dict], sources: dict[int, list[int]], start: float, **more) -> Iterator[dict]:
    """After a few sentences to warm up: the seconds of all of them and the ids of the translations, each time asked."""
    translate(dict(list(sources.items())[:2]))
    translate(dict(list(sources.items())[-3:]))
    start = time.perf_counter() - start
    yield {}
    while True:
        begin, cpu = time.perf_counter(), time.process_time()
        ids = translate(sources)
        seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu
        yield {"seconds": seconds, "cpu_seconds": cpu_seconds, "ids": ids, "start": start} | more


def ours(task: tuple, beams: int) -> Iterator[dict]:
    """The package's own search."""
    start = time.perf_counter()
    model, sources = load(*task)
    from fmkeras.translation.inference.decoding import Search

    search = Search(model, beams, LENGTH_PENALTY)

    def translate(some: dict) -> dict:
        keys = list(some)
        return {keys[i]: plain(ids) for i, ids, _ in search.translate(list(some.values()))}

    yield from measured(translate, dict(enumerate(sources)), start)


def tutorial(task: tuple, every: int, graph: bool = True) -> Iterator[dict]:
    """The TensorFlow tutorial's loop: one sentence at a time, the whole decoder again for each token."""
    start = time.perf_counter()
    model, sources = load(*task)
    step, stop = next_token(model, graph), len(sources)

    def translate(some: dict) -> dict:
        return {i: plain(grow(step, np.array([row], "int32"))[0]) for i, row in some.items()}

    yield from measured(translate, {i: sources[i] for i in range(0, stop, every)}, start)


def batched(task: tuple, every: int) -> Iterator[dict]:
    """The same loop with batches of 32 sentences of like length, on ten times as many sentences."""
    start = time.perf_counter()
    model, sources = load(*task)
    from fmkeras.translation.corpora.batches import padded

    step, stop = next_token(model), len(sources)

    def translate(some: dict) -> dict:
        order = sorted(some, key=lambda i: len(some[i]))
        parts = [order[i : i + 32] for i in range(0, len(order), 32)]
        found = [(part, grow(step, padded([some[i] for i in part]))) for part in parts]
        return {i: plain(ids) for part, rows in found for i, ids in zip(part, rows, strict=True)}

    yield from measured(translate, {i: sources[i] for i in range(0, stop, max(1, every // 10))}, start)


def next_token(model, graph: bool = True) -> Callable:
    """The tutorial's step: the decoder over all tokens so far, of which only the last logits are used."""
    import tensorflow as tf

    from fmkeras.translation.corpora.tokenizer import END

    def step(source, target):
        logits = model((source, target), training=False)[:, -1]
        return tf.argmax(logits[:, END:], axis=-1, output_type=tf.int32) + END

    signature = [tf.TensorSpec((None, None), tf.int32)] * 2
    return tf.function(step, input_signature=signature) if graph else step


def grow(step: Callable, source: np.ndarray) -> np.ndarray:
    """Greedy translations (B, T) of sources (B, S), until all have ended or are as long as ours may be."""
    import tensorflow as tf

    from fmkeras.translation.corpora.tokenizer import END, PAD, START
    from fmkeras.translation.inference.hypotheses import length_limit

    limits = length_limit((source != PAD).sum(axis=1))
    source, target = tf.constant(source), tf.fill((len(source), 1), START)
    ended = np.zeros(len(limits), bool)
    while not ended.all():
        token = np.where(limits <= target.shape[1], END, step(source, target))
        # What comes after an end token is never looked at; a mark other than PAD keeps the positions right.
        target = tf.concat([target, tf.constant(token[:, None], tf.int32)], axis=1)
        ended |= token == END
    return target.numpy()[:, 1:]


def plain(ids: np.ndarray) -> list[int]:
    """Ids up to the end token, without it and without padding."""
    from fmkeras.translation.corpora.tokenizer import END, PAD

    ids = [int(i) for i in ids]
    return [i for i in (ids[: ids.index(END)] if END in ids else ids) if i != PAD]


def ctranslate2(task: tuple, beams: int, quantization: str = "float32") -> Iterator[dict]:
    """CTranslate2 with our weights; tokens go in and out as the decimal names of ids."""
    import ctranslate2 as ct2

    from fmkeras.translation.corpora.batches import by_length
    from fmkeras.translation.exporting.converter import TransformerConverter
    from fmkeras.translation.inference.hypotheses import length_limit

    start = time.perf_counter()
    model, sources = load(*task)
    with tempfile.TemporaryDirectory() as folder:
        names = [str(i) for i in range(model.settings["vocab_size"])]
        longest = length_limit(max(map(len, sources)))
        TransformerConverter(model, names, positions=longest, quantization=quantization).convert(folder, force=True)
        translator = ct2.Translator(folder, compute_type=quantization, inter_threads=1, intra_threads=THREADS)

    def translate(budget: int, some: dict) -> dict:
        order = sorted(some, key=lambda i: len(some[i]))
        found = {}
        for run in by_length(np.array([len(some[i]) for i in order]), budget):
            part = [order[i] for i in run]
            # It knows one limit for a call. As far as ours may go at the longest, lest it pay for more than we do.
            limit = length_limit(max(len(some[i]) for i in part)) - 1
            texts = [[str(token) for token in some[i][:-1]] for i in part]  # it adds the end token itself
            results = translator.translate_batch(
                texts, beam_size=beams, length_penalty=LENGTH_PENALTY, max_decoding_length=limit, max_input_length=0
            )
            for i, result in zip(part, results, strict=True):
                found[i] = [int(token) for token in result.hypotheses[0]][: length_limit(len(some[i])) - 1]
        return found

    sources, seconds = dict(enumerate(sources)), {}
    for batch in CT2_BATCHES:
        begin = time.perf_counter()
        translate(batch, dict(list(sources.items())[::4]))
        seconds[batch] = time.perf_counter() - begin
    best = min(seconds, key=seconds.get)
    yield from measured(functools.partial(translate, best), sources, start, note=f"{best:,} tokens a batch")


if __name__ == "__main__":
    cli.run(main)
