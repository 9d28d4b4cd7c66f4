"""Policies of a task role, and what outputs need."""

import json

import pytest

from pyrolens.check.catalogue import findings
from pyrolens.check.policy import read_policy, read_trust
from pyrolens.check.reading import Reader
from pyrolens.problems import ConfigError


def policy(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def missing(options: str, *policies: str) -> list[str]:
    config = f"[INPUT]\n    Name dummy\n    Tag app\n[OUTPUT]\n    Match *\n    region us-east-1\n{options}"
    reader = Reader(policy=read_policy(policies))
    found = [p for p in findings(reader.file("-", config, "config"), reader) if p.code == "TD023"]
    return [action for p in found for action in p.message.partition("allow: ")[2].split(", ")]


LOGS = "    Name cloudwatch_logs\n    log_group_name a\n    log_stream_prefix b\n"


def test_the_actions_of_an_output_go_by_its_options() -> None:
    writes = policy(allow("logs:CreateLogStream", "logs:Put*Events"))
    assert missing(LOGS, writes) == []
    assert missing(LOGS + "    auto_create_group On\n    log_retention_days 7\n", writes) == [
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
    ]
    assert missing(LOGS + "    role_arn arn:aws:iam::123456789012:role/other\n", writes) == ["sts:AssumeRole"]


def test_policies_count_together_and_a_refusal_before_all() -> None:
    assert missing(LOGS, policy(allow("logs:CreateLogStream")), policy(allow("logs:PutLogEvents"))) == []
    denied: dict[str, object] = {"Effect": "Deny", "Action": "logs:PutLogEvents", "Resource": "*"}
    assert missing(LOGS, policy(allow("*"), denied)) == ["logs:PutLogEvents"]
    assert missing(LOGS, policy(allow("*"), {**denied, "Resource": "arn:aws:logs:*:*:other"})) == []
    assert missing(LOGS, policy({"Effect": "Allow", "NotAction": "logs:Put*", "Resource": "*"})) == [
        "logs:PutLogEvents"
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"Version": "1"}', '"x"'])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a policy"):
        read_policy([text])


ROLE = "arn:aws:iam::123456789012:role/shop"


def trust(principal: object, action: object = "sts:AssumeRole", **more: object) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": action, **more})


EXTERNAL = {"Condition": {"StringEquals": {"sts:ExternalId": ["a", "b"]}}}


@pytest.mark.parametrize(
    ("text", "external_id", "told"),
    [
        (trust({"AWS": ROLE}), "", ""),
        (trust({"AWS": ["arn:aws:iam::123456789012:root"]}, ["sts:TagSession", "sts:Assume*"]), "", ""),
        (trust({"AWS": "123456789012"}), "", ""),
        (trust("*"), "", ""),
        (json.dumps({"Role": {"AssumeRolePolicyDocument": json.loads(trust({"AWS": ROLE}))}}), "", ""),
        (trust({"AWS": ROLE + "2"}), "", f"its trust policy does not name {ROLE}"),
        (trust({"AWS": "arn:aws:iam::210987654321:root"}), "", f"its trust policy does not name {ROLE}"),
        (trust({"Service": "ecs-tasks.amazonaws.com"}), "", f"its trust policy does not name {ROLE}"),
        (trust({"AWS": ROLE}, "sts:AssumeRoleWithSAML"), "", f"its trust policy does not name {ROLE}"),
        (trust({"AWS": ROLE}, **EXTERNAL), "a", ""),
        (trust({"AWS": ROLE}, **EXTERNAL), "", "its trust policy asks for an external id"),
        (trust({"AWS": ROLE}, **EXTERNAL), "c", "its trust policy asks for another external id"),
    ],
)
def test_whom_a_trust_policy_admits(text: str, external_id: str, told: str) -> None:
    assert read_trust(text).refuses(ROLE, external_id) == told
