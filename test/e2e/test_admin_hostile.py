"""Slow, huge, malformed and many requests at both sockets of the admin endpoint, while the relay serves."""
import random
import socket
import threading
import unittest

from e2e.harness import E2eTest, Network, wait_for
from e2e.peers import Load

SECONDS = 4
MALFORMED = [
    b"\0\xff\xfe\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /status\r\n\r\n",
    b"POST /reconnect HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /reconnect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n",
    b"POST /reconnect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\nx",
    b"GET /status HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n" + b"[" * 9,
    b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
]


class Attack:
    """Threads that repeat an action until the end; their own errors are ignored."""

    def __init__(self):
        self.is_over = threading.Event()
        self.threads = []
        self.rounds = 0

    def add(self, action):
        def run():
            while not self.is_over.is_set():
                try:
                    action()
                except OSError:
                    pass
                self.rounds += 1

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


class HostileTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.port = Network().port
        _, self.lonc = self.pair(["msul1"], settings={"admin-address": f"127.0.0.1:{self.port}"})
        self.doors = [self.lonc.admin(), self.lonc.admin(self.port)]

    def connect(self, door):
        connection = door.connect()
        connection.timeout = 2
        connection.connect()
        return connection.sock

    def send(self, door, data):
        with self.connect(door) as wire:
            wire.sendall(data)
            while wire.recv(65536):
                pass

    def drip(self, door):
        with self.connect(door) as wire:
            for byte in b"GET /status HTTP/1.1\r\nHost: localhost\r\n":
                wire.sendall(bytes([byte]))
                if self.attack.is_over.wait(0.05):
                    return

    def read_nothing(self, door):
        with self.connect(door) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            wire.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.attack.is_over.wait(0.5)

    def assert_relay_undisturbed(self, prepare):
        """`prepare(attack, door)` for both sockets, during a load."""
        with Load(self.lonc, ["msul1"], clients=8, seconds=SECONDS, rate=500) as load:
            with Attack() as attack:
                self.attack = attack
                for door in self.doors:
                    prepare(attack, door)
                tally = load.finish()
            self.assertGreater(attack.rounds, 0)
        self.assert_all_right(tally, 500)
        self.assert_not_held_up(tally)
        for door in self.doors:
            wait_for(lambda door=door: door.get("/healthz").status == 200, "the door is open again", 20)

    def test_many_and_silent(self):
        held = []

        def hold(door):
            held.append(self.connect(door))
            self.attack.is_over.wait(0.01)
            if len(held) > 200:
                held.pop(random.randrange(len(held))).close()

        self.assert_relay_undisturbed(lambda attack, door: attack.add(lambda: hold(door)))
        for wire in held:
            wire.close()

    def test_malformed(self):
        def throw(door):
            self.send(door, random.choice(MALFORMED))

        self.assert_relay_undisturbed(lambda attack, door: [attack.add(lambda: throw(door)) for _ in range(3)])
        self.assertEqual(self.lonc.request("msul1", "whoami"), "msul1")

    def test_a_request_refused_before_its_end_gets_the_reason(self):
        too_long = b"x" * 500_000
        for door, body_limit in zip(self.doors, (512 * 1024, 8 * 1024)):
            head = f"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body_limit + 1}\r\n\r\n".encode()
            self.assertTrue(door.raw(head + too_long).startswith(b"HTTP/1.1 413 "))
            self.assertTrue(door.raw(b"GET /" + too_long).startswith(b"HTTP/1.1 431 "))
            silent = [self.connect(door) for _ in range(20)]  # even if the previous ones are not gone yet
            refused = door.raw(b"GET /" + too_long)
            for wire in silent:
                wire.close()
            self.assertTrue(refused.startswith(b"HTTP/1.1 503 "), refused[:20])

    def test_slow(self):
        def prepare(attack, door):
            for _ in range(6):
                attack.add(lambda: self.drip(door))
                attack.add(lambda: self.read_nothing(door))

        self.assert_relay_undisturbed(prepare)

    def test_a_flood_of_requests(self):
        def ask(door):
            door.get(random.choice(["/status", "/metrics", "/", "/readyz"]))

        self.assert_relay_undisturbed(lambda attack, door: [attack.add(lambda: ask(door)) for _ in range(4)])


if __name__ == "__main__":
    unittest.main()
