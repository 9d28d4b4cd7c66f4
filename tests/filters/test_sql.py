from typing import Any

import pytest

from pyrolens.api import OptionError
from pyrolens.filters.sql import Sql
from tests.filters.trial import records, shown
from tests.lent import Lent

RECORDS: list[dict[str, Any]] = [{"m": "a", "n": 9, "x": [1]}, {"m": "b", "n": 2}, {"n": None}]


def test_fields_keep_their_order() -> None:
    found = records(Sql(query="SELECT n AS number, m FROM STREAM;"), RECORDS)
    assert shown(found) == [[("m", "a"), ("number", 9)], [("m", "b"), ("number", 2)], [("number", None)]]


def test_records_that_hold() -> None:
    assert records(Sql(query="SELECT * FROM STREAM WHERE m = 'b' OR n > 5;"), RECORDS) == RECORDS[:2]
    assert records(Sql(query="SELECT m FROM STREAM WHERE n IS NULL;"), RECORDS) == [{}]


def test_a_field_twice_and_all_behind_others() -> None:
    env = Lent()
    assert records(Sql(query="SELECT m AS x, m AS y, * FROM STREAM;"), RECORDS[:1], env) == [{"x": "a"}]
    what = {"what": "'*' behind other fields has no effect", "hint": "write SELECT *"}
    assert env.said.lines == [("warning", "the query says something odd", what)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "SELECT m FROM STREAM",
            "the query does not compile: the query ends where ';' is expected (column 20 of the query); a query ends"
            " with a semicolon",
        ),
        (
            "SELECT m\nFROM STREAM\nWHERE m == 'a';",
            "the query does not compile: expected a number, a text in single quotes, true or false, not '=' (line 3,"
            " column 10 of the query); one = compares",
        ),
        (
            "SELECT a['b'] FROM STREAM;",
            "the query does not compile: '[' does not belong into a query (column 9 of the query); fields within fields"
            " cannot be named here",
        ),
    ],
)
def test_refused(query: str, message: str) -> None:
    assert list(Sql(query=query).check()) == [("query", message)]
    with pytest.raises(OptionError):
        Sql(query=query).compile(Lent())
