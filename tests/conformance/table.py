"""The table at the end of a run: how many cases of each file are as in Fluent Bit."""

from collections import Counter, defaultdict

import pytest


def write(terminalreporter: pytest.TerminalReporter) -> None:
    words: dict[str, Counter[str]] = defaultdict(Counter)
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "conformance" and report.when == "call":
                    file, word, why = value
                    words[file].update([word, why] if why == "key order differs" else [word])
    if not words:
        return
    terminalreporter.section("as Fluent Bit 5.1.1 does it")
    total = sum(words.values(), Counter[str]())
    for file, count in [*sorted(words.items()), ("all", total)]:
        cases = count["pass"] + count["fail"] + count["known"]
        line = f"{file:26}{count['pass']:5} of {cases:4} {count['pass'] / max(cases, 1):6.0%}"
        for word, text in (
            ("known", "known to differ"),
            ("fail", "FAILED"),
            ("apart", "apart"),
            ("key order differs", "in another order of keys"),
        ):
            line += f"   {count[word]} {text}" if count[word] else ""
        terminalreporter.write_line(line)
