"""pyrolens tap: live records of a running router, at a point on their way. See pyrolens/service/taps.py."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from pyrolens.service.wanted import MOST_RATE, MOST_SECONDS, as_query
from pyrolens.tools._records import BLUE, DIM, GREEN, painted, printable, record_text, wants_colour
from pyrolens.tools._router_api import MOST, ApiError, RouterApi, add_router_options, refusal, router_of

PATH = "/api/v2/tap"
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
KINDS_OF_REST = {
    "rate": "over the rate (--rate)",
    "every": "between samples (--every)",
    "room": "too large, or more than this reader took",
    "time": "not looked at, to spare the router",
}


def main(argv: Sequence[str]) -> int:
    """0: it has shown what there was. 1: it cannot listen, or the router was lost. 2: the command line is wrong."""
    args = arguments().parse_args(argv)
    router = router_of(args)
    try:
        return show_points(router, args.json) if args.list else listen(router, args)
    except ApiError as why:
        print(f"pyrolens tap: {why.lines}", file=sys.stderr)
        return 1


def show_points(router: RouterApi, as_json: bool) -> int:
    status, body = router.get(f"{PATH}/points")
    if status != 200:
        raise refusal(router, status, body[:MOST])
    points = json.loads(body)["points"]
    print(json.dumps(points) if as_json else "\n".join(map(printable, points)))
    return 0


def listen(router: RouterApi, args: argparse.Namespace) -> int:
    """Raises: ApiError."""
    wanted = {
        "point": args.point, "tag": args.tag, "text": args.text, "regex": args.regex, "field": args.field,
        "every": args.every, "rate": args.rate, "count": args.count, "seconds": args.seconds,
    }  # fmt: skip
    shown = Shown(router, as_json=args.json, colours=wants_colour(args.color), quiet=args.quiet)
    try:
        with router.stream(f"{PATH}?{urlencode(as_query(wanted))}") as lines:
            for line in lines:
                shown.line(line)
    except KeyboardInterrupt:
        shown.ended = shown.ended or "stopped here"
    except BrokenPipeError:
        shown.end("nobody reads this any more")
        raise
    shown.end(shown.ended or "the router has gone")
    return 0 if shown.ended else 1


class Shown:
    """What is printed: records to standard output, and what is to be said of them to standard error."""

    def __init__(self, router: RouterApi, *, as_json: bool, colours: bool, quiet: bool) -> None:
        self.router = router
        self.as_json, self.colours, self.quiet = as_json, colours, quiet
        self.ended = ""
        """Why."""
        self.counts: dict[str, int] = {}
        self.shown = 0
        self.several = True
        """There is more than one point."""

    def line(self, line: bytes) -> None:
        if line.startswith(b'{"tap":'):
            self._about(json.loads(line)["tap"])
            return
        self.shown += 1
        if self.as_json:
            sys.stdout.write(line.decode())
        else:
            print(self._text(json.loads(line)))
        sys.stdout.flush()

    def _text(self, one: dict[str, Any]) -> str:
        """2026-01-31 12:00:00.123 point tag {record}"""
        time = re.sub(r"T(.*\.\d{3})\d*Z$", r" \1", str(one["time"]))
        parts = [painted(time, DIM, self.colours)]
        if self.several:
            parts.append(painted(printable(one["point"]), BLUE, self.colours))
        parts.append(painted(printable(one["tag"]), GREEN, self.colours))
        return " ".join([*parts, record_text(one["record"], self.colours)])

    def _about(self, said: dict[str, Any]) -> None:
        event = said["event"]
        if event in ("began", "points"):
            self.several = len(said["points"]) > 1 or event == "points"
            points = ", ".join(map(printable, said["points"]))
            again = "the config was loaded again; " if event == "points" else ""
            rate = f", {said['rate']:g} records a second at most" if said.get("rate") else ""
            limit = f", for {said['seconds']:g} seconds{rate}" if event == "began" else ""
            self._say(f"{again}listening to {self.router.address}: {points}{limit}")
        else:
            self.counts = {name: n for name, n in said.items() if isinstance(n, int)}
            self.ended = said.get("why", "")

    def end(self, why: str) -> None:
        counts = {"seen": self.shown, **self.counts, "shown": self.shown}
        rest = {name: counts.get(name, 0) for name in KINDS_OF_REST}
        rest_text = [f"{n:,} {KINDS_OF_REST[name]}" for name, n in rest.items() if n]
        other = counts["seen"] - counts["shown"] - sum(rest.values())
        if other > 0:
            rest_text.append(f"{other:,} not asked for")
        not_shown = f"; not shown: {', '.join(rest_text)}" if rest_text else ""
        self._say(f"{printable(why)}; {counts['shown']:,} of {counts['seen']:,} records shown{not_shown}")

    def _say(self, text: str) -> None:
        if not self.quiet:
            sys.stdout.flush()
            print(f"# {text}", file=sys.stderr, flush=True)


def duration(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    seconds = float(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"'{text}': expected a time such as 30s, 10m or 1h, which is the most")
    return max(seconds, 0.1)


def rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= MOST_RATE:
        raise argparse.ArgumentTypeError(f"'{text}': expected a number from 0 to {MOST_RATE:g}")
    return value


def number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}': expected a whole number from 1")
    return int(text)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens tap",
        description="Show live records of a running router, at points on their way. It needs the router's HTTP API, "
        "costs the router nothing when nobody listens, and never holds records back.",
        epilog="A record is shown at a point if its tag and all of --text, --regex and --field fit. What is not shown "
        "is counted, and told at the end. With --json, `pyrolens diff --sample` and `pyrolens test` can read it.",
    )
    parser.add_argument(
        "point",
        nargs="*",
        default=["input:*"],
        metavar="POINT",
        help="input:NAME (before its processors), before:NAME and after:NAME of a filter, output:NAME, by alias or "
        "plugin.number, * is a wildcard; NAME alone is input:NAME, after:NAME and output:NAME (default: input:*)",
    )
    parser.add_argument("--list", action="store_true", help="print the points that there are")
    which = parser.add_argument_group("which records")
    again: dict[str, Any] = {"action": "append", "default": []}
    which.add_argument("--tag", metavar="TAG", help="with such a tag, * is a wildcard; one of several", **again)
    which.add_argument("--text", metavar="TEXT", help="with this text in a value", **again)
    which.add_argument("--regex", metavar="REGEX", help="with a value in which this is found", **again)
    which.add_argument(
        "--field",
        metavar="FIELD",
        help="NAME (it is there), NAME=TEXT (* is a wildcard), NAME!=TEXT or NAME~REGEX; NAME may be $a['b']",
        **again,
    )
    much = parser.add_argument_group("how much")
    much.add_argument("--rate", type=rate, default=100.0, help="records a second; 0: any number (default: 100)")
    much.add_argument("--every", type=number, default=1, metavar="N", help="each Nth of them only")
    much.add_argument("-n", "--count", type=number, metavar="N", help="end after N records")
    much.add_argument(
        "--for",
        dest="seconds",
        type=duration,
        default=300.0,
        metavar="TIME",
        help="end after such as 30s, 10m, 1h, which is the most (default: 5m)",
    )
    form = parser.add_argument_group("how it is printed")
    form.add_argument("--json", action="store_true", help="a line of JSON for each record: point, tag, time, record")
    form.add_argument("--color", choices=["auto", "always", "never"], default="auto", help="(default: auto)")
    form.add_argument("-q", "--quiet", action="store_true", help="records only, and what is wrong")
    add_router_options(parser)
    return parser
