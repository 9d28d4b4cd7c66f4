"""Parser multiline.

Source: Fluentd 1.19, lib/fluent/plugin/parser_multiline.rb.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pyrolens.config.fluentd.kinds import Bool, Slashed
from pyrolens.config.fluentd.parse.base import ParseSection, of_pattern
from pyrolens.options import OptionError, opt
from pyrolens.records.event import Record
from pyrolens.records.regex import Pattern, PatternError, compile_pattern

FORMATS = tuple(f"format{n}" for n in range(1, 21))


@dataclass(frozen=True, kw_only=True)
class MultilineParse(ParseSection):
    """Several lines that a pattern takes as one text."""

    default_key = "time"
    more = FORMATS

    format_firstline: Slashed | None = opt("The first line of a record.", default=None)
    unmatched_lines: Bool = opt("What does not fit becomes the field unmatched_line.", default=False)

    @property
    def pattern(self) -> Pattern:
        """Raises: OptionError."""
        parts: list[str] = []
        for number, name in enumerate(FORMATS):
            text = self.element.text(name)
            if not text:
                continue
            if number != len(parts):
                raise OptionError(name, f"{FORMATS[len(parts)]} is missing")
            if len(text) < 2 or text[0] != "/" or text[-1] != "/":
                raise OptionError(name, "expected a pattern between slashes")
            parts.append(text[1:-1])
        try:
            pattern = compile_pattern(f"/{''.join(parts)}/m")
        except PatternError as why:
            raise OptionError("format1", str(why)) from None
        if not pattern.names:
            raise OptionError("format1", "it needs format1, with a named group such as (?<message>.*)")
        return pattern

    def check(self) -> Iterable[tuple[str, str]]:
        yield from super().check()
        _ = self.pattern

    def fields(self) -> Callable[[str], list[Record]]:
        pattern, unmatched = self.pattern, self.unmatched_lines
        groups = of_pattern(pattern)

        def read(text: str) -> list[Record]:
            out: list[Record] = []
            while text:
                found = pattern.match(text)
                if found is None:
                    return [*out, {"unmatched_line": text}] if unmatched else out
                out += groups(text)
                if found.end() == 0:
                    break
                text = text[found.end() :].removeprefix("\n")
            return out

        return read
