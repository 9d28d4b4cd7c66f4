"""Answers of the services that speak XML (S3, STS, SNS): only single values are looked for."""

import re

from pyrolens.aws.client import Reply
from pyrolens.net import Response


def xml_value(text: str, name: str) -> str:
    """The text of the first element of that name, or ""."""
    found = re.search(rf"<{name}>\s*([^<]*?)\s*</{name}>", text)
    if not found:
        return ""
    return found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


def read_xml(response: Response) -> Reply:
    """For `read` of AwsClient.send. S3 may say in an answer of status 200 that it failed."""
    text = response.text if response.status != 200 or b"<Error>" in response.body[:1000] else ""
    if response.status == 200 and not text:
        return Reply(200, "", "", response.body, response.headers)
    status = response.status if response.status != 200 else 500
    code, message = xml_value(text, "Code"), xml_value(text, "Message")
    return Reply(status, code, message, response.body, response.headers, response.retry_after)
