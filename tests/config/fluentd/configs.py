"""Configs in Fluentd's language, for tests."""

from typing import Any

from pyrolens.config import Config
from pyrolens.config.fluentd import load_text
from pyrolens.language.includes import Files
from pyrolens.problems import ConfigError, Problem, Problems

ENVIRON = {"KEY": "s3cret", "AWS_REGION": "us-east-1"}


def config(text: str) -> Config:
    """Raises: ConfigError."""
    return load_text(text, "fluent.conf", Files(""), ENVIRON, Problems())


def refused(text: str) -> list[Problem]:
    """The errors of a config that has some."""
    try:
        config(text)
    except ConfigError as error:
        return [p for p in error.problems if p.severity == "error"]
    raise AssertionError("it is taken")


def told(text: str) -> list[str]:
    """The warnings, each with its place."""
    return [f"{p.place}: {p.message}" for p in config(text).warnings]


def match(body: str) -> Any:
    """The output that a match of this body becomes."""
    (output,) = config(f"<match **>\n{body}\n</match>").outputs
    return output


def source(body: str) -> Any:
    (made,) = config(f"<source>\n{body}\n</source>").inputs
    return made
