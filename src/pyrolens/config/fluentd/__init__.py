"""A config in Fluentd's language becomes plugins of the router, and the way of each tag through them."""

from collections.abc import Mapping, Sequence

from pyrolens.config.fluentd.build import build
from pyrolens.config.model import Config
from pyrolens.language.document import Document, Section
from pyrolens.language.fluentd import parse
from pyrolens.language.includes import Files
from pyrolens.problems import Problems

__all__ = ["load_text"]


def load_text(
    text: str,
    name: str,
    files: Files,
    environ: Mapping[str, str],
    problems: Problems,
    arguments: Sequence[Section] = (),
) -> Config:
    """The config that a text says. `name`: of its file. `files`: what reads those that it includes. `arguments`: what
    the command line asks of the service. Raises: ConfigError with all problems; warnings are in the Config."""
    root = parse(text, name, files, environ, problems)
    return build(root, Document(folder=files.folder, files=files.names), problems, arguments)
