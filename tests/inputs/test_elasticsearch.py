"""The bulk API of Elasticsearch."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.inputs.elasticsearch import BulkApi, Elasticsearch
from pyrolens.net.requests import Answer, Request, RequestError
from pyrolens.records.event import SECOND
from tests.inputs.configured import configured, refused
from tests.inputs.lent import Lent

ACTION = b'{"index":{"_index":"i"}}\n'
META = {"index": {"_index": "i"}}
DOCUMENT = b'{"a":1}\n'
OK = '{"status":201,"result":"created"}'


def asked(
    body: bytes, path: str = "/_bulk", method: str = "POST", kind: str = "application/x-ndjson", **more: str
) -> Any:
    headers = {name.replace("_", "-"): value for name, value in {"content_type": kind, **more}.items() if value}
    return Request(method, path, headers, True, body, *path.split("?"))


def sent(request: Request, **options: Any) -> tuple[Lent, Answer]:
    env = Lent("elasticsearch.0", "t")
    env.time = 7 * SECOND
    try:
        return env, BulkApi(Elasticsearch(**options), env).answer(request, env.ingest)
    except RequestError as why:
        return env, Answer(why.status, why.text.encode())


def items(*said: str, errors: bool = False) -> bytes:
    return f'{{"took":0,"errors":{str(errors).lower()},"items":[{",".join(said)}]}}'.encode()


@pytest.mark.parametrize(
    ("body", "records", "said", "errors"),
    [
        (ACTION + DOCUMENT, [{"@meta": META, "a": 1}], [f'{{"index":{OK}}}'], False),
        (
            b'{"create":{"_id":"5"}}\r\n{"b":2}\r\n\n' + ACTION + DOCUMENT.strip(),
            [{"@meta": {"create": {"_id": "5"}}, "b": 2}, {"@meta": META, "a": 1}],
            [f'{{"create":{OK}}}', f'{{"index":{OK}}}'],
            False,
        ),
        (
            b'{"update":{}}\n{"doc":{}}\n{"delete":{}}\n' + ACTION + b"{}",
            [{"@meta": META}],
            [
                '{"update":{"status":403,"result":"forbidden"}}',
                '{"delete":{"status":404,"result":"not_found"}}',
                f'{{"index":{OK}}}',
            ],
            True,
        ),
        (ACTION + b'{"@meta":5}', [{"@meta": 5}], [f'{{"index":{OK}}}'], False),
        (ACTION + b'{"a":"\xff"}', [{"@meta": META, "a": "\udcff"}], [f'{{"index":{OK}}}'], False),
        (b"\n", [], [], False),
    ],
)
def test_documents(body: bytes, records: list[Any], said: list[str], errors: bool) -> None:
    env, answer = sent(asked(body))
    assert env.events == [("t", 7 * SECOND, record) for record in records]
    assert [size for _, _, size in env.batches] == [len(body)] * bool(records)
    assert (answer.status, answer.body) == (200, items(*said, errors=errors))
    assert json.loads(answer.body)
    assert ("X-Elastic-Product", "Elasticsearch") in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x\n", ACTION, ACTION + b'{"a":', ACTION + b"[1]\n", ACTION + DOCUMENT + ACTION, b"{}\n" + DOCUMENT,
        b"5\n",
        b'{"ind":{}}\n' + DOCUMENT, ACTION + DOCUMENT + b'{"foo":{}}\n' + DOCUMENT,
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_is_refused_as_a_whole(body: bytes) -> None:
    env, answer = sent(asked(body))
    assert (env.batches, answer.status) == ([], 400)
    assert answer.body.startswith(b"error: ")


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (asked(b"", "/", "GET"), 200, {"number": "8.0.0", "build_flavor": "pyrolens"}),
        (asked(b"", "/_nodes/http?x", "GET"), 200, "localhost:9200"),
        (asked(b"", "/_cluster/health", "GET"), 200, None),
        (asked(b"{}", "/i", "PUT"), 200, None),
        (asked(b"", "/i", "HEAD"), 200, b""),
        (asked(b"", "/i", "DELETE"), 400, b"error: invalid HTTP method\n"),
        (asked(DOCUMENT, "/i/_doc"), 400, b"error: invalid HTTP endpoint\n"),
        (asked(DOCUMENT, "/_bulk/"), 400, b"error: invalid HTTP endpoint\n"),
        (asked(ACTION + DOCUMENT, "x"), 400, b"error: invalid request\n"),
        (asked(ACTION + DOCUMENT, kind=""), 400, b"error: header 'Content-Type' is not set\n"),
        (asked(ACTION + DOCUMENT, kind="text/plain"), 400, b"error: invalid 'Content-Type'\n"),
    ],
)
def test_what_else_is_asked(request_: Request, status: int, said: Any) -> None:
    env, answer = sent(request_)
    assert (env.batches, answer.status) == ([], status)
    if isinstance(said, bytes):
        assert answer.body == said
        return
    found = json.loads(answer.body)
    if isinstance(said, str):
        (node,) = found["nodes"].values()
        assert node["http"] == {"publish_address": said, "max_content_length_in_bytes": 4_000_000}
    else:
        assert found.get("version") == said


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("application/json; charset=utf-8", "POST"),
        ("application/vnd.elasticsearch+x-ndjson; compatible-with=8", "POST"),
        ("application/x-ndjson", "PUT"),
    ],
)
def test_clients_differ(kind: str, method: str) -> None:
    env, answer = sent(asked(ACTION + DOCUMENT, method=method, kind=kind))
    assert (env.records, answer.status) == ([{"@meta": META, "a": 1}], 200)


def test_an_index_in_the_path() -> None:
    body = b'{"index":{}}\n{}\n' + ACTION + b'{}\n{"create":null}\n{}'
    env, _ = sent(asked(body, "/logs/_bulk?pretty"), meta_key="m")
    assert env.records == [{"m": {"index": {"_index": "logs"}}}, {"m": META}, {"m": {"create": None}}]


def test_the_tag() -> None:
    body = ACTION + b'{"tag":"a b"}\n' + ACTION + DOCUMENT + ACTION + b'{"tag":5}\n'
    env, _ = sent(asked(body), tag_key="$tag")
    assert [(tag, len(events)) for tag, events, _ in env.batches] == [("a b", 1), ("t", 2)]


def test_encoded_bodies() -> None:
    env, _ = sent(asked(gzip.compress(ACTION + DOCUMENT), content_encoding="gzip"))
    assert env.records == [{"@meta": META, "a": 1}]


def test_options() -> None:
    plugin, warnings = configured("elasticsearch", "version 7.17.1\nhostname h\nworkers 2\nbuffer_max_size 1k")
    assert (plugin.port, plugin.version, plugin.http.buffer_max_size) == (9200, "7.17.1", 1000)
    assert warnings == ["input elasticsearch: workers has no effect: one loop reads all connections"]
    assert refused("elasticsearch", "nope 1") == ["input elasticsearch has no option 'nope'"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([ACTION, DOCUMENT, b'{"delete":{}}', b"[]", b"5", b"{", b"\n", b"\xff"]) | st.binary(max_size=8)
    )
)
def test_no_body_breaks_it(pieces: list[bytes]) -> None:
    env, answer = sent(asked(b"".join(pieces)))
    assert answer.status in (200, 400)
    assert all(type(record) is dict for record in env.records)
