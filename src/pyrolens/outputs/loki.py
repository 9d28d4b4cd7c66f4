"""output loki.

Source: Fluent Bit 5.1.1 plugins/out_loki; Grafana's reference of Loki's push API."""

from collections.abc import Callable, Iterable
from typing import Any

from pyrolens.api import (
    Chunk,
    Commas,
    Encode,
    Event,
    Net,
    Output,
    OutputEnv,
    Pair,
    Parcel,
    Secret,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.options import read_bool
from pyrolens.outputs._loki_labels import (
    Label,
    Labels,
    finder,
    keys,
    labels_of_map,
    map_finder,
    read_key,
    read_label,
    remover,
)
from pyrolens.outputs._post import (
    IGNORED,
    WHOLE_ANSWERS,
    Frame,
    Gzip,
    Headers,
    Lines,
    Poster,
    PostSink,
    Table,
    basic,
    own_headers,
    poster,
    valid_target,
)
from pyrolens.records.accessor import accessor
from pyrolens.records.codecs import Json, json_value
from pyrolens.records.codecs.json import double_text
from pyrolens.records.event import Record

Line = Callable[[list[Record]], list[str]]
"""Records -> the text of each."""


@plugin("loki")
class Loki(Output):
    """Send records to Grafana Loki."""

    ignored = {
        **IGNORED,
        "buffer_size": WHOLE_ANSWERS,
        "tenant_id_key_error_handling": "what becomes of one tenant's records does not touch the others'",
    }
    differs = (
        "tenant_id_key: the records of each tenant are delivered on their own, and only those that failed are sent "
        "again; Fluent Bit loses or repeats the others.",
        "The names of all labels are made valid; for an invalid one Loki refuses the whole request.",
        "remove_keys and labels take one element out of a list, and leave the others; Fluent Bit empties the list.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
    )

    host: str = opt("Host of the server.", default="127.0.0.1")
    port: int = opt("Port of the server.", default=3100, low=1, high=65535)
    uri: str = opt("Path that logs are pushed to.", default="/loki/api/v1/push")
    http_user: str | None = opt("User for basic authentication.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    bearer_token: Secret | None = opt("Bearer token, where there is no user.", default=None)
    header: list[Pair] = opt("Add a header: its name, a blank, its value.", default=[], words=1)
    compress: Gzip = opt("gzip: compress the body.", default=False)
    tenant_id: str | None = opt("Tenant that the logs belong to.", default=None)
    tenant_id_key: str | None = opt("Accessor of the field that is the tenant instead.", default=None)
    labels: Commas = opt("Labels: name=text, name=$accessor or $accessor. Else job=fluent-bit.", default=[])
    label_keys: Commas = opt("More labels, as accessors.", default=[])
    label_map_path: str | None = opt("File of JSON that maps fields to labels.", default=None)
    auto_kubernetes_labels: bool = opt("All labels of the pod are labels.", default=False)
    structured_metadata: Commas = opt("Structured metadata, written as labels are.", default=[])
    structured_metadata_map_keys: Commas = opt("Accessors of maps that are structured metadata.", default=[])
    remove_keys: Commas = opt("Fields that are not in the line.", default=[])
    drop_single_key: str = opt(
        "on: a field that is alone gives only its value; raw: its text without quotes.", default="off"
    )
    line_format: str = opt("json, or key_value.", default="json")
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        for name, texts, read in (
            ("labels", self.labels, read_label),
            ("label_keys", self.label_keys, read_key),
            ("structured_metadata", self.structured_metadata, read_label),
            ("structured_metadata_map_keys", self.structured_metadata_map_keys, read_key),
        ):
            for text in texts:
                try:
                    read(text)
                except ValueError as why:
                    yield name, f"{name}: {why}"
        for name, text in [
            ("tenant_id_key", self.tenant_id_key or ""),
            *(("remove_keys", t) for t in self.remove_keys),
        ]:
            try:
                accessor(text)
            except ValueError as why:
                yield name, f"{name}: {why}"
        if self.drop_single_key.lower() != "raw":
            try:
                read_bool(self.drop_single_key)
            except ValueError:
                yield "drop_single_key", f"drop_single_key is '{self.drop_single_key}': expected on, off or raw"
        if self.line_format.lower() not in ("json", "key_value"):
            yield "line_format", f"line_format is '{self.line_format}': expected json or key_value"

    def open(self, env: OutputEnv) -> "LokiSink":
        headers = [("User-Agent", "Fluent-Bit")]
        if self.http_user:
            headers.append(basic(self.http_user, self.http_passwd))
        elif self.bearer_token:
            headers.append(("Authorization", f"Bearer {self.bearer_token}"))
        headers += [*own_headers(self.header), ("Content-Type", "application/json")]
        tls = self.tls if self.tls_on else None
        post = poster(self.host, self.port, self.net, tls, valid_target(self.uri), headers, gzip=self.compress)
        return LokiSink(self, env, post)

    def all_labels(self, env: OutputEnv) -> list[Label]:
        labels = [read_label(text) for text in self.labels] + [read_key(text) for text in self.label_keys]
        if self.label_map_path:
            try:
                labels += labels_of_map(self.label_map_path)
            except (OSError, ValueError) as why:
                env.log.error("label_map_path cannot be used", path=self.label_map_path, reason=str(why))
        return labels

    def lines(self, escape: bool) -> Line:
        json = Json(None, escape_unicode=escape)
        raw = self.drop_single_key.lower() == "raw"
        drop = raw or read_bool(self.drop_single_key)
        if self.line_format.lower() == "key_value":

            def pair_line(record: Record) -> str:
                if drop and len(record) == 1:
                    value = next(iter(record.values()))
                    return value if isinstance(value, str) else plain(value)
                return " ".join([f"{key}={plain(value)}" for key, value in record.items() if isinstance(key, str)])

            return lambda records: [pair_line(record) for record in records]

        def single(record: Record) -> str:
            value = next(iter(record.values()))
            if raw and isinstance(value, str):
                return value
            return json_value(value, escape_unicode=escape).decode()

        def lines(records: list[Record]) -> list[str]:
            out = json.texts([(0, record) for record in records])
            if not drop:
                return out
            return [single(r) if len(r) == 1 else line for r, line in zip(records, out, strict=True)]

        return lines


def plain(value: Any) -> str:
    """A value of the format key_value."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, list):
        return f'"[{" ".join(map(plain, value))}]"'
    if isinstance(value, dict):
        inner = [f"{key}:{plain(v)}" for key, v in value.items() if isinstance(key, str)]
        return f'"map[{" ".join(inner)}]"'
    return "null" if value is None else str(value) if isinstance(value, int) else ""


class LokiSink(PostSink):
    """Chunks are of one tag and one tenant. Where labels come from records, each record is a stream of its own."""

    def __init__(self, options: Loki, env: OutputEnv, post: Poster) -> None:
        self.options = options
        self.labels = options.all_labels(env)
        self.metadata = [read_label(text) for text in options.structured_metadata]
        self.maps = options.structured_metadata_map_keys
        self.own_streams = (
            options.auto_kubernetes_labels
            or bool(self.maps)
            or any(label.template for label in [*self.labels, *self.metadata])
        )
        escape = env.escape_unicode
        before = b'{"streams":['
        after = b"]}"
        if not self.own_streams:
            before += b'{"stream":%s,"values":[' % json_value(self.finder("")({}), escape_unicode=escape)
            after = b"]}]}"
        table = Table(refused=lambda status: status == 400)
        super().__init__(env, post, self.entries, frame=Frame(before, b",", after), table=table)
        self.tenant_of = accessor(options.tenant_id_key) if options.tenant_id_key else None

    def finder(self, tag: str) -> Callable[[Record], Labels]:
        """Record -> the labels of its stream."""
        find = finder(self.labels, tag)
        pod = accessor("$kubernetes['labels']") if self.options.auto_kubernetes_labels else None
        of_pod = map_finder(["$kubernetes['labels']"])

        def labels(record: Record) -> Labels:
            out = find(record)
            if pod and isinstance(texts := pod(record), dict):
                texts = {key: value for key, value in texts.items() if isinstance(value, str)}
                out.update(of_pod({"kubernetes": {"labels": texts}}))
            return out or {"job": "fluent-bit"}

        return labels

    def entries(self, tag: str) -> Lines:
        options, escape = self.options, self.env.escape_unicode
        written = options.lines(escape)
        remove = remover(self.removed())
        labels_of = self.finder(tag)
        metadata_of = finder(self.metadata, tag) if self.metadata else None
        maps_of = map_finder(self.maps) if self.maps else None
        json = Json(None, escape_unicode=escape)

        def entries(events: list[Event]) -> list[bytes]:
            texts = written([remove(record) for _, record in events])
            values: list[list[Any]] = [[str(int(ns)), text] for (ns, _), text in zip(events, texts, strict=True)]
            if metadata_of or maps_of:
                for value, (_, record) in zip(values, events, strict=True):
                    more = maps_of(record) if maps_of else {}
                    value.append({**more, **(metadata_of(record) if metadata_of else {})})
            if self.own_streams:
                streams = [{"stream": labels_of(r), "values": [v]} for (_, r), v in zip(events, values, strict=True)]
                return json.each([(0, stream) for stream in streams])
            # a list is no record, so it stands in one for a moment
            return [line[4:-1] for line in json.each([(0, {"": value}) for value in values])]

        return entries

    def removed(self) -> list[Any]:
        """The fields that are not in the line: those of remove_keys, and those that are labels or metadata."""
        named = [text if text.startswith("$") else f"${text}" for text in self.options.remove_keys]
        templates = [label.template.text for label in [*self.labels, *self.metadata] if label.template]
        return keys([*named, *templates, *self.maps])

    def encoder(self, tag: str) -> Encode:
        entries = self.lines(tag)

        def parcel(tenant: str | None, events: list[Event]) -> Parcel:
            items = entries(events)
            return Parcel((tag, tenant), items, len(items), sum(map(len, items)))

        def encode(events: list[Event]) -> list[Parcel]:
            if self.tenant_of is None:
                return [parcel(self.options.tenant_id, events)] if events else []
            tenants: dict[str | None, list[Event]] = {}
            for event in events:
                found = self.tenant_of(event[1])
                tenants.setdefault(found if isinstance(found, str) else self.options.tenant_id, []).append(event)
            return [parcel(tenant, own) for tenant, own in tenants.items()]

        return encode

    def headers(self, chunk: Chunk) -> Headers:
        tenant = chunk.key[1]
        return [("X-Scope-OrgID", tenant)] if tenant else []
