import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.api import DELIVERED, Event, Outcome
from pyrolens.aws import Aws
from pyrolens.outputs._cloudwatch import EVENT, EVENTS, SPAN, spans
from pyrolens.outputs.cloudwatch_logs import CloudwatchLogs
from tests.net.servers import Server, answer
from tests.outputs.logs_service import LogsService, done, error
from tests.outputs.sending import T0, Env, events, sent

MS = T0 // 1_000_000


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


def logs(**options: Any) -> Callable[[Server], CloudwatchLogs]:
    given_ = {"log_group_name": "grp", "log_stream_name": "str", **options}
    if "log_stream_prefix" in options:
        del given_["log_stream_name"]
    return lambda server: CloudwatchLogs(aws=Aws(region="eu-west-1", endpoint=server.url), **given_)


def with_group(*names: str) -> LogsService:
    return LogsService(groups={name: {} for name in names or ("grp",)})


def test_whole_records() -> None:
    service = with_group()
    outcomes, requests = sent(logs(), service, events({"log": 'a "é" \\ \n'}, {"n": 1}))
    assert outcomes == [DELIVERED]
    assert service.streams == {("grp", "str"): [(MS, '{"log":"a \\"\\u00e9\\" \\\\ \\n"}'), (MS + 1000, '{"n":1}')]}
    assert service.calls == ["CreateLogStream", "PutLogEvents"]
    assert list(json.loads(requests[1].body)) == ["logGroupName", "logStreamName", "logEvents"]


def test_the_value_of_one_field() -> None:
    env = Env()
    service = with_group()
    batch = events({"log": 'é "\t'}, {"log": {"a": 1}}, {"lo": "x"}, {"log": ""}, {"log": 12}, {"log": "caf\udce9"})
    sent(logs(log_key="log"), service, batch, env=env)
    assert [m for _, m in service.streams["grp", "str"]] == ['é "\t', '{"a":1}', "12", "caf"]
    assert env.rejected == [([batch[2], batch[3]], "no field 'log', or nothing in it")]


def test_empty_records_are_rejected() -> None:
    env = Env()
    batch = events({}, {"a": 1})
    sent(logs(), with_group(), batch, env=env)
    assert env.rejected == [([batch[0]], "the record is empty")]


@pytest.mark.parametrize(
    ("options", "record", "names"),
    [
        ({}, {}, ("grp", "str")),
        ({"log_stream_prefix": "from-"}, {}, ("grp", "from-web.app")),
        ({"log_group_template": "$k['ns'].$TAG[0]"}, {"k": {"ns": "prod"}}, ("prod.web", "str")),
        ({"log_group_template": "$k['ns']"}, {"k": {}}, ("grp", "str")),
        (
            {"log_stream_prefix": "p-", "log_stream_template": "x/$TAG.$n,$t"},
            {"n": 1.5, "t": True},
            ("grp", "x/web.app.1.500000,true"),
        ),
        ({"log_stream_prefix": "p-", "log_stream_template": "$gone"}, {}, ("grp", "p-web.app")),
    ],
)
def test_names(options: dict[str, Any], record: dict[str, Any], names: tuple[str, str]) -> None:
    service = with_group("grp", "prod.web")
    sent(logs(**options), service, events({"log": "x", **record}))
    assert list(service.streams) == [names]


def test_streams_of_one_batch_make_a_request_each() -> None:
    service = with_group()
    batch = events(*({"c": name, "n": n} for n, name in enumerate("ababa")))
    sent(logs(log_stream_template="$c"), service, batch)
    assert service.calls.count("PutLogEvents") == 2
    assert {k: [json.loads(m)["n"] for _, m in v] for k, v in service.streams.items()} == {
        ("grp", "a"): [0, 2, 4],
        ("grp", "b"): [1, 3],
    }


def test_a_stream_is_created_once() -> None:
    service = with_group()
    service.streams["grp", "str"] = []
    sent(logs(), service, events({"a": 1}) * (EVENTS + 1))
    assert service.calls == ["CreateLogStream", "PutLogEvents", "PutLogEvents"]


def test_events_are_ordered_by_time() -> None:
    service = with_group()
    batch = [(T0 + s * 1_000_000_000, {"log": name}) for s, name in [(3, "c"), (1, "a"), (2, "b1"), (2, "b2")]]
    sent(logs(log_key="log"), service, batch)
    assert [m for _, m in service.streams["grp", "str"]] == ["a", "b1", "b2", "c"]


def test_events_of_many_days() -> None:
    service = with_group()
    day = 24 * 3600 * 1_000_000_000
    batch = [(T0 + d * day, {"log": str(d)}) for d in (2, 0, 1)]
    outcomes, _ = sent(logs(log_key="log"), service, batch)
    assert outcomes == [DELIVERED]
    assert [m for _, m in service.streams["grp", "str"]] == ["0", "1", "2"]


@given(st.lists(st.integers(0, 5 * SPAN), min_size=1))
def test_spans_are_all_of_it_in_order(times: list[int]) -> None:
    items = [(ms, "") for ms in times]
    order = sorted(range(len(items)), key=lambda i: items[i][0])
    cut = spans(items, order)
    assert [i for span in cut for i in span] == order
    assert all(times[span[-1]] - times[span[0]] < SPAN for span in cut)


@pytest.mark.parametrize(("count", "size"), [(10_001, 10), (9, 300_000), (3, 524_262), (40, 26_189)])
def test_requests_keep_to_the_limits(count: int, size: int) -> None:
    service = with_group()
    batch: list[Event] = [(T0 + n, {"log": "é" * (size // 2)}) for n in range(count)]
    outcomes, _ = sent(logs(log_key="log"), service, batch)
    assert outcomes == [DELIVERED] * len(outcomes)
    assert len(service.streams["grp", "str"]) == count


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=8).map(lambda t: t * 40_000), max_size=8))
def test_any_text_keeps_to_the_limits(texts: list[str]) -> None:
    service = with_group()
    outcomes, _ = sent(logs(log_key="log"), service, events(*({"log": t} for t in texts)))
    assert outcomes == [DELIVERED] * len(outcomes)
    assert len(service.streams.get(("grp", "str"), [])) == len(texts)


@pytest.mark.parametrize(
    ("how", "lengths"), [("truncate", [EVENT]), ("split", [EVENT, 1_500_000 - EVENT]), ("reject", [])]
)
def test_events_over_the_limit(how: str, lengths: list[int]) -> None:
    env = Env()
    service = with_group()
    batch = events({"log": "x" * 1_500_000}, {"log": "last"})
    outcomes, _ = sent(logs(log_key="log", oversized=how), service, batch, env=env)
    assert outcomes == [DELIVERED] * len(outcomes)
    # pieces of one event are in order of time with the others
    assert sorted(len(m) for _, m in service.streams["grp", "str"]) == sorted([*lengths, 4])
    assert env.counts == {"oversized_records": 1}
    assert [reason for _, reason in env.rejected] == (
        ["1,500,000 bytes, and CloudWatch Logs takes 1,048,550"] if how == "reject" else []
    )


def test_an_event_of_the_largest_size_is_whole() -> None:
    env = Env()
    service = with_group()
    sent(logs(log_key="log"), service, events({"log": "x" * EVENT}), env=env)
    assert [len(m) for _, m in service.streams["grp", "str"]] == [EVENT]
    assert env.counts == {}


def test_the_group_is_created_where_asked() -> None:
    service = LogsService()
    options = {"auto_create_group": True, "log_retention_days": 7, "log_group_class": "INFREQUENT_ACCESS"}
    outcomes, _ = sent(logs(**options), service, events({"a": 1}))
    assert outcomes == [DELIVERED]
    assert service.calls == [
        "CreateLogStream", "CreateLogGroup", "PutRetentionPolicy", "CreateLogStream", "PutLogEvents",
    ]  # fmt: skip
    assert service.groups == {"grp": {"logGroupClass": "INFREQUENT_ACCESS", "days": 7}}


def test_no_group_and_none_to_be_created() -> None:
    service = LogsService()
    (outcome,), _ = sent(logs(), service, events({"a": 1}))
    reason = "ResourceNotFoundException: log group 'grp' does not exist; auto_create_group is off"
    assert outcome == Outcome(range(1), {}, reason)
    assert service.calls == ["CreateLogStream"]


def test_a_retention_that_is_refused_costs_no_events() -> None:
    env = Env()
    service = LogsService(script={"PutRetentionPolicy": [error("AccessDeniedException", "no")]})
    outcomes, _ = sent(logs(auto_create_group=True, log_retention_days=7), service, events({"a": 1}), env=env)
    assert outcomes == [DELIVERED]
    assert ("warning", "the retention of the log group is not set") in [line[:2] for line in env.said.lines]


def test_a_group_that_may_not_be_created() -> None:
    service = LogsService(script={"CreateLogGroup": [error("AccessDeniedException", "no")]})
    (outcome,), _ = sent(logs(auto_create_group=True), service, events({"a": 1}))
    assert outcome.reason == "AccessDeniedException: cannot create log group 'grp': no"


def test_a_stream_that_may_not_be_created_may_be_there() -> None:
    service = with_group()
    service.streams["grp", "str"] = []
    service.script = {"CreateLogStream": [error("AccessDeniedException", "no")]}
    outcomes, _ = sent(logs(), service, events({"a": 1}))
    assert outcomes == [DELIVERED]


def test_a_group_that_is_gone_is_created_again_at_once() -> None:
    service = with_group()
    gone = error("ResourceNotFoundException")
    service.script = {"PutLogEvents": [gone], "CreateLogStream": [done(), gone]}
    outcomes, _ = sent(logs(auto_create_group=True), service, events({"a": 1}))
    assert outcomes == [DELIVERED]
    assert service.calls == [
        "CreateLogStream", "PutLogEvents", "CreateLogStream", "CreateLogGroup", "CreateLogStream", "PutLogEvents",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "said", "reason", "slow"),
    [
        ("PutLogEvents", error("ThrottlingException", "Rate exceeded"), "ThrottlingException: Rate exceeded", True),
        ("CreateLogStream", error("ThrottlingException", "x"), "ThrottlingException: x", True),
        ("PutLogEvents", answer(500, b""), "HTTP 500", False),
        ("PutLogEvents", error("InvalidSequenceTokenException"), "InvalidSequenceTokenException", False),
        ("PutLogEvents", answer(200, b"{}"), "the answer is not from AWS: it has no x-amzn-RequestId", False),
    ],
)
def test_all_of_it_again(operation: str, said: bytes, reason: str, slow: bool) -> None:
    service = with_group()
    service.script = {operation: [said]}
    (outcome,), _ = sent(logs(), service, events({"a": 1}, {"a": 2}))
    assert (list(outcome.retry), outcome.rejected, outcome.reason, outcome.slow_down) == ([0, 1], {}, reason, slow)


def test_what_was_accepted_before_is_delivered() -> None:
    service = with_group()
    service.script = {"PutLogEvents": [error("DataAlreadyAcceptedException")]}
    assert sent(logs(), service, events({"a": 1}))[0] == [DELIVERED]


def test_of_several_days_only_what_failed_goes_again() -> None:
    service = with_group()
    service.script = {"PutLogEvents": [done(), answer(500, b"")]}
    day = 24 * 3600 * 1_000_000_000
    batch: list[Event] = [(T0 + d * day, {"log": str(d)}) for d in (2, 0, 1)]
    (outcome,), _ = sent(logs(log_key="log"), service, batch)
    assert outcome.retry == [0, 2]


def test_rejected_events_are_told_apart() -> None:
    """The indexes are those of the request, which is in order of time."""
    service = with_group()
    info = {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
    service.script = {"PutLogEvents": [done(rejectedLogEventsInfo=info)]}
    batch: list[Event] = [(T0 + s * 1_000_000_000, {"n": s}) for s in (4, 3, 2, 1, 0)]
    (outcome,), _ = sent(logs(), service, batch)
    old, future = "older than the retention of the log group", "more than 2 hours in the future"
    assert outcome.rejected == {4: old, 3: old, 0: future}
    assert list(outcome.retry) == []


def test_emf() -> None:
    service = with_group()
    _, requests = sent(logs(log_format="json/emf"), service, events({"a": 1}))
    assert [r.headers.get("x-amzn-logs-format") for r in requests] == [None, "json/emf"]


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({"log_stream_name": "s"}, []),
        ({}, ["cloudwatch_logs needs log_stream_name or log_stream_prefix"]),
        (
            {"log_stream_name": "s", "log_stream_prefix": "p"},
            ["log_stream_prefix cannot be combined with log_stream_name"],
        ),
        ({"log_stream_name": "s", "tls_on": True}, ["tls cannot be set for cloudwatch_logs: it always speaks TLS"]),
        ({"log_stream_name": "s", "tls_on": False}, []),
        (
            {"log_stream_name": "s", "log_group_template": "$a-$b"},
            ["log_group_template: '$a-$b' is no accessor: expected $key, $key['sub'] or $key[0]"],
        ),
    ],
)
def test_wrong_options(options: dict[str, Any], problems: list[str]) -> None:
    plugin = CloudwatchLogs(log_group_name="g", aws=Aws(region="r"), **options)
    assert [message for _, message in plugin.check()] == problems
