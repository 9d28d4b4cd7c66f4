"""Values as Fluent Bit 5.1.1 reads them, and the declarations they are read by."""

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyrolens.language.document import Entry, Section
from pyrolens.options import (
    Commas,
    Limit,
    Line,
    Lines,
    Pair,
    Seconds,
    Secret,
    Size,
    Words,
    doubt_int,
    doubt_size,
    group,
    lines,
    opt,
    read_float,
    read_int,
    read_options,
    read_seconds,
    read_size,
    size_of,
    spec_of,
    split_commas,
    split_tokens,
)
from pyrolens.options.kinds import UNLIMITED, doubt_retries, doubt_seconds, read_limit
from pyrolens.problems import Place, Problems


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("+1", 1),
        ("-5", -5),
        ("  7", 7),
        ("1abc", 1),
        ("2.9", 2),
        ("0x3", 0),
        ("three", 0),
        ("", 0),
        ("1,000", 1),
        ("4294967297", 1),
        ("2147483648", -2147483648),
        ("9" * 30, -1),
    ],
)
def test_whole_numbers(text: str, number: int) -> None:
    assert read_int(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        ("0.2", 0.2),
        ("+0.2", 0.2),
        (".5", 0.5),
        ("1s", 1.0),
        ("0,2", 0.0),
        ("fast", 0.0),
        ('"1"', 0.0),
        ("inf", float("inf")),
        ("1e3x", 1000.0),
        ("0x10", 16.0),
    ],
)
def test_numbers(text: str, number: float) -> None:
    assert read_float(text) == number


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512", 512),
        ("10k", 10_000),
        ("10KB", 10_000),
        ("10Kb", 10_000),
        ("1m", 1_000_000),
        ("1.5M", 1_500_000),
        ("2GB", 2_000_000_000),
        ("false", 0),
        ("abc10", 0),
        ("1k5", 1),
        ("1,000", 1),
        ("-5", -5),
        ("10 MB", -1),
        ("10 k", -1),
        ("10KiB", -1),
        ("1T", -1),
        ("10B", -1),
        ("banana", -1),
        ("off", -1),
        ("", -1),
        ("99999999999G", -1),
        ("9999999999999999999", -1),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size
    assert read_size(text) == (size if size >= 0 else UNLIMITED)


def test_limits_of_the_core_refuse_what_is_no_size() -> None:
    assert [read_limit(t) for t in ("10k", "false", "-5", "abc10")] == [10_000, 0, 0, 0]
    for text in ("10 MB", "1T", "-1", "banana"):
        with pytest.raises(ValueError, match="expected a size"):
            read_limit(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("10s", 10),
        ("2m", 120),
        ("1H", 3600),
        ("1d", 86400),
        ("5 m", 300),
        ("500ms", 500),
        ("10x", 10),
        ("0.5", 0),
        ("1.5h", 3600),
        ("soon", 0),
        ("", 0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "most", "words"),
    [
        ("a b", -1, ["a", "b"]),
        ("  a   b ", -1, ["a", "b"]),
        ('a "b c"', -1, ["a", "b c"]),
        ('"a \\"b\\" c" d', -1, ['a "b" c', "d"]),
        ('a "" b', -1, ["a", "", "b"]),
        ('a "b c', -1, ["a", "b c"]),
        ("a\tb c", -1, ["a\tb", "c"]),
        ('a"b c"', -1, ['a"b', 'c"']),
        ("", -1, []),
        ("key the rest of it", 1, ["key", "the rest of it"]),
        ('key "quoted rest"', 1, ["key", '"quoted rest"']),
        ("key", 1, ["key"]),
        ("a b c d", 2, ["a", "b", "c d"]),
    ],
)
def test_words(text: str, most: int, words: list[str]) -> None:
    assert split_tokens(text, most) == words


def test_commas() -> None:
    assert split_commas("a, b ,,c") == ["a", "b", "c"]


@example("²")
@given(st.text(max_size=30))
def test_no_text_makes_a_reader_fail(text: str) -> None:
    for read in (read_int, read_float, read_size, read_seconds, split_tokens, split_commas, size_of):
        read(text)
    for doubt in (doubt_int, doubt_size, doubt_seconds, doubt_retries):
        assert isinstance(doubt(text), str)


@dataclass(frozen=True, kw_only=True)
class Door:
    """Options of a door."""

    colour: str | None = opt("Its colour.", default=None)
    width: int = opt("Its width.", default=90, low=1)


@dataclass(frozen=True, kw_only=True)
class House:
    """A house."""

    street: str = opt("Where it stands.")
    rooms: int = opt("How many rooms.", default=3, low=1, high=9)
    roof: Literal["flat", "Gable"] = opt("Its roof.", default="flat")
    heated: bool = opt("Whether it is warm.", default=False)
    yard: Size = opt("Bytes of yard.", default=0)
    lawn: Limit = opt("Bytes of lawn.", default=0)
    wait: Seconds = opt("Seconds.", default=1.0)
    key: Secret | None = opt("The key.", default=None)
    host: str | None = opt("Its host.", default=None)
    tls: bool = opt("Locked.", default=False)
    pets: list[str] = opt("Who lives there.", default=[])
    signs: list[Pair] = opt("What stands on the signs.", default=[])
    posters: list[Pair] = opt("And on posters.", default=[], words=1)
    floors: Commas = opt("Floors.", default=[])
    trees: Words = opt("Trees.", default=[], aliases=["bushes"])
    rules: Lines = lines(allow="What may be.", deny="What may not be.")
    door: Door = group(Door, "door.")


def section(*pairs: tuple[str, str]) -> Section:
    """With a place of its own for each entry."""
    entries = []
    for n, (key, value) in enumerate(pairs, 2):
        text = f"    {key} {value}"
        place = Place("a.conf", n, 5, len(key), text)
        entries.append(Entry(key, value, place, Place("a.conf", n, 6 + len(key), max(len(value), 1), text)))
    return Section("input", Place("a.conf", 1, 1, 7, "[HOUSE]"), entries, name="HOUSE")


def as_written(entry: Entry, problems: Problems) -> str:
    return str(entry.value).replace("${PASS}", "hunter2").replace("${EMPTY}", "")


def read(*pairs: tuple[str, str], **how: Any) -> tuple[House | None, list[tuple[str, int, str]]]:
    problems = Problems()
    made = read_options(House, "house", section(*pairs), as_written, problems, **how)
    return made, [(p.code, p.place.line if p.place else 0, p.message) for p in problems]


def test_reads_all_kinds() -> None:
    made, said = read(
        ("STREET", "Main Road"),
        ("rooms", "4"),
        ("roof", "GABLE"),
        ("heated", "On"),
        ("yard", "2k"),
        ("wait", "1m"),
        ("pets", "cat"),
        ("pets", "dog"),
        ("signs", 'no "free parking"'),
        ("posters", "big sale today"),
        ("floors", "ground, first"),
        ("bushes", '"red oak" elm'),
        ("deny", "smoke"),
        ("allow", "sing"),
        ("door.colour", "red"),
    )
    assert said == []
    assert made == House(
        street="Main Road",
        rooms=4,
        roof="Gable",
        heated=True,
        yard=2000,
        wait=60.0,
        pets=["cat", "dog"],
        signs=[Pair("no", "free parking", Place("a.conf", 10, 11, 17, '    signs no "free parking"'))],
        posters=[Pair("big", "sale today", Place("a.conf", 11, 13, 14, "    posters big sale today"))],
        floors=["ground", "first"],
        trees=["red oak", "elm"],
        rules=[
            Line("deny", "smoke", Place("a.conf", 14, 10, 5, "    deny smoke")),
            Line("allow", "sing", Place("a.conf", 15, 11, 4, "    allow sing")),
        ],
        door=Door(colour="red"),
    )


def test_tells_everything_at_once() -> None:
    made, said = read(("rooms", "12"), ("roof", "round"), ("heated", "1"), ("lawn", "1T"), ("wal", "x"), ("rooms", "2"))
    assert made is None
    assert said == [
        ("bad-value", 2, "house: rooms is '12': expected at most 9"),
        ("bad-value", 3, "house: roof is 'round': expected flat or Gable"),
        ("bad-value", 4, "house: heated is '1': expected on, off, true, false, yes or no"),
        ("bad-value", 5, "house: lawn is '1T': expected a size such as 512k, 10M or 1G"),
        ("unknown-option", 6, "house has no option 'wal'"),
        ("missing-option", 1, "house needs street"),
    ]


def test_a_misspelt_required_option_is_one_problem() -> None:
    assert read(("streat", "x"))[1] == [("unknown-option", 2, "house has no option 'streat'")]


def test_an_option_given_twice() -> None:
    assert read(("street", "a"), ("Street", "b")) == (None, [("given-twice", 3, "house: Street is given twice")])
    made, said = read(("street", "a"), ("host", "a"), ("host", "b"))
    assert (made, said) == (
        House(street="a", host="b"),
        [("given-twice", 4, "house: host is given twice; the last one counts")],
    )
    made, _ = read(("street", "a"), ("street", "b"), last_wins=True)
    assert made == House(street="b")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rooms", "4x", "a whole number is expected here, so this counts as 4"),
        ("yard", "banana", "this is no size such as 512k, 10M or 1G, so there is no limit"),
        ("yard", "1k5", "a size such as 512k, 10M or 1G is expected here, so this counts as 1"),
        ("wait", "500ms", "a time such as 5, 10s or 1m is expected here, so this counts as 500 seconds"),
        ("host", '"here"', "the quotes belong to the value"),
        ("tls", "maybe", "on or off is expected here, so this counts as off"),
    ],
)
def test_a_guess_is_said(key: str, value: str, message: str) -> None:
    made, said = read(("street", "a"), (key, value))
    assert made is not None
    assert said == [("odd-value", 3, f"house: {key} is '{value}': {message}")]


def test_pairs_with_too_few_or_too_many_words() -> None:
    assert read(("street", "a"), ("signs", "lonely"))[1] == [
        ("bad-value", 3, "house: signs is 'lonely': expected KEY VALUE, with double quotes around what holds blanks")
    ]
    made, said = read(("street", "a"), ("signs", "k two words"))
    assert made == House(street="a")
    assert said == [("left-out", 3, "house: signs has more than two words, so this line is left out")]


def test_what_variables_emptied() -> None:
    made, said = read(("street", "a"), ("rooms", "${EMPTY}"), empty_is_unset=True)
    assert (made, said[0][0]) == (House(street="a"), "empty-value")
    assert read(("street", "a"), ("tls", "${EMPTY}"), empty_is_unset=True)[1] == [
        ("bad-value", 3, "house: tls is empty")
    ]
    made, said = read(("street", "${EMPTY}"), empty_is_unset=True)
    assert (made, [code for code, *_ in said]) == (None, ["empty-value", "missing-option"])


def test_ignored_options_say_so() -> None:
    made, said = read(("street", "a"), ("moat", "wide"), ignored={"moat": "there is no water"})
    assert made == House(street="a")
    assert said == [("option-ignored", 3, "house: moat has no effect: there is no water")]


def test_secrets_are_never_shown() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Safe:
        """A safe."""

        password: Secret = opt("Its password.")
        digits: int = opt("A number.", default=1, low=5)
        users: list[Pair] = opt("Who may open it, and how.", default=[], secret=True)

    problems = Problems()
    given = section(
        ("password", "hunter2"),
        ("password", "hunter2"),
        ("pass_word", "hunter2"),
        ("digits", "${PASS}"),
        ("users", "hunter2"),
    )
    assert read_options(Safe, "safe", given, as_written, problems) is None
    shown = "\n".join(map(str, problems))
    assert "hunter2" not in shown
    assert [p.code for p in problems] == ["given-twice", "unknown-option", "bad-value", "bad-value"]
    assert "    password ***" in shown
    assert "digits is '${PASS}'" in shown


def test_specs_describe_the_declaration() -> None:
    by_name = {s.name: s for s in spec_of(House)}
    assert by_name["street"].required
    assert by_name["trees"].names == ["trees", "bushes"]
    assert by_name["rules"].names == ["allow", "deny"]
    assert (by_name["door.width"].group, by_name["door.width"].default) == ("door", 90)
    assert (by_name["posters"].pairs, by_name["signs"].pairs, by_name["pets"].pairs) == (1, 2, 0)
    assert by_name["host"].last_wins
    assert not by_name["street"].last_wins


def test_an_option_needs_a_doc() -> None:
    with pytest.raises(TypeError, match="needs a doc"):
        opt(" ")


@dataclass(frozen=True)
class Stairs:
    step_up: str | None = opt("Upward.", default=None)
    steps: Lines = lines(**{"step_*": "Any other step."})


def test_a_spelling_may_stand_for_all_that_begin_so() -> None:
    problems = Problems()
    given = section(("Step_Up", "a"), ("Step_2", "b"), ("step_x", "c"))
    made = read_options(Stairs, "stairs", given, as_written, problems)
    assert made is not None
    assert (made.step_up, [(line.key, line.value) for line in made.steps]) == ("a", [("step_2", "b"), ("step_x", "c")])
    assert read_options(Stairs, "stairs", section(("steps", "x")), as_written, problems) is None
    assert [p.message for p in problems] == ["stairs has no option 'steps'"]


def test_an_option_that_is_refused_says_why() -> None:
    house, problems = read(("wall", "3"), ("Moat", "x"), refused={"moat": "there is no water"})
    assert house is None
    assert ("refused-option", 3, "house does not take Moat: there is no water") in problems
