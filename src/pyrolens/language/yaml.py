"""Fluent Bit's YAML format.

Source: Fluent Bit 5.1.1, src/config_format/flb_cf_yaml.c.
Differs: Fluent Bit stops at the first mistake; here all of them are told. `includes` takes files in the classic format,
too, and addresses such as s3://bucket/key.
"""

import os
from collections.abc import Iterator

from pyrolens.language import classic
from pyrolens.language.document import Definition, Document, Entry, Section
from pyrolens.language.includes import Files, UnreadableError, is_elsewhere, looks_classic, shown
from pyrolens.language.yaml_nodes import Node, documents
from pyrolens.problems import Place, Problems, nearest

SPACE = " \t\n\v\f\r"
TOP = [
    "customs",
    "env",
    "extensions",
    "includes",
    "multiline_parsers",
    "parsers",
    "pipeline",
    "plugins",
    "service",
    "stream_processor",
    "upstream_servers",
]
PIPELINE = {"inputs": "input", "filters": "filter", "outputs": "output"}
LISTS = {
    "parsers": "parser",
    "multiline_parsers": "multiline_parser",
    "stream_processor": "stream_task",
    "upstream_servers": "upstream",
}
GROUPS = {"multiline_parser": ("rules", "rule"), "upstream": ("nodes", "node")}
"""The key of a list of maps inside a section, and what each of them is."""


def parse(text: str, file: str, files: Files, document: Document, problems: Problems) -> None:
    """Add what the text says to the document; what is wrong in it goes to problems."""
    document.yaml.add(file)
    _Reader(file, files, document, problems).read(text)


def snake(key: str) -> str:
    """The key that Fluent Bit makes of a key: camelCase becomes snake_case, if the first letter is small."""
    if not ("a" <= key[:1] <= "z"):
        return key
    if "_" in key:
        return key.lower()
    return "".join(f"_{c.lower()}" if "A" <= c <= "Z" else c for c in key)


class _Reader:
    """One file."""

    def __init__(self, file: str, files: Files, document: Document, problems: Problems) -> None:
        self.file, self.files, self.document, self.problems = file, files, document, problems
        self.folder = os.path.dirname(file) or "."

    def read(self, text: str) -> None:
        for node in documents(text, self.file, self.problems):
            for key, value in self._pairs(node, "a config"):
                self._top(key, value)

    def wrong(self, message: str, place: Place, hint: str = "") -> None:
        self.problems.error("yaml-shape", message, place, hint)

    def _pairs(self, node: Node, who: str) -> list[tuple[Node, Node]]:
        if node.pairs is None:
            self.wrong(f"{who} must be a map, not {node.what}", node.place)
            return []
        return node.pairs

    def _items(self, node: Node, who: str) -> list[Node]:
        if node.items is None:
            self.wrong(f"{who} must be a list, not {node.what}", node.place, "each item begins with a dash")
            return []
        return node.items

    def _texts(self, node: Node, who: str) -> Iterator[tuple[Node, str, Node]]:
        """(key, its text, value) of a map of texts."""
        for key, value in self._pairs(node, who):
            if value.text is None:
                self.wrong(f"{who}: {key.text} must be a text, not {value.what}", value.place)
            else:
                yield key, key.text or "", value

    def _top(self, key: Node, value: Node) -> None:
        name = (key.text or "").lower()
        if name == "env":
            self._env(value)
        elif name == "includes":
            self._includes(value)
        elif name == "service":
            self._service(key, value)
        elif name == "pipeline":
            self._pipeline(value)
        elif name == "customs":
            for item in self._items(value, "customs"):
                self._plugin("custom", item)
        elif name in LISTS:
            for item in self._items(value, name):
                self._section(LISTS[name], item)
        elif name == "plugins":
            section = Section("plugins", key.place, name="plugins")
            for item in self._items(value, "plugins"):
                if item.text is None:
                    self.wrong("plugins is a list of paths", item.place)
                else:
                    section.entries.append(Entry("path", item.text, item.place, item.place))
            self.document.sections.append(section)
        elif name != "extensions":
            list(self._texts(value, key.text or "this section"))
            message = f"{key.text} is no section: it is ignored"
            self.problems.warning("unknown-section", message, key.place, nearest(name, TOP))

    def _env(self, node: Node) -> None:
        if node.items is None:
            for key, name, value in self._texts(node, "env"):
                self._define(name, value.text or "", key.place)
            return
        for item in node.items:
            name, content, uri = "", "", ""
            place = item.place
            for key, word, value in self._texts(item, "an item of env"):
                text = value.text or ""
                if word.lower() == "name":
                    name, place = text, value.place
                elif word.lower() == "value":
                    content = text
                elif word.lower() == "uri":
                    uri = text
                elif word.lower() == "refresh_interval":
                    message = "refresh_interval has no effect: the file is read once, at the start"
                    self.problems.warning("option-ignored", message, key.place)
                elif not name:
                    name, content, place = word, text, key.place
            if name:
                self._define(name, uri or content, place)

    def _define(self, name: str, value: str, place: Place) -> None:
        self.document.definitions.append(Definition(name, value, place, required=True))

    def _includes(self, node: Node) -> None:
        """Relative paths count from the folder of the file that names them."""
        for item in self._items(node, "includes"):
            if item.text is None:
                self.wrong("includes is a list of paths", item.place)
                continue
            path = item.text
            if not os.path.isabs(path) and not is_elsewhere(path):
                path = f"{self.folder}/{path}"
            if "*" not in item.text:
                self._include(path, item)
                continue
            found = list(self.files.matching(path, in_folder=False))
            if not found:
                report = self.problems.error if os.path.isabs(item.text) else self.problems.warning
                report("include", f"no file matches {item.text}", item.place, f"relative to {self.folder}")
            for name in found:
                self._include(name, item)

    def _include(self, path: str, item: Node) -> None:
        try:
            text = self.files.read(path, by_name=True)
            if os.path.isdir(path):
                raise UnreadableError(f"{path} is a folder")
        except UnreadableError as why:
            self.problems.error("include", str(why), item.place, why.hint)
        else:
            reader = classic.parse if looks_classic(text) else parse
            reader(text, shown(path), self.files, self.document, self.problems)

    def _service(self, key: Node, node: Node) -> None:
        if any(s.name == "service" for s in self.document.of("service")):
            self.wrong("service is there twice", key.place, "in all files together it may be there once")
            return
        section = Section("service", key.place, name="service")
        self.document.sections.append(section)
        for k, v in self._pairs(node, "service"):
            name = snake(k.text or "")
            if name.lower() == "telemetry" or name.lower().startswith("telemetry."):
                self._telemetry(k, v, limits=True)
            elif v.text is None:
                self.wrong(f"service: {k.text} must be a text, not {v.what}", v.place)
            else:
                self._add(section, k, v)

    def _add(self, section: Section, key: Node, value: Node) -> None:
        text = value.text or ""
        trimmed = text.strip(SPACE)
        section.entries.append(Entry(snake(key.text or "").strip(SPACE), trimmed, key.place, value.place))

    def _section(self, kind: str, node: Node) -> None:
        """A section of texts, perhaps with a list of maps in it."""
        section = Section(kind, node.place, name="stream_processor" if kind == "stream_task" else kind)
        self.document.sections.append(section)
        list_key, group = GROUPS.get(kind, ("", ""))
        for key, value in self._pairs(node, f"an item of {kind}"):
            if list_key and key.text == list_key:
                for item in self._items(value, list_key):
                    made = Section(group, item.place, name=group)
                    section.groups.append(made)
                    for k, _, v in self._texts(item, f"a {group}"):
                        self._add(made, k, v)
            elif value.text is None:
                self.wrong(f"{kind}: {key.text} must be a text, not {value.what}", value.place)
            else:
                self._add(section, key, value)

    def _pipeline(self, node: Node) -> None:
        for key, value in self._pairs(node, "pipeline"):
            name = (key.text or "").lower()
            if name not in PIPELINE:
                hint = nearest(name, PIPELINE)
                self.wrong(
                    f"'{key.text}' is no part of a pipeline: expected inputs, filters or outputs", key.place, hint
                )
                continue
            for item in self._items(value, name):
                self._plugin(PIPELINE[name], item)

    def _plugin(self, kind: str, node: Node) -> None:
        section = Section(kind, node.place, name=kind)
        self.document.sections.append(section)
        for key, value in self._pairs(node, f"an item of {kind}s"):
            word = key.text or ""
            if word == "processors":
                self._processors(section, key, value)
            elif word == "routes":
                section.entries.append(Entry("routes", value.typed, key.place, value.place))
            elif word == "telemetry" and kind == "input" and value.pairs is not None:
                self._telemetry(key, value, limits=False)
            elif value.items is not None:
                self._list(section, key, value)
            elif value.text is None:
                hint = "put JSON in quotes" if value.place.text[value.place.column - 1 :].startswith("{") else ""
                self.wrong(f"{kind}: {word} cannot be a map", value.place, hint)
            else:
                self._add(section, key, value)

    def _list(self, section: Section, key: Node, value: Node) -> None:
        """An option with several values; each is as if the option were there once more."""
        name = snake(key.text or "")
        items = value.items or []
        if not items:
            self.wrong(f"{section.kind}: {name} is an empty list", value.place, "remove it")
        if name.lower() == "name":
            self.wrong(f"{section.kind}: name must be a text, not a list", value.place)
            return
        for item in items:
            if item.text is None:
                self.wrong(f"{section.kind}: {name} must be a list of texts", item.place)
            else:
                section.entries.append(Entry(name, item.text, item.place, item.place))

    def _processors(self, section: Section, key: Node, value: Node) -> None:
        if value.pairs is None:
            self.wrong(f"processors must be a map, not {value.what}", value.place, "with logs: and a list below it")
            return
        for signal, node in value.pairs:
            name = (signal.text or "").lower()
            if name not in ("logs", "metrics", "traces"):
                message = f"processors: '{signal.text}' is no kind of data: expected logs, metrics or traces"
                self.wrong(message, signal.place, nearest(name, ["logs", "metrics", "traces"]))
                continue
            made = [p for item in self._items(node, f"processors of {name}") if (p := self._processor(item))]
            if name == "logs":
                section.processors += made
            elif name == "metrics":
                section.metrics_processors += made
            elif made:
                message = f"processors of {name} have no effect: there are only logs and metrics"
                self.problems.warning("option-ignored", message, signal.place)
        if section.kind not in ("input", "output"):
            message = "processors have no effect here: they belong to inputs and outputs"
            self.problems.warning("option-ignored", message, key.place)
            section.processors.clear()
            section.metrics_processors.clear()

    def _processor(self, node: Node) -> Section | None:
        if node.pairs is None:
            self.wrong(f"a processor must be a map, not {node.what}", node.place)
            return None
        section = Section("processor", node.place, name="processor")
        for key, value in node.pairs:
            content = value.text if value.text is not None else value.typed
            section.entries.append(Entry(key.text or "", content, key.place, value.place))
        return section

    def _telemetry(self, key: Node, node: Node, limits: bool) -> None:
        """`telemetry: metrics: logs: tag_records: …`: checked as Fluent Bit does, without effect."""
        path = "telemetry"
        for inner in ("metrics", "logs", "tag_records", ""):
            if node.pairs is None or (key.text or "").lower() != "telemetry":
                self.wrong(f"{path} must be a map", node.place, "nest it: telemetry: metrics: logs: tag_records:")
                return
            known = (inner,) if inner else ("enabled", "max_series", "max_tag_length") if limits else ("enabled",)
            below = None
            for k, v in node.pairs:
                if (k.text or "").lower() not in known:
                    self.wrong(f"{path} has no option '{k.text}'", k.place, nearest(k.text or "", known))
                elif inner:
                    below = below or v
                elif not _fits((k.text or "").lower(), v):
                    self.wrong(f"{path}: {k.text} is {v.what} that it cannot be", v.place)
            if below is None:
                break
            node, path = below, f"{path}.{inner}"
        self.problems.warning("option-ignored", "telemetry has no effect: there are no metrics of tags", key.place)


def _fits(name: str, node: Node) -> bool:
    if node.text is None:
        return False
    if name == "enabled":
        return node.text.lower() in ("true", "false", "on", "off", "yes", "no", "0", "1") or "${" in node.text
    text = node.text.strip()
    return "${" in text or (text.removeprefix("-").removeprefix("+").isdecimal() and abs(int(text[:20])) < 2**31)
