"""The init process of a router on ECS: files that the environment names become one config.

Source: aws-for-fluent-bit 2.32 and its branch develop, init/fluent_bit_init_process.go, for variables, paths and the
order of things.
Differs: the order is that of the numbers; files of the same name are kept apart; a file is divided by section, so that
parsers, stream tasks and all others may stand in one; what is included counts, too; YAML is taken; nothing is included
twice; each file that is not used is told, with the reason.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pyrolens.ecs.init_files import Divided, divide
from pyrolens.ecs.init_sources import Source, ignores_firelens, sources, unused
from pyrolens.ecs.private import write_private
from pyrolens.language.classic import lines_of
from pyrolens.language.includes import is_elsewhere, is_yaml, shown, speaks_yaml
from pyrolens.plugin import Log
from pyrolens.problems import ConfigError, Place, Problem

FOLDER = "/init"
GENERATED = "/fluent-bit/etc/fluent-bit.conf"
MAIN = "fluent-bit-init.conf"
DOWNLOADS = "fluent-bit-init-s3-files"
PARTS = "fluent-bit-init-parts"
USER_AGENT = {"FLB_AWS_USER_AGENT": "ecs-init"}
"""For the AWS outputs of the router."""

Fetch = Callable[[str], bytes]
"""Gives what is at an address. Raises: InitError."""
Local = Callable[[str], str]
"""Gives the path on this machine of a path in the router's container. Raises: InitError."""


class Reason(NamedTuple):
    """Why the router cannot start. `hint`: a way out, or ""."""

    text: str
    hint: str = ""
    variable: str = ""
    """That names the file; "": none does."""


class InitError(Exception):
    """The router cannot start."""

    def __init__(self, text: str = "", hint: str = "", *, reasons: Sequence[Reason] = ()) -> None:
        self.reasons = reasons or (Reason(text, hint),)
        super().__init__("; ".join(reason.text for reason in self.reasons))

    def at(self, code: str, place: Place | None, variables: Mapping[str, Place] | None = None) -> ConfigError:
        """The same as problems of what stands there; of a variable, where that stands."""
        known = variables or {}
        return ConfigError(Problem(code, r.text, known.get(r.variable, place), r.hint) for r in self.reasons)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the router is to be started with."""

    config: str
    """Path of the main file."""
    parsers: list[str]
    """Paths of the files with parsers, for -R."""

    @property
    def arguments(self) -> list[str]:
        return ["-c", self.config, *(word for path in self.parsers for word in ("-R", path))]


def prepare(
    environ: Mapping[str, str],
    folder: Path,
    fetch: Fetch,
    log: Log,
    generated: str = GENERATED,
    local: Local = lambda path: path,
) -> Plan:
    """Fetch and divide the files, and write the main file. `generated`: what the ECS agent has made.

    Raises: InitError with all that is missing."""
    return _Init(folder, fetch, log, local).plan(environ, generated)


@dataclass
class _Init:
    folder: Path
    fetch: Fetch
    log: Log
    local: Local
    lines: list[str] = field(default_factory=list)
    """Of the main file."""
    parsers: list[str] = field(default_factory=list)
    failed: list[Reason] = field(default_factory=list)
    parts: dict[str, str] = field(default_factory=dict)
    """By the real path of a file: what is included instead; "" for nothing."""
    users: dict[str, str] = field(default_factory=dict)
    """By the real path of a file: who was the first to use it."""
    downloads: dict[str, str] = field(default_factory=dict)
    """Path by address."""

    def plan(self, environ: Mapping[str, str], generated: str) -> Plan:
        for made in (self.folder, self.folder / DOWNLOADS, self.folder / PARTS):
            try:
                made.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as why:
                hint = "say another folder with --dir"
                raise InitError(f"{made} cannot be made: {why.strerror}", hint=hint) from None
        self._generated(environ, generated)
        listed = sources(environ)
        for source in listed:
            try:
                self._source(source)
            except InitError as why:
                by = source.variable
                self.failed += [Reason(f"{by}: {r.text}", r.hint, by) for r in why.reasons]
        for name, why_not in unused(environ):
            self.log.warning("a variable is not used", variable=name, reason=why_not)
        if not listed:
            self.log.info(
                "no further files: no variable aws_fluent_bit_init_s3_1, aws_fluent_bit_init_file_1, … is set"
            )
        if self.failed:
            raise InitError(reasons=self.failed)
        if not self.lines and not self.parsers:
            raise InitError(f"there is nothing to run: no {generated}, and no variable names a file")
        config = self.folder / MAIN
        _write(config, "".join(f"{line}\n" for line in self.lines))
        self.log.info("the config is written", file=str(config), parsers=" ".join(self.parsers) or "none")
        return Plan(str(config), self.parsers)

    def _generated(self, environ: Mapping[str, str], path: str) -> None:
        if variable := ignores_firelens(environ):
            self.log.info("the generated config is not used", file=path, reason=f"{variable} is {environ[variable]}")
        elif os.path.exists(path):
            self._use(path, "the ECS agent")
        else:
            reason = "it is not there: this is no container with a firelensConfiguration"
            self.log.warning("the generated config is not used", file=path, reason=reason)

    def _source(self, source: Source) -> None:
        """Raises: InitError."""
        value = source.value
        if not value:
            self.log.warning("a variable is not used", variable=source.variable, reason="it is empty")
            return
        if is_elsewhere(value):
            known = self.downloads.get(value)
            path = known or self._download(value)
            if known:
                reason = f"{self.users.get(os.path.realpath(known), 'another variable')} names the same"
                self.log.warning("a file is not used", variable=source.variable, file=shown(value), reason=reason)
                return
        elif source.kind == "file":
            path = self.local(value.removeprefix("file://"))
        else:
            forms = {"s3": "arn:aws:s3:::bucket/key or s3://bucket/key", "ssm": "ssm:/name", "env": "env:NAME"}
            expected = forms.get(source.kind)
            raise InitError(f"'{shown(value)}' is no address: expected {expected or 'https://host/path'}")
        self._use(path, source.variable)

    def _use(self, path: str, who: str) -> None:
        """Include a file. Raises: InitError."""
        real = os.path.realpath(path)
        if real in self.users:
            reason = f"{self.users[real]} includes it already"
            self.log.warning("a file is not used", variable=who, file=path, reason=reason)
            return
        part = self._part(path, who)
        if part:
            self.lines.append(f"@INCLUDE {part}")

    def _download(self, address: str, who: str = "") -> str:
        """The path of what was there. Raises: InitError."""
        data = self.fetch(address)
        base = os.path.basename(shown(address).partition("#")[0].rstrip("/")) or "config"
        base = base.replace(" ", "_").removeprefix("env:").removeprefix("ssm:")
        if speaks_yaml(address, data.decode("utf-8", "replace")) and not is_yaml(base):
            base += ".yaml"
        folder, number = self.folder / DOWNLOADS, 1
        taken = {os.path.basename(path) for path in self.downloads.values()}
        name = base
        while name in taken:
            number += 1
            name = f"{number}-{base}"
        path = folder / name
        _write(path, data)
        self.downloads[address] = str(path)
        self.log.info("a file is fetched", source=shown(address), bytes=len(data), file=str(path))
        return str(path)

    def _part(self, path: str, who: str) -> str:
        """What to include for a file; "" when it has nothing but parsers. Raises: InitError."""
        real = os.path.realpath(path)
        if real in self.parts:
            return self.parts[real]
        # before it is read: a file that includes itself must end here
        self.parts[real], self.users[real] = path, who
        text = _read(path)
        divided = divide(text, path)
        if divided.includes:
            self._nested(divided, path, who)
        use = "parsers" if not divided.included else "included, and parsers" if divided.parsers else "included"
        if not divided.kinds and not divided.included:
            self.log.warning("a file is not used", variable=who, file=path, reason="it has no section")
            self.parts[real] = ""
            return ""
        self.log.info("a file is used", by=who, file=path, holds=divided.told, use=use)
        base = os.path.basename(path)
        if divided.parsers:
            self.parsers.append(self._copy(f"parsers-{base}", divided.parsers) if divided.included else path)
        if not divided.included:
            self.parts[real] = ""
        elif divided.changed:
            self.parts[real] = self._copy(base, divided.text)
        return self.parts[real]

    def _copy(self, base: str, text: str) -> str:
        path = self.folder / PARTS / f"{len(self.parts)}-{base}"
        _write(path, text)
        return str(path)

    def _nested(self, divided: Divided, path: str, who: str) -> None:
        """Do the same for what the file includes, and put in where it is. Raises: InitError."""
        lines = lines_of(divided.text)
        for number, target in divided.includes:
            if "*" in target:
                continue
            found = self._find(target, path)
            if found is None:
                continue  # the router will tell, with its place
            real = os.path.realpath(found)
            if real in self.parts:
                # the router would refuse to read a file twice
                reason = f"{self.users[real]} includes it already"
                self.log.warning("a file is not used", by=path, file=found, reason=reason)
                part = ""
            else:
                part = self._part(found, f"{who}, by way of {path}")
            if part != target:
                lines[number] = f"@INCLUDE {part}" if part else ""
                divided.changed = True
        if divided.changed:
            divided.text = "\n".join(lines) + "\n"

    def _find(self, target: str, by: str) -> str | None:
        """Where an included file is: a relative one may be beside the one that names it. Raises: InitError."""
        if is_elsewhere(target):
            return self.downloads.get(target) or self._download(target)
        address = next((a for a, p in self.downloads.items() if p == by), "")
        if address and not os.path.isabs(target):
            beside = f"{shown(address).rpartition('/')[0]}/{target}"
            return self.downloads.get(beside) or self._download(beside)
        if os.path.isabs(target) or os.path.exists(target):
            path = self.local(target)
            return path if os.path.exists(path) else None
        for folder in (os.path.dirname(by), os.path.dirname(GENERATED)):
            if os.path.exists(path := os.path.join(folder, target)):
                return path
        return None


def _read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except (OSError, ValueError) as why:
        reason = why.strerror if isinstance(why, OSError) else "no file can have this name"
        raise InitError(f"{path} cannot be read: {reason}") from None


def _write(path: Path, content: str | bytes) -> None:
    """Raises: InitError."""
    try:
        write_private(path, content)
    except OSError as why:
        raise InitError(f"{path} cannot be written: {why.strerror}") from None
