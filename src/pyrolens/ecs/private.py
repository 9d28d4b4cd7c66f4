"""Files that only their owner may read: configs hold keys."""

import os
from pathlib import Path


def write_private(path: Path, content: str | bytes) -> None:
    """Whole or not at all. Text is UTF-8, with surrogates for bytes that are not. Raises: OSError."""
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    beside.replace(path)
