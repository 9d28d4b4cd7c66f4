"""What an output puts on the wire for records, without opening it."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

from pyrolens.config import Built, Config
from pyrolens.delivery.outcome import Encode, Encoding, Shows
from pyrolens.plugin import Output, Tls
from pyrolens.problems import ConfigError, Problem
from pyrolens.records.event import Event
from pyrolens.rehearsal.rehearsed import Rehearsed
from pyrolens.rehearsal.virtual_time import VirtualClock
from pyrolens.service.secrets import Mask


class NotShownError(ConfigError):
    """An output that has nothing to show, and why."""


class Sent(NamedTuple):
    """What becomes of records at an output."""

    items: tuple[bytes | str, ...]
    """What goes on the wire."""
    refused: tuple[tuple[Event, str], ...] = ()
    """Those that cannot be encoded for this destination, and why."""


class Encoder:
    """Of one output."""

    def __init__(self, router: Rehearsed, built: Built[Output]) -> None:
        """Raises: ConfigError when it cannot be opened."""
        self.built, self.masked = built, router.logs.masked
        self._refused: list[tuple[Event, str]] = []
        env = router.output_env(built)
        env.refuse = self._refuse
        try:
            self._encoding: Encoding = without_tls(built.plugin).encoding(env)
        except ValueError as error:
            raise ConfigError([built.problem(error)]) from None
        self._encoders: dict[str, Encode] = {}

    def _refuse(self, events: list[Event], tag: str, reason: str) -> None:
        self._refused += [(event, reason) for event in events]

    def sent(self, tag: str, events: Sequence[Event]) -> Sent:
        """Raises: NotShownError."""
        plugin, encoding = self.built.plugin, self._encoding
        if not plugin.takes_logs:
            raise self._not_shown("takes metrics only")
        encode = self._encoders.get(tag)
        if encode is None:
            encode = self._encoders[tag] = encoding.encoder(tag)
        self._refused = []
        show: Callable[[Any, Any], bytes | str] = encoding.shown if isinstance(encoding, Shows) else as_it_is
        items = [show(parcel.key, item) for parcel in encode(list(events)) for item in parcel.items]
        if items and not any(items):
            raise self._not_shown("sends nothing")
        return Sent(tuple(masked(item, self.masked) for item in items), tuple(self._refused))

    def _not_shown(self, why: str) -> NotShownError:
        built = self.built
        label = "" if built.label == built.plugin.name else f" {built.label}"
        return NotShownError([Problem("not-shown", f"output {built.plugin.name}{label} {why}", built.place)])


def without_tls(plugin: Output) -> Output:
    """Its certificates are in the image of the router, and may not be here."""
    given: dict[str, Any] = {f.name: Tls() for f in fields(plugin) if isinstance(getattr(plugin, f.name), Tls)}
    return replace(plugin, **given) if given else plugin


def as_it_is(key: object, item: Any) -> bytes | str:
    data: bytes | str = item
    return data


def masked(item: bytes | str, mask: Mask) -> bytes | str:
    if isinstance(item, str):
        return mask(item)
    return mask(item.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def sent(
    config: Config, label: str, tag: str, events: Sequence[Event], *, now_ns: int | None = None
) -> list[bytes | str]:
    """What the output of that label (or name) sends for events of a tag: the items of its requests, such as a record of
    Firehose, an event of PutLogEvents, a line of http's json_lines; or one for all, where a request has no items.
    Made by the real encoder of the output. Secrets of the config are masked as ***. The events are those behind the
    output's processors (Arrival.event). See Rehearsal.sent for what is refused.

    Raises: LookupError when there is no such output, NotShownError."""
    clock = VirtualClock(now_ns if now_ns is not None else events[0][0] if events else 0)
    return list(Encoder(Rehearsed(config, clock), output_of(config, label)).sent(tag, events).items)


def output_of(config: Config, label: str) -> Built[Output]:
    """Raises: LookupError."""
    for built in config.outputs:
        if label in (built.label, built.name):
            return built
    known = ", ".join(built.label for built in config.outputs) or "none"
    raise LookupError(f"there is no output {label}; outputs are {known}")
