"""The task definition: what ECS refuses, what the agent does not start, and what loses logs or shows secrets."""

from pyrolens.check.tasks import files, health, options, order, roles, router, secrets

RULES = sorted(
    (rule for part in (router, files, options, secrets, roles, health, order) for rule in part.RULES),
    key=lambda rule: rule.code,
)
