"""Answers of the services that speak XML (S3, STS, SNS): only single values are looked for."""

import re


def xml_value(text: str, name: str) -> str:
    """The text of the first element of that name, or ""."""
    found = re.search(rf"<{name}>\s*([^<]*?)\s*</{name}>", text)
    if not found:
        return ""
    return found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
