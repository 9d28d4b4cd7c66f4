"""The secret values of a config, which the log masks."""

from collections.abc import Iterable, Iterator

from pyrolens.options import spec_of
from pyrolens.plugin import Plugin


def secrets_of(plugins: Iterable[Plugin]) -> Iterator[str]:
    """The values of all options that are declared secret."""
    for plugin in plugins:
        for spec in spec_of(type(plugin)):
            if spec.kind.secret:
                holder = getattr(plugin, spec.group) if spec.group else plugin
                value = getattr(holder, spec.field)
                yield from value if isinstance(value, list) else [value] if value else []
