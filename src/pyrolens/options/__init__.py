"""Options: declared once as fields of a frozen dataclass, and from there read, checked and documented.

    class Http(Output):
        uri: str = opt("Path that records are posted to.", default="/")

The annotation says how text becomes a value: str, int, float, bool, Literal["a", "b"] (any case), Size (bytes),
Seconds, Secret, Commas and Words (one value, many words), list[str] (the option repeats), list[Pair] (repeats,
"KEY VALUE"; a NamedTuple of one's own with a field `place` is told where it stands, too), Lines (several spellings
whose order among each other counts), or a dataclass of options for group().
`X | None` means that the option may be absent.

Values are read as Fluent Bit reads them (src/flb_config_map.c, flb_utils.c); where it guesses silently we do the
same and warn at the place.
"""

from pyrolens.options.declared import Spec, group, lines, opt, spec_of, value_of
from pyrolens.options.kinds import (
    FALSE,
    TRUE,
    Commas,
    Kind,
    Level,
    Limit,
    Line,
    Lines,
    MultilineParserNames,
    Pair,
    ParserName,
    Retries,
    Seconds,
    Secret,
    Size,
    Switch,
    Words,
    doubt_int,
    doubt_size,
    read_bool,
    read_float,
    read_int,
    read_seconds,
    read_size,
    size_of,
    split_commas,
    split_tokens,
    switch,
)
from pyrolens.options.reading import SECRET_NAME, OptionError, masked, read_options, read_value

__all__ = [
    "FALSE",
    "SECRET_NAME",
    "TRUE",
    "Commas",
    "Kind",
    "Level",
    "Limit",
    "Line",
    "Lines",
    "MultilineParserNames",
    "OptionError",
    "Pair",
    "ParserName",
    "Retries",
    "Seconds",
    "Secret",
    "Size",
    "Spec",
    "Switch",
    "Words",
    "doubt_int",
    "doubt_size",
    "group",
    "lines",
    "masked",
    "opt",
    "read_bool",
    "read_float",
    "read_int",
    "read_options",
    "read_seconds",
    "read_size",
    "read_value",
    "size_of",
    "spec_of",
    "split_commas",
    "split_tokens",
    "switch",
    "value_of",
]  # fmt: skip
