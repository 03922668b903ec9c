"""A soak: many lines through `fmkeras.translate text`; are all there, in order, and does its memory stay flat?

    python -m benchmarks.soak --run runs/translate --lines 100000 --json soak.json

Without --run it first trains the smallest model on part of the phrasebook, for a minute: what it says does not matter.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import measure
from fmkeras import cli, runs

SAMPLE = 500  # every so many lines is translated again, alone, and compared
LEAST = 10  # times as many lines as it takes to warm up: memory is judged from there on, since it settles slowly
GROWTH = 0.1  # of memory, that is no leak
QUICK = "--preset tiny --limit 4000 --minutes 0.7 --epochs 2 --precision float32".split()


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.soak", description=__doc__.split("\n\n")[0])
    parser.add_argument("--run", help="a trained translator, or bundled; without it one is trained for a minute")
    parser.add_argument("--lines", type=cli.positive(), default=100_000, help="lines to translate")
    parser.add_argument("--warm", type=cli.positive(), default=10_000, help="lines after which memory must be flat")
    parser.add_argument("--beam", type=cli.positive(), default=1, help="hypotheses of beam search; 1 is greedy")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.run:
            run = runs.find(arguments.run)
        else:
            run = Path(temporary) / "run"
            command = [sys.executable, "-m", "fmkeras.translate", "--dataset", "phrasebook", *QUICK, "--run", str(run)]
            subprocess.run(command, check=True)
        result = soak(run, arguments.lines, arguments.warm, arguments.beam) | {"machine": measure.machine()}
    print(measure.describe(result["machine"]))
    print(
        f"{result['lines']:,} lines in, {result['lines_out']:,} out in {cli.duration(result['seconds'])} "
        f"({result['lines'] / result['seconds']:,.0f} a second), {result['different']} of {result['compared']:,} "
        f"unlike their translation alone"
    )
    print(
        f"memory after {arguments.warm:,} lines {result['warm_mb']:,.0f} MB, highest after that "
        f"{result['highest_mb']:,.0f} MB: {result['growth']:+.1%}"
    )
    if arguments.json:
        runs.write_json(arguments.json, result)
    if failed(result, arguments.warm):
        sys.exit("the soak failed")


def failed(result: dict, warm: int) -> bool:
    """Whether lines were lost or came out otherwise, or memory grew. That is not judged by few lines."""
    grew = result["growth"] > GROWTH and result["lines"] >= LEAST * warm
    return result["lines_out"] != result["lines"] or result["different"] > 0 or grew


def sentences(number: int) -> Iterator[str]:
    """So many lines: the phrasebook's sentences again and again, each with a number of its own; some blank."""
    from fmkeras.translation.corpora import phrasebook

    texts = list(phrasebook.load(4000)["pt"])
    for i in range(number):
        yield "" if i % 97 == 0 else f"{texts[i * 7 % len(texts)]} {i}"


def soak(run: Path, number: int, warm: int, beam: int) -> dict:
    """Pipe the lines through one process, and look at its memory as its answers come.

    Returns:
        lines, lines_out, seconds; compared and different: how many lines were translated again, alone, and came out
        otherwise; warm_mb, highest_mb and growth: resident memory when `warm` lines were out, and the most after that.
    """
    lines = list(sentences(number))
    command = [sys.executable, "-m", "fmkeras.translate", "text", "--run", str(run), "--beam", str(beam)]
    began, memory, out = time.perf_counter(), [], []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def feed() -> None:
        for line in lines:
            process.stdin.write(line + "\n")
        process.stdin.close()

    threading.Thread(target=feed, daemon=True).start()
    for line in process.stdout:
        out.append(line.removesuffix("\n"))
        if len(out) % 1000 == 0:
            memory.append((len(out), resident(process.pid)))
            print(f"{len(out):,} lines, {memory[-1][1]:,.0f} MB", file=sys.stderr)
    if process.wait():
        sys.exit("translate text failed")
    seconds = time.perf_counter() - began

    from fmkeras import load_translator

    translator = load_translator(run)
    chosen = range(0, min(number, len(out)), SAMPLE)
    alone = [translator.translate([lines[i]], beam)[0] for i in chosen]
    settled = [mb for count, mb in memory if count >= warm] or [mb for _, mb in memory] or [0.0]
    return {
        "lines": number,
        "lines_out": len(out),
        "seconds": seconds,
        "compared": len(alone),
        "different": sum(out[i] != translation for i, translation in zip(chosen, alone, strict=True)),
        "warm_mb": settled[0],
        "highest_mb": max(settled),
        "growth": max(settled) / settled[0] - 1 if settled[0] else 0.0,
        "memory_mb": memory,
    }


def resident(process: int) -> float:
    """Resident memory of a process, in MB (Linux)."""
    pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    return int(pages) * 4096 / 2**20


if __name__ == "__main__":
    cli.run(main)
