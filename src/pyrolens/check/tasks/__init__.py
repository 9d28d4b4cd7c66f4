"""The task definition: what ECS refuses, what the agent does not start, and what loses logs or shows secrets."""

from pyrolens.check.tasks import (
    disks,
    files,
    forms,
    health,
    init,
    memory,
    network,
    options,
    order,
    roles,
    router,
    secrets,
)

PARTS = (forms, router, files, init, options, secrets, roles, health, memory, disks, network, order)
RULES = sorted((rule for part in PARTS for rule in part.RULES), key=lambda rule: rule.code)
