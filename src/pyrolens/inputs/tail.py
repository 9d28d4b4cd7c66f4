"""input tail: the lines of files, as they are written.

Source: Fluent Bit 5.1.1 plugins/in_tail (tail.c, tail_file.c, tail_scan_glob.c, tail_config.c).
"""

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Annotated, Literal

from pyrolens.api import (
    Commas,
    Input,
    InputEnv,
    Lines,
    MultilineParserNames,
    ParserName,
    Seconds,
    Size,
    Source,
    lines,
    opt,
    plugin,
)
from pyrolens.options import Kind

ENCODINGS = {
    "shiftjis": "shift_jis", "uhc": "cp949", "gbk": "gbk", "gb18030": "gb18030", "big5": "big5",
    "win866": "cp866", "win874": "cp874", **{f"win125{n}": f"cp125{n}" for n in range(9)},
}  # fmt: skip
"""Fluent Bit's names of encodings, and Python's."""


def read_interval(text: str) -> float:
    """Seconds, with fractions and without units."""
    found = re.match(r"\s*([+-]?\d+(?:\.\d+)?)", text)
    if not found:
        raise ValueError("expected seconds such as 10 or 0.5")
    return float(found[1])


def doubt_interval(text: str) -> str:
    if re.fullmatch(r"\s*\+?\d+(\.\d+)?s?\s*", text):
        return ""
    return f"seconds are expected here, so this counts as {read_interval(text):g}"


Interval = Annotated[float, Kind("seconds", read_interval, doubt=doubt_interval)]


@plugin("tail")
class Tail(Input):
    """Read lines from files, through rotation and restarts."""

    ignored = MappingProxyType(
        {
            "inotify_watcher": "files are looked at every 250 ms",
            "watcher_interval": "rotation is looked for every second",
            "progress_check_interval": "files are looked at every 250 ms",
            "progress_check_interval_nsec": "files are looked at every 250 ms",
            "static_batch_size": "files are read in turns, at most 1 MiB a turn",
            "event_batch_size": "files are read in turns, at most 1 MiB a turn",
        }
    )
    refused = MappingProxyType({"unicode.encoding": "UTF-16 cannot be read here; let the program write UTF-8"})
    differs = (
        "offsets are saved in the DB once the records before them are delivered, so a crash repeats and never loses",
        "a rotated file is read to its end before it is closed, also when rotate_wait is over",
        "a rotated file that matches Path under its new name is not read again",
        "a file that was replaced while the router did not run is read from its beginning",
        "what was written before a stop is still read",
        "lines that wait to be joined go on Flush_Timeout (multiline_flush, docker_mode_flush) after the last line, at"
        " most four times as long in all; Fluent Bit looks that often and sends what it finds, so it may cut a record",
        "what multiline.parser holds at a stop goes on; Fluent Bit loses it",
        "multiline: a record with an empty line in it is kept, and so is a line that is no first line and is taken by"
        " a Parser_N; Fluent Bit loses them",
        "docker_mode: the offset of a record is that of its first line; Fluent Bit's is that of what it read at once",
    )

    path: Commas = opt("Files to read: paths separated by commas, with wildcards.")
    exclude_path: Commas = opt("Patterns of files not to read, separated by commas.", default=[])
    key: str = opt("Field for the text of a line that is not parsed.", default="log")
    path_key: str | None = opt("Put the path of the file into this field.", default=None)
    offset_key: str | None = opt("Put the offset of the line in the file into this field.", default=None)
    read_from_head: bool = opt("Read files that are there at the start from their beginning.", default=False)
    read_newly_discovered_files_from_head: bool = opt(
        "Read files that appear later from their beginning.", default=True
    )
    refresh_interval: Interval = opt("Seconds between two searches for new files.", default=60.0)
    rotate_wait: Seconds = opt("Seconds that a rotated file is still read.", default=5.0)
    ignore_older: Seconds = opt("Leave out files that were last written longer ago than this; 0: none.", default=0.0)
    ignore_active_older_files: bool = opt("Also stop to read files that become older than that.", default=False)
    parser: ParserName | None = opt("Parser of the lines.", default=None)
    skip_long_lines: bool = opt("Leave out lines that do not fit into the buffer, and go on.", default=False)
    truncate_long_lines: bool = opt("Cut lines that do not fit into the buffer.", default=False)
    skip_empty_lines: bool = opt("Leave out empty lines.", default=False)
    buffer_max_size: Size = opt("Bytes of the buffer of a file: the longest line.", default=32768)
    buffer_chunk_size: Size = opt(
        "Bytes by which the buffer grows; it grows as it needs to, but this may not be more than buffer_max_size.",
        default=32768,
    )
    file_cache_advise: bool = opt("Ask the system not to keep what was read in its cache.", default=True)
    exit_on_eof: bool = opt("Stop the router when all files are read to their end.", default=False)
    db: str | None = opt("SQLite file that keeps how far each file was read.", default=None)
    db_sync: Literal["extra", "full", "normal", "off"] = opt("When it is synced.", default="normal", name="db.sync")
    db_locking: bool = opt("Nobody else may open it meanwhile.", default=False, name="db.locking")
    db_journal_mode: Literal["DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL", "OFF"] = opt(
        "Journal of SQLite.", default="WAL", name="db.journal_mode"
    )
    db_compare_filename: bool = opt(
        "A file is known again by inode and name, not by inode alone.", default=False, name="db.compare_filename"
    )

    generic_encoding: str | None = opt(
        "Encoding of the files, such as ShiftJIS or Win1252, if it is not UTF-8.", default=None, name="generic.encoding"
    )
    tag_regex: str | None = opt("Pattern of paths whose named groups the tag may name as <group>.", default=None)
    multiline_parser: list[MultilineParserNames] = opt(
        "Multiline parsers that join lines, with commas between them: docker, cri, java, go, ruby, python, or one of "
        "your own.",
        default=[],
        name="multiline.parser",
    )
    multiline: bool = opt("Join lines with parser_firstline. Better: multiline.parser.", default=False)
    parser_firstline: ParserName | None = opt(
        "Of multiline: the parser that takes the first line of a record.", default=None
    )
    parser_n: Lines = lines(**{"parser_*": "Of multiline: parsers of further lines, which add fields to the record."})
    multiline_flush: Seconds = opt("Of multiline: seconds to wait for the next line.", default=4.0)
    docker_mode: bool = opt(
        "Join the lines of Docker's JSON files that were cut at 16 KiB. Better: multiline.parser docker.", default=False
    )
    docker_mode_flush: int = opt("Of docker_mode: seconds to wait for the next line.", default=4)
    docker_mode_parser: ParserName | None = opt(
        "Of docker_mode: the parser that takes the first line of a record of several lines.", default=None
    )

    def check(self) -> Iterable[tuple[str, str]]:
        if self.generic_encoding and self.generic_encoding.lower() not in ENCODINGS:
            known = ", ".join(sorted(ENCODINGS))
            yield "generic.encoding", f"generic.encoding is '{self.generic_encoding}': expected one of {known}"
        if self.multiline and not self.parser_firstline:
            yield "multiline", "multiline needs parser_firstline"
        if self.multiline and self.docker_mode:
            yield "docker_mode", "docker_mode cannot be combined with multiline"
        if twice := {line.key for line in self.parser_n if [n.key for n in self.parser_n].count(line.key) > 1}:
            yield sorted(twice)[0], f"{sorted(twice)[0]} is given twice"
        if not self.path:
            yield "path", "path names no file"
        if self.refresh_interval <= 0:
            yield "refresh_interval", "refresh_interval is 0: expected more"
        if self.rotate_wait <= 0:
            yield "rotate_wait", "rotate_wait is 0: expected more"
        if self.buffer_chunk_size > self.buffer_max_size:
            yield "buffer_max_size", "buffer_max_size is less than buffer_chunk_size"
        if self.buffer_max_size < 3:
            yield "buffer_max_size", "buffer_max_size leaves no room for a line"

    @property
    def encoding(self) -> str:
        """As Python calls it; "": UTF-8."""
        return ENCODINGS[self.generic_encoding.lower()] if self.generic_encoding else ""

    def open(self, env: InputEnv) -> Source:
        from pyrolens.inputs._tail_source import TailSource  # which needs what is above

        return TailSource(self, env)
