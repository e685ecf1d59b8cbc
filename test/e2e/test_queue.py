"""loncctl queue and loncctl send: with lonc up and down, with the peer up and away, and during a load."""
import fcntl
import json
import os
import pwd
import stat
import time
import unittest

from e2e.harness import SLOWNESS, E2eTest, wait_for
from e2e.node import Client
from e2e.peers import Load

SECRET = "passwd-QJ7secret"
OK, FAILED, USAGE, UNREACHABLE, NO_MATCH = range(5)
SETTINGS = {"delayed-min-age": "0s", "delayed-max-attempts": "1000"}


class QueueTest(E2eTest):
    def queue_node(self, hosts=("msul1", "msul2"), **options):
        return self.node(list(hosts), settings=SETTINGS | options.pop("settings", {}), **options)

    def leave(self, node, host, line, number=1, age=60):
        """A delayed message as lonnet.pm leaves it, old enough to be sent."""
        word = "".join(c for c in line[:16] if c.isalnum() or c == "_")
        path = node.sockets / "delayed" / f"{1700000000 + number}.{number}.42.{word}.{host}"
        hidden = path.with_name("." + path.name)
        hidden.write_text(line + "\n")
        old = time.time() - age
        os.utime(hidden, (old, old))
        hidden.rename(path)
        return path.name

    def run_ctl(self, node, *words, code=OK, **options):
        done = node.ctl(*words, **options)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        return done

    def queue(self, node, *words, code=OK):
        return json.loads(self.run_ctl(node, "queue", *words, "--json", code=code).stdout)

    def listed(self, node, *words):
        return {message["name"]: message for message in self.queue(node, "list", *words)["messages"]}

    def names(self, node, *words):
        return list(self.listed(node, *words))

    def on_disk(self, node):
        delayed = node.sockets / "delayed"
        return sorted(path.name for path in delayed.iterdir() if not path.name.startswith(".") and path.is_file())

    def quarantined(self, node):
        place = node.sockets / "delayed" / "quarantine"
        return sorted(path.name for path in place.iterdir() if path.suffix != ".reason") if place.exists() else []

    def sent(self, node):
        log = node.logs / "lonnet.perm.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split(":", 2)[2].rsplit(":", 3)[0] for line in lines if line.split(":")[1] == "S"]


class Administration:
    """Tests that are the same with and without a daemon; the peers are away."""

    def test_list(self):
        self.assertEqual(self.names(self.lonc), [])
        self.assertEqual(self.run_ctl(self.lonc, "queue", "list").stdout, "No messages.\n")
        second = self.leave(self.lonc, "msul1", "put:msu:korte:env:a=b", 2, age=3600)
        first = self.leave(self.lonc, "msul2", f"encrypt:changepw:{SECRET}:x", 1)
        third = self.leave(self.lonc, "nobody1", "log:foreign", 3)
        (self.lonc.sockets / "delayed" / "README").write_text(SECRET)
        messages = self.listed(self.lonc)
        self.assertEqual(list(messages), [first, second, third])
        self.assertEqual([(m["peer"], m["command"], m["encrypted"], m["state"]) for m in messages.values()],
                         [("msul2", "changepw", True, "waiting"), ("msul1", "put", False, "waiting"),
                          ("nobody1", "log", False, "foreign")])
        self.assertEqual(messages[second]["size"], len("put:msu:korte:env:a=b\n"))
        self.assertTrue(3600 <= messages[second]["age_s"] < 3600 + 100 * SLOWNESS, messages)
        self.assertEqual(self.names(self.lonc, "--peer", "msul1"), [second])
        limited = self.queue(self.lonc, "list", "--limit", "1")
        self.assertEqual(([m["name"] for m in limited["messages"]], limited["total"]), ([first], 3))
        table = self.run_ctl(self.lonc, "queue", "list").stdout
        self.assertIn("encrypt:changepw", table)
        self.assertIn(third, table)

    def test_show(self):
        good = self.leave(self.lonc, "msul1", "put:msu:korte:env:a=b")
        bad = self.leave(self.lonc, "msul1", "log:a\nlog:b", 2)
        shown = self.queue(self.lonc, "show", good, bad)["messages"]
        self.assertEqual([message["fault"] for message in shown], ["", "it contains several lines"])
        self.assertIn("can be sent:  no, it contains several lines",
                      self.run_ctl(self.lonc, "queue", "show", bad).stdout)
        self.queue(self.lonc, "hold", bad)
        self.assertEqual(self.queue(self.lonc, "show", bad)["messages"][0]["state"], "quarantined")
        self.run_ctl(self.lonc, "queue", "show", "1.2.3.log.msul1", code=NO_MATCH)

    def test_hold_and_release(self):
        names = [self.leave(self.lonc, host, "log:x", number)
                 for number, host in enumerate(("msul1", "msul1", "msul2"))]
        self.assertEqual(self.queue(self.lonc, "hold", names[0])["done"], 1)
        self.assertEqual((self.names(self.lonc), self.quarantined(self.lonc)), (names[1:], names[:1]))
        held = self.listed(self.lonc, "--quarantine")[names[0]]
        self.assertEqual((held["reason"], held["peer"], held["command"]), ("held by an administrator", "msul1", "log"))
        self.assertEqual(self.queue(self.lonc, "hold", "--peer", "msul1")["done"], 1)
        self.assertEqual(self.names(self.lonc), names[2:])
        self.assertEqual(self.queue(self.lonc, "hold", "--all")["done"], 1)
        self.assertEqual(self.on_disk(self.lonc), [])
        self.assertEqual(self.queue(self.lonc, "release", names[1])["done"], 1)
        self.assertEqual(self.queue(self.lonc, "release", "--peer", "msul2")["done"], 1)
        self.assertEqual(self.queue(self.lonc, "release", "--all")["done"], 1)
        self.assertEqual((self.names(self.lonc), self.quarantined(self.lonc)), (names, []))
        self.assertEqual(os.listdir(self.lonc.sockets / "delayed" / "quarantine"), [])
        self.lonc.wait_logged(f"Delayed message {names[0]} (log) was held by an administrator")
        self.lonc.wait_logged(f"Delayed message {names[0]} (log) was released by an administrator")

    def test_release_replaces_nothing(self):
        name = self.leave(self.lonc, "msul1", "log:old")
        self.queue(self.lonc, "hold", name)
        self.leave(self.lonc, "msul1", "log:old")
        answer = self.queue(self.lonc, "release", name, code=FAILED)
        self.assertIn("already waits", answer["problems"][0]["text"])
        self.queue(self.lonc, "hold", name)
        self.assertEqual(self.quarantined(self.lonc), [name, name + "~1"])
        self.assertEqual(self.queue(self.lonc, "release", name + "~1")["done"], 1)
        self.assertEqual(self.on_disk(self.lonc), [name])

    def test_drop(self):
        names = [self.leave(self.lonc, host, f"encrypt:changepw:{SECRET}", number)
                 for number, host in enumerate(("msul1", "msul1", "msul2"))]
        self.assertEqual(self.queue(self.lonc, "drop", names[0])["done"], 1)
        self.assertEqual(self.on_disk(self.lonc), names[1:])
        self.lonc.wait_logged(f"Delayed message {names[0]} (changepw) was dropped by an administrator")
        self.queue(self.lonc, "hold", names[1])
        self.assertEqual(self.queue(self.lonc, "drop", "--all")["done"], 1)
        self.assertEqual((self.on_disk(self.lonc), self.quarantined(self.lonc)), ([], [names[1]]))
        self.assertEqual(self.queue(self.lonc, "drop", "--all", "--quarantine")["done"], 1)
        self.assertEqual(os.listdir(self.lonc.sockets / "delayed" / "quarantine"), [])
        self.assertNotIn(SECRET, self.lonc.log())

    def test_more_than_one_call(self):
        """A call acts on at most a thousand messages; loncctl repeats it until all are done."""
        for number in range(2500):
            self.leave(self.lonc, "msul1", "log:x", number)
        self.assertEqual(self.queue(self.lonc, "hold", "--peer", "msul1")["done"], 2500)
        self.assertEqual((self.on_disk(self.lonc), len(self.quarantined(self.lonc))), ([], 2500))
        self.assertEqual(self.queue(self.lonc, "drop", "--all", "--quarantine")["done"], 2500)

    def test_other_files_cannot_be_reached(self):
        outside = self.lonc.sockets / "1.2.3.log.msul1"
        outside.write_text("x")
        (self.lonc.sockets / "delayed" / ".hidden").write_text("x")
        for name in ("../1.2.3.log.msul1", ".hidden", ".lock", "quarantine", "."):
            self.run_ctl(self.lonc, "queue", "drop", name, code=NO_MATCH)
        self.assertTrue(outside.exists())
        self.run_ctl(self.lonc, "queue", "hold", "--peer", "msul1", code=NO_MATCH)
        self.run_ctl(self.lonc, "queue", "release", "--all", code=NO_MATCH)

    def test_usage(self):
        for words in ((), ("nonsense",), ("queue",), ("queue", "eat"), ("queue", "drop"), ("queue", "show"),
                      ("queue", "hold", "x", "--all"), ("queue", "list", "--limit", "0"), ("queue", "list", "--limt"),
                      ("queue", "hold", "--all", "--quarantine"), ("queue", "drop", ""), ("send", "msul1"), ("send", "--delayed")):
            self.assertTrue(self.run_ctl(self.lonc, *words, code=USAGE).stderr, words)
        self.assertRegex(self.run_ctl(self.lonc, "--version").stdout, r"^loncctl \d+\.\d+\.\d+\n")
        self.assertIn("queue release", self.run_ctl(self.lonc, "--help").stdout)


class UpTest(Administration, QueueTest):
    def setUp(self):
        super().setUp()
        self.lonc = self.queue_node()
        self.admin = self.lonc.logs / "lonc.admin"
        wait_for(lambda: self.lonc.ctl("queue", "list").returncode == OK, "loncctl reaches lonc")

    def test_socket(self):
        self.assertEqual(stat.S_IMODE(self.admin.stat().st_mode), 0o600)
        self.lonc.stop()
        self.assertFalse(self.admin.exists())

    def test_retry_with_the_peer_away(self):
        self.run_ctl(self.lonc, "queue", "retry", "--all", code=NO_MATCH)
        self.leave(self.lonc, "msul1", "log:x")
        wait_for(lambda: self.queue(self.lonc, "retry", "--all")["done"] == 1, "lonc has seen it")

    @unittest.skipIf(os.getuid() != 0, "only root can be somebody else")
    def test_another_user(self):
        done = self.run_ctl(self.lonc, "queue", "list", code=UNREACHABLE, user="nobody", group="nogroup")
        self.assertIn("you may not use", done.stderr)
        self.admin.chmod(0o666)
        done = self.run_ctl(self.lonc, "queue", "list", code=UNREACHABLE, user="nobody", group="nogroup")
        self.assertIn("only lonc's own user and root", done.stderr)

    def test_stale_socket(self):
        """kill -9: nobody listens, so loncctl works alone; the next lonc replaces the socket."""
        name = self.leave(self.lonc, "msul1", "log:x")
        self.lonc.process.kill()
        self.lonc.process.wait()
        self.assertTrue(self.admin.exists())
        self.assertEqual(self.queue(self.lonc, "hold", name)["done"], 1)
        self.lonc.start()
        self.assertEqual(self.queue(self.lonc, "release", name)["done"], 1)


class DownTest(Administration, QueueTest):
    def setUp(self):
        super().setUp()
        self.lonc = self.queue_node(start=False)

    def test_retry(self):
        self.run_ctl(self.lonc, "queue", "retry", "--all", code=UNREACHABLE)

    def test_directory_in_use(self):
        with open(self.lonc.sockets / "delayed" / ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.run_ctl(self.lonc, "queue", "list", code=UNREACHABLE)
        self.assertIn("at work in", done.stderr)
        self.run_ctl(self.lonc, "queue", "list")

    def test_no_directory(self):
        (self.lonc.sockets / "delayed").rmdir()
        self.run_ctl(self.lonc, "queue", "list", code=UNREACHABLE)
        self.run_ctl(self.lonc, "send", "--delayed", "msul1", text="log:x\n", code=UNREACHABLE)
        self.assertFalse((self.lonc.sockets / "delayed").exists())

    def test_settings_that_cannot_be_used(self):
        self.lonc.config.write_text("no-such = 1\n")
        self.assertIn("no-such", self.run_ctl(self.lonc, "queue", "list", code=UNREACHABLE).stderr)

    def test_open_messages_of_a_killed_lonc(self):
        """They are neither moved nor deleted, so the next start finds and names them."""
        open_one = self.leave(self.lonc, "msul1", "log:x", 1)
        other = self.leave(self.lonc, "msul1", "log:y", 2)
        delayed = self.lonc.sockets / "delayed"
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
            (delayed / ".sending").write_text(f"lonc-sending-1\t{boot.read().strip()}\n"
                                              f"P\t{(delayed / open_one).stat().st_ino}\tmsul1\t{open_one}\n")
        self.assertEqual([m["state"] for m in self.listed(self.lonc).values()], ["unsettled", "waiting"])
        answer = self.queue(self.lonc, "hold", "--all", code=FAILED)
        self.assertEqual(answer["done"], 1)
        self.assertIn("start lonc", answer["problems"][0]["text"])
        self.assertEqual((self.on_disk(self.lonc), self.quarantined(self.lonc)), ([open_one], [other]))
        self.lonc.start()
        self.lonc.wait_logged(f"Delayed message {open_one} may have two S: lines")

    @unittest.skipIf(os.getuid() != 0, "only root can be somebody else")
    def test_root_creates_files_of_the_directory_s_owner(self):
        nobody = pwd.getpwnam("nobody")
        os.chmod(self.directory, 0o711)
        delayed = self.lonc.sockets / "delayed"
        for path in (delayed, self.lonc.logs):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        name = self.run_ctl(self.lonc, "send", "--delayed", "msul1", text="log:x\n").stdout.strip()
        self.queue(self.lonc, "hold", name)
        for path in (delayed / ".lock", delayed / "quarantine" / name, self.lonc.log_file):
            self.assertEqual(path.stat().st_uid, nobody.pw_uid, path)


class PeerUpTest(QueueTest):
    def start(self):
        peer = self.standin(["msul1"])
        node = self.queue_node(["msul1"])
        node.wait_up("msul1")
        return peer, node

    def test_failing_message_is_held_and_the_next_one_is_sent(self):
        _, node = self.start()
        bad = self.leave(node, "msul1", "cut", 1)
        good = self.leave(node, "msul1", "echo:good", 2)
        wait_for(lambda: self.listed(node)[bad]["attempts"] >= 1, "its failures are shown")
        self.assertIn(good, self.names(node))
        wait_for(lambda: node.ctl("queue", "hold", bad).returncode == OK, "it is held between two attempts")
        wait_for(lambda: self.sent(node) == ["msul1:echo:good"], "the next one is delivered")
        wait_for(lambda: self.on_disk(node) == [] and self.quarantined(node) == [bad], "only the bad one is left")
        (node.sockets / "delayed" / "quarantine" / bad).write_text("echo:corrected\n")
        self.assertEqual(self.queue(node, "release", bad)["done"], 1)
        wait_for(lambda: self.sent(node) == ["msul1:echo:good", "msul1:echo:corrected"], "what was corrected is sent")
        wait_for(lambda: not self.on_disk(node), "both are gone")

    def test_retry(self):
        _, node = self.start()
        bad = self.leave(node, "msul1", "cut", 1)
        wait_for(lambda: self.listed(node)[bad]["attempts"] >= 3, "it fails, with growing pauses", 30)
        wait_for(lambda: self.queue(node, "retry", bad)["done"] == 1 and self.listed(node)[bad]["attempts"] < 3,
                 "its failures are forgotten")
        wait_for(lambda: node.ctl("queue", "drop", "--peer", "msul1").returncode == OK, "it is dropped")
        self.assertEqual(self.on_disk(node), [])

    def test_in_flight(self):
        _, node = self.start()
        name = self.leave(node, "msul1", "stall")
        wait_for(lambda: self.listed(node)[name]["state"] == "sending", "it is sent")
        for action in ("hold", "drop"):
            answer = self.queue(node, action, name, code=FAILED)
            self.assertIn("in flight", answer["problems"][0]["text"])
        self.assertEqual(self.on_disk(node), [name])

    def test_send(self):
        """Exactly once: one S: line, and the file is gone."""
        peer, node = self.start()
        before = peer.stats("msul1")["requests"]
        name = self.run_ctl(node, "send", "--delayed", "msul1", text="echo:by hand\n").stdout.strip()
        self.assertRegex(name, r"^\d+\.\d+\.\d+\.echobyhand\.msul1$")
        wait_for(lambda: self.sent(node) == ["msul1:echo:by hand"], "it is delivered")
        wait_for(lambda: not self.on_disk(node), "its file is gone")
        done = self.run_ctl(node, "send", "--delayed", "msul1", "--json", text="echo:second")
        self.assertTrue(json.loads(done.stdout)["name"].endswith(".echosecond.msul1"))
        wait_for(lambda: self.sent(node) == ["msul1:echo:by hand", "msul1:echo:second"], "without a line end, too")
        self.assertEqual(peer.stats("msul1")["requests"], before + 2)

    def test_send_refuses_invalid_messages(self):
        _, node = self.start()
        for text in ("", "\n", "log:a\nlog:b\n", "log:\0\n", "msul1:log:x\n"):
            self.assertIn("cannot be sent", self.run_ctl(node, "send", "--delayed", "msul1", text=text,
                                                          code=FAILED).stderr)
        self.assertIn("no host", self.run_ctl(node, "send", "--delayed", "nobody1", text="x\n", code=NO_MATCH).stderr)
        self.assertEqual(self.on_disk(node), [])
        self.assertEqual([path.name for path in (node.sockets / "delayed").iterdir() if "new" in path.name], [])

    def test_secrets_stay_secret(self):
        peer, node = self.start()
        peer.down("msul1")
        node.wait_lost("msul1")
        name = self.run_ctl(node, "send", "--delayed", "msul1", text=f"encrypt:wire:{SECRET}\n").stdout.strip()
        for words in (("list",), ("show", name), ("hold", name), ("list", "--quarantine"), ("show", name),
                      ("release", name), ("retry", "--all")):
            wait_for(lambda words=words: node.ctl("queue", *words).returncode == OK, words)
            self.run_ctl(node, "queue", "list")
        peer.up("msul1")
        node.wait_up("msul1")
        wait_for(lambda: self.sent(node) == ["msul1:encrypt:wire"], "it is delivered")
        node.status()
        for path in (node.log_file, node.logs / "lonnet.perm.log", node.status_text, node.status_file, node.error_file):
            self.assertNotIn(SECRET, path.read_text(), path)


class DisturbedTest(QueueTest):
    CONNECTIONS = 1000

    def noise(self, number):
        kinds = (b"", b"GET / HTTP/1.1\r\n", b"\0\xff" * 2000, b"POST /queue/list HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
                 b"A" * 20000, b"POST /queue/list HTTP/1.1\r\nContent-Length: 5\r\n\r\n[1,2]", b"GET /x HTTP/1.0\r\n\r\n")
        return kinds[number % len(kinds)]

    def test_noise_at_the_admin_socket(self):
        """A thousand malformed, huge and slow connections during requests: no request fails."""
        _, node = self.standin(["msul1"]), self.queue_node(["msul1"])
        node.wait_up("msul1")
        held = []
        number = 0
        with Load(node, ["msul1"], clients=20, requests=3000) as running:
            while number < self.CONNECTIONS or running.process.poll() is None:
                number += 1
                # Not at once while the backlog is full.
                client = wait_for(lambda: Client(node.logs / "lonc.admin"), "it is listened to")
                held.append(client)
                client.socket.setblocking(False)
                try:
                    client.socket.send(self.noise(number))
                except OSError:
                    pass  # refused before it has sent anything
                if len(held) > 200:
                    held.pop(0).close()
            tally = running.finish()
        for client in held:
            client.close()
        self.assert_all_right(tally, 3000)
        wait_for(lambda: self.run_ctl(node, "queue", "list"), "loncctl is served afterwards", 20)
        descriptors = len(os.listdir(f"/proc/{node.pid()}/fd"))
        self.assertLess(descriptors, 150)

    def test_too_many_connections(self):
        """Silent clients take all slots: further ones are refused with the reason, and served after the timeout."""
        node = self.queue_node(["msul1"])
        silent = [Client(node.logs / "lonc.admin") for _ in range(16)]
        wait_for(lambda: "too many" in self.run_ctl(node, "queue", "list", code=UNREACHABLE).stderr, "it says so")
        wait_for(lambda: node.ctl("queue", "list").returncode == OK, "the silent are put out", 30)
        for client in silent:
            self.assertEqual(client.socket.recv(1), b"")
            client.close()

    def test_many_files(self):
        """With 100,000 messages a list has the maximum length, and no request is delayed by it."""
        node = self.queue_node(["msul1", "msul2"])
        self.standin(["msul2"])
        node.wait_up("msul2")
        for number in range(100_000):
            (node.sockets / "delayed" / f"{1700000000 + number}.1.1.log.msul1").touch()
        with Load(node, ["msul2"], clients=4, rate=500, seconds=600) as running:
            wait_for(lambda: self.queue(node, "list")["total"] == 100_000, "all are counted", 30)
            answer = self.queue(node, "list", "--limit", "10000")
            tally = running.stop()
        self.assertEqual((len(answer["messages"]), answer["total"]), (10_000, 100_000))
        self.assert_all_right(tally)
        self.assert_not_held_up(tally)


if __name__ == "__main__":
    unittest.main()
