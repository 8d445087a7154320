"""A real browser: Debian's headless Chromium, controlled with Selenium."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from support.provisioned import provision

PROVISION = Path(__file__).with_name("provision")
PHONE, DESKTOP = 360, 1400
HEIGHT, _MAX_HEIGHT = 800, 8000
# The success criteria of WCAG levels A and AA, and the best practices that axe-core adds.
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@dataclass(frozen=True)
class View:
    """The display of a page: its size in pixels, dark or light, with or without scripts."""

    width: int = DESKTOP
    dark: bool = False
    scripts: bool = True
    height: int = HEIGHT

    def __str__(self) -> str:
        """Return a name such as `360-dark`."""
        return f"{self.width}-{'dark' if self.dark else 'light'}" + ("" if self.scripts else "-no-scripts")


VIEWS = tuple(View(width, dark) for width in (PHONE, DESKTOP) for dark in (False, True))


@functools.cache
def axe() -> str:
    """Return the script of axe-core, after installing it and the browser if necessary.

    Raises:
        MissingError: one of them is unavailable on this machine.
    """
    provision(PROVISION)
    return Path(provision(PROVISION, "--where-axe")).read_text()


class Browser:
    """One browser window, which stays open between tests."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def open(self, url: str, view: View = View()) -> None:
        """Load a page, without any state of the previous page."""
        self._command("Page.navigate", url="about:blank")
        self._log("performance")
        self._log("browser")
        self._command("Emulation.setScriptExecutionDisabled", value=not view.scripts)
        self.set_display(view)
        self._driver.get(url)

    def set_display(self, view: View) -> None:
        """Change the display of the current page."""
        color = {"name": "prefers-color-scheme", "value": "dark" if view.dark else "light"}
        self._command("Emulation.setEmulatedMedia", features=[color])
        self._resize(view.width, view.height)

    def run(self, script: str, *arguments: object) -> Any:
        """Return the result of a test's script; the page's content security policy does not apply to it."""
        return self._driver.execute_script(script, *arguments)

    def text(self, selector: str = "body") -> str:
        """Return the visible text of an element."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def press(self, *keys: str) -> None:
        """Press keys on the focused element."""
        for key in keys:
            events: Mapping[str, Any] = {"key": key, "code": key}
            if key == "Enter":
                events = {**events, "text": "\r", "windowsVirtualKeyCode": 13}
            if key == "Tab":
                events = {**events, "windowsVirtualKeyCode": 9}
            self._command("Input.dispatchKeyEvent", type="keyDown", **events)
            self._command("Input.dispatchKeyEvent", type="keyUp", **events)

    def overflow_pixels(self) -> int:
        """Return how many pixels the page is wider than its window."""
        return int(
            self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )

    def barriers(self) -> list[str]:
        """Return the accessibility problems that axe-core finds, and where."""
        self.run(axe())
        found = self._driver.execute_async_script(
            "const [rules, done] = arguments;"
            "axe.run(document, {runOnly: rules}).then(done, (error) => done({error: String(error)}))",
            list(_RULES),
        )
        assert "error" not in found, found
        assert found["passes"], "axe-core checked nothing"
        return [
            f"{rule['id']}: {rule['help']}: {node['html'][:200]} {node['failureSummary']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def asked_for(self) -> list[str]:
        """Return all URLs requested since the page was opened, as the DevTools protocol reports them."""
        messages = [json.loads(each["message"])["message"] for each in self._log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Return the messages of the browser's console, such as policy violations and script errors."""
        return [each["message"] for each in self._log("browser")]

    def screenshot(self, file: Path, width: int, max_height: int = _MAX_HEIGHT) -> None:
        """Save a screenshot of the page down to a maximum height in CSS pixels."""
        height = min(max_height, int(self.run("return document.documentElement.scrollHeight")))
        self._resize(width, height)
        shot = self._command("Page.captureScreenshot", format="png", optimizeForSpeed=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(shot["data"]))
        self._resize(width, HEIGHT)

    def _log(self, kind: str) -> list[dict[str, Any]]:
        """Return the log entries since the last call."""
        found: list[dict[str, Any]] = self._driver.get_log(kind)  # type: ignore[no-untyped-call]
        return found

    def _resize(self, width: int, height: int) -> None:
        phone = width <= PHONE
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def _command(self, name: str, **parameters: Any) -> Any:
        return self._driver.execute_cdp_cmd(name, parameters)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Yield a browser that can reach only this machine.

    Raises:
        MissingError: the browser is unavailable on this machine.
    """
    axe()
    program, driver_program = shutil.which("chromium"), shutil.which("chromedriver")
    options = ChromeOptions()
    options.binary_location = program or ""
    for argument in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        *(("--no-sandbox",) if os.geteuid() == 0 else ()),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options, ChromeService(driver_program))
    try:
        driver.set_script_timeout(30)
        driver.set_page_load_timeout(30)
        yield Browser(driver)
    finally:
        driver.quit()
