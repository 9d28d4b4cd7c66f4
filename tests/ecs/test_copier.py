import itertools

from hypothesis import given
from hypothesis import strategies as st

from pyrolens.ecs.copier import MOST, Copier, Message, Partial, record_of


def copier() -> Copier:
    return Copier("stdout", itertools.count(1).__next__, map("id{}".format, itertools.count(1)).__next__)


def test_lines_are_messages_and_empty_lines_too() -> None:
    c = copier()
    assert c.feed(b"one\n\ntw") == [Message(1, "stdout", b"one"), Message(2, "stdout", b"")]
    assert c.feed(b"o\r\n") == [Message(3, "stdout", b"two\r")]
    assert c.end() == []


def test_a_long_line_is_cut_and_its_parts_share_time_and_id() -> None:
    c = copier()
    assert c.feed(b"x" * (2 * MOST + 5) + b"\nnext\n") == [
        Message(1, "stdout", b"x" * MOST, Partial("id1", 1, False)),
        Message(1, "stdout", b"x" * MOST, Partial("id1", 2, False)),
        Message(1, "stdout", b"x" * 5, Partial("id1", 3, True)),
        Message(2, "stdout", b"next"),
    ]


def test_a_line_of_exactly_the_most_ends_with_an_empty_part() -> None:
    c = copier()
    assert c.feed(b"x" * (MOST - 1) + b"\n") == [Message(1, "stdout", b"x" * (MOST - 1))]
    assert c.feed(b"y" * MOST + b"\n") == [
        Message(2, "stdout", b"y" * MOST, Partial("id1", 1, False)),
        Message(2, "stdout", b"", Partial("id1", 2, True)),
    ]


def test_text_without_a_line_end_is_a_part_when_the_output_closes() -> None:
    c = copier()
    assert c.feed(b"no end") == []
    assert c.end() == [Message(1, "stdout", b"no end", Partial("id1", 1, False))]
    long = copier()
    long.feed(b"x" * MOST + b"y")
    assert long.end() == [Message(1, "stdout", b"y", Partial("id1", 2, False))]


@given(st.lists(st.binary(max_size=50) | st.just(b"z" * (MOST - 1)) | st.just(b"\n")))
def test_how_the_bytes_arrive_makes_no_difference(pieces: list[bytes]) -> None:
    def content(messages: list[Message]) -> list[tuple[bytes, tuple[int, bool] | None]]:
        return [(m.line, m.partial and (m.partial.ordinal, m.partial.last)) for m in messages]

    whole, pieced = copier(), copier()
    at_once = whole.feed(b"".join(pieces)) + whole.end()
    one_by_one = [m for piece in pieces for m in pieced.feed(piece)] + pieced.end()
    assert content(one_by_one) == content(at_once)


def test_the_parts_of_a_long_line_are_named_in_text() -> None:
    assert record_of(Message(1, "stderr", b"x", Partial("ab", 2, False)), "c0ffee", "app") == {
        "container_id": "c0ffee",
        "container_name": "/app",
        "source": "stderr",
        "log": "x",
        "partial_message": "true",
        "partial_id": "ab",
        "partial_ordinal": "2",
        "partial_last": "false",
    }
