from hypothesis import given
from hypothesis import strategies as st

from pyrolens.api import Event
from pyrolens.rehearsal.differences import changed, missing

EVENTS = st.lists(st.integers(0, 3)).map(lambda times: [(ns, {"n": n}) for n, ns in enumerate(times)])


@given(EVENTS, st.data())
def test_what_was_taken_out_is_known_where_the_others_stay_what_they_are(
    events: list[Event], data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.sampled_from(range(len(events))))) if events else set()
    after = [event for n, event in enumerate(events) if n not in gone]
    assert missing(events, after) == tuple(sorted(gone))
    assert changed(events, after, missing(events, after)) == 0


@given(st.lists(st.booleans()), st.data())
def test_and_where_each_has_its_own_time(stay: list[bool], data: st.DataObject) -> None:
    events: list[Event] = [(ns, {"n": ns}) for ns in range(len(stay))]
    after: list[Event] = [(ns, {"new": ns}) for (ns, _), stays in zip(events, stay, strict=True) if stays]
    found = missing(events, after)
    assert found == tuple(n for n, stays in enumerate(stay) if not stays)
    assert changed(events, after, found) == len(after)


def test_how_many_have_changed() -> None:
    same: Event = (1, {"a": 1})
    assert changed([same, same], [same, (1, {"a": 1})], ()) == 0, "equal ones are the same"
    assert changed([same, same], [same, (2, {"a": 1})], ()) == 1
    assert changed([same], [same, (1, {"more": 1})], ()) == 1, "one was added"


def test_the_number_is_right_where_nothing_is_sure() -> None:
    events: list[Event] = [(1, {"n": n}) for n in range(4)]
    after: list[Event] = [(5, {"new": 1}), (6, {"new": 2})]
    assert len(missing(events, after)) == 2
    assert missing(events, []) == (0, 1, 2, 3)
    assert missing(events, [*events, (1, {})]) == ()
