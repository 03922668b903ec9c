"""Requests of many clients, joined into batches: while one batch is computed, the next one gathers."""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from fmkeras.serving.failures import Refused, busy

WAIT = 0.005  # seconds that the first text of a batch waits for others
LONGEST_RETRY = 60  # seconds
LOG = logging.getLogger("fmkeras.serve")


class Job(NamedTuple):
    """One text that waits."""

    key: Hashable  # texts with the same key are computed together
    text: Any
    answer: asyncio.Future


class Batcher:
    """Computes what is submitted, in batches, in a thread of its own.

    Args:
        compute: takes a key and texts, gives an answer each.
        batch: texts of a batch at most.
        waiting: texts that may wait; more are refused.
        wait: seconds that the first of a batch waits for others.
        on_batch: called with the number of texts of each batch.
    """

    def __init__(
        self,
        compute: Callable[[Any, list], Sequence],
        batch: int = 32,
        waiting: int = 256,
        wait: float = WAIT,
        on_batch: Callable[[int], object] = lambda size: None,
    ):
        self.compute, self.batch, self.waiting, self.wait, self.on_batch = compute, batch, waiting, wait, on_batch
        self.jobs: deque[Job] = deque()
        self.pace = 0.1  # seconds that a batch takes, on average
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="translating")
        self._arrived = asyncio.Event()
        self._closing = False
        self._loop = asyncio.create_task(self._run())

    async def submit(self, key: Hashable, texts: Sequence) -> list:
        """The answers to some texts of one request, which wait together or not at all.

        Raises:
            Refused: too many wait.
        """
        if len(texts) > self.waiting:
            raise Refused(413, f"{len(texts):,} lines of text are more than may wait here ({self.waiting:,})")
        if len(self.jobs) + len(texts) > self.waiting:
            raise busy(min(LONGEST_RETRY, 1 + math.ceil(self.pace * len(self.jobs) / self.batch)))
        here = asyncio.get_running_loop()
        jobs = [Job(key, text, here.create_future()) for text in texts]
        self.jobs.extend(jobs)
        self._arrived.set()
        return list(await asyncio.gather(*(job.answer for job in jobs)))

    async def close(self) -> None:
        """Compute what waits, and stop."""
        self._closing = True
        self._arrived.set()
        await self._loop
        self._thread.shutdown()

    async def _run(self) -> None:
        while self.jobs or not self._closing:
            if not self.jobs:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            if len(self.jobs) < self.batch and not self._closing:
                await asyncio.sleep(self.wait)
            await self._compute_next()

    async def _compute_next(self) -> None:
        """The first job that waits, and those with its key that stand behind it."""
        key, taken, left = self.jobs[0].key, list[Job](), deque[Job]()
        while self.jobs and len(taken) < self.batch:
            job = self.jobs.popleft()
            (taken if job.key == key else left).append(job)
        self.jobs.extendleft(reversed(left))
        began = time.perf_counter()
        await self._answer(key, taken)
        self.pace += 0.2 * (time.perf_counter() - began - self.pace)
        self.on_batch(len(taken))

    async def _answer(self, key: Hashable, jobs: list[Job]) -> None:
        here = asyncio.get_running_loop()
        try:
            answers = await here.run_in_executor(self._thread, self.compute, key, [job.text for job in jobs])
        except Exception as error:
            if len(jobs) > 1:  # one of them may be at fault: the others get their answers
                for job in jobs:
                    await self._answer(key, [job])
                return
            LOG.error("a text cannot be computed: %s", type(error).__name__)  # its message could quote the text
            failure = error if isinstance(error, Refused) else Refused(500, "this text cannot be computed")
            if not jobs[0].answer.done():
                jobs[0].answer.set_exception(failure)
            return
        for job, answer in zip(jobs, answers, strict=True):
            if not job.answer.done():  # its client may be gone
                job.answer.set_result(answer)
