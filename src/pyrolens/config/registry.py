"""The parsers of a config, by name.

Source: Fluent Bit 5.1.1, src/flb_parser.c. In a parser's section the first of two equal keys counts.
"""

from dataclasses import replace
from typing import cast

from pyrolens.config import slow
from pyrolens.config.values import Values
from pyrolens.language.document import Entry, Section
from pyrolens.multiline import MultilineParser, Rule, rule
from pyrolens.options import OptionError, read_options, spec_of, split_tokens
from pyrolens.plugin import Env, Log, Parse, Parser, find, names
from pyrolens.problems import Place, Problems, nearest


class Registry:
    def __init__(self, values: Values, problems: Problems) -> None:
        self.values, self.problems = values, problems
        self.parsers: dict[str, Parser] = {}
        self.multiline_parsers: dict[str, MultilineParser] = {}
        self._places: dict[str, Place] = {}

    def add_parser(self, section: Section) -> None:
        section = self._first_of_each(section)
        who = f"[{section.name}]"
        name, form = self._text(section, "name"), self._text(section, "format")
        if not name or not form:
            for key, text in (("Name", name), ("Format", form)):
                if not text:
                    self.problems.error("missing-option", f"{who} needs {key}", section.place)
            return
        who = f"parser {name}"
        if name in self._places:
            message = f"{who} is defined twice; the first is at {self._places[name]}"
            self.problems.error("duplicate-parser", message, section.place, "each parser needs a name of its own")
            return
        self._places[name] = section.place
        cls = find("parser", form)
        if cls is None:
            entry = section.get("format")
            place = entry.value_place if entry else section.place
            message = f"{who}: Format is '{form}': expected {', '.join(names('parser'))}"
            self.problems.error("bad-value", message, place, nearest(form, names("parser")))
            return
        parser = read_options(
            cls,
            who,
            section,
            self.values.text,
            self.problems,
            skip=("name", "format", *_plugin_keys()),
            ignored=cls.ignored,
            empty_is_unset=True,
            unknown_is_ignored=True,
        )
        if parser is not None and self._compiles(parser, who, section):
            self.parsers[name] = parser
            timed = section.get("time_key")
            if timed and not section.get("time_format"):
                message = f"{who}: without Time_Format {timed.key} has no effect: records have the time they came at"
                self.problems.warning("no-time-format", message, timed.place)

    def _compiles(self, parser: Parser, who: str, section: Section) -> bool:
        """Whether it compiles, for Fluent Bit refuses to start with a bad parser even if nothing uses it."""
        slow.forget()
        try:
            parser.compile(cast(Env, _NoEnv()))
        except ValueError as why:
            entry = section.get(why.option) if isinstance(why, OptionError) else None
            option = f"{entry.key}: " if entry else ""
            self.problems.error("bad-value", f"{who}: {option}{why}", entry.value_place if entry else section.place)
            return False
        slow.tell(who, section.entries, section.place, self.problems)
        return True

    def add_multiline_parser(self, section: Section) -> None:
        """A second one of a name is no mistake; the first counts."""
        once = self._first_of_each(section, "rule")
        name = self._text(once, "name")
        who = f"multiline parser {name}" if name else f"[{section.name}]"
        skip = ("rule", "rules")
        parser = read_options(
            MultilineParser,
            who,
            once,
            self.values.text,
            self.problems,
            skip=skip,
            empty_is_unset=True,
            unknown_is_ignored=True,
        )
        if parser is None:
            return
        if parser.type == "regex":
            rules = self._rules(section, who)
            if rules is None:
                return
            parser = replace(parser, rules=tuple(rules))
        if parser.name in self.multiline_parsers:
            message = f"{who} is defined twice; the first counts"
            self.problems.warning("duplicate-parser", message, section.place)
            return
        if parser.flush_timeout <= 0:
            parser = replace(parser, flush_timeout=4000)
        self.multiline_parsers[parser.name] = parser

    def _rules(self, section: Section, who: str) -> list[Rule] | None:
        """None: they are wrong, and problems says why. Variables are not put into rules."""
        given: list[tuple[list[str], Place]] = []
        for group in section.groups:
            words = []
            for key in ("state", "regex", "next_state"):
                entry = group.get(key)
                if entry is None or not isinstance(entry.value, str):
                    self.problems.error("missing-option", f"{who}: a rule needs {key}", group.place)
                    return None
                words.append(entry.value)
            given.append((words, group.place))
        for entry in section.all("rule"):
            given.append((split_tokens(str(entry.value), 3), entry.value_place))
        rules: list[tuple[Rule, Place]] = []
        before = len(self.problems.errors)
        for words, place in given:
            if len(words) < 2:
                message = f"{who}: a rule needs a state, a pattern and the next state"
                self.problems.error("bad-value", message, place, 'Rule "start_state" "/^begin/" "cont"')
                continue
            try:
                made = rule(words[0], words[1], words[2] if len(words) > 2 else None)
                slow.forget()
                check_pattern(made.regex)
                slow.tell(who, section.all("rule"), place, self.problems)
            except ValueError as why:
                self.problems.error("bad-value", f"{who}: {why}", place)
                continue
            if not rules and not made.starts:
                message = f"{who}: the first rule must be of the state start_state"
                self.problems.error("bad-value", message, place)
            rules.append((made, place))
        known = {state for r, _ in rules for state in r.froms}
        for made, place in rules:
            if made.to is not None and made.to not in known:
                message = f"{who}: no rule is of the state '{made.to}'"
                self.problems.error("bad-value", message, place, nearest(made.to, known))
        return [r for r, _ in rules] if len(self.problems.errors) == before else None

    def _text(self, section: Section, key: str) -> str:
        entry = section.get(key)
        return self.values.text(entry, self.problems) if entry else ""

    def _first_of_each(self, section: Section, *repeats: str) -> Section:
        """Without the entries whose key came before, but for those that may repeat."""
        seen: set[str] = set()
        kept: list[Entry] = []
        for entry in section.entries:
            key = entry.key.lower()
            if key in seen and key not in repeats and not key.startswith("decode_field"):
                message = f"{entry.key} is given twice; the first one counts"
                self.problems.warning("given-twice", message, entry.place, "keep one of them")
                continue
            seen.add(key)
            kept.append(entry)
        return Section(section.kind, section.place, kept, name=section.name, groups=section.groups)


def check_pattern(pattern: str) -> None:
    """Raises: ValueError when it does not compile."""
    from pyrolens.records.regex import compile_pattern

    compile_pattern(pattern)


def _plugin_keys() -> list[str]:
    """Options that every plugin has and the section of a parser does not know."""
    return [n for s in spec_of(Parser) for n in s.names]


class _Quiet:
    def error(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def debug(self, event: str, **fields: object) -> None: ...


class _NoEnv:
    """To compile a parser only to see if it does."""

    name = ""
    log: Log = _Quiet()

    def now(self) -> int:
        return 0

    def count(self, counter: str, n: int = 1) -> None: ...

    def parser(self, name: str) -> Parse | None:
        return None
