import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.records.times import MisfitError, TimeFormat, _exact, event_time, read_offset, usual_shape

ISO = "%Y-%m-%dT%H:%M:%S"
MAY = 1779959551
"""2026-05-28T09:12:31 UTC"""


def read(layout: str, text: str, **options: Any) -> int | str | None:
    """ns, None for "no time", or what went wrong."""
    try:
        return TimeFormat(layout, **options).reader(clock=lambda: MAY)(text)
    except MisfitError as misfit:
        return f"misfit {misfit.fraction}"
    except OverflowError:
        return "no event can carry it"


def at(seconds: float) -> int:
    return int(seconds * 1000) * 1_000_000


@pytest.mark.parametrize(
    ("layout", "text", "expected"),
    [
        (ISO, "2026-05-28T09:12:31", at(MAY)),
        (ISO, "2026-05-28T09:12:31+09:00", at(MAY)),  # what follows is not looked at
        (ISO, "2026-05-28 09:12:31", "misfit 0"),
        (ISO, "2026-05-28T09:12", "misfit 0"),
        (ISO, "1970-01-01T00:00:00", None),
        (ISO, "1969-12-31T23:59:59", at(2**32 - 1)),
        (ISO, "1969-12-31T23:59:57", "no event can carry it"),
        (ISO, "2106-02-07T06:28:15", at(2**32 - 1)),
        (ISO, "2106-02-07T06:28:16", "no event can carry it"),
        (ISO, "2026-5-8T9:2:1", 1778230921 * 10**9),
        (ISO, "2026-05-28T09:12:60", 1779959580 * 10**9),
        (ISO, "2026-05-28T24:00:00", "misfit 0"),
        (ISO, "2026-02-30T12:00:00", 1772452800 * 10**9),
        (ISO + ".%L%z", "2026-05-28T09:12:31.5+0900", at(1779927151.5)),
        (ISO + ".%L%z", "2026-05-28T09:12:31.123456789-05:00", 1779977551123456789),
        (ISO + ".%L%z", "2026-05-28T09:12:31.1234567890Z", "misfit 123456789"),
        (ISO + ".%L", "2026-05-28T09:12:31.5e1", "no event can carry it"),
        (ISO + ".%L", "2026-05-28T09:12:31.12 34", at(MAY + 0.12)),
        (ISO + ".%L", "2026-05-28T09:12:31.", "misfit 0"),
        (ISO + "%L", "2026-05-28T09:12:31123", at(MAY + 0.123)),
        (ISO + ".%LZ", "2026-05-28T09:12:31.250Z", at(MAY + 0.25)),
        (ISO + ".%LZ", "2026-05-28T09:12:31.250", "misfit 250000000"),
        (ISO + "%z.%L", "2026-05-28T09:12:31+0900.5", at(MAY + 0.5)),  # the second half forgets the offset
        (ISO + ".%N", "2026-05-28T09:12:31.250", "misfit 0"),
        ("%d/%b/%Y:%H:%M:%S %z", "28/May/2026:09:12:31 +0900", at(1779927151)),
        ("%d/%b/%Y:%H:%M:%S %z", "28/May/2026:09:12:31   -0330", at(1779972151)),
        ("%a %d %b %Y %H:%M:%S", "thursday 28 MAY 2026 09:12:31", at(MAY)),
        ("%a %d %b %Y %H:%M:%S", "Mon 28 September 2026 09:12:31", at(1790586751)),
        ("%Y-%m-%e %H:%M:%S", "2026-05- 8 09:12:31", at(1778231551)),
        ("%s", "1779959551", at(MAY)),
        ("%s", "0", None),
        ("%s", "1", at(1)),
        ("%s", "1779959551.75", at(MAY)),
        ("%s", "-5", "misfit 0"),
        ("%s", "9999999999", "no event can carry it"),
        ("%s", "99999999999", "no event can carry it"),
        ("%s", "999999999999999999999", "misfit 0"),
        ("%s.%L", "1779959551.123456789", 1779959551123456789),
        ("%s.%L", "1779959551", "misfit 0"),
        ("%s%L", "1779959551750", "misfit 0"),
        ("%d/%m/%y %H:%M:%S", "28/05/68 00:00:00", at(3105388800)),
        ("%d/%m/%y %H:%M:%S", "28/05/69 00:00:00", "no event can carry it"),
        ("%d/%m/%y %H:%M:%S", "28/05/99 00:00:00", at(927849600)),
        ("%D %R", "05/28/26 09:12", at(1779959520)),
        ("%Y-%j %H:%M:%S", "2026-148 09:12:31", at(MAY)),
        ("%Y-%j %H:%M:%S", "2026-366 00:00:00", at(1798761600)),
        ("at %Y/%m/%d [%H:%M:%S] 100%%", "at 2026/05/28 [09:12:31] 100%", at(MAY)),
        ("at %Y/%m/%d [%H:%M:%S] 100%%", "At 2026/05/28 [09:12:31] 100%", "misfit 0"),
        ("%Y-%m-%d %H:%M:%S", "2026-05-2809:12:31", at(MAY)),
        ("%Y-%m-%d %H:%M:%S", " 2026-05-28 09:12:31", "misfit 0"),
        ("%Y-%m-%d %I:%M %p", "2026-05-28 12:00 AM", at(1779926400)),
        ("%Y-%m-%d %I:%M %p", "2026-05-28 01:00 pm", at(1779973200)),
        ("%Y-%m-%d %H:%M %p", "2026-05-28 13:00 PM", "misfit 0"),
        ("%Ey-%Om-%d", "26-05-28", at(1779926400)),
        ("%Oe %EY", "28 2026", at(1779926400)),
        ("%Ed %Y", "28 2026", "misfit 0"),
        ("%C%y-%m-%d", "2026-05-28", at(1779926400)),
    ],
)
def test_reads(layout: str, text: str, expected: int | str | None) -> None:
    assert read(layout, text) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("+0900", -32400), ("+09:00", -32400), ("+09", -32400), ("-0330", 12600), ("Z", 0), ("UTC", 0), ("GMT", 0),
     ("UT", 0), (" +0900", -32400), ("EST", 18000), ("PDT", 25200), ("+0960", -36000), ("+25:00", -90000)],
)  # fmt: skip
def test_zones_of_z(text: str, seconds: int) -> None:
    assert read(ISO + "%z", "2026-05-28T09:12:31" + text) == at(MAY + seconds)


@pytest.mark.parametrize("text", ["", "JST", "+9", "z", "+09:3", "G", "U"])
def test_what_z_does_not_know(text: str) -> None:
    assert read(ISO + "%z", "2026-05-28T09:12:31" + text) == "misfit 0"


@pytest.mark.parametrize(("text", "hours"), [("JST", 9), ("npt", 5.75), ("Z", 0), ("IST", 5.5), ("GMT+2", 0)])
def test_zone_names(text: str, hours: float) -> None:
    assert read(ISO + " %Z", f"2026-05-28T09:12:31 {text}") == at(MAY - hours * 3600)


@pytest.mark.parametrize(
    ("layout", "text", "options", "expected"),
    [
        (ISO, "2026-05-28T09:12:31", {"offset": 32400}, at(MAY - 32400)),
        (ISO + "%z", "2026-05-28T09:12:31Z", {"offset": 32400}, at(MAY)),
        (ISO + "Z", "2026-05-28T09:12:31Z", {"offset": 32400}, at(MAY)),
        ("%s", "1779959551", {"offset": 32400}, at(MAY - 32400)),
        (ISO, "2026-05-28", {"strict": False}, at(1779926400)),
        (ISO, "2026-05-28T09:12", {"strict": False, "offset": 3600}, at(1779959520)),
        (ISO, "garbage", {"strict": False}, "no event can carry it"),
        (ISO, "2026-05-28T09:12:31", {"zone": "Asia/Tokyo"}, at(MAY - 32400)),
        (ISO + "%z", "2026-05-28T09:12:31Z", {"zone": "Asia/Tokyo"}, at(MAY)),
        (ISO, "2026-11-01T01:30:00", {"zone": "America/New_York"}, at(1793511000)),  # twice: the earlier one
        (ISO, "2060-07-01T00:00:00", {"zone": "America/New_York"}, at(2855865600 + 4 * 3600)),
    ],
)
def test_options(layout: str, text: str, options: dict[str, Any], expected: int | str | None) -> None:
    assert read(layout, text, **options) == expected


@pytest.fixture
def _in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_in_tokyo")
def test_times_of_this_system() -> None:
    assert read(ISO, "2026-05-28T09:12:31", system_zone=True) == at(MAY - 32400)
    assert read(ISO + "%z", "2026-05-28T09:12:31Z", system_zone=True) == at(MAY - 32400)
    assert read(ISO, "2026-05-28T09:12:31") == at(MAY)
    # 23:30 in Tokyo is of the day that has begun there
    reader = TimeFormat("%H:%M", system_zone=True).reader(clock=lambda: 1779991200)
    assert reader("23:30") == at(1780065000)


def test_without_a_year_it_is_this_one() -> None:
    assert read("%b %d %H:%M:%S", "May  8 09:12:31") == at(1778231551)
    assert read("%b %d %H:%M:%S", "May 28 09:12:31") == at(MAY)
    assert read("%b %e %T.%L", "Dec 24 00:00:00.5") == at(1798070400.5)
    assert read("%b %d %H:%M:%S", "May 28 09:12:31" + "x" * 42) == at(MAY)
    assert read("%b %d %H:%M:%S", "May 28 09:12:31" + "x" * 43) == "misfit 0"
    assert read("%b %d %H:%M:%S", "May 28 09:12:31" + "x" * 49) == at(MAY)


def test_without_a_date_it_is_today_also_after_midnight() -> None:
    now = [MAY]
    reader = TimeFormat("%H:%M:%S").reader(clock=lambda: now[0])
    assert reader("09:12:31") == at(MAY)
    now[0] += 86400
    assert reader("09:12:31") == at(MAY + 86400)


LAYOUTS = [
    ISO, ISO + ".%L", ISO + ".%L%z", ISO + "%z", ISO + ".%LZ", "%Y-%m-%d %H:%M:%S,%L", "%d/%b/%Y:%H:%M:%S %z",
    "%b %d %H:%M:%S", "%b %e %T", "%F %T.%L %z", "%a, %d %b %Y %H:%M:%S %z", "%s", "%s.%L", "%y%m%d %H:%M:%S",
    "[%d/%b/%Y %H:%M:%S]", "%d-%b-%Y::%H:%M:%S",
]  # fmt: skip


@given(st.sampled_from(LAYOUTS), st.integers(1, 2**32 - 1), st.integers(0, 10**9), st.integers(0, 2**32))
def test_the_quick_way_reads_as_the_exact_one(layout: str, seconds: int, ns: int, seed: int) -> None:
    chance = random.Random(seed)
    moment = datetime.fromtimestamp(seconds, UTC)
    shown = layout.replace("%L", str(ns)[: chance.randrange(1, 11)]).replace("%s", str(seconds))
    text = moment.strftime(shown.replace("%z", chance.choice(["Z", "+0900", "-03:30", "+9", " +0200", "PST"])))
    if chance.random() < 0.5:
        where = chance.randrange(len(text) + 1)
        text = text[:where] + chance.choice(["", "0", " ", "é", "Z", ":", "9"]) + text[where + chance.randrange(2) :]
    layout_read = TimeFormat(layout)
    exact = _exact(layout_read, lambda: MAY)
    quick = layout_read.reader(clock=lambda: MAY)
    assert outcome(quick, text) == outcome(quick, text) == outcome(lambda t: event_time(exact(t)), text)


def outcome(reader: Any, text: str) -> int | str | None:
    try:
        result: int | None = reader(text)
        return result
    except MisfitError as misfit:
        return f"misfit {misfit.fraction}"
    except OverflowError:
        return "no event can carry it"


def test_usual_shapes_end_where_widths_vary() -> None:
    assert usual_shape("%Y-%m-%dT%H:%M:%S.%L%z")[1:] == (20, 18)
    assert usual_shape("%d/%b/%Y:%H:%M:%S %z")[1:] == (20, 17)
    assert usual_shape("%b %d %H:%M:%S")[1:] == (15, 14)
    assert usual_shape("%b %d")[1:] == (6, 5)
    assert usual_shape("%b%d") == ("", 0, 0)
    assert usual_shape("%Y  %m")[1:] == (4, 2)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("+0900", 32400), ("-03:30", -12600), ("Z", 0), ("Zulu", 0), ("+0900 and more", 32400), ("+5900", 212400)],
)
def test_offsets(text: str, seconds: int) -> None:
    assert read_offset(text) == seconds


@pytest.mark.parametrize("text", ["", "Tokyo", "+09", "0900", "+09:00x", "+6000", "+0960", "utc"])
def test_bad_offsets(text: str) -> None:
    with pytest.raises(ValueError, match="expected an offset"):
        read_offset(text)
