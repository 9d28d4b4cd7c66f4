"""The log of the kernel."""

import os
import time

import pytest

from pyrolens.inputs.kmsg import DEVICE, Kmsg, KmsgSource
from tests.inputs.lent import Lent, run


def source(level: int = 8) -> KmsgSource:
    made = KmsgSource(Kmsg(prio_level=level), Lent())
    made.booted = 1_000_000_000
    return made


def test_a_message() -> None:
    data = b"6,197,12142437,-;acpi PNP0A08:00: _OSC\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A08:00\n"
    assert source().event(data) == (
        1_000_000_000 + 12_142_437_000,
        {
            "priority": 6, "sequence": 197, "sec": 12, "usec": 142437,
            "msg": "acpi PNP0A08:00: _OSC\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A08:00",
        },
    )  # fmt: skip


def test_only_the_priority_of_a_facility_counts() -> None:
    made = source(4)
    event = made.event(b"12,350,1938025447,-,caller=T1;from a user\n")
    assert event is not None
    assert event[1]["priority"] == 4
    assert made.event(b"5,351,1938025448,-;less grave\n") is None


def test_missing_messages_are_told() -> None:
    made = source()
    for number in (10, 11, 15):
        made.event(b"6,%d,1,-;x\n" % number)
    env = made.env
    assert isinstance(env, Lent)
    assert env.counts == {"missed_records": 3}


def test_what_is_no_message() -> None:
    made = source()
    assert made.event(b"nonsense") is None
    assert isinstance(made.env, Lent)
    assert made.env.counts == {"refused_records": 1}


@pytest.mark.skipif(not os.access(DEVICE, os.R_OK | os.W_OK), reason=f"{DEVICE} is not there, or not to be written to")
def test_the_log_of_this_machine() -> None:
    async def check() -> None:
        env = Lent()
        made = Kmsg(prio_level=4).open(env)
        await made.start()
        mark = f"pyrolens test {os.getpid()}"
        try:
            with open(DEVICE, "w") as device:
                device.write(f"<4>{mark}\n")
        except OSError as why:
            pytest.skip(f"the kernel takes no message: {why}")
        await env.until(lambda: any(record["msg"] == mark for record in env.records))
        await made.stop()
        _, ns, record = next(event for event in env.events if event[2]["msg"] == mark)
        assert list(record) == ["priority", "sequence", "sec", "usec", "msg"]
        assert abs(ns - time.time_ns()) < 60 * 10**9
        assert {record["priority"] for record in env.records} <= {0, 1, 2, 3, 4}

    run(check())


@pytest.mark.skipif(not os.access(DEVICE, os.R_OK), reason=f"{DEVICE} is not there, or not to be read")
def test_another_one_goes_on_where_it_stands() -> None:
    async def check() -> None:
        env, more = Lent(), Lent()
        old, new = Kmsg().open(env), Kmsg(prio_level=7).open(more)
        assert isinstance(old, KmsgSource)
        assert isinstance(new, KmsgSource)
        await old.start()
        await env.until_events(1)
        reached = old.next
        assert new.inherit(old)
        await new.start()
        await old.stop()
        assert new.next == reached
        assert new.fd >= 0
        await new.stop()
        assert not [record for record in more.records if record["sequence"] < reached]

    run(check())
