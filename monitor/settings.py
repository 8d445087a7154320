"""The settings of each command: flags, `BOOTSTRAP_MONITOR_…` variables and defaults.

A flag takes precedence over a variable. Each command has its own class, so that its flags follow its name.
`monitor.flags` reads the settings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import durationpy
from pydantic import Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import core_schema
from pydantic_settings import BaseSettings, CliPositionalArg, SettingsConfigDict

from monitor.avalanchego.conventions import HTTP_PORT
from monitor.domain.comparison import MAX_RUNS as MAX_COMPARED
from monitor.domain.comparison import MIN_RUNS as MIN_COMPARED
from monitor.domain.duration import duration_text
from monitor.domain.policy import Policy
from monitor.domain.status import HISTORY_SHOWN
from monitor.domain.workload import SyncMode

# Go's durations, and days of 24 h. durationpy accepts more: `1w`, `-1m`, and `1m-30s` as 90 s.
_GRAMMAR = re.compile(r"(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h|d))+")
_MAX_SECONDS = 2**63 // 10**9  # a Go duration has 63 bits of nanoseconds; longer waits are not possible here

ENVIRONMENT_PREFIX = "BOOTSTRAP_MONITOR_"
DEFAULT_PORT = 9641
_MAX_PORT = 65535
MAX_HISTORY = 100_000
_HOST_AND_PORT = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?", re.ASCII)
_TOKEN = re.compile(r"clear:([A-Za-z0-9]+)")
_OF_THIS_POD = {"namespace": "POD_NAMESPACE", "pod_name": "POD_NAME", "pod_uid": "POD_UID"}


class Duration(float):
    """A positive duration in seconds, written as in Go, also in days (`14d`)."""

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Parse a duration.

        Raises:
            ValueError: the text is not a duration, or the duration is not positive or is too long.
        """
        if isinstance(text, Duration):
            return text
        if not isinstance(text, str) or not _GRAMMAR.fullmatch(text):
            raise ValueError("it must be a duration such as 30s, 1m30s, 12h or 14d")
        try:
            seconds = cls(durationpy.from_str(text).total_seconds())
        except ValueError:
            seconds = cls("inf")  # the grammar matched, so the value is out of range
        if seconds <= 0:
            raise ValueError("it must be longer than zero")
        if seconds >= _MAX_SECONDS:
            raise ValueError("it must be shorter than 292 years")
        return seconds

    def __str__(self) -> str:
        """Return the duration as short text for people, such as `1m30s`."""
        return duration_text(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> core_schema.CoreSchema:
        """Return the pydantic schema, which calls `parse`."""
        return core_schema.no_info_plain_validator_function(cls.parse)


class CommonSettings(BaseSettings):
    """The settings of every command for a tester."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_prefix_target="all",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_exit_on_error=False,
        cli_show_env_vars=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
        use_attribute_docstrings=True,
        validate_default=True,
        frozen=True,
        defer_build=True,  # each command needs the validator of one class only
        extra="forbid",
    )

    without_use: ClassVar[frozenset[str]] = frozenset()
    """Settings that have no effect on this command: it ignores their variables and has no such flags."""

    data_dir: Path
    """Folder of the ledger; the node's data is in its subfolder avalanchego."""

    log_format: Literal["auto", "plain", "colors", "json"] = "auto"
    """Format of log lines; auto: colors on a terminal, otherwise plain."""

    debug: bool = False
    """Log more, and show tracebacks."""

    @field_validator("data_dir", mode="before")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        if value == "":
            raise ValueError("it must name a folder")
        return value


class TesterSettings(CommonSettings):
    """The identity of a tester, and the limits by which it judges runs."""

    tester: str = ""
    """Name of the tester; default: that of the StatefulSet, or the network and the sync mode."""

    testbed: str = "default"
    """Name of the environment that the node runs in; only runs on the same testbed are compared."""

    network: str = ""
    """Network of the node, if the monitor cannot read it from the node's configuration."""

    sync_mode: Literal["c-chain-state-sync", "only-p-chain-full-sync", "full-sync"] | None = None
    """Sync mode of the node, if the monitor cannot read it from the node's configuration."""

    rolling_tag: Annotated[str, Field(min_length=1)] = "latest"
    """Tag of the newest build."""

    on_new_build: Literal["finish", "restart"] = "finish"
    """What to do with the open run when a new build is found: finish it, or restart with the new build."""

    confirm_regressions: bool = True
    """Bootstrap a build once more, before any newer one, if its run is suspected of a regression or is its first
    failure."""

    retest_after: Duration | None = None
    """Bootstrap the newest build again this long after the last run started, if there is no newer build; useful where
    new builds are rare, such as 7d under a release tag."""

    soak: Duration = Duration(300)
    """How long the node must stay healthy before a run succeeds."""

    disk_floor: Annotated[float, Field(ge=0, lt=100, allow_inf_nan=False)] = 10.0
    """Percentage of the volume that must be free. Set it with the node's own limit, below which the node never
    reports itself healthy: --system-tracker-disk-warning-available-space-percentage."""

    start_timeout: Duration = Duration(3600)
    """How long the node's container may fail to start, for example for lack of its image, before the run fails."""

    crash_limit: Annotated[int, Field(ge=1)] = 5
    """Number of restarts of the node, without progress between them, after which the run fails."""

    unhealthy_timeout: Duration = Duration(3600)
    """How long a bootstrapped node may be unhealthy, or the volume below --disk-floor, before the run fails."""

    stall_warning: Duration = Duration(1800)
    """Time without progress after which the run is shown as stalled, or its progress as unknown."""

    stall_timeout: Duration = Duration(43200)
    """Time without progress after which the run fails, at least --stall-warning; twice as long while the node
    compacts, executes or syncs its state."""

    deadline: Duration | Literal["auto"] = "auto"
    """How long a run may be open; auto: three times the usual time, but at most 14 days (full-sync: 60)."""

    adopt: str = ""
    """What to do with a node's data that no ledger describes: keep, or clear:TOKEN with the token of the error."""

    health_check_interval: Duration = Duration(10)
    """How often to poll the node; in a pod once a minute while the tester is idle."""

    disk_check_interval: Duration = Duration(300)
    """How often to measure the node's data; once an hour while the tester is idle."""

    holder_timeout: Duration = Duration(300)
    """Time without a heartbeat after which the lease of another holder of the volume expires."""

    node_url: str = f"http://127.0.0.1:{HTTP_PORT}"
    """URL of the node's API."""

    node_timeout: Duration = Duration(5)
    """Timeout of a request to the node."""

    @property
    def settled_sync_mode(self) -> SyncMode | None:
        """The sync mode that `--sync-mode` sets; `None` if it is not set."""
        return None if self.sync_mode is None else SyncMode(self.sync_mode)

    @field_validator("stall_timeout")
    @classmethod
    def _warned_before(cls, value: Duration, info: ValidationInfo) -> Duration:
        warning = info.data.get("stall_warning")
        if warning is not None and warning > value:
            raise ValueError(f"it must not be shorter than --stall-warning, which is {warning}")
        return value

    @field_validator("deadline", mode="before")
    @classmethod
    def _auto_or_duration(cls, value: object) -> object:
        try:
            return value if value == "auto" else Duration.parse(value)
        except ValueError as error:
            raise ValueError(str(error).replace("it must be a", "it must be auto or a")) from error

    @field_validator("adopt")
    @classmethod
    def _known_adoption(cls, value: str) -> str:
        if value in {"", "keep"} or _TOKEN.fullmatch(value):
            return value
        raise ValueError("it must be keep or clear:TOKEN")

    def policy(self, tester: str) -> Policy:
        """Return the policy that decisions depend on."""
        token = _TOKEN.fullmatch(self.adopt)
        return Policy(
            tester=tester,
            testbed=self.testbed,
            rolling_tag=self.rolling_tag,
            restart_on_new_build=self.on_new_build == "restart",
            tick_seconds=self.health_check_interval,
            soak_seconds=self.soak,
            holder_timeout_seconds=self.holder_timeout,
            disk_floor_ratio=self.disk_floor / 100,
            start_timeout_seconds=self.start_timeout,
            crash_limit=self.crash_limit,
            unhealthy_timeout_seconds=self.unhealthy_timeout,
            stall_warning_seconds=self.stall_warning,
            stall_timeout_seconds=self.stall_timeout,
            deadline_seconds=None if self.deadline == "auto" else self.deadline,
            confirm_regressions=self.confirm_regressions,
            retest_seconds=self.retest_after,
            adopt_keep=self.adopt == "keep",
            adopt_clear_token=token[1] if token else "",
        )


class PodSettings(TesterSettings):
    """The settings of a tester in a pod."""

    tester: str = ""
    """Name of the tester; default: that of the StatefulSet."""

    namespace: str = ""
    """Namespace of this pod; default: POD_NAMESPACE."""

    pod_name: str = ""
    """Name of this pod; default: POD_NAME."""

    pod_uid: str = ""
    """UID of this pod, which distinguishes it from other pods of its name; default: POD_UID."""

    node_container_name: str
    """Name of the node's container."""

    version_pod_timeout: Duration = Duration(600)
    """Timeout of a version pod, including the pull of its image."""

    image_source: Literal["auto", "registry", "pod"] = "auto"
    """Where to find new builds: in the registry, with a pod to read their versions (auto), or with only one of them."""

    registry_config: Path | None = None
    """Docker configuration file with the registry's credentials in auths; helpers are not supported."""

    registry_ca: Path | None = None
    """PEM file of certificate authorities to trust for the registry, in addition to the system's."""

    registry_plain_http: bool = False
    """Use plain HTTP for the registry, without credentials; always used for a registry on this machine."""

    registry_auth_host: str = ""
    """Host (and port) of the registry's token service, if it differs from the registry's host."""

    @field_validator("namespace", "pod_name", "pod_uid", mode="before")
    @classmethod
    def _of_this_pod(cls, value: object, info: ValidationInfo) -> object:
        return value or os.environ.get(_OF_THIS_POD[info.field_name or ""], "")

    @field_validator("registry_auth_host")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        """Return the host as registry challenges name it: in lower case, without the HTTPS port."""
        match = _HOST_AND_PORT.fullmatch(value)
        if value and (match is None or int(match["port"] or 1) not in range(1, _MAX_PORT + 1)):
            raise ValueError("it must be host[:port], such as auth.example or auth.example:8443")
        return value.lower().removesuffix(":443")

    @field_validator("namespace", "pod_name")
    @classmethod
    def _given(cls, value: str) -> str:
        if not value:
            raise ValueError("it is required, or set POD_NAMESPACE and POD_NAME in the pod")
        return value

    @property
    def tester_name(self) -> str:
        """The tester's name; by default that of the StatefulSet, which is the pod's without its ordinal."""
        return self.tester or self.pod_name.rpartition("-")[0] or self.pod_name


class WebSettings(BaseSettings):
    """The settings of the web server for the page, the metrics and the API."""

    # With several base classes, pydantic uses the configuration of the last one.
    model_config = CommonSettings.model_config

    web_listen_address: str = f":{DEFAULT_PORT}"
    """Address of page, metrics and API, as [host]:port."""

    web_tls_certificate: Path | None = None
    """PEM file of the server's certificate; with it, HTTPS is served."""

    web_tls_key: Path | None = None
    """PEM file of the certificate's key."""

    web_evidence: bool = False
    """Show the log tail of failed nodes on the page; everyone who can open the page can read it."""

    @field_validator("web_tls_key")
    @classmethod
    def _both_or_none(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        certificate = info.data.get("web_tls_certificate")
        if (key is None) != (certificate is None):
            raise ValueError("--web-tls-certificate and --web-tls-key must be set together")
        return key

    @field_validator("web_listen_address")
    @classmethod
    def _address(cls, value: str) -> str:
        port = value.rpartition(":")[2]
        if ":" not in value or not port.isdigit() or int(port) > _MAX_PORT:
            raise ValueError("it must be [host]:port, such as :9641 or 127.0.0.1:9641")
        return value

    @property
    def listen(self) -> tuple[str, int]:
        """The host (empty: all addresses) and the port."""
        host, _, port = self.web_listen_address.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """The files of the certificate and the key; `None` if HTTPS is off."""
        if self.web_tls_certificate is None or self.web_tls_key is None:
            return None
        return self.web_tls_certificate, self.web_tls_key


class InitSettings(PodSettings):
    """Start or resume a test, before the node starts."""


class WaitSettings(PodSettings, WebSettings):
    """Watch the node until it has bootstrapped, then poll for a newer build and start again."""

    image_check_interval: Duration | None = None
    """How often to poll for a newer build; default: 30s, or 5m with --image-source pod."""


class CheckSettings(PodSettings):
    """Check whether a tester can work. Unset settings are read from the monitor's containers in its pod."""

    without_use = frozenset({"log_format"})

    data_dir: Path = Path()
    """Folder of the ledger; default: the sidecar's."""

    node_container_name: str = ""
    """Name of the node's container; default: the sidecar's."""

    wait: Duration | None = None
    """How long to repeat the checks while one fails, for example right after an installation."""

    json_output: bool = Field(default=False, alias="json")
    """Print JSON."""


class LocalSettings(TesterSettings, WebSettings):
    """Bootstrap a build on this machine, again whenever its file changes."""

    without_use = frozenset({"rolling_tag", "holder_timeout"})

    tester: str = ""
    """Name of the tester; default: the network and the sync mode."""

    start_timeout: Duration = Duration(3600)
    """How long the node's process may fail to start before the run fails."""

    health_check_interval: Duration = Duration(10)
    """How often to poll the node."""

    build: CliPositionalArg[Path]
    """The node's executable; with --compare OLD NEW, the newer build."""

    data_dir: Path = Path()
    """Folder of the ledger; default: a folder of this network and mode under ~/.local/share."""

    web_listen_address: str = f"127.0.0.1:{DEFAULT_PORT}"
    """Address of page, metrics and API, as [host]:port."""

    disk_check_interval: Duration = Duration(30)
    """How often to measure the node's data; once an hour while the tester is idle."""

    image_check_interval: Duration = Duration(30)
    """How often to check the build's file for a new build."""

    until: Literal["succeeded"] | None = None
    """Exit with the build's result: 0 if it succeeded, 1 if it failed, 3 if the result is inconclusive."""

    again: bool = False
    """With --until, bootstrap the build even if its result is already known."""

    compare: Path | None = None
    """The older of two builds, as in --compare OLD NEW: bootstrap both alternately, and report which is faster."""

    runs: Annotated[int, Field(ge=MIN_COMPARED, le=MAX_COMPARED)] = 7
    """Number of runs of each build with --compare: 4 to 25."""

    fail_if_slower: bool = False
    """Exit with code 1 if BUILD is slower: than OLD with --compare, than earlier runs allow with --until."""

    json_output: bool = Field(default=False, alias="json")
    """Print the result of --compare as JSON."""


class DemoSettings(WebSettings):
    """Watch the whole lifecycle on a simulated node, in about a minute."""

    model_config = CommonSettings.model_config

    without_use: ClassVar[frozenset[str]] = frozenset({"web_tls_certificate", "web_tls_key"})

    keep: bool = False
    """Continue until interrupted, and keep the files."""

    log_format: Literal["auto", "plain", "colors", "json"] = "auto"
    """Format of log lines."""

    debug: bool = False
    """Also show the monitor's log, and tracebacks."""

    web_listen_address: str = f"127.0.0.1:{DEFAULT_PORT}"
    """Address of page, metrics and API, as [host]:port."""


class ShowSettings(CommonSettings):
    """The settings of a command for a tester whose monitor may not be running."""

    without_use = frozenset({"log_format"})

    data_dir: Path = Path()
    """Folder of the ledger; default: the one that local created, if there is only one."""


class StatusSettings(ShowSettings):
    """Show what a tester is doing."""

    json_output: bool = Field(default=False, alias="json")
    """Print JSON, as served at /api/v1/status."""

    watch: bool = False
    """Show the status again every 2 s, until Ctrl-C."""


class RequestSettings(ShowSettings):
    """Stop or resume taking new builds; an open run continues in both cases."""


class RerunSettings(ShowSettings):
    """Bootstrap a build again, once no run is open."""

    run_or_image: CliPositionalArg[str | None] = None
    """The build: a run's number, the first characters of its digest or commit, or an image pinned by digest;
    default: that of the last run."""

    unchecked: bool = False
    """Do not check that the registry has the image."""

    cancel: bool = False
    """Withdraw the requested rerun, which has not started, instead of requesting one."""


class MarkBaselineSettings(ShowSettings):
    """Exclude the runs before a known change from baselines, which then use only later runs."""

    from_run: CliPositionalArg[Annotated[int, Field(ge=1)] | None] = None
    """The first run of the new baseline; default: the next run."""


class HistorySettings(ShowSettings):
    """Show the runs of a tester, newest first."""

    run: str | None = None
    """Show one run, with the log tail of its node if the run failed. Name it by its number, or by the first characters
    of a digest or a commit that only this run tested."""

    limit: Annotated[int, Field(ge=1, le=MAX_HISTORY)] = HISTORY_SHOWN
    """Maximum number of runs to show, newest first."""

    json_output: bool = Field(default=False, alias="json")
    """Print JSON, as served at /api/v1/history."""

    csv_output: bool = Field(default=False, alias="csv")
    """Print the comparable runs as CSV, oldest first, in the format of Apache Otava."""

    export_file: Path | None = Field(default=None, alias="export")
    """Write the ended runs to a SQLite file, which replaces an earlier export (-: standard output)."""

    import_file: Path | None = Field(default=None, alias="import")
    """Add the runs of an exported file (-: standard input); runs in the ledger are not changed."""


def offered(kind: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Return the settings that have an effect on a command, by their names."""
    without_use: frozenset[str] = getattr(kind, "without_use", frozenset())
    return {name: field for name, field in kind.model_fields.items() if name not in without_use}


def local_testers(environment: Mapping[str, str]) -> Path:
    """Return the folder in which `local` creates a data folder for each network and sync mode."""
    share = Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return share / "bootstrap-monitor"
