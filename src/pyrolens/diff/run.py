"""Two configs, one sample: what is different."""

from collections.abc import Sequence
from contextlib import ExitStack

from pyrolens.config import Built
from pyrolens.diff.compare import Comparison, Options, Sends, compare, naming
from pyrolens.diff.fates import Reached, destination, fates, rehearsal_of
from pyrolens.diff.sample import Sampled, items
from pyrolens.options import spec_of
from pyrolens.plugin import Output
from pyrolens.problems import ConfigError, Problem
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.rehearsal.subject import Subject

QUIET = {"match", "match_regex", "alias", "log_level", "retry_limit", "workers", "deliver_timeout"}
"""Options of outputs of which what is sent does not depend."""


def run(one: Subject, other: Subject, sample: Sequence[Sampled], options: Options) -> Comparison:
    """Raises: ConfigError for a line that cannot come in, and for what does not compile."""
    with ExitStack() as opened:
        rehearsals = [opened.enter_context(rehearsal_of(subject)) for subject in (one, other)]
        each = [items(subject, sample) for subject in (one, other)]
        if sample and not any(item.fed for side in each for item in side):
            hint = "look at one of them with `pyrolens explain`"
            raise ConfigError([Problem("bad-sample", "no input makes a record of these lines", None, hint)])
        found = [fates(s, r, i) for s, r, i in zip((one, other), rehearsals, each, strict=True)]
        sends = sending(one, other, *rehearsals)
        names = naming(destination(o) for subject in (one, other) for o in subject.config.outputs)
        out = Comparison()
        for sampled, before, after in zip(sample, *found, strict=True):
            out.add(sampled, compare(before, after, options, sends, names))
    return out


def sending(one: Subject, other: Subject, ours: Rehearsal, theirs: Rehearsal) -> Sends:
    """Looks at what is sent where the options of two outputs differ."""
    before, after = ({o.label: o for o in subject.config.outputs} for subject in (one, other))
    known: dict[tuple[str, str], bool] = {}

    def sends(a: Reached, b: Reached) -> tuple[str, str] | None:
        pair = (a.output, b.output)
        if pair not in known:
            known[pair] = options_of(before[a.output]) != options_of(after[b.output])
        if not known[pair]:
            return None
        texts = [wire(ours, a), wire(ours, a), wire(theirs, b)]
        # what is not the same when it is sent again says nothing
        return (texts[0], texts[2]) if texts[0] == texts[1] != texts[2] else None

    return sends


def options_of(built: Built[Output]) -> tuple[object, ...]:
    """What sets apart what an output sends."""
    plugin = built.plugin
    values = []
    for spec in spec_of(type(plugin)):
        if spec.name not in QUIET:
            value = getattr(getattr(plugin, spec.group) if spec.group else plugin, spec.field)
            values.append((spec.name, repr(value)))
    return (plugin.name, *values)


def wire(rehearsal: Rehearsal, reached: Reached) -> str:
    """What is sent of a record; "" where that cannot be shown."""
    try:
        sent = rehearsal.sent(reached.output, reached.tag, [reached.event])
    except ConfigError:
        return ""
    texts = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in sent.items]
    return "\n".join([*texts, *(f"refused: {why}" for _, why in sent.refused)])
