from types import SimpleNamespace
from typing import Any

from pyrolens.local.account import Row, Sent, settle
from pyrolens.local.places import Destination
from pyrolens.local.trace import Arrival, Fate
from pyrolens.outputs._record_lines import RecordLines
from pyrolens.outputs.kinesis_firehose import KinesisFirehose

S3, LOGS, OUT = "S3", "CloudWatch Logs /errors", "out.0 (stdout)"


def place(title: str, label: str, readable: bool = True, **options: Any) -> Destination:
    plugin = KinesisFirehose(delivery_stream="s", record=RecordLines(**options))
    built: Any = SimpleNamespace(label=label, plugin=plugin)
    return Destination(title=title, outputs=[built], readable=readable)


def to(*outputs: str, log: str = "x") -> Fate:
    return Fate([Arrival(output, "t", {"log": log}) for output in outputs])


def books(received: int, dropped: int = 0, failed: int = 0, given_up: int = 0, delivered: int = 0) -> dict[str, Any]:
    return {
        "inputs": {"forward.0": {"plugin": "forward", "records": received}},
        "filters": {"grep.0": {"dropped": dropped, "failed": failed}},
        "outputs": {"out.0": {"records": delivered, "bytes": 7 * delivered, "dropped_records": given_up}},
    }


def test_every_line_accounted_for() -> None:
    fates = [to("s3", log="a"), to("s3", "logs", log="caf\u00e9"), Fate(dropped_by=["grep.0"])]
    account = settle(
        Sent(3, 0, 0),
        fates,
        Fate(),
        [
            (place(S3, "s3"), [b'{"log":"caf\\u00e9"}', b'{ "log": "a" }']),
            (place(LOGS, "logs"), ['{"log":"caf\u00e9"}'.encode()]),
            (place("nothing (http)", "none"), []),
        ],
        books(3, dropped=1),
    )
    assert account.rows == [
        Row(S3, 2, 2, 33, b'{ "log": "a" }', True),
        Row(LOGS, 1, 1, 15, '{"log":"caf\u00e9"}'.encode(), True),
        Row("nothing (http)", 0, 0, 0, b"", True),
    ]
    assert (account.lines, account.dropped, account.wrong) == (3, {"grep.0": 1}, [])


def wrong(
    fates: list[Fate], arrived: list[tuple[Destination, list[bytes]]], kept: Any, sent: Sent | None = None
) -> list[str]:
    return settle(sent or Sent(len(fates), 0, 0), fates, Fate(), arrived, kept).wrong


def test_a_missing_record_and_one_too_many() -> None:
    one = b'{"log":"x"}'
    assert wrong([to("s3"), to("s3")], [(place(S3, "s3"), [one])], books(2)) == [
        "S3: 2 records expected, 1 are there, 1 missing"
    ]
    assert wrong([to("s3")], [(place(S3, "s3"), [one, one])], books(1)) == [
        "S3: 1 records expected, 2 are there, 1 too many"
    ]


def test_one_lost_and_another_doubled_is_seen_by_the_content() -> None:
    arrived = [(place(S3, "s3"), [b'{"log":"a"}', b'{"log":"a"}'])]
    assert wrong([to("s3", log="a"), to("s3", log="b")], arrived, books(2)) == [
        'S3: this record is not there: {"log": "b"}'
    ]


def test_where_an_output_reshapes_records_their_number_counts() -> None:
    assert wrong([to("s3")], [(place(S3, "s3", log_key="log"), [b"x"])], books(1)) == []
    assert wrong([to("s3", log="\udcff")], [(place(S3, "s3"), [b'{"log":"\xef\xbf\xbd"}'])], books(1)) == []


def test_a_destination_that_cannot_be_read_is_told_by_the_router() -> None:
    out = place(OUT, "out.0", readable=False)
    account = settle(Sent(2, 0, 0), [to("out.0"), to("out.0")], Fate(), [(out, [])], books(2, delivered=2))
    assert (account.rows, account.wrong) == ([Row(OUT, 2, 2, 14, b"", False)], [])
    assert wrong([to("out.0")], [(out, [])], books(1, delivered=0)) == [
        "out.0 (stdout): 1 records expected, the router delivered 0"
    ]


def test_lines_that_never_got_through() -> None:
    fates = [Fate(unrouted=1)]
    assert wrong(fates, [], books(1), Sent(4, 2, 1)) == [
        "2 lines found the log driver's buffer full (log-driver-buffer-limit)",
        "1 lines did not reach the router before the end",
        "1 lines came through the filters and matched no output",
    ]


def test_the_routers_own_numbers_must_agree() -> None:
    assert wrong([to(), to()], [], books(1, dropped=1, failed=3, given_up=4)) == [
        "2 lines were sent to the router, and it read 1",
        "filter grep.0 dropped 1 records, where the config means 0",
        "filter grep.0 failed at 3 records, which went on unchanged",
        "output out.0 gave up 4 records",
    ]
    assert wrong([], [], None) == ["the router left no books: it did not end as it should"]


def test_what_filters_let_go_later_is_expected_too() -> None:
    account = settle(Sent(1, 0, 0), [Fate()], to("s3"), [(place(S3, "s3"), [b'{"log":"x"}'])], books(1))
    assert account.wrong == []


def test_records_of_tasks_that_count_are_counted_as_the_router_counts_them() -> None:
    kept = books(1)
    kept["filters"]["stream_task:a"] = {"dropped": 0, "failed": 0, "emitted": 1}
    kept["filters"]["stream_task:b"] = {"dropped": 0, "failed": 0, "emitted": 1}
    kept["outputs"]["out.0"]["records"] = 2
    arrived = [(place(S3, "out.0"), [b'{"log":"x"}', b'{"n":1}'])]
    account = settle(Sent(1, 0, 0), [to("out.0")], Fate(), arrived, kept, {"stream_task:a"})
    assert (account.others, account.wrong) == ({"stream_task:a": 1}, [])


def test_records_of_files_are_counted_as_the_router_counts_them() -> None:
    kept = books(1, dropped=3, delivered=3)
    kept["inputs"]["tail.0"] = {"plugin": "tail", "records": 5}
    kept["inputs"]["tcp.0"] = {"plugin": "tcp", "records": 0}
    arrived = [b'{"log":"x"}', b"{}", b"{}"]
    one = place(S3, "out.0")
    account = settle(Sent(1, 0, 0), [to("out.0")], Fate(), [(one, arrived)], kept)
    assert (account.others, account.wrong) == ({"tail.0": 5}, [])
    assert account.rows == [Row(S3, 3, 3, 15, b"{}", True)]
    assert wrong([to("out.0")], [(one, arrived[:2])], kept) == ["S3: 3 records expected, 2 are there, 1 missing"]
    assert wrong([to("out.0")], [(one, [b"{}"] * 3)], kept) == ['S3: this record is not there: {"log": "x"}']
    assert wrong([Fate(dropped_by=["grep.0"])] * 4, [], kept)[1:] == [
        "filter grep.0 dropped 3 records, where the config means 4"
    ]
