"""What each service answers when the case has no script for it."""

import json
import urllib.parse

Answer = tuple[int, dict[str, str], str]
"""Status, headers, body."""

AMZ_JSON = {"Content-Type": "application/x-amz-json-1.1"}
STS = (
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
    "<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>rolesecret</SecretAccessKey>"
    "<SessionToken>rolesession</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
    "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
)
TASK_ROLE = {
    "RoleArn": "arn:aws:iam::123456789012:role/task",
    "AccessKeyId": "ASIATASK",
    "SecretAccessKey": "tasksecret",
    "Token": "tasktoken",
    "Expiration": "2099-01-01T00:00:00Z",
}

JSON = {"Content-Type": "application/json"}
PLAIN: dict[str, Answer] = {
    "es": (200, JSON, '{"took":1,"errors":false,"items":[]}'),
    "datadog": (202, JSON, "{}"),
    "nrlogs": (202, JSON, "{}"),
    "splunk": (200, JSON, '{"text":"Success","code":0}'),
    "loki": (204, {}, ""),
    "influxdb": (204, {}, ""),
}
"""Those that always answer the same."""


def operation(service: str, method: str, target: str, headers: dict[str, str]) -> str:
    """The name under which a script lists it."""
    if "x-amz-target" in headers:
        return headers["x-amz-target"].split(".")[-1]
    if service == "sts":
        return dict(urllib.parse.parse_qsl(target.partition("?")[2])).get("Action", "?")
    if service == "s3" and method == "POST":
        return "CreateMultipartUpload" if target.partition("?")[2].startswith("uploads") else "CompleteMultipartUpload"
    if service == "s3" and method == "PUT":
        return "UploadPart" if "partNumber=" in target else "PutObject"
    return method


def default(service: str, op: str, body: bytes, number: int = 1) -> Answer:
    """number: of those to which it gave the answer of its own, by operation, from 1."""
    if service == "logs":
        headers = {"x-amzn-RequestId": "11111111-2222-3333-4444-555555555555", **AMZ_JSON}
        return 200, headers, '{"nextSequenceToken":"4953670125153982633"}' if op == "PutLogEvents" else ""
    if service == "firehose":
        records = json.loads(body).get("Records", []) if body else []
        responses = [{"RecordId": f"id{i}"} for i in range(len(records))]
        return 200, AMZ_JSON, json.dumps({"Encrypted": False, "FailedPutCount": 0, "RequestResponses": responses})
    if service == "kinesis":
        records = json.loads(body).get("Records", []) if body else []
        responses = [{"SequenceNumber": f"{i}", "ShardId": "shardId-000000000000"} for i in range(len(records))]
        return 200, AMZ_JSON, json.dumps({"FailedRecordCount": 0, "Records": responses})
    if service == "s3" and op == "CreateMultipartUpload":
        return (
            200,
            {},
            f"<InitiateMultipartUploadResult><UploadId>upload{number}</UploadId></InitiateMultipartUploadResult>",
        )
    if service == "s3" and op == "CompleteMultipartUpload":
        return 200, {}, "<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>"
    if service == "s3":
        return 200, {"ETag": f'"etag{number}"'}, ""
    if service == "sts":
        return 200, {"Content-Type": "text/xml"}, STS
    if service == "creds":
        return 200, {"Content-Type": "application/json"}, json.dumps(TASK_ROLE)
    return PLAIN.get(service, (200, {}, "ok"))
