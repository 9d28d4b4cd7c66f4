"""A log that remembers, for tests."""

from dataclasses import dataclass, field


@dataclass
class Said:
    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def debug(self, event: str, **fields: object) -> None:
        self.lines.append(("debug", event, fields))
