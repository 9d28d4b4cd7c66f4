import base64
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import DELIVERED, ConfigError, Outcome
from pyrolens.aws import Identity
from pyrolens.outputs._bulk import Bulk
from pyrolens.outputs.es import Es, cloud_place
from tests.net.servers import Request, Server, answer
from tests.outputs import vendors
from tests.outputs.sending import Env, chunks, events, sent, with_server

ES: Any = Es
TWO = events({"log": "one"}, {"log": "two é"})
THREE = events({"n": 0}, {"n": 1}, {"n": 2})


def make(cls: Any = ES, **options: Any) -> Any:
    own = ("aws", "http_api_key", "cloud_auth", "cloud_id", "tls_on")
    rest = {name: options.pop(name) for name in own if name in options}
    return lambda server: cls(port=server.port, bulk=Bulk(**options), **rest)


def actions(batch: Any, env: Env | None = None, **options: Any) -> list[tuple[Any, Any]]:
    """Each action and its document."""
    target = options.pop("target", "/_bulk")
    outcomes, requests = sent(make(**options), vendors.bulk(target), batch, env=env)
    assert outcomes == [DELIVERED] * len(outcomes)
    lines = [json.loads(line) for request in requests for line in request.body.splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_the_request() -> None:
    outcomes, (request,) = sent(make(), vendors.bulk(), TWO)
    assert outcomes == [DELIVERED]
    assert request.body == (
        b'{"create":{"_index":"fluent-bit","_type":"_doc"}}\n{"@timestamp":"2024-06-10T06:13:20.123Z","log":"one"}\n'
        b'{"create":{"_index":"fluent-bit","_type":"_doc"}}\n'
        b'{"@timestamp":"2024-06-10T06:13:21.123Z","log":"two \\u00e9"}\n'
    )
    assert request.lines[1:] == [
        "Content-Type: application/x-ndjson",
        "User-Agent: Fluent-Bit",
        f"Content-Length: {len(request.body)}",
        "Connection: keep-alive",
    ]


def test_version_8_knows_no_types() -> None:
    assert sent(make(suppress_type_name=True), vendors.bulk(types=False), TWO)[0] == [DELIVERED]
    env = Env()
    own = events({"a": ',"_type":"_doc"', "_type": "_doc"})
    outcomes, requests = sent(make(index="a"), vendors.bulk(types=False), own, env=env)
    assert outcomes == [DELIVERED]
    actions = [request.body.splitlines()[0] for request in requests]
    assert actions == [b'{"create":{"_index":"a","_type":"_doc"}}', b'{"create":{"_index":"a"}}']
    assert requests[0].body.splitlines()[1] == requests[1].body.splitlines()[1]
    said = "the server refuses types, so none are sent from now on: set suppress_type_name"
    assert env.said.lines == [("warning", said, {})]


@pytest.mark.parametrize(
    ("options", "target"),
    [({"path": "/p"}, "/p/_bulk"), ({"path": "p"}, "/p/_bulk"), ({"pipeline": "a b"}, "/_bulk?pipeline=a%20b")],
)
def test_the_path(options: dict[str, Any], target: str) -> None:
    assert len(actions(TWO, target=target, **options)) == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"http_user": "me", "http_passwd": "s:x", "http_api_key": "a"},
            "Basic " + base64.b64encode(b"me:s:x").decode(),
        ),
        ({"http_api_key": "abc==", "cloud_auth": "e:p"}, "ApiKey abc=="),
        ({"cloud_auth": "elastic:p:w"}, "Basic " + base64.b64encode(b"elastic:p:w").decode()),
        ({}, None),
    ],
)
def test_authorization(options: dict[str, Any], expected: str | None) -> None:
    _, (request,) = sent(make(**options), vendors.bulk(), TWO)
    assert request.headers.get("authorization") == expected


def test_names_are_written_as_they_are_and_requests_shown_if_wanted(capfdbinary: Any) -> None:
    """As Fluent Bit writes them, which leaves names out that would have to be escaped."""
    batch = events({"id": "é"})
    options = {"index": "idx-ü", "id_key": "id", "suppress_type_name": True, "trace_output": True}
    _, (request,) = sent(make(**options), vendors.bulk(), batch)
    action, document = request.body.decode().splitlines()
    assert action == '{"create":{"_index":"idx-ü","_id":"é"}}'
    assert document.endswith('"id":"\\u00e9"}')
    assert capfdbinary.readouterr().out == request.body


def test_gzip() -> None:
    _, (request,) = sent(make(compress=True), vendors.bulk(), TWO)
    assert request.headers["content-encoding"] == "gzip"
    assert len(gzip.decompress(request.body).splitlines()) == 4


def test_logstash_indexes() -> None:
    batch = [
        (1718000000_999999999, {"app": "shop"}),
        (1704067199_000000000, {"app": 7}),
        (1704067199_000000000, {}),
        (1704067199_000000000, {"app": 'q"x'}),
        (1704067199_000000000, {"app": {"m": 1}}),
        (1704067199_000000000, {"app": "x" * 200}),
    ]
    options: dict[str, Any] = {
        "logstash_format": True,
        "logstash_prefix": "p",
        "logstash_prefix_key": "app",
        "suppress_type_name": True,
    }
    found = actions(batch, logstash_prefix_separator="_", **options)
    assert [action["create"]["_index"] for action, _ in found] == [
        "shop_2024.06.10", "7_2023.12.31", "p_2023.12.31", "p_2023.12.31", "p_2023.12.31", "x" * 128 + "_2023.12.31",
    ]  # fmt: skip
    assert found[0][1] == {"@timestamp": "2024-06-10T06:13:20.999Z", "app": "shop"}


@pytest.mark.parametrize(
    ("options", "index", "time"),
    [
        ({"index": "my-%Y"}, "my-2024", "2024-06-10T06:13:20.123Z"),
        ({"index": "a%m", "current_time_index": True}, "a06", "2024-06-10T06:13:20.123Z"),
        ({"generate_id": True, "index": "my-%Y"}, "my-%Y", "2024-06-10T06:13:20.123Z"),
    ],
)
def test_the_time_in_an_index(options: dict[str, Any], index: str, time: str) -> None:
    batch = [(5, {})] if "current_time_index" in options else events({})
    ((action, document),) = actions(batch, **options)
    assert (action["create"]["_index"], document) == (index, {"@timestamp": time})


def test_fields_that_are_added() -> None:
    options: dict[str, Any] = {
        "time_key": "t",
        "time_key_format": "%s",
        "time_key_nanos": True,
        "include_tag_key": True,
    }
    found = actions(events({"t": "own", "a.b": [{"c.d": 1}]}, {"flb-key": "own"}), replace_dots=True, **options)
    assert [document for _, document in found] == [
        {"flb-key": "web.app", "t": "own", "a_b": [{"c_d": 1}]},
        {"t": "1718000001.123456789Z", "flb-key": "own"},
    ]


def test_no_time_is_added_when_it_is_off() -> None:
    assert actions(TWO, time_key="off")[0] == ({"create": {"_index": "fluent-bit", "_type": "_doc"}}, {"log": "one"})


def test_ids_of_the_records() -> None:
    """As Fluent Bit made them: murmur of the packed record, with its time and its tag."""
    batch = [(1718000000_100000000, {"log": "one"}), (1718000000_200000000, {"log": "two"})]
    found = actions(batch, generate_id=True, write_operation="update")
    assert [action["update"]["_id"] for action, _ in found] == [
        "695fe8bd-e11c-bf8d-d214-780355d2090d", "a440ec5e-7614-92a3-dd47-a1568ed57f85",
    ]  # fmt: skip
    assert found[0][1] == {"doc": {"@timestamp": "2024-06-10T06:13:20.100Z", "log": "one"}}


def test_an_id_of_a_large_record_that_has_the_time_already() -> None:
    record: dict[str, Any] = {f"k{n}.x": {"a.b": n, "f": 1.5, "l": [1, None, True, {"z.z": 2}]} for n in range(20)}
    batch = [(1718000000_100000000, {**record, "@timestamp": "own"})]
    options = {"generate_id": True, "include_tag_key": True, "replace_dots": True}
    outcomes, (request,) = sent(make(**options), vendors.bulk(), batch, tag="web-firelens-0f1e2d3c")
    assert outcomes == [DELIVERED]
    assert json.loads(request.body.splitlines()[0])["create"]["_id"] == "e86c088d-5949-be15-4a3a-1241df427f8c"


def test_id_key_never_takes_the_id_of_another_record() -> None:
    batch = events({"id": "a1"}, {"log": "x"}, {"id": 7}, {"id": 'q"x'}, {"id": ""}, {"id": True}, {"id": "b2"})
    found = actions(batch, id_key="id")
    assert [action["create"].get("_id") for action, _ in found] == ["a1", None, "7", 'q"x', None, None, "b2"]


@pytest.mark.parametrize(
    ("operation", "document"), [("update", {"doc": {}}), ("upsert", {"doc_as_upsert": True, "doc": {}})]
)
def test_records_without_an_id_cannot_be_updated(operation: str, document: dict[str, Any]) -> None:
    env = Env()
    batch = events({"m": {"id": "a"}}, {"m": {}}, {"m": {"id": "c"}})
    found = actions(batch, env, write_operation=operation, id_key="$m['id']")
    assert [action["update"]["_id"] for action, _ in found] == ["a", "c"]
    assert {**found[0][1], "doc": {}} == document
    assert env.rejected == [([batch[1]], "no text in $m['id'], which is the _id")]


def failing(*statuses: int, error: Any = "e") -> Any:
    """Results of the first documents; all others are created."""
    left = list(statuses)

    def item(place: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
        status = left.pop(0) if left else 201
        return {"status": status} if status < 300 else {"status": status, "error": error}

    return vendors.bulk(item=item)


def numbers(requests: list[Request]) -> list[list[int]]:
    return [[json.loads(line)["n"] for line in request.body.splitlines()[1::2]] for request in requests]


@pytest.mark.parametrize(
    ("statuses", "sends", "slow"),
    [
        ((201, 429, 201), [[0, 1, 2], [1]], True),
        ((429, 201, 429, 429, 201), [[0, 1, 2], [0, 2], [0]], True),
        ((500, 503, 201), [[0, 1, 2], [0, 1]], True),
        ((409, 502, 201), [[0, 1, 2], [1]], False),
        ((409, 409, 409), [[0, 1, 2]], False),
        ((201, 201, 201), [[0, 1, 2]], False),
    ],
)
def test_only_what_failed_is_sent_again(statuses: tuple[int, ...], sends: list[list[int]], slow: bool) -> None:
    outcomes, requests = vendors.settled(make(), failing(*statuses), THREE)
    assert numbers(requests) == sends
    assert outcomes[-1] == DELIVERED
    assert (outcomes[0].slow_down, [o.rejected for o in outcomes]) == (slow, [{}] * len(sends))


def test_what_is_refused_for_good_is_rejected_with_its_reason() -> None:
    error = {
        "type": "mapper_parsing_exception",
        "reason": "failed to parse field [n]",
        "caused_by": {"reason": "no int"},
    }
    outcomes, requests = vendors.settled(make(), failing(400, 429, 404, error=error), THREE)
    reason = "mapper_parsing_exception: failed to parse field [n]; no int"
    assert outcomes == [
        Outcome([1], {0: f"400 {reason}", 2: f"404 {reason}"}, f"429 {reason}", None, True),
        DELIVERED,
    ]
    assert numbers(requests) == [[0, 1, 2], [1]]


def test_a_full_disk_passes_and_a_conflict_of_updates_too() -> None:
    blocked = {"type": "cluster_block_exception", "reason": "disk usage exceeded flood-stage watermark"}
    assert [o.retry for o in vendors.settled(make(), failing(403, error=blocked), THREE)[0]] == [[0], ()]
    update = {"write_operation": "update", "id_key": "n"}
    assert [o.retry for o in vendors.settled(make(**update), failing(201, 409), THREE)[0]] == [[1], ()]
    assert [dict(o.rejected) for o in vendors.settled(make(), failing(403), THREE)[0]] == [{0: "403 e"}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "this is no answer of _bulk: ''"),
        (b"<html>", "this is no answer of _bulk: '<html>'"),
        (b'{"hello":1}', "this is no answer of _bulk: '{\"hello\":1}'"),
        (b'{"errors":"no","items":[]}', 'this is no answer of _bulk: \'{"errors":"no","items":[]}\''),
        (b'{"errors":true,"items":[]}', "the answer is for 0 records, not for 2"),
    ],
)
def test_another_answer_is_no_success(body: bytes, reason: str) -> None:
    (outcome,), _ = sent(make(), lambda r: answer(200, body), TWO)
    assert outcome == Outcome(range(2), {}, reason)


def test_a_long_answer_is_read_whole() -> None:
    items = [{"create": {"status": 201, "x": "y" * 1000}}] * 2
    body = json.dumps({"errors": False, "items": items * 1000}).encode()
    assert sent(make(), lambda r: answer(200, body), TWO)[0] == [DELIVERED]


@pytest.mark.parametrize(("status", "slow"), [(401, False), (413, False), (429, True), (503, True)])
def test_a_request_that_fails_is_tried_again(status: int, slow: bool) -> None:
    respond = vendors.first(answer(status, b"no", Retry_After="4"), then=vendors.bulk())
    outcomes, requests = vendors.settled(make(), respond, TWO)
    assert outcomes == [Outcome(range(2), {}, f"HTTP {status}: no", 4.0, slow), DELIVERED]
    assert requests[0].body == requests[1].body


def test_requests_signed_for_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    options = {"aws_auth": True, "aws": Identity(region="eu-west-1"), "aws_service_name": "aoss", "compress": True}
    env = Env()
    _, (request,) = sent(make(**options), vendors.bulk(), TWO, env=env)
    credential, names, _ = request.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    assert credential.split("/")[0::2] == ["Credential=AKID", "eu-west-1", "aws4_request"]
    assert credential.split("/")[3] == "aoss"
    assert names == "SignedHeaders=content-type;host;user-agent;x-amz-content-sha256;x-amz-date"
    assert (request.headers["host"], request.headers["user-agent"]) == ("127.0.0.1", "aws-fluent-bit-plugin")
    assert [line[1] for line in env.said.lines] == ["OpenSearch Serverless refuses types: set suppress_type_name"]


def test_expired_credentials_are_renewed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OLD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    good = vendors.bulk()

    def respond(request: Request) -> bytes | None:
        if "Credential=OLD/" in request.headers["authorization"]:
            os.environ["AWS_ACCESS_KEY_ID"] = "NEW"
            return answer(403, b"The security token included in the request is expired")
        return good(request)

    outcomes, requests = sent(make(aws_auth=True, aws=Identity(region="r")), respond, TWO)
    assert outcomes == [DELIVERED]
    assert [request.body for request in requests] == [requests[0].body] * 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"eu.cloud.es.io$abc$kib", ("abc.eu.cloud.es.io", 443)),
        (b"eu.cloud.es.io$abc:9243$kib", ("abc.eu.cloud.es.io", 9243)),
    ],
)
def test_cloud_id(text: bytes, place: tuple[str, int]) -> None:
    assert cloud_place("name:" + base64.b64encode(text).decode()) == place


@pytest.mark.parametrize(
    ("options", "bulk", "problems"),
    [
        ({}, {}, []),
        ({"cloud_id": "x"}, {}, ["cloud_id is 'x': expected NAME:BASE64, as Elastic Cloud shows it"]),
        ({}, {"write_operation": "upsert"}, ["write_operation upsert needs id_key or generate_id"]),
        ({}, {"id_key": "$a["}, ["id_key: '$a[' is no accessor: expected $key, $key['sub'] or $key[0]"]),
        ({}, {"aws_auth": True}, ["aws_region is needed, or AWS_REGION in the environment"]),
    ],
)
def test_wrong_options(
    options: dict[str, Any], bulk: dict[str, Any], problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert [message for _, message in ES(bulk=Bulk(**bulk), **options).check()] == problems


def test_the_options_of_a_config() -> None:
    made, warnings = vendors.configured("Name es\nLogstash_Format On\nAWS_Region r\nTrace_Error On\nCompress lz4")
    assert made == ES(match="*", bulk=Bulk(logstash_format=True), aws=Identity(region="r"))
    assert warnings == [
        "output es: Trace_Error has no effect: the reason of each failure is always logged",
        "output es: Compress is 'lz4': gzip is expected here, so this counts as no compression",
    ]


UPSTREAM = """\
[UPSTREAM]
    name two
[NODE]
    name one
    host 127.0.0.1
    port {0}
[NODE]
    name other
    host 127.0.0.1
    port {0}
    path /second
    http_user u
    http_passwd p
    tls off
"""


def upstream(folder: Path, text: str) -> Any:
    def make(server: Server) -> Es:
        (folder / "up.conf").write_text(text.format(server.port))
        return Es(upstream=str(folder / "up.conf"), bulk=Bulk(path="/first", index="i"), tls_on=True)

    return make


def test_nodes_take_turns_and_each_is_asked_in_its_way(tmp_path: Path) -> None:
    batches = [events({"n": n}) for n in range(3)]

    async def one_by_one(server: Server) -> list[Outcome]:
        sink = upstream(tmp_path, UPSTREAM)(server).open(Env())
        outcomes = [await sink.deliver(chunk) for batch in batches for chunk in chunks(sink, [("t", batch)])]
        await sink.close()
        return outcomes

    outcomes, requests = with_server(lambda request: vendors.bulk(request.target)(request), one_by_one)
    assert outcomes == [DELIVERED] * 3
    assert [request.target for request in requests] == ["/first/_bulk", "/second/_bulk", "/first/_bulk"]
    assert ["authorization" in request.headers for request in requests] == [False, True, False]


def test_a_node_that_is_down_costs_one_try(tmp_path: Path) -> None:
    async def test(server: Server) -> list[bool]:
        text = UPSTREAM.replace("{0}", "1", 1)
        sink = upstream(tmp_path, text)(server).open(Env())
        (chunk,) = chunks(sink, [("t", TWO)])
        outcomes = [await sink.deliver(chunk) for _ in range(2)]
        await sink.close()
        return [outcome == DELIVERED for outcome in outcomes]

    assert with_server(vendors.bulk("/second/_bulk"), test)[0] == [False, True]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("index mine", "es: index cannot differ from node to node; use an output for each"),
        ("tls maybe", "up.conf:7:6: error[bad-upstream]: es: tls is 'maybe': on or off is expected"),
        ("aws_auth on", "es: aws_region is needed, or AWS_REGION in the environment"),
    ],
)
def test_wrong_nodes(tmp_path: Path, line: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "up.conf").write_text(f"[UPSTREAM]\n name x\n[NODE]\n name a\n host h\n port 1\n {line}\n")
    with pytest.raises(ConfigError) as error:
        ES(upstream=str(tmp_path / "up.conf")).open(Env())
    assert said in str(error.value)
