"""A browser, and many of them at once, in front of the node's Apache."""
import collections
import html
import http.client
import itertools
import re
import threading
import time
import urllib.parse

from e2e.harness import SLOWNESS

PARAGRAPH = re.compile(r'<p id="(\w+)">(.*?)</p>', re.S)


class Page(dict):
    """The contents of a page of apache/Page.pm, by the id of the paragraph; and how long it took, in seconds."""

    def __init__(self, text, seconds):
        super().__init__((name, html.unescape(value)) for name, value in PARAGRAPH.findall(text))
        self.seconds = seconds


class Browser:
    def __init__(self, address, port):
        self.address = address
        self.port = port

    def connect(self):
        return http.client.HTTPConnection(self.address, self.port, timeout=30 * SLOWNESS)

    def get(self, path):
        """Status and body."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def page(self, host, command, way="reply", connection=None):
        path = "/page?" + urllib.parse.urlencode({"host": host, "command": command, "way": way})
        start = time.monotonic()
        if connection is None:
            status, text = self.get(path)
        else:
            connection.request("GET", path)
            response = connection.getresponse()
            status, text = response.status, response.read().decode()
        if status != 200:
            raise AssertionError(f"{path}: status {status}: {text[:200]}")
        return Page(text, time.monotonic() - start)


class Crowd:
    """Browsers that work at the same time, each on its own connection and therefore with its own Apache worker.

    Each request has a unique text, half of them are encrypted, and each answer is compared with its request.
    """

    def __init__(self, browser, browsers, hosts, way="reply"):
        self._browser = browser
        self._way = way
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._counts = collections.Counter()
        self._threads = [threading.Thread(target=self._work, args=(number, hosts)) for number in range(browsers)]
        self.workers = set()
        self.wrong = []
        self.slowest = 0.0

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.counts()

    def counts(self):
        """ok, lost, wrong and broken so far."""
        with self._lock:
            return collections.Counter(self._counts)

    def _work(self, number, hosts):
        connection = self._browser.connect()
        try:
            for turn in itertools.count(number):
                if self._stop.is_set():
                    return
                self._ask(connection, hosts[turn % len(hosts)], f"question-{number}-{turn}", turn % 2 == 1)
        finally:
            connection.close()

    def _ask(self, connection, host, text, is_encrypted):
        command = ("encrypt:" if is_encrypted else "") + f"echo:{text}"
        try:
            page = self._browser.page(host, command, self._way, connection)
        except (OSError, http.client.HTTPException, AssertionError) as error:
            connection.close()
            return self._count("broken", repr(error))
        answer = page.get("answer")
        outcome = "ok" if answer == text else "lost" if answer == "con_lost" else "wrong"
        self._count(outcome, f"{host} {command}: {answer}" if outcome == "wrong" else None, page)

    def _count(self, outcome, what=None, page=None):
        with self._lock:
            self._counts[outcome] += 1
            if what:
                self.wrong.append(what)
            if page is not None:
                self.workers.add(page.get("worker"))
                self.slowest = max(self.slowest, page.seconds)
