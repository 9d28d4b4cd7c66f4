from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyrolens.records.event import SECOND
from pyrolens.sql.groups import Groups, Query
from pyrolens.sql.nodes import Window
from pyrolens.sql.syntax import read_task
from pyrolens.sql.windows import Panes

STATEMENT = read_task("SELECT COUNT(*) AS n, SUM(v) AS s, MIN(v) AS least FROM TAG:'x';")


def told(window: Window, arrivals: list[tuple[float, int]], until: float) -> list[dict[str, Any]]:
    """What the windows say: of values that arrive at some time (seconds), until that time."""
    query = Query(STATEMENT.columns, (), True)
    panes = Panes(query, window, 0)
    ended: list[Groups] = []
    for at, value in arrivals:
        now = int(at * SECOND)
        ended += panes.close(now)
        panes.open(now).add([(now, {"v": value})])
    ended += panes.close(int(until * SECOND))
    return [record for groups in ended for _, record in query.results(groups, "", 0)]


def test_a_tumbling_window() -> None:
    assert told(Window(5, 5), [(0.5, 1), (4.9, 2), (5.0, 3), (17.0, 4)], 30) == [
        {"n": 2, "s": 3, "least": 1},
        {"n": 1, "s": 3, "least": 3},
        {"n": 1, "s": 4, "least": 4},
    ]
    assert told(Window(5, 5), [(12.0, 1)], 14.9) == []


def test_a_hopping_window_forgets_what_has_left_it() -> None:
    assert told(Window(3, 1), [(0.5, 1), (1.5, 2), (3.5, 3)], 10) == [
        {"n": 2, "s": 3, "least": 1},
        {"n": 2, "s": 5, "least": 2},
        {"n": 1, "s": 3, "least": 3},
        {"n": 1, "s": 3, "least": 3},
    ]


def test_nothing_is_kept_once_all_is_told() -> None:
    panes = Panes(Query(STATEMENT.columns, (), True), Window(7, 2), 0)
    panes.open(SECOND).add([(1, {"v": 1})])
    panes.close(100 * SECOND)
    assert panes.empty


def test_the_rest_is_what_the_running_window_has_seen() -> None:
    panes = Panes(Query(STATEMENT.columns, (), True), Window(3, 1), 0)
    for now in (0, SECOND, 4 * SECOND):
        panes.close(now)
        panes.open(now).add([(now, {"v": 1})])
    [group] = panes.rest(4 * SECOND + 1).all.values()
    assert group.records == 1


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(-9, 9)), max_size=25),
)
def test_windows_are_those_that_a_slow_way_finds(size: int, advance: int, arrivals: list[tuple[int, int]]) -> None:
    advance = min(size, advance)
    arrivals.sort()
    wanted = []
    for end in range(size, 60 + 2 * size + 1, advance):
        inside = [v for ms, v in arrivals if (end - size) * 1000 <= ms < end * 1000]
        if inside:
            wanted.append({"n": len(inside), "s": sum(inside), "least": min(inside)})
    assert told(Window(size, advance), [(ms / 1000, v) for ms, v in arrivals], 60 + 2 * size) == wanted
