import pytest

from pyrolens.api import Line, OptionError, Record
from pyrolens.filters.grep import Grep, doubt_operation, read_operation
from tests.filters.trial import misfits, records

A: Record = {"log": "GET /a 200", "source": "stdout"}
B: Record = {"log": "ERROR b", "source": "stdout"}
C: Record = {"log": "ERROR c", "source": "stderr"}
D: Record = {"other": 1}


def grep(*rules: str, op: str = "legacy") -> Grep:
    split = [rule.split(" ", 1) for rule in rules]
    return Grep(rules=[Line(kind, text) for kind, text in split], logical_op=op)


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        (grep(), [A, B, C, D]),
        (grep("regex log ERROR"), [B, C]),
        (grep("exclude log ERROR"), [A, D]),
        (grep("regex log ."), [A, B, C]),
        (grep("exclude log nothing"), [A, B, C, D]),
        # the first Regex decides
        (grep("regex log ERROR", "regex source stderr"), [B, C]),
        (grep("regex source stdout", "exclude log ERROR"), [A, B]),
        (grep("exclude log ERROR", "regex source stdout"), [A]),
        (grep("exclude log GET", "exclude source stderr"), [B, D]),
        (grep("regex log ERROR", "regex source stderr", op="and"), [C]),
        (grep("regex log ERROR", "regex source stderr", op="or"), [B, C]),
        (grep("regex log GET", "regex source stderr", op="or"), [A, C]),
        (grep("exclude log ERROR", "exclude source stdout", op="and"), [A, C, D]),
        (grep("exclude log ERROR", "exclude source stdout", op="or"), [D]),
        (grep("exclude log nothing", op="or"), [A, B, C, D]),
        (grep("regex $log  ERROR"), []),
    ],
)
def test_what_stays(plugin: Grep, expected: list[Record]) -> None:
    assert records(plugin, [A, B, C, D]) == expected
    assert records(plugin, [A, B, C, D] * 10) == expected_of(expected)


def expected_of(expected: list[Record]) -> list[Record]:
    return expected * 10


def test_only_text_matches() -> None:
    given: list[Record] = [{"v": v} for v in (5, -5, 2.5, True, None, "5", ["5"], {"5": "5"}, b"5")]
    assert records(grep("regex v .*"), given) == [{"v": "5"}]
    assert records(grep("exclude v .*"), given) == [r for r in given if r != {"v": "5"}]


def test_fields_inside_of_others() -> None:
    given: list[Record] = [{"k": {"app": "check"}}, {"k": {"app": "bill"}}, {"k": "check"}, {"k": ["check"]}, {}]
    assert records(grep("regex $k['app'] ^check"), given) == [given[0], given[2]]
    assert records(grep("regex $k[0] ^check"), given) == [given[2], given[3]]


def test_few_of_many_go_and_most_of_many_go() -> None:
    given: list[Record] = [{"log": f"{'ERROR' if n % 50 == 0 else 'fine'} {n}"} for n in range(200)]
    assert records(grep("exclude log ERROR"), given) == [r for n, r in enumerate(given) if n % 50]
    assert records(grep("exclude log fine"), given) == [r for n, r in enumerate(given) if n % 50 == 0]


@pytest.mark.parametrize(
    ("plugin", "option", "message"),
    [
        (grep("regex log"), "regex", "regex is 'log': expected a field and a pattern"),
        (
            grep("exclude log (x"),
            "exclude",
            "the pattern '(x' does not compile: a ( without its ) (at character 1)",
        ),
        (grep("regex $['a'] x"), "regex", "'$['a']' is no accessor: expected $key, $key['sub'] or $key[0]"),
        (
            grep("regex a x", "exclude a x", op="and"),
            "exclude",
            "with Logical_Op AND or OR the rules must all be Regex or all be Exclude",
        ),
    ],
)
def test_refused(plugin: Grep, option: str, message: str) -> None:
    assert misfits(plugin) == [(option, message)]
    with pytest.raises(OptionError) as caught:
        records(plugin, [])
    assert (caught.value.option, str(caught.value)) == (option, message)


def test_an_unknown_operation_is_legacy() -> None:
    assert [read_operation(t) for t in ("AND", "or", "Legacy", "xor")] == ["and", "or", "legacy", "legacy"]
    assert doubt_operation("xor") == "AND, OR or legacy is expected; legacy is taken"
    assert doubt_operation("Or") == ""
