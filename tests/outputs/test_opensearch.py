import json
from typing import Any

import pytest

from pyrolens.api import DELIVERED
from pyrolens.outputs._bulk import Bulk
from pyrolens.outputs.opensearch import Opensearch, xxhash_id
from tests.outputs import vendors
from tests.outputs.sending import events, sent
from tests.outputs.test_es import THREE, failing, make, numbers

OPENSEARCH: Any = Opensearch


def actions(batch: Any, tag: str = "web.app", **options: Any) -> list[dict[str, Any]]:
    outcomes, (request,) = sent(make(OPENSEARCH, **options), vendors.bulk(), batch, tag=tag)
    assert outcomes == [DELIVERED]
    return [json.loads(line)["create"] for line in request.body.splitlines()[::2]]


def test_the_request() -> None:
    _, (request,) = sent(make(OPENSEARCH, pipeline="p"), vendors.bulk("/_bulk/?pipeline=p"), events({"log": "one"}))
    assert request.body == (
        b'{"create":{"_index":"fluent-bit","_type":"_doc"}}\n{"@timestamp":"2024-06-10T06:13:20.123Z","log":"one"}\n'
    )


def test_an_index_with_fields() -> None:
    batch = events({"app": "shop"}, {"app": 'q"'}, {"n": 1})
    assert [action["_index"] for action in actions(batch, index="logs-$app")] == ["logs-shop", "fluent-bit", "logs-"]
    assert [action["_index"] for action in actions(batch, index="$app")] == ["shop", "fluent-bit", "fluent-bit"]
    assert [action["_index"] for action in actions(batch, index="$TAG[1]")] == ["app"] * 3


def test_ids_of_the_records() -> None:
    """As Fluent Bit made them: XXH3 of the packed record, with its time and its tag."""
    batch = [(1718000000_100000000, {"log": "one"}), (1718000000_200000000, {"log": "two"})]
    assert [action["_id"] for action in actions(batch, generate_id=True)] == [
        "02FA0E9A-DEFB-FA4D-6C86-26CA9F448075", "2F3DD774-AF31-2FF6-52A6-93F4B47D8F52",
    ]  # fmt: skip
    assert len(xxhash_id(b"x")) == 36


@pytest.mark.parametrize(
    ("statuses", "sends"),
    [((201, 429, 201), [[0, 1, 2], [1]]), ((201, 409, 201), [[0, 1, 2]]), ((400, 201, 201), [[0, 1, 2]])],
)
def test_only_what_failed_is_sent_again(statuses: tuple[int, ...], sends: list[list[int]]) -> None:
    outcomes, requests = vendors.settled(make(OPENSEARCH), failing(*statuses), THREE)
    assert numbers(requests) == sends
    assert dict(outcomes[0].rejected) == ({0: "400 e"} if 400 in statuses else {})


def test_wrong_options() -> None:
    assert list(OPENSEARCH(bulk=Bulk(index="$a$b")).check()) == [
        ("index", "index: '$a$b' is no accessor: expected $key, $key['sub'] or $key[0]")
    ]
