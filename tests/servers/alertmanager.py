"""An Alertmanager with the project's configuration, whose receivers are one local web server."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from servers.processes import JsonObject, get, served
from servers.prometheus import RESEND_SECONDS, Prometheus
from support.local_life import ROOT
from support.simulated_builds import eventually

# Long enough that a server has sent all firing alerts before the first notification.
GROUP_WAIT = f"{RESEND_SECONDS + 3}s"
CHAT = "/chat"
ALERTS = ROOT / "alerts"
DELIVERY_SECONDS = 90.0
_CODE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Hook:
    """The posted notifications, each with the path that it was posted to."""

    url: str = ""
    posted: list[tuple[str, JsonObject]] = field(default_factory=list)

    def alerts(self, name: str, receiver: str = "") -> list[JsonObject]:
        """Return the first delivery of each alert with this name to one receiver, or to any."""
        found: dict[str, JsonObject] = {}
        for path, message in list(self.posted):
            if path != CHAT and receiver in {"", path.strip("/")}:
                for alert in message["alerts"]:
                    found.setdefault(alert["fingerprint"], alert)
        return [alert for alert in found.values() if alert["labels"]["alertname"] == name]

    def chats(self, name: str) -> list[JsonObject]:
        """Return the title and the text of the chat messages about alerts with this name."""
        chats = [message["attachments"][0] for path, message in list(self.posted) if path == CHAT]
        return [chat for chat in chats if name in chat["title"]]


@contextlib.contextmanager
def hook() -> Iterator[Hook]:
    """Run a web server that records the requests posted to it."""
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posted.append((self.path, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="hook")
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def delivering(configured: JsonObject, chat: JsonObject, url: str, folder: Path) -> JsonObject:
    """Return the configuration with short waits, and with each receiver's webhook at `url/RECEIVER`.

    Each receiver also has a chat on the same web server. The templates are read from `folder`.
    """
    found = copy.deepcopy(configured)
    found["templates"] = [str(folder / template) for template in found["templates"]]
    for receiver in found["receivers"]:
        for each in receiver["webhook_configs"]:
            each["url"] = f"{url}/{receiver['name']}"
        receiver["slack_configs"] = [{**chat, "api_url": f"{url}{CHAT}"}]
    routes = [found["route"]]
    while routes:
        route = routes.pop()
        routes += route.get("routes", ())
        route |= {"group_wait": GROUP_WAIT, "group_interval": GROUP_WAIT}
    return found


def chat_of(page: Path) -> JsonObject:
    """Return the chat receiver of the example on a page of the documentation."""
    (example,) = (each for each in _CODE.findall(page.read_text()) if "slack_configs" in each)
    chat: JsonObject = yaml.safe_load(example)[0]["slack_configs"][0]
    return chat


def command_of(program: Path) -> list[str]:
    """Return the command that runs Debian's Alertmanager, without its flags.

    It reads its templates below /usr/share, although it is unpacked elsewhere.
    """
    return [
        *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c"),
        'mount -t overlay -o "lowerdir=$1:/usr/share" none /usr/share && shift && exec "$@"',
        "sh",
        str(program.parents[1] / "share"),
        str(program),
    ]


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager."""

    url: str

    def alerts(self) -> list[JsonObject]:
        """Return the alerts that the Alertmanager received, with their states."""
        found: list[JsonObject] = get(f"{self.url}/api/v2/alerts")  # type: ignore[assignment]
        return found


@contextlib.contextmanager
def alertmanager(program: Path, folder: Path, address: str, configured: JsonObject) -> Iterator[Alertmanager]:
    """Run an Alertmanager with this configuration in a folder of its own."""
    folder.mkdir(parents=True)
    file = folder / "alertmanager.yml"
    file.write_text(json.dumps(configured))  # JSON is valid YAML
    command: list[str | Path] = [
        *command_of(program),
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with served(command, f"http://{address}/-/ready", folder / "log"):
        yield Alertmanager(f"http://{address}")


@dataclass(frozen=True)
class Delivery:
    """An Alertmanager, the server that notifies it, and the receivers that it delivers to."""

    server: Prometheus
    alertmanager: Alertmanager
    hook: Hook

    def await_all(self, fire: set[str], delivered: Sequence[str]) -> None:
        """Wait until the alerts `fire` have arrived, and the alerts `delivered` are delivered."""
        self.until(lambda: self.server.firing() >= fire, "all alerts fire")
        self.until(lambda: {each["labels"]["alertname"] for each in self.received()} >= fire, "all arrived")
        self.until(
            lambda: all(self.hook.alerts(name) for name in delivered),
            f"{' and '.join(delivered)} are delivered",
        )

    def received(self, name: str = "", run: str = "") -> list[JsonObject]:
        """Return the alerts that the Alertmanager received, optionally only those of one name or one run."""
        return [
            each
            for each in self.alertmanager.alerts()
            if name in {"", each["labels"]["alertname"]} and run in {"", each["labels"].get("run")}
        ]

    def delivered_runs(self, name: str) -> set[str]:
        """Return the runs whose alerts with this name were delivered."""
        return {each["labels"]["run"] for each in self.hook.alerts(name)}

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait until a condition is true."""
        eventually(true, f"{what}; {self.server.version} has {self.server.firing()}", DELIVERY_SECONDS)


@contextlib.contextmanager
def delivery(
    server: Prometheus, program: Path, folder: Path, address: str, **changes: object
) -> Iterator[Delivery]:
    """Run an Alertmanager with the project's configuration, apart from receiver addresses and the changes."""
    configured: dict[str, Any] = yaml.safe_load((ALERTS / "alertmanager.yaml").read_text())
    with hook() as receivers:
        configuration = delivering(configured | changes, chat_of(ALERTS / "README.md"), receivers.url, ALERTS)
        with alertmanager(program, folder, address, configuration) as running:
            yield Delivery(server, running, receivers)
