"""What the outputs to AWS have in common: who calls."""

from dataclasses import dataclass

from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.reading import Said
from pyrolens.language.document import Entry
from pyrolens.options import opt

KEYS = "keys come from the task role, or from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
PROXY = "the proxy is that of HTTPS_PROXY in the environment"
FOUND = "credentials are looked for where the AWS SDKs do: environment, task role, instance"
ENGINE = "the encoder of this router is used"
RETRIES = "what fails is tried again by <buffer>, and only that"
CREDENTIALS_IGNORED = {
    "instance_profile_credentials": FOUND,
    "process_credentials": FOUND,
}
SESSION = "it is named by the router"


@dataclass(frozen=True, kw_only=True)
class AssumeRole(Said):
    """A role to assume."""

    ignored = {
        "role_session_name": SESSION,
        "duration_seconds": "it is renewed in time",
        "sts_region": "STS is asked in the region of the output",
    }
    refused = {
        "policy": "a session has all that the role may do: narrow the role",
        "sts_http_proxy": PROXY,
    }

    role_arn: str = opt("ARN of the role.")
    external_id: str | None = opt("External id that the role asks for.", default=None)
    sts_endpoint_url: str | None = opt("Another host or URL of STS.", default=None)

    def lower(self, to: Lowered) -> None:
        given = [
            ("role_arn", self.role_arn, "role_arn"),
            ("external_id", self.external_id, "external_id"),
            ("sts_endpoint", self.sts_endpoint_url, "sts_endpoint_url"),
        ]
        for option, value, key in given:
            if value is not None:
                to.section.entries.append(Entry(option, value, self.place(key), self.place(key)))


@dataclass(frozen=True, kw_only=True)
class SharedCredentials(Said):
    """A profile of ~/.aws."""

    refused = {"path": "set AWS_SHARED_CREDENTIALS_FILE in the environment"}

    profile_name: str | None = opt("Name of the profile.", default=None)

    def lower(self, to: Lowered) -> None:
        if self.profile_name:
            place = self.place("profile_name")
            to.section.entries.append(Entry("profile", self.profile_name, place, place))


WEB_IDENTITY = {"web_identity_credentials": "set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE in the environment"}
