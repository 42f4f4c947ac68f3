"""Debian's Chromium without a window, driven over a pipe (Chrome DevTools Protocol). It judges no page.

One process, one pair of pipes (`--remote-debugging-pipe`: fd 3 takes commands, fd 4 gives answers and events, each one
JSON text that ends with a NUL), no port, no driver, nothing downloaded.
"""

import base64
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ground.commands import need

PATIENCE = 60.0
"""Seconds that one answer may take on a loaded machine."""
TALLEST = 6000
"""Pixels of a page that a picture shows."""
PHONE, DESKTOP = 390, 1280
"""Widths in CSS pixels: of an ordinary phone, of an ordinary laptop."""
_FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check"),
    *("--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--metrics-recording-only",
    ),
    *("--password-store=basic", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
_PIPED = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'


class Chromium:
    """One browser. What pages do is kept as events until it is asked for.

    Args:
        folder: An empty folder for its profile.
    """

    def __init__(self, folder: Path) -> None:
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # it refuses to be root in its own sandbox
        program = [need("chromium"), *_FLAGS, *root, f"--user-data-dir={folder}"]
        self._process = subprocess.Popen(
            ["bash", "-c", _PIPED, "bash", str(commands), str(answers), *program],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
        os.close(commands)
        os.close(answers)
        self._unread = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End it, and wait until it is gone."""
        try:
            self.call("Browser.close")
            self._process.wait(PATIENCE)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            os.close(self._to)
            os.close(self._from)

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Return what a command answers."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        text = json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        while text:
            text = text[os.write(self._to, text) :]
        while (answer := self._next()).get("id") != self._last:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return dict(answer["result"])

    def wait_for(self, method: str, session: str) -> None:
        """Wait for an event that has not been asked for yet."""
        while not any(one.get("method") == method and one.get("sessionId") == session for one in self.events):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], max(0.0, until - time.monotonic()))
            assert ready, "Chromium did not answer"
            read = os.read(self._from, 1 << 20)
            assert read, "Chromium ended"
            self._unread += read
        text, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(text))


class Tab:
    """One page in a tab.

    Args:
        browser: The browser.
        session: The tab's name in the protocol.
    """

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return what a command answers."""
        return self._browser.call(method, self._session, **parameters)

    def load(self, path: Path) -> None:
        """Load a file and wait until all of it is there."""
        self._browser.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self._browser.wait_for("Page.loadEventFired", self._session)

    def show(self, width: int, scheme: str = "light", media: str = "screen") -> None:
        """Look at it like this from now on: width in CSS pixels, `light` or `dark`, `screen` or `print`."""
        size = {"width": width, "height": 844 if width == PHONE else 800}
        self.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=width == PHONE)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, as JSON can hold it."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key, by its name and number."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, form: str = "png") -> bytes:
        """Return the page as a picture, PNG or WebP, cut where it is very long."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], TALLEST), "scale": 1}
        shot = self.call("Page.captureScreenshot", format=form, clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def printed(self) -> bytes:
        """Return the page as PDF, A4, as a printer gets it."""
        sheet = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}
        return base64.b64decode(self.call("Page.printToPDF", **sheet)["data"])

    @property
    def requests(self) -> list[str]:
        """What was asked of the network or the disk since it was loaded, but for the page itself."""
        asked = [one["params"]["request"]["url"] for one in self._told("Network.requestWillBeSent")]
        return [url for url in asked[1:] if not url.startswith("data:")]

    @property
    def complaints(self) -> list[str]:
        """What stands in the console since it was loaded, and what the browser finds wrong with it."""
        logged = [one["params"]["entry"]["text"] for one in self._told("Log.entryAdded")]
        said = [str(one["params"]["args"]) for one in self._told("Runtime.consoleAPICalled")]
        thrown = [str(one["params"]) for one in self._told("Runtime.exceptionThrown")]
        issues = [str(one["params"]["issue"]) for one in self._told("Audits.issueAdded")]
        return [*logged, *said, *thrown, *issues]

    def _told(self, method: str) -> Iterator[dict[str, Any]]:
        self.evaluate("0")  # whatever was told before this answer has come by now
        own = (one for one in self._browser.events if one.get("sessionId") == self._session)
        return (one for one in own if one.get("method") == method)


@contextmanager
def opened(folder: Path) -> Iterator[Chromium]:
    """Have a browser while it is open."""
    browser = Chromium(folder)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def tab(browser: Chromium, *, scripts: bool = False) -> Iterator[Tab]:
    """Have a tab while it is open; pages in it run no script unless they may."""
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    made = Tab(browser, session)
    for domain in ("Page", "Network", "Log", "Runtime", "Audits"):
        made.call(f"{domain}.enable")
    made.call("Emulation.setScriptExecutionDisabled", value=not scripts)
    try:
        yield made
    finally:
        browser.call("Target.closeTarget", targetId=target)
