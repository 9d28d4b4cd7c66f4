"""The command line of `pyrolens run`, which is that of Fluent Bit.

Source: Fluent Bit 5.1.1, src/fluent-bit.c: what it takes, in what order it counts, and what it ignores.
Differs: -d (daemon), --supervisor and tracing are taken with a notice and have no effect.
"""

import getopt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pyrolens.config.loading import FORMATS
from pyrolens.language.document import Entry, Section
from pyrolens.problems import Place, Problems, nearest

SHORT = "b:c:dDf:C:i:m:M:o:R:r:F:p:e:t:T:l:vw:qVhJL:HP:s:SWYZ"
LONG = {
    "storage_path=": "b",
    "config=": "c",
    "format=": "format",
    "daemon": "d",
    "dry-run": "D",
    "flush=": "f",
    "http": "H",
    "supervisor": "supervisor",
    "log_file=": "l",
    "port=": "P",
    "custom=": "C",
    "input=": "i",
    "processor=": "r",
    "filter=": "F",
    "output=": "o",
    "match=": "m",
    "parser=": "R",
    "prop=": "p",
    "plugin=": "e",
    "tag=": "t",
    "sp-task=": "T",
    "version": "V",
    "verbose": "v",
    "workdir=": "w",
    "quiet": "q",
    "help": "h",
    "help-json": "J",
    "coro_stack_size=": "s",
    "sosreport": "S",
    "http_server": "H",
    "http_listen=": "L",
    "http_port=": "P",
    "enable-hot-reload": "Y",
    "enable-fips": "fips",
    "enable-chunk-trace": "Z",
    "trace=": "trace",
    "trace-input=": "trace",
    "trace-output=": "trace",
    "trace-output-property=": "trace",
    "disable-thread-safety-on-hot-reload": "W",
}
PLUGINS = {"i": "input", "F": "filter", "o": "output", "C": "custom", "r": "processor"}
SERVICE = {
    "b": "storage.path",
    "f": "flush",
    "l": "log_file",
    "L": "http_listen",
    "P": "http_port",
    "R": "parsers_file",
    "s": "coro_stack_size",
}
SWITCHES = {"H": ("http_server", "on"), "Y": ("hot_reload", "on")}
NO_EFFECT = {
    "d": "the router stays in the foreground",
    "supervisor": "what runs the container watches over it",
    "fips": "the TLS library decides",
    "W": "there is nothing like it here",
    "Z": "there is nothing like it here",
    "trace": "there is nothing like it here; see pyrolens explain",
    "M": "it is for Windows",
}


@dataclass(slots=True)
class RunArguments:
    """What the command line asks for."""

    config: str | None = None
    form: str | None = None
    """The language of the config; None: it says so itself."""
    sections: list[Section] = field(default_factory=list)
    """Plugins of the command line, and a [SERVICE] first."""
    action: str = "run"
    """run, dry-run, version, help or sosreport."""
    workdir: str | None = None
    libraries: list[tuple[str, Place]] = field(default_factory=list)
    parsers_files: list[tuple[str, Place]] = field(default_factory=list)


def read_arguments(argv: Sequence[str], problems: Problems) -> RunArguments:
    """Words that belong to no option are ignored, as Fluent Bit does; an unknown option is an error."""
    out = RunArguments()
    service = Section("service", Place("command line"), name="SERVICE")
    out.sections.append(service)
    verbose, quiet = 0, False
    current: Section | None = None
    try:
        given, words = getopt.gnu_getopt(list(argv), SHORT, list(LONG))
    except getopt.GetoptError as why:
        hint = nearest(f"--{why.opt}", [f"--{n.rstrip('=')}" for n in LONG]) if len(why.opt) > 1 else ""
        problems.error("bad-option", f"command line: {why.msg}", None, hint or "see pyrolens run --help")
        return out
    for word in words:
        problems.warning("ignored-word", f"command line: '{word}' belongs to no option: it is ignored", None)
    for option, value in given:
        letter = option[1] if len(option) == 2 else LONG.get(option[2:]) or LONG[option[2:] + "="]
        shown = option if value == "" else f"{option} {value}"
        place = Place("command line", text=shown if not _hides_secret(value) else "")

        def add(section: Section, key: str, text: str, place: Place = place) -> None:
            if text:
                section.entries.append(Entry(key, text, place, place))

        if letter in PLUGINS:
            current = Section(PLUGINS[letter], place, name=PLUGINS[letter].upper())
            add(current, "name", value.strip())
            out.sections.append(current)
        elif letter in SERVICE:
            add(service, SERVICE[letter], value.strip())
            if letter == "R":
                out.parsers_files.append((value, place))
        elif letter in SWITCHES:
            add(service, *SWITCHES[letter])
        elif letter == "c":
            out.config = value
        elif letter == "format":
            if value.lower() not in FORMATS:
                message = f"command line: --format is '{value}': expected {' or '.join(FORMATS)}"
                problems.error("bad-value", message, None)
            out.form = value.lower()
        elif letter == "p":
            key, equals, text = value.partition("=")
            if equals and current is not None:
                current.entries.append(Entry(key.strip(), text.strip(), place, place))
            else:
                what = "it names no value" if not equals else "it follows no plugin"
                problems.warning("ignored-word", f"command line: {shown}: {what}, so it is ignored", None)
        elif letter == "t" and current is not None:
            if not value:
                problems.error("bad-value", "command line: -t is empty", None, "name the tag, or leave -t out")
            add(current, "tag", value)
        elif letter == "m" and current is not None and current.kind in ("filter", "output"):
            add(current, "match", value)
        elif letter in "tm":
            problems.warning("ignored-word", f"command line: {shown} has no effect here", None)
        elif letter == "e":
            out.libraries.append((value, place))
        elif letter == "w":
            out.workdir = value
        elif letter == "T":
            tasks = [s for s in out.sections if s.kind == "stream_task"]
            task = Section("stream_task", place, name="stream_processor")
            add(task, "name", f"flb-console:{len(tasks)}")
            add(task, "exec", value)
            out.sections.append(task)
        elif letter == "v":
            verbose += 1
        elif letter == "q":
            quiet, verbose = True, 0
        elif letter in NO_EFFECT:
            problems.warning("option-ignored", f"{option} has no effect: {NO_EFFECT[letter]}", None)
        elif letter in ("V", "h", "J", "S"):
            # like Fluent Bit, which acts on them at once
            out.action = {"V": "version", "S": "sosreport"}.get(letter, "help")
            if letter != "S":
                return out
        elif letter == "D":
            out.action = "dry-run" if out.action == "run" else out.action
    if quiet or verbose:
        level = "off" if quiet and not verbose else "debug" if verbose == 1 else "trace"
        here = Place("command line", text="-q" if quiet else "-v")
        service.entries.insert(0, Entry("log_level", level, here, here))
    out.sections = [s for s in out.sections if s.kind != "processor"]
    return out


def _hides_secret(text: str) -> bool:
    return re.search(r"passw|secret|token|key|license|auth", text.partition("=")[0], re.IGNORECASE) is not None
