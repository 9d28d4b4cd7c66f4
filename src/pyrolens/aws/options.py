"""The options that all AWS outputs share, and the client they describe."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pyrolens.aws.client import AwsClient, user_agent_extra
from pyrolens.aws.credentials import Cache, Chain, Provider
from pyrolens.aws.endpoint import Endpoint, from_environment, of_service, read_endpoint
from pyrolens.aws.places import Instance, Profiles, container, environment, profile
from pyrolens.aws.signer import Clock, Signer
from pyrolens.aws.sts import Sts, assumed, sts_endpoint, web_identity
from pyrolens.net import Client
from pyrolens.net.connect import Place
from pyrolens.net.proxy import from_environment as proxy_from_environment
from pyrolens.options import opt
from pyrolens.plugin import NET_IGNORED, TLS_IGNORED, Log, Net, Tls
from pyrolens.problems import ConfigError, Problem


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who calls, and in which region."""

    region: str | None = opt("AWS region; else AWS_REGION or AWS_DEFAULT_REGION.", default=None)
    role_arn: str | None = opt("Role to assume, for example in another account.", default=None)
    external_id: str | None = opt("External id that the role asks for.", default=None)
    sts_endpoint: str | None = opt("Another host or URL of STS, which assumes the role.", default=None)
    profile: str | None = opt("Profile of ~/.aws that holds the credentials.", default=None)


@dataclass(frozen=True, kw_only=True)
class Aws(Identity):
    """Who calls, and where."""

    endpoint: str | None = opt("Another host or URL of the service; http:// is spoken without TLS.", default=None)
    port: int | None = opt("Port of the endpoint.", default=None, low=1, high=65535)
    auto_retry_requests: bool = opt("Make a call that got no answer once more at once.", default=True)


AWS_IGNORED: Mapping[str, str] = {**NET_IGNORED, **TLS_IGNORED}
"""For `ignored` of AWS outputs."""


def region_of(identity: Identity, environ: Mapping[str, str] = os.environ) -> str | None:
    return identity.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None


def check_identity(identity: Identity, prefix: str = "") -> list[tuple[str, str]]:
    """(option, message) of what is missing or wrong."""
    found = []
    if not region_of(identity):
        found.append((f"{prefix}region", f"{prefix}region is needed, or AWS_REGION in the environment"))
    if identity.sts_endpoint:
        try:
            read_endpoint(identity.sts_endpoint)
        except ValueError as why:
            found.append((f"{prefix}sts_endpoint", f"{prefix}sts_endpoint is '{identity.sts_endpoint}': {why}"))
    return found


def check_aws(aws: Aws) -> list[tuple[str, str]]:
    found = check_identity(aws)
    if aws.endpoint:
        try:
            read_endpoint(aws.endpoint, aws.port)
        except ValueError as why:
            found.append(("endpoint", f"endpoint is '{aws.endpoint}': {why}"))
    return found


def signer_of(
    service: str,
    identity: Identity,
    net: Net,
    tls: Tls,
    log: Log | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Signer:
    """Signs for the service with the credentials that these options ask for. log: where it says what is wrong."""
    clock = Clock(log)
    credentials = credentials_of(identity, net, tls, environ, clock)
    return Signer(credentials, service, region_of(identity, environ) or "", clock)


def credentials_of(
    identity: Identity, net: Net, tls: Tls, environ: Mapping[str, str] = os.environ, clock: Clock | None = None
) -> Cache:
    """The credentials that these options ask for; nothing is asked before they are needed."""
    clock = clock or Clock()
    region = region_of(identity, environ) or "us-east-1"
    place = _place(sts_endpoint(identity.sts_endpoint, region, environ), net, tls, own=identity.sts_endpoint is None)
    # STS gets the very keys to everything: its certificate is always checked
    sts = Sts(Client(replace(place, tls=replace(place.tls, verify=True) if place.tls else None)), region, clock)
    places: list[tuple[str, Provider]] = [
        ("environment", environment(environ)),
        ("profile", profile(Profiles(environ, identity.profile), sts)),
        ("web identity", web_identity(environ, sts)),
        ("container", container(environ)),
        ("instance", Instance(environ)),
    ]
    chain = Cache(Chain(places), clock)
    if not identity.role_arn:
        return chain
    return Cache(
        Chain([(f"role {identity.role_arn}", assumed(chain.get, sts, identity.role_arn, identity.external_id))]), clock
    )


def _place(endpoint: Endpoint, net: Net, tls: Tls, *, own: bool) -> Place:
    """own: the host is AWS's, so its certificate must be for its name, whatever tls.verify_hostname says."""
    secure = replace(tls, verify_hostname=own or tls.verify_hostname) if endpoint.tls else None
    try:
        tunnel = None if net.proxy_env_ignore else proxy_from_environment(endpoint.host, endpoint.tls)
    except ValueError as why:
        raise ConfigError([Problem("bad-proxy", str(why))]) from None
    return Place(endpoint.host, endpoint.port, net, secure, tunnel)


def aws_client(
    service: str,
    target: str,
    aws: Aws,
    net: Net,
    tls: Tls,
    *,
    service_id: str,
    extra_user_agent: str | None = None,
    log: Log | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AwsClient:
    """service: as in host names and signatures. service_id: as in AWS_ENDPOINT_URL_<ID>."""
    region = region_of(aws, environ) or ""
    named = aws.endpoint or from_environment(service_id, environ)
    endpoint = read_endpoint(named, aws.port) if named else of_service(service, region)
    if aws.port and not named:
        endpoint = endpoint._replace(port=aws.port)
    return AwsClient(
        Client(_place(endpoint, net, tls, own=named is None)),
        signer_of(service, aws, net, tls, log, environ),
        target,
        user_agent=user_agent_extra(extra_user_agent),
        call_again=aws.auto_retry_requests,
    )
