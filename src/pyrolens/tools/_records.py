"""Records as a terminal shows them: on one line, coloured where that is wanted. Nothing in a record can steer it."""

import json
import os
import sys
from typing import Any, TextIO

RESET, DIM, RED, GREEN = "\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m"
YELLOW, BLUE, CYAN = "\x1b[33m", "\x1b[34m", "\x1b[36m"


def wants_colour(choice: str, stream: TextIO = sys.stdout) -> bool:
    """choice: auto, always or never."""
    if choice != "auto":
        return choice == "always"
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def printable(text: str) -> str:
    """What cannot be seen, or would steer a terminal, spelled as in JSON."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else spelled(c) for c in text)


def spelled(character: str) -> str:
    number = ord(character)
    if number > 0xFFFF:
        number -= 0x10000
        return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
    return f"\\u{number:04x}"


def painted(text: str, colour: str, colours: bool) -> str:
    return f"{colour}{text}{RESET}" if colours and text else text


def record_text(record: Any, colours: bool) -> str:
    """JSON, with its keys dimmed."""
    if not colours:
        return printable(json.dumps(record, ensure_ascii=False))
    if isinstance(record, dict):
        fields = [f"{DIM}{text(key)}:{RESET} {record_text(value, True)}" for key, value in record.items()]
        return "{" + ", ".join(fields) + "}"
    if isinstance(record, list):
        return "[" + ", ".join(record_text(value, True) for value in record) + "]"
    if isinstance(record, str):
        return text(record)
    return f"{YELLOW}{json.dumps(record)}{RESET}"


def text(value: str) -> str:
    return printable(json.dumps(value, ensure_ascii=False))
