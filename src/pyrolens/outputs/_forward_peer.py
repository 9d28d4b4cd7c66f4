"""Whom the forward output sends to."""

from dataclasses import dataclass, field
from functools import cached_property

from pyrolens.api import Pair, Tls
from pyrolens.records.template import Render, Template


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One receiver, and how it wants to be spoken to."""

    host: str = "127.0.0.1"
    port: int = 24224
    unix_path: str | None = None
    tls: Tls | None = None
    shared_key: str | None = None
    """None: no handshake."""
    username: str = ""
    password: str = ""
    self_hostname: str = "localhost"
    tag: str | None = None
    time_as_integer: bool = False
    retain_metadata: bool = True
    send_options: bool = False
    require_ack: bool = False
    compress: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.unix_path or f"{self.host}:{self.port}"

    @property
    def form(self) -> str:
        """How it gets entries: event [[time, metadata], record], plain [time, record], integer [seconds, record]."""
        return "integer" if self.time_as_integer else "event" if self.retain_metadata else "plain"

    @cached_property
    def template(self) -> Template | None:
        """Of the tag. Raises: ValueError("expected ...")."""
        return None if self.tag is None else Template(self.tag)

    @property
    def by_record(self) -> bool:
        """Each record has its own tag, so each is a message of its own."""
        return self.template is not None and (self.template.needs_record or self.template.needs_groups)

    def tag_of(self, tag: str) -> str:
        """The tag of all records of that tag, where not each has its own."""
        return tag if self.template is None else self.template.constant(tag) or ""

    def tags_of(self, tag: str) -> Render | None:
        """From a record (and no groups) to its tag, where each has its own."""
        return self.template.render(tag) if self.template is not None and self.by_record else None

    def mistakes(self) -> list[tuple[str, str]]:
        """(option, message) for each wrong combination."""
        found = []
        if self.shared_key is None and (self.username or self.password):
            found.append(("username", "username and password need shared_key (or empty_shared_key)"))
        if self.compress and self.time_as_integer:
            found.append(("compress", "compress gzip cannot be combined with time_as_integer"))
        try:
            if self.by_record and self.compress:
                found.append(("compress", "compress gzip cannot be combined with a tag made from fields"))
        except ValueError as why:
            found.append(("tag", f"tag is '{self.tag}': {why}"))
        return found


def read_compress(text: str | None) -> bool:
    """Raises: ValueError("expected ...")."""
    if text is None or text.lower() == "text":
        return False
    if text.lower() == "gzip":
        return True
    raise ValueError("expected text or gzip")


def extra_options(pairs: list[Pair]) -> dict[str, str]:
    return {pair.key: pair.value for pair in pairs}
