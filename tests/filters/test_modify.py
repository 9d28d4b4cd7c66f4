from typing import Any

import pytest

from pyrolens.api import Line, OptionError, Record
from pyrolens.filters.modify import Modify, split_quoted
from tests.filters.trial import misfits, records, shown
from tests.lent import Lent

R: Record = {"log": "slow", "level": "warn", "ms": 32, "ok": False, "user": {"id": 7, "tags": ["a", "b"]}, "tmp_a": 1}


def modify(*lines: str) -> Modify:
    split = [line.split(" ", 1) for line in lines]
    return Modify(rules=[Line(kind, text) for kind, text in split])


def changed(**changes: Any) -> Record:
    return {**R, **changes}


def without(*names: str) -> Record:
    return {k: v for k, v in R.items() if k not in names}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], R),
        (["set env prod"], changed(env="prod")),
        (["set log new"], {**without("log"), "log": "new"}),
        (["add env prod", "add log no"], changed(env="prod")),
        (["remove level", "remove nope"], without("level")),
        (["remove_wildcard tmp_"], without("tmp_a")),
        (["remove_wildcard tmp_*"], R),
        (["remove_regex ^(l|t)"], without("log", "level", "tmp_a")),
        (["rename log message"], {("message" if k == "log" else k): v for k, v in R.items()}),
        (["rename log level"], R),
        (["rename nope x"], R),
        (["hard_rename log level"], {("level" if k == "log" else k): v for k, v in R.items() if k != "level"}),
        (["hard_rename log log"], without("log")),
        (["copy log copy"], {"log": "slow", "copy": "slow", **R}),
        (["copy log level"], R),
        (["hard_copy log ms"], {"log": "slow", "ms": "slow", **without("ms")}),
        (["hard_copy log log"], R),
        (["move_to_end lo"], {**without("log"), "log": "slow"}),
        (["move_to_start tmp"], {"tmp_a": 1, **R}),
        (["move_to_start nope"], R),
        (["set log two words"], {("words" if k == "log" else k): v for k, v in R.items()}),
        (["remove log a words"], {("words" if k == "log" else k): v for k, v in R.items()}),
        (['set "my key" "a \\"b\\" \\\\ \\d"'], changed(**{"my key": 'a "b" \\ \\d'})),
        (["set k 'single quoted'"], changed(k="single quoted")),
        (["set k it's"], changed(k="it's")),
        (["rename log a", "set b 1", "copy a c", "remove a"], {"c": "slow", **without("log"), "b": "1"}),
    ],
)
def test_rules(lines: list[str], expected: Record) -> None:
    assert shown(records(modify(*lines), [R])) == shown([expected])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Key_exists level", True),
        ("key_exists nope", False),
        ("Key_exists ok", True),
        ("Key_exists $user['id']", True),
        ("Key_exists $user['tags'][0]", False),
        ("Key_exists $log['x']", True),
        ("Key_exists", False),
        ("Key_does_not_exist nope", True),
        ("Key_does_not_exist level", False),
        ("A_key_matches ^tmp", True),
        ("A_key_matches ^zz", False),
        ("No_key_matches ^zz", True),
        ("No_key_matches ^tmp", False),
        ("Key_value_equals level warn", True),
        ("Key_value_equals level war", False),
        ("Key_value_equals ms 32", False),
        ("Key_value_equals level", False),
        ("Key_value_does_not_equal level info", True),
        ("Key_value_does_not_equal level warn", False),
        ("Key_value_does_not_equal nope x", False),
        ("Key_value_matches level ^w", True),
        ("Key_value_matches ok ^false$", True),
        ("Key_value_matches ms 3", False),
        ("Key_value_matches log /SLOW/i", True),
        ("Key_value_does_not_match ms 3", True),
        ("Key_value_does_not_match level ^w", False),
        ("Key_value_does_not_match nope x", False),
        ("Matching_keys_have_matching_values ^l (slow|warn)", True),
        ("Matching_keys_have_matching_values ^l slow", False),
        ("Matching_keys_have_matching_values ^zz x", True),
        ("Matching_keys_do_not_have_matching_values ^l slow", True),
        ("Matching_keys_do_not_have_matching_values ^zz x", False),
    ],
)
def test_conditions(condition: str, expected: bool) -> None:
    assert records(modify(f"condition {condition}", "set hit 1"), [R]) == [changed(hit="1") if expected else R]


def test_all_conditions_must_hold_before_any_rule() -> None:
    plugin = modify("rename level severity", "condition Key_exists level", "condition Key_value_equals log slow")
    given: list[Record] = [{"level": 1, "log": "slow"}, {"level": 1}, {"log": "slow"}]
    assert records(plugin, given) == [{"severity": 1, "log": "slow"}, {"level": 1}, {"log": "slow"}]


def test_bytes_equal_text() -> None:
    given: list[Record] = [{"v": b"abc"}, {"v": "abc"}, {"v": b"\xff"}]
    plugin = modify("condition Key_value_equals v abc", "set hit 1")
    assert ["hit" in record for record in records(plugin, given)] == [True, True, False]


def test_a_condition_that_does_not_compile_never_holds() -> None:
    env = Lent()
    plugin = modify("condition Key_value_matches log (open", "set hit 1")
    assert misfits(plugin) == []
    assert records(plugin, [R], env) == [R]
    assert "never holds" in str(env.said.lines)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("set a b c d", "set is 'a b c d': expected one to three words, quoted where they hold blanks"),
        ("set a", "set is 'a': expected KEY and VALUE"),
        ("remove a b", "remove is 'a b': expected KEY"),
        ('set a "b', "set is 'a \"b': a quote does not end"),
        ("set note[0 x", "'note[0' must compile as a pattern, even here: a [ without its ] (at character 5)"),
        (
            "set a *",
            "'*' must compile as a pattern, even here: nothing before * that could be repeated (at character 1)",
        ),
        ('remove_regex ""', "expected a pattern"),
        ("condition Key_value_matches log", "condition is 'Key_value_matches log': expected a pattern"),
        ('condition A_key_matches ""', "condition is 'A_key_matches \"\"': expected a pattern for keys"),
        (
            "condition Key_exists $m['x",
            "condition is 'Key_exists $m['x': '$m['x' is no accessor: expected $key, $key['sub'] or $key[0]",
        ),
    ],
)
def test_refused(line: str, message: str) -> None:
    plugin = modify(line)
    assert misfits(plugin) == [(line.split()[0], message)]
    with pytest.raises(OptionError):
        plugin.compile(Lent())


def test_an_unknown_condition_names_the_others() -> None:
    ((option, message),) = misfits(modify("condition Sky_is blue"))
    assert option == "condition"
    assert message.startswith("there is no condition 'Sky_is'; there are Key_exists, ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", ["a", "b"]),
        ("  a   b ", ["a", "b"]),
        ('"a b" c', ["a b", "c"]),
        ('"a"b', ["a", "b"]),
        ("a b c d e", ["a", "b", "c", "d e"]),
        ('a ""', ["a", ""]),
        ("a 'it''s'", ["a", "it", "s"]),
        ('a "b', None),
    ],
)
def test_words(text: str, expected: list[str] | None) -> None:
    assert split_quoted(text.rstrip()) == expected
