"""The options format, json_date_key and json_date_format of outputs, read as Fluent Bit reads them: what it does not
know becomes an error line in the log and the default."""

from pyrolens.api import OutputEnv
from pyrolens.records.codecs import Json, read_date_format

FORMATS = ("msgpack", "json", "json_lines", "json_stream")


def format_of(env: OutputEnv, text: str | None) -> str:
    """One of FORMATS."""
    if text is None or text.lower() in FORMATS:
        return (text or "msgpack").lower()
    env.log.error("the format is not known, msgpack is used", format=text, known=", ".join(FORMATS))
    return "msgpack"


def json_of(env: OutputEnv, date_key: str, date_format: str | None) -> Json:
    """Writes events with these options. A date_key of false, off or no means no date."""
    form = read_date_format(date_format) if date_format else "double"
    if form is None:
        env.log.error("json_date_format is not known, double is used", json_date_format=date_format)
    key = None if date_key.lower() in ("false", "off", "no") else date_key
    return Json(key, form or "double", escape_unicode=env.escape_unicode)
