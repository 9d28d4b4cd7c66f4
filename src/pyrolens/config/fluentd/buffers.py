"""`<buffer>` and `<secondary>` of outputs: when to send, how often to try, and where what waits is kept.

Source: Fluentd 1.19, lib/fluent/plugin/output.rb and buffer.rb.
Differs: one interval is for all outputs: the shortest. A chunk is what one call of the destination takes. Inputs stop
reading when too much waits, whatever overflow_action says.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pyrolens.config.fluentd.kinds import Bool, Float, Int, Size, Time
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.reading import Said
from pyrolens.language.document import Entry
from pyrolens.options import opt

CHUNKS = "a chunk is what one call of the destination takes"
THREADS = "outputs send as soon as there is something to send"
SHORTEST = 0.1
"""Seconds of flush_mode immediate."""
DEFAULT_TIMEOUT = 72 * 3600.0
BASE, CAP = 1.0, 2000.0
"""Seconds of the retry waits, where the config says nothing."""


@dataclass(frozen=True, kw_only=True)
class Buffer(Said):
    """When records are sent, and what happens if that fails."""

    ignored = {
        "chunk_limit_records": CHUNKS,
        "chunk_full_threshold": CHUNKS,
        "queue_limit_length": CHUNKS,
        "queued_chunks_limit_size": CHUNKS,
        "flush_thread_interval": THREADS,
        "flush_thread_burst_interval": THREADS,
        "flush_burst_interval": THREADS,
        "delayed_commit_timeout": "records are done when the destination has them",
        "decompression_size_limit": "what waits is not compressed",
        "disable_chunk_backup": "set dead_letter of the router's own language for what is refused",
        "retry_secondary_threshold": "what is given up goes to <secondary> at once",
        "retry_randomize": "waits are always random, so that routers do not try at the same time",
        "path_suffix": "the files have names of their own",
        "symlink_path": "the files have names of their own",
        "timekey_wait": "records are sent when they come, and not by their time",
        "flush_at_shutdown": "a stop always sends what is there, and keeps the rest if there is a @type file",
    }

    path: str | None = opt("Of @type file: folder for what waits; one is for all.", default=None)
    timekey: Time | None = opt("Seconds of a file or an object, where the output makes any.", default=None)
    timekey_use_utc: Bool = opt("Times in names are UTC, which they always are here.", default=False)
    timekey_zone: str | None = opt("Zone of the times in names.", default=None)
    flush_mode: Literal["default", "lazy", "interval", "immediate"] = opt("When to send.", default="default")
    flush_interval: Time | None = opt("Seconds between deliveries.", default=None)
    flush_thread_count: Int | None = opt("Calls that may be under way at once.", default=None)
    retry_forever: Bool = opt("Never give up.", default=False)
    retry_timeout: Time = opt("Seconds after which a chunk is given up.", default=DEFAULT_TIMEOUT)
    retry_max_times: Int | None = opt("Retries after which a chunk is given up.", default=None)
    retry_type: Literal["exponential_backoff", "periodic"] = opt("How the waits grow.", default="exponential_backoff")
    retry_wait: Time = opt("Seconds before the first retry.", default=1.0)
    retry_exponential_backoff_base: Float = opt("Factor by which the waits grow.", default=2.0)
    retry_max_interval: Time | None = opt("Seconds of the longest wait.", default=None)
    total_limit_size: Size | None = opt("Of @type file: bytes that may wait; then the oldest go.", default=None)
    chunk_limit_size: Size | None = opt("Bytes of an object, where the output makes any.", default=None)
    overflow_action: Literal["throw_exception", "block", "drop_oldest_chunk"] = opt(
        "What happens when too much waits: inputs stop reading.", default="throw_exception"
    )
    compress: Literal["text", "gzip", "zstd"] = opt("Compression of what waits.", default="text")

    @property
    def keys(self) -> list[str]:
        """The chunk keys."""
        return [key.strip() for key in self.element.argument.split(",") if key.strip()]

    @property
    def on_disk(self) -> bool:
        return self.element.text("@type") in ("file", "file_single")

    def check(self) -> Iterable[tuple[str, str]]:
        kind = self.element.text("@type")
        if kind not in ("", "memory", "file", "file_single"):
            yield "@type", f"there is no @type '{kind}': expected memory or file"

    def lower(self, to: Lowered, keeps_trying: bool = False) -> None:
        """`keeps_trying`: the output gives up only if the config says when."""
        shared = to.shared
        if self.flush_mode == "immediate":
            shared.flushes.append((SHORTEST, self.place("flush_mode")))
        elif self.flush_interval is not None:
            shared.flushes.append((max(self.flush_interval, SHORTEST), self.place("flush_interval")))
        shared.waits.append(self.retry_wait)
        if self.retry_max_interval is not None:
            shared.caps.append(self.retry_max_interval)
        limited = any(self.said(key) for key in ("retry_forever", "retry_max_times", "retry_timeout"))
        if limited or not keeps_trying:
            place = self.place("retry_max_times")
            to.section.entries.append(Entry("retry_limit", self.retries(), place, place))
        if self.flush_thread_count and self.flush_thread_count > 1:
            place = self.place("flush_thread_count")
            to.section.entries.append(Entry("workers", str(self.flush_thread_count), place, place))
        self._tell(to)
        if self.on_disk:
            folder = self.path or (os.path.join(shared.root, "buffer") if shared.root else None)
            if folder is None:
                hint = "or set root_dir in <system>"
                to.refuse("<buffer> of @type file needs path", self.element.place, hint)
                return
            shared.folders.append((os.path.dirname(folder) if "*" in folder else folder, self.place("path")))
            if self.total_limit_size is not None:
                place = self.place("total_limit_size")
                entry = Entry("storage.total_limit_size", str(self.total_limit_size), place, place)
                to.section.entries.append(entry)

    def _tell(self, to: Lowered) -> None:
        who = f"{to.who}, <buffer>"

        def ignore(key: str, why: str) -> None:
            if self.said(key):
                to.shared.ignore(who, key, why, self.place(key))

        if self.overflow_action != "block":
            ignore("overflow_action", "inputs stop reading when too much waits, as with block")
        if self.total_limit_size is not None and not self.on_disk:
            ignore("total_limit_size", "memory has one limit for all outputs: four fifths of the container's")
        if self.compress != "text":
            ignore("compress", "what waits is not compressed")
        if self.retry_type == "periodic":
            ignore("retry_type", "waits grow from retry_wait to retry_max_interval")
        if self.retry_exponential_backoff_base != 2:
            ignore("retry_exponential_backoff_base", "each wait may be twice as long as the one before")
        if self.said("timekey_zone") and self.timekey_zone not in ("UTC", "Etc/UTC", "+0000", "+00:00"):
            ignore("timekey_zone", "times in names are UTC")

    def retries(self) -> str:
        if self.retry_forever:
            return "no_limits"
        if self.retry_max_times is not None:
            return str(self.retry_max_times) if self.retry_max_times > 0 else "no_retries"
        return str(retries_within(self.retry_timeout, self.retry_wait, self.retry_max_interval or CAP))


def retries_within(seconds: float, wait: float, cap: float) -> int:
    """How many retries fit, if each wait is twice as long as the one before."""
    wait, cap = max(wait, 0.1), max(cap, 0.1)
    count = 0
    while wait < cap and seconds >= wait:
        seconds -= wait
        wait *= 2
        count += 1
    return max(count + int(seconds // cap if wait >= cap else 0), 1)


@dataclass(frozen=True, kw_only=True)
class Secondary(Said):
    """Where what is given up is kept: a folder."""

    ignored = {
        "basename": "the files have names of their own",
        "append": "files are appended to",
        "compress": "dead letters are not compressed",
    }
    ignored_sections = {"buffer": "what is given up is written at once", "format": "dead letters are JSON lines"}

    directory: str | None = opt("Of secondary_file: the folder.", default=None)
    path: str | None = opt("Of file: the folder.", default=None)

    @property
    def folder(self) -> str | None:
        return self.directory or self.path

    def check(self) -> Iterable[tuple[str, str]]:
        kind = self.element.text("@type")
        if kind not in ("secondary_file", "file"):
            yield "@type", f"@type is '{kind}': expected secondary_file"
        elif self.folder is None:
            yield "", f"{'directory' if kind == 'secondary_file' else 'path'} is needed"

    def lower(self, to: Lowered) -> None:
        folder = (self.folder or "").rstrip("/") + "/"
        place = self.place("directory" if self.directory else "path")
        to.section.entries.append(Entry("dead_letter", folder, place, place))
