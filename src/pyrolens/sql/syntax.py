"""The text of a query -> a Statement.

Source: Fluent Bit 5.1.1, src/stream_processor/parser/sql.y and flb_sp_parser.c; plugins/processor_sql/parser/
sql-parser.y. AND, OR and NOT are read as there: they bind alike and reach as far to the right as they can, so
`a AND b OR c` is `a AND (b OR c)`, and `NOT a AND b` is `NOT (a AND b)`. Where SQL would mean something else, that is a
doubt.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pyrolens.sql.nodes import (
    AGGREGATES,
    FUNCTIONS,
    Both,
    Column,
    Compare,
    Condition,
    Constant,
    Contains,
    Doubt,
    Either,
    Field,
    IsNull,
    Not,
    Order,
    QueryError,
    RecordTime,
    Source,
    Statement,
    Truth,
    Window,
)
from pyrolens.sql.words import Word, words_of_selection, words_of_task

UNITS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}
ORDERS: dict[str, Order] = {"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
CONSTANTS = ("whole", "number", "text", "truth")
PROPERTIES = ("tag", "routable", "storage.type", "seconds")
NOT_THERE = {
    "LIKE": "there is no LIKE; the filter grep has regular expressions",
    "IN": "there is no IN: write a = 1 OR a = 2",
    "BETWEEN": "there is no BETWEEN: write a >= 1 AND a <= 2",
    "GROUP": "GROUP BY is written with one blank, behind WHERE",
    "ADVANCE": "ADVANCE BY is written with one blank",
    "ORDER": "there is no ORDER BY",
    "HAVING": "there is no HAVING",
    "JOIN": "there is no JOIN",
    "TAG": "a source is STREAM:name or TAG:'pattern', without a blank before the colon",
    "SECONDS": "write SECOND, MINUTE or HOUR",
    "MINUTES": "write SECOND, MINUTE or HOUR",
    "HOURS": "write SECOND, MINUTE or HOUR",
}


def read_task(query: str) -> Statement:
    """The query of a stream task. Raises: QueryError."""
    words, doubts = words_of_task(query)
    reader = Reader(words, doubts)
    try:
        statement = reader.whole_of(reader.statement)
    except QueryError as error:
        left_out = [doubt.hint for doubt in doubts if doubt.at < error.at and doubt.hint]
        error.hint = error.hint or "".join(left_out[-1:])
        raise
    return replace(statement, doubts=tuple(sorted(doubts, key=lambda doubt: doubt.at)))


def read_selection(query: str) -> Statement:
    """The query of the processor sql. Raises: QueryError."""
    reader = Reader(words_of_selection(query), [])
    statement = reader.whole_of(reader.selection)
    return replace(statement, doubts=tuple(reader.doubts))


@dataclass
class Reader:
    words: list[Word]
    doubts: list[Doubt]
    next: int = 0

    # -- words -----------------------------------------------------------------------------------------------------

    @property
    def word(self) -> Word:
        return self.words[self.next]

    def take(self) -> Word:
        word = self.word
        if word.kind != "end":
            self.next += 1
        return word

    def skip(self, kind: str) -> bool:
        """Whether the next word is this; then it is behind us."""
        if self.word.kind != kind:
            return False
        self.next += 1
        return True

    def expect(self, kind: str, what: str = "") -> Word:
        if self.word.kind != kind:
            raise self.wrong(what or (kind if kind.isupper() else f"'{kind}'"))
        return self.take()

    def wrong(self, expected: str) -> QueryError:
        word = self.word
        if word.kind == "end":
            hint = "a query ends with a semicolon" if expected == "';'" else ""
            return QueryError(f"the query ends where {expected} is expected", max(word.at - 1, 0), 1, hint)
        hint = NOT_THERE.get(word.text.upper(), "")
        if not hint and "a name" in expected and word.kind.isupper():
            hint = f"{word.kind} is a word of the language, so nothing can be called so here; SELECT * takes all fields"
        if word.kind == "=" and self.words[self.next - 1].kind == "=":
            hint = "one = compares"
        return QueryError(f"expected {expected}, not '{word.text}'", word.at, word.length, hint)

    def name(self) -> Word:
        return self.expect("name", "a name")

    def whole(self, what: str) -> int:
        value: int = self.expect("whole", what).value
        return value

    def whole_of(self, read: Callable[[], Statement]) -> Statement:
        """What `read` reads, if a semicolon and nothing more follows."""
        try:
            statement = read()
        except RecursionError:
            raise QueryError("the condition is nested too deeply", 0) from None
        self.expect(";")
        self.expect("end", "the end")
        return statement

    def list_of_fields(self) -> tuple[Field, ...]:
        fields = [self.field()]
        while self.skip(","):
            fields.append(self.field())
        return tuple(fields)

    # -- statements ------------------------------------------------------------------------------------------------

    def statement(self) -> Statement:
        if self.skip("CREATE"):
            if self.skip("SNAPSHOT"):
                return self.snapshot()
            self.expect("STREAM", "STREAM or SNAPSHOT")
            name, properties = self.named()
            return replace(
                self.select(), kind="stream", name=name.text, at=name.at, length=name.length, properties=properties
            )
        if self.skip("FLUSH"):
            self.expect("SNAPSHOT")
            return self.flush()
        if self.word.kind != "SELECT":
            raise self.wrong("SELECT, CREATE STREAM, CREATE SNAPSHOT or FLUSH SNAPSHOT")
        return self.select()

    def named(self) -> tuple[Word, dict[str, str]]:
        """`name [WITH (key='value', …)] AS`"""
        name = self.name()
        properties: dict[str, str] = {}
        if self.skip("WITH"):
            self.expect("(")
            while True:
                key = self.name()
                self.expect("=")
                value = self.expect("text", "a text in single quotes")
                if key.text not in PROPERTIES:
                    known = ", ".join(PROPERTIES[:-1]) + f" and {PROPERTIES[-1]}"
                    self.doubts.append(
                        Doubt(f"'{key.text}' means nothing here", key.at, key.length, f"there are {known}, lower case")
                    )
                properties.setdefault(key.text, value.value)
                if not self.skip(","):
                    break
            self.expect(")", "',' or ')'")
        self.expect("AS", "WITH or AS" if not properties else "AS")
        return name, properties

    def snapshot(self) -> Statement:
        name, properties = self.named()
        source = self.all_of_source()
        limit = self.limit()
        if "tag" not in properties:
            raise QueryError(f"the snapshot {name.text} needs a tag", name.at, name.length, "WITH (tag='x')")
        seconds = properties.get("seconds", "0").strip()
        kept = int(seconds) if seconds.isdecimal() else 0
        if limit <= 0 and kept <= 0:
            hint = "LIMIT 100 behind the source keeps 100 records; WITH (seconds='60') keeps those of a minute"
            raise QueryError(f"the snapshot {name.text} has no size", name.at, name.length, hint)
        return Statement(
            "snapshot",
            (Column(),),
            source,
            name.text,
            name.at,
            name.length,
            properties,
            limit=max(limit, 0),
            seconds=kept,
        )

    def flush(self) -> Statement:
        name, properties = self.named()
        source = self.all_of_source()
        where = self.condition() if self.skip("WHERE") else None
        return Statement("flush", (Column(),), source, name.text, name.at, name.length, properties, where=where)

    def all_of_source(self) -> Source:
        """What snapshots select."""
        self.expect("SELECT")
        self.expect("*", "'*': snapshots are of whole records")
        self.expect("FROM")
        return self.source()

    def select(self) -> Statement:
        self.expect("SELECT")
        columns = [self.column()]
        while self.skip(","):
            column = self.column()
            if column.is_all:
                raise QueryError("'*' can only come first", column.at, 1)
            columns.append(column)
        self.expect("FROM", "',' or FROM")
        source = self.source()
        window_at = self.word
        window = self.window() if self.skip("WINDOW") else None
        where = self.condition() if self.skip("WHERE") else None
        group_at = self.word
        group = self.list_of_fields() if self.skip("GROUP BY") else ()
        limit_at = self.word
        limit = self.limit()
        if limit_at.kind == "LIMIT":
            self.doubts.append(Doubt("LIMIT has no effect here", limit_at.at, 5, "it belongs to CREATE SNAPSHOT"))
        if self.word.kind != ";":
            raise self.wrong("';'")
        aggregates = any(column.aggregates for column in columns)
        if group and not aggregates:
            hint = "select COUNT(*), or another function over records"
            self.doubts.append(Doubt("GROUP BY has no effect without a function", group_at.at, 8, hint))
        if window and not aggregates:
            hint = "only functions such as COUNT(*) are taken over a window"
            self.doubts.append(Doubt("the window has no effect here", window_at.at, window_at.length, hint))
            window = None
        if aggregates:
            check_groups(columns, group)
        return Statement("select", tuple(columns), source, window=window, where=where, group=group, limit=limit)

    def selection(self) -> Statement:
        """SELECT of the processor."""
        self.expect("SELECT")
        columns: list[Column] = []
        while True:
            word = self.word
            if not self.skip("*"):
                name = self.expect("name", "a name or '*'").text
                columns.append(Column(Field(name), alias=self.alias(), at=word.at, length=word.length))
            elif columns:
                self.doubts.append(Doubt("'*' behind other fields has no effect", word.at, 1, "write SELECT *"))
            else:
                columns.append(Column(at=word.at))
            if not self.skip(","):
                break
        self.expect("FROM", "',' or FROM")
        at = self.expect("STREAM")
        stream = self.take().text if self.word.kind == "name" else ""
        where = self.condition() if self.skip("WHERE") else None
        return Statement("select", tuple(columns), Source("stream", stream, at.at, at.length), where=where)

    # -- parts of a statement --------------------------------------------------------------------------------------

    def source(self) -> Source:
        if self.skip("STREAM:"):
            name = self.name()
            return Source("stream", name.text, name.at, name.length)
        if self.skip("TAG:"):
            text = self.expect("text", "a pattern in single quotes")
            return Source("tag", text.value, text.at, text.length)
        raise self.wrong("STREAM:name or TAG:'pattern'")

    def limit(self) -> int:
        return self.whole("a whole number") if self.skip("LIMIT") else 0

    def window(self) -> Window:
        word = self.word
        if self.skip("TUMBLING"):
            self.expect("(")
            size = self.span()
            self.expect(")")
            return Window(size, size)
        self.expect("HOPPING", "TUMBLING or HOPPING")
        self.expect("(")
        size = self.span()
        self.expect(",")
        self.expect("ADVANCE BY")
        advance = self.span()
        self.expect(")")
        if advance > size:
            message = "the windows are further apart than they are long, so each is as long as that"
            self.doubts.append(Doubt(message, word.at, word.length, "let them advance by less than their length"))
            size = advance
        return Window(size, advance)

    def span(self) -> int:
        """Seconds."""
        word = self.word
        number = self.whole("a whole number")
        unit = self.word
        if unit.kind not in UNITS:
            raise self.wrong("SECOND, MINUTE or HOUR")
        self.take()
        if number <= 0:
            raise QueryError(f"{word.text} is no length of a window", word.at, word.length, "expected at least 1")
        return number * UNITS[unit.kind]

    def alias(self) -> str | None:
        return self.name().text if self.skip("AS") else None

    def column(self) -> Column:
        word = self.word
        if self.skip("*"):
            return Column(at=word.at)
        if word.kind in FUNCTIONS:
            self.take()
            self.expect("(")
            self.expect(")")
            return Column(None, word.kind, self.alias(), at=word.at, length=word.length)
        if word.kind not in AGGREGATES:
            if word.kind != "name":
                raise self.wrong("a name, '*' or a function")
            of = self.field()
            return Column(of, "", self.alias(), at=word.at, length=word.length)
        self.take()
        self.expect("(")
        seconds = 0
        if word.kind == "TIMESERIES_FORECAST":
            inner: Field | None = Field(self.name().text)
            self.expect(",")
            seconds = self.whole("seconds, a whole number")
        elif word.kind == "COUNT" and self.skip("*"):
            inner = None
        else:
            inner = self.field()
        self.expect(")")
        return Column(inner, word.kind, self.alias(), seconds, word.at, word.length)

    def field(self) -> Field:
        name = self.name().text
        path: list[str] = []
        while self.skip("["):
            path.append(self.expect("text", "a name in single quotes").value)
            self.expect("]")
        return Field(name, tuple(path))

    # -- conditions ------------------------------------------------------------------------------------------------

    def condition(self) -> Condition:
        return self.open_condition()[0]

    def open_condition(self) -> tuple[Condition, str]:
        """And AND or OR, if that holds it together and no parentheses are around it."""
        word = self.word
        if self.skip("NOT"):
            inner, joined = self.open_condition()
            if joined:
                self.far(word, f"NOT reaches as far as it can: over the {joined}, too")
            return Not(inner), ""
        left, word = self.term(), self.word
        if word.kind not in ("AND", "OR"):
            return left, ""
        self.take()
        right, joined = self.open_condition()
        if word.kind == "OR":
            return Either(left, right), "OR"
        if joined == "OR":
            self.far(word, "AND reaches as far as it can: over the OR, too")
        return Both(left, right), "AND"

    def far(self, word: Word, message: str) -> None:
        self.doubts.append(Doubt(message, word.at, word.length, "put parentheses around what belongs together"))

    def term(self) -> Condition:
        if self.skip("("):
            inner = self.condition()
            self.expect(")", "AND, OR or ')'")
            return inner
        word = self.word
        if word.kind in CONSTANTS:
            self.take()
            constant: Constant = word.value
            return Truth(constant)
        left = self.operand()
        if isinstance(left, Field) and self.skip("IS"):
            if self.skip("NOT"):
                self.expect("NULL")
                return Not(IsNull(left))
            self.expect("NULL", "NULL or NOT NULL")
            return IsNull(left)
        if self.word.kind == "!=":
            self.take()
            return Not(Compare(left, "=", self.constant()))
        order = ORDERS.get(self.word.kind)
        if order:
            self.take()
            return Compare(left, order, self.constant())
        return Truth(left) if isinstance(left, Field) else Compare(left, "=", True)

    def operand(self) -> Field | Contains | RecordTime:
        if not self.skip("@RECORD"):
            if self.word.kind != "name":
                raise self.wrong("a name, a constant, NOT or '('")
            return self.field()
        self.expect(".")
        if self.skip("TIME"):
            self.expect("(")
            self.expect(")")
            return RecordTime()
        self.expect("CONTAINS", "contains(field) or time()")
        self.expect("(")
        of = self.field()
        self.expect(")")
        return Contains(of)

    def constant(self) -> Constant:
        word = self.word
        if word.kind not in CONSTANTS:
            error = self.wrong("a number, a text in single quotes, true or false")
            if word.kind == "NULL":
                error.hint = "write IS NULL or IS NOT NULL"
            elif word.kind == "name" and not error.hint:
                error.hint = "fields are compared with constants only; text stands in single quotes"
            raise error
        self.take()
        constant: Constant = word.value
        return constant


def check_groups(columns: list[Column], group: tuple[Field, ...]) -> None:
    """Raises: QueryError for a field that has many values in a group."""
    for column in columns:
        if column.function or column.field in group:
            continue
        what = f"the field {column.field}" if column.field else "'*'"
        hint = f"GROUP BY {column.field}" if column.field else "name the fields, and GROUP BY them"
        raise QueryError(f"{what} has many values beside a function over records", column.at, column.length, hint)
