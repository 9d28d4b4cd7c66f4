"""How Fluentd reads the values of parameters.

Source: Fluentd 1.19, lib/fluent/config/types.rb. Where it guesses silently we do the same and warn at the place.
"""

import json
import re
from typing import Annotated, Any

from pyrolens.config.fluentd.accessors import keys_of
from pyrolens.options import Kind
from pyrolens.records.regex import Pattern, compile_pattern

SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
SIZE = re.compile(r"(\d+)(?:([kmgt]))", re.IGNORECASE)
TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}
INTEGER = re.compile(r"\s*([+-]?\d[\d_]*)")
NUMBER = re.compile(r"\s*([+-]?\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)")


def read_bool(text: str) -> bool:
    if text in ("true", "yes", "") or text.startswith("#"):
        return True
    if text in ("false", "no"):
        return False
    raise ValueError("expected true, false, yes or no")


def read_int(text: str) -> int:
    """The whole number that the text begins with, else 0."""
    found = INTEGER.match(text)
    return int(found[1].replace("_", "")[:40]) if found else 0


def doubt_int(text: str) -> str:
    if re.fullmatch(r"[+-]?\d+", text):
        return ""
    return f"a whole number is expected here, so this counts as {read_int(text)}"


def read_float(text: str) -> float:
    found = NUMBER.match(text)
    return float(found[1].replace("_", "")) if found else 0.0


def doubt_float(text: str) -> str:
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        return ""
    return f"a number is expected here, so this counts as {read_float(text):g}"


def read_size(text: str) -> int:
    """Bytes; k, m, g and t are powers of 1024. The number before the first such letter counts."""
    for letter in "kmgt":
        if found := re.search(rf"(\d+){letter}", text, re.IGNORECASE):
            return int(found[1][:20]) * SIZES[letter]
    return read_int(text)


def doubt_size(text: str) -> str:
    if re.fullmatch(r"-?\d+[kmgt]?b?", text, re.IGNORECASE):
        return ""
    return f"a size such as 512k, 10m or 1g is expected here, so this counts as {read_size(text)} bytes"


def read_seconds(text: str) -> float:
    """Seconds; s, m, h and d stand behind whole numbers only, of which the digits before the letter count."""
    for letter, factor in TIMES.items():
        if found := re.search(rf"(\d+){letter}", text):
            return float(int(found[1][:15]) * factor)
    return read_float(text)


def doubt_seconds(text: str) -> str:
    if re.fullmatch(r"-?\d+(\.\d+)?|\d+[smhd]", text):
        return ""
    return f"a time such as 5, 0.5, 10s or 1m is expected here, so this counts as {read_seconds(text):g} seconds"


def read_array(text: str) -> list[Any]:
    """JSON, or words with commas between."""
    if not text.startswith("["):
        return [word for word in re.split(r"\s*,\s*", text.strip()) if word]
    value = json.loads(text)
    assert isinstance(value, list)
    return value


def read_texts(text: str) -> list[str]:
    return [v if isinstance(v, str) else json.dumps(v) for v in read_array(text)]


def read_hash(text: str) -> dict[str, Any]:
    """JSON, or key:value with commas between."""
    if text.startswith("["):
        raise ValueError("expected a hash such as key:value,key2:value2, or JSON")
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except ValueError:
            raise ValueError("expected JSON behind the {") from None
        assert isinstance(value, dict)
        return value
    pairs = [pair.partition(":") for pair in re.split(r"\s*,\s*", text.strip()) if pair]
    if any(not colon for _, colon, _ in pairs):
        raise ValueError("expected key:value, with commas between")
    return {key: value for key, _, value in pairs}


def read_regexp(text: str) -> Pattern:
    """`/pattern/`, perhaps with i and m behind it, or the pattern alone."""
    if text.startswith("/"):
        end = text.rfind("/")
        if end < len(text) - 3 or end == 0:
            raise ValueError("expected a / behind the pattern, and then at most i and m")
        letters = "".join(letter for letter in "im" if letter in text[end + 1 :])
        return compile_pattern(f"{text[: end + 1]}{letters}")
    return compile_pattern(f"/{text}/")


def read_slashed(text: str) -> Pattern:
    """`/pattern/`, where the first and the last character are taken off whatever they are."""
    if len(text) < 2 or text[0] != "/" or text[-1] != "/":
        raise ValueError("expected a pattern between slashes")
    return compile_pattern(text)


def read_field(text: str) -> str:
    """The name of a field, $.a.b or $['a']['b'], as it is written."""
    keys_of(text)
    return text


def read_fields(text: str) -> list[str]:
    return [read_field(name) for name in read_texts(text) if name]


Bool = Annotated[bool, Kind("true or false", read_bool)]
Int = Annotated[int, Kind("whole number", read_int, doubt=doubt_int)]
Float = Annotated[float, Kind("number", read_float, doubt=doubt_float)]
Size = Annotated[int, Kind("size", read_size, doubt=doubt_size)]
Time = Annotated[float, Kind("time", read_seconds, doubt=doubt_seconds)]
Array = Annotated[list[str], Kind("array", read_texts)]
Hash = Annotated[dict[str, Any], Kind("hash", read_hash)]
Regexp = Annotated[Pattern, Kind("pattern", read_regexp)]
Slashed = Annotated[Pattern, Kind("pattern between slashes", read_slashed)]
Field = Annotated[str, Kind("field", read_field)]
Fields = Annotated[list[str], Kind("fields", read_fields)]
Hidden = Annotated[str, Kind("secret", str, secret=True)]
