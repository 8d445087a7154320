"""A Prometheus server: its configuration and its queries."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers.processes import JsonObject, get, served
from support.simulated_builds import free_port

# An Alertmanager that starts later receives firing alerts within this time, and keeps them for four times
# as long.
RESEND_SECONDS = 5


class QueryError(AssertionError):
    """An expression failed, or returned a warning."""


@dataclass(frozen=True)
class Prometheus:
    """A running server: its address, and its version as these tests name it."""

    version: str
    url: str

    def range(self, expression: str, start: float, end: float, step_seconds: float = 1.0) -> list[JsonObject]:
        """Return the series of an expression over a time span.

        Raises:
            QueryError: the expression failed, or returned a warning.
        """
        span = [("start", f"{start:.3f}"), ("end", f"{end:.3f}"), ("step", str(step_seconds))]
        return self._result(expression, "query_range", [("query", expression), *span])

    def now(self, expression: str, at: float | None = None) -> list[JsonObject]:
        """Return the current series of an expression, or those at a Unix time.

        Raises:
            QueryError: the expression failed, or returned a warning.
        """
        time = [] if at is None else [("time", f"{at:.3f}")]
        return self._result(expression, "query", [("query", expression), *time])

    def labels(self, start: float, end: float, selector: str) -> dict[str, set[str]]:
        """Return the labels of each metric that a selector matched in a time span, by metric name."""
        span = [("start", f"{start:.3f}"), ("end", f"{end:.3f}"), ("match[]", selector)]
        found: dict[str, set[str]] = {}
        for series in get(f"{self.url}/api/v1/series", span)["data"]:
            found.setdefault(series["__name__"], set()).update(series.keys() - {"__name__"})
        return found

    def firing(self) -> set[str]:
        """Return the names of the firing alerts."""
        alerts = get(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def rule_groups(self) -> list[JsonObject]:
        """Return the loaded rules and their health."""
        groups: list[JsonObject] = get(f"{self.url}/api/v1/rules")["data"]["groups"]
        return groups

    def _result(self, expression: str, path: str, parameters: Sequence[tuple[str, str]]) -> list[JsonObject]:
        answer = get(f"{self.url}/api/v1/{path}", parameters)
        if answer["status"] != "success":
            raise QueryError(f"{self.version}: {expression}: {answer['error']}")
        # Informational annotations ("might not be a counter") are ignored: they judge a metric by its name
        # alone, and recording rules use other names.
        if answer.get("warnings"):
            raise QueryError(f"{self.version}: {expression}: {'; '.join(answer['warnings'])}")
        result: list[JsonObject] = answer["data"]["result"]
        return result


@dataclass(frozen=True)
class Target:
    """A scrape target, with the labels that service discovery attaches to it."""

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
    """Return a configuration with these intervals in seconds, and with Alertmanagers as HOST:PORT."""
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
def prometheus(
    version: str, program: Path, folder: Path, configured: JsonObject, *flags: str
) -> Iterator[Prometheus]:
    """Run a server with this configuration and these flags in a folder, which may have data in `data`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configured))  # JSON is valid YAML
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
        f"--rules.alert.resend-delay={RESEND_SECONDS}s",
        *flags,
    ]
    with served(command, f"http://{address}/-/ready", folder / "log"):
        yield Prometheus(version, f"http://{address}")
