"""Where the values of secrets come from when a task runs here: a file, the environment, or AWS.

They are shown nowhere: no message holds a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pyrolens.ecs.init import InitError
from pyrolens.problems import ConfigError, Problem
from pyrolens.remote import RemoteError, fetch_bytes, fetch_value


@dataclass
class Secrets:
    given: Mapping[str, str]
    """By variable, or by ARN or name, as a file says."""
    environ: Mapping[str, str]
    """Of the user: variables, and the way to AWS."""
    from_aws: bool

    def find(self, name: str, source: str) -> str | None:
        """The value for a variable, that ECS would fetch from `source`; None: it is not known. Raises: ConfigError."""
        for known in (name, source):
            if known in self.given:
                return self.given[known]
        if name in self.environ:
            return self.environ[name]
        if not self.from_aws:
            return None
        try:
            return fetch_value(source, self.environ)
        except RemoteError as why:
            raise ConfigError([Problem("no-secret", f"secret {name}: {why}", None, why.hint)]) from None

    def fetch(self, address: str) -> bytes:
        """A config file from the real AWS. Raises: InitError."""
        try:
            return fetch_bytes(address, self.environ)
        except RemoteError as why:
            raise InitError(str(why), hint=why.hint) from None


def read_secrets(path: str) -> dict[str, str]:
    """A file of NAME=VALUE lines, or a JSON object of texts. Raises: ConfigError."""
    try:
        data = Path(path).read_bytes()
    except OSError as why:
        raise ConfigError([Problem("no-file", f"cannot read {path}: {why.strerror}")]) from None
    if not data.lstrip().startswith(b"{"):
        return read_environment(data)
    try:
        return msgspec.json.decode(data, type=dict[str, str])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise ConfigError(
            [Problem("no-file", f"{path}: expected a JSON object of texts, or lines NAME=VALUE")]
        ) from None


def read_environment(data: bytes) -> dict[str, str]:
    """Variables as ECS reads a file of them: a line NAME=VALUE for each, without quotes; # begins a comment."""
    out = {}
    for line in data.decode("utf-8", "replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() and not name.lstrip().startswith("#"):
            out[name.strip()] = value
    return out
