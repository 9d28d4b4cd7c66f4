"""A config in Fluentd's language becomes plugins of the router, and the way of each tag through them."""

from pyrolens.config.fluentd.build import build

__all__ = ["build"]
