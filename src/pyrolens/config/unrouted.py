"""What `Routable off` of an input stands for."""

from pyrolens.plugin import Filter, FilterEnv, Transform, plugin


@plugin("unrouted")
class Unrouted(Filter):
    """Drop every record."""

    def compile(self, env: FilterEnv) -> Transform:
        return lambda tag, events: []
