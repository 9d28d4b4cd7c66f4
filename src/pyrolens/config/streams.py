"""Stream tasks: of Streams_File, of the main file and of the command line.

Source: Fluent Bit 5.1.1, src/stream_processor/flb_sp.c (flb_sp_create, sp_config_file, flb_sp_task_create) and
flb_sp_stream.c. A query that cannot run never refuses the start. In the main file and on the command line it leaves
out its own task; in a Streams_File it leaves out all tasks, wherever they stand. Variables are put into the tag of a
stream, and nowhere else in a query.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pyrolens.config.files import Read, found
from pyrolens.config.model import Built
from pyrolens.config.service import Service
from pyrolens.config.values import Values
from pyrolens.language.document import Document, Entry, Section
from pyrolens.options import switch
from pyrolens.plugin import Filter, Input
from pyrolens.problems import ConfigError, Place, Problems, nearest
from pyrolens.sql.nodes import QueryError, Source, Statement
from pyrolens.sql.syntax import read_task
from pyrolens.sql.task import StreamTask

KNOWN = ("name", "exec")
EMITTERS = ("rewrite_tag", "multiline")
"""Filters whose records come from an input of its own in Fluent Bit."""


NOWHERE = "nowhere"
"""The id of a source that is not there. Those that are have a number, or begin with `stream:`."""


@dataclass(frozen=True)
class Origin:
    """An input, a filter that emits, or a stream: where records come from."""

    id: str
    names: tuple[str, ...]
    tag: str = ""


class BadTaskError(Exception):
    """A task that does not run. The reason is among the problems."""


@dataclass
class Tasks:
    """Reads tasks, one after the other: each may listen to the streams of those before it."""

    service: Service
    values: Values
    problems: Problems
    origins: list[Origin]
    tasks: list[StreamTask] = field(default_factory=list)

    def add(self, section: Section) -> None:
        """Raises: BadTaskError."""
        name, query = (self._first(section, key) for key in KNOWN)
        for entry in section.entries:
            if entry.key.lower() not in KNOWN:
                message = f"a stream task has no '{entry.key}': it is ignored"
                self.problems.warning("unknown-option", message, entry.place, nearest(entry.key, KNOWN))
        if name is None or query is None:
            missing = "Name" if name is None else "Exec"
            raise self._bad(f"a stream task needs {missing}: it does not run", section.place, "Exec is its query")
        self._add(str(name.value), query)

    def _first(self, section: Section, key: str) -> Entry | None:
        entries = list(section.all(key))
        for entry in entries[1:]:
            message = f"{entry.key} is given twice; the first one counts"
            self.problems.warning("given-twice", message, entry.place, "keep one of them")
        return entries[0] if entries and isinstance(entries[0].value, str) else None

    def _bad(self, message: str, place: Place, hint: str = "") -> BadTaskError:
        self.problems.warning("stream-task", message, place, hint)
        return BadTaskError()

    def _add(self, name: str, query: Entry) -> None:
        text = str(query.value)
        try:
            statement = read_task(text)
        except QueryError as error:
            place, where = inside(query, error.at, error.length)
            raise self._bad(f"stream task {name} does not run: {error}{where}", place, error.hint) from None
        for doubt in statement.doubts:
            place, where = inside(query, doubt.at, doubt.length)
            self.problems.warning("stream-task", f"stream task {name}: {doubt.message}{where}", place, doubt.hint)
        self._check_name(name, query, statement)
        stream = stream_name(statement)
        place, _ = inside(query, 0, len(text))
        task = StreamTask(
            name,
            place,
            statement,
            self._tag(query, statement) or stream,
            *self._source(name, query, statement.source),
            routable=switch(True).read(statement.property("routable") or "on"),
            from_text=self.service.sp_convert_from_str_to_num,
            stream=f"stream:{stream}" if stream else "",
        )
        self.tasks.append(task)
        if stream:
            self.origins.append(Origin(task.stream, (stream,), task.tag))

    def _check_name(self, name: str, query: Entry, statement: Statement) -> None:
        """Raises: BadTaskError."""
        place, where = inside(query, statement.at, statement.length)
        stream = stream_name(statement)
        if any(stream in origin.names for origin in self.origins):
            message = f"stream task {name} does not run: an input or a stream is called '{statement.name}' already"
            raise self._bad(message + where, place, "each needs a name of its own")
        if statement.property("storage.type") == "filesystem" and self.service.storage_path is None:
            message = f"stream task {name} does not run: its stream is to wait on disk, but storage.path is not set"
            raise self._bad(message + where, place, "set storage.path in [SERVICE], or leave out storage.type")

    def _tag(self, query: Entry, statement: Statement) -> str:
        tag = statement.property("tag") or ""
        return self.values.text(replace(query, value=tag), self.problems)

    def _source(self, name: str, query: Entry, source: Source) -> tuple[str | None, str]:
        """Its id, and its tag."""
        if source.kind == "tag":
            return None, ""
        for origin in self.origins:
            if source.name.lower() in [known.lower() for known in origin.names]:
                return origin.id, origin.tag
        place, where = inside(query, source.at, source.length)
        message = f"stream task {name} gets nothing: no input or stream before it is called '{source.name}'{where}"
        names = [known for origin in self.origins for known in origin.names]
        hint = nearest(source.name, names) or f"there are {', '.join(names)}"
        self.problems.warning("stream-task", message, place, hint)
        return NOWHERE, ""


def read_tasks(
    document: Document,
    service: Service,
    inputs: Sequence[Built[Input]],
    filters: Sequence[Built[Filter]],
    values: Values,
    problems: Problems,
    read: Read,
) -> list[StreamTask]:
    """The tasks that run. Why others do not is a warning for each."""
    tasks = Tasks(service, values, problems, origins_of(inputs, filters))
    for section in document.of("stream_task"):
        if is_for_file(section):
            message = f"[{section.name}] has no effect in the main file"
            hint = "write [STREAM_PROCESSOR], or move it into a file that Streams_File in [SERVICE] names"
            problems.warning("stream-task", message, section.place, hint)
            continue
        try:
            tasks.add(section)
        except BadTaskError:
            continue
    for entry in [e for s in document.of("service") for e in s.all("streams_file")][-1:]:
        try:
            for section in sections_of(values.text(entry, problems), entry.value_place, document, problems, read):
                tasks.add(section)
        except BadTaskError:
            message = "no stream task runs, since there is a mistake in Streams_File; so it is in Fluent Bit, too"
            problems.warning("stream-task", message, entry.value_place)
            return []
    return tasks.tasks


def is_for_file(section: Section) -> bool:
    """[STREAM_TASK] is read only in files that Streams_File names; [STREAM_PROCESSOR] in the main file, too."""
    yaml = section.place.file.lower().endswith((".yaml", ".yml"))
    return not yaml and section.name.lower() in ("stream_task", "stream_tasks")


def origins_of(inputs: Sequence[Built[Input]], filters: Sequence[Built[Filter]]) -> list[Origin]:
    out = []
    for built in inputs:
        names = (built.plugin.alias, built.name)
        out.append(Origin(built.name, tuple(name for name in names if name), built.tag))
    for step in filters:
        if step.plugin.name in EMITTERS:
            name = getattr(step.plugin, "emitter_name", None) or f"emitter_for_{step.label}"
            out.append(Origin(step.name, (name,)))
    return out


def stream_name(statement: Statement) -> str:
    return f"__flush_{statement.name}" if statement.kind == "flush" else statement.name


def sections_of(path: str, place: Place, document: Document, problems: Problems, read: Read) -> list[Section]:
    """The tasks of a Streams_File. Raises: BadTaskError when it cannot be read."""
    where = found(path, document.folder)
    if where is None:
        problems.warning("stream-task", f"no such file: {path}", place, f"relative to {document.folder or '.'}")
        raise BadTaskError
    mine = Problems()
    try:
        sections = read(where, mine).sections
    except ConfigError as error:
        for problem in error.problems:
            problems.add(replace(problem, severity="warning"))
        raise BadTaskError from None
    for problem in mine:
        # what the other sections would warn about is of no interest
        if problem.code != "unknown-section":
            problems.add(problem)
    tasks = [s for s in sections if s.name.lower() in ("stream_task", "stream_processor")]
    for section in sections:
        if section.kind == "stream_task" and section not in tasks:
            message = f"[{section.name}] is no section of a Streams_File: it is ignored"
            problems.warning("stream-task", message, section.place, "write [STREAM_TASK]")
    return tasks


def inside(entry: Entry, at: int, length: int) -> tuple[Place, str]:
    """The place of a part of a value, and how to name it in words where lines of the value are out of sight."""
    place, text = entry.value_place, str(entry.value)
    start = place.text.find(text)
    if "\n" not in text and start >= 0:
        return replace(place, column=start + at + 1, length=max(min(length, len(text) - at), 1)), ""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return place, f" (line {line}, column {column} of the query)"
