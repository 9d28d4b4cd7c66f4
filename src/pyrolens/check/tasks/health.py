"""Health checks of the router."""

import re
from collections.abc import Iterator

from pyrolens.check.context import Context
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.tasks.example import CHECK, HEALTH, task


def health_of_destination(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.health and router.essential and "/api/v1/health" in " ".join(router.health.command):
        message = "an essential router that is unhealthy when a destination is away takes the application down with it"
        yield Finding(message, router.health.place, "ask /api/v1/uptime instead")


def health_by_port(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.health and re.search(r"\bnc\b.*\b8877\b", " ".join(router.health.command)):
        message = "a health check over port 8877 fails now and then in a router that is well"
        yield Finding(message, router.health.place, "use pyrolens health, or ask /api/v1/uptime")


RULES = [
    Rule(
        "TD033",
        "warning",
        "an essential router that is unhealthy with its destination",
        "/api/v1/health answers with an error while a destination refuses records. ECS then replaces the"
        " task, and every"
        " other one of the service: an outage of the logs becomes one of the application.",
        "Ask /api/v1/uptime.",
        bad=task(router=(HEALTH % (CHECK % "health")).replace('"healthCheck"', '«"healthCheck"»')),
        good=task(router=HEALTH % (CHECK % "uptime")),
        find=health_of_destination,
    ),
    Rule(
        "TD034",
        "warning",
        "a health check over port 8877",
        "It only sees that something listens, and fails now and then without a reason.",
        "Use `pyrolens health`, or ask /api/v1/uptime.",
        bad=task(router=(HEALTH % "echo '{}' | nc 127.0.0.1 8877").replace('"healthCheck"', '«"healthCheck"»')),
        good=task(router=HEALTH % "pyrolens health"),
        find=health_by_port,
    ),
]
