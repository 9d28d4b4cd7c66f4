"""Health checks of the router."""

import re
from collections.abc import Iterator

from pyrolens.check.context import Context, text
from pyrolens.check.images import upstream_tag
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.tasks.example import CHECK, HEALTH, ON, task
from pyrolens.options import TRUE


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


ASKS = re.compile(r"https?://(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1\])(?::(\d+))?(/\S*)?")
OURS = re.compile(r"\bpyrolens health\b")


def nobody_answers(context: Context) -> Iterator[Finding]:
    """A health check that asks an HTTP API which no config turns on."""
    router = context.router
    if context.config is None or router is None or router.health is None or router.command or router.entry_point:
        return
    if context.in_fluentd:
        return
    command = " ".join(router.health.command)
    asks, ours = ASKS.search(command), OURS.search(command)
    if (not asks and not ours) or router.environment_files or "environment" in router.open:
        return
    port, path = (asks[1] or "80", asks[2] or "/") if asks else (_port(command), "/api/v1/uptime")
    if ours and re.search(r"--outputs\b", command):
        path = "/api/v1/health"
    served = dict.fromkeys(("http_server", "http_port", "health_check"), "")
    for section in context.document.of("service"):
        served |= {key: text(section, key) for key in served if section.get(key)}
    if any("$" in value for value in served.values()):
        return
    on = served["http_server"].lower() in TRUE
    on |= router.environment.get("PYROLENS_HTTP_SERVER", "").lower() in TRUE
    listens = served["http_port"] or "2020"
    place = router.health.place
    if port == listens and not on:
        message = f"the health check asks port {port}, where nothing listens: HTTP_Server is not on"
        yield Finding(message, place, "set HTTP_Server On in [SERVICE] of the extra config file")
    elif on and port != listens and port == "2020":
        yield Finding(f"the health check asks port {port}, and HTTP_Port is {listens}", place, f"ask port {listens}")
    elif on and port == listens and path.startswith("/api/v1/health") and served["health_check"].lower() not in TRUE:
        message = "the health check asks /api/v1/health, which is there with Health_Check On only"
        yield Finding(message, place, "set Health_Check On in [SERVICE], or ask /api/v1/uptime")


def _port(command: str) -> str:
    found = re.search(r"--port[ =](\d+)", command)
    return found[1] if found else "2020"


def no_shell(context: Context) -> Iterator[Finding]:
    """A health check by programs that Fluent Bit's own image does not have."""
    router, tag = context.router, upstream_tag(context.router)
    if router and router.health and tag and "debug" not in tag and router.checks_health:
        message = "Fluent Bit's own image has neither a shell nor curl: this health check always fails"
        yield Finding(message, router.health.place, "take an image that has them, or leave out the health check")


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
        good=task(router=ON + HEALTH % (CHECK % "uptime")),
        find=health_of_destination,
    ),
    Rule(
        "TD034",
        "warning",
        "a health check over port 8877",
        "It only sees that something listens, and fails now and then without a reason.",
        "Use `pyrolens health`, or ask /api/v1/uptime.",
        bad=task(router=(HEALTH % "echo '{}' | nc 127.0.0.1 8877").replace('"healthCheck"', '«"healthCheck"»')),
        good=task(router=ON + HEALTH % "pyrolens health"),
        find=health_by_port,
    ),
    Rule(
        "TD035",
        "error",
        "a health check that nobody answers",
        "The router has an HTTP API with HTTP_Server On only, and /api/v1/health with Health_Check On only. Without it"
        " the router never becomes healthy, and ECS ends the task again and again.",
        "Turn them on in [SERVICE] of the extra config file; with Pyrolens, the variable PYROLENS_HTTP_SERVER"
        " does it, too.",
        bad=task(router=(HEALTH % (CHECK % "uptime")).replace('"healthCheck"', '«"healthCheck"»')),
        good=task(router=ON + HEALTH % (CHECK % "uptime")),
        find=nobody_answers,
    ),
    Rule(
        "TD036",
        "warning",
        "a health check by programs that the image does not have",
        "Fluent Bit's own image holds the program and its libraries, and no shell. Only those with -debug in"
        " their name have one, and none has curl.",
        "Take an image that has what the health check calls.",
        bad=task(
            router=', "image": "fluent/fluent-bit:4.2.0"'
            + ON
            + (HEALTH % (CHECK % "uptime")).replace('"healthCheck"', '«"healthCheck"»')
        ),
        good=task(router=ON + HEALTH % (CHECK % "uptime")),
        find=no_shell,
    ),
]
