"""Which plugins and options each line of Fluent Bit has, for `pyrolens check --target`.

    python docs/versions.py CLONE

reads them from the tags of a clone of https://github.com/fluent/fluent-bit: of each line the last release that stands
in RELEASES, from the tables of options (struct flb_config_map) of each plugin, and from the comparisons of the core.
It writes src/pyrolens/check/versions.toml.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

RELEASES = {
    "1.9": "v1.9.10", "2.0": "v2.0.14", "2.1": "v2.1.10", "2.2": "v2.2.3", "3.0": "v3.0.7", "3.1": "v3.1.10",
    "3.2": "v3.2.10", "4.0": "v4.0.14", "4.1": "v4.1.2", "4.2": "v4.2.8", "5.0": "v5.0.9", "5.1": "v5.1.1",
}  # fmt: skip
AWS = {
    "input": {},
    "filter": {"ecs": "agent_endpoint_retries"},
    "output": {
        "cloudwatch_logs": "add_entity port tls.verify",
        "opensearch": "aws_service_name",
        "es": "aws_service_name",
        "prometheus_remote_write": "aws_auth aws_external_id aws_profile aws_region aws_role_arn aws_service"
        " aws_sts_endpoint",
    },
}  # fmt: skip
"""What aws-for-fluent-bit 2.x, which is 1.9.10, has besides: https://github.com/aws/aws-for-fluent-bit, CHANGELOG.md,
2.25 to 2.32."""
WRITTEN = Path(__file__).parent.parent / "src/pyrolens/check/versions.toml"
TABLE = re.compile(r"struct\s+flb_config_map\s+(\w+)\s*\[\]\s*=\s*\{(.*?)\n\s*\};", re.DOTALL)
OPTION = re.compile(r'\{\s*FLB_CONFIG_MAP_(\w+)\s*,\s*"([^"]+)"')
PLUGIN = re.compile(
    r'struct\s+flb_(input|filter|output|processor)_plugin\s+\w+\s*=\s*\{.*?\.name\s*=\s*"([^"]+)"', re.S
)
CORE = re.compile(r'(?:prop_key_check|strncasecmp)\("([a-z][\w.]*)"')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
SECTION = re.compile(r'str(?:n?case|n)?cmp\([^,]+, "([a-z_]+)"')


def git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(clone), *arguments], capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace")


class Release:
    """What one release has. All of it: kind -> plugin -> options; None: nothing looks at its options."""

    def __init__(self, clone: Path, tag: str) -> None:
        self.clone, self.tag = clone, tag
        self.found: dict[str, dict[str, set[str] | None]] = {"input": {}, "filter": {}, "output": {}, "processor": {}}
        paths = git(clone, "ls-tree", "-r", "--name-only", tag, "plugins").splitlines()
        folders: dict[str, list[str]] = {}
        for path in paths:
            if path.endswith((".c", ".h")) and re.match(r"plugins/(?:in|filter|out|processor)_", path):
                folders.setdefault(path.split("/")[1], []).append(path)
        self.texts = self._all([p for each in folders.values() for p in each])
        for files in folders.values():
            self._plugin(files)
        self._core()

    def _all(self, paths: list[str]) -> dict[str, str]:
        """All files in one call."""
        asked = "".join(f"{self.tag}:{path}\n" for path in paths)
        command = ["git", "-C", str(self.clone), "cat-file", "--batch"]
        data = subprocess.run(command, input=asked.encode(), capture_output=True, check=True).stdout
        out, at = {}, 0
        for path in paths:
            end = data.index(b"\n", at)
            size = int(data[at:end].split()[2])
            out[path] = COMMENT.sub("", data[end + 1 : end + 1 + size].decode("utf-8", "replace"))
            at = end + 1 + size + 1
        return out

    def _plugin(self, files: list[str]) -> None:
        text = "\n".join(self.texts[f] for f in files)
        tables = list(TABLE.finditer(text))
        options = {n for table in tables for n in names(table[2])}
        if "->oauth2_config_map" in text:
            options |= self.table("src/flb_oauth2.c")
        if "->oauth2_jwt_config_map" in text:
            options |= self.table("src/flb_oauth2_jwt.c")
        if "FLB_AWS_CREDENTIAL_BASE_CONFIG_MAP" in text:
            header = self.text("include/fluent-bit/flb_aws_credentials.h")
            options |= {f"aws_{name}" for name in re.findall(r'FLB_CONFIG_MAP_STR, prefix "(\w+)"', header)}
        if "http_server" in text:
            options |= self.table("src/http_server/flb_http_server_config_map.c")
        for found in PLUGIN.finditer(text):
            self.found[found[1]][found[2].lower()] = options if tables else None

    def text(self, path: str) -> str:
        return COMMENT.sub("", git(self.clone, "show", f"{self.tag}:{path}"))

    def table(self, path: str) -> set[str]:
        return {n for table in TABLE.finditer(self.text(path)) for n in names(table[2])}

    def _core(self) -> None:
        net, tls = self.table("src/flb_upstream.c"), self.table("src/tls/flb_tls.c")
        for kind in ("input", "filter", "output"):
            text = self.text(f"src/flb_{kind}.c")
            own = {n for n in CORE.findall(text) if not n.endswith(".")} | self.table(f"src/flb_{kind}.c")
            if kind == "output":
                own |= net | tls
            elif kind == "input" and "net." in CORE.findall(text):
                own |= self.table("src/flb_downstream.c") | net
            self.found[kind]["core"] = own
        defined = dict(
            re.findall(r'#define\s+(FLB_CONF_\w+)[\s\\]+"([^"]+)"', self.text("include/fluent-bit/flb_config.h"))
        )
        known = re.search(r"service_configs\[\]\s*=\s*\{(.*?)\n\};", self.text("src/flb_config.c"), re.DOTALL)
        keys = {
            defined[n].lower() for n in re.findall(r"\{\s*(FLB_CONF_\w+)", known[1] if known else "") if n in defined
        }
        sections = set(SECTION.findall(self.text("src/config_format/flb_cf_yaml.c")))
        defaults = {":-"} if "v_sep" in self.text("src/flb_env.c") else set()
        self.found["section"] = {"service": keys, "yaml": sections & YAML, "variable": defaults}
        for alias, name in re.findall(r'"(\w+)",\s+"(\w+)"', self.text("src/flb_plugin_alias.c")):
            self.found["output"][alias] = self.found["output"][name]


YAML = {
    "processors", "parsers", "multiline_parsers", "stream_processor", "plugins", "upstream_servers", "routes", "env",
    "telemetry", "extensions",
}  # fmt: skip
"""Keys of YAML which not all of them have."""


def names(table: str) -> Iterator[str]:
    for kind, name in OPTION.findall(table):
        yield name.lower() + ("*" if kind.endswith("_PREFIX") else "")


def spans(releases: dict[str, Release], kind: str, plugin: str) -> Iterator[tuple[str, str]]:
    """(line, what came in it), (-line, what was there no more)."""
    opened = [line for line, r in releases.items() if r.found.get(kind, {}).get(plugin, "") is None]
    if opened:
        yield "open", " ".join(opened)
    before: set[str] = set()
    here = False
    for line, release in releases.items():
        options = release.found.get(kind, {}).get(plugin, "")
        if options == "":
            if here:
                yield f"gone {line}", ""
            here = False
            continue
        if options is None:
            before, here = set(), True
            continue
        if new := set(options) - before or not here:
            yield line, " ".join(sorted(new)) if isinstance(new, set) else ""
        if here and (gone := before - set(options)):
            yield f"gone {line}", " ".join(sorted(gone))
        before, here = set(options), True


def main(clone: Path) -> None:
    releases = {line: Release(clone, tag) for line, tag in RELEASES.items()}
    out = [
        "# Which plugins and options each line of Fluent Bit has: came in, or gone in, a line; open: any are taken.",
        f"# By docs/versions.py from the tags {', '.join(RELEASES.values())} of https://github.com/fluent/fluent-bit.",
        f"lines = {list(RELEASES)}".replace("'", '"'),
    ]
    for kind in ("section", "input", "filter", "output", "processor"):
        for plugin in sorted({p for r in releases.values() for p in r.found.get(kind, {})}):
            out += ["", f'[{kind}."{plugin}"]' if not plugin.isidentifier() else f"[{kind}.{plugin}]"]
            out += [f'"{key}" = "{words}"' for key, words in spans(releases, kind, plugin)]
            if words := AWS.get(kind, {}).get(plugin):
                out.append(f'"aws" = "{words}"')
    WRITTEN.write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
