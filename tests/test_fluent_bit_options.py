"""Nothing is swallowed: each option that Fluent Bit 5.1.1 has for a plugin, section or node that is here, too, is
honoured, or has no effect and is a warning that says why, or is refused with the reason.

The lists in fluent_bit_options/ are Fluent Bit's; each option is given to the router to see what becomes of it."""

import tomllib
from pathlib import Path

import pytest
from docs import standing, usage
from docs.standing import NO_EFFECT, REFUSED, UNKNOWN, Standing

from pyrolens.outputs._upstream import PLACE
from pyrolens.outputs.forward import Forward
from pyrolens.plugin import PluginKind, names
from tests.said import Said

LISTS = Path(__file__).parent / "fluent_bit_options"
KINDS: dict[str, PluginKind] = {"inputs": "input", "filters": "filter", "processors": "filter", "outputs": "output"}


def options(file: str) -> dict[str, list[str]]:
    return {name: each["options"] for name, each in tomllib.loads((LISTS / f"{file}.toml").read_text()).items()}


PLUGINS = [
    (file, name) for file, kind in KINDS.items() for name in options(file) if name in names(kind) and name != "core"
]


def swallowed(found: dict[str, Standing]) -> list[str]:
    """Those of which nothing is known, or for which no reason is given."""
    return [
        option
        for option, each in found.items()
        if each.what == UNKNOWN or (each.what in (NO_EFFECT, REFUSED) and len(each.why) < 10)
    ]


@pytest.mark.parametrize(("file", "name"), PLUGINS)
def test_plugins(file: str, name: str) -> None:
    listed = options(file)
    core = [] if file == "processors" else listed["core"]
    found = {o: standing.of_option(KINDS[file], name, o) for o in [*core, *listed[name]]}
    assert swallowed(found) == []


def test_there_are_lists_for_all_that_are_here() -> None:
    ours = {"multiline", "unrouted"}
    known = {name for file in KINDS for name in options(file)}
    not_listed = {name for kind in set(KINDS.values()) for name in names(kind)} - known - ours - ONLY_OURS
    assert not_listed == set(), "an option list of Fluent Bit, or a name in ONLY_OURS"


ONLY_OURS = {"python", "sns"}
"""Plugins that Fluent Bit has none of."""


def test_service() -> None:
    assert swallowed({o: standing.of_key("service", o) for o in options("service")["service"]}) == []


@pytest.mark.parametrize("section", ["parser", "multiline_parser"])
def test_parsers(section: str) -> None:
    assert swallowed({o: standing.of_key(section, o) for o in options("parsers")[section]}) == []


def test_nodes_of_an_upstream(tmp_path: Path) -> None:
    values = {"name": "n", "host": "127.0.0.1", "port": "24224"}
    lines = [f"    {key} {values.get(key, 'on')}\n" for key in options("parsers")["node"]]
    (tmp_path / "up.conf").write_text("[UPSTREAM]\n    name u\n[NODE]\n" + "".join(lines) + "    else x\n")
    said = Said()
    (peer,) = Forward(upstream=str(tmp_path / "up.conf")).peers(said)
    assert sorted(event.split()[0] for _, event, _ in said.lines) == ["else", "tls.debug"]
    assert set(options("parsers")["node"]) - PLACE == {"tls.debug"}
    assert peer.tls is not None
    assert peer.tls.ca_file == "on"


def test_an_option_of_nobody_is_found_to_be_unknown() -> None:
    assert standing.of_option("input", "tail", "pathh").what == UNKNOWN
    assert standing.of_key("service", "flush_all").what == UNKNOWN
    assert standing.of_key("parser", "time_forma").what == UNKNOWN
    assert standing.of_option("input", "tail", "inotify_watcher").why == "files are looked at every 250 ms"
    assert standing.of_option("filter", "parser", "unescape_key").what == REFUSED


# what is counted in docs/usage.toml


@pytest.mark.parametrize("kind", ["input", "filter", "output"])
def test_all_that_firelens_users_write_has_its_answer(kind: PluginKind) -> None:
    counted = usage.usage()[kind]
    for name in counted:
        if usage.here(kind, name):
            found = {o: usage.of_used(kind, name, o) for o in counted[name]["options"]}
            wrong = [o for o, each in found.items() if each.what != standing.SUPPORTED and len(each.why) < 10]
            assert wrong == [], name
        else:
            assert standing.of_plugin(kind, name).what == REFUSED


def test_what_they_write_most_works() -> None:
    """Each option that is there five times or more is honoured, or has its reason here."""
    reasons = {
        ("input", "forward", "buffer_chunk_size"),  # the buffer grows by itself
        ("input", "http", "host"),  # nor has it in Fluent Bit, where the address is `listen`
        ("output", "cloudwatch_logs", "storage.total_limit_size"),  # bounds a store on disk
        ("output", "cloudwatch_logs", "log-driver-buffer-limit"),  # is for Docker's log driver
    }
    without = {
        (kind, name, option)
        for kind in ("input", "filter", "output")
        for name, each in usage.usage()[kind].items()
        if usage.here(kind, name)
        for option, uses in each["options"].items()
        if uses >= 5 and usage.of_used(kind, name, option).what in (NO_EFFECT, REFUSED)
    }
    assert without - reasons == set()


@pytest.mark.parametrize("each", usage.usage()["value"], ids=lambda each: each["name"])
def test_values_that_they_write_are_taken(each: dict[str, str]) -> None:
    assert standing.of_config(each["config"], each.get("files")).what == standing.SUPPORTED  # type: ignore[arg-type]
