"""Maps of known keys: which there are, which are needed, and which leave no room for others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyrolens.language.yaml_nodes import Node
from pyrolens.problems import Place, Problems, nearest
from pyrolens.testing.kinds import CODE, WRONG, Kind, shown


@dataclass(frozen=True)
class Key:
    name: str
    kind: Kind
    doc: str
    needed: bool = False


@dataclass(frozen=True)
class Read:
    """What a map said."""

    place: Place
    values: Mapping[str, Any]
    places: Mapping[str, Place]
    """Of the keys."""

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)


@dataclass(frozen=True)
class Shape:
    """A map of known keys."""

    what: str
    title: str
    """A heading, and how others refer to it."""
    doc: str
    keys: Sequence[Key]
    one_of: Sequence[Sequence[str]] = ()
    """Of each of these, exactly one has to be there."""
    some_of: Sequence[str] = ()
    """Of these, at least one."""
    apart: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Keys that another one leaves no room for."""

    @property
    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/definitions/{self.title.replace(' ', '-')}"}

    @property
    def definition(self) -> dict[str, Any]:
        properties = {key.name: {"description": key.doc, **key.kind.schema} for key in self.keys}
        out: dict[str, Any] = {"type": "object", "description": self.doc, "properties": properties}
        out["additionalProperties"] = False
        if needed := [key.name for key in self.keys if key.needed]:
            out["required"] = needed
        rules: list[dict[str, Any]] = [{"oneOf": [{"required": [name]} for name in names]} for names in self.one_of]
        rules += [{"anyOf": [{"required": [name]} for name in self.some_of]}] if self.some_of else []
        pairs = [(name, other) for name, others in self.apart.items() for other in others]
        rules += [{"not": {"required": list(pair)}} for pair in pairs]
        return {**out, "allOf": rules} if rules else out

    def read(self, who: str, node: Node, problems: Problems) -> Any:
        if node.pairs is None:
            problems.error(CODE, f"{who} is {shown(node)}: expected {self.what}", node.place, self.hint)
            return WRONG
        by_name = {key.name: key for key in self.keys}
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        well = True
        for key, value in node.pairs:
            name = key.text or ""
            if name not in by_name:
                hint = nearest(name, by_name) or self.hint
                problems.error(CODE, f"{self.what} has no '{name}'", key.place, hint)
                well = False
            elif name in values:
                problems.error(CODE, f"{name} is there twice", key.place, "keep one of them")
                well = False
            else:
                values[name], places[name] = by_name[name].kind.read(name, value, problems), key.place
                well = well and values[name] is not WRONG
        return Read(node.place, values, places) if self._whole(node, values, places, problems) and well else WRONG

    def _whole(self, node: Node, values: Mapping[str, Any], places: Mapping[str, Place], problems: Problems) -> bool:
        before = len(problems.found)
        others = [key.text for key, _ in node.pairs or () if key.text not in values]
        for key in self.keys:
            if key.needed and key.name not in values and not nearby(key.name, others):
                problems.error(CODE, f"{self.what} needs {key.name}", node.place, key.doc)
        for names in self.one_of:
            there = sorted((n for n in names if n in values), key=lambda n: (places[n].line, places[n].column))
            if len(there) > 1:
                told = f"{there[1]} cannot be combined with {there[0]}"
                problems.error(CODE, told, places[there[1]], f"expected one of {', '.join(names)}")
            elif not there and not any(nearby(name, others) for name in names):
                problems.error(CODE, f"{self.what} needs one of {', '.join(names)}", node.place)
        if self.some_of and not any(n in values for n in self.some_of) and not others:
            problems.error(CODE, f"{self.what} needs one of {', '.join(self.some_of)}", node.place)
        for name, excluded in self.apart.items():
            for other in excluded if name in values else ():
                if other in values:
                    one, later = sorted((name, other), key=lambda n: (places[n].line, places[n].column))
                    problems.error(CODE, f"{later} cannot be combined with {one}", places[later])
        return len(problems.found) == before

    @property
    def hint(self) -> str:
        return f"it may have {', '.join(key.name for key in self.keys)}"


def nearby(name: str, others: Sequence[str | None]) -> bool:
    """Whether it may be meant by one that is not known: then it is told once."""
    return any(nearest(other or "", [name]) for other in others)
