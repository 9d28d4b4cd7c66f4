from typing import Any

import pytest

from pyrolens.api import Parse, Record, Stamp
from pyrolens.multiline import LIMIT, MultilineParser, read_limit, rule
from pyrolens.multiline import joiner as joiner_module
from pyrolens.multiline.builtin import BUILTIN
from pyrolens.multiline.joiner import Joiner, Owner
from pyrolens.plugin import builtin_parser
from tests.lent import Lent

TRACE = [
    "java.lang.IllegalStateException: cart 42 is locked",
    "\tat com.shop.cart.CartLock.acquire(CartLock.java:88)",
    "\tat com.shop.web.CheckoutController.post(CheckoutController.java:41)",
]


def by_rules(*rules: tuple[str, str, str | None], **options: Any) -> MultilineParser:
    return MultilineParser(name="own", type="regex", rules=tuple(rule(*each) for each in rules), **options)


def find(name: str) -> Parse | None:
    parser = builtin_parser(name)
    return parser.compile(Lent()) if parser else None


def joiner(*parsers: MultilineParser | str, key_content: str | None = "log", limit: int = LIMIT) -> Joiner:
    return Joiner([BUILTIN[p] if isinstance(p, str) else p for p in parsers], find, key_content, limit)


def texts(joins: Joiner, lines: list[str]) -> list[str]:
    """What comes out of lines, those that wait at the end marked with a star."""
    out = [j.record["log"] for n, line in enumerate(lines) for j in joins.feed("s", n, {"log": line})]
    return out + ["*" + j.record["log"] for j in joins.flush("s")]


BEGIN = by_rules(("start_state", "^begin", "cont"), ("cont", r"^\s", "cont"))


def test_a_group_ends_where_a_line_does_not_fit() -> None:
    assert texts(joiner(BEGIN), ["x", "begin a", " 1", " 2", "begin b", "other", "begin c"]) == [
        "x",
        "begin a\n 1\n 2",
        "begin b",
        "other",
        "*begin c",
    ]


def test_the_state_stays_behind_a_line_that_does_not_fit() -> None:
    assert texts(joiner(BEGIN), ["begin", "other", " stray", " more", "other"]) == [
        "begin",
        "other",
        " stray\n more",
        "other",
    ]


def test_empty_lines_and_line_ends() -> None:
    blank = by_rules(("start_state", "^begin", "cont"), ("cont", r"^(\s|$)", "cont"))
    assert texts(joiner(blank), ["begin", "", " x", "", "end"]) == ["begin\n\n x\n\n", "end"]
    assert texts(joiner(BEGIN), ["begin\n", " x\n", " y", "end"]) == ["begin\n x\n y", "end"]


def test_other_fields_and_the_time_are_those_of_the_first_line() -> None:
    joins = joiner(BEGIN)
    first: Record = {"a": 1, "log": "begin", "b": 2}
    assert joins.feed("s", 10, first) == []
    assert joins.feed("s", 20, {"log": " x", "a": 9, "c": 3}) == []
    (joined,) = joins.flush("s")
    assert (joined.stream, joined.ns, joined.record) == ("s", 10, {"a": 1, "log": "begin\n x", "b": 2})
    assert list(joined.record) == ["a", "log", "b"]
    assert first == {"a": 1, "log": "begin", "b": 2}


@pytest.mark.parametrize("record", [{"x": 1}, {"log": 5}, {"log": None}, {"log": b" bytes"}, {}])
def test_records_without_a_line_stand_alone(record: Record) -> None:
    joins = joiner(BEGIN)
    joins.feed("s", 1, {"log": "begin"})
    assert [j.record for j in joins.feed("s", 2, record)] == [{"log": "begin"}, record]


def test_without_a_key_nothing_is_joined() -> None:
    joins = joiner("java", key_content=None)
    assert [j.record for line in TRACE for j in joins.feed("s", 1, {"log": line})] == [{"log": line} for line in TRACE]


def test_a_line_that_may_be_the_last_comes_twice() -> None:
    lines = ["Traceback (most recent call last):", '  File "a.py", line 1, in b', "    c()", "KeyError: 'd'", "end"]
    assert texts(joiner("python"), lines) == ["\n".join(lines[:4]), lines[3], "end"]


def test_what_goes_on_from_a_group_that_is_gone_has_nothing_else_and_an_old_time() -> None:
    joins = joiner("python")
    lines = ["Traceback (most recent call last):", "unfit", "KeyError: 'd'", "end"]
    out = [(j.ns, j.record) for n, line in enumerate(lines) for j in joins.feed("s", n, {"log": line, "n": n})]
    assert out == [
        (0, {"log": lines[0], "n": 0}),
        (1, {"log": lines[1], "n": 1}),
        (1, {"log": lines[2]}),
        (2, {"log": lines[2], "n": 2}),
        (3, {"log": lines[3], "n": 3}),
    ]


def test_several_start_states_and_rules_of_several_states() -> None:
    two = by_rules(
        ("start_state", "^A", "plus"),
        ("start_state", "^B", "minus"),
        ("plus", r"^\+", "plus"),
        ("minus, plus", "^-", "minus"),
    )
    lines = ["A one", "+ x", "- y", "+ z", "B two", "- y"]
    assert texts(joiner(two), lines) == [
        "A one\n+ x\n- y",
        "+ z",
        "*B two\n- y",
    ]


def test_a_rule_that_leads_nowhere_is_complete_at_the_next_line() -> None:
    nowhere = by_rules(("start_state", "^A", None), ("start_state", "^B", "c"), ("c", "^ ", "c"))
    assert texts(joiner(nowhere), ["A", " x", "A", "B", " x"]) == ["A", " x", "A", "*B\n x"]


def test_several_parsers() -> None:
    joins = joiner("java", "python")
    python = ["Traceback (most recent call last):", '  File "a.py", line 1, in b', "    c()", "KeyError: 'd'"]
    # each keeps what it has begun, so what was complete first comes first
    assert texts(joins, [*TRACE, *python, "end"]) == ["\n".join(python), "\n".join(TRACE), python[3], "end"]


def test_streams_do_not_meet() -> None:
    joins = joiner("java")
    for line in TRACE:
        assert joins.feed("a", 1, {"log": line}) == []
        assert joins.feed("b", 2, {"log": line}) == []
    assert joins.waits("a")
    assert [(j.stream, j.record["log"]) for j in joins.feed("a", 3, {"log": "end"})] == [
        ("a", "\n".join(TRACE)),
        ("a", "end"),
    ]
    assert not joins.waits("a")
    assert joins.waits("b")
    assert [j.record["log"] for j in joins.forget("b")] == ["\n".join(TRACE)]
    assert joins.flush("b") == []


@pytest.mark.parametrize(
    ("options", "lines", "expected"),
    [
        ({"type": "endswith"}, ["one", "two;", "three;", "four"], ["onetwo;", "three;", "*four"]),
        ({"type": "endswith", "negate": True}, ["one;", "two", ";", "three"], ["one;two", ";three"]),
        ({"type": "equal"}, ["one", ";", "two;"], ["one;", "*two;"]),
        ({"type": "eq", "negate": True}, [";", ";", "x", "y"], [";;x", "y"]),
    ],
)
def test_by_a_text_to_compare_with(options: dict[str, Any], lines: list[str], expected: list[str]) -> None:
    assert texts(joiner(MultilineParser(name="own", match_string=";", **options)), lines) == expected


def test_a_line_shorter_than_the_text_it_should_end_with_stands_alone() -> None:
    parser = MultilineParser(name="own", type="endswith", match_string=";;")
    assert texts(joiner(parser), ["one", "x", "two;;"]) == ["one", "x", "two;;"]


def test_docker() -> None:
    joins = joiner("docker")
    lines = [
        '{"log":"one, ","stream":"stdout","time":"2026-05-28T09:12:31.1Z"}',
        '{"log":"err\\n","stream":"stderr","time":"2026-05-28T09:12:31.2Z"}',
        '{"log":"two\\n","stream":"stdout","time":"2026-05-28T09:12:31.3Z"}',
    ]
    out = [(j.ns, j.record) for line in lines for j in joins.feed("s", 1, {"log": line, "gone": 1})]
    assert out == [
        (1779959551_200_000_000, {"log": "err\n", "stream": "stderr", "time": "2026-05-28T09:12:31.2Z"}),
        (1779959551_100_000_000, {"log": "one, two\n", "stream": "stdout", "time": "2026-05-28T09:12:31.1Z"}),
    ]
    assert [j.record for j in joins.feed("s", 5, {"log": "no json"})] == [{"log": "no json"}]


def test_cri_as_text() -> None:
    joins = joiner("cri", key_content=None)
    lines = [
        "2026-05-28T09:12:31.000000001Z stdout P part one ",
        "2026-05-28T09:12:31.000000002Z stderr F err",
        "2026-05-28T09:12:31.000000003Z stdout F part two",
    ]
    out = [(j.ns, j.record["_p"], j.record["log"]) for line in lines for j in joins.feed_text("s", 1, line)]
    assert out == [(1779959551_000_000_002, "F", "err"), (1779959551_000_000_001, "P", "part one part two")]
    assert [(j.ns, j.record) for j in joins.feed_text("s", 7, "garbage")] == [(7, {"log": "garbage"})]


def test_text_without_a_key_ends_with_a_line_feed() -> None:
    joins = joiner("java", key_content=None)
    out = [(j.ns, j.record) for n, line in enumerate([*TRACE, "end"]) for j in joins.feed_text("s", n, line)]
    assert out == [(2, {"log": "\n".join(TRACE) + "\n"}), (3, {"log": "end\n"})]
    keyed = joiner("java", key_content="message")
    out = [(j.ns, j.record) for n, line in enumerate([*TRACE, "end"]) for j in keyed.feed_text("s", n, line)]
    assert out == [(2, {"message": "\n".join(TRACE)}), (3, {"message": "end"})]


def test_metadata_is_put_together() -> None:
    joins = joiner(BEGIN)
    joins.feed("s", Stamp(1, {"trace": b"\x01\xff", "a": 1}), {"log": "begin"})
    joins.feed("s", Stamp(2, {"a": 2, "b": [b"\x02", {"c": b""}]}), {"log": " x"})
    (joined,) = joins.flush("s")
    assert isinstance(joined.ns, Stamp)
    assert (joined.ns, joined.ns.metadata) == (1, {"trace": "01ff", "a": 2, "b": ["02", {"c": ""}]})
    (alone,) = joins.feed("s", Stamp(3, {"z": 1}), {"log": "alone"})
    assert isinstance(alone.ns, Stamp)
    assert alone.ns.metadata == {"z": 1}
    joins.feed("s", Stamp(5, {}, {"r": 1}), {"log": "begin"})
    (joined,) = joins.flush("s")
    assert isinstance(joined.ns, Stamp)
    assert joined.ns.group == {"r": 1}
    assert type(joins.feed("s", 4, {"log": "alone"})[0].ns) is int


def test_the_limit_cuts_and_says_so() -> None:
    joins = joiner(BEGIN, limit=10)
    joins.feed("s", 1, {"log": "begin"})
    (joined,) = joins.feed("s", 2, {"log": " éééé"})
    assert joined.record == {"log": "begin\n é\udcc3"}
    assert joined.truncated
    assert isinstance(joined.ns, Stamp)
    assert joined.ns.metadata == {"multiline_truncated": True}
    # the rest of the group stands alone
    assert [j.record["log"] for j in joins.feed("s", 3, {"log": " more"})] == [" more"]
    assert joins.feed("s", 4, {"log": "begin and more", "n": 1}) == []
    (joined,) = joins.feed("s", 5, {"log": " x"})
    assert (joined.record, joined.truncated) == ({"log": "begin and \n", "n": 1}, True)


def test_owners_come_back_with_the_record_that_their_lines_are_in() -> None:
    joins = joiner(BEGIN)
    one, two = Owner(), Owner()
    assert joins.feed("s", 1, {"log": "begin"}, one) == []
    assert joins.feed("s", 1, {"log": " x"}, one) == []
    assert joins.feed("s", 2, {"log": " y"}, two) == []
    assert (one.waiting, two.waiting) == (1, 1)
    (joined,) = joins.feed("s", 3, {"log": "begin"}, two)
    assert joined.owners == [one, two]
    assert (one.waiting, two.waiting) == (1, 2)
    (joined,) = joins.flush("s")
    assert joined.owners == [two]
    (joined,) = joins.feed("s", 4, {"log": "alone"}, one)
    assert joined.owners == []


def test_streams_that_wait_for_nothing_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joiner_module, "MOST_STREAMS", 2)
    joins = joiner(BEGIN)
    assert joins.feed("waits", 1, {"log": "begin"}) == []
    assert len(joins.feed("idle", 2, {"log": "x"})) == 1
    assert joins.feed("third", 3, {"log": "begin 3"}) == []
    assert joins.waits("waits")
    assert [(j.stream, j.record["log"]) for j in joins.feed("fourth", 4, {"log": "begin 4"})] == [("waits", "begin")]


def test_a_parser_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="'own' needs the parser 'ghost'"):
        joiner(by_rules(("start_state", "x", None), parser="ghost"))


@pytest.mark.parametrize(
    ("text", "limit"),
    [("2MB", 2 << 20), ("64k", 65536), ("1KiB", 1024), ("1.5M", 3 << 19), ("10", 10), ("false", 0), ("0", 0),
     ("", LIMIT), ("much", LIMIT), ("-5", LIMIT), ("3T", LIMIT)],
)  # fmt: skip
def test_limits(text: str, limit: int) -> None:
    assert read_limit(text) == limit
