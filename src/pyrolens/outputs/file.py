"""output file.

Source: Fluent Bit 5.1.1 plugins/out_file.
Differs: a record without a file of its own is refused alone, a file that cannot be opened is tried again, and a write
that fails leaves nothing of it behind; Fluent Bit loses the rest of the chunk.
"""

import asyncio
import os
from collections.abc import Iterable
from typing import Literal

from pyrolens.api import (
    DELIVERED,
    Chunk,
    Encode,
    EncodeMetrics,
    Event,
    Limits,
    MetricSet,
    Outcome,
    Output,
    OutputEnv,
    Parcel,
    Size,
    opt,
    plugin,
)
from pyrolens.outputs._file_formats import csv_names, line_of
from pyrolens.outputs._file_places import Places, UnusableError, joined
from pyrolens.outputs._file_rotation import Rotation
from pyrolens.records.codecs.prometheus import plain_text

Action = Literal["error", "drop", "fallback"]


@plugin("file")
class File(Output):
    """Append records and metrics to files."""

    takes_metrics = True

    differs = (
        "a record without a file of its own is refused alone; Fluent Bit loses it and the rest of its chunk",
        "a file that cannot be opened or written is tried again, and half a write is taken back",
        "csv_column_names: the names stand once, where a file begins; Fluent Bit repeats them with each chunk",
    )

    path: str | None = opt("Folder of the files; may use $field and, with enable_strftime, %Y.", default=None)
    file: str | None = opt("Name, else the tag; may use $field and, with enable_strftime, %Y.", default=None)
    format: Literal["out_file", "plain", "csv", "ltsv", "template", "msgpack"] = opt(
        "out_file (tag, time and JSON), plain (JSON), csv, ltsv, template or msgpack.", default="out_file"
    )
    delimiter: str | None = opt("Between fields of csv and ltsv: tab, space or comma.", default=None)
    label_delimiter: str | None = opt("Between label and value of ltsv: tab, space or comma.", default=None)
    template: str = opt("Text of a record with {field} and {time}.", default="{time} {message}")
    csv_column_names: bool = opt("A new csv file begins with the names of the fields.", default=False)
    mkdir: bool = opt("Make folders that are missing.", default=False)
    enable_strftime: bool = opt("path and file have the record's time (UTC), such as %Y-%m-%d.", default=False)
    max_dynamic_files: int = opt("Files that records may make by fields and times; 0: any number.", default=1024)
    on_missing_field: Action = opt("What becomes of a record without a safe file of its own.", default="error")
    on_limit_reached: Action = opt("What becomes of a record that would make one file too many.", default="error")
    fallback_path: str | None = opt("Folder of the fallback file.", default=None)
    fallback_file: str | None = opt("File for records that have none of their own.", default=None)
    rotate: bool = opt("Put files aside when they have grown.", default=False)
    rotate_max_size: Size = opt("Bytes from which a file is put aside.", default=100_000_000)
    rotate_max_files: int = opt("Files put aside that are kept, of each file.", default=7)
    rotate_gzip: bool = opt("Compress files that are put aside.", default=True)

    def check(self) -> Iterable[tuple[str, str]]:
        for option in ("path", "file"):
            try:
                Places(self.path if option == "path" else None, self.file if option == "file" else None, strftime=True)
            except ValueError as why:
                yield option, f"{option} is '{getattr(self, option)}': {why}"
                return
        if self.path is not None and self.path.startswith("$"):
            yield "path", "path must begin with a fixed folder, before its first $field"
        needs = self._places().dynamic or "fallback" in (self.on_missing_field, self.on_limit_reached)
        if needs and self.fallback_file is None:
            yield "file", "fallback_file is needed where files are made from fields or times, and for fallback"
        if self.max_dynamic_files < 0:
            yield "max_dynamic_files", f"max_dynamic_files is '{self.max_dynamic_files}': expected at least 0"
        if self.rotate and self.rotate_max_size <= 0:
            yield "rotate_max_size", f"rotate_max_size is '{self.rotate_max_size}': expected at least 1"
        if self.rotate and self.rotate_max_files < 1:
            yield "rotate_max_files", f"rotate_max_files is '{self.rotate_max_files}': expected at least 1"

    def _places(self) -> Places:
        return Places(self.path, self.file, strftime=self.enable_strftime)

    def open(self, env: OutputEnv) -> "FileSink":
        return FileSink(self, self._places(), env)


class FileSink:
    limits = Limits()

    def __init__(self, options: File, places: Places, env: OutputEnv) -> None:
        self.options, self.places, self.env = options, places, env
        self.known: set[str] = set()
        """Files that records made."""
        self.rotation = (
            Rotation(options.rotate_max_size, options.rotate_max_files, options.rotate_gzip) if options.rotate else None
        )
        self.names = options.csv_column_names and options.format == "csv"
        self.line = line_of(
            options.format,
            options.delimiter,
            options.label_delimiter,
            options.template,
            escape_unicode=env.escape_unicode,
        )

    def encoder(self, tag: str) -> Encode:
        def fixed(events: list[Event]) -> list[Parcel]:
            return [self._parcel(path, tag, events)]

        def dynamic(events: list[Event]) -> list[Parcel]:
            by_path: dict[str, list[Event]] = {}
            for event in events:
                found = self._dynamic(tag, event)
                if found is not None:
                    by_path.setdefault(found, []).append(event)
            return [self._parcel(found, tag, some) for found, some in by_path.items()]

        if self.places.dynamic:
            return dynamic
        path = self.places.fixed(tag)
        return fixed

    def shown(self, key: str, item: tuple[bytes, bytes]) -> bytes:
        return item[1]

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        """As stdout prints them, whatever the format. A file of a field has none: metrics are no record."""

        def encode(metrics: MetricSet) -> list[Parcel]:
            path = self._dynamic(tag, (metrics.ns, {})) if self.places.dynamic else self.places.fixed(tag)
            if path is None:
                return []
            data = plain_text(metrics).encode(errors="surrogateescape")
            return [Parcel(path, [(b"", data)], len(metrics), len(data), [len(data)])]

        return encode

    def _parcel(self, path: str, tag: str, events: list[Event]) -> Parcel:
        line = self.line
        data = b"".join([line(tag, ns, record) for ns, record in events])
        # what a new file begins with is known only when it is written
        head = csv_names(self.options.delimiter, events[0][1]) if self.names and events[0][1] else b""
        return Parcel(path, [(head, data)], len(events), len(data), [len(data)])

    def _dynamic(self, tag: str, event: Event) -> str | None:
        """The file of a record; None when it has none and is settled."""
        options = self.options
        try:
            path = self.places.of(tag, *event)
        except UnusableError as why:
            return self._other(options.on_missing_field, str(why), tag, event)
        if path not in self.known and options.max_dynamic_files:
            if len(self.known) >= options.max_dynamic_files:
                return self._other(options.on_limit_reached, "max_dynamic_files is reached", tag, event)
            self.known.add(path)
        return path

    def _other(self, action: str, reason: str, tag: str, event: Event) -> str | None:
        if action == "fallback":
            return joined(self.options.fallback_path, self.options.fallback_file or "")
        if action == "drop":
            self.env.log.warning("a record is dropped", tag=tag, reason=reason)
            self.env.count("dropped_without_file")
        else:
            self.env.reject([event], tag, reason)
        return None

    async def start(self) -> None:
        pass

    async def deliver(self, chunk: Chunk) -> Outcome:
        try:
            await asyncio.to_thread(self._write, chunk.key, chunk.items)
        except OSError as why:
            return Outcome.again(chunk, f"{chunk.key}: {why.strerror or why}")
        return DELIVERED

    def _write(self, path: str, items: list[tuple[bytes, bytes]]) -> None:
        if self.rotation:
            self.rotation.before_write(path)
        fd = self._opened(path)
        try:
            before = os.fstat(fd).st_size
            head = items[0][0] if before == 0 else b""
            data = memoryview(head + b"".join([data for _, data in items]))
            try:
                while data:
                    data = data[os.write(fd, data) :]
            except OSError:
                os.ftruncate(fd, before)  # it is all sent again
                raise
        finally:
            os.close(fd)

    def _opened(self, path: str) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            if not self.options.mkdir:
                raise
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            return os.open(path, flags, 0o666)

    async def close(self) -> None:
        pass
