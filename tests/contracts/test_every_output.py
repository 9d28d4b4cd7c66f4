"""What every output must bear, without a destination: odd records, being refused, being closed twice."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import Event, Output, Sink
from pyrolens.delivery.delivery import Delivery
from pyrolens.delivery.outcome import TakesMetrics
from pyrolens.delivery.receipt import Receipt
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.options import spec_of
from pyrolens.plugin import find, names
from pyrolens.service.metrics import OutputMetrics
from pyrolens.store.codec import pack, unpack
from tests.contracts.kinds import KINDS
from tests.contracts.odd import NOW, ODD, events
from tests.metrics import ALL, one
from tests.outputs.lent_env import Env, check, chunks
from tests.outputs.vendors import configured
from tests.store.test_codec import same

CONFIGS = {kind.name: kind.config for kind in KINDS if not kind.way} | {
    "file": "Path {dir}\n",
    "gelf": "Host {host}\nPort {port}\nMode tcp\n",
    "syslog": "Host {host}\nPort {port}\nMode tcp\nSyslog_Message_Key log\n",
}
OWN_CLIENT = {"kafka"}
"""Outputs over a client library that keeps records and calls on its own; they are tested with its server."""
FOUND = {name: find("output", name) for name in names("output") if name not in OWN_CLIENT}
OUTPUTS = [name for name, cls in FOUND.items() if cls and cls.takes_logs]
TAKE_METRICS = [name for name, cls in FOUND.items() if cls and cls.takes_metrics]
SMALL = [(NOW, record) for odd, record in ODD.items() if not odd.startswith("large")]


@pytest.fixture
def port() -> Iterator[int]:
    """Where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "eu-west-1")):
        monkeypatch.setenv(name, value)


def output(name: str, folder: Path, port: int) -> Output:
    """With as few options as it needs."""
    own = {spec.name for spec in spec_of(find("output", name))}  # type: ignore[arg-type]
    usual = "".join(f"{key} {{{key}}}\n" for key in ("host", "port") if key in own)
    lines = CONFIGS.get(name, usual)
    text = lines.format(host="127.0.0.1", port=port, scheme="http", tls="off", dir=folder, alias="a")
    return configured(f"Name {name}\n{text}")[0]


def opened(name: str, folder: Path, port: int, env: Any) -> Sink:
    return output(name, folder, port).open(env)


def encoded(sink: Sink, env: Env, batch: list[Event]) -> int:
    """Records that are in parcels or refused; what delivery relies on is checked."""
    before = sum(len(refused) for refused, _, _ in env.rejected)
    count = 0
    for parcel in sink.encoder("web.app")(batch):
        check(parcel)
        hash(parcel.key)
        assert parcel.items or not batch
        count += parcel.records
    return count + sum(len(refused) for refused, _, _ in env.rejected) - before


@pytest.mark.parametrize("name", TAKE_METRICS)
def test_every_sample_is_encoded_or_refused(name: str, tmp_path: Path, port: int) -> None:
    env = Env()
    sink = opened(name, tmp_path, port, env)
    assert isinstance(sink, TakesMetrics)
    encode = sink.metrics_encoder("m")
    for metrics in (ALL, ALL.labelled((("env", "test"),)), one(0.0, odd='a"\n\udcff')):
        before = left_out(env)
        records = 0
        for parcel in encode(metrics):
            check(parcel)
            records += parcel.records
        assert records + left_out(env) - before == len(metrics)


def left_out(env: Env) -> int:
    """Samples that were not encoded, as the books have it."""
    return len(env.rejected) + sum(env.counts.get(name, 0) for name in ("stale_samples", "samples_without_number"))


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_record_is_encoded_or_refused(name: str, tmp_path: Path, port: int) -> None:
    async def run() -> None:
        env = Env()
        sink = opened(name, tmp_path, port, env)
        await sink.start()
        for odd, record in ODD.items():
            shown = repr(record)
            batch = events(record)
            assert encoded(sink, env, batch) == len(batch), odd
            assert repr(record) == shown, f"{odd} was edited"
        assert encoded(sink, env, SMALL) == len(SMALL)
        assert encoded(sink, env, []) == 0
        await sink.close()

    asyncio.run(run())


PLAIN = {
    "kafka": "Brokers 127.0.0.1:9092\nTopics t\n",
    "forward": "Tag $a\n",
    "http": "body_key $log\nheaders_key $headers\n",
}
"""Lines with which an output makes items that are not the usual ones."""


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("name", [*OUTPUTS, *OWN_CLIENT])
def test_what_waits_can_wait_on_disk(name: str, more: bool, tmp_path: Path, port: int) -> None:
    """Keys and items are plain data, and come back from the disk as what they were. Those of metrics need not be."""
    if (more or name == "kafka") and name not in PLAIN:
        pytest.skip("it has one kind of items")
    lines = CONFIGS.get(name, "") + (PLAIN[name] if more or name == "kafka" else "")
    own = {spec.name for spec in spec_of(find("output", name))}  # type: ignore[arg-type]
    lines += "".join(f"{key} {{{key}}}\n" for key in ("host", "port") if key in own and f"{{{key}}}" not in lines)
    text = lines.format(host="127.0.0.1", port=port, scheme="http", tls="off", dir=tmp_path, alias="a")
    sink = configured(f"Name {name}\n{text}")[0].open(Env())
    batch = [*SMALL, (NOW, {"log": "text", "short_message": "s", "a": "b", "headers": {"X-A": "b"}})]
    parcels = list(sink.encoder("web.app")(batch))
    assert parcels
    for parcel in parcels:
        kept = [parcel.key, parcel.items]
        assert same(unpack(pack(kept)), kept)


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_outcome_is_of_the_chunk(name: str, tmp_path: Path, port: int) -> None:
    async def run() -> None:
        sink = opened(name, tmp_path, port, Env())
        await sink.start()
        for chunk in chunks(sink, "web.app", *[events(ODD[odd]) for odd in ("plain", "surrogates", "unicode_keys")]):
            chunk.attempt = 1
            outcome = await asyncio.wait_for(sink.deliver(chunk), 10)
            retry, rejected = set(outcome.retry), set(outcome.rejected)
            assert len(retry) == len(outcome.retry)
            assert retry | rejected <= set(range(len(chunk.items)))
            assert not retry & rejected
            assert outcome.reason or not retry
            assert "\n" not in outcome.reason
        await sink.close()
        await sink.close()

    asyncio.run(run())


@pytest.mark.parametrize("name", OUTPUTS)
def test_delivery_loses_sight_of_nothing(name: str, tmp_path: Path, port: int) -> None:
    """Delivered, refused, or given up: the books name every record, and every receipt settles."""

    async def run() -> None:
        counters = OutputMetrics("a", name)
        env = Env()
        sink = opened(name, tmp_path, port, env)
        delivery = Delivery(sink, RetryPolicy(limit=0), counters, env.log)
        env.reject = delivery.reject  # type: ignore[method-assign]
        await sink.start()
        door = delivery.door("web.app")
        settled: list[Receipt] = []
        batches = [*[[(NOW, record)] for record in ODD.values()], SMALL]
        for batch in batches:
            receipt = Receipt(0, settled.append)
            door(batch, receipt)
            receipt.release()
        delivery.flush()
        async with asyncio.timeout(20):
            while delivery.left()[0]:
                await asyncio.sleep(0.005)
        await delivery.close()
        assert counters.records + counters.dropped_records == len(ODD) + len(SMALL)
        assert len(settled) == len(batches)
        assert delivery.left() == (0, 0)

    asyncio.run(run())
