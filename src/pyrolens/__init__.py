"""Pyrolens: FireLens for Amazon ECS, and the tools that FireLens never had."""

__version__ = "0.1.0"
