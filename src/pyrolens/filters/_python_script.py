"""The script of the filter python: run once, and its function found. What is wrong with it is said with its place.

Each filter runs the script for itself, as a module that nobody finds by name: two filters with one script share
nothing, and a script that is loaded again begins anew.
"""

import ast
import inspect
import os
import sys
from collections.abc import Callable
from itertools import count
from types import ModuleType
from typing import Any, NamedTuple

from pyrolens.problems import nearest

GIVEN = {"tag": "tag", "time": "ns / 1_000_000_000", "record": "record"}
"""What a function of records may take, and what it is given for it."""
OF_BATCHES = {"tag": "tag", "events": "events"}
"""The same for a function of batches."""
NUMBERS = count()
Definition = ast.FunctionDef | ast.AsyncFunctionDef


class ScriptError(Exception):
    """Line and column count from 1; 0: none is known."""

    def __init__(self, message: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.column, self.hint = line, column, hint


class Function(NamedTuple):
    name: str
    call: Callable[..., Any]
    """(tag, ns, record), or (tag, events) where it takes a batch."""
    of_batches: bool
    line: int
    """Where it is defined; 0: that is not known."""


def load(source: str | bytes, file: str, name: str | None) -> Function:
    """`file`: what the code is of, in tracebacks. `name`: of the function; None: there is only one.

    Raises: ScriptError."""
    try:
        tree = ast.parse(source, file)
        code = compile(tree, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ScriptError(f"{error.msg}", error.lineno or 0, error.offset or 0) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ScriptError(f"this cannot be read as Python: {error}") from None
    defined = {node.name: node for node in tree.body if isinstance(node, Definition)}
    module = run(code, file)
    found = name or the_only(defined)
    if found not in module:
        hint = nearest(found, defined) or (f"it defines {', '.join(defined)}" if defined else "")
        raise ScriptError(f"there is no function '{found}' in it", 1, 0, hint)
    return checked(found, module[found], defined.get(found))


def run(code: Any, file: str) -> dict[str, Any]:
    """What the script defines. Raises: ScriptError."""
    module = ModuleType(f"pyrolens_script_{next(NUMBERS)}")
    module.__file__ = os.path.abspath(file)
    # dataclasses look for the module of a class while they make it
    sys.modules[module.__name__] = module
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        line, column = place_of(error, file)
        hint = ""
        if isinstance(error, ModuleNotFoundError):
            hint = f"install {error.name} for the Python that runs the router, or name its folder in PYTHONPATH"
        raise ScriptError(reason_of(error), line, column, hint) from None
    finally:
        del sys.modules[module.__name__]
    return vars(module)


def the_only(defined: dict[str, Definition]) -> str:
    """The one function whose name has no _ at its front. Raises: ScriptError."""
    names = [name for name in defined if not name.startswith("_")]
    if len(names) == 1:
        return names[0]
    if not names:
        raise ScriptError("it defines no function", 1, 0, "write one, such as def change(record): return record")
    raise ScriptError(f"it defines {', '.join(names)}", 1, 0, "say with call which of them is meant")


def checked(name: str, function: Any, node: Definition | None) -> Function:
    """Raises: ScriptError."""
    code = getattr(function, "__code__", None)
    line, column = (node.lineno, node.col_offset + 1) if node else (getattr(code, "co_firstlineno", 0), 0)

    def wrong(message: str, hint: str = "", part: ast.arg | None = None) -> ScriptError:
        at = (part.lineno, part.col_offset + 1) if part else (line, column)
        return ScriptError(message, *at, hint)

    if inspect.isclass(function):
        raise wrong(f"{name} is a class", "make an object of it, and let call name that")
    if not callable(function):
        raise wrong(f"{name} is no function but a {type(function).__name__}")
    body = function if code else function.__call__
    if inspect.iscoroutinefunction(body) or inspect.isasyncgenfunction(body):
        raise wrong(f"{name} is async, and a filter does not wait", "write def")
    if inspect.isgeneratorfunction(body):
        raise wrong(f"{name} is a generator", "return a list of records instead of yielding them")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise wrong(f"what {name} takes is not known", "wrap it in a function of your own") from None
    parts = {arg.arg: arg for arg in ast.walk(node) if isinstance(arg, ast.arg)} if node else {}
    of_batches = any(p.name == "events" for p in parameters)
    given = OF_BATCHES if of_batches else GIVEN
    arguments: list[str] = []
    in_order = True
    for p in parameters:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            in_order = False
        elif p.name in given and p.kind is not p.KEYWORD_ONLY and in_order:
            arguments.append(given[p.name])
        elif p.name in given and p.kind is not p.POSITIONAL_ONLY:
            arguments.append(f"{p.name}={given[p.name]}")
        elif p.default is not p.empty:
            in_order = False
        else:
            message = f"{name} takes '{p.name}', which a filter has not"
            if of_batches and p.name in GIVEN:
                message = f"{name} takes events, which are a whole batch, and '{p.name}' of one record"
            raise wrong(message, takes_hint(p.name), parts.get(p.name))
    if not any(a.rpartition("=")[2] in ("record", "events") for a in arguments):
        raise wrong(f"{name} takes neither record nor events", takes_hint(""))
    if node and not gives(node):
        what = "events" if of_batches else "record"
        raise wrong(f"{name} never returns anything, so every record would be dropped", f"end it with return {what}")
    head = "tag, events" if of_batches else "tag, ns, record"
    call = eval(f"lambda {head}: function({', '.join(arguments)})", {"function": function})
    return Function(name, call, of_batches, line)


def takes_hint(name: str) -> str:
    near = nearest(name, [*GIVEN, "events"]) if name not in GIVEN else ""
    return (
        f"{near} " * bool(near) + "a function takes any of tag, time and record; or, for whole batches, events and tag"
    )


def gives(node: Definition) -> bool:
    """Whether it returns a value anywhere."""
    todo: list[ast.AST] = list(node.body)
    while todo:
        part = todo.pop()
        if isinstance(part, ast.Return) and part.value is not None:
            return True
        if not isinstance(part, Definition | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(part)
    return False


def place_of(error: BaseException, file: str) -> tuple[int, int]:
    """The line and column of the script from which the error came."""
    line = column = 0
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == file:
            line = trace.tb_lineno
            positions = list(code.co_positions())[trace.tb_lasti // 2] if trace.tb_lasti >= 0 else (None,) * 4
            column = (positions[2] or 0) + 1 if positions[2] is not None else 0
        trace = trace.tb_next
    return line, column


def reason_of(error: BaseException) -> str:
    """KeyError: 'user'"""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
