"""Tests that `rerun`, `mark-baseline`, `pause` and `resume` record the request or fail in one line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.asked import cancel_rerun, pause, rerun, resume, status
from support.builders import COMMIT, NEW, NOW, OLD, REPOSITORY, build, workload
from support.fake_api_server import FakeApiServer, kubeconfig
from support.fake_api_server import serving as serving_api
from support.fake_registry import NAME, FakeRegistry, config, sending, serving
from support.forked import run_forked
from support.tester_objects import add_tester

from monitor.commands.requests import run_mark_baseline
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, RecordAttempt
from monitor.domain.build import Build
from monitor.domain.instant import time_text
from monitor.domain.observations import Health
from monitor.domain.run import AttemptCause, Outcome
from monitor.domain.status import NodeStatus
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import open_ledger, open_read_only
from monitor.ledger.codecs import COMPARISON, node_reading
from monitor.ledger.recovery import FILE
from monitor.local.build_store import BUILDS_FOLDER
from monitor.registry.manifests import architecture
from monitor.settings import MarkBaselineSettings

ROOT = Path(__file__).parents[3]
THIRD = f"sha256:{'3' * 64}"
PAUSED = "paused: an open run continues, and no other run starts until resume\n"
RESUMED = "resumed\n"
NO_PROCESS = 2**22 + 1  # greater than the greatest process ID of Linux
FIRST = "1.14.2 (cccccccc), the build of run 1,"
LAST = "1.14.2 (cccccccc), the build of run 2,"
SECOND, THIRD_RUN = (f"1.14.2 (dddddddd), the build of run {number}," for number in (2, 3))
LEFT = "; local is not running in {folder}, so this run also waits until you start it again"


@pytest.fixture(autouse=True)
def _no_settings_from_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the monitor's settings from the environment."""
    for name in [name for name in os.environ if name.startswith("BOOTSTRAP_MONITOR_")]:
        monkeypatch.delenv(name)


def begin(data_dir: Path, of: Build, *, end: bool = True) -> None:
    """Start a run of a build, and end it unless `end` is false."""
    with closing(open_ledger(data_dir)) as ledger:
        pod = workload(of)
        ledger.record(NOW, "default", [BeginClearing(pod, "")])
        ledger.record(NOW, "default", [BeginRun(pod)])
        last = ledger.last()
        assert last is not None
        if end:
            ledger.record(NOW, "default", [EndRun(last, Outcome.SUCCEEDED, None, "", 1.0, 1.0, 1)])


@pytest.fixture
def idle(tmp_path: Path) -> Path:
    """Return the folder of a tester whose two runs have ended."""
    begin(tmp_path, build())
    begin(tmp_path, build(NEW))
    return tmp_path


def asked(data_dir: Path) -> tuple[Build | None, bool]:
    """Return the requests in the ledger: the build to run again, and whether the tester is paused."""
    with closing(open_read_only(data_dir)) as ledger:
        shown = ledger.snapshot(1)
        assert (shown.requested, shown.paused) == (ledger.requested(), ledger.paused()), "as status shows it"
        return ledger.requested(), ledger.paused()


class TestRerun:
    """`rerun`: one more run of the last build or of a named build."""

    @pytest.mark.parametrize(
        ("image", "requested", "name"),
        [
            pytest.param(None, build(NEW), LAST, id="the last build"),
            pytest.param(f"{REPOSITORY}@{OLD}", build(), FIRST, id="one of before"),
            pytest.param(
                f"{REPOSITORY}@{THIRD}",
                Build(f"{REPOSITORY}@{THIRD}", frozenset({THIRD})),
                f"{REPOSITORY}@{THIRD}",
                id="one that never ran",
            ),
            pytest.param(f"{REPOSITORY}:v1@{OLD}", build(), FIRST, id="with a tag too"),
        ],
    )
    def test_is_asked_for(
        self, idle: Path, capsys: pytest.CaptureFixture[str], image: str | None, requested: Build, name: str
    ) -> None:
        assert rerun(idle, image) == 0
        assert asked(idle) == (requested, False)
        expected_output = f"{name} will be bootstrapped again at the next poll\n"
        assert capsys.readouterr().out == expected_output

    @pytest.mark.parametrize(
        ("text", "requested", "name"),
        [
            pytest.param("1", build(), FIRST, id="a run's number"),
            pytest.param("2", build(NEW, "d" * 40), SECOND, id="the number of an earlier run of its build"),
            pytest.param(OLD, build(), FIRST, id="a digest"),
            pytest.param(OLD.removeprefix("sha256:"), build(), FIRST, id="a digest without its algorithm"),
            pytest.param(OLD[:11], build(), FIRST, id="the first characters of a digest"),
            pytest.param("D" * 8, build(NEW, "d" * 40), THIRD_RUN, id="the first characters of a commit"),
            pytest.param(
                THIRD,
                Build(f"{REPOSITORY}@{THIRD}", frozenset({THIRD})),
                f"{REPOSITORY}@{THIRD}",
                id="a digest that never ran",
            ),
        ],
    )
    def test_is_asked_for_by_a_short_name(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, requested: Build, name: str
    ) -> None:
        begin(tmp_path, build())
        begin(tmp_path, build(NEW, "d" * 40))
        begin(tmp_path, build(NEW, "d" * 40))

        assert rerun(tmp_path, text) == 0
        assert asked(tmp_path) == (requested, False)
        assert capsys.readouterr().out == f"{name} will be bootstrapped again at the next poll\n"

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            pytest.param("9", "run 9 not found: history lists the existing runs", id="no such run"),
            pytest.param(
                "12345", "run 12345 not found: history lists the existing runs", id="no such number"
            ),
            pytest.param(
                "sha256:0123",
                "no run has a build sha256:0123: history lists the existing runs",
                id="no digest",
            ),
            *(
                pytest.param(
                    text,
                    f"{text} is not a run or a build: use a run's number, the first characters (at least 4) of a "
                    "commit or a digest, or an image pinned by digest",
                    id=name,
                )
                for text, name in (
                    (COMMIT[:3], "too few characters of a commit"),
                    ("AAA", "too few in capital letters"),
                    ("sha256:ab", "too few characters of a digest"),
                    ("900d900g", "a word that is not hexadecimal"),
                )
            ),
            pytest.param(
                COMMIT[:7],
                f"{COMMIT[:7]} matches several builds: name one by its run: run 2 of 1.14.2 (cccccccc), "
                "run 1 of 1.14.2 (cccccccc)",
                id="a commit of two builds",
            ),
        ],
    )
    def test_of_a_name_that_is_not_one_build_is_refused(self, idle: Path, text: str, error: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            rerun(idle, text)

        assert str(caught.value) == error
        assert asked(idle) == (None, False)

    def test_in_the_folder_of_a_comparison_is_refused(self, idle: Path) -> None:
        with closing(open_ledger(idle)) as ledger:
            ledger.record(NOW, "default", readings={COMPARISON: {"told_runs": None}})
        with pytest.raises(ConfigurationError) as caught:
            rerun(idle)

        assert str(caught.value) == (
            f"{idle} belongs to a comparison, which repeats runs itself: run local --compare again"
        )
        assert asked(idle) == (None, False)

    @pytest.mark.parametrize(
        ("silent_seconds", "process", "expected_output"),
        [
            pytest.param(1, None, "", id="in a pod"),
            pytest.param(
                3600,
                None,
                "; the monitor has been silent since {since}, so this run also waits until it works again",
                id="in a pod that is gone",
            ),
            pytest.param(3600, NO_PROCESS, LEFT, id="of local, which has ended"),
            pytest.param(1, NO_PROCESS, LEFT, id="of local, which has just ended"),
        ],
    )
    def test_that_no_monitor_reads_says_so(
        self,
        idle: Path,
        capsys: pytest.CaptureFixture[str],
        silent_seconds: float,
        process: int | None,
        expected_output: str,
    ) -> None:
        polled_at = time.time() - silent_seconds
        node = NodeStatus(polled_at, up=True, health=Health.HEALTHY)
        with closing(open_ledger(idle)) as ledger:
            ledger.record(replace(NOW, wall=polled_at), "default", readings={"node": node_reading(node)})
        if process is not None:
            (idle / "local.lock").write_text(str(process))

        assert rerun(idle) == 0
        when = f"{LAST} will be bootstrapped again at the next poll"
        assert (
            capsys.readouterr().out
            == when + expected_output.format(since=time_text(polled_at), folder=idle) + "\n"
        )

    def test_while_a_run_is_open_comes_after_it(self, idle: Path, capsys: pytest.CaptureFixture[str]) -> None:
        begin(idle, build(), end=False)
        rerun(idle)

        expected_output = (
            "1.14.2 (cccccccc), the build of run 3, will be bootstrapped again once the open run 3 has ended"
        )
        assert capsys.readouterr().out == f"{expected_output}\n"

        pause(idle)
        rerun(idle, "1")
        expected_output = expected_output.replace("build of run 3", "build of run 1")
        paused = "; the tester is paused, so this run also waits for resume"
        assert capsys.readouterr().out == f"{PAUSED}{expected_output}{paused}\n"

    def test_while_paused_waits_for_resume(self, idle: Path, capsys: pytest.CaptureFixture[str]) -> None:
        pause(idle)
        rerun(idle)

        assert asked(idle) == (build(NEW), True)
        expected_output = f"{LAST} will be bootstrapped again once the tester is resumed\n"
        assert capsys.readouterr().out == f"{PAUSED}{expected_output}"

    def test_of_local_a_build_of_another_name_is_asked_for_where_its_copy_is(self, idle: Path) -> None:
        """`rerun` accepts an earlier file name of a build whose copy still exists.

        Earlier runs of `local` may be named after their files.
        """
        (idle / BUILDS_FOLDER).mkdir()
        (idle / BUILDS_FOLDER / OLD.removeprefix("sha256:")).touch()

        assert rerun(idle, f"node-a@{OLD}") == 0
        assert asked(idle) == (build(), False)

    def test_asked_for_twice_is_one(self, idle: Path) -> None:
        """Two requests result in one run, because the recorded attempt answers both."""
        rerun(idle)
        rerun(idle)

        assert asked(idle) == (build(NEW), False)

    @pytest.mark.parametrize(
        ("first", "instead"),
        [
            pytest.param("2", "", id="of the same build"),
            pytest.param(
                "1", ", instead of the requested run of 1.14.2 (cccccccc), the build of run 1,", id="of a run"
            ),
            pytest.param(
                f"{REPOSITORY}@{THIRD}",
                f", instead of the requested run of {REPOSITORY}@{THIRD},",
                id="of a build that never ran",
            ),
        ],
    )
    def test_reports_the_request_that_it_replaces(
        self, idle: Path, capsys: pytest.CaptureFixture[str], first: str, instead: str
    ) -> None:
        rerun(idle, first)
        capsys.readouterr()
        rerun(idle, "2")

        assert asked(idle) == (build(NEW), False)
        assert capsys.readouterr().out == f"{LAST} will be bootstrapped again{instead} at the next poll\n"

    @pytest.mark.parametrize(
        ("image", "error", "code"),
        [
            pytest.param(
                f"{REPOSITORY}:latest",
                f"{REPOSITORY}:latest is not pinned: name a run by its number, a build by its commit, or the image by "
                "digest",
                2,
                id="not pinned",
            ),
            pytest.param(
                f"elsewhere/node@{OLD}",
                f"elsewhere/node@{OLD} is not from {REPOSITORY}, the repository of this tester",
                2,
                id="of another repository",
            ),
            pytest.param(
                "No Image",
                "image 'No Image' is not an image reference: use [host[:port]/]name[:tag][@sha256:digest]",
                2,
                id="no image",
            ),
        ],
    )
    def test_of_what_cannot_run_is_refused(self, idle: Path, image: str, error: str, code: int) -> None:
        with pytest.raises(MonitorError) as caught:
            rerun(idle, image)

        assert (str(caught.value), caught.value.exit_code) == (error, code)
        assert asked(idle) == (None, False)

    def test_before_the_first_run_is_refused(self, tmp_path: Path) -> None:
        open_ledger(tmp_path).close()
        with pytest.raises(MonitorError) as caught:
            rerun(tmp_path)

        error = "no run to repeat yet; the first one starts automatically"
        assert (str(caught.value), caught.value.exit_code) == (error, 1)


class TestCancel:
    """`rerun --cancel`: withdraw the requested rerun, unless its attempt is recorded."""

    @pytest.mark.parametrize(
        ("requested", "withdrawn"),
        [
            pytest.param([None], LAST, id="of the last build"),
            pytest.param(["1"], FIRST, id="of a run"),
            pytest.param([f"{REPOSITORY}@{THIRD}"], f"{REPOSITORY}@{THIRD}", id="of a build that never ran"),
            pytest.param(["2", "1"], FIRST, id="of two requests, the newer one"),
        ],
    )
    def test_withdraws_every_request_and_names_the_build(
        self, idle: Path, capsys: pytest.CaptureFixture[str], requested: Sequence[str | None], withdrawn: str
    ) -> None:
        for image in requested:
            rerun(idle, image)
        capsys.readouterr()

        assert (cancel_rerun(idle), asked(idle)) == (0, (None, False))
        assert capsys.readouterr().out == f"withdrawn: the requested run of {withdrawn.rstrip(',')}\n"

    def test_keeps_a_pause(self, idle: Path) -> None:
        pause(idle)
        rerun(idle)
        cancel_rerun(idle)

        assert asked(idle) == (None, True)

    def test_an_empty_name_is_refused(self, idle: Path) -> None:
        """A script may pass an empty variable."""
        with pytest.raises(ConfigurationError, match=r"^RUN-OR-IMAGE is empty: "):
            rerun(idle, "")

        assert asked(idle) == (None, False)

    def test_without_a_request_is_an_error(self, idle: Path) -> None:
        with pytest.raises(MonitorError) as caught:
            cancel_rerun(idle)

        assert (str(caught.value), caught.value.exit_code) == ("no rerun is requested", 1)

    def test_does_not_withdraw_a_recorded_attempt(
        self, idle: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rerun(idle, "1")
        with closing(open_ledger(idle)) as ledger:
            ledger.record(NOW, "default", [RecordAttempt(build(), AttemptCause.REQUEST, "pod-1")])
            starting = f"; the requested run is already starting and is not withdrawn: {FIRST.rstrip(',')}"
            with pytest.raises(MonitorError) as caught:
                cancel_rerun(idle)
            rerun(idle, "2")
            capsys.readouterr()
            cancel_rerun(idle)
            attempt = ledger.attempt()

        assert (str(caught.value), caught.value.exit_code) == (f"no rerun is requested{starting}", 1)
        assert capsys.readouterr().out == f"withdrawn: the requested run of {LAST.rstrip(',')}{starting}\n"
        assert attempt is not None
        assert (attempt.build, asked(idle)) == (build(), (None, False))

    @pytest.mark.parametrize(
        ("image", "unchecked", "unused"),
        [pytest.param("1", False, "1", id="a run"), pytest.param(None, True, "--unchecked", id="unchecked")],
    )
    def test_with_what_it_does_not_use_is_refused(
        self, idle: Path, image: str | None, unused: str, *, unchecked: bool
    ) -> None:
        rerun(idle)
        with pytest.raises(ConfigurationError) as caught:
            cancel_rerun(idle, image, unchecked=unchecked)

        error = f"--cancel and {unused} cannot be combined: --cancel withdraws the requested rerun"
        assert str(caught.value) == error
        assert asked(idle) == (build(NEW), False)


class TestPause:
    """`pause`: the monitor takes no new build until it is resumed."""

    @pytest.mark.parametrize(
        ("commands", "paused", "expected_output"),
        [
            pytest.param([pause], True, PAUSED, id="paused"),
            pytest.param([pause, pause, resume], False, PAUSED * 2 + RESUMED, id="resumed"),
            pytest.param([resume], False, RESUMED, id="resumed without a pause"),
            pytest.param([pause, resume, pause], True, PAUSED + RESUMED + PAUSED, id="paused again"),
        ],
    )
    def test_lasts_until_it_is_resumed(
        self,
        idle: Path,
        capsys: pytest.CaptureFixture[str],
        commands: Sequence[Callable[[Path], int]],
        paused: bool,  # noqa: FBT001 - the expected value
        expected_output: str,
    ) -> None:
        assert [command(idle) for command in commands] == [0] * len(commands)
        assert (asked(idle), capsys.readouterr().out) == ((None, paused), expected_output)

    def test_may_come_before_the_first_run(self, tmp_path: Path) -> None:
        open_ledger(tmp_path).close()

        assert (pause(tmp_path), asked(tmp_path)) == (0, (None, True))


@pytest.mark.parametrize("command", [rerun, pause, resume])
class TestLedger:
    """The ledger of a tester, whose monitor may be running."""

    def test_a_monitor_that_lives_sees_it(self, idle: Path, command: Callable[[Path], int]) -> None:
        """A running monitor reads the request from the ledger that it already has open."""
        with closing(open_ledger(idle)) as lives:
            command(idle)
            lives.renew("pod-1")
            seen = (lives.requested() is not None, lives.paused())

        assert seen == (command is rerun, command is pause)


@pytest.mark.parametrize(
    ("words", "code", "out", "expected_output"),
    [
        pytest.param(
            ["rerun", "--data-dir={}"],
            0,
            f"{LAST} will be bootstrapped again at the next poll\n",
            "",
            id="rerun",
        ),
        pytest.param(
            ["rerun", "--data-dir={}", "--unchecked", f"{REPOSITORY}@{OLD}"],
            0,
            f"{FIRST} will be bootstrapped again at the next poll\n",
            "",
            id="rerun of an image",
        ),
        pytest.param(["rerun", "--cancel", "--data-dir={}"], 1, "", "no rerun is requested", id="no rerun"),
        pytest.param(["pause", "--data-dir={}"], 0, PAUSED, "", id="pause"),
        pytest.param(["resume", "--data-dir={}"], 0, RESUMED, "", id="resume"),
        pytest.param(
            ["rerun", "--data-dir={}/none"],
            1,
            "",
            f"no ledger at {{}}/none/{FILE}: set --data-dir to that of a tester that has run",
            id="no ledger",
        ),
        pytest.param(
            ["rerun", f"{REPOSITORY}:latest", "--data-dir={}"],
            2,
            "",
            f"{REPOSITORY}:latest is not pinned: name a run by its number, a build by its commit, or the image by "
            "digest",
            id="not pinned",
        ),
        pytest.param(
            ["rerun", f"other@{OLD}", "--data-dir={}"],
            2,
            "",
            f"other@{OLD} is not from {REPOSITORY}, the repository of this tester",
            id="of another repository",
        ),
        pytest.param(
            ["pause"],
            2,
            "",
            "--data-dir is required: local has created no tester in {}/share/bootstrap-monitor",
            id="no data folder",
        ),
        pytest.param(
            ["resume", "--data-dir={}", "now"],
            2,
            "",
            "'now' is not expected here; see bootstrap-monitor resume --help",
            id="a word too many",
        ),
    ],
)
def test_the_command_line(idle: Path, words: list[str], code: int, out: str, expected_output: str) -> None:
    arguments = [word.format(idle) for word in words]
    ended = run_forked(arguments, ROOT, os.environ | {"XDG_DATA_HOME": f"{idle}/share"})

    expected = f"bootstrap-monitor: {expected_output.format(idle)}\n" if expected_output else ""
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, out, expected)


class TestRerunOfLocal:
    """`rerun` of a tester of `local`, which can run only copied builds."""

    @pytest.fixture
    def copied(self, idle: Path) -> Path:
        """Return the folder of a tester of `local` that has the copy of its newest build."""
        folder = idle / BUILDS_FOLDER
        folder.mkdir()
        (folder / NEW.removeprefix("sha256:")).write_text("a build")
        return idle

    @pytest.mark.parametrize("image", [None, f"{REPOSITORY}@{NEW}"], ids=["the last build", "by its digest"])
    def test_a_build_whose_copy_is_kept_is_asked_for(self, copied: Path, image: str | None) -> None:
        assert rerun(copied, image) == 0
        assert asked(copied) == (build(NEW), False)

    @pytest.mark.parametrize("digest", [OLD, THIRD], ids=["pruned", "never seen"])
    def test_a_build_whose_copy_is_not_there_is_refused(self, copied: Path, digest: str) -> None:
        image = f"{REPOSITORY}@{digest}"
        with pytest.raises(ConfigurationError) as caught:
            rerun(copied, image)

        assert str(caught.value) == (
            f"no copy of {image} is left: name one of the builds that have a copy (1.14.2 (cccccccc)), or run local "
            "with that program again"
        )
        assert asked(copied) == (None, False)


def image_of(registry: FakeRegistry, digest: str) -> str:
    """Return the reference of an image in a registry."""
    return f"{registry.repository}@{digest}"


class TestRerunAsksTheRegistry:
    """`rerun` asks the registry before it writes anything.

    A run of an image that cannot be pulled would only delete the node's data.
    """

    @pytest.fixture
    def registry(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
        """Serve the registry of a tester that has run a build of it."""
        for name in [name for name in os.environ if name.startswith("POD_")]:
            monkeypatch.delenv(name)
        with serving() as fake:
            digest = fake.push_image({"os": "linux", "architecture": architecture()}, "latest")
            begin(tmp_path, Build(image_of(fake, digest), frozenset({digest})))
            yield fake

    @pytest.fixture
    def api(
        self, registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[FakeApiServer]:
        """Serve the API of the tester's pod, in which the command runs.

        The sidecar's settings name the registry credentials.
        """
        registry.wants = "basic"
        credentials = config(tmp_path, registry.address)
        with serving_api() as fake:
            add_tester(fake, str(tmp_path))
            monitor = fake.pods["tester-0"]["spec"]["containers"][0]
            monitor["command"] = ["bootstrap-monitor", "wait-for-completion"]
            monitor["args"] = [
                f"--data-dir={tmp_path}",
                "--node-container-name=node",
                f"--registry-config={credentials}",
            ]
            monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, fake.url)))
            monkeypatch.setenv("POD_NAME", "tester-0")
            monkeypatch.setenv("POD_NAMESPACE", "ns")
            yield fake

    def refused(self, data_dir: Path, image: str) -> tuple[str, int]:
        """Return the error and its exit code, and check that nothing was requested."""
        with pytest.raises(MonitorError) as caught:
            rerun(data_dir, image, unchecked=False)
        assert asked(data_dir) == (None, False)
        return str(caught.value), caught.value.exit_code

    def test_what_it_has_is_asked_for(self, registry: FakeRegistry, tmp_path: Path) -> None:
        image = image_of(registry, registry.push_image({"os": "linux", "architecture": architecture()}))

        assert rerun(tmp_path, image, unchecked=False) == 0
        assert asked(tmp_path)[0] is not None

    def test_what_it_does_not_have_is_refused(self, registry: FakeRegistry, tmp_path: Path) -> None:
        image = image_of(registry, OLD)
        error = f"{image} not found: check the name and the digest; no run was requested"

        assert self.refused(tmp_path, image) == (error, 2)

    def test_what_is_for_another_platform_is_refused(self, registry: FakeRegistry, tmp_path: Path) -> None:
        image = image_of(registry, registry.push_image({"os": "linux", "architecture": "riscv64"}))
        error = f"{image} has no image for linux/{architecture()}; no run was requested"

        assert self.refused(tmp_path, image) == (error, 2)

    def test_an_unavailable_registry_leaves_the_image_unknown(
        self, registry: FakeRegistry, tmp_path: Path
    ) -> None:
        """An unavailable registry leaves the image unknown.

        Without an answer the image is not reported as missing, and `--unchecked` overrides the error.
        """
        registry.instead = sending(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        image = image_of(registry, OLD)
        error = (
            f"no run was requested: whether the registry has {image} is unknown "
            f"(registry {registry.address} returned 503 for {NAME}); try again later, or use --unchecked if nodes "
            "can pull it"
        )

        assert self.refused(tmp_path, image) == (error, 1)
        assert rerun(tmp_path, image, unchecked=True) == 0
        assert asked(tmp_path)[0] == Build(image, frozenset({OLD}))

    def test_in_the_pod_it_is_asked_as_the_sidecar_asks_it(
        self, registry: FakeRegistry, api: FakeApiServer, tmp_path: Path
    ) -> None:
        error, code = self.refused(tmp_path, image_of(registry, OLD))

        assert (error, code) == (
            f"{image_of(registry, OLD)} not found: check the name and the digest; no run was requested",
            2,
        )
        assert [each.path for each in api.requests] == ["/api/v1/namespaces/ns/pods/tester-0"]

    def test_a_pod_that_may_not_be_read_is_an_error_of_its_own(
        self, registry: FakeRegistry, api: FakeApiServer, tmp_path: Path
    ) -> None:
        """A missing permission to read the pod is an error of its own, because a retry would not help."""
        api.denied["get", "pods"] = "no"
        error, code = self.refused(tmp_path, image_of(registry, OLD))

        assert error.startswith("not permitted to get")
        assert error.endswith("; no run was requested")
        assert (code, registry.asked) == (2, [])

    @pytest.mark.parametrize("flag", ["--registry-config", "--registry-ca"])
    def test_a_file_that_cannot_be_used_is_an_error_of_its_own(
        self, registry: FakeRegistry, api: FakeApiServer, tmp_path: Path, flag: str
    ) -> None:
        api.pods["tester-0"]["spec"]["containers"][0]["args"].append(f"{flag}={tmp_path / 'missing'}")
        error, code = self.refused(tmp_path, image_of(registry, OLD))

        assert str(tmp_path / "missing") in error
        assert "unknown" not in error
        assert "try again later" not in error
        assert (code, registry.asked) == (2, [])

    def test_with_pods_as_source_no_registry_is_queried(
        self, registry: FakeRegistry, api: FakeApiServer, tmp_path: Path
    ) -> None:
        api.pods["tester-0"]["spec"]["containers"][0]["args"].append("--image-source=pod")

        assert rerun(tmp_path, image_of(registry, OLD), unchecked=False) == 0
        assert registry.asked == []

    def test_the_build_that_ran_last_is_not_asked_about(self, registry: FakeRegistry, tmp_path: Path) -> None:
        assert rerun(tmp_path, unchecked=False) == 0
        assert registry.asked == []


class TestMarkBaseline:
    """`mark-baseline`: baselines are computed from a given run on."""

    @pytest.mark.parametrize(
        ("from_run", "end", "begins"),
        [
            pytest.param(None, True, 3, id="the next run"),
            pytest.param(None, False, 3, id="the next run, while one is open"),
            pytest.param(2, True, 2, id="one that ended"),
            pytest.param(2, False, 2, id="the one that is open"),
            pytest.param(3, True, 3, id="the next run, by its number"),
        ],
    )
    def test_a_mark_is_recorded_and_reported(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        from_run: int | None,
        begins: int,
        *,
        end: bool,
    ) -> None:
        begin(tmp_path, build())
        begin(tmp_path, build(NEW), end=end)

        assert run_mark_baseline(MarkBaselineSettings(data_dir=tmp_path, from_run=from_run)) == 0
        assert capsys.readouterr().out == (
            f"baselines use run {begins} and later runs; earlier runs are no longer compared\n"
        )
        with closing(open_read_only(tmp_path)) as ledger:
            assert ledger.baseline_begins() == begins
            assert ledger.requested() is None

    def test_run_1_reverts_a_mark(self, idle: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for first in (2, 1):
            run_mark_baseline(MarkBaselineSettings(data_dir=idle, from_run=first))
        expected_output = capsys.readouterr().out.splitlines()[-1]
        status(idle)

        assert expected_output == "baselines use all runs"
        assert "marked" not in capsys.readouterr().out
        with closing(open_read_only(idle)) as ledger:
            assert ledger.baseline_begins() == 0

    def test_a_run_that_is_far_ahead_is_a_typo(self, idle: Path) -> None:
        with pytest.raises(ConfigurationError) as caught:
            run_mark_baseline(MarkBaselineSettings(data_dir=idle, from_run=33))

        assert str(caught.value) == "run 33 does not exist yet: the next run is 3"
