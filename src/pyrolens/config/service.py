"""The [SERVICE] section.

Source: Fluent Bit 5.1.1, src/flb_config.c. Keys that it does not know are ignored there; here they are a warning.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated

from pyrolens.config.values import Values
from pyrolens.language.document import Section
from pyrolens.options import (
    FALSE,
    Kind,
    Level,
    Seconds,
    Secret,
    Size,
    Switch,
    doubt_int,
    opt,
    read_int,
    read_options,
    switch,
)
from pyrolens.options.kinds import read_level, read_limit
from pyrolens.problems import Place, Problems

OnUnlessOff = Annotated[bool, switch(True)]
WholeSeconds = Annotated[float, Kind("whole seconds", lambda text: float(read_int(text)), doubt=doubt_int)]


def read_memory_limit(text: str) -> int:
    """Bytes; 0: none."""
    return 0 if text.lower() in ("off", "no") else read_limit(text)


MemoryLimit = Annotated[int, Kind("size", read_memory_limit)]


@dataclass(frozen=True, kw_only=True)
class Service:
    """Options of the router as a whole."""

    flush: float = opt("Seconds between deliveries of what has come in.", default=1.0)
    grace: WholeSeconds = opt("Seconds that a stop may take to deliver what is there.", default=5.0)
    log_level: Level = opt("Log level.", default="info")
    log_file: str | None = opt("File of the log, else stderr.", default=None)
    http_server: Switch = opt("Serve the HTTP API.", default=False)
    http_listen: str = opt("Address of the HTTP API. Fluent Bit's default is 0.0.0.0.", default="127.0.0.1")
    http_port: int = opt("Port of the HTTP API.", default=2020)
    http_token: Secret | None = opt(
        "Who asks the HTTP API from another machine to change something, such as to load the config again, must say"
        " `Authorization: Bearer TOKEN`; without a token nobody there can. Not in Fluent Bit.",
        default=None,
    )
    http_tap: Switch = opt(
        "The HTTP API shows live records to whoever may change something there (`pyrolens tap`). Not in Fluent Bit.",
        default=True,
    )
    health_check: Switch = opt("/api/v1/health says whether outputs fail.", default=False)
    hc_errors_count: int = opt("Errors within hc_period which make it unhealthy.", default=5)
    hc_retry_failure_count: int = opt("Chunks given up within hc_period which make it unhealthy.", default=5)
    hc_period: Seconds = opt("Seconds of the health check's window.", default=60.0)
    scheduler_base: WholeSeconds = opt("Seconds of the shortest retry wait.", default=5.0, name="scheduler.base")
    scheduler_cap: WholeSeconds = opt("Seconds of the longest retry wait.", default=2000.0, name="scheduler.cap")
    json_escape_unicode: OnUnlessOff = opt(
        "Outputs that write JSON spell what is not ASCII as \\uXXXX.", default=True, name="json.escape_unicode"
    )
    memory_limit: MemoryLimit | None = opt(
        "Bytes of memory that waiting records may take, those of all inputs and outputs together; then inputs stop"
        " reading. off: any. If it is not given, four fifths of the container's memory less what the router itself"
        " takes, where the container has a limit. Not in Fluent Bit.",
        default=None,
    )
    storage_path: str | None = opt(
        "Folder for what is kept on disk: what inputs with storage.type filesystem take in, what outputs cannot send"
        " yet, and dead letters. One router has it.",
        default=None,
        name="storage.path",
    )
    storage_sync: str = opt(
        "When the disk must confirm what is stored: normal, when the system sees fit (it outlasts the end of the"
        " process, not always that of the machine); full, before a batch counts as stored.",
        default="normal",
        name="storage.sync",
    )
    storage_checksum: Switch = opt(
        "Accepted. All that is stored has checksums, and all that is read again is checked.",
        default=False,
        name="storage.checksum",
    )
    storage_max_chunks_up: int = opt(
        "Chunks, of 2 MB each, that may wait in memory in all outputs together; what is more waits in storage.path.",
        default=128,
        name="storage.max_chunks_up",
    )
    storage_backlog_mem_limit: Size = opt(
        "Bytes of what earlier runs left that may be on their way at a time.",
        default=100_000_000,
        name="storage.backlog.mem_limit",
    )
    storage_backlog_flush_on_shutdown: Switch = opt(
        "A stop also sends what earlier runs left, within Grace.",
        default=False,
        name="storage.backlog.flush_on_shutdown",
    )
    storage_delete_irrecoverable_chunks: Switch = opt(
        "Remove what is damaged on disk. Else it is put aside, in the folder damaged below storage.path.",
        default=False,
        name="storage.delete_irrecoverable_chunks",
    )
    storage_metrics: OnUnlessOff = opt(
        "Serve /api/v1/storage, where there is an HTTP API.", default=True, name="storage.metrics"
    )
    storage_type: str | None = opt(
        "storage.type of inputs which name none, if storage.inherit is on.", default=None, name="storage.type"
    )
    storage_inherit: Switch = opt("Inputs take storage.type from here.", default=False, name="storage.inherit")
    storage_keep_rejected: Switch = opt(
        "Keep what destinations refuse for good, and what is given up, as dead letters.",
        default=False,
        name="storage.keep.rejected",
    )
    storage_rejected_path: str | None = opt(
        "Folder of the dead letters, below storage.path.", default=None, name="storage.rejected.path"
    )
    multiline_buffer_limit: str = opt("Bytes that a joined record may have.", default="2MB")
    sp_convert_from_str_to_num: OnUnlessOff = opt(
        "Text that holds a number counts as one in functions of stream tasks, such as SUM, and in GROUP BY.",
        default=True,
        name="sp.convert_from_str_to_num",
    )
    hot_reload: Switch = opt("Load the config again at SIGHUP, or when the HTTP API is asked to.", default=False)
    hot_reload_timeout: Seconds = opt(
        "Seconds in which a new config must be open, or the old one stays; 0: any.",
        default=0.0,
        name="hot_reload.timeout",
    )
    coro_stack_size: int = opt("Of Fluent Bit's coroutines. There are none here; it is only checked.", default=65536)


NO_CHANGE = "there is nothing like it here"
IGNORED: Mapping[str, str] = MappingProxyType(
    {
        "daemon": "the router stays in the foreground, as containers and systemd want it",
        "dns.mode": "names are resolved by the system",
        "dns.resolver": "names are resolved by the system",
        "dns.prefer_ipv4": "set net.dns.prefer_ipv4 in the outputs",
        "dns.prefer_ipv6": "set net.dns.prefer_ipv6 in the outputs",
        "json.convert_nan_to_null": NO_CHANGE,
        "enable_chunk_trace": NO_CHANGE,
        "security.fips_mode": "the TLS library decides",
        "telemetry": "records are not counted by tag",
        "windows.maxstdio": "it is for Windows",
        "flush.adaptive": "Flush is kept as it is",
        "flush.adaptive.min_interval": "Flush is kept as it is",
        "flush.adaptive.max_interval": "Flush is kept as it is",
        "flush.adaptive.low_pressure": "Flush is kept as it is",
        "flush.adaptive.medium_pressure": "Flush is kept as it is",
        "flush.adaptive.high_pressure": "Flush is kept as it is",
        "flush.adaptive.up_steps": "Flush is kept as it is",
        "flush.adaptive.down_steps": "Flush is kept as it is",
        "hot_reload.ensure_thread_safety": "a config that takes over never waits for the threads of another",
        "storage.rejected.limit": NO_CHANGE,
        "storage.trim_files": "a file goes as a whole once all in it has settled",
    }
)
ELSEWHERE = ("parsers_file", "plugins_file", "streams_file")
"""Keys that name files; see config/files.py and config/streams.py."""


def read_service(sections: list[Section], values: Values, problems: Problems) -> Service:
    """All [SERVICE] sections are one; of a key that is there twice the last one counts. On errors: the defaults."""
    entries = [e for s in sections for e in s.entries]
    place = sections[0].place if sections else Place("")
    level = values.variables.get("FLB_LOG_LEVEL")
    if level is not None:
        for entry in [e for e in entries if e.key.lower() == "log_level"]:
            message = "FLB_LOG_LEVEL is set in the environment and counts instead of Log_Level"
            problems.warning("log-level-from-env", message, entry.place)
    whole = Section("service", place, entries)
    in_front = all(str(entry.value).lower() in FALSE for entry in whole.all("daemon"))
    read = read_options(
        Service,
        "[SERVICE]",
        whole,
        values.text,
        problems,
        skip=(*ELSEWHERE, "daemon") if in_front else ELSEWHERE,
        ignored=IGNORED,
        unknown_is_ignored=True,
        last_wins=True,
    )
    service = read or Service()
    if level is not None:
        service = _with_level(service, level, problems)
    if read is not None:
        _check(service, whole, problems)
    return service


def _with_level(service: Service, text: str, problems: Problems) -> Service:
    try:
        return replace(service, log_level=read_level(text))
    except ValueError as why:
        problems.warning("bad-value", f"FLB_LOG_LEVEL is '{text}': {why}; it is ignored", None)
        return service


def _check(service: Service, section: Section, problems: Problems) -> None:
    """What Fluent Bit refuses at its start."""

    def wrong(key: str, expected: str) -> None:
        entries = list(section.all(key))
        entry = entries[-1] if entries else None
        shown = entry.value if entry else ""
        problems.error(
            "bad-value", f"[SERVICE]: {key} is '{shown}': expected {expected}", entry.value_place if entry else None
        )

    page = os.sysconf("SC_PAGE_SIZE")
    if not 0 < service.flush < float("inf"):
        wrong("flush", "more than 0 seconds")
    if service.coro_stack_size < page:
        wrong("coro_stack_size", f"at least {page} bytes, as a plain number")
    if service.http_server and not 0 < service.http_port < 65536:
        wrong("http_port", "a port from 1 to 65535")
    if service.storage_sync.lower() not in ("normal", "full"):
        wrong("storage.sync", "normal or full")
