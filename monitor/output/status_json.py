"""Run and Status as JSON for the API; docs/api.md describes each field."""

from __future__ import annotations

from monitor.avalanchego.source_links import compare_link
from monitor.domain.baseline import Verdict
from monitor.domain.build import Build
from monitor.domain.build_results import BuildResults
from monitor.domain.instant import rfc3339_text
from monitor.domain.json_text import JsonObject
from monitor.domain.regression import Regression, RunVerdicts
from monitor.domain.run import AttemptCause, Outcome, Run
from monitor.domain.status import Status
from monitor.output.format import ACTIONS

_WORST_FIRST = (Verdict.CONFIRMED, Verdict.SUSPECTED, Verdict.NONE, Verdict.INSUFFICIENT_DATA)


def run_json(run: Run) -> JsonObject:
    """Return a run as in `/api/v1/status`; a time that does not apply is null."""
    return {
        "run": run.number,
        "image": run.build.image,
        "version": run.build.version,
        "commit": run.build.commit,
        "network": run.network,
        "syncMode": run.sync_mode,
        "testbed": run.testbed,
        **_time("startedAt", run.started_at),
        **_time("endedAt", run.ended_at),
        "outcome": run.outcome,
        "reason": run.reason,
        "message": run.message,
        "durationSeconds": run.duration_seconds,
        "wallSeconds": run.wall_seconds,
        "diskUsageBytes": run.disk_usage_bytes,
        "activeSeconds": run.tracking.active_seconds,
        "nodeRestarts": run.tracking.node_restarts,
        **_time("lastProgressAt", run.tracking.progress_at),
        "recovered": run.recovered,
        "settingsChanged": run.settings_changed,
        "stateSynced": run.tracking.state_synced,
        "otherBuild": run.tracking.other_build or None,
    }


def history_json(run: Run, verdicts: RunVerdicts, cause: AttemptCause | None) -> JsonObject:
    """Return a run with its cause and the verdicts on it; they are empty if the run is not compared."""
    shown = {judged.verdict for judged in verdicts.values()}
    return run_json(run) | {
        "cause": cause,
        "verdict": next((verdict for verdict in _WORST_FIRST if verdict in shown), None),
        "regressions": {
            measure: {
                "verdict": judged.verdict,
                "baseline": judged.limit.baseline if judged.limit else None,
                "limit": judged.limit.limit if judged.limit else None,
                **_builds_json(judged.regression),
            }
            for measure, judged in verdicts.items()
        },
    }


def status_json(status: Status) -> JsonObject:
    """Return the Status as in `/api/v1/status`."""
    return {
        **_time("at", status.at),
        "tester": status.tester,
        "network": status.network,
        "syncMode": status.sync_mode,
        "testbed": status.testbed,
        "phase": status.phase,
        "message": status.message,
        "notice": status.notice,
        "problems": [
            {
                "cause": each.cause,
                "message": each.message,
                **_time("since", each.since),
                "action": ACTIONS[each.cause],
            }
            for each in status.problems
        ],
        "run": run_json(status.run) if status.run else None,
        "progress": [
            {"chain": chain, "signal": signal, "value": count.value, "maximum": count.maximum}
            for (chain, signal), count in sorted(status.counts.items())
        ],
        "node": {
            **_time("seenAt", status.node.seen_at),
            "up": status.node.up,
            "health": status.node.health,
            "bootstrapped": status.node.bootstrapped,
            "failingChecks": list(status.node.failing_checks),
            "peers": status.node.peers,
        }
        if status.node
        else None,
        "stalled": status.progress.stalled if status.progress else None,
        "stalledChain": status.run.tracking.stalled_chain or None if status.run and status.run.open else None,
        "progressUnknown": status.progress.unknown if status.progress else None,
        "late": status.late,
        "baselineBeginsWithRun": status.baseline_begins or None,
        "regressions": {measure: _regression_json(each) for measure, each in status.regressions.items()},
        "chains": {
            name: {"activity": chain.activity, "ratio": chain.ratio, **_time("endAt", chain.end_at)}
            for name, chain in sorted(status.progress.chains.items())
        }
        if status.progress
        else {},
        "volume": {
            **_time("measuredAt", status.volume.measured_at),
            "usageBytes": status.volume.usage_bytes,
            "sizeBytes": status.volume.size_bytes,
            "availableBytes": status.volume.available_bytes,
        }
        if status.volume
        else None,
        "newBuild": _build_json(status.new_build),
        "confirmingRun": status.confirming.number if status.confirming else None,
        "buildResults": _results_json(status.build_results),
        "paused": status.paused,
        "requestedBuild": _build_json(status.requested),
        **_time("lastImageCheckAt", status.last_image_check_at),
        "runsTotal": {
            outcome: sum(count for (each, _), count in status.totals.items() if each == outcome)
            for outcome in Outcome
        },
        "consecutiveFailures": status.consecutive_failures,
        **_time("lastSuccessAt", status.last_success.ended_at if status.last_success else None),
        **_time("testerSince", status.tester_since),
        **_time("tickAt", status.tick_at),
    }


def _results_json(results: BuildResults) -> JsonObject | None:
    if results.verdict is None:
        return None
    succeeded, failed = results.change or (None, None)
    return {
        "image": results.runs[0].build.image,
        "runs": len(results.runs),
        "failures": results.failures,
        "verdict": results.verdict,
        "lastGoodRun": succeeded.number if succeeded else None,
        "firstFailedRun": failed.number if failed else None,
    }


def _time(name: str, unix_seconds: float | None) -> JsonObject:
    """Return a time as two fields: Unix seconds, and RFC 3339 text."""
    return {name: unix_seconds, f"{name}Rfc3339": rfc3339_text(unix_seconds)}


def _build_json(build: Build | None) -> JsonObject | None:
    return {"image": build.image, "version": build.version, "commit": build.commit} if build else None


def _regression_json(regression: Regression) -> JsonObject:
    limit = regression.limit
    return {
        "verdict": regression.verdict,
        "samples": regression.samples,
        "baseline": limit.baseline if limit else None,
        "limit": limit.limit if limit else None,
        **_builds_json(regression),
    }


def _builds_json(regression: Regression | None) -> JsonObject:
    """Return the runs between which a measure became worse; all fields are null without a regression."""
    good = regression.last_good if regression else None
    bad = regression.first_bad if regression else None
    return {
        "lastGoodRun": good.number if good else None,
        "lastGoodCommit": good.build.commit if good else None,
        "firstBadRun": bad.number if bad else None,
        "firstBadCommit": bad.build.commit if bad else None,
        "compareUrl": (compare_link(regression) if regression else "") or None,
    }
