"""Source sample: for trying a config, and for tests.

Source: Fluentd 1.19, lib/fluent/plugin/in_sample.rb.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyrolens.config.fluentd.kinds import Int
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.sources.base import SourceSaid
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import Event, Record


@dataclass(frozen=True, kw_only=True)
class Sample(SourceSaid):
    """Make up records: for trying a config, and for tests."""

    plugin = "dummy"
    ignored = {
        "suspend": "there is nothing to suspend",
        "reuse_record": "records are never edited",
    }
    refused = {"auto_increment_key": "records are all the same here"}

    tag: str = opt("Tag of the records.")
    size: Int = opt("Records at a time.", default=1)
    rate: Int = opt("Times a second.", default=1)
    sample: str | None = opt(
        "The record as JSON, or an array of them that take turns.", default=None, aliases=["dummy"]
    )

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            value = json.loads(self.sample or '{"message":"sample"}')
        except ValueError:
            value = None
        if not all(isinstance(item, dict) for item in (value if isinstance(value, list) else [value])):
            yield "sample", "sample: expected a JSON object, or an array of them"

    def lower(self, to: Lowered) -> None:
        value = json.loads(self.sample or '{"message":"sample"}')
        records = value if isinstance(value, list) else [value]
        to.set("tag", self.tag, "tag")
        to.set("dummy", json.dumps(records[0]), "sample")
        to.set("rate", max(self.rate, 1), "rate")
        to.set("copies", max(self.size, 1), "size")
        if len(records) > 1:
            to.process("sample", turns(records))


def turns(records: list[Record]) -> Any:
    def make(env: FilterEnv) -> Transform:
        count = 0

        def transform(tag: str, events: list[Event]) -> list[Event]:
            nonlocal count
            out = [(ns, records[(count + n) % len(records)]) for n, (ns, _) in enumerate(events)]
            count += len(events)
            return out

        return transform

    return make
