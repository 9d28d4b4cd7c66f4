"""What make bench-load runs for longer: numbered lines under faults, none of which is lost or comes twice."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench.load import service
from bench.load.__main__ import BEGIN, END, FAULTS, PUBLISHED, tables, write
from bench.load.measure import Load, Result, measure

from pyrolens.aws.sign import Credentials, sign

COMMAND = [str(Path(sys.executable).parent / "pyrolens"), "run"]
MIB = 160
"""What a router may take here; its input is told 40 MB."""


@pytest.mark.parametrize(("output", "about", "faults"), FAULTS, ids=[f"{o}, {about}" for o, about, _ in FAULTS])
def test_under_faults_nothing_is_lost_and_nothing_comes_twice(
    output: str, about: str, faults: dict[str, float]
) -> None:
    result = measure("pyrolens", COMMAND, Load(output, 10_000, 2, faults), "40M")
    assert (result.sent, result.lost, result.doubled) == (20_000, 0, 0)
    met = {"partial": "failed_records", "throttled": "throttled", "failed": "refused InternalFailure"}
    assert all(result.answers[met[name]] > 0 for name in faults)
    assert result.peak_mib < MIB


@pytest.mark.parametrize("output", PUBLISHED)
def test_at_the_rates_of_aws(output: str) -> None:
    result = measure("pyrolens", COMMAND, Load(output, PUBLISHED[output][0] * 1000, 0.5))
    assert (result.lost, result.doubled) == (0, 0)
    assert result.cpu_us > 0


# -- the services are strict ---------------------------------------------------------------------------------------


def asked(kind: str, operation: str, body: Any, **faults: float) -> tuple[int, str]:
    """The status and the error of one signed request."""
    made = service.KINDS[kind](1000, faults)
    if kind == "logs":
        made.there |= {("g",), ("g", "s")}  # type: ignore[attr-defined]
    data = json.dumps(body).encode()
    plain = [
        ("Host", "h"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", f"{made.target}.{operation}"),
    ]
    lines = sign(Credentials("AKID", "s"), made.name, "us-east-1", "POST", "/", plain, data)
    status, said, _ = made.answer("POST", "/", {name.lower(): value for name, value in lines}, data)
    return status, json.loads(said).get("__type", "")


def put(*records: str) -> dict[str, Any]:
    return {"DeliveryStreamName": "s", "Records": [{"Data": data} for data in records]}


def events(*times: int, size: int = 10) -> dict[str, Any]:
    each = [{"timestamp": time, "message": "x" * size} for time in times]
    return {"logGroupName": "g", "logStreamName": "s", "logEvents": each}


@pytest.mark.parametrize(
    ("kind", "operation", "body", "said"),
    [
        ("firehose", "PutRecordBatch", put("eA=="), (200, "")),
        ("firehose", "PutRecordBatch", put(*["eA=="] * 501), (400, "ValidationException")),
        ("firehose", "PutRecordBatch", put(), (400, "ValidationException")),
        ("firehose", "PutRecordBatch", put("A" * (1024_000 // 3 * 4 + 8)), (400, "InvalidArgumentException")),
        ("firehose", "PutRecordBatch", put(*["A" * 1_200_000] * 5), (400, "InvalidArgumentException")),
        ("firehose", "PutRecords", put("eA=="), (400, "UnknownOperationException")),
        ("kinesis", "PutRecords", {"Records": [{"Data": "eA==", "PartitionKey": ""}]}, (400, "ValidationException")),
        ("logs", "PutLogEvents", events(1, 2), (200, "")),
        ("logs", "PutLogEvents", events(2, 1), (400, "InvalidParameterException")),
        ("logs", "PutLogEvents", events(0, 86_400_000), (400, "InvalidParameterException")),
        ("logs", "PutLogEvents", events(*[1] * 10_001), (400, "InvalidParameterException")),
        ("logs", "PutLogEvents", events(1, 1, size=524_263), (400, "InvalidParameterException")),
        ("logs", "PutLogEvents", {**events(1), "logStreamName": "t"}, (400, "ResourceNotFoundException")),
    ],
)
def test_what_a_service_refuses(kind: str, operation: str, body: Any, said: tuple[int, str]) -> None:
    assert asked(kind, operation, body) == said


def test_a_signature_must_be_one_and_of_now() -> None:
    made = service.Firehose(1, {})
    lines = sign(Credentials("AKID", "s"), "firehose", "r", "POST", "/", [("Host", "h")], b"", time.time() - 600)
    headers = {name.lower(): value for name, value in lines}
    assert made.answer("POST", "/", headers, b"")[0] == 403
    assert made.answer("POST", "/", {**headers, "authorization": "AWS4-HMAC-SHA256 me"}, b"")[0] == 403


def test_faults_are_those_that_were_asked_for() -> None:
    assert asked("firehose", "PutRecordBatch", put("eA=="), throttled=1.0) == (400, "ServiceUnavailableException")
    assert asked("logs", "PutLogEvents", events(1), failed=1.0) == (500, "InternalFailure")


# -- the page --------------------------------------------------------------------------------------------------------


def result(output: str, rate: int, router: str, lost: int = 0, faults: dict[str, float] | None = None) -> Result:
    return Result(router, output, rate * 1000, faults or {}, 1000, lost, 0, 1.0, 0.1, 2.5, 40.0, 50.0, {})


def test_the_tables(tmp_path: Path) -> None:
    faults = FAULTS[0][2]
    found = [result("cloudwatch_logs", rate, "pyrolens", lost=160 if rate == 3 else 0) for rate in (1, 2, 3)]
    first, second = tables([*found, result("kinesis_firehose", 10, "fluent-bit", faults=faults)], ["pyrolens"])
    assert first.splitlines()[:3] == [
        "| plugin | router | metric | 1 MB/s | 2 MB/s | 3 MB/s |",
        "|---|---|---|---|---|---|",
        "| cloudwatch_logs | pyrolens | loss | ✅ | ✅ | 16% (160) |",
    ]
    assert second.splitlines()[2] == (
        "| kinesis_firehose | a tenth of the records fails in 20% of the batches | fluent-bit | 1,000 | 0 | 0 | 1.0 "
        "| 2.5 | 50 |"
    )
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, "new")
    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
