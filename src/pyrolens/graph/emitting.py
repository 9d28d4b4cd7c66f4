"""Which filters let records enter again, under which tags and conditions."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pyrolens.check.tags import new_tags
from pyrolens.config import Built

ERROR = "@ERROR"


class Emission(NamedTuple):
    makes: Callable[[str], str]
    """The pattern of the new tags, of that of the old ones."""
    condition: str
    moves: tuple[str, ...]
    """The condition, if what it takes does not go on under its old tag."""
    label: str | None = None
    """Of Fluentd's, that they enter; None: the one where they are."""
    takes_all: bool = False
    """All records of the filter go this way."""


def emissions(built: Built[Any]) -> tuple[Emission, ...]:
    plugin: Any = built.plugin
    said = getattr(plugin, "said", None)
    if said is not None:
        return tuple(_of_fluentd(plugin, said))
    if plugin.name == "rewrite_tag":
        return tuple(_rule(rule) for rule in plugin.rule)
    if plugin.name == "multiline" and plugin.mode == "parser" and plugin.buffer:
        return (Emission(same, "its lines are joined", (), takes_all=True),)
    return ()


def same(tag: str) -> str:
    return tag


def always(made: str) -> Callable[[str], str]:
    return lambda tag: made


def _rule(rule: Any) -> Emission:
    condition = f"{rule.field} ~ {rule.pattern}"

    def makes(tag: str) -> str:
        try:
            return new_tags(rule.new_tag, tag)
        except ValueError:
            return "*"

    return Emission(makes, condition, () if rule.keep else (condition,))


def _of_fluentd(plugin: Any, said: Any) -> list[Emission]:
    out = []
    if plugin.name == "relabel":
        label = said.element.text("@label")
        out.append(Emission(same, "", (), "" if label == "@ROOT" else label, True))
    for rule in getattr(said, "rule", ()):
        sign = "!~" if rule.invert else "~"
        out.append(Emission(_template(rule.tag), f"{rule.key} {sign} {rule.pattern.text}", (), rule.label))
    if label := getattr(said, "timeout_label", None):
        out.append(Emission(same, "its lines end too late", (), label))
    if plugin.name == "parser" and plugin.errors.label:
        out.append(Emission(same, "it cannot be parsed", (), ERROR))
    return out


HOLDER = re.compile(r"\$\{(\w+)(?:\[\d+\])?\}|__(\w+?)__|\$\d+")


def _template(template: str) -> Callable[[str], str]:
    def makes(tag: str) -> str:
        made = HOLDER.sub(lambda found: tag if (found[1] or found[2] or "").lower() == "tag" else "*", template)
        return re.sub(r"\*+", "*", made)

    return makes
