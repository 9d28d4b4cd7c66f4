"""The command `pyrolens`: each verb is one call. Called as `fluent-bit` it is `pyrolens run`.

Nothing is imported before it is known which verb it is.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

import pyrolens

VERBS = {
    "run": ("pyrolens.tools.run", "run a config: takes the command line of fluent-bit"),
    "up": ("pyrolens.local.up", "run a task definition here, its destinations included"),
    "init": ("pyrolens.tools.init", "fetch the config files that the environment names, then run"),
    "health": ("pyrolens.tools.health", "ask the router whether it is well, as a container's health check"),
    "tap": ("pyrolens.tools.tap", "show live records of a running router, at a point on their way"),
    "top": ("pyrolens.tools.top", "show what a running router does, second by second"),
    "check": ("pyrolens.tools.check", "say what is wrong with configs and task definitions"),
    "explain": ("pyrolens.tools.explain", "say where records go, and what becomes of them on the way"),
    "test": ("pyrolens.tools.test", "run the tests that stand beside a config"),
    "render": ("pyrolens.tools.render", "print what ECS makes of a task definition"),
    "inject": ("pyrolens.tools.inject", "add the router to a task definition"),
    "eject": ("pyrolens.tools.eject", "print the whole config that a task's router has, as one file"),
    "graph": ("pyrolens.tools.graph", "draw what leads where, with the rates of a running router"),
    "diff": ("pyrolens.tools.diff", "say what two versions of a config do differently with the same records"),
    "convert": ("pyrolens.tools.convert", "print a config in the other language: classic or YAML"),
    "plugins": ("pyrolens.tools.reference", "list the plugins and their options"),
}
FOR_PEOPLE = ("check", "explain", "test", "graph", "diff", "tap", "top")
"""Verbs whose text is read, and is no config."""


def main(argv: Sequence[str] | None = None) -> int:
    """Gives the exit status."""
    program = os.path.basename(sys.argv[0])
    args = list(sys.argv[1:] if argv is None else argv)
    if argv is None and program == "fluent-bit":
        args = ["run", *args]
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if args[0] in ("-V", "--version", "version"):
        print(f"pyrolens {pyrolens.__version__}")
        return 0
    verb, rest = args[0], args[1:]
    if verb not in VERBS or not exists(VERBS[verb][0]):
        from pyrolens.problems import nearest

        hint = nearest(verb, [v for v, (module, _) in VERBS.items() if exists(module)])
        print(f"pyrolens: there is no '{verb}'; {hint or 'see pyrolens --help'}", file=sys.stderr)
        return 2
    if verb in FOR_PEOPLE:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # what a terminal or a pipe cannot take, such as → in ASCII, is no reason to say nothing
                stream.reconfigure(errors="replace")
    call: Callable[[Sequence[str]], int] = import_module(VERBS[verb][0]).main
    try:
        return call(rest)
    except BrokenPipeError:
        # who read us has gone, as `head` does; nothing more can be said on that stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"pyrolens {verb}: cannot write: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2


def exists(module: str) -> bool:
    """Whether the module is there, without importing it."""
    path = os.path.join(os.path.dirname(pyrolens.__file__), *module.split(".")[1:])
    return os.path.exists(path + ".py") or os.path.exists(os.path.join(path, "__init__.py"))


def usage() -> str:
    lines = ["usage: pyrolens VERB …", ""]
    lines += [f"  {verb:9} {about}" for verb, (module, about) in VERBS.items() if exists(module)]
    return "\n".join([*lines, "", "pyrolens VERB --help tells more. Called as fluent-bit, it is pyrolens run."])


if __name__ == "__main__":
    sys.exit(main())
