"""What becomes of the lines of tail: which parser reads them, and what joins them."""

from pyrolens.api import InputEnv, Parse
from pyrolens.inputs._tail_events import Joining, Shape
from pyrolens.inputs._text import find_parser
from pyrolens.inputs.tail import Tail
from pyrolens.options import split_commas


def shape_of(plan: Tail, env: InputEnv) -> Shape:
    parse: Parse | None = None
    if plan.parser:
        parse = env.parser(plan.parser)
        if parse is None:
            # Fluent Bit starts, too
            env.log.error("there is no such parser; lines stay as they are", parser=plan.parser)
    return Shape(plan.key, plan.path_key, plan.offset_key, plan.ignore_older, plan.encoding, parse, env.now)


def joining(plan: Tail, shape: Shape, env: InputEnv) -> Joining | None:
    """None: each line is a record. Raises: OptionError."""
    if plan.parser_n and not plan.multiline:
        env.log.warning(f"{plan.parser_n[0].key} has no effect without multiline")
    if plan.multiline_parser:
        from pyrolens.inputs._tail_join import ByParser  # most files are read line by line

        unused(env, "multiline.parser", parser=plan.parser, multiline=plan.multiline, docker_mode=plan.docker_mode)
        return ByParser([n for line in plan.multiline_parser for n in split_commas(line)], shape, env)
    if plan.multiline:
        from pyrolens.inputs._tail_multiline import ByFirstLine

        unused(env, "multiline", parser=plan.parser)
        first = find_parser(env, plan.parser_firstline or "", "parser_firstline")
        others = [find_parser(env, line.value, line.key) for line in plan.parser_n]
        return ByFirstLine(first, others, plan.multiline_flush, shape._replace(parse=None), env)
    if plan.docker_mode:
        from pyrolens.inputs._tail_docker import DockerMode

        begins = env.parser(plan.docker_mode_parser) if plan.docker_mode_parser else None
        if plan.docker_mode_parser and begins is None:
            # Fluent Bit starts, too
            env.log.error("there is no such parser", docker_mode_parser=plan.docker_mode_parser)
        return DockerMode(begins, plan.docker_mode_flush, shape, env)
    return None


def unused(env: InputEnv, by: str, **options: object) -> None:
    for name in [name for name, value in options.items() if value]:
        env.log.warning(f"{name} has no effect, because {by} is set")
