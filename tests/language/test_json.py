import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.language.json import parse
from pyrolens.problems import ConfigError, Problems

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_reads_what_json_reads(value: object, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse(text, "t.json").plain == json.loads(text)


def test_every_value_knows_its_place() -> None:
    node = parse('{\n  "a": [1, "two"],\n\t"b": {"c": null}\n}', "t.json")
    places = {
        "a": (node.value["a"].key_place, node.value["a"].place),
        "two": (None, node.value["a"].value[1].place),
        "c": (node.value["b"].value["c"].key_place, node.value["b"].value["c"].place),
    }
    shown = {k: [p and (p.line, p.column, p.length) for p in pair] for k, pair in places.items()}
    assert shown == {
        "a": [(2, 3, 3), (2, 8, 1)],
        "two": [None, (2, 12, 5)],
        "c": [(3, 8, 3), (3, 13, 4)],
    }


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ('{"a": 1,}', "t.json:1:8", "a comma with nothing after it", "remove the comma"),
        ("[1 2]", "t.json:1:4", "no end of the value: expected a comma or ]", "a comma may be missing before it"),
        ('{\n // why\n "a": 1}', "t.json:2:2", "JSON has no comments", "remove the comment"),
        ("{'a': 1}", "t.json:1:2", "no name of a member", ""),
        ('{"a": yes}', "t.json:1:7", "'yes' is no value", "JSON text stands in double quotes"),
        ('{"a": "b', "t.json:1:7", "text without its end", ""),
        ('{"a" 1}', "t.json:1:6", "no value for 'a': expected a colon", ""),
        ('{"a": 1', "t.json:1:8", "the text ends here: expected a comma or }", ""),
        ("", "t.json:1:1", "the text ends here: expected a value", ""),
        ("{} {}", "t.json:1:4", "text after the end of the document", ""),
        ("[" * 300, "t.json:1:202", "nested too deeply", ""),
        ("[01]", "t.json:1:3", "no end of the value", "a comma may be missing before it"),
        ("[NaN]", "t.json:1:2", "'NaN' is no value", "JSON text stands in double quotes"),
    ],
)
def test_what_is_not_json_is_refused_at_its_place(text: str, place: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "t.json")
    (problem,) = caught.value.problems
    assert (str(problem.place), problem.hint) == (place, hint)
    assert problem.message.startswith(message)


def test_a_name_given_twice_is_a_warning_and_the_last_one_counts() -> None:
    problems = Problems()
    assert parse('{"a": 1,\n"a": 2}', "t.json", problems).plain == {"a": 2}
    assert [(p.code, str(p.place)) for p in problems] == [("given-twice", "t.json:2:1")]
