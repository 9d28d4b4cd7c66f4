import pytest

from pyrolens.api import Line, Record
from pyrolens.parsers._decoders import decoder, read_rules
from tests.lent import Lent


def decode(record: Record, *lines: str) -> Record:
    """`lines`: as in a config."""
    options = [Line(key.lower(), rest) for key, rest in (line.split(" ", 1) for line in lines)]
    run = decoder(options, Lent())
    assert run
    before = dict(record)
    result = run(record)
    assert record == before
    return result


AS_JSON, BESIDE = "Decode_Field_As json m", "Decode_Field json m"


@pytest.mark.parametrize(
    ("value", "lines", "result"),
    [
        ('{"a":1}', [AS_JSON], {"m": {"a": 1}, "z": 1}),
        ('  {"a":1} tail', [AS_JSON], {"m": {"a": 1}, "z": 1}),
        ('\n{"a":1}', [AS_JSON], {"m": '\n{"a":1}', "z": 1}),
        ("[1]", [AS_JSON], {"m": "[1]", "z": 1}),
        (5, [AS_JSON], {"m": 5, "z": 1}),
        ('{"a":1,"z":2}', [BESIDE], {"m": '{"a":1,"z":2}', "z": 2, "a": 1}),
        ("text", [BESIDE], {"m": "text", "z": 1}),
        ('{"a":1}', [BESIDE + " do_next", AS_JSON], {"m": {"a": 1}, "z": 1, "a": 1}),
        ('{"a":1}', [BESIDE, AS_JSON], {"m": '{"a":1}', "z": 1, "a": 1}),
        (r"x\ny", ["Decode_Field escaped m"], {"m": r"x\ny", "z": 1}),
        (r"{\"a\":1}", ["Decode_Field_As escaped m do_next", AS_JSON], {"m": {"a": 1}, "z": 1}),
        (r"x\ny", [AS_JSON + " try_next", "Decode_Field_As escaped m"], {"m": "x\ny", "z": 1}),
        (r"x\ny", [AS_JSON, "Decode_Field_As escaped m"], {"m": r"x\ny", "z": 1}),
        ('{"a":"x"}', [AS_JSON + " do_next", "Decode_Field_As escaped m"], {"m": {"a": "x"}, "z": 1}),
        (r"'it\'s'", ["Decode_Field_As mysql_quoted m"], {"m": "it's", "z": 1}),
        (r"\u00e9", ["decode_field_as ESCAPED_UTF8 m TRY_NEXT and more"], {"m": "é", "z": 1}),
    ],
)
def test_rules(value: object, lines: list[str], result: Record) -> None:
    assert decode({"m": value, "z": 1}, *lines) == result


def test_only_the_last_field_adds() -> None:
    record = {"a": '{"x":1}', "b": '{"y":2}'}
    assert decode(record, "Decode_Field json a", "Decode_Field json b") == record | {"y": 2}
    record = {"a": '{"x":1}', "b": "text"}
    assert decode(record, "Decode_Field json a", "Decode_Field json b") == record


def test_a_record_without_the_field_is_given_back() -> None:
    record = {"other": "{}"}
    run = decoder([Line("decode_field_as", "json m")], Lent())
    assert run
    assert run(record) is record


@pytest.mark.parametrize("line", ["yaml m", "json", ""])
def test_a_line_that_makes_no_sense_switches_decoding_off(line: str) -> None:
    env = Lent()
    options = [Line("decode_field_as", "json m"), Line("decode_field_as", line)]
    with pytest.raises(ValueError, match="expected"):
        read_rules(options)
    assert decoder(options, env) is None
    assert [(level, event) for level, event, _ in env.said.lines] == [("error", "no field is decoded")]


def test_nothing_to_decode() -> None:
    assert decoder([], Lent()) is None
