"""Task definitions for the examples of rules."""

LOGS = '{"logDriver": "awslogs", "options": {"awslogs-group": "/router", "awslogs-region": "us-east-1"}}'
USES = '{"logDriver": "awsfirelens", "options": {"Name": "null"}}'
FIRELENS = '{"type": "fluentbit"}'
ROLES = '"executionRoleArn": "arn:aws:iam::123456789012:role/start",\n '


def task(
    log: str = USES, firelens: str = FIRELENS, *, router: str = "", app: str = "", head: str = ROLES, logs: str = LOGS
) -> str:
    """A task definition for an example, with an application and its router."""
    of_router = f',\n   "firelensConfiguration": {firelens}' if firelens else ""
    own = f',\n   "logConfiguration": {logs}' if logs else ""
    image = "" if '"image"' in router else ', "image": "router:1.2.3"'
    return (
        f'{{"family": "shop", "networkMode": "awsvpc",\n {head}"containerDefinitions": [\n'
        f'  {{"name": "app", "image": "shop:1"{app},\n   "logConfiguration": {log}}},\n'
        f'  {{"name": "log_router"{image}{router}{of_router}{own}}}\n]}}\n'
    )


FARGATE = '"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",\n '
FILE = '{"type": "fluentbit", "options": {"config-file-type": "file", "config-file-value": %s}}'
HEALTH = ',\n   "healthCheck": {"command": ["CMD-SHELL", "%s"]}'
ON = ', "environment": [{"name": "PYROLENS_HTTP_SERVER", "value": "on"}]'
CHECK = "curl -f http://127.0.0.1:2020/api/v1/%s"
DATADOG = '{"logDriver": "awsfirelens", "options": {"Name": "datadog", "TLS": "on"%s},\n    "secretOptions": [%s]}'
KEY = '{"name": "apikey", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/key"}'
SECRET_KEY = KEY.replace('"apikey"', '«"apikey"»')
