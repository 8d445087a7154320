"""The state of a fake API server: pods, logs, StatefulSets and Events, and how requests change them.

It enforces the rules that a client must follow: the bearer header, resource versions and UID preconditions,
the strategic merge of a template's containers, and `Status` objects for errors. Nothing runs: tests
simulate the kubelet and the controllers with `on_create`, `after_patch` and the objects.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JsonObject = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
MESSAGE_CHARACTERS = 1024
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
GROUPS = {"statefulsets": "apps"}
VERBS = {"GET": "get", "POST": "create", "DELETE": "delete", "PATCH": "patch"}


@dataclass(frozen=True)
class Fault:
    """The fault of one request: an answer with this status, a delayed answer, or a broken connection."""

    status: int = 0
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay_seconds: float = 0.0
    drop: bool = False
    after_serving: bool = False
    """Whether the request is carried out first, so that only its answer is lost."""


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: JsonObject | None


class FakeApiServer:
    """The server's state; `fake_api_server.serving` serves it.

    `denied` lists what no Role allows: the verb and the resource, with the name if only one object is
    denied, and the message of the refusal.
    """

    def __init__(self) -> None:
        self.url = ""
        self.token = "the-token"
        self.denied: dict[tuple[str, ...], str] = {}
        self.pods: dict[str, JsonObject] = {}
        self.stateful_sets: dict[str, JsonObject] = {}
        self.claims: dict[str, JsonObject] = {}
        self.logs: dict[str, str] = {}
        self.previous_logs: dict[str, str] = {}
        self.events: list[JsonObject] = []
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.on_create: Callable[[JsonObject], None] = lambda _pod: None
        self.before_patch: Callable[[JsonObject], None] = lambda _stateful_set: None
        self.after_patch: Callable[[JsonObject], None] = lambda _stateful_set: None
        self.deleted: list[str] = []
        self.reads_until_gone = 0
        self._versions = 100
        self._lock = threading.RLock()

    def made(self, method: str) -> list[Request]:
        """Return the requests with one HTTP method, in order."""
        return [each for each in self.requests if each.method == method]

    def add(self, kept: dict[str, JsonObject], found: JsonObject) -> JsonObject:
        """Store an object with a new resource version, as the server does."""
        kept[found["metadata"]["name"]] = found
        self.touch(found)
        return found

    def touch(self, found: JsonObject) -> None:
        """Give an object a new resource version, as a change by another client does."""
        self._versions += 1
        found["metadata"]["resourceVersion"] = str(self._versions)

    def serve(self, request: Request) -> Response:
        """Carry out a request and return the response."""
        with self._lock:
            if request.headers.get("authorization", "").lower() != f"bearer {self.token}":
                return status_response(HTTPStatus.UNAUTHORIZED, "Unauthorized")
            if request.path == REVIEWS:
                return self._review(request)
            parts = request.path.strip("/").split("/")
            kind, name, subresource = ([*parts[parts.index("namespaces") + 2 :], "", ""])[:3]
            resource = f"{kind}/{subresource}" if subresource else kind
            refusal = self._refusal(VERBS[request.method], resource, name)
            if refusal is not None:
                return status_response(HTTPStatus.FORBIDDEN, refusal)
            return self._carried_out(request, resource, name)

    def _refusal(self, verb: str, resource: str, name: str) -> str | None:
        return self.denied.get((verb, resource), self.denied.get((verb, resource, name)))

    def _review(self, request: Request) -> Response:
        """Review an access as the API server does: check the permission, not whether the object exists."""
        refusal = self.denied.get(("create", "selfsubjectaccessreviews"))
        if refusal is not None:
            return status_response(HTTPStatus.FORBIDDEN, refusal)
        review = request.body or {}
        asked = review["spec"]["resourceAttributes"]
        kind, subresource = asked["resource"], asked.get("subresource", "")
        if asked.get("group", "") != GROUPS.get(kind, ""):
            return _json(HTTPStatus.CREATED, {**review, "status": {"allowed": False}})
        resource = f"{kind}/{subresource}" if subresource else kind
        refusal = self._refusal(asked["verb"], resource, asked.get("name", ""))
        return _json(HTTPStatus.CREATED, {**review, "status": {"allowed": refusal is None}})

    def _carried_out(self, request: Request, resource: str, name: str) -> Response:
        body = request.body or {}
        match (request.method, resource):
            case ("GET", "pods/log"):
                return self._log(name, request)
            case ("GET", _):
                return self._read(resource, name)
            case ("POST", "pods" | "events"):
                return self._create(body) if resource == "pods" else self._create_event(body)
            case ("DELETE", "pods"):
                return self._delete(name, body)
            case ("PATCH", "statefulsets"):
                return self._patch(name, request)
        return status_response(HTTPStatus.METHOD_NOT_ALLOWED, "the server does not allow this method")

    def _read(self, kind: str, name: str) -> Response:
        kinds = {
            "pods": self.pods,
            "statefulsets": self.stateful_sets,
            "persistentvolumeclaims": self.claims,
        }
        found = kinds[kind].get(name)
        if found and kind == "pods" and "deletionTimestamp" in found["metadata"]:
            self.reads_until_gone -= 1
            if self.reads_until_gone < 0:
                del self.pods[name]
                found = None
        return _json(HTTPStatus.OK, found) if found else _missing(kind, name)

    def _log(self, name: str, request: Request) -> Response:
        if name not in self.pods:
            return _missing("pods", name)
        logs = self.previous_logs if request.query.get("previous") == "true" else self.logs
        if logs is self.previous_logs and name not in logs:
            container = request.query["container"]
            return status_response(
                HTTPStatus.BAD_REQUEST,
                f'previous terminated container "{container}" in pod "{name}" not found',
            )
        lines = logs.get(name, "").splitlines(keepends=True)
        tail = "".join(lines[-int(request.query.get("tailLines", len(lines) or 1)) :])
        # As in the kubelet, the limit in bytes cuts off the end of the tail.
        text = tail.encode()[: int(request.query["limitBytes"])]
        return HTTPStatus.OK, {"Content-Type": "text/plain"}, text

    def _create_event(self, event: JsonObject) -> Response:
        metadata, about = event["metadata"], event["involvedObject"]
        if metadata["namespace"] != about["namespace"]:
            return status_response(
                HTTPStatus.UNPROCESSABLE_ENTITY, "involvedObject.namespace: does not match event.namespace"
            )
        if len(event["message"]) > MESSAGE_CHARACTERS:
            return status_response(
                HTTPStatus.UNPROCESSABLE_ENTITY, "message: can have at most 1024 characters"
            )
        if any(each["metadata"]["name"] == metadata["name"] for each in self.events):
            return status_response(HTTPStatus.CONFLICT, f'events "{metadata["name"]}" already exists')
        self.events.append(event)
        return _json(HTTPStatus.CREATED, event)

    def _create(self, pod: JsonObject) -> Response:
        name = pod["metadata"]["name"]
        if name in self.pods:
            return status_response(HTTPStatus.CONFLICT, f'pods "{name}" already exists')
        pod["metadata"]["uid"] = f"uid-{self._versions}"
        pod["status"] = {"phase": "Pending"}
        self.add(self.pods, pod)
        self.on_create(pod)
        return _json(HTTPStatus.CREATED, pod)

    def _delete(self, name: str, options: JsonObject) -> Response:
        pod = self.pods.get(name)
        if pod is None:
            return _missing("pods", name)
        wanted, uid = options.get("preconditions", {}).get("uid"), pod["metadata"]["uid"]
        if wanted and wanted != uid:
            return status_response(
                HTTPStatus.CONFLICT, f"the UID in the precondition ({wanted}) is not {uid}"
            )
        self.deleted.append(uid)
        if self.reads_until_gone:
            pod["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"
        else:
            del self.pods[name]
        return _json(HTTPStatus.OK, pod)

    def _patch(self, name: str, request: Request) -> Response:
        found = self.stateful_sets.get(name)
        if found is None:
            return _missing("statefulsets.apps", name)
        if request.headers.get("content-type") != "application/strategic-merge-patch+json":
            return status_response(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not a strategic merge patch")
        self.before_patch(found)
        patch = request.body or {}
        if patch["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            return status_response(
                HTTPStatus.CONFLICT, "the object has been modified; apply your changes to the latest"
            )
        before = copy.deepcopy(found["spec"])
        _merge_template(found["spec"]["template"], patch["spec"]["template"])
        if found["spec"] != before:
            found["metadata"]["generation"] += 1
        self.touch(found)
        self.after_patch(found)
        return _json(HTTPStatus.OK, found)


def _merge_template(template: JsonObject, patch: JsonObject) -> None:
    annotations = template.setdefault("metadata", {}).setdefault("annotations", {})
    annotations.update(patch["metadata"]["annotations"])
    by_name = {each["name"]: each for each in template["spec"]["containers"]}
    for change in patch["spec"]["containers"]:
        by_name[change["name"]].update(change)


def _json(status: int, found: JsonObject) -> Response:
    return status, {"Content-Type": "application/json"}, json.dumps(found).encode()


def status_response(status: int, message: str) -> Response:
    return _json(status, {"kind": "Status", "status": "Failure", "message": message, "code": int(status)})


def _missing(kind: str, name: str) -> Response:
    return status_response(HTTPStatus.NOT_FOUND, f'{kind} "{name}" not found')
