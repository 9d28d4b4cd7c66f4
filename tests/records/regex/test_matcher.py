import re

from hypothesis import given, settings

from pyrolens.records.regex import PatternError, compile_pattern
from pyrolens.records.regex.emit import FLAGS, NotExactError, emit
from pyrolens.records.regex.matcher import finder
from pyrolens.records.regex.syntax import parse
from tests.records.regex.patterns import PATTERNS, TEXTS


@settings(max_examples=200, deadline=None)
@given(PATTERNS, TEXTS)
def test_it_finds_what_re_finds(text: str, subjects: list[str]) -> None:
    try:
        parsed = parse(text)
        compiled = re.compile(emit(parsed.node), FLAGS)
    except (PatternError, NotExactError):
        return
    find = finder(parsed.node, parsed.groups)
    for subject in subjects[:5]:
        match, spans = compiled.search(subject), find(subject)
        regs = None if match is None else tuple(n for pair in match.regs for n in pair)
        assert spans == regs


def test_what_only_it_can() -> None:
    assert compile_pattern(r"(?<p>\((?:[^()]|\g<p>)*\))").find("f(a(b)c) )") == ("(a(b)c)", "(a(b)c)")
    assert compile_pattern(r"(?:/\*(?~\*/)\*/)").find("x /* a */ b */") == ("/* a */",)
    assert compile_pattern(r"ab\Kc").find("abc") == ("c",)
    assert compile_pattern(r"(a|b\g<1>c)").find("bbacc") == ("bbacc", "bbacc")


def test_a_text_too_deep_for_it_does_not_match() -> None:
    assert not compile_pattern(r"(a|b\g<1>c)$").test("b" * 20_000 + "a" + "c" * 20_000)
