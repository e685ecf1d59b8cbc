"""A headless Chromium, driven over chromedriver's WebDriver protocol with only the standard library."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

from e2e.harness import SLOWNESS, wait_for

CHROMEDRIVER = shutil.which("chromedriver")
CHROMIUM = shutil.which("chromium")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name of an element reference
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--force-color-profile=srgb", "--lang=en-GB"]


class Browser:
    """One window. Everything it started ends with close()."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="lonc-browser-")
        # Its own process group: the children of the driver are ended with it, whatever happens.
        self.process = subprocess.Popen([CHROMEDRIVER, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                        env=os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"})
        self.session = None
        try:
            self.port = self._port()
            options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={self.profile}"]}
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
            self.session = f"/session/{answer['sessionId']}"
        except BaseException:
            self.close()
            raise

    def _port(self):
        while line := self.process.stdout.readline():
            if match := re.search(r"started successfully on port (\d+)", line):
                return int(match[1])
        raise AssertionError(f"chromedriver ended with {self.process.wait()}")

    def _call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60 * SLOWNESS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{path}: {value['error']}: {value['message'].splitlines()[0]}")
        return value

    def _ask(self, method, path, body=None):
        return self._call(method, self.session + path, body)

    def close(self):
        try:
            if self.session:
                self._call("DELETE", self.session)
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)

    # --- the page

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The result of `script`, the body of a function; its arguments are `arguments[0]`..."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def title(self):
        return self._ask("GET", "/title")

    def text(self, selector):
        """The visible text of the first element that matches."""
        return self.run("return document.querySelector(arguments[0]).innerText", selector).replace("\u00a0", " ")

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def wait_text(self, selector, part, seconds=15):
        return wait_for(lambda: (text := self.text(selector)) and part in text and text,
                        f"{selector} says {part!r}; it says {self.text(selector)!r}", seconds)

    def click(self, selector):
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{found[ELEMENT]}/click", {})

    def press(self, keys):
        """Sends keys to the element with the focus, one after the other."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def complaints(self):
        """The console messages since the last call, such as a violation of the page's security policy."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    # --- how it is viewed

    def devtools(self, command, **parameters):
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width, height=900, mobile=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=mobile)

    def prefer(self, scheme):
        """"light" or "dark"."""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def accessibility(self):
        """[(role, name, properties)] of what a screen reader gets, in order."""
        nodes = self.devtools("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", ""),
                 {each["name"]: each["value"].get("value") for each in node.get("properties", [])})
                for node in nodes if not node["ignored"]]

    def screenshot(self, path):
        """The whole page, not only the part that fits into the window."""
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8000), "scale": 1}
        image = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(image["data"]))
