"""pyrolens top: what a running router does, second by second, from the metrics of its HTTP API."""

import argparse
import json
import os
import re
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pyrolens.tools._records import wants_colour
from pyrolens.tools._router_api import ApiError, RouterApi, add_router_options, router_of
from pyrolens.tools._top_reading import Reading, View, read, read_text, uptime_of, view
from pyrolens.tools._top_tables import SORTS, plain

QUIT = ("q", "Q", "\x03", "\x04")
PAUSE = ("p", " ")
SEVERAL = re.compile(r"\x1b(?:\[[0-9;]*[ -/]*[@-~]|O.|.)?")
"""Arrows, and other keys that send several characters."""


def main(argv: Sequence[str]) -> int:
    """0: until it was told to stop. 1: the router does not answer."""
    args = arguments().parse_args(argv)
    if args.saved:
        return tell_saved(args.saved[0], args.saved[1], args)
    router = router_of(args)
    live = sys.stdout.isatty() and not (args.once or args.json or args.plain)
    try:
        return watch(router, args) if live else tell(router, args)
    except ApiError as why:
        print(f"pyrolens top: {why.lines}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def tell(router: RouterApi, args: argparse.Namespace) -> int:
    """One frame after the other, as text or as JSON. Raises: ApiError."""
    before, frames = read(router), 1 if args.once else args.count
    while True:
        time.sleep(args.interval)
        now = read(router)
        seen = view(router.address, before, now)
        print(json.dumps(asdict(seen)) if args.json else plain(seen, args.sort), flush=True)
        frames -= 1
        if frames == 0:
            return 0
        if not args.json:
            print()
        before = now


def tell_saved(first: str, second: str, args: argparse.Namespace) -> int:
    """Of metrics in files."""
    readings = []
    try:
        for path in (first, second):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            readings.append(read_text(text, uptime_of(text)))
    except (OSError, UnicodeDecodeError, ApiError) as why:
        said = getattr(why, "strerror", None) or str(why)
        print(f"pyrolens top: {path}: {said}", file=sys.stderr)
        return 1
    seen = view(second, *readings)
    print(json.dumps(asdict(seen)) if args.json else plain(seen, args.sort))
    return 0


class Screen:
    """What is shown, and what keys do to it."""

    def __init__(self, router: RouterApi, sort: str) -> None:
        """Raises: ApiError."""
        self.router, self.sort = router, sort
        self.paused = self.over = False
        self.trouble = ""
        self._last = read(router)
        self.seen: View = view(router.address, self._last, self._last)

    def renew(self) -> None:
        """A router that does not answer may be back with the next reading."""
        try:
            now: Reading = read(self.router)
        except ApiError as why:
            self.trouble = str(why)
            return
        self.seen, self._last, self.trouble = view(self.router.address, self._last, now), now, ""

    def press(self, keys: str) -> None:
        for key in SEVERAL.sub("", keys):
            if key in QUIT:
                self.over = True
            elif key in PAUSE:
                self.paused = not self.paused
            elif key == "s":
                every = list(SORTS.values())
                self.sort = every[(every.index(self.sort) + 1) % len(every)]
            elif key in SORTS:
                self.sort = SORTS[key]


class Drawn:
    """A terminal, drawn by rich. Raises: ModuleNotFoundError."""

    def __init__(self) -> None:
        from rich.live import Live

        from pyrolens.tools._top_frame import frame

        self._live, self._frame = Live(screen=True, auto_refresh=False), frame

    def __enter__(self) -> "Drawn":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, it: Screen) -> None:
        width = self._live.console.width
        drawn = self._frame(it.seen, it.sort, width=width, paused=it.paused, trouble=it.trouble)
        self._live.update(drawn, refresh=True)


class Written:
    """A terminal without rich, such as that of the router's image."""

    def __init__(self) -> None:
        self._colours = wants_colour("auto")

    def __enter__(self) -> "Written":
        self._write("\x1b[?1049h\x1b[?7l\x1b[?25l")  # another screen, lines are cut, no cursor
        return self

    def __exit__(self, *_: object) -> None:
        self._write("\x1b[?25h\x1b[?7h\x1b[?1049l")

    def show(self, it: Screen) -> None:
        keys = f"q quit  p {'go on' if it.paused else 'pause'}  sort by: "
        keys += "  ".join(f"{key} {'*' if by == it.sort else ''}{by}" for key, by in SORTS.items())
        lines = plain(it.seen, it.sort, colours=self._colours).splitlines()
        lines += [f"  {it.trouble}"] if it.trouble else []
        lines += ["", f"{' paused  ' if it.paused else ''}{keys}"]
        most = shutil.get_terminal_size().lines
        self._write("\x1b[H" + "\x1b[K\r\n".join(lines[:most]) + "\x1b[J")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def terminal() -> Drawn | Written:
    try:
        return Drawn()
    except ModuleNotFoundError:
        return Written()


def watch(router: RouterApi, args: argparse.Namespace) -> int:
    """In a terminal, until a key says so. Raises: ApiError, if it does not answer at the start."""
    screen = Screen(router, args.sort)
    due, frames = time.monotonic() + min(args.interval, 1.0), args.count
    with Keyboard() as keyboard, terminal() as shown:
        while not screen.over:
            shown.show(screen)
            screen.press(keyboard.keys(None if screen.paused else max(due - time.monotonic(), 0.0)))
            if not screen.paused and time.monotonic() >= due:
                screen.renew()
                due = time.monotonic() + args.interval
                frames -= 1
                screen.over = screen.over or frames == 0
    return 0


class Keyboard:
    """Keys as they are pressed, where there is a terminal to press them."""

    def __init__(self) -> None:
        self._file = sys.stdin.fileno() if sys.stdin and sys.stdin.isatty() else None
        self._before: list[Any] = []

    def __enter__(self) -> "Keyboard":
        if self._file is not None:
            self._before = termios.tcgetattr(self._file)
            tty.setcbreak(self._file)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

    def keys(self, seconds: float | None) -> str:
        """What was pressed within so many seconds; None: as long as it takes."""
        if self._file is None:
            time.sleep(1.0 if seconds is None else seconds)
            return ""
        ready, _, _ = select.select([self._file], [], [], seconds)
        if not ready:
            return ""
        return os.read(self._file, 64).decode(errors="replace") or "q"


def interval(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"'{text}': expected seconds from 0.1 to 3600")
    return value


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens top",
        description="Show what a running router does, for each input, filter and output: records and bytes a second, "
        "what waits and for how long, retries, errors. It needs the router's HTTP API; a Fluent Bit will do, too.",
        epilog="Keys: q quits, p pauses, n r b e l sort by name, records, bytes, errors, lag (s: the next). "
        "Without a terminal it prints one frame after the other.",
    )
    parser.add_argument("--once", action="store_true", help="one frame as text, after one interval")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each frame")
    parser.add_argument("--plain", action="store_true", help="as text, also in a terminal")
    parser.add_argument(
        "--interval", type=interval, default=1.0, metavar="SECONDS", help="between two frames (default: 1)"
    )
    parser.add_argument("-n", "--count", type=int, default=0, metavar="N", help="end after N frames")
    parser.add_argument(
        "--saved",
        nargs=2,
        metavar=("BEFORE", "NOW"),
        help="what happened between two answers of /api/v2/metrics/prometheus that were saved, instead of a router",
    )
    parser.add_argument("--sort", choices=list(SORTS.values()), default="name", help="what stands first")
    add_router_options(parser)
    return parser
