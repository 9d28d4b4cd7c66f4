"""pyrolens init: fetches what the environment names, then is the router."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from pyrolens.ecs import metadata
from pyrolens.ecs.init import FOLDER, GENERATED, USER_AGENT, InitError, Plan, prepare
from pyrolens.remote import RemoteError, fetch_bytes
from pyrolens.service.log import Logger, Logs

ELSEWHERE = "/tmp/pyrolens-init"
"""Where the files go when the folder cannot be written, as in a container whose files are read-only."""
ENDED_BY_SIGTERM = 128 + signal.SIGTERM
DONE = "PYROLENS_INIT"
"""Says to the router that the variables were read."""


def main(argv: Sequence[str]) -> int:
    """Gives back only when the router cannot be started: 1."""
    # without this a process 1 ignores a stop, and ECS waits for its end in vain
    signal.signal(signal.SIGTERM, _ended)
    args = arguments().parse_args(argv)
    log = Logs().of("init")
    try:
        plan, environ = ready(args.dir, args.config, os.environ, log)
    except InitError as why:
        for reason in why.reasons:
            log.error("the router is not started", reason=reason.text, **({"hint": reason.hint} if reason.hint else {}))
        return 1
    command = command_of(plan, args.arguments)
    # the user's own arguments may hold passwords
    told = [word for word in command if word not in args.arguments or word in (command[0], *plan.arguments)]
    log.info("the router starts", command=" ".join(told), more_arguments=len(command) - len(told))
    try:
        os.execvpe(command[0], command, environ)
    except OSError as why:
        log.error("the router is not started", command=command[0], reason=why.strerror)
        return 1


def ready(folder: str, generated: str, environ: Mapping[str, str], log: Logger) -> tuple[Plan, dict[str, str]]:
    """What to start the router with, and its environment. Raises: InitError."""
    found = dict(environ)
    try:
        known = metadata.ask(environ)
    except metadata.MetadataError as why:
        raise InitError(str(why)) from None
    if not known:
        log.warning("no metadata of the task", reason=f"{metadata.ENDPOINT} is not set: this is not ECS")
    for name, value in known.items():
        was = environ.get(name, value)
        log.info("a variable is set", name=name, value=value, **({} if was == value else {"instead_of": was}))
    found |= {**USER_AGENT, **known, DONE: "done"}

    def fetch(address: str) -> bytes:
        try:
            return fetch_bytes(address, found)
        except RemoteError as why:
            raise InitError(str(why), hint=why.hint) from None

    return prepare(found, _writable(Path(folder), log), fetch, log, generated), found


def _writable(folder: Path, log: Logger) -> Path:
    """The folder, or another one where it cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    log.warning("files go elsewhere", folder=ELSEWHERE, reason=f"{folder} cannot be written")
    return Path(ELSEWHERE)


def command_of(plan: Plan, arguments: Sequence[str]) -> list[str]:
    """`arguments`: of the router; or another command first, which takes those of fluent-bit."""
    more = list(arguments[1:] if arguments[:1] == ["--"] else arguments)
    if more and not more[0].startswith("-"):
        return [more[0], *plan.arguments, *more[1:]]
    return [sys.executable, "-m", "pyrolens", "run", *plan.arguments, *more]


def _ended(number: int, _: FrameType | None) -> None:
    sys.exit(ENDED_BY_SIGTERM)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens init",
        description="Fetch the config files that variables name (aws_fluent_bit_init_s3_1, aws_fluent_bit_init_file_1, "
        "…), put them behind the config that the ECS agent has generated, and become the router.",
        epilog="What follows -- goes to the router: `pyrolens init -- -v`.",
    )
    parser.add_argument("--dir", default=FOLDER, metavar="DIR", help=f"where the files go (default: {FOLDER})")
    parser.add_argument("--config", default=GENERATED, metavar="FILE", help=f"the generated config ({GENERATED})")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…", help="arguments of the router")
    return parser
