"""How items are put together to calls."""

from hypothesis import given
from hypothesis import strategies as st

from pyrolens.delivery.buffer import Buffer
from pyrolens.delivery.outcome import Chunk, Limits, Parcel
from pyrolens.delivery.receipt import Receipt


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=30), max_size=8),
    st.integers(1, 60),
    st.none() | st.integers(1, 10),
    st.integers(0, 3),
)
def test_a_call_is_as_full_as_it_may_be(parcels: list[list[int]], most: int, items: int | None, per_item: int) -> None:
    limits = Limits(size=most, items=items, per_item=per_item)
    buffer, receipt = Buffer("key", limits), Receipt(0, lambda _: None)
    chunks: list[Chunk] = []
    for sizes in parcels:
        data = [b"x" * size for size in sizes]
        chunks += buffer.add(Parcel("key", list(data), len(data), sum(sizes)), receipt)
    if buffer.items:
        chunks.append(buffer.cut())
    got = [list(map(len, chunk.items)) for chunk in chunks]
    assert got == greedy([size for sizes in parcels for size in sizes], most, items, per_item)
    assert [chunk.size for chunk in chunks] == [sum(sizes) + per_item * len(sizes) for sizes in got]
    assert [chunk.records for chunk in chunks] == list(map(len, got))


def greedy(sizes: list[int], most: int, items: int | None, per_item: int) -> list[list[int]]:
    out: list[list[int]] = []
    for size in sizes:
        last = out[-1] if out else []
        full = sum(last) + per_item * len(last) + size + per_item > most or len(last) == items
        if not last or full:
            out.append([])
        out[-1].append(size)
    return out
