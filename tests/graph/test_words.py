import time

from pyrolens.graph.words import cut


def test_what_is_too_long_is_cut_at_once() -> None:
    begin = time.process_time()
    assert cut("x" * 1_000_000, 10) == "xxxxxxxxx…"
    assert time.process_time() - begin < 1
