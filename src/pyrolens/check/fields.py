"""Which fields the records of a container can have, as far as that is certain."""

from pyrolens.check.context import Context, name, text
from pyrolens.language.document import Section
from pyrolens.options import split_tokens

OF_DOCKER = {
    "log", "source", "container_id", "container_name",
    "partial_message", "partial_id", "partial_ordinal", "partial_last",
}  # fmt: skip
"""What its log driver fluentd sends."""
ADDS_NONE = {"grep", "rewrite_tag", "throttle", "stdout", "multiline", "log_to_metrics"}


def fields_of(context: Context, tag: str, until: Section | None = None) -> set[str] | None:
    """All that records of a container's tag may have, in front of a filter, or behind all of them; None: others may
    be there, too."""
    found = set(OF_DOCKER)
    for section in context.plugins("filter"):
        if section is until:
            break
        if context.reaches(section, tag) is False:
            continue
        added = _added(section)
        if added is None:
            return None
        found |= added
    return None if any(s.processors for s in context.document.of("input")) else found


def _added(section: Section) -> set[str] | None:
    plugin = name(section)
    if plugin in ADDS_NONE:
        return set()
    if plugin not in ("record_modifier", "modify"):
        return None
    made = set()
    for entry in section.entries:
        words = split_tokens(str(entry.value), 2)
        if "$" in str(entry.value) and "${" in words[0]:
            return None
        key = entry.key.lower()
        if key in ("record", "set", "add"):
            made.add(words[0])
        elif key in ("rename", "hard_rename", "copy", "hard_copy") and len(words) > 1:
            made.add(words[1])
    return made


def container_tags(context: Context) -> list[str]:
    """The tags of the containers whose records surely come to the outputs, and under that tag. None of them where a
    filter's Match_Regex hides what it sees."""
    filters = list(context.plugins("filter"))
    if any(text(s, "match_regex") for s in filters) or context.has_streams:
        return []
    tags = [f"{c.name}-firelens-*" for c in context.firelens]
    leave = [s for s in filters if name(s) in ("rewrite_tag", "grep", "lua", "python")]
    return [t for t in tags if not any(context.reaches(s, t) for s in leave)]
