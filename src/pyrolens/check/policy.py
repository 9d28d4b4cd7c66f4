"""Policies of IAM: which actions they allow, and who may assume a role."""

import fnmatch
import json
import re
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


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may assume a role, by its trust policy."""

    role: str = ""
    """Its ARN; "": any that an output assumes."""
    allowed: tuple["Admission", ...] = ()

    def refuses(self, role: str, external_id: str) -> str:
        """Why it does not admit a role with this id; "" if it does, or if that cannot be said."""
        mine = [a for a in self.allowed if a.admits(role)]
        if not mine:
            return f"its trust policy does not name {role}"
        ids = [a.external_ids for a in mine]
        if all(ids) and not any(external_id in i for i in ids):
            return f"its trust policy asks for {'another' if external_id else 'an'} external id"
        return ""


@dataclass(frozen=True, slots=True)
class Admission:
    """One statement of a trust policy."""

    principals: tuple[str, ...]
    """ARNs and accounts."""
    external_ids: tuple[str, ...] = ()
    """(): any."""

    def admits(self, role: str) -> bool:
        account = role.split(":")[4]
        own = {role, account, "*"}
        return any(p in own or re.fullmatch(rf"arn:[\w-]+:iam::{account}:root", p) for p in self.principals)


def read_trust(text: str, role: str = "") -> Trust:
    """Raises: ConfigError."""
    allowed = []
    for statement in _statements(text, "--trust"):
        actions = [action.lower() for action in _listed(statement.get("Action"))]
        assumes = any(fnmatch.fnmatchcase("sts:assumerole", action) for action in actions)
        principal = statement.get("Principal")
        named = principal.get("AWS") if isinstance(principal, dict) else principal
        if statement.get("Effect") == "Allow" and assumes and named:
            allowed.append(Admission(tuple(_listed(named)), tuple(_external_ids(statement.get("Condition")))))
    return Trust(role, tuple(allowed))


def _external_ids(condition: object) -> Iterator[str]:
    """Of a condition by which only these are right."""
    equals = condition.get("StringEquals") if isinstance(condition, dict) else None
    for key, value in equals.items() if isinstance(equals, dict) else ():
        if key.lower() == "sts:externalid":
            yield from _listed(value)


def read_policy(texts: Sequence[str]) -> Policy:
    """All policies of a role together. Raises: ConfigError."""
    allowed: list[str] = []
    denied: list[str] = []
    all_but: list[tuple[str, ...]] = []
    for text_of_one in texts:
        for statement in _statements(text_of_one, "--policy"):
            actions = [a.lower() for a in _listed(statement.get("Action"))]
            if statement.get("Effect") == "Allow":
                allowed += actions
                if "NotAction" in statement:
                    all_but.append(tuple(a.lower() for a in _listed(statement["NotAction"])))
            elif "Condition" not in statement and "*" in _listed(statement.get("Resource")):
                denied += actions
    return Policy(tuple(allowed), tuple(all_but), tuple(denied))


def _statements(policy: str, option: str) -> Iterator[dict[str, Any]]:
    try:
        document = json.loads(policy)
        # as `aws iam get-role-policy` and `aws iam get-role` print them
        document = document.get("PolicyDocument") or document.get("Role", document)
        document = document.get("AssumeRolePolicyDocument", document)
        found = document["Statement"]
    except (ValueError, AttributeError, KeyError, TypeError):
        problem = Problem("bad-option", f"{option}: expected a policy of IAM in JSON, with a Statement")
        raise ConfigError([problem]) from None
    yield from (s for s in (found if isinstance(found, list) else [found]) if isinstance(s, dict))


def _listed(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)] if value else []
