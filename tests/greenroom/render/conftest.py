"""A real browser for pages: headless Chromium, driven over a pipe with the DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW = "no Chromium on PATH: `apt-get install chromium` (or any of its packages) lets the pages be checked in a browser"
WAIT_S = 30


class Browser:
    """One page at a time; everything that it tried to load and everything that it complained about is kept."""

    def __init__(self, binary, folder):
        self.requests, self.complaints = [], []
        self._folder, self._serial, self._number = folder, 0, 0
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()

        def hand_over():
            # By way of high numbers: either pipe may already have one of the two that Chromium reads from and writes to.
            os.dup2(to_read, 63)
            os.dup2(to_write, 64)
            os.dup2(63, 3)
            os.dup2(64, 4)

        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run"]
        flags += ["--hide-scrollbars", f"--user-data-dir={folder / 'profile'}", "about:blank"]
        silent = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [binary, *flags],
            preexec_fn=hand_over,  # noqa: PLW1509 - it only moves the two pipes to where Chromium looks for them
            close_fds=False,
            stdout=silent,
            stderr=silent,
        )
        os.close(to_read)
        os.close(to_write)
        self._rest = b""
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._send(f"{domain}.enable")

    def close(self):
        self._process.terminate()
        self._process.wait(WAIT_S)
        os.close(self._to)
        os.close(self._from)

    def open(self, html, fragment="", *, width=1280, height=900, dark=False, motion=True):
        """Show ``html`` from a file of its own, at this address fragment."""
        self.requests, self.complaints = [], []
        self._number += 1
        path = self._folder / f"page-{self._number}.html"
        path.write_text(html, encoding="utf-8")
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        features += [] if motion else [{"name": "prefers-reduced-motion", "value": "reduce"}]
        self._send("Emulation.setEmulatedMedia", features=features)
        self._send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._loaded = False
        self._send("Page.navigate", url=f"{path.as_uri()}{fragment}")
        while not self._loaded:
            self._hear(self._read())
        return self

    def run(self, script):
        """The value of a JavaScript expression."""
        found = self._send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, *keys):
        for key in keys:
            text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
            self._send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            self._send("Input.dispatchKeyEvent", type="keyUp", key=key)
        return self

    def point_at(self, selector):
        """Move the mouse to the middle of the first element that matches."""
        found = (
            f"const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
        )
        x, y = self.run(f"(() => {{ {found} return [b.x + b.width / 2, b.y + b.height / 2]; }})()")
        self._send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        return x, y

    def click(self, selector):
        x, y = self.point_at(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        return self

    def screenshot(self, path, *, whole=False):
        shot = self._send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self):
        return base64.b64decode(self._send("Page.printToPDF")["data"])

    def accessible(self):
        """The accessibility tree: (role, name) of each node that is not ignored."""
        nodes = self._send("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]

    def _send(self, method, **parameters):
        self._serial += 1
        message = {"id": self._serial, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._read()
            if heard.get("id") == self._serial:
                assert "error" not in heard, heard
                return heard["result"]
            self._hear(heard)

    def _read(self):
        while b"\0" not in self._rest:
            part = os.read(self._from, 1 << 20)
            assert part, "Chromium ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _hear(self, heard):
        method, said = heard.get("method"), heard.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(said["exceptionDetails"]["exception"].get("description", ""))
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.complaints.append(said["entry"]["text"])


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Headless Chromium; tests that need it are skipped where there is none, and the reason says how to get it."""
    binary = next(filter(None, map(shutil.which, NAMES)), None)
    if binary is None:
        pytest.skip(HOW)
    driven = Browser(binary, tmp_path_factory.mktemp("browser"))
    yield driven
    driven.close()
