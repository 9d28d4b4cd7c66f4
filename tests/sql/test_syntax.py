from dataclasses import replace

import pytest

from pyrolens.sql.nodes import (
    Both,
    Column,
    Compare,
    Condition,
    Contains,
    Either,
    Field,
    IsNull,
    Not,
    QueryError,
    RecordTime,
    Truth,
    Window,
)
from pyrolens.sql.syntax import read_selection, read_task

T = "FROM TAG:'app.*'"
A, B, C = (Truth(Field(name)) for name in "abc")


def columns(text: str) -> list[Column]:
    return [replace(column, at=0, length=1) for column in read_task(f"SELECT {text} {T};").columns]


def where(text: str) -> Condition | None:
    return read_task(f"SELECT * {T} WHERE {text};").where


def wrong(query: str) -> tuple[str, str, str]:
    """(what is pointed at, the message, the hint)"""
    with pytest.raises(QueryError) as raised:
        read_task(query)
    error = raised.value
    return query[error.at : error.at + error.length], str(error), error.hint


def doubts(query: str) -> list[tuple[str, str]]:
    return [(query[d.at : d.at + d.length], d.message) for d in read_task(query).doubts]


def test_columns() -> None:
    assert columns("*, a, b['c']['d''e'] AS x, now(), RECORD_TAG() AS t") == [
        Column(),
        Column(Field("a")),
        Column(Field("b", ("c", "d'e")), alias="x"),
        Column(None, "NOW"),
        Column(None, "RECORD_TAG", "t"),
    ]
    assert columns("count(*), COUNT(a), SUM(n) as s, MIN(a['b']), TIMESERIES_FORECAST(n, 60)") == [
        Column(None, "COUNT"),
        Column(Field("a"), "COUNT"),
        Column(Field("n"), "SUM", "s"),
        Column(Field("a", ("b",)), "MIN"),
        Column(Field("n"), "TIMESERIES_FORECAST", seconds=60),
    ]


def test_keys() -> None:
    assert [c.key for c in columns("COUNT(*), sum(a['b']), AVG(n) AS mean, NOW()")] == [
        "COUNT(*)", "SUM(a['b'])", "mean", "NOW()",
    ]  # fmt: skip
    assert [c.key for c in columns("a['b'], a.b, a AS x")] == ["a['b']", "a.b", "x"]


def test_a_stream() -> None:
    query = f"CREATE STREAM errors WITH (tag='err.x', routable='off', tag='y') AS SELECT * {T};"
    statement = read_task(query)
    assert (statement.kind, statement.name) == ("stream", "errors")
    assert statement.properties == {"tag": "err.x", "routable": "off"}
    assert query[statement.at :].startswith("errors WITH")
    assert read_task(f"CREATE STREAM e AS SELECT * {T};").property("tag") is None


def test_the_rest_of_a_select() -> None:
    statement = read_task(
        "select a, count(*) from stream:tail.0 window tumbling (5 minute) where n > 1 group by a, b['c'];"
    )
    assert (statement.source.kind, statement.source.name) == ("stream", "tail.0")
    assert statement.window == Window(300, 300)
    assert statement.where == Compare(Field("n"), ">", 1)
    assert statement.group == (Field("a"), Field("b", ("c",)))
    hopping = read_task(f"SELECT COUNT(*) {T} WINDOW HOPPING (1 HOUR, ADVANCE BY 90 SECOND);")
    assert hopping.window == Window(3600, 90)


def test_snapshots() -> None:
    kept = read_task(f"CREATE SNAPSHOT s WITH (tag='x', seconds='60') AS SELECT * {T} LIMIT 5;")
    assert (kept.kind, kept.name, kept.limit, kept.seconds) == ("snapshot", "s", 5, 60)
    flush = read_task("FLUSH SNAPSHOT s WITH (tag='y') AS SELECT * FROM TAG:'go' WHERE a;")
    assert (flush.kind, flush.name, flush.where) == ("flush", "s", A)


def test_conditions() -> None:
    assert where("a = 'it''s'") == Compare(Field("a"), "=", "it's")
    assert where("a['b'] >= -2.5") == Compare(Field("a", ("b",)), ">=", -2.5)
    assert where("a <> true") == where("a != TRUE") == Not(Compare(Field("a"), "=", True))
    assert where("a IS NOT NULL") == Not(IsNull(Field("a")))
    assert where("@record.contains(a['b'])") == Compare(Contains(Field("a", ("b",))), "=", True)
    assert where("@RECORD.time() < 9999999999") == Compare(RecordTime(), "<", 9999999999)
    assert where("5") == Truth(5)


@pytest.mark.parametrize(
    ("text", "read", "doubt"),
    [
        ("a AND b OR c", Both(A, Either(B, C)), ["AND"]),
        ("a OR b AND c", Either(A, Both(B, C)), []),
        ("(a AND b) OR c", Either(Both(A, B), C), []),
        ("a AND (b OR c)", Both(A, Either(B, C)), []),
        ("NOT a AND b", Not(Both(A, B)), ["NOT"]),
        ("(NOT a) AND b", Both(Not(A), B), []),
        ("NOT (a) OR b", Not(Either(A, B)), ["NOT"]),
        ("NOT NOT a", Not(Not(A)), []),
        ("a AND b AND c", Both(A, Both(B, C)), []),
    ],
)
def test_words_reach_as_far_as_they_can(text: str, read: Condition, doubt: list[str]) -> None:
    query = f"SELECT * {T} WHERE {text};"
    assert read_task(query).where == read
    assert [word for word, _ in doubts(query)] == doubt


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", ("", "the query ends where SELECT, CREATE STREAM, CREATE SNAPSHOT or FLUSH SNAPSHOT is expected", "")),
        (f"SELECT * {T}", ("'", "the query ends where ';' is expected", "a query ends with a semicolon")),
        (f"SELECT * {T};;", (";", "expected the end, not ';'", "")),
        ("SELECT * FROM x;", ("x", "expected STREAM:name or TAG:'pattern', not 'x'", "")),
        (
            "SELECT * FROM TAG :'x';",
            (
                "TAG",
                "expected STREAM:name or TAG:'pattern', not 'TAG'",
                "a source is STREAM:name or TAG:'pattern', without a blank before the colon",
            ),
        ),
        ("SELECT * FROM TAG:'x;", ("'x;", "the text has no closing quote", "a quote within text is written ''")),
        (f"SELECT a, * {T};", ("*", "'*' can only come first", "")),
        (
            f"SELECT time {T};",
            (
                "time",
                "expected a name, '*' or a function, not 'time'",
                "TIME is a word of the language, so nothing can be called so here; SELECT * takes all fields",
            ),
        ),
        (
            f"SELECT * {T} WHERE a == 1;",
            ("=", "expected a number, a text in single quotes, true or false, not '='", "one = compares"),
        ),
        (
            f"SELECT * {T} WHERE a = null;",
            (
                "null",
                "expected a number, a text in single quotes, true or false, not 'null'",
                "write IS NULL or IS NOT NULL",
            ),
        ),
        (
            f"SELECT * {T} WHERE a = b;",
            (
                "b",
                "expected a number, a text in single quotes, true or false, not 'b'",
                "fields are compared with constants only; text stands in single quotes",
            ),
        ),
        (
            f"SELECT * {T} WHERE a LIKE 'x';",
            ("LIKE", "expected ';', not 'LIKE'", "there is no LIKE; the filter grep has regular expressions"),
        ),
        (
            f"SELECT a, COUNT(*) {T};",
            ("a", "the field a has many values beside a function over records", "GROUP BY a"),
        ),
        (
            f"SELECT a, COUNT(*) {T} GROUP  BY a;",
            ("GROUP", "expected ';', not 'GROUP'", "GROUP BY is written with one blank, behind WHERE"),
        ),
        (
            f"SELECT COUNT(*) {T} WINDOW TUMBLING (0 SECOND);",
            ("0", "0 is no length of a window", "expected at least 1"),
        ),
        (
            f"CREATE SNAPSHOT s WITH (tag='x') AS SELECT * {T};",
            (
                "s",
                "the snapshot s has no size",
                "LIMIT 100 behind the source keeps 100 records; WITH (seconds='60') keeps those of a minute",
            ),
        ),
        (
            f"CREATE SNAPSHOT s AS SELECT * {T} LIMIT 5;",
            ("s", "the snapshot s needs a tag", "WITH (tag='x')"),
        ),
    ],
)
def test_refused(query: str, told: tuple[str, str, str]) -> None:
    assert wrong(query) == told


def test_what_was_left_out_explains_the_mistake() -> None:
    _, _, hint = wrong(f"SELECT * {T} WHERE a = 1 -- why\n;")
    assert hint.endswith("there are no comments, and no -0.5")


def test_too_deep() -> None:
    depth = 100_000
    _, message, _ = wrong(f"SELECT * {T} WHERE {'(' * depth}a{')' * depth};")
    assert message == "the condition is nested too deeply"


def test_doubts() -> None:
    assert doubts(f"SELECT a {T} WHERE n = +1;") == [("+", "'+' means nothing here and is left out")]
    assert doubts(f"CREATE STREAM q WITH (Tag='x') AS SELECT a {T};") == [("Tag", "'Tag' means nothing here")]
    assert doubts(f"SELECT a {T} WINDOW TUMBLING (5 SECOND) GROUP BY a LIMIT 5;") == [
        ("WINDOW", "the window has no effect here"),
        ("GROUP BY", "GROUP BY has no effect without a function"),
        ("LIMIT", "LIMIT has no effect here"),
    ]
    query = f"SELECT COUNT(*) {T} WINDOW HOPPING (1 SECOND, ADVANCE BY 5 SECOND);"
    assert doubts(query) == [
        ("HOPPING", "the windows are further apart than they are long, so each is as long as that")
    ]
    assert read_task(query).window == Window(5, 5)


def test_selections() -> None:
    statement = read_selection("SELECT count, a AS b FROM STREAM foo WHERE time > 5 AND tag.x;")
    assert [(str(c.field), c.key) for c in statement.columns] == [("count", "count"), ("a", "b")]
    assert statement.where == Both(Compare(Field("time"), ">", 5), Truth(Field("tag.x")))
    assert [d.message for d in read_selection("SELECT a, * FROM STREAM;").doubts] == [
        "'*' behind other fields has no effect"
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT a FROM STREAM", "the query ends where ';' is expected"),
        ("SELECT a FROM STREAM:x;", "':' does not belong into a query"),
        ("SELECT a FROM STREAM WHERE a['b'];", "'[' does not belong into a query"),
        ("SELECT COUNT(*) FROM STREAM;", "expected ',' or FROM, not '('"),
        ("SELECT a FROM STREAM LIMIT 1;", "expected ';', not '1'"),
    ],
)
def test_selections_refused(query: str, message: str) -> None:
    with pytest.raises(QueryError) as raised:
        read_selection(query)
    assert str(raised.value) == message
