"""filter python: ours, Fluent Bit has none."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from pyrolens.api import (
    ConfigError,
    Event,
    Filter,
    FilterEnv,
    OptionError,
    Problem,
    Seconds,
    Stamp,
    Transform,
    opt,
    plugin,
)
from pyrolens.filters._python_script import Function, ScriptError, load, place_of, reason_of
from pyrolens.filters._python_time import ALARM, TimeIsUpError
from pyrolens.filters._python_values import LATEST, BadValueError, given, taken, taken_together, time_of
from pyrolens.problems import Place

QUIET = 10 * 10**9
"""ns between two lines about the same failure."""
SHORTEST = 0.05
"""Seconds that a batch has at least."""
MOST_TOLD = 100
LONGEST = 300
"""Characters of a reason that are logged."""
RESULTS = "None, a record, (time, record) with seconds, or a list of these"

Failure = tuple[type[BaseException], Place]


@plugin("python")
class Python(Filter):
    """Let a function look at each record, or at whole batches, and keep, change, drop or multiply them.

    How to write one, and what it costs: [docs/guides/python-filter.md](../../guides/python-filter.md).
    """

    script: str | None = opt("File with the function. It is read again with the config.", default=None)
    code: str | None = opt("The function itself, in place of a file; for YAML, which has texts of lines.", default=None)
    call: str | None = opt("Name of the function; not needed where there is only one (beside _helpers).", default=None)
    on_error: Literal["keep", "drop"] = opt(
        "What becomes of a record that the function fails at: keep, it goes on as it came; or drop, such as where the"
        " function removes what nobody may see.",
        default="keep",
    )
    time_limit: Seconds = opt(
        "Seconds that a batch may take; then the function is stopped and has failed at what is left. 0: any.",
        default=10.0,
        low=0,
    )

    def placed(self, found: Callable[[str], str | None], variables: Mapping[str, str]) -> "Python":
        if not self.script:
            return self
        where = found(self.script)
        if where is None:
            raise OptionError("script", f"no such file: {self.script}")
        return replace(self, script=where)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.script and self.code:
            yield "code", "it cannot be combined with script"
        elif not (self.script or self.code):
            yield "script", "the filter needs script, a file with a function, or code"

    def compile(self, env: FilterEnv) -> Transform:
        function = self._loaded()
        made = of_batches if function.of_batches else of_records
        return made(function, Failures(env, self, function))

    @property
    def file(self) -> str:
        """What the code is of."""
        return self.script or "code"

    def _loaded(self) -> Function:
        """Raises: ConfigError, OptionError."""
        source: str | bytes = self.code or ""
        if self.script:
            try:
                with open(self.script, "rb") as file:
                    source = file.read()
            except OSError as why:
                raise OptionError("script", f"{self.script} cannot be read: {why.strerror}") from None
        ALARM.start(self.time_limit)
        try:
            return load(source, self.file, self.call)
        except TimeIsUpError:
            error = ScriptError(f"the script has not ended after {self.time_limit:g} seconds")
        except ScriptError as why:
            error = why
        finally:
            ALARM.stop()
        if self.script:
            raise ConfigError([problem(error, self.script, source)])
        at = f" (line {error.line}, column {error.column} of the code)" * (error.line > 0)
        raise OptionError("code", f"{error}{at}" + (f"; {error.hint}" if error.hint else ""))


def problem(error: ScriptError, path: str, source: str | bytes) -> Problem:
    text = source if isinstance(source, str) else source.decode(errors="replace")
    lines = text.splitlines()
    line = lines[error.line - 1] if 0 < error.line <= len(lines) else ""
    place = Place(path, error.line, error.column, text=line if error.column else "")
    return Problem("bad-script", f"filter python: {error}", place, error.hint)


class Failures:
    """What becomes of records at which the function fails: counted, told without filling the log, kept or dropped."""

    def __init__(self, env: FilterEnv, plan: Python, function: Function) -> None:
        self.env, self.plan, self.function = env, plan, function
        self.keeps = plan.on_error == "keep"
        self.patience = plan.time_limit
        """Seconds for a batch: half as many after each that was stopped, until one goes well."""
        self._new: dict[Failure, tuple[BaseException, int]] = {}
        """Of the batch: one of them, and how many records there were."""
        self._told: dict[Failure, int] = {}
        """When each was told."""

    def add(self, error: BaseException, events: list[Event]) -> list[Event]:
        """What goes on."""
        self.env.failed(len(events))
        line, column = place_of(error, self.plan.file)
        failure = type(error), Place(self.plan.file, line or self.function.line, column)
        first, before = self._new.get(failure, (error, 0))
        self._new[failure] = first, before + len(events)
        return events if self.keeps else []

    def tell(self, tag: str) -> None:
        """At the end of a batch."""
        if not self._new:
            self.patience = self.plan.time_limit
            return
        now = self.env.now()
        for failure, (error, records) in self._new.items():
            if now - self._told.get(failure, -QUIET) >= QUIET:
                if len(self._told) >= MOST_TOLD:
                    self._told.clear()
                self._told[failure] = now
                self._tell(error, failure[1], tag, records)
        stopped = any(kind is TimeIsUpError for kind, _ in self._new)
        self.patience = max(self.patience / 2, SHORTEST) if stopped else self.plan.time_limit
        self._new.clear()

    def _tell(self, error: BaseException, place: Place, tag: str, records: int) -> None:
        match error:
            case BadValueError():
                what, reason = "the function gave back what no record can be", str(error)
            case TimeIsUpError():
                what, reason = "the function was stopped", f"the batch took {self.patience:g} seconds"
            case _:
                what, reason = "the function failed", reason_of(error)
        self.env.log.error(
            f"{what}; {'its records go on unchanged' if self.keeps else 'its records are dropped'}",
            function=self.function.name,
            script=place,
            reason=reason[:LONGEST],
            tag=tag,
            records=records,
        )


def of_records(function: Function, failures: Failures) -> Transform:
    call = function.call

    def transform(tag: str, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        rest = iter(events)
        ALARM.start(failures.patience)
        try:
            for event in rest:
                try:
                    made = call(tag, event[0], given(event[1]))
                    if made.__class__ is dict:
                        out.append((event[0], taken(made)))
                    elif made is not None:
                        out += several(event[0], made)
                except (Exception, SystemExit) as error:
                    out += failures.add(error, [event])
        except TimeIsUpError as error:
            out += failures.add(error, [event, *rest])
        finally:
            ALARM.stop()
        failures.tell(tag)
        return out

    return transform


def several(ns: int, made: Any) -> list[Event]:
    """Raises: BadValueError."""
    return [one(ns, each) for each in made] if isinstance(made, list) else [one(ns, made)]


def one(ns: int, made: Any) -> Event:
    """Raises: BadValueError."""
    match made:
        case dict():
            return ns, taken(made)
        case (time, dict() as record) if isinstance(made, tuple) and not isinstance(time, dict):
            return time_of(ns, time), taken(record)
    raise BadValueError(f"it gave back a {type(made).__name__}: expected {RESULTS}")


def of_batches(function: Function, failures: Failures) -> Transform:
    def run(tag: str, events: list[Event]) -> list[Event]:
        made = function.call(tag, [(ns, given(record)) for ns, record in events])
        if not isinstance(made, list | tuple):
            raise BadValueError(f"it gave back a {type(made).__name__}: expected a list of events")
        if not all(map(is_event, made)):
            raise BadValueError(next(wrong_event(each) for each in made if not is_event(each)))
        return list(zip([ns for ns, _ in made], taken_together([record for _, record in made]), strict=True))

    def transform(tag: str, events: list[Event]) -> list[Event]:
        if not events:
            return events
        out: list[Event] = []
        done = 0
        ALARM.start(failures.patience)
        try:
            try:
                return run(tag, events)
            except (Exception, SystemExit) as error:
                if len(events) == 1:
                    return failures.add(error, events)
            for event in events:
                try:
                    out += run(tag, [event])
                except (Exception, SystemExit) as error:
                    out += failures.add(error, [event])
                done += 1
            return out
        except TimeIsUpError as error:
            return out + failures.add(error, events[done:])
        finally:
            ALARM.stop()
            failures.tell(tag)

    return transform


def is_event(made: Any) -> bool:
    return (
        made.__class__ is tuple
        and len(made) == 2
        and (made[0].__class__ is int or made[0].__class__ is Stamp)
        and 0 <= made[0] <= LATEST
        and made[1].__class__ is dict
    )


def wrong_event(made: Any) -> str:
    match made:
        case (int() | float() as ns, dict()) if isinstance(made, tuple):
            return f"the time is {ns!r}: expected whole nanoseconds since 1970"
        case (_, other) if isinstance(made, tuple):
            return f"an event holds a {type(other).__name__}: expected (nanoseconds, record)"
    return f"there is a {type(made).__name__} among the events: expected (nanoseconds, record)"
