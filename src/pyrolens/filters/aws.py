"""filter aws: what an EC2 instance says of itself, in every record.

Source: Fluent Bit 5.1.1 plugins/filter_aws/aws.c.
"""

import json
import os
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote

from pyrolens.api import Commas, Event, Filter, FilterEnv, Record, Transform, opt, plugin
from pyrolens.aws.imds import Imds, ImdsError

INSTANCE_ID, ACCOUNT = "ec2_instance_id", "account_id"
PATHS = {
    INSTANCE_ID: "meta-data/instance-id/",
    ACCOUNT: "dynamic/instance-identity/document/",
    "ec2_instance_type": "meta-data/instance-type/",
    "private_ip": "meta-data/local-ipv4/",
    "vpc_id": "meta-data/mac/",
    "ami_id": "meta-data/ami-id/",
    "hostname": "meta-data/hostname/",
    "az": "meta-data/placement/availability-zone/",
}
"""By field, in the order of the requests. vpc_id takes a second one, at NETWORK, and tags one each, at TAGS."""
NETWORK = "meta-data/network/interfaces/macs/{mac}/vpc-id/"
TAGS = "meta-data/tags/instance"
ORDER = ("az", INSTANCE_ID, "ec2_instance_type", "private_ip", "vpc_id", "ami_id", ACCOUNT, "hostname")
"""Of the fields in a record."""


@plugin("aws")
class Aws(Filter):
    """Add what the EC2 instance is: its id, its availability zone and more. The inputs start when that is known."""

    differs = (
        "what could not be had at the start is asked for again every retry_interval_s; Fluent Bit 5.1.1 asks only once",
        "on Fargate, where there is no instance, that is said once and not tried again: see the filter ecs",
        "tags_include and tags_exclude together are refused also where the instance has no tags",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_DISABLED are honoured",
    )

    imds_version: Literal["v1", "v2"] = opt(
        "v2 asks the instance for a session token first, v1 does not.", default="v2"
    )
    az: bool = opt("Add the availability zone, as az.", default=True)
    ec2_instance_id: bool = opt("Add the id of the instance.", default=True)
    ec2_instance_type: bool = opt("Add the type of the instance.", default=False)
    private_ip: bool = opt("Add the private IPv4 address.", default=False)
    vpc_id: bool = opt("Add the id of the VPC.", default=False)
    ami_id: bool = opt("Add the id of the image.", default=False)
    account_id: bool = opt("Add the id of the AWS account.", default=False)
    hostname: bool = opt("Add the host name.", default=False)
    tags_enabled: bool = opt("Add the tags of the instance, which must let its metadata show them.", default=False)
    tags_include: Commas = opt("Of the tags, only these.", default=[])
    tags_exclude: Commas = opt("Of the tags, all but these.", default=[])
    retry_interval_s: int = opt("Seconds until what could not be had is asked for again; at least 1.", default=300)
    enable_entity: bool = opt(
        "Add the ids of instance and account as aws_entity_ec2_instance_id and aws_entity_account_id.", default=False
    )

    def check(self) -> Iterable[tuple[str, str]]:
        if self.tags_enabled and self.tags_include and self.tags_exclude:
            yield "tags_exclude", "tags_exclude cannot be combined with tags_include"

    def compile(self, env: FilterEnv) -> Transform:
        metadata = Metadata(self, env)
        env.task(metadata.fetch)

        def transform(tag: str, events: list[Event]) -> list[Event]:
            added = metadata.added
            return [(ns, record | added) for ns, record in events] if added else events

        return transform


class Metadata:
    def __init__(self, plan: Aws, env: FilterEnv) -> None:
        self.plan = plan
        self.env = env
        self.added: Record = {}
        """What records get, as far as it is known."""
        wanted = {name for name in PATHS if getattr(plan, name)}
        self._asked = wanted | ({INSTANCE_ID, ACCOUNT} if plan.enable_entity else set())
        self._left = [name for name in PATHS if name in self._asked]
        """What is not known yet."""
        self._wanted = wanted
        self._found: Record = {}
        self._tags: Record | None = None if plan.tags_enabled else {}
        self._failed = False
        self._imds = Imds(os.environ, 1 if plan.imds_version == "v1" else 2)

    async def fetch(self) -> None:
        """Ask for what is not known yet. What fails is asked for again after a while."""
        try:
            while self._left:
                name = self._left[0]
                value = await self._value(name)
                if value is None:
                    self.env.log.warning("the instance metadata does not have this field; it is left out", field=name)
                else:
                    self._found[name] = value
                del self._left[0]
            if self._tags is None:
                self._tags = await self._instance_tags()
        except ImdsError as why:
            self._again(why)
        else:
            if self._failed:
                self.env.log.info("the instance metadata is there now")
        finally:
            self.added = self._fields()
            await self._imds.close()

    async def _value(self, name: str) -> str | None:
        text = await self._imds.get(PATHS[name])
        if text is None:
            return None
        if name == "vpc_id":
            return await self._imds.get(NETWORK.format(mac=text.strip()))
        if name != ACCOUNT:
            return text
        try:
            account = json.loads(text)["accountId"]
        except (ValueError, KeyError, TypeError):
            return None
        return str(account)

    async def _instance_tags(self) -> Record:
        names = await self._imds.get(TAGS)
        if not names:
            hint = "switch on tags in the instance's metadata options (--instance-metadata-tags enabled)"
            self.env.log.warning("the instance has no tags, or does not show them", hint=hint)
            return {}
        plan, tags = self.plan, {}
        for name in names.splitlines():
            if name and (not plan.tags_include or name in plan.tags_include) and name not in plan.tags_exclude:
                value = await self._imds.get(f"{TAGS}/{quote(name)}")
                if value is not None:
                    tags[name] = value
        return tags

    def _again(self, why: ImdsError) -> None:
        """Say once that there is nothing, and when it will be tried again."""
        log, seconds = self.env.log, max(self.plan.retry_interval_s, 1)
        if os.environ.get("AWS_EXECUTION_ENV") == "AWS_ECS_FARGATE":
            hint = "remove the filter, or use the filter ecs for what is known of the task"
            log.warning("there is no instance metadata on Fargate; records go on without it", hint=hint)
            return
        self.env.later(seconds, lambda: self.env.task(self.fetch))
        if self._failed:
            log.debug("still no instance metadata", reason=why)
            return
        self._failed = True
        what = "there is no instance metadata; records go on without it until there is"
        if self.plan.imds_version == "v2" and "no answer" in str(why):
            hint = "in a container, the instance needs --http-put-response-hop-limit 2, or this filter imds_version v1"
            log.error(what, reason=why, again=f"{seconds}s", hint=hint)
        else:
            log.error(what, reason=why, again=f"{seconds}s")

    def _fields(self) -> Record:
        found = self._found
        fields = {name: found[name] for name in ORDER if name in found and name in self._wanted}
        fields |= self._tags or {}
        if self.plan.enable_entity and {INSTANCE_ID, ACCOUNT} <= found.keys():
            fields |= {f"aws_entity_{name}": found[name] for name in (INSTANCE_ID, ACCOUNT)}
        return fields
