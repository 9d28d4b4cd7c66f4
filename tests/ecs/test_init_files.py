import pytest

from pyrolens.ecs.init_files import divide

MIXED = """\
# before [PARSER]
[SERVICE]
    Flush 1

[PARSER]
    Name   own
    # in it
    Format json
@SET a=b
[FILTER]
    Name  parser
    Match *

[STREAM_TASK]
    Name t
[Multiline_Parser]
    Name m
"""
KEPT = """\
# before [PARSER]
[SERVICE]
    Flush 1





@SET a=b
[FILTER]
    Name  parser
    Match *

[STREAM_PROCESSOR]
    Name t


"""
APART = """\




[PARSER]
    Name   own
    # in it
    Format json







[Multiline_Parser]
    Name m
"""


def test_a_mixed_file_is_divided_and_its_lines_keep_their_numbers() -> None:
    divided = divide(MIXED, "x.conf")
    assert divided.text == KEPT
    assert divided.parsers == APART
    assert (divided.changed, divided.included) == (True, True)
    assert divided.told == "1 service, 1 parser, 1 filter, 1 stream task, 1 multiline parser"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("[PARSER]\n    Name x\n", (True, True, False)),
        ("# [PARSER]\n[OUTPUT]\n    Name null\n", (False, False, True)),
        ("@SET a=b\n", (False, False, True)),
        ("# nothing\n", (False, False, False)),
        ("", (False, False, False)),
    ],
)
def test_what_a_file_is_used_for(text: str, flags: tuple[bool, bool, bool]) -> None:
    divided = divide(text, "x.conf")
    assert (divided.changed, divided.parsers == text != "", divided.included) == flags


def test_yaml_stays_as_it_is() -> None:
    text = "parsers:\n  - name: a\n    format: json\npipeline:\n  outputs:\n    - name: 'null'\n"
    divided = divide(text, "x.yaml")
    assert (divided.text, divided.changed, divided.included) == (text, False, True)
    assert divided.told == "1 parser, 1 output"
    # in the classic format, whatever its name says
    assert divide("[PARSER]\n", "x.yaml").parsers


def test_includes_are_found() -> None:
    assert divide("[INPUT]\n    Name x\n@Include a b.conf\n@INCLUDE *.conf\n", "x").includes == [
        (2, "a b.conf"),
        (3, "*.conf"),
    ]
