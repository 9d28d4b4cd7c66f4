"""Processors and routes in YAML, as Fluent Bit 5.1.1 reads them."""

import json
from typing import Any

import pytest

from pyrolens.config import Config, build, read_text
from pyrolens.problems import ConfigError, Problems
from pyrolens.records.event import Event


def config(pipeline: dict[str, Any]) -> Config:
    """JSON is YAML."""
    problems = Problems()
    text = json.dumps({"pipeline": pipeline}, indent=1)
    return build(read_text(text, "a.yaml", problems), problems, {"K": "kk"})


def refused(pipeline: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config(pipeline)
    return [p.message for p in caught.value.problems if p.severity == "error"]


def processed(*processors: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": [{"name": "dummy", "processors": {"logs": list(processors)}}]}


INSERT = {"name": "content_modifier", "action": "insert", "key": "${K}", "value": "${V:-d}"}


class TestProcessors:
    def run(self, events: list[Event], *processors: dict[str, Any]) -> list[Event]:
        for built in config(processed(*processors)).inputs[0].processors:
            events = built.plugin.compile(None)("t", events)  # type: ignore[arg-type]
        return events

    def test_variables_are_put_into_their_options(self) -> None:
        assert self.run([(1, {})], INSERT) == [(1, {"kk": "d"})]

    def test_numbers_and_lists(self) -> None:
        removes = {"name": "record_modifier", "remove_key": [5, "m"]}
        assert self.run([(1, {"5": 1, "m": 2, "k": 3})], removes) == [(1, {"k": 3})]

    def test_a_condition_and_the_order_of_records(self) -> None:
        condition = {"rules": [{"field": "$n", "op": "eq", "value": "1"}]}
        events: list[Event] = [(1, {"n": 1}), (2, {"n": 2}), (3, {"n": 1})]
        assert self.run(events, {**INSERT, "condition": condition}) == [
            (1, {"n": 1, "kk": "d"}),
            (2, {"n": 2}),
            (3, {"n": 1, "kk": "d"}),
        ]

    def test_a_conditional_processor_keeps_its_name(self) -> None:
        condition = {"rules": [{"field": "$n", "op": "eq", "value": "1"}]}
        [built] = config(processed({**INSERT, "condition": condition, "alias": "a"})).inputs[0].processors
        assert (built.name, built.label, built.plugin.name) == ("content_modifier.0", "a", "content_modifier")

    def test_outputs_have_them_too(self) -> None:
        found = config({"outputs": [{"name": "null", "processors": {"logs": [INSERT]}}]})
        assert [b.name for b in found.outputs[0].processors] == ["content_modifier.0"]

    @pytest.mark.parametrize(
        ("processor", "message"),
        [
            ({"action": "insert"}, "[processor] needs Name"),
            ({"name": "gadget"}, "there is no processor 'gadget'"),
            ({"name": "grep", "regexp": "a b"}, "processor grep has no option 'regexp'"),
            ({**INSERT, "convertedType": "int"}, "processor content_modifier has no option 'convertedType'"),
            ({**INSERT, "condition": "always"}, "condition: expected a map with op and rules"),
            ({"name": "content_modifier", "action": "delete"}, "processor content_modifier: action delete needs key"),
        ],
    )
    def test_mistakes(self, processor: dict[str, Any], message: str) -> None:
        assert refused(processed(processor)) == [message]

    def test_a_processor_is_no_filter(self) -> None:
        pipeline = {"filters": [{"name": "content_modifier", "match": "*", "action": "delete", "key": "a"}]}
        assert refused(pipeline) == ["content_modifier is no filter but a processor"]


ERROR = {"op": "and", "rules": [{"field": "$lvl", "op": "eq", "value": "error"}]}
DEFAULT = {"default": True}


def route(name: str, condition: Any, *outputs: str) -> dict[str, Any]:
    return {"name": name, "condition": condition, "to": {"outputs": list(outputs)}}


def routed(*routes: Any, outputs: tuple[str, ...] = ("one", "two")) -> dict[str, Any]:
    return {
        "inputs": [{"name": "dummy", "routes": {"logs": list(routes)}}],
        "outputs": [{"name": "null", "alias": o} for o in outputs],
    }


class TestRoutes:
    def rules(self, *routes: Any) -> list[tuple[str, tuple[int, ...], bool]]:
        return [(r.name, r.outputs, r.default) for r in config(routed(*routes)).inputs[0].routes]

    def test_outputs_are_found_by_alias_name_and_plugin(self) -> None:
        assert self.rules(route("e", ERROR, "null.1"), route("d", DEFAULT, "null")) == [
            ("e", (1,), False),
            ("d", (0,), True),
        ]
        short = {"name": "e", "condition": ERROR, "to": ["two"]}
        assert self.rules(short) == [("e", (1,), False)]
        fallback = {"name": "e", "condition": ERROR, "to": {"outputs": [{"name": "ghost", "fallback": "two"}]}}
        assert self.rules(fallback) == [("e", (1,), False)]

    def test_an_output_belongs_to_the_first_route_that_names_it(self) -> None:
        found = config(routed(route("e", ERROR, "one"), route("d", DEFAULT, "one", "two")))
        assert [(r.name, r.outputs) for r in found.inputs[0].routes] == [("e", (0,)), ("d", (1,))]
        assert "routes: d: another route of this input has the output 'one' already" in [
            w.message for w in found.warnings
        ]

    def test_an_unknown_output_is_a_warning(self) -> None:
        found = config(routed(route("e", ERROR, "ghost")))
        assert found.inputs[0].routes == []
        assert "routes: e: no output 'ghost'" in [w.message for w in found.warnings]

    def test_one_input_and_one_output_have_no_routes(self) -> None:
        assert config(routed(route("e", ERROR, "one"), outputs=("one",))).inputs[0].routes == []
        assert config(routed(route("e", ERROR, "ghost"), outputs=("one",))).warnings == []
        wrong = routed(route("e", {"rules": [{"field": "$a", "op": "eq"}]}, "one"), outputs=("one",))
        assert refused(wrong) == ["routes: condition of e: a rule needs value"]

    def test_a_rule_that_cannot_be_used_takes_nothing(self) -> None:
        for op, value in (("like", "x"), ("gt", "abc")):
            condition = {"rules": [{"field": "$lvl", "op": op, "value": value}]}
            [rule] = config(routed(route("e", condition, "one"))).inputs[0].routes
            assert rule.holds is not None
            assert not rule.holds(1, {"lvl": "x"})

    def test_numbers_are_compared_as_text(self) -> None:
        condition = {"rules": [{"field": "$n", "op": "eq", "value": 2}]}
        [rule] = config(routed(route("e", condition, "one"))).inputs[0].routes
        assert rule.holds is not None
        assert [rule.holds(1, {"n": n}) for n in (1, 2, "2")] == [False, True, True]

    @pytest.mark.parametrize(
        ("routes", "message"),
        [
            ([{"condition": DEFAULT, "to": ["one"]}], "routes: a route needs name"),
            ([route("e", ERROR, "one"), route("e", DEFAULT, "two")], "routes: there are two of the name 'e'"),
            ([{"name": "e"}], "routes: e needs to: outputs: and a list of outputs below it"),
            ([route("e", ERROR)], "routes: e needs an output"),
            (
                [route("e", {"op": "and"}, "one")],
                "routes: condition of e: expected rules, a list with at least one rule",
            ),
            ([route("e", {"op": "xor"}, "one")], "routes: condition of e: op is 'xor': expected and, or or"),
            (
                [route("e", {"default": "yes"}, "one")],
                "routes: condition of e: default is 'yes': expected true or false",
            ),
            (
                [route("e", {"rules": [{"field": "$a", "op": "in", "value": []}]}, "one")],
                "routes: condition of e: expected a list of values to hold texts or numbers, and one at least",
            ),
            (
                [route("e", {"rules": [{"field": "$span.name", "op": "eq", "value": "x"}]}, "one")],
                "routes: condition of e: there is no field '$span.name' in logs",
            ),
            (["x"], "routes: expected each route to be a map"),
            ([], "routes: logs is an empty list"),
        ],
    )
    def test_mistakes(self, routes: list[Any], message: str) -> None:
        assert refused(routed(*routes)) == [message]

    def test_kinds_of_data(self) -> None:
        pipeline = routed()
        pipeline["inputs"][0]["routes"] = {"events": [route("e", ERROR, "one")]}
        assert refused(pipeline) == ["routes: 'events' is no kind of data"]
        pipeline["inputs"][0]["routes"] = {
            "metrics": [route("e", {"rules": [{"field": "$metric.name", "op": "eq", "value": "x"}]}, "one")],
            "logs,traces": route("f", ERROR, "two"),
        }
        assert [r.name for r in config(pipeline).inputs[0].routes] == ["f"]
        pipeline["inputs"][0]["routes"] = "all"
        assert refused(pipeline) == ["routes: expected a map with logs and a list below it"]


CASES = """\
pipeline:
  inputs:
    - name: dummy
      routes:
        LOGS:
          - NAME: e
            Condition:
              OP: AND
              Rules:
                - {FIELD: $m, Op: EQ, VALUE: x}
            TO:
              Outputs: [one]
      processors:
        logs:
          - name: grep
            regex: a .
            condition:
              rules:
                - {Field: $m, OP: eq, value: x}
                - {field: $m, op: is, value: x}
  outputs:
    - name: "null"
      alias: one
    - name: "null"
"""


class TestWhatIsNested:
    def said(self, text: str) -> list[tuple[str, int]]:
        problems = Problems()
        with pytest.raises(ConfigError) as caught:
            build(read_text(text, "a.yaml", problems), problems, {})
        return [(p.message, p.place.line) for p in caught.value.problems if p.severity == "error" and p.place]

    def test_the_case_of_keys_does_not_count_and_the_wrong_rule_is_shown(self) -> None:
        message = "condition: op is 'is': expected eq, neq, gt, lt, gte, lte, regex, not_regex, in or not_in"
        assert self.said(CASES) == [(message, 20)]

    def test_the_wrong_rule_of_a_route_is_shown(self) -> None:
        text = CASES.replace("Op: EQ, VALUE: x", "Op: EQ")
        assert [line for message, line in self.said(text) if "routes" in message] == [10]

    def test_of_a_key_that_is_there_twice_the_first_counts(self) -> None:
        text = CASES.replace("op: is,", "op: eq, op: is,")
        problems = Problems()
        assert build(read_text(text, "a.yaml", problems), problems, {}).inputs[0].routes[0].name == "e"
