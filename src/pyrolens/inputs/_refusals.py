"""What an input does not take is counted, and said without filling the log."""

from dataclasses import dataclass

from pyrolens.api import Env

QUIET = 10 * 10**9
"""ns between two lines about the same thing."""
MOST_REASONS = 100


@dataclass(slots=True)
class Said:
    at: int
    since: int = 0
    """Refused since then."""


class Refusals:
    """Counts refused records under `refused_records` and logs each reason at once, then at most every 10 s."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self._said: dict[str, Said] = {}

    def __call__(self, reason: str, records: int = 1) -> None:
        self.env.count("refused_records", records)
        self.say("refused what came in", reason, records)

    def closed(self, reason: str) -> None:
        """A connection that had to be closed."""
        self.env.count("closed_connections")
        self.say("closed a connection", reason)

    def say(self, what: str, reason: str, number: int = 1) -> None:
        now = self.env.now()
        said = self._said.get(f"{what} {reason}")
        if said is not None and 0 <= now - said.at < QUIET:  # clocks may be set back
            said.since += number
            return
        if len(self._said) >= MOST_REASONS:
            self._said.clear()
        more = {"since_last": said.since} if said is not None and said.since else {}
        self._said[f"{what} {reason}"] = Said(now)
        self.env.log.warning(what, reason=reason, number=number, **more)
