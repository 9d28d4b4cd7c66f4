"""`<system>`: settings of the router as a whole.

Source: Fluentd 1.19, lib/fluent/system_config.rb.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pyrolens.config.fluentd.kinds import Int
from pyrolens.config.fluentd.lower import LEVELS, Shared
from pyrolens.config.fluentd.reading import Reading, Said, section
from pyrolens.language.document import Entry
from pyrolens.language.fluentd import Element
from pyrolens.options import opt

RUBY = "it is about Ruby"
PROCESS = "the router is one process, which what runs the container watches over"


@dataclass(frozen=True, kw_only=True)
class LogSection(Said):
    """How the log is written."""

    ignored = {
        "format": "the log has one form",
        "time_format": "the log has one form",
        "rotate_age": "the log goes to stderr, and who reads it keeps it",
        "rotate_size": "the log goes to stderr, and who reads it keeps it",
        "path": "the log goes to stderr: pyrolens run --log_file",
        "forced_stacktrace_level": "failures are one line each",
    }


@dataclass(frozen=True, kw_only=True)
class System(Said):
    """Settings of the router as a whole."""

    ignored = {
        "restart_worker_interval": PROCESS,
        "process_name": PROCESS,
        "disable_shared_socket": PROCESS,
        "enable_get_dump": PROCESS,
        "suppress_repeated_stacktrace": "failures are one line each",
        "ignore_repeated_log_interval": "what repeats is told now and then",
        "ignore_same_log_interval": "what repeats is told now and then",
        "emit_error_log_interval": "what repeats is told now and then",
        "suppress_config_dump": "the config is not put into the log",
        "log_event_verbose": "the router's own log does not become events here",
        "file_permission": "the umask of the process holds",
        "dir_permission": "the umask of the process holds",
        "strict_config_value": "values that are odd are told",
        "enable_msgpack_time_support": "times in MessagePack are always understood",
        "enable_jit": RUBY,
        "rpc_endpoint": "SIGHUP loads the config again; the HTTP API of the router does, too: pyrolens run --http",
        "with_source_only": "all of the config is run",
        "config_include_dir": "only what is included is read",
        "enable_input_metrics": "metrics are always counted",
        "enable_size_metrics": "metrics are always counted",
    }
    ignored_sections = {
        "metrics": "the router's own metrics are at /api/v2/metrics/prometheus: pyrolens run --http",
        "source_only_buffer": "all of the config is run",
        "counter_server": "there are no counters to share",
        "counter_client": "there are no counters to share",
    }
    refused = {
        "without_source": "remove the sources",
    }

    workers: Int = opt("Processes, of which there is one.", default=1)
    root_dir: str | None = opt("Folder for what waits, where a <buffer> of @type file has no path.", default=None)
    log_level: Literal["fatal", "error", "warn", "info", "debug", "trace"] | None = opt("Log level.", default=None)
    log: LogSection | None = section(LogSection)


def read_system(reading: Reading, root: Element, shared: Shared) -> list[Entry]:
    """What the sections say, as settings of [SERVICE]."""
    return [entry for element in root.of("system") for entry in _entries(reading, element, shared)]


def _entries(reading: Reading, element: Element, shared: Shared) -> Iterator[Entry]:
    said = reading.read(System, element)
    if said is None:
        return
    if said.workers > 1:
        shared.ignore("<system>", "workers", "one process does the work of several", said.place("workers"))
    if said.root_dir:
        shared.root = said.root_dir
    if said.log_level:
        place = said.place("log_level")
        yield Entry("log_level", LEVELS[said.log_level], place, place)
