"""The admin endpoint of a node, used as curl would: over its UNIX socket or over TCP."""
import http.client
import json
import socket

from e2e.harness import SLOWNESS


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.type = response.headers["Content-Type"]
        self.headers = response.headers
        self.text = response.read().decode()

    def json(self):
        assert self.type == "application/json", self.type
        return json.loads(self.text)


class Admin:
    """`place` is the path of a UNIX socket, or (address, port)."""

    def __init__(self, place, timeout=10):
        self.place = place
        self.timeout = timeout * SLOWNESS

    def connect(self):
        if isinstance(self.place, tuple):
            return http.client.HTTPConnection(*self.place, timeout=self.timeout)
        return UnixConnection(self.place, self.timeout)

    def ask(self, method, target, body=None, headers=None):
        connection = self.connect()
        try:
            text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
            connection.request(method, target, text, headers or {})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def raw(self, data):
        """The whole answer to these bytes."""
        connection = self.connect()
        connection.connect()
        with connection.sock as wire:
            wire.sendall(data)
            return b"".join(iter(lambda: wire.recv(65536), b""))

    def get(self, target):
        return self.ask("GET", target)

    def post(self, target, body):
        return self.ask("POST", target, body)

    def status(self):
        return self.get("/status").json()

    def peer(self, host):
        return next(peer for peer in self.status()["peers"] if peer["id"] == host)
