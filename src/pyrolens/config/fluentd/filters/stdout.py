"""Filter stdout."""

import sys
from dataclasses import dataclass

from pyrolens.config.fluentd.filters.base import Errors, FilterSaid
from pyrolens.config.fluentd.format import FormatSection, InjectSection, StdoutFormat, formatter
from pyrolens.config.fluentd.reading import section
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import Event


@dataclass(frozen=True, kw_only=True)
class Stdout(FilterSaid):
    """Print records on standard output, and let them go on."""

    ignored = {"use_logger": "it prints on standard output, apart from the log"}

    format: FormatSection | None = section(formatter)
    inject: InjectSection | None = section(InjectSection)

    def compile(self, env: FilterEnv, errors: Errors) -> Transform:
        write = (self.format or StdoutFormat()).compile()
        inject = self.inject.compile() if self.inject else None

        def show(tag: str, events: list[Event]) -> list[Event]:
            shown = inject(tag, events) if inject else events
            text = "".join(write(tag, ns, record) for ns, record in shown)
            sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
            sys.stdout.flush()
            return events

        return show
