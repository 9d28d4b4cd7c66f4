r"""JSON in ASCII: \uXXXX for the rest of Unicode."""

import codecs
import re
from io import BytesIO
from json.encoder import encode_basestring_ascii

WRITTEN = re.compile("[^\ue000-\ue0ff]+")
"""All but what stands for wrong bytes, which Fluent Bit does not escape either."""
OWN = [bytes([byte]) for byte in (0xC2, 0xC3, 0xEE, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4)]
"""First bytes, in UTF-8, of what Python's own escapes do not write as JSON does: \\xXX up to U+00FF, \\UXXXXXXXX from
U+10000, and U+E000 to U+E0FF."""
HANDLER = "pyrolens.json"
"""Name of our error handler for encoding."""
MOST = 4096


def escaped(json: bytes) -> bytes:
    r"""The same JSON in ASCII."""
    # a search for a single byte costs next to nothing
    own = any(byte in json for byte in OWN)
    return json.decode().encode("ascii", HANDLER if own else "backslashreplace")


def escape_all(lines: list[bytes]) -> None:
    """Put `escaped` in the place of lines of JSON that need it, each with its newline. With one call for all: the first
    escape of a call costs more than all others."""
    odd = [n for n, line in enumerate(lines) if not line.isascii()]
    text = escaped(b"".join([lines[n] for n in odd]))
    for n, line in zip(odd, BytesIO(text), strict=True):
        lines[n] = line


class Runs(dict[str, bytes]):
    """runs[text]: its escapes, remembered, for what is written in one language repeats itself."""

    def __missing__(self, run: str) -> bytes:
        if len(self) >= MOST:
            self.clear()
        out = self[run] = WRITTEN.sub(lambda m: encode_basestring_ascii(m[0])[1:-1], run).encode()
        return out


RUNS = Runs()


def _escaped_run(error: UnicodeError) -> tuple[bytes, int]:
    """What the encoder calls for each run of other characters."""
    assert isinstance(error, UnicodeEncodeError)
    end = error.end
    return RUNS[error.object[error.start : end]], end


codecs.register_error(HANDLER, _escaped_run)
