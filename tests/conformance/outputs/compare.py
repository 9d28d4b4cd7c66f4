"""Where what was captured is not what a case expects."""

import json
import re

from tests.conformance.outputs.values import Json

IGNORED_HEADERS = re.compile(
    "user-agent|accept|accept-encoding|connection|content-length|host|transfer-encoding", re.IGNORECASE
)


def without_ignored_headers(requests: list[Json]) -> list[Json]:
    return [
        {**request, "headers": {k: v for k, v in request["headers"].items() if not IGNORED_HEADERS.fullmatch(k)}}
        if "headers" in request
        else request
        for request in requests
    ]


def difference(want: Json, have: Json, path: str = "") -> str | None:
    """The first place and both values, or None. Texts that are JSON, or lines of JSON, are compared by what they mean;
    byte counts are not compared; <any> stands for anything."""
    if want == "<any>" or path.endswith(".bytes"):
        return None
    if isinstance(want, str) and isinstance(have, str):
        return _text_difference(want, have, path)
    if type(want) is not type(have):
        return f"{path}: expected {str(want)[:300]}, got {str(have)[:300]}"
    if isinstance(want, dict):
        for key in want.keys() | have.keys():
            if key not in have:
                return f"{path}.{key} is missing"
            if key not in want:
                return f"{path}.{key} is not wanted"
        places = ((f"{path}.{key}", want[key], have[key]) for key in want)
    elif isinstance(want, list):
        if len(want) != len(have):
            return f"{path}: expected {len(want)} items, got {len(have)}"
        places = ((f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(want, have, strict=True)))
    else:
        return None if want == have else f"{path}: expected {want}, got {have}"
    return next((found for where, a, b in places if (found := difference(a, b, where))), None)


def _text_difference(want: str, have: str, path: str) -> str | None:
    if want == have:
        return None
    told = f"{path}: expected {want[:400]!r}, got {have[:400]!r}"
    a, b = _meaning(want), _meaning(have)
    if a is not None and b is not None:
        if "<any>" not in want:
            return None if a == b else told
        return difference(a, b, path) if a != [want] else told
    wild = re.compile(".*".join(map(re.escape, want.split("<any>"))), re.DOTALL)
    return None if "<any>" in want and wild.fullmatch(have) else told


def _meaning(text: str) -> list[Json] | None:
    """JSON, or lines of which each is JSON, as values; None for anything else."""
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    lines = text.split("\n")
    try:
        return [json.loads(line) if line.strip() else line for line in lines] if len(lines) > 1 else None
    except ValueError:
        return None


def masked(value: Json, pattern: re.Pattern[str]) -> Json:
    """With <any> for what the pattern matches: its group, where it has one."""
    if isinstance(value, str):
        return pattern.sub(lambda found: found[0].replace(found[1], "<any>") if found.groups() else "<any>", value)
    if isinstance(value, dict):
        return {masked(key, pattern): masked(inner, pattern) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, pattern) for inner in value]
    return value
