"""processor sql.

Source: plugins/processor_sql (Fluent Bit 5.1.1).
"""

from collections.abc import Iterable

from pyrolens.api import Event, Filter, FilterEnv, OptionError, Record, Transform, opt, plugin
from pyrolens.sql.condition import picker
from pyrolens.sql.nodes import QueryError, Statement
from pyrolens.sql.syntax import read_selection


@plugin("sql")
class Sql(Filter):
    """Keep the records that a condition holds for, and of these the fields that are named.

    It is a processor: it stands below an input or an output in YAML. The fields keep their order, and a record of which
    none is left stays as an empty one. The language: [docs/streams.md](../../streams.md).
    """

    only_processor = True
    differs = (
        "Text is compared; in Fluent Bit two texts are never equal.",
        "Each record is kept or dropped for itself; Fluent Bit may lose records beside one that it drops.",
        "Numbers in the query have 64 bits, not 32.",
        "Maps and lists are true where a field alone is the condition, as in stream tasks.",
    )

    query: str = opt("SELECT * or FIELD [AS NAME], … FROM STREAM [WHERE CONDITION];")

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            read_selection(self.query)
        except QueryError as error:
            yield "query", explained(error, self.query)

    def compile(self, env: FilterEnv) -> Transform:
        try:
            statement = read_selection(self.query)
        except QueryError as error:
            raise OptionError("query", explained(error, self.query)) from None
        for doubt in statement.doubts:
            env.log.warning("the query says something odd", what=doubt.message, hint=doubt.hint)
        pick, names = picker(statement.where), selected(statement)
        if names is None:
            return lambda tag, events: pick(events)

        def select(tag: str, events: list[Event]) -> list[Event]:
            return [(ns, shaped(record, names)) for ns, record in pick(events)]

        return select


def explained(error: QueryError, query: str) -> str:
    line, column = query.count("\n", 0, error.at) + 1, error.at - (query.rfind("\n", 0, error.at) + 1) + 1
    where = f"line {line}, column {column}" if "\n" in query else f"column {column}"
    return f"the query does not compile: {error} ({where} of the query)" + (f"; {error.hint}" if error.hint else "")


def selected(statement: Statement) -> dict[str, str] | None:
    """Field -> its new name, the first of them if there are several; None: all fields stay as they are."""
    names: dict[str, str] = {}
    for column in statement.columns:
        if column.field is None:
            return None
        names.setdefault(column.field.name, column.key)
    return names


def shaped(record: Record, names: dict[str, str]) -> Record:
    return {names[key]: value for key, value in record.items() if key in names}
