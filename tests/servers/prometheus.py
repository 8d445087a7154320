"""A Prometheus server: what it is told, and what it is asked."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers.processes import JsonObject, get, served
from support.simulated_builds import free_port

# So soon an Alertmanager that is started later hears of what fires already; four times as long it remembers it.
RESEND_SECONDS = 5


class QueryError(AssertionError):
    """An expression did not run, or with a warning."""


@dataclass(frozen=True)
class Prometheus:
    """A server that runs: its version as these tests call it, and its address."""

    version: str
    url: str

    def range(self, expression: str, start: float, end: float, step_seconds: float = 1.0) -> list[JsonObject]:
        """The series of an expression over a span of time.

        Raises:
            QueryError: it does not run, or with a warning.
        """
        span = [("start", f"{start:.3f}"), ("end", f"{end:.3f}"), ("step", str(step_seconds))]
        return self._result(expression, "query_range", [("query", expression), *span])

    def now(self, expression: str) -> list[JsonObject]:
        """The series of an expression at this moment.

        Raises:
            QueryError: it does not run, or with a warning.
        """
        return self._result(expression, "query", [("query", expression)])

    def labels(self, start: float, end: float, selector: str) -> dict[str, set[str]]:
        """The labels of each metric that a selector matched in a span of time, by the metric's name."""
        span = [("start", f"{start:.3f}"), ("end", f"{end:.3f}"), ("match[]", selector)]
        found: dict[str, set[str]] = {}
        for series in get(f"{self.url}/api/v1/series", span)["data"]:
            found.setdefault(series["__name__"], set()).update(series.keys() - {"__name__"})
        return found

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = get(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def rule_groups(self) -> list[JsonObject]:
        """The rules that are loaded, and how they fare."""
        groups: list[JsonObject] = get(f"{self.url}/api/v1/rules")["data"]["groups"]
        return groups

    def _result(self, expression: str, path: str, parameters: Sequence[tuple[str, str]]) -> list[JsonObject]:
        answer = get(f"{self.url}/api/v1/{path}", parameters)
        if answer["status"] != "success":
            raise QueryError(f"{self.version}: {expression}: {answer['error']}")
        # Its mere remarks ("might not be a counter") go by the name alone: a recording rule's is made otherwise.
        if answer.get("warnings"):
            raise QueryError(f"{self.version}: {expression}: {'; '.join(answer['warnings'])}")
        result: list[JsonObject] = answer["data"]["result"]
        return result


@dataclass(frozen=True)
class Target:
    """What is scraped, with the labels that its operator's discovery attaches."""

    address: str
    labels: Mapping[str, str]
    path: str = "/metrics"


def configuration(
    targets: Sequence[Target],
    job: str,
    rules: Sequence[Path],
    alertmanagers: Sequence[str] = (),
    scrape_seconds: int = 1,
    evaluation_seconds: int = 1,
) -> JsonObject:
    """Scrape and evaluate every so many seconds; alerts go to Alertmanagers at host:port."""
    configured: JsonObject = {
        "global": {
            "scrape_interval": f"{scrape_seconds}s",
            "scrape_timeout": f"{scrape_seconds}s",
            "evaluation_interval": f"{evaluation_seconds}s",
        },
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {
                        "targets": [each.address],
                        "labels": {**each.labels, "__metrics_path__": each.path},
                    }
                    for each in targets
                ],
            }
        ],
    }
    if alertmanagers:
        configured["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]}
    return configured


@contextlib.contextmanager
def prometheus(version: str, program: Path, folder: Path, configured: JsonObject) -> Iterator[Prometheus]:
    """A server with this configuration, in a folder of its own."""
    folder.mkdir(parents=True)
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configured))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
        f"--rules.alert.resend-delay={RESEND_SECONDS}s",
    ]
    with served(command, f"http://{address}/-/ready", folder / "log"):
        yield Prometheus(version, f"http://{address}")
