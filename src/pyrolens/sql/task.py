"""A stream task as a config names it."""

from dataclasses import dataclass

from pyrolens.problems import Place
from pyrolens.sql.nodes import Statement


@dataclass(frozen=True)
class StreamTask:
    name: str
    place: Place
    statement: Statement
    tag: str
    """Of what it finds."""
    source: str | None
    """The id of the input, filter or stream that it listens to; None: its source is a TAG."""
    source_tag: str = ""
    """What RECORD_TAG() is in the results of a window."""
    routable: bool = True
    """What it finds goes to outputs, and not only to other tasks."""
    from_text: bool = True
    """Text that holds a number counts as one in functions over records."""
    stream: str = ""
    """The source that it is to other tasks."""

    @property
    def label(self) -> str:
        """As in metrics."""
        return f"stream_task:{self.name}"
