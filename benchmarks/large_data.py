"""Ten million pairs: how long they take to be prepared, in how much memory, and how soon a second start trains.

    python -m benchmarks.large_data --folder large --kills 5 --json large.json

It makes the pairs itself, of 20 words each, whose frequencies are as in a language (Zipf). A start is a process of its
own that trains one step. Kills come at random moments of preparation, one after the other in one cache; what comes of
it must be the same ids as those of an undisturbed start. Linux only.
"""

import itertools
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks import measure
from fmkeras import cli, runs

WORDS = 20  # of a sentence
VOCABULARY = 60_000  # different words of each language
CHUNK = 100_000  # pairs that are made at a time
LOOK = 3  # seconds between two looks at the memory, each of which takes the kernel some tenths of one
OPTIONS = {"source": "pt", "target": "en", "preset": "tiny", "vocab_size": 8000, "precision": "float32"}


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.large_data", description=__doc__.split("\n\n")[0])
    parser.add_argument("--pairs", type=cli.positive(), default=10_000_000, help="how many")
    parser.add_argument("--folder", type=Path, default=Path("large"), help="where data and cache lie; some 6 GB")
    parser.add_argument("--kills", type=int, default=0, help="random moments of preparation at which to kill it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--start", nargs=2, help="(used by itself) data and cache: start, and train one step")
    arguments = parser.parse_args()
    if arguments.start:
        start(*arguments.start)
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    data = arguments.folder / f"{arguments.pairs}.tsv"
    if not data.exists():
        with runs.whole_file(data) as temporary:
            make(temporary, arguments.pairs)
    print(measure.describe(measure.machine()))
    print(
        f"{arguments.pairs:,} pairs, {data.stat().st_size / 2**30:.2f} GiB, load {os.getloadavg()[0]:.1f}", flush=True
    )
    results = {"machine": measure.machine(), "pairs": arguments.pairs, "starts": []}
    for name in ("first start", "second start"):
        results["starts"].append({"name": name} | watched(data, arguments.folder / "cache"))
        report(results["starts"][-1])
    first = results["starts"][0]
    chance, killed = random.Random(0), arguments.folder / "killed"
    for number in range(arguments.kills):
        after = chance.uniform(0, first["prepared"])
        print(f"kill {number + 1} after {after:.0f} s: {watched(data, killed, after)}", flush=True)
    if arguments.kills:
        results["starts"].append({"name": "start after kills"} | watched(data, killed))
        report(results["starts"][-1])
        left = [path.name for path in killed.iterdir() if path.name.startswith(runs.UNFINISHED)]
        print(f"left half-made: {left or 'nothing'}; ids {'as' if same(results['starts']) else 'NOT as'} before")
    if arguments.json:
        runs.write_json(arguments.json, results)
    if not same(results["starts"]):
        sys.exit("the starts do not agree")


def make(path: Path, pairs: int) -> None:
    """Write pairs of sentences of random words, and of their translations word by word."""
    rng = np.random.default_rng(0)
    lexicon = [[word(number, vowels) for number in range(VOCABULARY)] for vowels in ("aeiou", "yäöüé")]
    with path.open("w", encoding="utf-8") as file:
        for begin in range(0, pairs, CHUNK):
            # The frequency of the n-th word falls as 1/n.
            numbers = (VOCABULARY ** rng.random((min(CHUNK, pairs - begin), WORDS))).astype(int).tolist()
            for row in numbers:
                source, target = (" ".join(map(words.__getitem__, row)) for words in lexicon)
                file.write(f"{source}\t{target}\n")


def word(number: int, vowels: str) -> str:
    """The word of a number: syllables for its digits, so that frequent words are short."""
    consonants, text = "bdfglmnprstv", ""
    while number or not text:
        number, digit = divmod(number, len(consonants) * len(vowels))
        text += consonants[digit // len(vowels)] + vowels[digit % len(vowels)]
    return text


def start(data: str, cache: str) -> None:
    """Train one step, and say when it was prepared and when the step was done; then end at once."""
    import keras

    from fmkeras import train_translator

    class Mark(keras.callbacks.Callback):
        def on_train_begin(self, logs: dict | None = None) -> None:
            print("mark prepared", flush=True)

        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            print("mark step", flush=True)
            os._exit(0)

    train_translator(
        data, run=Path(cache).parent / f"run-{Path(cache).name}", cache=cache, callbacks=[Mark()], **OPTIONS
    )


def watched(data: Path, cache: Path, kill: float | None = None) -> dict:
    """Start in a process of its own.

    Args:
        kill: after so many seconds, if it is not prepared before.

    Returns:
        Seconds until it was "prepared" and until its first "step", the most that it used (see `used`), what it said,
        and SHA-256 of the ids; if it was killed, only "killed", what was there.
    """
    command = [sys.executable, "-m", "benchmarks.large_data", "--start", str(data), str(cache)]
    began, marks, said = time.perf_counter(), {}, []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    most, over = {"memory": 0.0, "anonymous": 0.0, "cpu": 0.0}, threading.Event()

    def watch() -> None:
        for second in itertools.count():
            if over.wait(1):
                return
            if second % LOOK == 0:
                for name, value in used(process.pid).items():
                    most[name] = max(most[name], value)
            if kill is not None and time.perf_counter() - began > kill:
                process.kill()

    threading.Thread(target=watch, daemon=True).start()
    for line in process.stdout:
        if line.startswith("mark"):
            marks[line.split()[1]] = round(time.perf_counter() - began, 1)
            print(f"  {line.strip()} {marks[line.split()[1]]}", file=sys.stderr)
        else:
            said.append(line.rstrip())
    process.wait()
    over.set()
    if kill is not None and "step" not in marks:
        made = [path.name for path in cache.iterdir()] if cache.is_dir() else []
        return {"killed": f"the cache holds {', '.join(name.split('-')[0] for name in made) or 'nothing'}"}
    if process.returncode:
        sys.exit(f"the start failed: {said[-1:]}")
    ids = {path.parent.name: digest(path.parent) for path in cache.glob("ids-*/whole.json")}
    return marks | most | {"said": said, "ids": ids}


def used(process: int) -> dict[str, float]:
    """What a process and its children use: proportional set size in MB, without mapped files, and CPU seconds."""
    total = {"memory": 0.0, "anonymous": 0.0, "cpu": 0.0}
    for number in family(process):
        try:
            lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()[1:]
            times = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:  # it has just ended
            continue
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
        total["memory"] += sizes["Pss"]
        total["anonymous"] += sizes["Pss_Anon"]
        total["cpu"] += sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
    return total


def family(process: int) -> list[int]:
    """A process, its children and theirs."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        children = []
    return [process, *(number for child in children for number in family(int(child)))]


def digest(entry: Path) -> str:
    """SHA-256 of an entry's files."""
    from fmkeras.runs import sha256_of

    return " ".join(f"{path.name} {sha256_of(path)}" for path in sorted(entry.iterdir()))


def same(starts: list[dict]) -> bool:
    """Whether all starts have made the same ids."""
    return all(start["ids"] == starts[0]["ids"] for start in starts)


def report(result: dict) -> None:
    """Say what a start took."""
    step = result["step"] - result["prepared"]
    print(f"{result['name']}: prepared after {result['prepared']:.1f} s, first step {step:.1f} s later;", end=" ")
    print(f"{result['cpu']:.0f} s of CPU, load {os.getloadavg()[0]:.1f};", end=" ")
    print(f"memory {result['memory']:,.0f} MB at most, {result['anonymous']:,.0f} MB without mapped files", flush=True)


if __name__ == "__main__":
    cli.run(main)
