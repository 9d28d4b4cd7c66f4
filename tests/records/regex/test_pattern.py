import pytest

from pyrolens.records.regex import PatternError, compile_pattern, length_at_start


@pytest.mark.parametrize(
    ("text", "subject", "expected"),
    [
        ("/error/i", "ERROR", True),
        ("/a.b/m", "a\nb", True),
        ("/out of/x", "outof", True),
        ("/error/", "error", True),
        ("/error/", "/error/", True),
        ("/health", "health", False),
        ("/health", "/health", True),
        ("/a/q", "a", False),
        ("/a/q", "/a/q", True),
        ("/a/b/i", "A/B", True),
        ("/ERROR/o", "/ERROR/o", True),
        ("/ERROR/o", "ERROR", False),
    ],
)
def test_slashes(text: str, subject: str, expected: bool) -> None:
    assert compile_pattern(text).test(subject) is expected


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("(unclosed", "a ( without its )", 0),
        ("a)b", "a ) without its (", 1),
        ("ab[c", "a [ without its ]", 2),
        ("x*|*", "nothing before * that could be repeated", 3),
        ("(?P<x>a)", "(?P<name>…) is not known here, write (?<name>…)", 0),
        ("a(?<1x>a)", "'1x' is no name for a group: letters, digits and _ only, no digit first", 1),
        (r"\p{Nope}", "no such property: Nope", 0),
        ("[z-a]", "a range whose end comes before its start", 0),
        ("(?<=a+)b", "what is looked back at must have a fixed length", 0),
        (r"(a\g<1>)", "a group calls itself without end", 0),
        ("a{3,1}", "the upper limit of the repeats is below the lower one", 1),
        ("/ab(/i", "a ( without its )", 3),
        ("x\\", "a \\ at the end", 1),
    ],
)
def test_refusals_say_what_and_where(text: str, message: str, offset: int) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(text)
    assert (str(caught.value), caught.value.offset) == (f"{message} (at character {offset + 1})", offset)


def test_named_groups_in_the_order_of_the_pattern() -> None:
    pattern = compile_pattern(r"^(?<z>\w) (plain)?(?<a>\w)(?<m>x)?$")
    assert list(pattern.names) == ["z", "a", "m"]
    assert pattern.groups == 3
    assert pattern.named("p q") == {"z": "p", "a": "q", "m": None}
    assert pattern.named("p") is None


def test_groups_of_one_name_give_the_last_that_took_part() -> None:
    pattern = compile_pattern(r"^(?:a=(?<v>\w+)|b=(?<v>\w+))$")
    assert pattern.names == {"v": (1, 2)}
    assert pattern.find("a=x") == ("a=x", "x", None)
    assert pattern.named("a=x") == {"v": "x"}
    assert pattern.named("b=y") == {"v": "y"}


@pytest.mark.parametrize("text", ["a.c", r"\S+$", "[^x]+", "(?i)é", r"\bc", r"^.*$", "[[:alpha:]]"])
def test_bytes_that_are_no_text(text: str) -> None:
    subject = b"a\xffc \xe9".decode(errors="surrogateescape")
    pattern = compile_pattern(text)
    assert pattern.test(subject) is (pattern.find(subject) is not None)


def test_a_byte_that_is_no_text_is_one_character() -> None:
    assert compile_pattern("a.c").find("a\udcffc") == ("a\udcffc",)
    assert compile_pattern(r"\xff").find("a\udcffc") == ("\udcff",)


def test_what_is_no_text_never_matches() -> None:
    values = [5, None, True, ["a"], {"a": "a"}, b"a", "a", 2.5]
    assert compile_pattern(".*").which(values) == [6]
    assert compile_pattern("a").which(values) == [6]


@pytest.mark.parametrize("share", [0, 1, 10, 60, 300])
def test_a_scan_over_many(share: int) -> None:
    texts = [f"line {n} GET /a HTTP 200 x" if n >= share else f"line {n} ERROR \0 4" for n in range(300)]
    assert compile_pattern(r"(ERROR|\s4\d{2}\s|\s5\d{2}\s)").which(texts) == list(range(share))


def test_a_scan_in_any_case() -> None:
    texts = ["x"] * 20 + ["an Error"] + ["y"] * 20
    assert compile_pattern("(?i)error").which(texts) == [20]
    assert compile_pattern("(?i)error").which([*texts, "é ERROR"]) == [20, 41]


@pytest.mark.parametrize(
    ("text", "tag", "expected"),
    [("app", "app.web", 3), ("web", "app.web", -1), ("^(?=app)", "app", 0), ("a|app", "app", 1), ("/APP/i", "app", 3)],
)
def test_length_at_start(text: str, tag: str, expected: int) -> None:
    assert length_at_start(text)(tag) == expected


def test_combining_marks_are_no_letters() -> None:
    """Differs: to Onigmo some of them are."""
    assert not compile_pattern("[[:alpha:]]").test("\u0345")


def test_recursion_levels_are_refused() -> None:
    """Differs: Onigmo has them."""
    with pytest.raises(PatternError):
        compile_pattern(r"(a)\k<1+0>")
