from hypothesis import given
from hypothesis import strategies as st

from pyrolens.outputs._oversized import pieces


@given(st.text(max_size=60), st.integers(4, 20))
def test_pieces_are_all_of_it_and_whole_characters(text: str, limit: int) -> None:
    cut = pieces(text.encode(), limit, "split")
    assert "".join(piece.decode() for piece in cut) == text
    assert all(len(piece) <= limit for piece in cut)


@given(st.text(max_size=60), st.integers(4, 20))
def test_the_first_piece_is_the_beginning(text: str, limit: int) -> None:
    (cut,) = pieces(text.encode(), limit, "truncate")
    assert text.startswith(cut.decode())
    assert len(text.encode()) <= limit or limit - 3 <= len(cut) <= limit


def test_the_others() -> None:
    assert pieces(b"abcdef", 5, "reject") == []
    assert pieces(b"abcde", 5, "reject") == [b"abcde"]
    assert pieces(b"abcdef", 5, "truncate", b"..") == [b"abc.."]
    assert pieces(b"\x80" * 7, 3, "split") == [b"\x80\x80\x80", b"\x80\x80\x80", b"\x80"]
