"""A headless Chromium, told what to do over its own pipe: the DevTools protocol, without a library.

It keeps what a page must not do: every address that was asked for, everything that the console was
told as an error, every exception.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time

from .pace import SLOW

PATIENCE_SECONDS = 60 * SLOW


def program():
    """Where Chromium is, or None."""
    return shutil.which("chromium")


class Browser:
    """One process with one profile in `folder`."""

    def __init__(self, folder):
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        self._input, self._output = ours_in, ours_out
        self._received = b""
        self._number = 0
        self._sessions = {}
        # It reads from descriptor 3 and writes to 4.
        command = [
            "bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash",
            program(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-dev-shm-usage", "--disable-background-networking",
            "--disable-component-update", "--disable-extensions", "--disable-sync",
            "--no-default-browser-check", "--no-proxy-server", "--hide-scrollbars",
            f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)

    def page(self, url, width, height, *, dark=False, scale=1):
        """A new page of this size, on its way to `url`."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call(
            "Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session, target)
        self._sessions[session] = page
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600})
        page.call("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        page.call("Page.navigate", {"url": url})
        return page

    def call(self, method, parameters=None, session=None):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        os.write(self._output, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._next(deadline)
            if answer is None:
                raise AssertionError(f"the browser does not answer {method}")
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def listen(self, seconds):
        """Take in what the pages have to tell."""
        self._next(time.monotonic() + seconds)

    def _next(self, deadline):
        """The next message, or None. What a page tells is kept with it."""
        while b"\0" not in self._received:
            left = max(0, deadline - time.monotonic())
            if not select.select([self._input], [], [], left)[0]:
                return None
            piece = os.read(self._input, 1 << 20)
            if not piece:
                raise AssertionError("the browser has ended")
            self._received += piece
        text, self._received = self._received.split(b"\0", 1)
        message = json.loads(text)
        page = self._sessions.get(message.get("sessionId"))
        if page and "method" in message:
            page.note(message["method"], message["params"])
        return message

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._input)
        os.close(self._output)


class Page:
    def __init__(self, browser, session, target):
        self._browser = browser
        self._session = session
        self._target = target
        self.requests = []
        self.complaints = []

    def note(self, method, told):
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(told["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(told["args"])
        elif method == "Log.entryAdded":
            self.complaints.append(told["entry"])

    def call(self, method, parameters=None):
        return self._browser.call(method, parameters, self._session)

    def value(self, expression):
        """What a JavaScript expression is, as JSON."""
        result = self.call(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True})
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_until(self, expression):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.value(expression):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for: {expression}; {self.complaints}")
            self._browser.listen(0.1)

    def screenshot(self):
        """The part of the page that is in sight, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"])

    def close(self):
        self._browser.call("Target.closeTarget", {"targetId": self._target})
