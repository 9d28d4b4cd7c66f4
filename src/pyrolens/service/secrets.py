"""The secret values of a config, which the log masks."""

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from pyrolens.options import spec_of
from pyrolens.plugin import Plugin


def secrets_of(plugins: Iterable[Plugin]) -> Iterator[str]:
    """The values of all options that are declared secret, also as basic authentication sends them: a server may say
    in an answer what it was sent."""
    for plugin in plugins:
        for spec in spec_of(type(plugin)):
            if spec.kind.secret:
                holder = getattr(plugin, spec.group) if spec.group else plugin
                value = getattr(holder, spec.field)
                for secret in value if isinstance(value, list) else [value] if value else []:
                    yield secret
                    yield from basic(secret, holder)


def basic(secret: str, holder: Any) -> Iterator[str]:
    """user:secret in base64 for each user beside it, and secret: of those who have only a key."""
    users = {v for name, v in vars(holder).items() if name.endswith(("user", "username")) and isinstance(v, str)}
    for text in (secret, f"{secret}:", *(f"{user}:{secret}" for user in sorted(users))):
        yield base64.b64encode(text.encode()).decode()
