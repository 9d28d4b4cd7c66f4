"""Policies of IAM: which actions they allow."""

import fnmatch
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyrolens.problems import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Policy:
    """Of IAM, as far as it says which actions there are; for which resources is not looked at."""

    allowed: tuple[str, ...]
    """Patterns, lower case."""
    all_but: tuple[tuple[str, ...], ...] = ()
    """Of each NotAction: what it leaves out."""
    denied: tuple[str, ...] = ()
    """For all resources and without a condition."""

    def allows(self, action: str) -> bool:
        wanted = action.lower()

        def among(patterns: Sequence[str]) -> bool:
            return any(fnmatch.fnmatchcase(wanted, pattern.replace("[", "[[]")) for pattern in patterns)

        return not among(self.denied) and (among(self.allowed) or any(not among(left) for left in self.all_but))


def read_policy(texts: Sequence[str]) -> Policy:
    """All policies of a role together. Raises: ConfigError."""
    allowed: list[str] = []
    denied: list[str] = []
    all_but: list[tuple[str, ...]] = []
    for text_of_one in texts:
        for statement in _statements(text_of_one):
            actions = [a.lower() for a in _listed(statement.get("Action"))]
            if statement.get("Effect") == "Allow":
                allowed += actions
                if "NotAction" in statement:
                    all_but.append(tuple(a.lower() for a in _listed(statement["NotAction"])))
            elif "Condition" not in statement and "*" in _listed(statement.get("Resource")):
                denied += actions
    return Policy(tuple(allowed), tuple(all_but), tuple(denied))


def _statements(policy: str) -> Iterator[dict[str, Any]]:
    try:
        document = json.loads(policy)
        document = document.get("PolicyDocument", document)  # as `aws iam get-role-policy` prints it
        found = document["Statement"]
    except (ValueError, AttributeError, KeyError, TypeError):
        problem = Problem("bad-option", "--policy: expected a policy of IAM in JSON, with a Statement")
        raise ConfigError([problem]) from None
    yield from (s for s in (found if isinstance(found, list) else [found]) if isinstance(s, dict))


def _listed(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)] if value else []
