"""Which output keeps its dead letters where."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pyrolens.config import Built, Config
from pyrolens.delivery.dead_letters import DeadLetters, Door, InFolder, ToOutput
from pyrolens.plugin import Output
from pyrolens.problems import Problems, nearest


def burials(
    config: Config, doors: Mapping[str, Callable[[str], Door]], problems: Problems, masked: Callable[[str], str]
) -> dict[str, DeadLetters]:
    """By the name of the output, what the option dead_letter and storage.keep.rejected ask for. `doors`: of the outputs
    that there are, by their names."""
    found: dict[str, DeadLetters] = {}
    service = config.service
    kept = Path(service.storage_path or ".") / (service.storage_rejected_path or "rejected")
    by_name = {name: built for built in config.outputs for name in (built.name, built.label)}
    for built in config.outputs:
        wanted = built.plugin.dead_letter
        if built.name not in doors:
            continue
        if wanted is None:
            if service.storage_keep_rejected:
                found[built.name] = InFolder(str(kept), built.label, masked)
        elif "/" in wanted:
            found[built.name] = InFolder(wanted, built.label, masked)
        elif (target := by_name.get(wanted)) is None:
            message = f"output {built.label}: dead_letter is '{wanted}': expected a folder (with a /) or another output"
            problems.error("bad-dead-letter", message, built.place, nearest(wanted, by_name))
        elif built in _chain(target, by_name):
            message = f"output {built.label}: its dead letters would come back to it"
            problems.error(
                "bad-dead-letter", message, built.place, "name a folder, or an output that keeps none itself"
            )
        elif target.name in doors:
            found[built.name] = ToOutput(doors[target.name], built.label, masked)
    return found


def _chain(start: Built[Output], by_name: Mapping[str, Built[Output]]) -> list[Built[Output]]:
    """The outputs that dead letters of `start` come to, itself included."""
    seen = [start]
    while (wanted := seen[-1].plugin.dead_letter) and (following := by_name.get(wanted)) and following not in seen:
        seen.append(following)
    return seen
