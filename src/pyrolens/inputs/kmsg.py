"""input kmsg: the log of the kernel.

Source: Fluent Bit 5.1.1 plugins/in_kmsg/in_kmsg.c.
"""

import asyncio
import errno
import os
import re
import time
from typing import Any

from pyrolens.api import ConfigError, Event, Input, InputEnv, Problem, Source, opt, plugin
from pyrolens.inputs._host import needs_linux, size_of
from pyrolens.inputs._text import text_of
from pyrolens.records.event import SECOND

DEVICE = "/dev/kmsg"
LONGEST = 8192
"""Bytes of a message; the kernel refuses to give one to a smaller buffer."""
TURN = 200
"""Messages before others have their turn."""
HEAD = re.compile(rb"(\d+),(\d+),(\d+)[^;]*;")


@plugin("kmsg")
class Kmsg(Input):
    """Read the log of the kernel, from the oldest message that it still has. Linux only."""

    differs = (
        "messages that the kernel has thrown away before they were read are counted and told",
        "the time of the start of the machine is taken to the microsecond, not to the second",
    )

    prio_level: int = opt(
        "Leave out messages whose priority is a greater number than this; 0 is the gravest.", default=8
    )

    def open(self, env: InputEnv) -> Source:
        needs_linux(DEVICE)
        return KmsgSource(self, env)


class KmsgSource:
    def __init__(self, plan: Kmsg, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.fd = -1
        self.booted = 0
        """ns since the epoch."""
        self.next = -1
        """Number of the message that comes next; -1: unknown."""
        self._before: KmsgSource | None = None

    def inherit(self, old: Any) -> bool:
        """When the config is loaded again: go on with the next message."""
        if self._before is not None:
            return False
        self._before = old
        return True

    async def start(self) -> None:
        before, self._before = self._before, None
        if before is not None and before.fd >= 0:
            before.pause()
            self.fd, self.booted, self.next = before.fd, before.booted, before.next
            before.fd = -1
            self.resume()
            return
        try:
            self.fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as why:
            hint = "it takes root, or the capability SYSLOG; a container needs the device, too"
            message = f"input kmsg: cannot open {DEVICE}: {why.strerror}"
            raise ConfigError([Problem("cannot-open", message, hint=hint)]) from None
        self.booted = self.env.now() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.resume()

    def pause(self) -> None:
        if self.fd >= 0:
            asyncio.get_running_loop().remove_reader(self.fd)

    def resume(self) -> None:
        if self.fd >= 0:
            asyncio.get_running_loop().add_reader(self.fd, self._read)

    async def stop(self) -> None:
        self.pause()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _read(self) -> None:
        events: list[Event] = []
        for _ in range(TURN):
            try:
                data = os.read(self.fd, LONGEST)
            except BlockingIOError:
                break
            except OSError as why:
                if why.errno == errno.EPIPE:
                    continue  # the next one is not there any more; its number tells how many are missing
                self.env.log.error("cannot read the log of the kernel", reason=why.strerror or str(why))
                self.pause()
                break
            event = self.event(data)
            if event is not None:
                events.append(event)
        if events:
            self.env.ingest(self.env.tag, events, sum([size_of(record) for _, record in events]))

    def event(self, data: bytes) -> Event | None:
        """None: it is to be left out."""
        head = HEAD.match(data)
        if head is None:
            self.env.count("refused_records")
            self.env.log.warning("a message of the kernel is not of the known form", bytes=len(data))
            return None
        flags, number, us = (int(part) for part in head.groups())
        if 0 <= self.next < number:
            self.env.count("missed_records", number - self.next)
            self.env.log.warning("messages of the kernel were gone before they were read", records=number - self.next)
        self.next = number + 1
        priority = flags & 7
        if priority > self.plan.prio_level:
            return None
        return self.booted + us * 1000, {
            "priority": priority,
            "sequence": number,
            "sec": us * 1000 // SECOND,
            "usec": us % 1_000_000,
            "msg": text_of(data[head.end() :].removesuffix(b"\n")),
        }
