"""What a query asks to be shown."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.records.regex.budget import OVERRUNS, WATCH
from pyrolens.service.wanted import NotUnderstoodError, Wanted, as_query, read_wanted, without_trace

RECORD: dict[str, Any] = {
    "level": "error", "status": 503, "ok": False, "none": None, "cost": 0.5, "raw": b"\xc3\xa9t\xc3\xa9",
    "kubernetes": {"labels": {"app": "web"}, "ips": ["10.0.0.1"]}, "message": 'GET "/a\\b"\ttook 3 s',
}  # fmt: skip


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ([], True),
        ([("text", "took 3")], True),
        ([("text", '"/a\\b"\t')], True),
        ([("text", "503")], True),
        ([("text", "web")], True),
        ([("text", "10.0.0")], True),
        ([("text", "été")], True),
        ([("text", "level")], False),
        ([("text", "took"), ("text", "gave")], False),
        ([("regex", "took \\d+ s$")], True),
        ([("regex", "(?i)ERR"), ("text", "GET")], True),
        ([("regex", "^took")], False),
        ([("field", "level=err*")], True),
        ([("field", "level=err")], False),
        ([("field", "level!=error")], False),
        ([("field", "nothing!=error")], True),
        ([("field", "nothing=*")], False),
        ([("field", "status=5*"), ("field", "ok=false"), ("field", "none=null"), ("field", "cost=0.5")], True),
        ([("field", "status~^5\\d\\d$")], True),
        ([("field", "status~^4")], False),
        ([("field", "none")], True),
        ([("field", "nothing")], False),
        ([("field", "$kubernetes['labels']['app']=w*b")], True),
        ([("field", "$kubernetes['labels']=*app*")], True),
        ([("field", "message~GET.*=")], False),
    ],
)
def test_records(query: list[tuple[str, str]], holds: bool) -> None:
    test = read_wanted(urlencode(query)).takes_record()
    assert (test is None or test(RECORD)) is holds


@pytest.mark.parametrize(
    ("tags", "tag", "takes"),
    [([], "a", True), (["app.*"], "app.web", True), (["app.*", "db"], "db", True), (["app.*"], "app", False)],
)
def test_tags(tags: list[str], tag: str, takes: bool) -> None:
    assert Wanted(tag=tags).takes_tag()(tag) is takes


def test_all_of_a_query() -> None:
    wanted = Wanted(("after:a", "output:*"), ("app.*",), ("x&y",), ("[0-9]+",), ("a=b", "c"), 10, 2.5, 7, 60.0)
    assert read_wanted(urlencode(as_query(vars(wanted)))) == wanted
    assert read_wanted("") == Wanted()
    assert as_query({"rate": None, "tag": [], "count": 3}) == [("count", "3")]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("pint=x", "there is no parameter 'pint': did you mean 'point'?"),
        ("rate=fast", "rate is 'fast': expected a number from 0 to 10000"),
        ("rate=nan", "rate is 'nan': expected a number from 0 to 10000"),
        ("every=0", "every is '0': expected a whole number from 1 to 1e+12"),
        ("every=1.5", "every is '1.5': expected a whole number from 1 to 1e+12"),
        ("seconds=3601", "seconds is '3601': expected a number from 0.1 to 3600"),
        ("regex=(", "the pattern '(' cannot be read: "),
        ("regex=(a%2B)%2B$", "the pattern '(a+)+$' can take very long: "),
        ("field=%3Dx", "the field of '=x' has no name: expected such as level=error*"),
        ("field=$a[%3Dx", "the field '$a[' cannot be read: "),
        ("&".join(["text=x"] * 21), "text is given 21 times: expected 20 at most"),
        ("&".join(["tag=x"] * 101), "the query cannot be read: "),
        ("tag=%ff", "the query cannot be read: "),
    ],
)
def test_what_is_not_understood(query: str, said: str) -> None:
    with pytest.raises(NotUnderstoodError) as raised:
        read_wanted(query).takes_record()
    assert str(raised.value).startswith(said)


def test_a_pattern_of_a_listener_costs_the_filters_nothing() -> None:
    class Slow:
        text = "slow"

        def test(self, text: str) -> bool:
            WATCH.left -= 0.5
            OVERRUNS["slow"] = OVERRUNS.get("slow", 0) + 1
            return False

    left = WATCH.left
    test = without_trace(Slow())  # type: ignore[arg-type]
    assert not test("x")
    assert (WATCH.left, "slow" in OVERRUNS) == (left, False)
    OVERRUNS["slow"] = 3
    test("x")
    assert OVERRUNS.pop("slow") == 3


NAMES = st.sampled_from(["point", "tag", "text", "regex", "field", "every", "rate", "count", "seconds", "x"])
TEXTS = st.text(max_size=12) | st.text("ab*$[]'.~!=()+?|^\\d0", max_size=10)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NAMES, TEXTS), max_size=4))
def test_any_query_is_understood_or_refused(query: list[tuple[str, str]]) -> None:
    try:
        wanted = read_wanted(urlencode(query, errors="surrogatepass"))
        test, takes = wanted.takes_record(), wanted.takes_tag()
    except NotUnderstoodError:
        return
    assert takes("app.web") in (True, False)
    assert test is None or test(RECORD) in (True, False)
