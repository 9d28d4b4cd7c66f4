"""input prometheus_scrape.

Source: Fluent Bit 5.1.1 plugins/in_prometheus_scrape.
"""

import base64

from pyrolens.api import (
    NET_IGNORED,
    TLS_IGNORED,
    ConfigError,
    Input,
    InputEnv,
    Net,
    Problem,
    Seconds,
    Secret,
    Size,
    Source,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.inputs._scraping import Scraping
from pyrolens.net import Client, NetError
from pyrolens.net.connect import Place
from pyrolens.net.proxy import from_environment
from pyrolens.records.codecs.prometheus import read_prometheus


@plugin("prometheus_scrape")
class PrometheusScrape(Input):
    """Read metrics now and then from an endpoint in Prometheus' text format."""

    ignored = {
        **NET_IGNORED,
        **TLS_IGNORED,
        "tls.verify_client_cert": "servers ask for the certificates of their clients, and this is a client",
    }
    differs = ("Labels without a value stay what they are, but the order of labels may be another.",)

    host: str = opt("Host to ask.", default="localhost", last_wins=True)
    port: int = opt("Port to connect to.", default=9100, low=1, high=65535, last_wins=True)
    metrics_path: str = opt("Path of the metrics.", default="/metrics")
    scrape_interval: Seconds = opt("Seconds between two readings.", default=10.0)
    buffer_max_size: Size = opt("Bytes that an answer may have.", default=10 * 1024 * 1024)
    http_user: str | None = opt("User for basic authentication.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    bearer_token: Secret | None = opt("Token for bearer authentication.", default=None)
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def publishes(self, tag: str) -> str:
        return tag

    def open(self, env: InputEnv) -> Source:
        return PrometheusScrapeSource(self, env)


class PrometheusScrapeSource(Scraping):
    def __init__(self, plan: PrometheusScrape, env: InputEnv) -> None:
        """Raises: ConfigError."""
        super().__init__(env, plan.scrape_interval or 10.0, self._scrape)
        self.plan = plan
        try:
            tunnel = None if plan.net.proxy_env_ignore else from_environment(plan.host, plan.tls_on)
        except ValueError as why:
            raise ConfigError([Problem("bad-proxy", str(why))]) from None
        tls = plan.tls if plan.tls_on else None
        self.client = Client(Place(plan.host, plan.port, plan.net, tls, tunnel), again_when_closed=True)
        self.target = plan.metrics_path if plan.metrics_path.startswith("/") else f"/{plan.metrics_path}"
        self.headers = [("User-Agent", "Fluent-Bit")]
        if plan.http_user is not None:
            word = base64.b64encode(f"{plan.http_user}:{plan.http_passwd}".encode()).decode()
            self.headers.append(("Authorization", f"Basic {word}"))
        elif plan.bearer_token:
            self.headers.append(("Authorization", f"Bearer {plan.bearer_token}"))

    async def _scrape(self) -> None:
        try:
            # longer than the interval would be a reading of the past
            timeout = max(self.plan.scrape_interval, 10.0)
            answer = await self.client.request("GET", self.target, self.headers, timeout=timeout)
            if answer.status != 200:
                raise ValueError(f"HTTP {answer.status}: {' '.join(answer.text.split())[:200]}")
            if len(answer.body) > self.plan.buffer_max_size:
                raise ValueError(f"{len(answer.body)} bytes, and buffer_max_size is {self.plan.buffer_max_size}")
            metrics = read_prometheus(answer.body.decode("utf-8", "replace"), self.env.now())
        except (NetError, ValueError) as why:
            self.env.count("failed_scrapes")
            self.env.log.error("no metrics could be read", path=self.target, reason=str(why))
            return
        self.env.count("metrics_scrapes")
        if len(metrics):
            self.env.publish(self.env.tag, metrics)

    async def stop(self) -> None:
        await super().stop()
        await self.client.close()
