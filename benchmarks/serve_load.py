"""The server under load: one client, many, and more than it can take; then SIGTERM in the middle of it.

    python -m benchmarks.serve_load --run runs/translate --json load.json

Every answer is compared with that of one client alone. Clients keep their connection, and ask again as soon as they
have their answer, so that as many requests are under way as there are clients. They share the cores with the server.
"""

import asyncio
import collections
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import measure
from fmkeras import cli, runs
from fmkeras.translation.settings import Settings

FLOOD = 4  # as many clients as the server lets wait, times this, are more than it can take


def main() -> None:
    parser = cli.Parser(prog="python -m benchmarks.serve_load", description=__doc__.split("\n\n")[0])
    parser.add_argument("--run", default=runs.OWN, help="run folder, or bundled")
    parser.add_argument("--clients", type=cli.positive(), default=200, help="at a time")
    parser.add_argument("--seconds", type=cli.positive(float), default=60.0, help="of load")
    parser.add_argument("--sentences", type=cli.positive(), default=500, help="of the validation part")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    arguments.run = runs.find(arguments.run)
    sources = sentences(arguments.run, arguments.sentences)
    result = asyncio.run(measured(arguments, sources))
    print(measure.describe(machine := measure.machine()))
    rows = [
        [
            name,
            *(f"{row[key]:,.4g}" for key in ("answered", "refused", "wrong", "per_second", "median", "p99", "memory")),
        ]
        for name, row in result.items()
    ]
    header = ["load", "answered", "429", "wrong", "a second", "median, s", "99 %, s", "memory, MB"]
    print(measure.table(header, rows))
    if arguments.json:
        runs.write_json(arguments.json, {"machine": machine, "run": arguments.run.name, "loads": result})


def sentences(run: Path, most: int) -> list[str]:
    """Sources to translate."""
    from fmkeras.translation.exporting import folders

    return folders.validation_sentences(run, Settings.load(runs.read_config(run)), most).sources


async def measured(arguments, sources: list[str]) -> dict[str, dict]:
    """The figures of each load."""
    waiting = arguments.clients
    command = [sys.executable, "-m", "fmkeras.serve", "--run", str(arguments.run), "--port", "0"]
    command += ["--max-waiting", str(waiting)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    line = ""
    while not line.startswith("http"):
        line = server.stdout.readline()
    port = int(line.split("/")[2].rpartition(":")[2])
    settings = Settings.load(runs.read_config(arguments.run))
    load = Load(port, server.pid, sources, (settings.source, settings.target))
    result = {"one client": await load.run(1, min(arguments.seconds, 30.0))}
    name = f"{arguments.clients} clients"
    result[name] = await load.run(arguments.clients, arguments.seconds)
    result[f"{FLOOD * waiting} clients"] = await load.run(FLOOD * waiting, arguments.seconds / 2)
    ending = asyncio.create_task(load.run(arguments.clients, 10.0, ends=True))
    await asyncio.sleep(3)
    server.send_signal(signal.SIGTERM)
    result["SIGTERM after 3 s"] = await ending
    status = await asyncio.to_thread(server.wait, 60)
    assert status == 0, status
    return result


class Load:
    """Clients of one server; the first translations of each sentence are what later ones are compared with."""

    def __init__(self, port: int, pid: int, sources: list[str], direction: tuple[str, str]):
        self.port, self.pid, self.sources, self.direction = port, pid, sources, direction
        self.expected: dict[int, str] = {}

    async def run(self, clients: int, seconds: float, ends: bool = False) -> dict:
        """Figures of so many clients for so many seconds; with `ends` the server may go away."""
        self.statuses: collections.Counter = collections.Counter()
        self.times: list[float] = []
        self.wrong = 0
        began = time.perf_counter()
        await asyncio.gather(*(self.client(i, clients, began + seconds, ends) for i in range(clients)))
        took = time.perf_counter() - began
        return {
            "answered": self.statuses[200],
            "refused": self.statuses[429],
            "other": sum(self.statuses.values()) - self.statuses[200] - self.statuses[429],
            "wrong": self.wrong,
            "per_second": self.statuses[200] / took,
            "median": float(np.median(self.times)) if self.times else 0.0,
            "p99": float(np.percentile(self.times, 99)) if self.times else 0.0,
            "memory": 0.0 if ends else memory(self.pid),
        }

    async def client(self, number: int, clients: int, until: float, ends: bool) -> None:
        """One client: a connection that asks until the time is over."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            i = number
            while time.perf_counter() < until and (clients > 1 or i < len(self.sources)):
                await self.ask(reader, writer, i % len(self.sources))
                i += clients
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            # A request that was on its way when the server closed an idle connection; none that it had begun to read.
            if not ends or (isinstance(error, asyncio.IncompleteReadError) and error.partial):
                raise

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, i: int) -> None:
        """One request, its answer counted."""
        body = json.dumps({"q": self.sources[i], "source": self.direction[0], "target": self.direction[1]}).encode()
        began = time.perf_counter()
        head = f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(head.encode() + b"\r\n\r\n" + body)
        header = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(header.partition("content-length: ")[2].partition("\r\n")[0])
        answer = json.loads(await reader.readexactly(length))
        status = int(header.split()[1])
        self.statuses[status] += 1
        if status == 200:
            self.times.append(time.perf_counter() - began)
            text = answer["translatedText"]
            self.wrong += self.expected.setdefault(i, text) != text
        else:
            await asyncio.sleep(0.5)  # less than it is told to wait: it must bear that


def memory(pid: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    cli.run(main)
