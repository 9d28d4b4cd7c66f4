"""Which patterns can take very long, and that those which cannot do not."""

import itertools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyrolens.records.regex import PatternError, compile_pattern
from pyrolens.records.regex import _matchers as matchers
from pyrolens.records.regex import _short as watched_from
from pyrolens.records.regex.budget import LONG, SHORT, WATCH, OverBudgetError
from pyrolens.records.regex.danger import danger_of
from pyrolens.records.regex.syntax import parse


def power(pattern: str) -> int | None:
    """0: exponential; None: no danger."""
    danger = danger_of(parse(pattern).node)
    return danger.power if danger else None


@pytest.mark.parametrize(
    ("pattern", "repeated"),
    [
        ("(a+)+b", "a"),
        ("(a*)*b", "a"),
        (r"^(\w+\s?)+$", "0"),
        ("(a|a)*b", "aa"),
        ("(a|ab|b)*c", "aba"),
        ("(a{2}|a{3})+b", "aaaaaa"),
        ("(a*b*)*c", "a"),
        (r"(\d{1,30}){1,30}x", "00"),
        ("(?=(a+)+b)", "a"),
        ("x(?>(a+)+b)", "a"),
        ("(?:a?){30}b", ""),
        ("(?i)(ß|ss)+x", "SSS"),
        (r"(?<x>\((?:[^()]+|\g<x>)*\))", "0"),
        (r"(?<x>a\g<x>?a?)b", ""),
        (r"(?:a?\w\b*)*c", "a"),
        (r"(?:(?=a)+a)*c", "a"),
    ],
)
def test_exponential(pattern: str, repeated: str) -> None:
    danger = danger_of(parse(pattern).node)
    assert danger is not None
    assert (danger.power, danger.text, danger.told) == (0, repeated, True)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",  # nothing after it can fail
        "(a++)+b",
        "(?>a+)+b",
        "(a+)++b",
        "(?>(a+)+)b",
        r"(\w+\b\s*)+$",
        r"(\w+\s)+$",
        r"(\d{10})+x",
        r"(?:[^\"\\]|\\.)*\"",
        r"([^\"]|\\\")*\"",
        "(?:(?!--).)*x",
        r"^(?:\d{1,3}\.){3}\d{1,3}$",
        "^(.*) (.*) (.*) (.*) (.*)$",
        r"^(?<a>[^ ]*) (?<b>[^ ]*) \[(?<c>[^\]]*)\] (?<d>.*)$",
        "^.*ERROR.*$",
        r"\s+$",
    ],
)
def test_quick(pattern: str) -> None:
    assert power(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^a*a*b", None),
        ("^a*a*a*b", 3),
        ("a*a*b", 3),
        ("x.*y.*z", 3),
        ("^.*x.*y.*z", 3),
        (".*x.*y.*z", 3),
        ("^.*a.*b.*c.*d", 4),
        ("(a|^b).*c.*d.*e", 4),
        (r"(?!.*x.*y.*z.*!)\d", 4),
    ],
)
def test_power_of_the_length(pattern: str, expected: int | None) -> None:
    assert power(pattern) == expected


def test_a_pattern_of_many_branches_is_read_quickly() -> None:
    branches = "x"
    for n in range(6):
        branches = f"(?:{n}{branches}|.*{n})" * (4 if n == 5 else 1)
    started = time.process_time()
    power(branches * 4 + "y")
    power("(?:" + "|".join(f"word{n}" for n in range(200)) + ")+!")
    assert time.process_time() - started < 5


def test_the_part_is_shown_as_written() -> None:
    pattern = compile_pattern(r"/^\[(?<x>(?:\w+\s?)+)\]$/i")
    assert pattern.slow_part == r"(?:\w+\s?)+"


ATOMS = st.sampled_from(["a", "b", "ab", "aa", r"\w", ".", "[ab]", "[^a]", "a?", r"\b", "ba"])
QUANTIFIERS = st.sampled_from(["", "", "*", "+", "?", "*?", "{2}", "{1,2}", "++", "{2,}"])
BRACKETS = st.sampled_from(["(%s)", "(?:%s)", "(?>%s)", "(?=%s)"])


def _more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bracketed = st.builds(lambda bracket, text: bracket % text, BRACKETS, inner)
    piece = st.builds(lambda atom, quantifier: f"(?:{atom}){quantifier}", ATOMS | bracketed, QUANTIFIERS)
    return st.lists(st.lists(piece, min_size=1, max_size=3).map("".join), min_size=1, max_size=3).map("|".join)


PATTERNS = st.recursive(ATOMS, _more, max_leaves=10)
WORDS = [w for n in range(1, 5) for w in map("".join, itertools.product("ab", repeat=n))]


@settings(max_examples=150, deadline=None)
@given(PATTERNS, st.sampled_from(["c", "!", "", "$", "[^ab]$"]))
@example("(?:a|aa)+", "$")
@example("(?>(?:a|ab)(?:b|))+", "c")
@example("(?:a?){1,2}" * 8, "c")
@example("a?" * 30, "c")
@example(r"(([ab]+\w*?|aa|\b){2}){2}", "$")
@example("(?:.+|((?:a?)*?(?:a?){2}|\\w{2,}.{2}a{2,}|b\\b{1,2}.{2,}){1,2}[^a]*(?:ab)*)", "c")
@example(r"(?:(?=[ab])+.)*?", "[^ab]$")
@example(r"(?:(?:a?){1,2}(?>a++\w{2})|\w)++", "")
def test_what_is_not_watched_is_quick(pattern: str, end: str) -> None:
    """Texts that repeat a short word and then fail: with exponential time, 40 letters would take minutes. What may
    take a tenth of a second fails with a whole one of CPU, so that a busy machine is none that fails."""
    try:
        parsed = parse(f"^(?:{pattern}){end}")
    except PatternError:
        return
    if watched_from(parsed.node, danger_of(parsed.node)) <= 42:
        return
    find, _ = matchers(parsed, lambda call: call, 0)
    for word in WORDS:
        text = (word * 40)[:40] + "!?"
        WATCH.left = 1.0
        try:
            WATCH.run(find, text, 8.0, 8.0)
        except OverBudgetError:
            pytest.fail(f"{pattern}{end} takes too long for {text}")


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("abc", LONG),
        ("^(?<a>[^ ]*) (?<b>.*)$", LONG),
        ("^(.*) (.*) (.*) (.*) (.*)$", LONG),
        (r"^(?:\d{1,3}\.){3}\d{1,3}$", LONG),
        (r"(ERROR|\s4\d{2}\s|\s5\d{2}\s)", LONG),
        (r"^(?=.*ELB-HealthChecker\/2\.0).*$", LONG),
        ("(?:GET|POST|PUT|DELETE) (?:/[^/ ]+)+", LONG),
        # n**3 for blanks: the request's may be shared out among three loops
        (r'^(?<a>[^ ]*) "(?<m>\S+)(?: +(?<path>[^\"]*?)(?: +\S*)?)?" (?<c>\d+)$', SHORT),
        ("^(?:a+)?(?:a+)?(?:a+)?b", SHORT),
        ("^(?:(?:a*|x)(?:a*|y)(?:a*|z)){1,2}b", 0),
        ("^(?:a*|x){5}b", 0),
        ("a?" * 30 + "b", 0),
        ("(?:a|ab)(?:a|ba)" * 20 + "c", 0),
        ("^(?:.(?=.*a.*b))*c", SHORT),
        ("|".join(f"word{n}x" for n in range(1000)), LONG),
        (r"(?:\d{1,64}-\d{1,64}){3}", 0),
        ("^(?:.(?=.*a))*c", LONG),
        (r"^(?:.(?=.*a))*\Kc", SHORT),  # our own matcher takes a hundred times as long
    ],
)
def test_from_which_length_a_text_is_watched(pattern: str, length: int) -> None:
    node = parse(pattern).node
    assert danger_of(node) is None
    assert watched_from(node, None) == length


@settings(max_examples=100, deadline=None)
@given(PATTERNS)
def test_looking_at_a_pattern_is_quick(pattern: str) -> None:
    try:
        node = parse(pattern).node
    except PatternError:
        return
    started = time.process_time()
    watched_from(node, danger_of(node))
    assert time.process_time() - started < 5
