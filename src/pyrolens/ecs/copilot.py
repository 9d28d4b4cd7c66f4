"""The manifest of a service in AWS Copilot: the task that Copilot makes of it, as far as FireLens is concerned.

Source: aws/copilot-cli, templates of workloads (logconfig.yml, sidecars.yml) and the manifest's documentation.
"""

from typing import Any

from pyrolens.language.json import Node
from pyrolens.problems import Place

SERVICES = ("Load Balanced Web Service", "Backend Service", "Worker Service", "Scheduled Job")
"""Kinds that run on ECS."""
ROUTER = "firelens_log_router"
IMAGE = "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable"
WITHOUT_ROUTER = {"retention"}
"""What `logging` may say without asking for a router."""


def is_manifest(root: Node) -> bool:
    kind = root.get("type")
    return kind is not None and kind.value in SERVICES and root.get("name") is not None


def asks_for_router(logging: Node) -> bool:
    return any(key not in WITHOUT_ROUTER for key, _ in logging.items())


def task(root: Node, environment: str) -> Node:
    """As ECS takes it. `environment`: whose overrides count; "": none."""
    own = ((root.get("environments") or root).get(environment) if environment else None) or Node({}, root.place)
    root = _merged(root, own)
    name = root.get("name") or root
    containers = [_workload(root, name)]
    logging = root.get("logging")
    if logging and asks_for_router(logging):
        containers.append(_router(logging))
    sidecars = root.get("sidecars")
    for key, sidecar in sidecars.items() if sidecars else ():
        containers.append(_sidecar(key, sidecar))
    at = root.place
    members = {
        "family": name,
        "networkMode": Node("awsvpc", at),
        "requiresCompatibilities": Node([Node("FARGATE", at)], at),
        "containerDefinitions": Node(containers, at),
    }
    members |= {key: size for key in ("cpu", "memory") if (size := root.get(key))}
    return Node(members, at)


def _merged(base: Node, own: Node) -> Node:
    if not (isinstance(base.value, dict) and isinstance(own.value, dict)):
        return own
    return Node({**base.value, **{k: _merged(base.value.get(k, v), v) for k, v in own.items()}}, base.place)


def _workload(root: Node, name: Node) -> Node:
    image = root.get("image") or root
    members = _container(name, image.get("location"), root)
    port = image.get("port")
    if port:
        members["portMappings"] = Node([Node({"containerPort": port}, port.place)], port.place)
    if command := root.get("command"):
        members["command"] = _words(command)
    if entry := root.get("entrypoint"):
        members["entryPoint"] = _words(entry)
    logging = root.get("logging")
    if logging and asks_for_router(logging):
        at = logging.place
        log = {"logDriver": Node("awsfirelens", at)}
        if options := logging.get("destination"):
            log["options"] = Node({k: _text(v) for k, v in options.items()}, options.place, options.key_place)
        if secrets := logging.get("secretOptions"):
            log["secretOptions"] = _secrets(secrets)
        members["logConfiguration"] = Node(log, at, logging.key_place)
    return Node(members, name.place)


def _router(logging: Node) -> Node:
    at = logging.key_place or logging.place
    metadata = logging.get("enableMetadata")
    options = {"enable-ecs-log-metadata": _text(metadata) if metadata else Node("true", at)}
    if path := logging.get("configFilePath"):
        options |= {"config-file-type": Node("file", path.place), "config-file-value": path}
    members = _container(Node(ROUTER, at), logging.get("image") or Node(IMAGE, at), logging)
    firelens = {"type": Node("fluentbit", at), "options": Node(options, at)}
    members["firelensConfiguration"] = Node(firelens, logging.place, at)
    members["logConfiguration"] = _own_log(at)
    return Node(members, at)


def _sidecar(name: str, sidecar: Node) -> Node:
    at = sidecar.key_place or sidecar.place
    members = _container(Node(name, at), sidecar.get("image"), sidecar)
    return Node({**members, "logConfiguration": _own_log(at)}, at)


def _own_log(at: Place) -> Node:
    """Of the router and of sidecars: the log group of the service."""
    options = {"awslogs-region": "<AWS::Region>", "awslogs-group": "<LogGroup>", "awslogs-stream-prefix": "copilot"}
    log = {"logDriver": Node("awslogs", at), "options": Node({k: Node(v, at, at) for k, v in options.items()}, at)}
    return Node(log, at, at)


def _container(name: Node, image: Node | None, said: Node) -> dict[str, Node]:
    members = {"name": name}
    if image and isinstance(image.value, str):
        members["image"] = image
    variables = said.get("variables")
    pairs = (
        [Node({"name": Node(k, v.place), "value": _text(v)}, v.place) for k, v in variables.items()]
        if variables
        else []
    )
    # COPILOT_ENVIRONMENT_NAME and others, and what the addons give out
    members["environment"] = Node([*pairs, Node("<variables of Copilot>", name.place)], name.place)
    if secrets := said.get("secrets"):
        members["secrets"] = _secrets(secrets)
    return members


def _secrets(secrets: Node) -> Node:
    """A name of SSM, or {secretsmanager: name}."""
    out = []
    for name, source in secrets.items():
        kept = source.get("secretsmanager") or source
        value: Any = kept.value if isinstance(kept.value, str) else f"<{name}>"
        at = source.key_place or source.place
        out.append(Node({"name": Node(name, at), "valueFrom": Node(value, kept.place)}, at))
    return Node(out, secrets.place)


def _text(node: Node) -> Node:
    value = node.value
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, (int, float)):
        value = str(value)
    elif not isinstance(value, str):
        value = "<map>"
    return Node(value, node.place, node.key_place)


def _words(node: Node) -> Node:
    if isinstance(node.value, str):
        return Node([Node(word, node.place) for word in node.value.split()], node.place, node.key_place)
    return node
