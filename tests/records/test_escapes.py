import pytest

from pyrolens.records.escapes import unescape, unescape_utf8, unquote_mysql


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        (r"a\nb\tc\\d", "a\nb\tc\\d"),
        (r"\"q\" \u00e9 \q\/", '"q" u00e9 q/'),
        (r"\a\b\f\v\r", "\a\b\f\v\r"),
        ("end\\", "end\0"),
        ("\\é", "é"),
        (r"\\n", r"\n"),
    ],
)
def test_simple(text: str, value: str) -> None:
    assert unescape(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        (r"a\nb\\c\"d\'e\/f", "a\nb\\c\"d'e/f"),
        (r"\u00e9\x41\101\q", "éAAq"),
        (r"\ud83d\ude00 é", "😀 é"),
        (r"\u12 x", "\ufffd x"),
        (r"\ud83d x", "\ufffd x"),
        (r"\ude00x", "\ufffdx"),
        (r"\ud83d\u0041", "\ufffd"),
        (r"\ud83d\u", "\ufffd\0"),
        (r"\ud83d\u12x", "\ufffdx"),
        ("end\\", "end\\"),
        (r"\x", "x"),
        (r"\u", "\0"),
        (r"\U", "U"),
        (r"\U1F600", "😀"),
        (r"\UFFFFFFFF", "\udcff"),
        (r"\UD800", "\udced\udca0\udc80"),
        (r"\377", "ÿ"),
        (r"\0777", "?7"),
        ("a\0b\\n", "a"),
        ("a\0b", "a"),
        ("a\\\0b", "a\0b"),
        ("\\é\udc80", "é\udc80"),
    ],
)
def test_utf8(text: str, value: str) -> None:
    assert unescape_utf8(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"'it\'s\n'", "it's\n"),
        (r'"dq\"x"', 'dq"x'),
        (r"no quotes \n", r"no quotes \n"),
        ("'a''b'", "a''b"),
        ("x", "x"),
        ("'", "'"),
        ("", ""),
        ("''", ""),
        (r"'\0\Z\q\\'", "\0\x1a\\q\\"),
        ("'a\\'", "a\\"),
        ("'mixed\"", "'mixed\""),
    ],
)
def test_mysql(text: str, value: str) -> None:
    assert unquote_mysql(text) == value
