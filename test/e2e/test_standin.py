"""The stand-ins themselves, without lonc: the other tests rely on them."""
import socket
import time

from e2e.harness import E2eTest
from e2e.peers import PerlLond


class Dialogue:
    """A minimal lonc: opens a connection and performs the handshake."""

    def __init__(self, address, port):
        self.socket = socket.create_connection((address, port), timeout=5)
        self.file = self.socket.makefile("rb")

    def ask(self, line):
        self.socket.sendall(line.encode() + b"\n")
        return self.line()

    def line(self):
        return self.file.readline().decode("latin-1").rstrip("\n")

    def open(self):
        challenge = self.ask("init")
        return challenge, self.ask(challenge)

    def close(self):
        self.file.close()
        self.socket.close()


class StandinTest(E2eTest):
    def dialogue(self, host):
        made = Dialogue(self.network.address(host), self.network.port)
        self.addCleanup(made.close)
        return made

    def check_handshake(self, dialogue, host):
        challenge, verdict = dialogue.open()
        self.assertRegex(challenge, r"^\d+$")
        self.assertEqual(verdict, "ok")
        self.assertEqual(dialogue.ask("pong"), f"{host}:data1")
        self.assertRegex(dialogue.ask("ekey"), r"^[0-9A-F]{20,30}$")
        self.assertEqual(dialogue.ask("ping"), host)
        self.assertEqual(dialogue.ask("no:such"), "unknown_cmd")
        self.assertEqual(dialogue.ask("exit"), "bye")
        self.assertEqual(dialogue.line(), "")

    def test_handshake(self):
        self.standin(["msul1"])
        self.check_handshake(self.dialogue("msul1"), "msul1")

    def test_handshake_in_perl(self):
        perl = PerlLond(self.network, "msul1")
        self.addCleanup(perl.close)
        self.check_handshake(self.dialogue("msul1"), "msul1")

    def test_wrong_echo_is_refused(self):
        self.standin(["msul1"])
        dialogue = self.dialogue("msul1")
        dialogue.ask("init")
        self.assertEqual(dialogue.ask("4711"), "refused")
        self.assertEqual(dialogue.line(), "")

    def test_timed_answers(self):
        self.standin(["msul1"])
        dialogue = self.dialogue("msul1")
        dialogue.open()
        start = time.monotonic()
        self.assertEqual(dialogue.ask("delay:150:late"), "late")
        self.assertEqual(dialogue.ask("drip:20:abcd"), "abcd")
        self.assertGreater(time.monotonic() - start, 0.25)
        self.assertEqual(dialogue.ask("unasked:30:boo"), "ok")
        self.assertEqual(dialogue.line(), "boo")
        self.assertEqual(dialogue.ask("twice:x"), "x")
        self.assertEqual(dialogue.line(), "x")
        self.assertEqual(dialogue.ask("cutafter:3:abcdef"), "abc")
        self.assertEqual(dialogue.line(), "")

    def test_control(self):
        peer = self.standin(["msul1"])
        dialogue = self.dialogue("msul1")
        dialogue.open()
        self.assertEqual(peer.stats("msul1"), {"connections": 1, "requests": 0, "accepted": 1, "pongs": 0})
        peer.down("msul1")
        self.assertEqual(dialogue.line(), "")
        with self.assertRaises(ConnectionRefusedError):
            self.dialogue("msul1")
        peer.up("msul1")
        peer.fault("msul1", "refuse")
        self.assertEqual(self.dialogue("msul1").ask("init"), "refused")

    def test_black_hole_leaves_connects_unanswered(self):
        peer = self.standin(["msul1"], black_holes=["hole"])
        with self.assertRaises(TimeoutError):
            socket.create_connection((self.network.address("hole"), self.network.port), timeout=1.2)
        peer.down("hole")
        peer.up("hole")
        self.dialogue("hole")
