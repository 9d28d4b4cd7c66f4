"""From files and the command line to a Config."""

import os
from collections.abc import Mapping, Sequence

from pyrolens.config.files import load_parsers, load_plugins_file, parsers_of
from pyrolens.config.model import Config
from pyrolens.config.registry import Registry
from pyrolens.config.service import read_service
from pyrolens.config.values import Values
from pyrolens.config.wiring import wire
from pyrolens.language.document import Document, Section
from pyrolens.language.includes import (
    Files,
    UnreadableError,
    is_elsewhere,
    is_yaml,
    looks_like_fluentd,
    shown,
    speaks_yaml,
)
from pyrolens.language.variables import Variables
from pyrolens.problems import ConfigError, Place, Problems

FORMATS = ("fluentbit", "fluentd")
"""The languages: Fluent Bit's (YAML by the name of the file, else classic), and Fluentd's."""


def load(
    path: str | None,
    arguments: Sequence[Section] = (),
    environ: Mapping[str, str] | None = None,
    form: str | None = None,
) -> Config:
    """The config of a file (None: without one) and the sections that the command line stands for.

    `arguments` come before the file, so in [SERVICE] the file counts. `environ`: the process's own by default. `form`:
    the language, one of FORMATS; if it is not given, the name of the file and its text say which it is.

    Raises: ConfigError with all problems; warnings are in the Config."""
    problems = Problems()
    document = Document()
    if path is not None:
        text, name, files = opened(path, problems)
        if form == "fluentd" or (form is None and not is_yaml(path) and looks_like_fluentd(text)):
            from pyrolens.config.fluentd import load_text  # only who has such a config pays for it

            return load_text(text, name, files, os.environ if environ is None else environ, problems, arguments)
        document = _parsed(text, name, files, problems)
    document.sections[:0] = arguments
    return build(document, problems, environ)


def read(path: str, problems: Problems) -> Document:
    """A main file, or what is at an address such as s3://bucket/key, with what it includes.

    Raises: ConfigError if it cannot be read or is malformed."""
    text, name, files = opened(path, problems)
    if not is_yaml(path) and looks_like_fluentd(text):
        hint = "`pyrolens run -c` reads it; nothing else does"
        problems.error("other-language", f"{name} is in Fluentd's language", Place(name), hint)
        raise ConfigError(problems)
    return _parsed(text, name, files, problems)


def opened(path: str, problems: Problems) -> tuple[str, str, Files]:
    """The text of a main file, its name, and what reads the files that it includes. Raises: ConfigError."""
    name = shown(path)
    folder = os.path.dirname(name if is_elsewhere(path) else os.path.realpath(path))
    files = Files(folder, elsewhere=text_elsewhere)
    try:
        text = files.read(path, by_name=is_yaml(path))
    except UnreadableError as why:
        problems.error("no-config", str(why), Place(name), why.hint)
        raise ConfigError(problems) from None
    if os.path.isdir(path):
        problems.warning("no-config", f"{path} is a folder: nothing is read", Place(path))
    return text, name, files


def read_text(text: str, file: str, problems: Problems, folder: str = "") -> Document:
    """The same, of a text that `file` would hold: its name says which language it is in."""
    return _parsed(text, file, Files(folder, elsewhere=text_elsewhere), problems)


def text_elsewhere(address: str) -> str:
    """What is at an address that is no path. Raises: UnreadableError."""
    from pyrolens.remote import RemoteError, fetch_text  # few configs come from elsewhere

    try:
        return fetch_text(address)
    except RemoteError as why:
        raise UnreadableError(str(why), why.hint) from None


def _parsed(text: str, file: str, files: Files, problems: Problems) -> Document:
    document = Document(folder=files.folder)
    if speaks_yaml(file, text):
        from pyrolens.language import yaml  # only who has YAML pays for it

        yaml.parse(text, file, files, document, problems)
    else:
        from pyrolens.language import classic

        classic.parse(text, file, files, document, problems)
    document.files = files.names or [file]
    problems.raise_if_any()
    return document


def build(document: Document, problems: Problems, environ: Mapping[str, str] | None = None) -> Config:
    """Raises: ConfigError with all problems."""
    variables = Variables(environ)
    variables.define(document.definitions, problems)
    values = Values(variables)
    services = document.of("service")
    service = read_service(services, values, problems)
    registry = Registry(values, problems)
    for entry in [e for s in services for e in s.entries]:
        key = entry.key.lower()
        if key == "parsers_file":
            load_parsers(values.text(entry, problems), entry.value_place, document.folder, registry, read)
        elif key == "plugins_file":
            load_plugins_file(values.text(entry, problems), entry.value_place, document.folder, problems, read)
    parsers_of(document, registry, in_main_file=not document.yaml.intersection(document.files[:1]))
    inputs, filters, outputs = wire(document, service, registry, values, problems)
    streams = []
    if document.of("stream_task") or any(True for s in services for _ in s.all("streams_file")):
        from pyrolens.config.streams import read_tasks  # few configs have stream tasks

        streams = read_tasks(document, service, inputs, filters, values, problems, read)
    problems.raise_if_any()
    return Config(
        service=service,
        inputs=inputs,
        filters=filters,
        outputs=outputs,
        parsers=registry.parsers,
        warnings=list(problems),
        document=document,
        multiline_parsers=registry.multiline_parsers,
        streams=streams,
    )
