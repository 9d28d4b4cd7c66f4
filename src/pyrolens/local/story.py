"""What `up` shows: what is made and started, each line and its way, and the account at the end."""

import time
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pyrolens.ecs.copier import Message
from pyrolens.local.account import Account
from pyrolens.local.trace import Fate

LONGEST = 400
"""Characters of a line that are shown."""
COLORS = ("cyan", "magenta", "blue", "yellow")
"""Of the containers."""


def readable(data: bytes, longest: int = LONGEST) -> str:
    """As text of one line. Nothing in it can steer the terminal."""
    text = data.decode("utf-8", "replace")
    shown = "".join(c if c.isprintable() else "\ufffd" if c != "\t" else " " for c in text)
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


class Story:
    def __init__(self, console: Console, containers: Iterable[str]) -> None:
        self.console = console
        names = list(containers)
        self._colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
        self._width = max(map(len, [*names, "router"]), default=0)

    def say(self, what: str, detail: str = "") -> None:
        """A step: `what` in bold, and the rest."""
        self.console.print(
            f"[bold green]•[/] [bold]{escape(what)}[/] {escape(detail)}", highlight=False, soft_wrap=True
        )

    def warn(self, text: str) -> None:
        self.console.print(Text(text, "yellow"), soft_wrap=True)

    def fail(self, text: str) -> None:
        self.console.print(Text(text, "bold red"), soft_wrap=True)

    def router(self, line: bytes) -> None:
        """A line of the router's own log."""
        self._print("router", "dim", Text(readable(line), "dim"))

    def line(self, container: str, message: Message, fate: Fate) -> None:
        """A line of a container, and where it goes."""
        seconds = time.localtime(message.ns // 10**9)
        stamp = f"{time.strftime('%H:%M:%S', seconds)}.{message.ns // 10**6 % 1000:03} "
        style = "red" if message.source == "stderr" else ""
        body = Text.assemble((stamp, "dim"), (readable(message.line), style))
        self._print(container, self._colors.get(container, "white"), body.append("  ").append(way(fate)))

    def _print(self, who: str, color: str, body: Text) -> None:
        self.console.print(Text.assemble((f"{who:>{self._width}} ", color), ("│ ", "dim"), body), soft_wrap=True)

    def account(self, account: Account) -> None:
        table = Table(box=box.SIMPLE_HEAD, title="What arrived", title_justify="left", title_style="bold")
        table.add_column("destination")
        table.add_column("expected", justify="right")
        table.add_column("arrived", justify="right")
        table.add_column("bytes", justify="right")
        table.add_column("by")
        for row in account.rows:
            count = Text(str(row.arrived), "green" if row.arrived == row.expected else "bold red")
            told_by = Text("read back" if row.read_back else "the router's count", "dim")
            table.add_row(Text(row.title), str(row.expected), count, str(row.size), told_by)
        self.console.print()
        self.console.print(table)
        for row in account.rows:
            if row.sample:
                self.console.print(Text(f"  One record of {row.title}:", "bold"))
                self.console.print(Text(f"  {readable(row.sample)}", "dim"), soft_wrap=True)
        self.console.print()
        if account.dropped:
            dropped = Table(box=box.SIMPLE_HEAD, title="Dropped on purpose", title_justify="left", title_style="bold")
            dropped.add_column("filter")
            dropped.add_column("records", justify="right")
            for label, count_dropped in account.dropped.items():
                dropped.add_row(Text(label), str(count_dropped))
            self.console.print(dropped)
        for name, records in account.others.items():
            text = f"{records} records came from {name} and not from a container: counted, not followed one by one."
            self.console.print(Text(text, "dim"), soft_wrap=True)
        if account.wrong:
            self.fail(f"Not every one of {account.lines} lines is accounted for:")
            for text in account.wrong:
                self.console.print(Text(f"  - {text}", "red"), soft_wrap=True)
        else:
            self.console.print(Text(f"Every one of {account.lines} lines is accounted for.", "bold green"))


def way(fate: Fate) -> Text:
    """Such as "→ cloudwatch_logs.0, kinesis_firehose.1" or "✗ grep.0"."""
    text = Text()
    reached = list(dict.fromkeys(a.output for a in fate.arrivals))
    if reached:
        text.append("→ " + ", ".join(reached), "bold green")
    elif fate.dropped_by:
        text.append("✗ dropped by " + ", ".join(fate.dropped_by), "bold yellow")
    elif fate.unrouted:
        text.append("✗ no output matches", "bold red")
    else:
        text.append("… held until more of it comes", "bold blue")
    return text
