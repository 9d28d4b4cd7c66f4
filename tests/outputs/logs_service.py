"""A strict CloudWatch Logs: groups and streams must exist, and its limits hold."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.net.servers import Answer, Request, answer

Event = tuple[int, str]


def error(code: str, message: str = "") -> bytes:
    return answer(400, json.dumps({"__type": code, "message": message}).encode(), x_amzn_RequestId="r")


def done(**said: Any) -> bytes:
    return answer(200, json.dumps(said).encode(), x_amzn_RequestId="r")


@dataclass
class LogsService:
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    streams: dict[tuple[str, str], list[Event]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    script: dict[str, list[Answer]] = field(default_factory=dict)
    """Answers to give instead, in turn, by operation."""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: Request) -> Answer:
        operation = request.headers["x-amz-target"].removeprefix("Logs_20140328.")
        self.calls.append(operation)
        said = json.loads(request.body)
        self.bodies.append(said)
        if self.script.get(operation):
            return self.script[operation].pop(0)
        result: bytes = getattr(self, operation)(said)
        return result

    def CreateLogGroup(self, said: dict[str, Any]) -> bytes:  # noqa: N802
        if said["logGroupName"] in self.groups:
            return error("ResourceAlreadyExistsException")
        self.groups[said["logGroupName"]] = {k: v for k, v in said.items() if k != "logGroupName"}
        return done()

    def PutRetentionPolicy(self, said: dict[str, Any]) -> bytes:  # noqa: N802
        self.groups[said["logGroupName"]]["days"] = said["retentionInDays"]
        return done()

    def CreateLogStream(self, said: dict[str, Any]) -> bytes:  # noqa: N802
        names = said["logGroupName"], said["logStreamName"]
        if names[0] not in self.groups:
            return error("ResourceNotFoundException", "The specified log group does not exist.")
        if names in self.streams:
            return error("ResourceAlreadyExistsException")
        self.streams[names] = []
        return done()

    def PutLogEvents(self, said: dict[str, Any]) -> bytes:  # noqa: N802
        names = said["logGroupName"], said["logStreamName"]
        if names not in self.streams:
            return error("ResourceNotFoundException", "The specified log stream does not exist.")
        events = [(e["timestamp"], e["message"]) for e in said["logEvents"]]
        times = [t for t, _ in events]
        size = sum(len(m.encode()) + 26 for _, m in events)
        if (
            not 0 < len(events) <= 10_000
            or size > 1_048_576
            or times != sorted(times)
            or times[-1] - times[0] >= 24 * 3600 * 1000
            or not all(m for _, m in events)
        ):
            return error("InvalidParameterException", "over the limits")
        self.streams[names] += events
        return done(nextSequenceToken="x")
