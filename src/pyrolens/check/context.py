"""What a rule may look at: the task, the sections of the router's config with places, and the tags that can be."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pyrolens.check.images import aws_tag, upstream_tag
from pyrolens.check.policy import Policy, Trust
from pyrolens.check.tags import new_tags, overlap, within
from pyrolens.config.elsewhere import ALIASES
from pyrolens.config.model import Config
from pyrolens.ecs.init_sources import Source
from pyrolens.ecs.task_definition import Container, TaskDefinition
from pyrolens.language.document import Document, Entry, Section
from pyrolens.options import TRUE, split_tokens
from pyrolens.plugin import PluginKind
from pyrolens.problems import Place
from pyrolens.records.routes import RouteRule

OPEN = {"forward", "http", "opentelemetry", "elasticsearch", "splunk", "mqtt", "exec_wasi", "prometheus_remote_write"}
"""Inputs whose peers may choose the tags."""
ANY = "*"
"""The set of all tags: who makes it may make more than is known."""
MOST_TAGS = 200
"""Sets of tags that are followed; with more than that, nothing is said about tags."""


@dataclass(frozen=True)
class Rewrite:
    """A rule of a rewrite_tag: the tags it takes, and those it makes of them."""

    filter: Section
    entry: Entry
    takes: str
    makes: str
    from_tag: str
    """The set that came in, as a part of which it made the new one."""
    keeps: bool


@dataclass(frozen=True)
class InitFile:
    """A file that a variable names for an init process."""

    source: Source
    place: Place
    """Of the variable's name."""
    file: str
    """On this machine; "": it is not here."""
    text: str


@dataclass(frozen=True)
class Context:
    """All that is known of one router, or of a file that is a part of its config."""

    document: Document = field(default_factory=Document)
    """All sections, those included and generated, too."""
    task: TaskDefinition | None = None
    config: Config | None = None
    """None: it has errors, or there is none."""
    environ: Mapping[str, str] = field(default_factory=dict)
    policy: Policy | None = None
    """Of the task role; None: nobody said."""
    trusts: Sequence[Trust] = ()
    """Of roles that outputs assume, as far as somebody said."""
    init: Sequence[InitFile] = ()
    """In the order in which they are included."""
    target: str = ""
    """The line of Fluent Bit that has to take the config, such as 1.9; "": none."""
    roles_known: bool = False
    """The form of the task definition has its roles in it; in a plan of Terraform they may not be known yet."""

    @property
    def router(self) -> Container | None:
        return self.task.router if self.task else None

    @property
    def firelens(self) -> list[Container]:
        """The containers that log through the router."""
        return [c for c in self.task.containers if c.uses_firelens and not c.firelens] if self.task else []

    def plugins(self, kind: PluginKind, *names: str) -> Iterator[Section]:
        """The sections of a kind, or those of some plugins."""
        return (s for s in self.document.of(kind) if not names or name(s) in names)

    @property
    def in_fluentd(self) -> bool:
        """Whether the config is in Fluentd's language, whose routes its sections do not show."""
        return any(s.name == "source" for s in self.document.of("input"))

    @property
    def by_another_config(self) -> bool:
        """Whether the router may be one that does not run the config which ECS writes: by its command, or by that of an
        image of which nobody here knows, where ECS's config would send nothing anywhere."""
        router = self.router
        if router is None or router.command or router.entry_point:
            return router is not None
        known = aws_tag(router) is not None or upstream_tag(router) is not None
        says = router.firelens is not None and "config-file-type" in router.firelens.options
        return not (known or says or self.init or any(c.log and c.log.options for c in self.firelens))

    @cached_property
    def with_processors(self) -> list[Section]:
        """All sections, and behind each one its processors."""
        return [each for s in self.document.sections for each in (s, *s.processors, *s.metrics_processors)]

    @cached_property
    def inputs(self) -> list[tuple[Section, str]]:
        """Each input and the tags that its records may have."""
        counts: dict[str, int] = {}
        out = []
        for section in self.plugins("input"):
            plugin = name(section)
            number = counts.setdefault(plugin, 0)
            counts[plugin] += 1
            out.append((section, self._tag(section, plugin, number)))
        return out

    def _tag(self, section: Section, plugin: str, number: int) -> str:
        tag = text(section, "tag")
        if plugin == "forward" and self.task and text(section, "unix_path"):
            return "*-firelens-*"  # of Docker's log drivers; see tags
        if plugin in OPEN and not (tag and plugin == "forward"):
            return "*"
        if "$" in tag or "<" in tag:
            return "*"
        return tag or f"{plugin}.{number}"

    @cached_property
    def rewrites(self) -> list[Rewrite]:
        """What each rule of each rewrite_tag makes of each set of tags that may reach it."""
        return self._followed[1]

    @cached_property
    def tags(self) -> list[str]:
        """The sets of tags that records may have; `*` alone: any."""
        return self._followed[0]

    @cached_property
    def first_tags(self) -> list[str]:
        """Those that records come with, before any rewrite_tag."""
        logging = [c for c in self.task.containers if c.uses_firelens] if self.task else []
        known = [f"{c.name}-firelens-{FOLLOWS}" for c in logging]
        known += ["*-firelens-*"] if self.task and "containerDefinitions" in self.task.open else []
        for section, tag in self.inputs:
            if not (self.task and tag == "*-firelens-*"):
                known += self._routed.get(id(section)) or [tag]
        if not self.inputs or self.other_tags:
            known.append(ANY)
        return list(dict.fromkeys(known))

    @cached_property
    def _routed(self) -> dict[int, list[str]]:
        """By the id of an input's section with routes that decide: the tags that its records have behind them."""
        out = {}
        for built in self.config.inputs if self.config else ():
            if any(map(decides, built.routes)):
                own = [tag for section, tag in self.inputs if section is built.section]
                plain = not all(map(decides, built.routes))
                out[id(built.section)] = [r.name for r in built.routes if decides(r)] + (own if plain else [])
        return out

    def routed_to(self, section: Section) -> bool:
        """Whether a route leads to the output, whatever it says to Match; also if that is not known."""
        if self.config is None:
            return any(s.get("routes") for s in self.plugins("input"))
        deciding = [i.routes for i in self.config.inputs if any(map(decides, i.routes))]
        numbers = {n for routes in deciding for rule in routes for n in rule.outputs}
        return any(self.config.outputs[n].section is section for n in numbers)

    @cached_property
    def _followed(self) -> tuple[list[str], list[Rewrite]]:
        known = list(self.first_tags)
        made: list[Rewrite] = []
        rewriters = list(self.plugins("filter", "rewrite_tag"))
        waiting = [(tag, 0) for tag in known]
        while waiting:
            tag, hops = waiting.pop(0)
            for section in rewriters if hops <= len(rewriters) else ():
                match = text(section, "match")
                if not match or not overlap(tag, match):
                    continue
                came = tag if within(tag, match) else match
                for entry in section.all("rule"):
                    if (rewrite := _rewrite(section, entry, match, came)) is None:
                        continue
                    made.append(rewrite)
                    new = [t for t in (rewrite.makes,) if not any(within(t, k) for k in known if k != ANY)]
                    known += new
                    # what goes round is followed once
                    waiting += [(t, hops + 1) for t in new if not within(t, match)]
            if len(known) > MOST_TAGS:
                return [ANY], made
        return known, made

    @property
    def has_streams(self) -> bool:
        """Whether there are stream tasks, which take records that no output needs to take."""
        named = any(True for s in self.document.of("service") for _ in s.all("streams_file"))
        return named or bool(self.document.of("stream_task"))

    @cached_property
    def other_tags(self) -> bool:
        """Whether something makes tags that is not followed here."""
        return bool(
            self.has_streams
            or any(True for s in self.document.of("custom"))
            or any(text(s, "match_regex") for s in self.plugins("filter", "rewrite_tag"))
            or any(True for s in self.plugins("filter", "log_to_metrics", "python", "lua"))
        )

    def reaches(self, section: Section, tag: str) -> bool | None:
        """Whether a filter or output takes some record of these tags; None: that is not known."""
        if text(section, "match_regex"):
            return None
        match = section.last("match")
        return match is not None and overlap(tag, str(match.value))


def decides(rule: RouteRule) -> bool:
    """Whether it leads to its outputs whatever they Match."""
    return bool(rule.holds or rule.default or rule.per_record)


FOLLOWS = "*"
"""The task id, at the end of a container's tag."""


def _rewrite(section: Section, entry: Entry, match: str, tag: str) -> Rewrite | None:
    words = split_tokens(str(entry.value), 4)
    if len(words) < 4:
        return None
    try:
        makes = new_tags(words[2], tag)
    except ValueError:
        return None
    return Rewrite(section, entry, match, makes, tag, words[3].lower() in TRUE)


def name(section: Section) -> str:
    """The plugin of a section, as its file is named."""
    written = text(section, "name").partition("://")[0].lower()
    kind: PluginKind | None = {"input": "input", "filter": "filter", "output": "output"}.get(section.kind)  # type: ignore[assignment]
    return ALIASES.get((kind, written), written) if kind else written


def text(section: Section, key: str) -> str:
    """The value of an option as it is written; "" without one."""
    entry = section.last(key)
    return str(entry.value) if entry else ""


def is_number(text: str) -> bool:
    """Digits only, and not so many that nobody means them."""
    return re.fullmatch(r"[0-9]{1,18}", text) is not None


def is_on(section: Section, key: str, default: bool = False) -> bool:
    written = text(section, key)
    return written.lower() in TRUE if written else default
