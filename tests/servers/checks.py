"""Checks of an expression on a server that scraped a tester through a whole scenario."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from servers.life import TESTER
from servers.processes import JsonObject
from servers.prometheus import Prometheus, QueryError
from servers.promql import named

# The scenario uses `local`, where a file is the source of new builds. Elsewhere it is a registry or a pod.
_ELSEWHERE, _HERE = re.compile(r'source="(?:registry|pod)"'), 'source="file"'


@dataclass(frozen=True)
class Asked:
    """An expression with its variables filled in, its location, and the labels that its texts use.

    An expression that is not `lived` waits for an event outside the scenario. It may return nothing, but
    each of its selectors must find series.
    """

    where: str
    expression: str
    labels: frozenset[str] = frozenset()
    lived: bool = True


@dataclass(frozen=True)
class Seen:
    """A server, the time span of the scenario, and the labels of each metric that the server has of it."""

    server: Prometheus
    start: float
    end: float
    known: Mapping[str, set[str]]

    def problems(self, asked: Asked) -> list[str]:
        """Return the problems of an expression; empty if it works."""
        try:
            return [f"{asked.where}: {problem}" for problem in self._problems(asked)]
        except (QueryError, ValueError) as error:
            return [f"{asked.where}: {error}"]

    def _problems(self, asked: Asked) -> list[str]:
        what = named(asked.expression)
        found = what.unknown(self.known, asked.labels)
        if what.papered_over:
            found.append(f"no data is papered over in {asked.expression}")
        series = self._series(asked.expression)
        if asked.lived and not series:
            found.append(f"no data for {asked.expression}")
        if not asked.lived:
            queries = {str(each): _ELSEWHERE.sub(_HERE, str(each)) for each in what.selectors}
            found += [f"no data for {each}" for each, here in queries.items() if not self._series(here)]
        strangers = {each["metric"].get("tester", TESTER) for each in series} - {TESTER}
        return found + [f"data of {stranger}" for stranger in sorted(strangers)]

    def _series(self, expression: str) -> list[JsonObject]:
        return self.server.range(expression, self.start, self.end)
