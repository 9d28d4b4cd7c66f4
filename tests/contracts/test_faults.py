"""Every output that goes over the network, with every fault that its destination can have, side by side in one router.

Ten numbered records go to each. Each destination fails once, in its own way, and then all of them must be there, once
each: twice only where the sender cannot know whether they had been taken.
"""

import asyncio
import base64
import json
import re
import signal
import ssl
import time
from collections import Counter
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import pytest

from pyrolens.records.codecs.cmetrics import pack_metrics
from pyrolens.records.metrics import Family, MetricSet, Sample
from tests.contracts.destinations import Destination, Fault
from tests.contracts.kinds import KINDS, SECRET, Kind, N, faults
from tests.net.certificates import make
from tests.net.servers import Request, answer, serving
from tests.running import Router, running, until

SERVICE = """
[SERVICE]
    Flush 0.2
    Grace 5
    scheduler.base 1
    scheduler.cap 1
[INPUT]
    Name forward
    Unix_Path {dir}/in.sock
"""
PAIRS = [(kind, fault) for kind in KINDS for fault in faults(kind)]
NAMES = [f"{kind.title}-{fault.name}" for kind, fault in PAIRS]
MOST_LINES = 3
"""Warnings and errors about one fault that has ended with the second or third try."""

LOGS, METRICS = "app", "metrics"
"""What their tags begin with."""
TAGS = 12
OUTAGE_LINES = 8
"""Warnings and errors of an output while twelve of its calls fail for some seconds."""
DOWN = Fault("down", "connection refused", down=True)


@dataclass
class Run:
    """What came of it."""

    destinations: dict[str, Destination]
    books: dict[str, dict[str, Any]]
    log: str
    secrets: set[str]

    def said(self, name: str) -> list[str]:
        """The warnings and errors about an output."""
        return [
            line for line in self.log.splitlines() if f":{name}] " in line and re.search(r"\[( warn|error)\]", line)
        ]


def section(kind: Kind, fault: Fault, port: int) -> str:
    """Of the config."""
    host = "nowhere.invalid" if fault.name == "unknown_name" else "127.0.0.1"
    tls = ("https", "on") if fault.tls else ("http", "off")
    text = kind.config.format(
        host=host, port=port, scheme=tls[0], tls=tls[1], dir="{dir}", alias=f"{kind.title}-{fault.name}"
    )
    limit = "" if "Retry_Limit" in fault.options else "Retry_Limit no_limits\n"
    match = METRICS if kind.metrics else LOGS
    lines = f"Name {kind.name}\nAlias {kind.title}-{fault.name}\nMatch {match}*\n{limit}{text}{fault.options}"
    return "[OUTPUT]\n" + "".join(f"    {line}\n" for line in lines.splitlines())


def credentials(given: set[str]) -> Any:
    """The endpoint of a task's role, which gives other keys each time."""

    def respond(request: Request) -> bytes:
        number = len(given)
        secret, token = f"quiet-Zr5vB9-secret-{number}", f"quiet-Zr5vB9-token-{number}"
        given.update((secret, token))
        keys = {"AccessKeyId": f"AKIA{number}", "SecretAccessKey": secret, "Token": token}
        return answer(200, json.dumps({**keys, "Expiration": "2099-01-01T00:00:00Z"}).encode())

    return respond


async def send(path: str, tag: str = "", first: int = 0, count: int = N) -> None:
    """Records, and a reading of metrics with as many samples."""
    _, writer = await asyncio.open_unix_connection(path)
    texts = [f"no-{n:02d}-yes {'x' * 3000}" for n in range(first, first + count)]
    entries = [[1_780_000_000 + n, {"log": text}] for n, text in enumerate(texts, first)]
    samples = tuple(Sample(time.time_ns(), (text,), 1.0) for text in texts)
    reading = pack_metrics(MetricSet((Family("n", "gauge", "", ("log",), samples),)))
    writer.write(msgpack.packb([LOGS + tag, entries]))
    writer.write(msgpack.packb([METRICS + tag, reading, {"fluent_signal": 1}]))
    await writer.drain()
    writer.close()


def router_of(folder: Path, config: str, role: str) -> AbstractAsyncContextManager[Router]:
    return running(
        folder,
        config,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{role}/keys",
        AWS_CONTAINER_AUTHORIZATION_TOKEN=f"{SECRET}-role",
        AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="true",
        HOME=str(folder), PYROLENS_FINAL_METRICS=str(folder / "books.json"),
    )  # fmt: skip


async def run(folder: Path) -> Run:
    make(folder, ["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    all_of: dict[str, Destination] = {}
    config = SERVICE
    for kind, fault in PAIRS:
        one = Destination(kind.title, fault, kind.ok, kind.carries, kind.protocol, SECRET)
        one.bind()
        all_of[one.name] = one
        config += section(kind, fault, one.port)
        if not fault.down:
            await one.listen(tls)
    given: set[str] = set()
    try:
        async with serving(credentials(given)) as role, router_of(folder, config, role.url) as router:
            await send(str(folder / "in.sock"))
            waiting = dict(all_of)

            def over() -> bool:
                log = router.said()
                for name, one in list(waiting.items()):
                    about = f":{name}] "
                    if one.fault.down and not one.server:
                        if f"{about}retry" in log or f"{about}upload failed" in log:
                            opening.append(asyncio.create_task(one.listen(tls)))
                    elif one.fault.for_ever:
                        if re.search(f"{re.escape(about)}.*given up", log):
                            del waiting[name]
                    elif set(one.taken) | one.fault.refused >= set(range(N)):
                        del waiting[name]
                return not waiting

            opening: list[asyncio.Task[None]] = []
            try:
                await until(over, "all records have arrived")
            except AssertionError:
                pass  # each test says what is missing
            await router.stop(signal.SIGTERM)
            log = router.said()
    finally:
        for one in all_of.values():
            one.close()
    return Run(all_of, json.loads((folder / "books.json").read_text())["outputs"], log, given)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(run(tmp_path_factory.mktemp("faults")))


async def run_outage(folder: Path) -> Run:
    """Nobody is there; then all come back."""
    all_of: dict[str, Destination] = {}
    config = SERVICE
    for kind in KINDS:
        one = Destination(kind.title, DOWN, kind.ok, kind.carries, kind.protocol, SECRET)
        one.bind()
        all_of[kind.title] = one
        config += section(kind, DOWN, one.port).replace(f"Alias {kind.title}-down", f"Alias {kind.title}")
    given: set[str] = set()
    async with serving(credentials(given)) as role, router_of(folder, config, role.url) as router:
        for n in range(TAGS):
            await send(str(folder / "in.sock"), f".{n}", n, 1)

        def known() -> bool:
            log = router.said()
            return all(f":{kind.title}] retry" in log or f":{kind.title}] upload failed" in log for kind in KINDS)

        await until(known, "each output has failed")
        tries = router.said().count("attempt=3")
        await until(lambda: router.said().count("attempt=3") > tries, "they have failed again")
        for one in all_of.values():
            await one.listen(None)
        await until(lambda: all(len(set(one.taken)) == TAGS for one in all_of.values()), "all have arrived")
        await router.stop(signal.SIGTERM)
        log = router.said()
    for one in all_of.values():
        one.close()
    return Run(all_of, json.loads((folder / "books.json").read_text())["outputs"], log, given)


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(run_outage(tmp_path_factory.mktemp("outage")))


def case(name: str) -> tuple[Kind, Fault]:
    return PAIRS[NAMES.index(name)]


def retries(kind: Kind, fault: Fault) -> int:
    """How often the router tries again."""
    if fault.for_ever:
        return 1
    if fault.down:
        return 1
    if fault.key or fault.skew or not (fault.cut or fault.silent or fault.reply is not None):
        return 0
    if kind.calls_again and not fault.reply:
        return 0
    return int(len(fault.taken | fault.refused) < N)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_and_nothing_comes_twice(ran: Run, name: str) -> None:
    one = ran.destinations[name]
    wanted = set() if one.fault.for_ever else set(range(N)) - one.fault.refused
    assert Counter(one.taken) == Counter(wanted)
    assert not one.doubtful or (one.fault.doubles and max(one.doubtful.values()) == 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_books_say_what_happened(ran: Run, name: str) -> None:
    kind, fault = case(name)
    books = ran.books[name]
    refused, given_up = len(fault.refused), N if fault.for_ever else 0
    # how often nobody is found there depends on how fast this test opens the door
    tries = max(1, books["retries"]) if fault.down and not kind.stores else retries(kind, fault)
    counted = {key: books[key] for key in ("records", "dropped_records", "errors", "retries_failed")}
    if kind.stores:
        assert counted == {"records": N, "dropped_records": 0, "errors": 0, "retries_failed": 0}
        assert books["counters"].get("quarantined_records", 0) == given_up
        failed = books["counters"].get("upload_errors", 0)
        assert failed >= 1 if fault.down else failed == tries + bool(given_up)
        return
    assert counted == {
        "records": N - refused - given_up,
        "dropped_records": refused + given_up,
        "errors": int(refused > 0),
        "retries_failed": int(given_up > 0),
    }
    again = (N - len(fault.taken) - refused) * tries
    assert (books["calls"], books["retries"], books["retried_records"]) == (tries + 1, tries, again)


@pytest.mark.parametrize("name", NAMES)
def test_the_log_says_it_once_and_no_secret(ran: Run, name: str) -> None:
    kind, fault = case(name)
    said = ran.said(name)
    if retries(kind, fault) or fault.refused or fault.skew:
        assert said
        assert re.search(fault.said, "\n".join(said), re.IGNORECASE), said
    else:
        assert not said
    assert len(said) <= MOST_LINES, said
    assert max(map(len, said), default=0) < 1200, said


def test_an_outage_is_no_flood(outage: Run) -> None:
    """Twelve calls of each output fail again and again: the log tells some of them, and counts the others."""
    for kind in KINDS:
        assert Counter(outage.destinations[kind.title].taken) == Counter(range(TAGS)), kind.title
        said = outage.said(kind.title)
        assert 0 < len(said) <= OUTAGE_LINES, said
    books = outage.books
    assert {name: (books[name]["records"], books[name]["dropped_records"]) for name in books} == {
        kind.title: (TAGS, 0) for kind in KINDS
    }


@pytest.mark.parametrize("name", [name for name in NAMES if case(name)[1].wait])
def test_a_wait_that_is_asked_for_is_kept(ran: Run, name: str) -> None:
    one = ran.destinations[name]
    assert one.came_again_at - one.failed_at >= one.fault.wait


@pytest.mark.parametrize("name", [name for name in NAMES if case(name)[1].key])
def test_other_credentials_are_asked_for(ran: Run, name: str) -> None:
    one = ran.destinations[name]
    assert one.refused_key.startswith("AKIA")
    assert one.calls == 2


def test_no_secret_is_in_the_log(ran: Run) -> None:
    forms = {base64.b64encode(f"u:{SECRET}".encode()).decode(), base64.b64encode(f"{SECRET}:".encode()).decode()}
    lines = [line for line in ran.log.splitlines() if any(text in line for text in {SECRET, *forms, *ran.secrets})]
    assert lines == []


def test_nothing_else_is_said(ran: Run) -> None:
    """No traceback, and no line about what nobody asked for."""
    assert "Traceback" not in ran.log
