"""Output rewrite_tag_filter, whose records begin again under their new tags.

Source: fluent-plugin-rewrite-tag-filter 2.4, lib/fluent/plugin/out_rewrite_tag_filter.rb.
"""

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from pyrolens.config.fluentd.accessors import getter, to_s
from pyrolens.config.fluentd.filters.base import Errors, FilterSaid
from pyrolens.config.fluentd.kinds import Bool, Field, Regexp
from pyrolens.config.fluentd.reading import Said, section
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import Event, Record
from pyrolens.records.regex import Pattern

HOLDER = re.compile(r"\$\{[a-z_]+(?:\[[0-9]+\])?\}|__[A-Z_]+__")
KNOWN = re.compile(r"\$\{(?:tag|hostname|tag_parts\[[0-9]+\])\}|__(?:TAG|HOSTNAME)__")
BACK = re.compile(r"\$\d+")
NewTag = Callable[[str, tuple[str | None, ...]], str]
"""(tag, groups of the pattern) -> the new tag."""


@dataclass(frozen=True, kw_only=True)
class Rule(Said):
    """A field, a pattern, and the tag of the records that fit."""

    key: Field = opt("The field: its name, or $.a.b.")
    pattern: Regexp = opt("The pattern, as in /^ERROR/.")
    tag: str = opt("The new tag; may hold $1, ${tag}, ${tag_parts[0]} and ${hostname}.")
    label: str | None = opt("The label that the records enter.", default=None)
    invert: Bool = opt("The rule is for what does not fit.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        for name in HOLDER.findall(self.tag):
            if not KNOWN.fullmatch(name):
                yield "tag", f"{name} is no placeholder: there are $1, ${{tag}}, ${{tag_parts[0]}} and ${{hostname}}"
        if re.search(r"\$\{tag_parts\[\d+\.\.\.?\d+\]\}", self.tag):
            yield "tag", "tag_parts takes one number"


@dataclass(frozen=True, kw_only=True)
class RewriteTag(FilterSaid):
    """Let records begin again under another tag; those that fit no rule are dropped."""

    stateful = True
    refused = {"hostname_command": "no command is run; ${hostname} is the name of the host"}
    ignored = {"emit_mode": "records of one tag go on together"}

    capitalize_regex_backreference: Bool = opt("$1 and the like begin with a capital letter.", default=False)
    remove_tag_prefix: str | None = opt("Take this off the tag in ${tag} and ${tag_parts[0]}.", default=None)
    remove_tag_regexp: Regexp | None = opt("The same as a pattern.", default=None)
    rule: tuple[Rule, ...] = section(Rule, many=True, required=True)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.remove_tag_prefix is not None and self.remove_tag_regexp is not None:
            yield "remove_tag_regexp", "remove_tag_prefix and remove_tag_regexp cannot stand together"
        seen = set()
        for rule in self.rule:
            if (mark := (rule.key, rule.invert, rule.pattern.text)) in seen:
                yield "", f"the rule for {rule.key} with {rule.pattern.text} is there twice"
            seen.add(mark)

    def compile(self, env: FilterEnv, errors: Errors) -> Transform:
        rules = [(getter(r.key), r.pattern, r.invert, self.new_tag(r.tag), r.label) for r in self.rule]

        def target(tag: str, record: Record) -> tuple[str, str | None] | None:
            for get, pattern, invert, new_tag, label in rules:
                text = to_s(get(record))
                if invert:
                    if not pattern.test(text):
                        return new_tag(tag, ()), label
                elif text and (found := pattern.find(text)):
                    return new_tag(tag, found[1:]), label
            return None

        def transform(tag: str, events: list[Event]) -> list[Event]:
            batches: dict[tuple[str, str | None], list[Event]] = {}
            for event in events:
                to = target(tag, event[1])
                if to is not None and (to[0] != tag or to[1] is not None):
                    batches.setdefault(to, []).append(event)
            for (name, label), batch in batches.items():
                env.emit(name, batch, moved=len(batch), label=label)
            return []

        return transform

    def new_tag(self, text: str) -> NewTag:
        capital = self.capitalize_regex_backreference
        host = socket.gethostname()
        cut = self.cut()

        @lru_cache(1000)
        def placed(tag: str) -> dict[str, str]:
            tag = cut(tag)
            names = {"${hostname}": host, "__HOSTNAME__": host, "${tag}": tag, "__TAG__": tag}
            return names | {f"${{tag_parts[{n}]}}": part for n, part in enumerate(tag.split("."))}

        def made(tag: str, groups: tuple[str | None, ...]) -> str:
            values = {f"${n}": value or "" for n, value in enumerate(groups, 1)}
            if capital:
                values = {name: value.capitalize() for name, value in values.items()}
            filled = BACK.sub(lambda found: values.get(found[0], ""), text) if groups else text
            names = placed(tag)
            return HOLDER.sub(lambda found: names.get(found[0], ""), filled)

        return made

    def cut(self) -> Callable[[str], str]:
        if self.remove_tag_prefix is not None:
            prefix = self.remove_tag_prefix
            return lambda tag: tag[len(prefix) :].removeprefix(".") if tag.startswith(prefix) else tag
        if self.remove_tag_regexp is None:
            return lambda tag: tag
        pattern: Pattern = self.remove_tag_regexp

        def without(tag: str) -> str:
            found = pattern.match(tag)
            if found is None:
                return tag
            return tag[: found.end() - len(found[0])] + tag[found.end() :]

        return without
