"""One call of `local`: its signal handling and its terminal output."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.console import Console

from monitor.commands.free_ports import Ports
from monitor.commands.local_folder import fitted_arguments
from monitor.commands.local_tester import LAST_RESORT_SECONDS, Goal, LocalTester
from monitor.commands.signals import Stopping, stop_on_signals
from monitor.output.terminal import ResultPrinter
from monitor.settings import LocalSettings

RESUME_HINT = "stopped; run the same command again to continue"


class LocalSession:
    """A call of `local`; the first Ctrl-C stops it cleanly, a second one immediately."""

    def __init__(self, *, has_result_of_its_own: bool = False) -> None:
        """Print the results of runs on standard output, unless it is for another result."""
        self.console = Console(stderr=True, highlight=False)
        self.results = None if has_result_of_its_own else ResultPrinter(self.console)
        self.stopping = Stopping()
        self._tester: LocalTester | None = None
        self._ports = Ports()
        stop_on_signals(self.stopping, LAST_RESORT_SECONDS, on_second_interrupt=self._stop_node)

    def watch(self, settings: LocalSettings, arguments: Sequence[str], goal: Goal | None = None) -> None:
        """Run a tester until `stopping` is set or its goal is reached, with the folder locked by the caller.

        Ports of the node and the page that are in use are replaced by free ones, unless the user chose them.
        The replacements are printed.

        Raises:
            MonitorError: the tester cannot continue without the user.
        """
        fitted = fitted_arguments(arguments, os.environ, self._ports)
        host, port = settings.listen
        if "web_listen_address" not in settings.model_fields_set:
            address = f"{host}:{self._ports.free(port)}"
            settings = settings.model_copy(update={"web_listen_address": address})
        self._tester = tester = LocalTester(
            settings, fitted, os.environ, self.console, self.stopping, goal, self.results
        )
        port = tester.monitor.listen()
        if added := fitted[len(arguments) :]:
            self.console.print(
                f"arguments added so that the node can start here: {' '.join(added)}", soft_wrap=True
            )
        self.console.print(
            f"data in {settings.data_dir}; page and metrics at http://{host or 'localhost'}:{port}/",
            soft_wrap=True,
        )
        tester.run()

    def _stop_node(self) -> None:
        if self._tester is not None:
            self._tester.supervisor.kill_node()
