import json
from json.encoder import encode_basestring_ascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.records.codecs.escape import MOST, RUNS, Runs, escape_all, escaped

TEXT = st.text(st.sampled_from('ab xuU0"\\/\n\t\x01é\xa0ÿĀ注文\ud7ff\uf8ff\ue000\ue0ff\ue100\uffff😀\U0010ffff'))


def slowly(line: bytes) -> bytes:
    r"""Character by character: \uXXXX for all but ASCII and what stands for wrong bytes."""
    return "".join(
        c if c.isascii() or "\ue000" <= c <= "\ue0ff" else encode_basestring_ascii(c)[1:-1] for c in line.decode()
    ).encode()


@given(TEXT)
def test_the_same_as_character_by_character(text: str) -> None:
    line = json.dumps(text, ensure_ascii=False).encode()
    assert escaped(line) == slowly(line)
    assert json.loads(escaped(line)) == text


@given(st.lists(TEXT, max_size=6))
def test_many_lines(texts: list[str]) -> None:
    lines = [json.dumps(text, ensure_ascii=False).encode() + b"\n" for text in texts]
    expected = list(map(slowly, lines))
    if not b"".join(lines).isascii():
        escape_all(lines)
    assert lines == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\\é"', rb'"\\\u00e9"'),
        (r'"\\xe9é"', rb'"\\xe9\u00e9"'),
        (r'"C:\\Users\\注"', rb'"C:\\Users\\\u6ce8"'),
        ('"😀"', rb'"\ud83d\ude00"'),
        ('"\ue0ff\xff"', b'"\xee\x83\xbf\\u00ff"'),
    ],
)
def test_escapes_beside_backslashes(text: str, expected: bytes) -> None:
    assert escaped(text.encode()) == expected


def test_what_is_remembered_has_an_end() -> None:
    runs = Runs()
    for n in range(MOST + 1):
        assert runs[chr(0x4E00 + n)] == b"\\u%04x" % (0x4E00 + n)
    assert len(runs) == 1
    assert len(RUNS) <= MOST
