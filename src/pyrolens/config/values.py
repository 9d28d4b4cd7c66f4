"""Values with their variables put in."""

import json
from dataclasses import dataclass

from pyrolens.language.document import Entry
from pyrolens.language.variables import Variables
from pyrolens.problems import Problems


@dataclass(frozen=True)
class Values:
    variables: Variables

    def text(self, entry: Entry, problems: Problems) -> str:
        """The text of an entry; variables without a value become nothing, with a warning."""
        if not isinstance(entry.value, str):
            return plain(entry.value)
        resolved = self.variables.resolve(entry.value)
        for name in dict.fromkeys(resolved.unset):
            message = f"variable ${{{name}}} is not set, so nothing is put in"
            hint = self.variables.hint(name) or f"set it, or write ${{{name}:-something else}}"
            problems.warning("variable-unset", message, entry.value_place, hint)
        if resolved.stuck:
            message = "not all of this value is searched for variables: it ends at a } that belongs to none"
            problems.warning("variable-stuck", message, entry.value_place, "the first } counts, even before ${")
        return resolved.text


def plain(value: object) -> str:
    """A value of YAML as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(map(plain, value))
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)
