"""An Alertmanager with the project's configuration, whose receivers are one web server here."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from servers.processes import JsonObject, get, served
from servers.prometheus import RESEND_SECONDS

# Long enough that all that fires on a server is known when the first of it is told.
GROUP_WAIT = f"{RESEND_SECONDS + 3}s"
CHAT = "/chat"
_CODE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Hook:
    """What was posted, by the path that it was posted to."""

    url: str = ""
    posted: list[tuple[str, JsonObject]] = field(default_factory=list)

    def alerts(self, name: str, receiver: str = "") -> list[JsonObject]:
        """The alerts of a name that were delivered to a receiver, or to any, each as it was told first."""
        found: dict[str, JsonObject] = {}
        for path, message in list(self.posted):
            if path != CHAT and receiver in {"", path.strip("/")}:
                for alert in message["alerts"]:
                    found.setdefault(alert["fingerprint"], alert)
        return [alert for alert in found.values() if alert["labels"]["alertname"] == name]

    def chats(self, name: str) -> list[JsonObject]:
        """What a chat was told of the alerts of a name: title and text."""
        chats = [message["attachments"][0] for path, message in list(self.posted) if path == CHAT]
        return [chat for chat in chats if name in chat["title"]]


@contextlib.contextmanager
def hook() -> Iterator[Hook]:
    """A web server that takes what is posted to it."""
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posted.append((self.path, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

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
    """The configuration, with each receiver's web hook at `url/RECEIVER`, and short waits.

    Each receiver has a chat as well, at the same server.  Templates are in `folder`.
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
    """The receiver for a chat, as a page shows it to people."""
    (example,) = (each for each in _CODE.findall(page.read_text()) if "slack_configs" in each)
    chat: JsonObject = yaml.safe_load(example)[0]["slack_configs"][0]
    return chat


# Debian's Alertmanager reads its templates below /usr/share, though it was unpacked somewhere else.
_WITH_TEMPLATES = (
    *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c"),
    'mount -t overlay -o "lowerdir=$1:/usr/share" none /usr/share && shift && exec "$@"',
    "sh",
)


@dataclass(frozen=True)
class Alertmanager:
    """A server that runs."""

    url: str

    def alerts(self) -> list[JsonObject]:
        """What it was told, with what became of it."""
        found: list[JsonObject] = get(f"{self.url}/api/v2/alerts")  # type: ignore[assignment]
        return found


@contextlib.contextmanager
def alertmanager(program: Path, folder: Path, address: str, configured: JsonObject) -> Iterator[Alertmanager]:
    """A server with this configuration, in a folder of its own."""
    folder.mkdir(parents=True)
    file = folder / "alertmanager.yml"
    file.write_text(json.dumps(configured))  # JSON is YAML
    command: list[str | Path] = [
        *_WITH_TEMPLATES,
        program.parents[1] / "share",
        program,
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with served(command, f"http://{address}/-/ready", folder / "log"):
        yield Alertmanager(f"http://{address}")
