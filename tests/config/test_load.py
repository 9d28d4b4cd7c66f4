"""From a config to plugins, as Fluent Bit 5.1.1 builds them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.config import Config, build, load, read_text
from pyrolens.config.files import check_library
from pyrolens.problems import ConfigError, Problems

ENVIRON = {"HOSTNAME": "box", "BOX": "crate", "SECRET": "hunter2"}
INPUT = "[INPUT]\n    Name dummy\n    Tag t\n"
OUTPUT = "[OUTPUT]\n    Name null\n    Match *\n"


def config(text: str, file: str = "a.conf", folder: str = "") -> Config:
    problems = Problems()
    return build(read_text(text, file, problems, folder), problems, ENVIRON)


def refused(text: str, file: str = "a.conf", folder: str = "") -> list[tuple[str, int, str]]:
    with pytest.raises(ConfigError) as caught:
        config(text, file, folder)
    return [(p.code, p.place.line if p.place else 0, p.message) for p in caught.value.problems if p.severity == "error"]


def warned(text: str, file: str = "a.conf") -> list[tuple[str, int, str]]:
    return [(p.code, p.place.line if p.place else 0, p.message) for p in config(text, file).warnings]


class TestPlugins:
    def test_names_tags_and_numbers(self) -> None:
        found = config("[INPUT]\n  Name DUMMY\n[INPUT]\n  Name dummy\n  Tag x\n  Alias a\n[INPUT]\n  Name dummy\n")
        assert [(i.name, i.tag, i.label) for i in found.inputs] == [
            ("dummy.0", "dummy.0", "dummy.0"),
            ("dummy.1", "x", "a"),
            ("dummy.2", "dummy.2", "dummy.2"),
        ]

    def test_the_first_name_and_the_last_tag_count(self) -> None:
        text = "[INPUT]\n  Name dummy\n  Tag one\n  Name random\n  Tag two\n"
        assert [(i.name, i.tag) for i in config(text).inputs] == [("dummy.0", "two")]
        assert warned(text) == [("given-twice", 5, "input dummy: Tag is given twice; the last one counts")]

    def test_variables_are_put_into_names_and_values(self) -> None:
        found = config("@SET what=dummy\n[INPUT]\n  Name ${what}\n  Tag ${BOX}.${NOPE:-x}\n")
        assert [(i.name, i.tag) for i in found.inputs] == [("dummy.0", "crate.x")]

    def test_all_problems_are_told_at_once(self) -> None:
        text = (
            "[INPUT]\n  Name dumy\n[INPUT]\n  Tag x\n[INPUT]\n  Name dummy\n  Samplez 1\n  Mem_Buf_Limit 1T\n"
            "[OUTPUT]\n  Name null\n  Colour blue\n[CUSTOM]\n  Name gadget\n"
        )
        assert refused(text) == [
            ("unknown-plugin", 13, "there is no custom plugin 'gadget'"),
            ("unknown-plugin", 2, "there is no input 'dumy'"),
            ("missing-option", 3, "[INPUT] needs Name"),
            ("unknown-option", 7, "input dummy has no option 'Samplez'"),
            ("bad-value", 8, "input dummy: Mem_Buf_Limit is '1T': expected a size such as 512k, 10M or 1G"),
            ("unknown-option", 11, "output null has no option 'Colour'"),
        ]

    def test_hints(self) -> None:
        with pytest.raises(ConfigError) as caught:
            config('[INPUT]\n  Name dumy\n[INPUT]\n  Name "dummy"\n[INPUT]\n  Name gpu_metrics\n')
        hints = [p.hint for p in caught.value.problems]
        assert hints[:2] == ["did you mean 'dummy'?", "without the quotes"]
        assert hints[2].startswith("Fluent Bit has it, Pyrolens has not; run NVIDIA's dcgm-exporter")

    def test_a_url_as_a_name(self) -> None:
        [output] = config("[OUTPUT]\n  Name forward://10.0.0.1:5000\n").outputs
        assert (output.plugin.host, output.plugin.port) == ("10.0.0.1", 5000)  # type: ignore[attr-defined]
        [output] = config("[OUTPUT]\n  Name forward://[::1]:5000\n  Port 6000\n").outputs
        assert (output.plugin.host, output.plugin.port) == ("::1", 6000)  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("name", "good", "bad"),
        [
            ("grep", "Regex log .", "Regex $[ ."),
            ("grep", "Exclude log .", "Exclude log ("),
            ("modify", "Set a b", "Set a"),
            ("modify", "Condition key_exists a", "Condition is_blue a"),
            ("rewrite_tag", "Rule $log . t false", "Rule $log ( t false"),
            ("type_converter", "Int_key a b string", "Int_key a b colour"),
            ("expect", "Key_exists a", "Key_exists $a["),
            ("log_to_metrics", "Add_label a b", "Add_label a"),
        ],
    )
    def test_of_many_lines_the_wrong_one_is_shown(self, name: str, good: str, bad: str) -> None:
        text = f"[FILTER]\n  Name {name}\n  Match *\n  {good}\n  {bad}\n  {good}\n"
        rest = "  Tag m\n  Metric_description d\n  Metric_mode counter\n" if name == "log_to_metrics" else ""
        assert [line for _, line, _ in refused(text + rest)] == [5]

    def test_secrets_are_not_shown(self) -> None:
        text = "[OUTPUT]\n  Name http\n  HTTP_Passwd hunter2\n  HTTP_Passwd ${SECRET}\n  Port ${SECRET}\n"
        with pytest.raises(ConfigError) as caught:
            config(text)
        assert "hunter2" not in str(caught.value)

    def test_nothing_is_enough(self) -> None:
        found = config("")
        assert (found.inputs, found.filters, found.outputs) == ([], [], [])


class TestCore:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("Threaded maybe", "Threaded is 'maybe': expected on, off, true, false, yes or no"),
            ("storage.type disk", "storage.type is 'disk': expected memory, filesystem or memrb"),
            ("rate_window 0.5", "rate_window is '0.5': expected a time of at least a second, such as 5, 10s or 1m"),
            ("rate_gate.max_records 10x", "rate_gate.max_records is '10x': expected a whole number"),
            ("rate_gate.resume_ratio 1", "rate_gate.resume_ratio is '1': expected a number between 0 and 1"),
            ("thread.ring_buffer.window 101", "thread.ring_buffer.window is '101': expected at most 100"),
            ("Log_Level loud", "Log_Level is 'loud': expected off, error, warn, info, debug or trace"),
            ("Tag ${NOPE}", "Tag is empty"),
            ("rate_gate ${NOPE}", "rate_gate is empty"),
        ],
    )
    def test_bad_values_are_refused(self, line: str, message: str) -> None:
        assert [m for _, _, m in refused(f"{INPUT}    {line}\n")] == [f"input dummy: {message}"]

    @pytest.mark.parametrize(
        "line", ["Threaded on", "rate_window 5 m", "rate_gate.resume_ratio 0.9", "log_suppress_interval 5", "ipv6 on"]
    )
    def test_what_has_no_effect_is_said(self, line: str) -> None:
        assert [(c, n) for c, n, _ in warned(f"{INPUT}    {line}\n")] == [("option-ignored", 4)]

    def test_options_of_connections_that_the_plugin_has_not(self) -> None:
        text = f"{OUTPUT}    Host h\n    tls.verify off\n    net.keepalive off\n"
        assert sorted((c, n) for c, n, _ in warned(text)) == [("option-ignored", n) for n in (4, 5, 6)]

    def test_connections_have_no_unknown_options(self) -> None:
        assert refused(f"{INPUT}    net.speed fast\n    tls.speed fast\n") == [
            ("unknown-option", 4, "input dummy has no option 'net.speed'"),
            ("unknown-option", 5, "input dummy has no option 'tls.speed'"),
        ]

    def test_tls_where_there_is_no_connection(self) -> None:
        assert refused(f"{OUTPUT}    tls on\n") == [("bad-value", 4, "output null does not speak TLS")]
        assert refused(f"{INPUT}    tls on\n") == [("bad-value", 4, "input dummy does not speak TLS")]
        config(f"{OUTPUT}    tls off\n")

    def test_values_count_where_they_have_no_effect(self) -> None:
        assert refused(f"{OUTPUT}    net.keepalive maybe\n") == [
            ("bad-value", 4, "output null: net.keepalive is 'maybe': expected on, off, true, false, yes or no")
        ]

    def test_routable(self) -> None:
        assert not config(f"{INPUT}    Routable off\n").inputs[0].routable
        assert config(f"{INPUT}    Routable maybe\n").inputs[0].routable

    def test_a_store_needs_a_folder(self) -> None:
        assert refused(f"{INPUT}    storage.type filesystem\n") == [
            ("no-storage-path", 4, "input dummy.0 is to wait on disk, but storage.path is not set")
        ]
        config(f"[SERVICE]\n    storage.path /x\n{INPUT}    storage.type filesystem\n")


class TestMatch:
    def outputs(self, text: str) -> list[bool | None]:
        """Whether each output gets the tag app.web; None: nothing reaches it."""
        return [None if o.matches is None else o.matches("app.web") for o in config(text).outputs]

    def test_one_input_and_one_output_need_no_match(self) -> None:
        assert self.outputs(f"{INPUT}[OUTPUT]\n    Name null\n") == [True]

    def test_otherwise_an_output_without_match_gets_nothing(self) -> None:
        text = f"{INPUT}[OUTPUT]\n    Name null\n{OUTPUT}"
        assert self.outputs(text) == [None, True]
        assert warned(text) == [("no-match", 4, "output null.0 has no Match, so it gets nothing")]
        assert self.outputs(f"{INPUT}{INPUT}[OUTPUT]\n    Name null\n") == [None]

    def test_a_route_is_as_good_as_a_match(self, tmp_path: Path) -> None:
        config = (
            "pipeline:\n  inputs:\n    - name: dummy\n      routes:\n        logs:\n          - name: r\n"
            "            condition: {default: true}\n            to: {outputs: [null.0]}\n"
            "  outputs:\n    - name: 'null'\n    - name: 'null'\n"
        )
        (tmp_path / "a.yaml").write_text(config)
        told = [p.message for p in load(str(tmp_path / "a.yaml"), environ={}).warnings]
        assert told == ["output null.1 has no Match, so it gets nothing"]

    @pytest.mark.parametrize(
        ("line", "gets"),
        [
            ("Match app.*", True),
            ("Match db.*", False),
            ('Match "*"', False),
            ("Match app.* db.*", False),
            ("Match ${NOPE}", True),
            ("MATCH *", True),
        ],
    )
    def test_patterns(self, line: str, gets: bool) -> None:
        assert self.outputs(f"{INPUT}[OUTPUT]\n    Name null\n    {line}\n") == [gets]

    def test_a_filter_needs_a_match(self) -> None:
        text = "[FILTER]\n    Name throttle\n"
        assert refused(text) == [("no-match", 1, "filter throttle needs Match or Match_Regex")]

    def test_a_filter_whose_match_became_empty_sees_nothing(self) -> None:
        [step] = config("[FILTER]\n    Name throttle\n    Match ${NOPE}\n").filters
        assert step.matches is not None
        assert not step.matches("t")

    def test_a_filter_that_is_switched_off_still_counts(self) -> None:
        text = "[FILTER]\n  Name throttle\n  Match *\n  Active {}\n[FILTER]\n  Name throttle\n  Match *\n"
        assert [f.name for f in config(text.format("FALSE")).filters] == ["throttle.1"]
        assert [f.name for f in config(text.format("0")).filters] == ["throttle.1"]
        assert [f.name for f in config(text.format("off")).filters] == ["throttle.0", "throttle.1"]

    def test_some_filters_know_active_only_to_switch_them_off(self) -> None:
        text = "[FILTER]\n  Name modify\n  Match *\n  Add a b\n  Active {}\n"
        assert refused(text.format("on")) == [("bad-value", 5, "filter modify: Active is 'on': expected false or 0")]
        assert config(text.format("False")).filters == []


class TestService:
    def test_several_sections_are_one_and_the_last_counts(self) -> None:
        found = config("[SERVICE]\n    Flush 0\n    Grace 2\n[service]\n    flush 0.2\n").service
        assert (found.flush, found.grace) == (0.2, 2.0)

    @pytest.mark.parametrize(("text", "seconds"), [("1s", 1.0), ("1m", 1.0), ("+0.2", 0.2), ("200ms", 200.0)])
    def test_flush_is_a_number(self, text: str, seconds: float) -> None:
        assert config(f"[SERVICE]\n    Flush {text}\n").service.flush == seconds

    @pytest.mark.parametrize(
        "line",
        [
            "Flush 0",
            "Flush -1",
            "Flush fast",
            "Flush 0,2",
            "Flush inf",
            "Flush ${NOPE}",
            "Log_Level loud",
            "Log_Level loud\n    Log_Level info",
            "Coro_Stack_Size 64k",
            "storage.sync slow",
            "HTTP_Server on\n    HTTP_Port web",
        ],
    )
    def test_bad_values_are_refused(self, line: str) -> None:
        assert len(refused(f"[SERVICE]\n    {line}\n")) == 1

    def test_a_bad_port_matters_only_if_it_is_used(self) -> None:
        assert not config("[SERVICE]\n    HTTP_Port web\n").service.http_server

    @pytest.mark.parametrize(("word", "on"), [("On", True), ("true", True), ("1", False), ("enabled", False)])
    def test_switches(self, word: str, on: bool) -> None:
        assert config(f"[SERVICE]\n    HTTP_Server {word}\n").service.http_server is on

    def test_unknown_and_ignored_keys_are_warnings(self) -> None:
        assert [c for c, _, _ in warned("[SERVICE]\n    Colour blue\n    Daemon on\n")] == [
            "unknown-option",
            "option-ignored",
        ]

    def test_the_log_level_of_the_environment_counts(self) -> None:
        problems = Problems()
        document = read_text("[SERVICE]\n    Log_Level debug\n", "a.conf", problems)
        found = build(document, problems, {"FLB_LOG_LEVEL": "WARNING"})
        assert found.service.log_level == "warn"
        assert [p.code for p in found.warnings] == ["log-level-from-env"]


JSON = "[PARSER]\n    Name js\n    Format json\n"


class TestParsers:
    def found(self, tmp_path: Path, parsers: str, more: str = "", service: str = "") -> Config:
        (tmp_path / "p.conf").write_text(parsers)
        main = tmp_path / "main.conf"
        main.write_text(f"[SERVICE]\n    Parsers_File {tmp_path}/p.conf\n{service}{more}")
        return load(str(main), (), ENVIRON)

    def refused(self, tmp_path: Path, parsers: str, service: str = "") -> list[tuple[str, int]]:
        with pytest.raises(ConfigError) as caught:
            self.found(tmp_path, parsers, "", service)
        return [(p.code, p.place.line if p.place else 0) for p in caught.value.problems if p.severity == "error"]

    def test_are_registered_by_their_names(self, tmp_path: Path) -> None:
        found = self.found(tmp_path, JSON + "[parser]\n    NAME ltsv\n    FORMAT LTSV\n    Colour blue\n")
        assert {name: type(p).__name__ for name, p in found.parsers.items()} == {"js": "Json", "ltsv": "Ltsv"}

    def test_other_sections_mean_nothing(self, tmp_path: Path) -> None:
        found = self.found(tmp_path, f"{JSON}[INPUT]\n    Name dummy\n[FILTER]\n    Name nope\n[WEATHER]\n    A b\n")
        assert (found.inputs, list(found.parsers), found.warnings) == ([], ["js"], [])

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("[PARSER]\n    Format json\n", [("missing-option", 1)]),
            ("[PARSER]\n    Name a\n", [("missing-option", 1)]),
            ("[PARSER]\n    Name a\n    Format yaml\n", [("bad-value", 3)]),
            ("[PARSER]\n    Name a\n    Format regex\n", [("missing-option", 1)]),
            ("[PARSER]\n    Name a\n    Format regex\n    Regex (?<a\n", [("bad-value", 4)]),
            (JSON + JSON, [("duplicate-parser", 4)]),
            ("[PARSER]\n  Name a\n  Format json\n  Time_Format %s\n  Time_Offset north\n", [("bad-value", 5)]),
            ("[PARSER]\n    Name\n", [("syntax", 2)]),
        ],
    )
    def test_mistakes(self, tmp_path: Path, text: str, expected: list[tuple[str, int]]) -> None:
        assert self.refused(tmp_path, text) == expected

    def test_the_same_file_twice_is_a_mistake(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path, JSON, f"    Parsers_File {tmp_path}/p.conf\n") == [("duplicate-parser", 1)]

    def test_paths_count_from_the_working_folder_then_from_the_main_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "cwd").mkdir()
        monkeypatch.chdir(tmp_path / "cwd")
        (tmp_path / "p.conf").write_text(JSON)
        main = tmp_path / "main.conf"
        main.write_text("[SERVICE]\n    Parsers_File p.conf\n")
        assert list(load(str(main), (), ENVIRON).parsers) == ["js"]
        (tmp_path / "cwd" / "p.conf").write_text(JSON.replace("Name js", "Name cwd"))
        assert list(load(str(main), (), ENVIRON).parsers) == ["cwd"]

    def test_a_missing_file_is_a_mistake(self) -> None:
        assert refused("[SERVICE]\n    Parsers_File gone.conf\n") == [("no-parsers-file", 2, "no such file: gone.conf")]

    def test_do_not_belong_into_a_classic_main_file_but_into_yaml(self) -> None:
        assert refused(JSON) == [("parser-in-main-file", 1, "[PARSER] does not belong into the main file")]
        assert list(config("parsers: [{name: js, format: json}]", "a.yaml").parsers) == ["js"]


RULES = '    Rule "start_state" "/^begin/" "cont"\n    Rule "cont" "/^ /" "cont"\n'


class TestMultilineParsers:
    def text(self, more: str) -> str:
        return f"[M]\n    Name m\n    Type regex\n{more}"

    def test_rules(self) -> None:
        [parser] = config(self.text(f"    Flush_Timeout 500\n{RULES}")).multiline_parsers.values()
        assert [(r.froms, r.regex, r.to, r.starts) for r in parser.rules] == [
            (("start_state",), "/^begin/", "cont", True),
            (("cont",), "/^ /", "cont", False),
        ]
        assert parser.flush_timeout == 500

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ('    Rule "cont" "/^ /" "cont"\n', "the first rule must be of the state start_state"),
            ('    Rule "start_state" "/(/" "start_state"\n', None),
            ('    Rule "start_state" "/a/" "nowhere"\n', "no rule is of the state 'nowhere'"),
            ('    Rule "start_state"\n', "a rule needs a state, a pattern and the next state"),
        ],
    )
    def test_mistakes(self, more: str, message: str | None) -> None:
        [(code, line, said)] = refused(self.text(more))
        assert (code, line) == ("bad-value", 4)
        assert message is None or said == f"multiline parser m: {message}"

    def test_names_may_be_there_twice_and_the_first_counts(self) -> None:
        found = config(self.text(RULES) + "[M]\n    Name m\n    Type equal\n")
        assert [p.type for p in found.multiline_parsers.values()] == ["regex"]
        assert [p.code for p in found.warnings] == ["duplicate-parser"]

    @pytest.mark.parametrize("text", ["[M]\n    Name m\n", "[M]\n    Type equal\n", "[M]\n    Name m\n    Type x\n"])
    def test_need_a_name_and_a_type(self, text: str) -> None:
        assert len(refused(text)) == 1


class TestLibraries:
    def test_a_library_is_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "a.so").write_bytes(b"\x7fELF....")
        problems = Problems()
        check_library(str(tmp_path / "a.so"), None, problems)
        assert [(p.code, p.severity) for p in problems] == [("library", "warning")]

    def test_what_is_none_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.so").write_text("text")
        problems = Problems()
        check_library(str(tmp_path / "a.so"), None, problems)
        check_library(str(tmp_path / "gone.so"), None, problems)
        assert [(p.code, p.severity) for p in problems] == [("no-library", "error")] * 2

    def test_a_plugins_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.so").write_bytes(b"\x7fELF....")
        (tmp_path / "plugins.conf").write_text(f"[PLUGINS]\n    Path {tmp_path}/a.so\n")
        assert [c for c, _, _ in warned(f"[SERVICE]\n    Plugins_File {tmp_path}/plugins.conf\n")] == ["library"]
        assert [c for c, _, _ in refused("[SERVICE]\n    Plugins_File gone.conf\n")] == ["no-plugins-file"]


def test_a_secret_that_is_refused_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        config(INPUT + "[OUTPUT]\n    Name slack\n    Match *\n    webhook http://h/services/hush\n")
    assert "webhook ***" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_main_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"error\[no-config\]: .*gone.conf cannot be read: No such file"):
        load(str(tmp_path / "gone.conf"))
    found = load(str(tmp_path), (), ENVIRON)
    assert [p.code for p in found.warnings] == ["no-config"]


WORDS = st.sampled_from(
    ["dummy", "null", "*", "on", "${BOX}", "${", "}", "1", "-1", "x", "Name", "Tag", "Match", "Port", "tls", "Flush"]
)
LINES = st.one_of(
    st.sampled_from(["[SERVICE]", "[INPUT]", "[FILTER]", "[OUTPUT]", "[M]", "[P]", "    Name dummy", "    Name null"]),
    st.tuples(WORDS, WORDS, WORDS).map(lambda words: "    " + " ".join(words)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, max_size=14))
def test_any_config_is_built_or_refused_with_places(lines: list[str]) -> None:
    problems = Problems()
    try:
        said = build(read_text("\n".join(lines), "a.conf", problems), problems, ENVIRON).warnings
    except ConfigError as error:
        said = error.problems
    assert all(p.place and p.place.line for p in said)
