"""The tag of a file: `*` in the tag becomes its path.

Source: tag_compose in plugins/in_tail/tail_file.c (Fluent Bit 5.1.1).
"""

import re
from collections.abc import Mapping

SEPARATORS = re.compile(r"[/\\:]")


def tag_of_path(tag: str, path: str) -> str:
    """`kube.*` and /var/log/a.log give kube.var.log.a.log"""
    head, star, tail = tag.partition("*")
    if not star:
        return tag
    text = SEPARATORS.sub(".", (head + path + tail).replace("*", "").lstrip("/\\:"))
    text = re.sub(r"\.{2,}", ".", text)
    return text.removesuffix(".")


def tag_of_parts(tag: str, parts: Mapping[str, str | None]) -> str:
    """`<name>` in the tag becomes that part of the path, or _ when there is none."""
    return re.sub("<([^<>]*)>", lambda found: parts.get(found[1]) or "_", tag)
