"""Terraform's language, as far as task definitions are written in it: blocks, attributes, objects, lists, texts with
${…}, references and calls. What an expression does with operators, loops or functions of which only Terraform knows the
result is kept as its source.

Source: HCL native syntax specification.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pyrolens.problems import ConfigError, Place, Problem

SPACE = re.compile(r"(?:[ \t\r]|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
BLANK = re.compile(r"(?:\s|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
NAME = re.compile(r"[A-Za-z_][\w-]*")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
HEREDOC = re.compile(r"<<(-?)([A-Za-z_]\w*)[ \t\r]*\n")
OPERATOR = re.compile(r"[?*/%+<>&|]|[=!]=|-")
NEXT_LINE = re.compile(r"\s*(?:\?|&&|\|\|)")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
WORDS = {"true": True, "false": False, "null": None}
DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Literal:
    value: object
    place: Place


@dataclass(frozen=True, slots=True)
class Template:
    """A text: pieces of text, and expressions between them."""

    parts: "list[str | Expression]"
    place: Place

    @property
    def alone(self) -> "Expression | None":
        """The expression of "${…}" without a text around it, which means the same as the expression."""
        inner = self.parts[1] if len(self.parts) == 3 and self.parts[::2] == ["", ""] else ""
        return None if isinstance(inner, str) else inner


@dataclass(frozen=True, slots=True)
class Tuple:
    items: "list[Expression]"
    place: Place


@dataclass(frozen=True, slots=True)
class Object:
    members: "list[tuple[Expression, Expression]]"
    place: Place


@dataclass(frozen=True, slots=True)
class Reference:
    """Such as var.region or aws_lb.app.arn."""

    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: "list[Expression]"
    source: str
    place: Place


@dataclass(frozen=True, slots=True)
class Source:
    """What only Terraform knows."""

    text: str
    place: Place


Expression = Literal | Template | Tuple | Object | Reference | Call | Source


@dataclass(slots=True)
class Block:
    kind: str
    labels: list[str]
    place: Place
    attributes: dict[str, Expression] = field(default_factory=dict)
    blocks: "list[Block]" = field(default_factory=list)


def parse(text: str, file: str) -> Block:
    """The file as one block. Raises: ConfigError at the first place that is not in this language."""
    reader = _Reader(text, file)
    return reader.body(Block("", [], Place(file, 1, 1)), end="")


def parse_expression(text: str, file: str) -> Expression:
    """Raises: ConfigError."""
    reader = _Reader(text, file)
    reader.skip(BLANK)
    made = reader.expression(0)
    reader.skip(BLANK)
    if reader.at < len(text):
        raise reader.wrong("text after the end of the expression")
    return made


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.file, self.at = text, file, 0

    # -- places and tokens -----------------------------------------------------------------------------------------

    def place(self, start: int, end: int | None = None) -> Place:
        first = self.text.rfind("\n", 0, start) + 1
        last = self.text.find("\n", start)
        line = self.text[first : last if last >= 0 else len(self.text)].rstrip("\r")
        length = max(min((end or start + 1) - start, len(line) - (start - first)), 1)
        return Place(self.file, self.text.count("\n", 0, start) + 1, start - first + 1, length, line)

    def wrong(self, message: str, hint: str = "") -> ConfigError:
        return ConfigError([Problem("hcl-syntax", message, self.place(min(self.at, len(self.text))), hint)])

    def skip(self, what: re.Pattern[str]) -> None:
        if found := what.match(self.text, self.at):
            self.at = found.end()

    def ahead(self, word: str) -> bool:
        return self.text.startswith(word, self.at)

    def take(self, word: str) -> bool:
        """Past the word, if it is next."""
        if not self.ahead(word):
            return False
        self.at += len(word)
        return True

    # -- blocks ----------------------------------------------------------------------------------------------------

    def body(self, block: Block, end: str) -> Block:
        while True:
            self.skip(BLANK)
            if (end and self.take(end)) or (not end and self.at >= len(self.text)):
                return block
            start = self.at
            found = NAME.match(self.text, start)
            if not found:
                raise self.wrong("expected the name of an attribute or a block")
            self.at = found.end()
            self.skip(SPACE)
            if self.ahead("=") and not self.ahead("=="):
                self.at += 1
                self.skip(SPACE)
                block.attributes[found[0]] = self.expression(0)
            else:
                block.blocks.append(self.block(found[0], start))

    def block(self, kind: str, start: int) -> Block:
        labels: list[str] = []
        while not self.take("{"):
            if self.ahead('"'):
                made = self.string(0)
                labels.append(
                    "".join(p for p in made.parts if isinstance(p, str)) if isinstance(made, Template) else ""
                )
            elif found := NAME.match(self.text, self.at):
                labels.append(found[0])
                self.at = found.end()
            else:
                raise self.wrong(f"'{kind}' is neither an attribute nor a block", "expected = or {")
            self.skip(SPACE)
        return self.body(Block(kind, labels, self.place(start, start + len(kind))), "}")

    # -- expressions -----------------------------------------------------------------------------------------------

    def expression(self, depth: int) -> Expression:
        if depth > DEEPEST:
            raise self.wrong("nested too deeply")
        start = self.at
        made = self.primary(depth)
        self.skip(SPACE)
        if (OPERATOR.match(self.text, self.at) and not self.ahead("=>")) or NEXT_LINE.match(self.text, self.at):
            return self.source(start)
        return made

    def source(self, start: int) -> Source:
        """The rest of an expression as it is written: up to a comma, a line's end or a bracket that is not its own."""
        self.at, open_brackets = start, 0
        while self.at < len(self.text):
            head = self.text[self.at]
            if head == '"':
                self.string(0)
                continue
            if head in "([{":
                open_brackets += 1
            elif head in ")]}":
                if not open_brackets:
                    break
                open_brackets -= 1
            elif not open_brackets and (head == "," or (head == "\n" and not self._goes_on())):
                break
            self.at += 1
        text = " ".join(self.text[start : self.at].split())
        return Source(text, self.place(start, self.at))

    def _goes_on(self) -> bool:
        """Whether the expression goes on in the next line: an operator stands before or behind the line's end."""
        before = self.text[: self.at].rstrip()[-1:]
        after = self.text[self.at :].lstrip()[:1]
        return before in tuple("?:&|+-*/%=<>!") or after in tuple("?:&|")

    def primary(self, depth: int) -> Expression:
        start, head = self.at, self.text[self.at : self.at + 1]
        if head == '"':
            return self.string(depth)
        if head == "[":
            return self.brackets(depth)
        if head == "{":
            return self.braces(depth)
        if found := HEREDOC.match(self.text, start):
            return self.heredoc(found, depth)
        if found := NUMBER.match(self.text, start):
            self.at = found.end()
            plain = re.fullmatch(r"-?\d+", found[0])
            return Literal(int(found[0]) if plain else float(found[0]), self.place(start, self.at))
        if found := NAME.match(self.text, start):
            return self.named(found, depth)
        if head in ("(", "!"):
            return self.source(start)
        raise self.wrong("expected a value")

    def named(self, found: re.Match[str], depth: int) -> Expression:
        start = self.at
        self.at = found.end()
        if self.take("("):
            arguments = self.items(")", depth)
            source = " ".join(self.text[start : self.at].split())
            made: Expression = Call(found[0], arguments, source, self.place(start, self.at))
            return self.source(start) if self.ahead(".") or self.ahead("[") else made
        if found[0] in WORDS and not self.ahead("."):
            return Literal(WORDS[found[0]], self.place(start, self.at))
        while step := re.compile(r"\.(?:[A-Za-z_][\w-]*|\*|\d+)|\[[^\]\n]*\]").match(self.text, self.at):
            self.at = step.end()
        return Reference(self.text[start : self.at], self.place(start, self.at))

    def items(self, end: str, depth: int) -> list[Expression]:
        out: list[Expression] = []
        while True:
            self.skip(BLANK)
            if self.take(end):
                return out
            out.append(self.expression(depth + 1))
            self.take("...")
            self.skip(BLANK)
            if not self.take(",") and not self.ahead(end):
                raise self.wrong(f"expected a comma or {end}")

    def loop(self, start: int) -> Source | None:
        """`[for …]`, of which only Terraform knows what it makes."""
        self.at += 1
        self.skip(BLANK)
        found = re.compile(r"for\b").match(self.text, self.at)
        self.at = start
        return self.source(start) if found else None

    def brackets(self, depth: int) -> Expression:
        start = self.at
        if made := self.loop(start):
            return made
        self.at += 1
        place = self.place(start)
        return Tuple(self.items("]", depth), place)

    def braces(self, depth: int) -> Expression:
        start = self.at
        if made := self.loop(start):
            return made
        self.at += 1
        members: list[tuple[Expression, Expression]] = []
        while True:
            self.skip(BLANK)
            if self.take("}"):
                return Object(members, self.place(start))
            members.append(self.member(depth))
            self.skip(SPACE)
            self.take(",")

    def member(self, depth: int) -> tuple[Expression, Expression]:
        start = self.at
        key: Expression
        if found := NAME.match(self.text, start):
            self.at = found.end()
            key = Literal(found[0], self.place(start, self.at))
        elif self.ahead('"'):
            key = self.string(depth)
        elif self.take("("):
            self.skip(BLANK)
            key = self.expression(depth + 1)
            self.skip(BLANK)
            self.take(")")
        else:
            raise self.wrong("expected the name of a member or }")
        self.skip(SPACE)
        if not self.take("=") and not self.take(":"):
            raise self.wrong("expected = or : and a value")
        self.skip(BLANK)
        return key, self.expression(depth + 1)

    # -- texts -----------------------------------------------------------------------------------------------------

    def string(self, depth: int) -> Template:
        start = self.at
        self.at += 1
        made = self.template(depth, lambda: self.ahead('"'), escapes=True)
        if not self.take('"'):
            self.at = start
            raise self.wrong("a text without its end")
        return Template(made, self.place(start, self.at))

    def heredoc(self, found: re.Match[str], depth: int) -> Template:
        start = self.at
        self.at = found.end()
        end = re.compile(rf"[ \t]*{found[2]}[ \t\r]*(?:\n|$)")

        def ends() -> bool:
            return self.text[self.at - 1] == "\n" and end.match(self.text, self.at) is not None

        parts = self.template(depth, ends, escapes=False)
        close = end.match(self.text, self.at)
        if close is None:
            self.at = start
            raise self.wrong(f"a text without its end: a line {found[2]}")
        self.at = close.end() - (1 if self.text[close.end() - 1 : close.end()] == "\n" else 0)
        return Template(parts, self.place(start, found.end()))

    def template(self, depth: int, ends: Callable[[], bool], *, escapes: bool) -> "list[str | Expression]":
        parts: list[str | Expression] = []
        plain = ""
        while self.at < len(self.text) and not ends():
            head = self.text[self.at]
            if self.ahead("$${") or self.ahead("%%{"):
                plain += head + "{"
                self.at += 3
            elif self.ahead("${") or self.ahead("%{"):
                start = self.at
                self.at += 2
                self.take("~")
                self.skip(BLANK)
                inner: Expression = self.source(self.at) if head == "%" else self.expression(depth + 1)
                self.skip(BLANK)
                self.take("~")
                if not self.take("}"):
                    self.at = start
                    raise self.wrong("${ without its }")
                parts += [plain, inner]
                plain = ""
            elif escapes and head == "\\":
                plain += ESCAPES.get(self.text[self.at + 1 : self.at + 2], self.text[self.at : self.at + 2])
                self.at += 2
            elif escapes and head == "\n":
                break
            else:
                plain += head
                self.at += 1
        return [*parts, plain]
