"""filter ecs: what ECS says of the task and the container that a record comes from.

Source: Fluent Bit 5.1.1 plugins/filter_ecs/ecs.c.
"""

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pyrolens.api import Event, Filter, FilterEnv, Held, Record, Seconds, Transform, opt, plugin
from pyrolens.filters._ecs_metadata import Agent, Found, MetadataError, OwnTask
from pyrolens.records.event import SECOND
from pyrolens.records.template import Template

AGAIN = 1.0
"""Seconds until an agent that gave no answer is asked again."""
SHORT = 12
"""Letters of a container's id that stand in a tag."""
FIRELENS = "-firelens-"
MOST = 10_000
"""Tags that are remembered."""


@dataclass(frozen=True)
class Added:
    """KEY TEMPLATE, or one word for both."""

    key: str
    template: Template

    @staticmethod
    def read(text: str) -> "Added":
        words = text.split()
        if len(words) not in (1, 2):
            raise ValueError("expected KEY TEMPLATE, without blanks in either")
        return Added(words[0], Template(words[-1]))


class Failures(NamedTuple):
    number: int
    at: int
    """ns since the epoch."""


@plugin("ecs")
class Ecs(Filter):
    """Add what ECS knows of the container that a record comes from: cluster, task, task definition, container.

    The container is found by the first 12 letters of its id, which follow ecs_tag_prefix in the tag. Records wait for
    what is asked for the first time. Templates may name $ClusterName, $ContainerInstanceArn, $ContainerInstanceID,
    $ECSAgentVersion, $TaskARN, $TaskID, $TaskDefinitionFamily, $TaskDefinitionVersion, $ContainerID,
    $DockerContainerName and $ECSContainerName."""

    stateful = True
    waits = True
    differs = (
        "where the ECS agent cannot be reached, as on Fargate and in awsvpc tasks, the task's own metadata is used"
        " (ECS_CONTAINER_METADATA_URI_V4): without the container instance and the agent's version; the container is"
        " then also found by the tag that FireLens makes, NAME-firelens-ID",
        "the agent has two seconds for an answer, in which nothing else stops; Fluent Bit stands still",
        "$TAG in a template is the tag of the record; with it, Fluent Bit leaves records as they are",
        "an agent that gives no answer is asked again every second, not for each chunk",
    )

    add: list[Added] = opt("KEY TEMPLATE: set this field, after the others.", default=[])
    ecs_tag_prefix: str = opt("What stands in the tag before the id of the container.", default="")
    cluster_metadata_only: bool = opt("Ask only for the cluster and the instance, not for tasks.", default=False)
    ecs_meta_cache_ttl: Seconds = opt("Seconds that what is known of a container holds.", default=3600.0)
    ecs_meta_host: str = opt("Host of the ECS agent.", default="127.0.0.1")
    ecs_meta_port: int = opt("Port of the ECS agent.", default=51678)
    agent_endpoint_retries: int = opt("Questions about a container that may fail before it is let be.", default=2)

    def compile(self, env: FilterEnv) -> Transform:
        metadata = Metadata(self, env)
        env.task(metadata.ask_cluster)
        env.at_end(metadata.end)
        return metadata.transform


class Waiting(NamedTuple):
    """A batch that waits until it is known what to add."""

    tag: str
    events: list[Event]
    held: Held


class Metadata:
    def __init__(self, plan: Ecs, env: FilterEnv) -> None:
        self.plan = plan
        self.env = env
        self.agent = Agent(plan.ecs_meta_host, plan.ecs_meta_port)
        self.own: OwnTask | None = None
        """Once it is asked in place of the agent."""
        self.cluster: Record | None = None
        self._failing = False
        """Neither the agent nor the task's own metadata answer. They are asked again until one does."""
        self._due = False
        self._containers: dict[str, tuple[Record, int]] = {}
        """By their short id, and when that was found."""
        self._failures: dict[str, Failures] = {}
        """By tag."""
        self._added: dict[str, tuple[Record, Record]] = {}
        """By tag: what is known, and the fields made of it."""
        self._waiting: deque[Waiting] = deque()
        self._busy = False

    def transform(self, tag: str, events: list[Event]) -> list[Event]:
        if not events:
            return events
        if not self._waiting:
            known = self._known(tag)
            if known is not None:
                return self._with(tag, known, events)
        # whatever comes behind a batch that waits waits, too, so that all keep their order
        self._waiting.append(Waiting(tag, events, self.env.hold(len(events))))
        if not self._busy:
            self._busy = True
            self.env.task(self._work)
        return []

    async def _work(self) -> None:
        try:
            while self._waiting:
                tag = self._waiting[0].tag
                known = self._known(tag)
                if known is None:
                    await self._ask(tag)
                    known = self._known(tag)
                if self._waiting:  # it may have been the end of all meanwhile
                    self._next(known if known is not None else self._of_all())
        finally:
            self._busy = False

    def end(self) -> None:
        """The router stops: what still waits goes on with what is known."""
        while self._waiting:
            self._next(self._known(self._waiting[0].tag) or self._of_all())

    def _next(self, known: Record) -> None:
        tag, events, held = self._waiting.popleft()
        self.env.go_on(tag, self._with(tag, known, events), [held])
        held.release()

    def _with(self, tag: str, known: Record, events: list[Event]) -> list[Event]:
        if not known or not self.plan.add:
            return events
        before = self._added.get(tag)
        if before is not None and before[0] is known:
            added = before[1]
        else:
            added = {a.key: a.template.render(tag)(known, ()) for a in self.plan.add}
            if len(self._added) >= MOST:
                self._added.clear()
            self._added[tag] = (known, added)
        return [(ns, record | added) for ns, record in events]

    # -- what is known --------------------------------------------------------------------------------------------

    def _known(self, tag: str) -> Record | None:
        """None: that has to be asked for. Empty: records go on as they are."""
        now = self.env.now()
        if self.cluster is None:
            return {} if self._failing else None
        if self.plan.cluster_metadata_only:
            return self.cluster
        ttl = self.plan.ecs_meta_cache_ttl * SECOND
        for name in self._names(tag):
            fields, since = self._containers.get(name, ({}, 0))
            if fields and now - since <= ttl:
                return fields
        number, at = self._failures.get(tag, (0, 0))
        if number >= self.plan.agent_endpoint_retries and now - at <= ttl:
            return self._of_all()
        return None

    def _of_all(self) -> Record:
        """What is known of every record, whatever its container is."""
        return (self.own.task if self.own else self.cluster) or {}

    def _names(self, tag: str) -> Iterable[str]:
        """What the container of a tag may be known by."""
        prefix = self.plan.ecs_tag_prefix
        if tag.startswith(prefix) and len(tag) >= len(prefix) + SHORT:
            yield tag[len(prefix) : len(prefix) + SHORT]
        if self.own and FIRELENS in tag:
            yield tag.removeprefix(prefix).rpartition(FIRELENS)[0] + FIRELENS

    async def _ask(self, tag: str) -> None:
        if self.cluster is None:
            await self.ask_cluster()
        if self.cluster is None or self._known(tag) is not None:
            return
        try:
            if self.own:
                self._keep(await self.own.fetch())
            else:
                names = list(self._names(tag))
                if not names:
                    raise MetadataError("the tag is not ecs_tag_prefix and 12 letters of the id of a container")
                self._keep(await self.agent.task(names[0], self.cluster))
        except MetadataError as why:
            self._failed(tag, str(why))
        else:
            if self._known(tag) is None:
                self._failed(tag, "the task has no such container")

    def _keep(self, found: Found) -> None:
        now = self.env.now()
        ttl = self.plan.ecs_meta_cache_ttl * SECOND
        self._containers = {name: kept for name, kept in self._containers.items() if now - kept[1] <= ttl}
        short_ids = [fields["ContainerID"][:SHORT] for fields in found.containers]
        for short_id, fields in zip(short_ids, found.containers, strict=True):
            # on Fargate the ids of all containers of a task begin with that of the task
            if short_ids.count(short_id) == 1:
                self._containers[short_id] = (fields, now)
            if self.own:
                self._containers[fields["ECSContainerName"] + FIRELENS] = (fields, now)

    def _failed(self, tag: str, reason: str) -> None:
        if len(self._failures) >= MOST:
            self._failures.clear()
        number = self._failures.get(tag, Failures(0, 0)).number + 1
        self._failures[tag] = Failures(number, self.env.now())
        log = self.env.log
        if self.own:
            log.debug("the container of the tag is not known; records get what is known of the task", tag=tag)
        elif number >= self.plan.agent_endpoint_retries:
            hint = "set cluster_metadata_only on if its records are not of a task"
            what = "the container of the tag is not known; records get what is known of the cluster"
            log.warning(what, tag=tag, reason=reason, hint=hint)
        else:
            log.info("the container of the tag is not known yet", tag=tag, reason=reason)

    async def ask_cluster(self) -> None:
        try:
            self.cluster = await self.agent.cluster()
        except MetadataError as why:
            await self._ask_own_task(why)
        if self.cluster is not None and self._failing:
            self._failing = False
            self.env.log.info("the metadata of ECS is there now")

    async def _ask_own_task(self, why: MetadataError) -> None:
        """In place of the agent, which cannot be reached from everywhere."""
        uri, reason = os.environ.get("ECS_CONTAINER_METADATA_URI_V4"), str(why)
        if uri:
            try:
                own = OwnTask(uri)
                found = await own.fetch()
            except MetadataError as other:
                reason = f"{reason}; {other}"
            else:
                self.own = own
                self.cluster = found.cluster
                self._keep(found)
                self.env.log.info("the ECS agent cannot be reached; the task's own metadata is used", reason=reason)
                return
        if not self._due:
            self._due = True
            self.env.later(AGAIN, self._again)
        if not self._failing:
            self._failing = True
            what = "the ECS agent gives no metadata; records go on without it until it does"
            self.env.log.warning(what, agent=self.agent.address, reason=reason)

    def _again(self) -> None:
        self._due = False
        self.env.task(self.ask_cluster)
