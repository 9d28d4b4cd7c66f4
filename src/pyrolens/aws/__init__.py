"""AWS for outputs: credentials, signing, and one client for the services that speak JSON."""

from pyrolens.aws.client import AwsClient, Reply
from pyrolens.aws.credentials import CredentialsError
from pyrolens.aws.options import AWS_IGNORED, Aws, Identity, aws_client, signer_of
from pyrolens.aws.signer import Signer

__all__ = [
    "AWS_IGNORED", "Aws", "AwsClient", "CredentialsError", "Identity", "Reply", "Signer", "aws_client", "signer_of",
]  # fmt: skip
