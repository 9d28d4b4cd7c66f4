"""Runs cases ahead of the tests that ask for them, several at a time: they mostly wait."""

import asyncio
import os
import shlex
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

from tests.conformance import configs, filters
from tests.conformance.cases import Found
from tests.conformance.outputs import running
from tests.conformance.starter import Starter
from tests.conformance.verdict import Verdict

RUN = {"config": configs.run, "filters": filters.run, "outputs": running.run}
JOBS = int(os.environ.get("CONFORMANCE_JOBS", 12 * (os.cpu_count() or 1)))


def router() -> Starter:
    """What is under test; CONFORMANCE_ROUTER names another one, such as a Fluent Bit."""
    named = os.environ.get("CONFORMANCE_ROUTER")
    fresh = os.environ.get("CONFORMANCE_STARTS") == "fresh" or sys.platform != "linux"
    command = shlex.split(named) if named else [str(Path(sys.executable).parent / "pyrolens"), "run"]
    return Starter(command, fork=not (named or fresh))


class Pool:
    """Verdicts in the order of `cases`, JOBS at a time, each case once, and not far ahead of what was asked for: so
    that -x and a worker that runs only some of the cases do not start them all."""

    def __init__(self, cases: list[Found]) -> None:
        self.cases = cases
        self.place = {found.id: i for i, found in enumerate(cases)}
        self.verdicts: dict[str, Future[Verdict]] = {}
        self.jobs = asyncio.Semaphore(JOBS)
        self.router = router()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def verdict(self, found: Found) -> Verdict:
        here = self.place[found.id]
        for ahead in self.cases[here : here + 2 * JOBS]:
            if ahead.id not in self.verdicts:
                self.verdicts[ahead.id] = asyncio.run_coroutine_threadsafe(self._run(ahead), self.loop)
        return self.verdicts[found.id].result(timeout=300)

    async def _run(self, found: Found) -> Verdict:
        async with self.jobs:
            return await RUN[found.kind](self.router, found.case)

    def close(self) -> None:
        async def cancel() -> None:
            rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel(), self.loop).result(timeout=60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.router.close()
