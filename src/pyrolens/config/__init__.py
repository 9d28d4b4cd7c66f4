"""A document becomes plugins, built and wired; all problems are listed at once."""

from pyrolens.config.loading import build, load, read, read_text
from pyrolens.config.model import Built, Config
from pyrolens.config.service import Service

__all__ = ["Built", "Config", "Service", "build", "load", "read", "read_text"]
