"""What the ECS agent answers to a task's containers: who they are, and their role's credentials.

Source: ECS developer guide, task metadata endpoint version 4 and "Task IAM role"; the answers of the agent,
ecs-agent/tmds/handlers/v4 and ecs-agent/tmds/handlers/v1.
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pyrolens.ecs.firelens import Task
from pyrolens.ecs.task_definition import Container

VALID = timedelta(hours=6)
"""How long credentials hold."""


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class Known:
    """What the endpoint knows of one container."""

    container: Container
    id: str
    name: str
    """In Docker."""
    mode: str
    """Network mode."""
    image_id: str = ""
    addresses: list[str] = field(default_factory=list)
    ports: Mapping[int, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = field(default_factory=now)
    started: str = ""
    finished: str = ""
    status: int | None = None
    health: str = ""

    def ended(self, status: int) -> None:
        self.status, self.finished = status, now()

    def answer(self, task: Task) -> dict[str, Any]:
        container = self.container
        state = "STOPPED" if self.finished else "RUNNING" if self.started else "CREATED"
        limits: dict[str, Any] = {"CPU": container.settings.cpu or 2}
        if container.memory:
            limits["Memory"] = container.memory
        account = task.arn.rpartition(":task/")[0]
        out: dict[str, Any] = {
            "DockerId": self.id,
            "Name": container.name,
            "DockerName": self.name,
            "Image": container.image,
            "ImageID": self.image_id,
            "Labels": dict(self.labels),
            "DesiredStatus": "STOPPED" if self.finished else "RUNNING",
            "KnownStatus": state,
            "Limits": limits,
            "CreatedAt": self.created,
            "Type": "NORMAL",
            "ContainerARN": f"{account}:container/{task.cluster}/{task.id}/{self.id[:36]}",
            "Networks": [{"NetworkMode": self.mode, "IPv4Addresses": self.addresses}],
        }
        if self.ports:
            out["Ports"] = [
                {"ContainerPort": port, "Protocol": "tcp", "HostPort": at} for port, at in self.ports.items()
            ]
        if self.started:
            out["StartedAt"] = self.started
        if self.finished:
            out |= {"FinishedAt": self.finished, "ExitCode": self.status}
        if self.health:
            out["Health"] = {"status": self.health.upper()}
        if container.log:
            out["LogDriver"] = container.log.driver
            out["LogOptions"] = {key: text.text for key, text in container.log.options.items()}
        return out


class Endpoints:
    """Raises: OSError when nothing can listen on the address."""

    def __init__(self, task: Task, keys: Mapping[str, str], stats: Callable[[str], Any] | None = None) -> None:
        """`keys`: what the role gives. `stats`: of a container, by its id; it may block."""
        self.task, self.keys, self._stats = task, keys, stats
        self.known: dict[str, Known] = {}
        """By id of the container."""
        self.url = ""
        self._secret = secrets.token_hex(16)
        self._server: ThreadingHTTPServer | None = None
        self._since = now()

    def start(self, host: str) -> None:
        endpoints = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = endpoints.answer(self.path)
                status, text = (404, "404 page not found") if found is None else (200, json.dumps(found))
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if found is not None else "text/plain")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Nothing: it would be between the lines of the story."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def metadata(self, id_: str) -> dict[str, str]:
        """Variables of every container."""
        return {"ECS_CONTAINER_METADATA_URI_V4": f"{self.url}/v4/{id_}"}

    @property
    def credentials(self) -> dict[str, str]:
        """Variables of the containers of a task with a role."""
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}/v2/credentials/{self._secret}"}

    def answer(self, path: str) -> Any:
        """None: there is no such thing."""
        match path.partition("?")[0].strip("/").split("/"):
            case ["v2", "credentials", given] if secrets.compare_digest(given, self._secret):
                ends = (datetime.now(UTC) + VALID).strftime("%Y-%m-%dT%H:%M:%SZ")
                return {"RoleArn": self.task.definition.task_role, **self.keys, "Expiration": ends}
            case ["v4", id_, *rest] if id_ in self.known:
                return self._metadata(self.known[id_], "/".join(rest))
        return None

    def _metadata(self, known: Known, what: str) -> Any:
        match what:
            case "":
                return known.answer(self.task)
            case "task" | "taskWithTags":
                return self._task()
            case "stats":
                return self._stats(known.id) if self._stats else {}
            case "task/stats":
                return {known.id: self._stats(known.id) if self._stats else {} for known in list(self.known.values())}
        return None

    def _task(self) -> dict[str, Any]:
        task, definition = self.task, self.task.definition
        limits = {
            "CPU": int(definition.cpu) / 1024 if definition.cpu.isdigit() else None,
            "Memory": definition.memory or None,
        }
        given = {key: value for key, value in limits.items() if value is not None}
        return {
            "Cluster": task.cluster,
            "TaskARN": task.arn,
            "Family": definition.family,
            "Revision": str(definition.revision or 1),
            "DesiredStatus": "RUNNING",
            "KnownStatus": "RUNNING",
            **({"Limits": given} if given else {}),
            "PullStartedAt": self._since,
            "PullStoppedAt": self._since,
            "AvailabilityZone": f"{task.region}a",
            "LaunchType": "FARGATE" if definition.fargate else "EC2",
            "Containers": [known.answer(task) for known in list(self.known.values())],
        }
