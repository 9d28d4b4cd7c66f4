"""An input as a config makes it."""

from typing import Any

from pyrolens.config import build, read_text
from pyrolens.problems import ConfigError, Problems


def configured(name: str, options: str) -> tuple[Any, list[str]]:
    """The plugin, and the warnings. Raises: ConfigError."""
    problems = Problems()
    lines = "".join(f"    {line}\n" for line in options.splitlines())
    text = f"[INPUT]\n    Name {name}\n{lines}[OUTPUT]\n    Name null\n    Match *\n"
    config = build(read_text(text, "a.conf", problems, ""), problems, {})
    (built,) = config.inputs
    return built.plugin, [problem.message for problem in config.warnings]


def refused(name: str, options: str) -> list[str]:
    """The problems of a config that is refused."""
    try:
        configured(name, options)
    except ConfigError as why:
        return [problem.message for problem in why.problems if problem.severity == "error"]
    return []
