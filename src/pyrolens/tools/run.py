"""pyrolens run: the router, with the command line of Fluent Bit."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import pyrolens
from pyrolens.config import Config, load
from pyrolens.config.files import check_library
from pyrolens.language.document import Entry
from pyrolens.language.includes import is_elsewhere
from pyrolens.problems import ConfigError, Place, Problem, Problems
from pyrolens.service.secrets import Mask, plugins_of, secrets_of
from pyrolens.tools.run_arguments import RunArguments, read_arguments

HTTP = "PYROLENS_HTTP_SERVER"
"""Environment variable with the meaning of -H: for task definitions, which say what a health check asks, but should not
need to know how the image starts the router."""
HELP = """usage: pyrolens run [OPTION]…

  -c, --config=FILE        the config: classic, YAML if it is named .yaml or .yml, or Fluentd's; also s3://bucket/key,
                           ssm:/name, env:NAME and https://host/path
      --format=LANGUAGE    its language: fluentbit or fluentd, if its text does not say so
  -D, --dry-run            say what is wrong with the config, and stop
  -i, --input=NAME         an input; -t and -p that follow belong to it
  -F, --filter=NAME        a filter; -m and -p that follow belong to it
  -o, --output=NAME        an output; -m and -p that follow belong to it
  -p, --prop=KEY=VALUE     an option of the plugin before it
  -t, --tag=TAG            the same as -p tag=TAG
  -m, --match=PATTERN      the same as -p match=PATTERN
  -R, --parser=FILE        a file of parsers
  -f, --flush=SECONDS      seconds between deliveries (default: 1)
  -l, --log_file=FILE      write the log there
  -b, --storage_path=DIR   folder for what is kept on disk
  -H, --http               serve the HTTP API
  -L, --http_listen=ADDR   its address (default: 127.0.0.1)
  -P, --port=PORT          its port (default: 2020)
  -v, --verbose            more log; twice for all of it
  -q, --quiet              no log
  -w, --workdir=DIR        change to this folder first
  -Y, --enable-hot-reload  read the config again at SIGHUP
  -V, --version            the version
  -h, --help               this text

What the file says in [SERVICE] counts before the command line. Options of Fluent Bit that mean nothing here are
taken with a notice. The plugins and their options: pyrolens plugins."""


def main(argv: Sequence[str]) -> int:
    """Runs until it is told to stop. 1: the config is refused, or something could not be opened."""
    problems = Problems()
    args = read_arguments(argv, problems)
    if args.action == "version":
        print(f"pyrolens {pyrolens.__version__}, a drop-in for Fluent Bit v5.1.1")
        return 0
    if args.action == "help":
        print(HELP)
        return 0
    if is_on(os.environ.get(HTTP, "")):
        here = Place("command line", text=HTTP)
        args.sections[0].entries.append(Entry("http_server", "on", here, here))
    told, mask = 0, Mask()
    try:
        problems.raise_if_any()
        if args.action == "sosreport":
            raise ConfigError([Problem("bad-option", "-S: there is no such report", None, "see pyrolens check")])
        # while something is fetched: a process 1 without a handler of its own ignores a stop
        before = signal.signal(signal.SIGTERM, _ended) if is_elsewhere(args.config or "") else None
        config = _load(args, problems)
        if before is not None:
            signal.signal(signal.SIGTERM, before)
        mask.add(secrets_of(plugins_of(config)))
        told = tell(config.warnings, mask)
        if args.action == "dry-run":
            from pyrolens.service.router import Router

            Router(config)
            print("the config is good" if not told else f"the config is good, but see {told} above", file=sys.stderr)
            return 0
        make_storage(config)
        from pyrolens.service import running

        args.workdir = None  # it is where we are now
        return running.run(config, partial(_again, args), _refetch)
    except ConfigError as error:
        tell(error.problems[told:] if told and error.problems[:told] == config.warnings else error.problems, mask)
        return 1


def is_on(text: str) -> bool:
    """Of the variable HTTP."""
    return text.lower() in ("on", "true", "1")


def _ended(number: int, _: object) -> None:
    sys.exit(128 + number)


def _load(args: RunArguments, problems: Problems) -> Config:
    for path, place in args.libraries:
        check_library(path, place, problems)
    for path, place in args.parsers_files:
        if not is_elsewhere(path) and not os.path.exists(path):
            problems.error("no-parsers-file", f"no such file: {path}", place)
    if args.workdir is not None:
        try:
            os.chdir(args.workdir)
        except OSError as why:
            problems.error("bad-option", f"-w {args.workdir}: {why.strerror}", None)
    problems.raise_if_any()
    _tell_of_init(problems)
    config = load(args.config, args.sections, form=args.form)
    config.warnings[:0] = problems
    return config


def _tell_of_init(problems: Problems) -> None:
    """Variables for the init process do nothing in a router that was started without it, which nobody notices."""
    names = sorted(n for n in os.environ if "aws_fluent_bit_init_" in n.lower())
    if names and "PYROLENS_INIT" not in os.environ:
        message = f"{names[0]} has no effect: only pyrolens init reads such variables, and this is pyrolens run"
        problems.warning("no-init", message, None, "start the container with pyrolens init")


def _again(args: RunArguments) -> Config:
    """For a reload: the same command line, with its files as they are now. Raises: ConfigError."""
    config = _load(args, Problems())
    make_storage(config)
    return config


async def _refetch() -> None:
    if "pyrolens.remote" in sys.modules:  # else nothing has come from elsewhere
        from pyrolens.remote import refetch

        await refetch()


def make_storage(config: Config) -> None:
    """Make the folder of storage.path, with those above it. Raises: ConfigError."""
    path = config.service.storage_path
    if path is None:
        return
    try:
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError as why:
        problem = Problem("no-storage", f"storage.path '{path}' cannot be made: {why.strerror}")
        raise ConfigError([*config.warnings, problem]) from None


def tell(problems: Iterable[Problem], mask: Callable[[str], str] = str) -> int:
    """Print them on stderr. `mask`: without secrets. Gives how many there were."""
    shown = list(problems)
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    for problem in shown:
        print(mask(coloured(problem) if colour else str(problem)), file=sys.stderr)
    return len(shown)


def coloured(problem: Problem) -> str:
    code = "31" if problem.severity == "error" else "33"
    label = f"{problem.severity}[{problem.code}]"
    return str(problem).replace(label, f"\x1b[1;{code}m{label}\x1b[0m", 1)
