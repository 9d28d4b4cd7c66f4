"""The HTTP API on HTTP_Port: uptime, health, metrics, plugins, storage, reload.

Source: Fluent Bit 5.1.1 src/http_server/api: the same paths, names and shapes. Ours alone: /api/v2/tap.
Differs: requests other than GET are answered at once, also without a body; Fluent Bit leaves them waiting. A reload is
answered once it is done or refused, with the problems of the config; Fluent Bit answers "done" before it has looked.
It listens on 127.0.0.1 unless HTTP_Listen says otherwise (Fluent Bit: on all addresses), and a request that changes
something or shows records is taken from this machine, or with http_token, and never from a page in a browser.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from pyrolens import __version__
from pyrolens.net.http_server import Answer, HttpServer, Request, Streamed
from pyrolens.plugin import names
from pyrolens.records.codecs.prometheus import plain_text, prometheus_text
from pyrolens.service.chunks import of_all, of_input
from pyrolens.service.exposition import COMPATIBLE, all_metrics, as_json, old_prometheus
from pyrolens.service.health import Health
from pyrolens.service.metrics import Metrics
from pyrolens.service.reloaded import NOT_ENABLED, Reloaded
from pyrolens.service.taps import MOVED, Taps

PROMETHEUS = "text/plain; version=0.0.4"
TAP = "/api/v2/tap"
FORWARDED = {"forwarded", "via", "x-forwarded-for", "x-real-ip"}
"""Headers of a proxy: who asks by way of one on this machine is elsewhere."""
LATE = 60.0
"""Seconds that a record may be here before it is worth a word."""
LAST_ANSWER = 1.0
"""Seconds."""


class ApiOptions(Protocol):
    """The part of [SERVICE] that is needed here."""

    @property
    def http_listen(self) -> str: ...
    @property
    def http_port(self) -> int: ...
    @property
    def http_token(self) -> str | None: ...
    @property
    def health_check(self) -> bool: ...
    @property
    def hc_errors_count(self) -> int: ...
    @property
    def hc_retry_failure_count(self) -> int: ...
    @property
    def hc_period(self) -> float: ...


class HttpApi:
    """`reload`, where reloading is possible: does it, and says what came of it. `taps`: who listens to records."""

    def __init__(
        self,
        options: ApiOptions,
        metrics: Metrics,
        reload: Callable[[], Awaitable[Reloaded]] | None = None,
        taps: Taps | None = None,
    ) -> None:
        self.options = options
        self.metrics = metrics
        self.reload = reload
        self.taps = taps
        self.health = Health(options.hc_errors_count, options.hc_retry_failure_count, options.hc_period)
        self.server = HttpServer(self.answer)
        self._ticker: asyncio.TimerHandle | None = None
        self._routes: dict[str, Callable[[Request], Answer | Streamed | Awaitable[Answer]]] = {
            "/": self._about,
            "/api/v1/uptime": self._uptime,
            "/api/v1/metrics": lambda _: _json(as_json(self.metrics)),
            "/api/v1/metrics/prometheus": lambda _: _text(old_prometheus(self.metrics), PROMETHEUS),
            "/api/v1/plugins": self._plugins,
            "/api/v1/storage": self._storage,
            "/api/v2/metrics": lambda _: _text(plain_text(all_metrics(self.metrics)), ""),
            "/api/v2/metrics/prometheus": lambda _: _text(prometheus_text(all_metrics(self.metrics)), PROMETHEUS),
            "/api/v2/health": self._health_v2,
            "/api/v2/reload": self._reload,
        }
        if options.health_check:
            self._routes["/api/v1/health"] = self._health
        if taps:
            self._routes |= {TAP: taps.answer, f"{TAP}/points": taps.points}

    async def start(self) -> None:
        """Raises: ConfigError when the port cannot be listened on."""
        await self.server.start(self.options.http_listen, self.options.http_port)
        if self.options.health_check:
            self._tick()

    async def stop(self) -> None:
        self._stop_ticking()
        if self.taps and self.taps.listeners:
            self.taps.end("the router stops")
            await self.server.streams_end(LAST_ANSWER)
        await self.server.stop()

    def _stop_ticking(self) -> None:
        if self._ticker:
            self._ticker.cancel()

    def stop_soon(self) -> None:
        """Once the answer that is on its way has arrived."""
        self._stop_ticking()
        if self.taps:
            self.taps.end(MOVED)
        loop = asyncio.get_running_loop()
        self._ticker = loop.call_later(LAST_ANSWER, lambda: loop.create_task(self.server.stop()))

    def same_place(self, other: "HttpApi") -> bool:
        mine, its = self.options, other.options
        return (mine.http_listen, mine.http_port) == (its.http_listen, its.http_port)

    def succeed(self, old: "HttpApi") -> None:
        """Go on with its socket and its connections, in place of start()."""
        old._stop_ticking()
        self.server = old.server
        self.server.handler = self.answer
        self.health.go_on(old.health)
        if self.taps and old.taps:
            self.taps.succeed(old.taps)
        if self.options.health_check:
            self._tick()

    def _tick(self) -> None:
        self.health.note(self.metrics.outputs.values())
        self._ticker = asyncio.get_running_loop().call_later(1.0, self._tick)

    def answer(self, request: Request) -> Answer | Streamed | Awaitable[Answer]:
        route = self._routes.get(request.path)
        if request.local and not is_local_name(request.headers.get("host", "")):
            # a page of somebody else's, whose name was made to lead here
            return _json({"error": "the Host must be an address or a name without a dot"}, 403)
        if refused := self._refused(request):
            return refused
        return route(request) if route else Answer(404)

    def _refused(self, request: Request) -> Answer | None:
        """Whoever changes something, or is shown records, knows the token, or is on this machine and no page in a
        browser."""
        if request.method in ("GET", "HEAD") and not request.path.startswith(TAP):
            return None
        if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none":
            return _json({"error": "not from a browser"}, 403)
        token = self.options.http_token
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if token and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
            return None
        if request.local and not given and not FORWARDED & request.headers.keys():
            return None
        return Answer(401, b"", headers=[("WWW-Authenticate", "Bearer")])

    def _about(self, _: Request) -> Answer:
        return _json(
            {
                "fluent-bit": {"version": COMPATIBLE, "edition": "Pyrolens", "flags": []},
                "pyrolens": {"version": __version__},
            }
        )

    def _uptime(self, _: Request) -> Answer:
        seconds = int(self.metrics.uptime)
        minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
        told = [(days, "day"), (hours, "hour"), (minutes, "minute"), (seconds % 60, "second")]
        words = [f"{n} {unit}{'s' if n > 1 else ''}" for n, unit in told]
        human = f"Fluent Bit has been running:  {', '.join(words[:3])} and {words[3]}"
        return _json({"uptime_sec": seconds, "uptime_hr": human})

    def _health(self, request: Request) -> Answer:
        """Differs: ?verbose says why, which Fluent Bit does not."""
        healthy = self.health.state().healthy
        if "verbose" in parse_qs(request.query, keep_blank_values=True):
            body = {"status": "ok" if healthy else "error", "reasons": self._reasons()}
            return _json(body, 200 if healthy else 500)
        return Answer(200, b"ok\n") if healthy else Answer(500, b"error\n")

    def _reasons(self) -> list[str]:
        """What goes wrong now, whether or not it is more than the health check allows."""
        options, found = self.options, []
        period = f"within {options.hc_period:g} s"
        for name, (errors, failed) in self.health.each().items():
            if errors:
                found.append(
                    f"output {name}: {errors} errors {period}; of all outputs, {options.hc_errors_count} may be"
                )
            if failed:
                allowed = options.hc_retry_failure_count
                found.append(f"output {name}: {failed} chunks given up {period}; of all outputs, {allowed} may be")
        for output in self.metrics.outputs.values():
            if output.waiting_records:
                found.append(f"output {output.name}: {output.waiting_records} records wait to be sent")
        for source in self.metrics.inputs.values():
            if source.paused:
                found.append(f"input {source.name}: paused at Mem_Buf_Limit, {size(source.unsettled)} are not settled")
            if source.lag >= LATE:
                found.append(f"input {source.name}: its oldest record has been here for {source.lag:.0f} s")
        return found

    def _health_v2(self, _: Request) -> Answer:
        state = self.health.state()
        body = {
            "status": "ok" if state.healthy else "error",
            "errors": state.errors,
            "retries_failed": state.retries_failed,
            "error_limit": self.options.hc_errors_count,
            "retry_failure_limit": self.options.hc_retry_failure_count,
            "period_limit": int(self.options.hc_period),
        }
        return _json(body, 200 if state.healthy else 500)

    def _plugins(self, _: Request) -> Answer:
        return _json({"plugins": {"inputs": names("input"), "filters": names("filter"), "outputs": names("output")}})

    def _storage(self, _: Request) -> Answer:
        if not self.metrics.storage:
            return Answer(404)
        inputs = {}
        for m in self.metrics.inputs.values():
            chunks: dict[str, object] = {**of_input(m)}
            inputs[m.name] = {
                "status": {"overlimit": m.over_limit, "mem_size": size(m.unsettled), "mem_limit": size(m.limit)},
                "chunks": {**chunks, "busy_size": size(m.unsettled)},
            }
        return _json({"storage_layer": {"chunks": of_all(self.metrics)}, "input_chunks": inputs})

    async def _reloaded(self, coming: Awaitable[Reloaded]) -> Answer:
        return self._told(await coming)

    @staticmethod
    def _told(came: Reloaded) -> Answer:
        body: dict[str, object] = {"reload": came.text, "status": came.status}
        if came.problems:
            body["problems"] = came.problems
        return _json(body, 200 if came.status in (0, -1) else 400)

    def _reload(self, request: Request) -> Answer | Awaitable[Answer]:
        if request.method in ("POST", "PUT"):
            return self._reloaded(self.reload()) if self.reload else self._told(NOT_ENABLED)
        if request.method in ("GET", "HEAD"):
            return _json({"hot_reload_count": self.metrics.reloads})
        return Answer(405, headers=[("Allow", "GET, POST, PUT")])


def is_local_name(host: str) -> bool:
    """Whether a Host header names this machine or a neighbour: an address, a name without a dot, or nothing. Nobody
    elsewhere can make such a name lead here."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]").rstrip(".").lower()
    if "." not in name and ":" not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def size(n: int) -> str:
    """Bytes for people: 0b, 512b, 1.5K, 4.8M.

    Source: Fluent Bit 5.1.1 src/flb_utils.c#flb_utils_bytes_to_human_readable_size."""
    power = next((p for p in range(6, 0, -1) if n >= 1024**p), 0)
    return f"{n / 1024**power:.1f}{' KMGTPE'[power]}" if power else f"{max(n, 0)}b"


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value), "application/json")


def _text(text: str, content_type: str) -> Answer:
    return Answer(200, text.encode(), content_type)
