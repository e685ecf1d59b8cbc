"""Shared by the tests of the status page: one browser for all of them, and a folder served as Apache would."""
import functools
import http.server
import json
import os
import pathlib
import shutil
import threading
import time
import unittest

from browser.driver import CHROMEDRIVER, CHROMIUM, Browser
from e2e.harness import E2eTest, TEST_DIR, wait_for

PAGE = TEST_DIR.parent / "config" / "status.html"
PICTURES = pathlib.Path(os.environ.get("LONC_PICTURES", TEST_DIR.parent / "build" / "dev" / "browser"))


class Folder:
    """A web server for files only. `skew` is the error of its clock, in seconds."""

    def __init__(self, directory):
        self.directory = directory
        self.skew = 0
        folder = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def date_time_string(self, timestamp=None):
                return super().date_time_string(time.time() + folder.skew if timestamp is None else timestamp)

            # As Apache does: a second is too coarse for files that change often, so an ETag distinguishes versions.
            def send_head(self):
                del self.headers["If-Modified-Since"]
                if self.headers["If-None-Match"] != self.tag():
                    return super().send_head()
                self.send_response(304)
                self.end_headers()
                return None

            def end_headers(self):
                self.send_header("ETag", self.tag())
                super().end_headers()

            def tag(self):
                try:
                    return f'"{os.stat(self.translate_path(self.path)).st_mtime_ns:x}"'
                except OSError:
                    return '"none"'

            def log_message(self, format, *args):  # pylint: disable=redefined-builtin
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      functools.partial(Handler, directory=str(directory)))
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        shutil.copy(PAGE, directory / "status.html")
        self.url = f"http://127.0.0.1:{self.server.server_port}/status.html"

    def put(self, status):
        """A document, or a text that is not a document."""
        new = self.directory / "loncstatus.json.new"
        new.write_text(status if isinstance(status, str) else json.dumps(status))
        new.rename(self.directory / "loncstatus.json")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@unittest.skipUnless(CHROMEDRIVER and CHROMIUM, "chromium and chromium-driver are not installed")
class PageTest(E2eTest):
    browser = None

    @classmethod
    def setUpClass(cls):
        if PageTest.browser is None:
            PageTest.browser = Browser()
            unittest.addModuleCleanup(cls.close_browser)

    @staticmethod
    def close_browser():
        PageTest.browser.close()
        PageTest.browser = None

    def setUp(self):
        super().setUp()
        self.browser.resize(1200)
        self.browser.prefer("light")

    def tearDown(self):
        self.browser.open("about:blank")  # before its server is gone
        self.browser.complaints()

    def folder(self, directory=None):
        folder = Folder(directory or self.directory)
        self.addCleanup(folder.close)
        return folder

    def picture(self, name):
        self.browser.screenshot(PICTURES / f"{name}.png")

    def sentence(self):
        return self.browser.text("#sentence")

    def wait_sentence(self, part, seconds=15):
        return self.browser.wait_text("#sentence", part, seconds)

    def refresh(self):
        self.browser.click("#again")

    def rows(self):
        """The ids of the peers that are listed as up, in order."""
        return self.browser.run("return [...document.querySelectorAll('#up tbody th')].map((head) => head.textContent)")

    def assert_no_complaint(self):
        self.assertEqual(self.browser.complaints(), [])


class BesideFileTest(PageTest):
    """The page and a document in one folder."""

    def setUp(self):
        super().setUp()
        self.files = self.folder()

    def show(self, document, sentence="", **look):
        self.files.put(document)
        self.browser.resize(look.get("width", 1200), mobile="width" in look)
        self.browser.prefer(look.get("scheme", "light"))
        self.browser.open(self.files.url)
        wait_for(lambda: self.sentence() != "Asking lonc …" and sentence in self.sentence(),
                 f"it says {sentence!r}, not {self.sentence()!r}")

    def titles(self):
        """The titles of the causes for attention, in order."""
        return self.browser.texts("#causes h3 > span:last-child")

    def style(self, element, name):
        """The computed style of the element that a script expression returns."""
        return self.browser.run(f"return getComputedStyle({element}).{name}")
