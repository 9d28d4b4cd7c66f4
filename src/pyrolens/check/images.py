"""Images of routers that are known by their name. Of others nobody here knows what is in them."""

import re

from pyrolens.ecs.task_definition import Container

AWS = re.compile(
    r"(?:(?:docker\.io/)?amazon|public\.ecr\.aws/aws-observability|906394416424\.dkr\.ecr\.[\w-]+\.amazonaws\.com)"
    r"/aws-for-fluent-bit(?::([\w.-]+))?"
)
UPSTREAM = re.compile(r"(?:(?:docker\.io/|ghcr\.io/|cr\.fluentbit\.io/)?fluent/fluent-bit)(?::([\w.-]+))?")
CASELESS = re.compile(r"init-2\.32\.[12](?:\.\d+)?")
"""Two versions of AWS's init process did not look at the case of its variables."""


def aws_tag(router: Container | None) -> str | None:
    """Of AWS for Fluent Bit, as AWS publishes it and as it starts by itself; None: it is another image."""
    return _tag(AWS, router)


def upstream_tag(router: Container | None) -> str | None:
    """The same of Fluent Bit's own image."""
    return _tag(UPSTREAM, router)


def _tag(image: re.Pattern[str], router: Container | None) -> str | None:
    if router is None or router.command or router.entry_point:
        return None
    found = image.fullmatch(router.image)
    return (found[1] or "latest") if found else None


def by_aws_init(router: Container | None) -> bool:
    """Whether AWS's init process starts the router."""
    return (aws_tag(router) or "").startswith("init-")


def without_init(router: Container | None) -> bool:
    """Whether it is known that no init process starts the router."""
    return upstream_tag(router) is not None or (aws_tag(router) is not None and not by_aws_init(router))


def is_ours(router: Container | None) -> bool:
    return router is not None and "pyrolens" in router.image.lower()
