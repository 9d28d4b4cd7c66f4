"""The keys of objects.

Source: Fluent Bit 5.1.1 src/aws/flb_aws_util.c (flb_get_s3_key) and plugins/out_s3: parts of the tag first, then the
tag, $INDEX, $UUID, and strftime over all of it, so that a % in a tag counts as well."""

import re
import secrets
import string
from urllib.parse import quote

from pyrolens.outputs._oversized import before_character
from pyrolens.records.codecs import second_text

ALPHABET = string.ascii_letters + string.digits
PARTS = 10
"""$TAG[0] to $TAG[9]."""
LONGEST = 1024
"""Bytes of a key."""
PLAIN = "/!$&'()*,:;=@-_.~"
"""What stands in a path as it is, as in Fluent Bit. The rest is escaped, which Fluent Bit does not do."""

SECONDS = re.compile(r"%[STsXcr]")
"""What strftime writes with the second."""


def random_text() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


class KeyFormat:
    def __init__(self, text: str, delimiters: str = ".", *, static: bool = False) -> None:
        """static: nothing is added that makes the key unique (static_file_path)."""
        self.text, self.static = text, static
        self.has_index = "$INDEX" in text
        self._delimiters = f"[{re.escape(delimiters)}]" if delimiters else r"(?!)"

    def key(self, tag: str, second: int, index: int = 0, *, parts: bool = False) -> str:
        """The key of an object without its first slash. `second`: of its first record. `parts`: it is uploaded in
        parts, and Fluent Bit adds nothing to such keys; so do we where another upload will have another key."""
        key = self.text
        for n, part in enumerate(self._split(tag)):
            key = key.replace(f"$TAG[{n}]", part)
        key = key.replace("$TAG", tag).replace("$INDEX", str(index)).replace("$UUID", random_text())
        key = second_text(key, second)
        unique = self.static or self.has_index or "$UUID" in self.text or (parts and SECONDS.search(self.text))
        if not unique and len(key) + 16 <= LONGEST:
            key += f"-object{random_text()}"
        data = key.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()
        return data[: before_character(data, LONGEST + 1)].decode("utf-8", "ignore").removeprefix("/")

    def lacks(self, tag: str) -> bool:
        """The tag has not as many parts as the format asks for."""
        found = len(self._split(tag))
        return any(int(n) >= found for n in re.findall(r"\$TAG\[(\d+)\]", self.text))

    def _split(self, tag: str) -> list[str]:
        return [part for part in re.split(self._delimiters, tag) if part][:PARTS]


def path_of(bucket: str, key: str) -> str:
    """Of a request."""
    return quote(f"/{bucket}/{key}", safe=PLAIN)
