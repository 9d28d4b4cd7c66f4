"""What a file of lines becomes before it is uploaded: compressed, or a table of columns (by pyarrow, an extra)."""

import io
import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from pyrolens.net import compressor

Pack = Callable[[bytes], bytes]

COLUMNS = {"parquet": ("none", "snappy", "gzip", "zstd"), "arrow": ("none", "zstd")}
"""The formats of columns, and how each may be compressed."""


def has_pyarrow() -> bool:
    return find_spec("pyarrow") is not None


def packer(form: str, compression: str) -> Pack | None:
    """form: lines, parquet or arrow. None: the lines are uploaded as they are."""
    if form == "parquet":
        return lambda lines: parquet(lines, compression)
    if form == "arrow":
        return lambda lines: arrow(lines, compression)
    return None if compression == "none" else compressor(compression)


def parquet(lines: bytes, compression: str) -> bytes:
    from pyarrow import parquet as pq

    out = io.BytesIO()
    pq.write_table(table(lines), out, compression=compression)
    return out.getvalue()


def arrow(lines: bytes, compression: str) -> bytes:
    from pyarrow import feather

    out = io.BytesIO()
    feather.write_feather(table(lines), out, compression="uncompressed" if compression == "none" else compression)
    return out.getvalue()


def table(lines: bytes) -> Any:
    """A column for each field. One whose values are of several kinds holds text, with JSON for what is none."""
    import pyarrow as pa

    rows = [json.loads(line) for line in bytes(lines).splitlines()]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            columns[name] = pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values])
    return pa.table(columns)
