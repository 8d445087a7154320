"""Whether an expression works on a server that saw a tester's life, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from servers.life import TESTER
from servers.processes import JsonObject
from servers.prometheus import Prometheus, QueryError
from servers.promql import named

# The life is that of `local`, where a file tells of new builds; elsewhere a registry does, or a pod.
_ELSEWHERE, _HERE = re.compile(r'source="(?:registry|pod)"'), 'source="file"'


@dataclass(frozen=True)
class Asked:
    """An expression with its variables filled in, where it stands, and the labels that its texts name.

    What is not `lived` waits for something that did not happen: then each of its selectors must find series.
    """

    where: str
    expression: str
    labels: frozenset[str] = frozenset()
    lived: bool = True


@dataclass(frozen=True)
class Seen:
    """A server, the span of the life, and all metrics with their labels that it has of it."""

    server: Prometheus
    start: float
    end: float
    known: Mapping[str, set[str]]

    def problems(self, asked: Asked) -> list[str]:
        """What is wrong with an expression; nothing if it works."""
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
            looked_for = {str(each): _ELSEWHERE.sub(_HERE, str(each)) for each in what.selectors}
            found += [f"no data for {each}" for each, here in looked_for.items() if not self._series(here)]
        strangers = {each["metric"].get("tester", TESTER) for each in series} - {TESTER}
        return found + [f"data of {stranger}" for stranger in sorted(strangers)]

    def _series(self, expression: str) -> list[JsonObject]:
        return self.server.range(expression, self.start, self.end)
