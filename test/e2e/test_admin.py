"""The admin endpoint of a running daemon: its reports and its actions."""
import json
import socket
import unittest

from e2e.harness import E2eTest, Network, wait_for

HOSTS = ["msul1", "msul2"]


class AdminTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.peer, self.lonc = self.pair(HOSTS, settings={"status-interval": "1s"})
        self.admin = self.lonc.admin()

    def post(self, target, body, status=200):
        reply = self.admin.post(target, body)
        self.assertEqual(reply.status, status, reply.text)
        return reply.json()

    def state(self, host):
        return self.admin.peer(host)["state"]

    def wait_state(self, host, state):
        wait_for(lambda: self.state(host) == state, f"{host} is {state}")

    def test_status(self):
        self.lonc.request("msul1", "echo:hello")
        status = self.admin.status()
        self.assertEqual(status["version"], 1)
        self.assertEqual([peer["id"] for peer in status["peers"]], ["data1", *HOSTS])
        daemon = status["daemon"]
        self.assertEqual((daemon["interval_s"], daemon["log_level"], daemon["ready"]), (1, "info", True))
        peer = self.admin.peer("msul1")
        self.assertEqual(peer["round_trip"]["count"], peer["counters"]["replies"])
        self.assertGreater(peer["round_trip"]["mean_ms"], 0)
        self.assertLessEqual(peer["round_trip"]["p50_ms"], peer["round_trip"]["p99_ms"])
        self.assertGreater(peer["counters"]["bytes_sent"], len("init\nekey\necho:hello\n"))
        self.assertGreater(peer["counters"]["bytes_received"], len("hello\n"))
        self.assertEqual(self.admin.get("/loncstatus.json").json()["daemon"]["pid"], daemon["pid"])

    def test_files_and_history_are_updated_periodically(self):
        self.lonc.request("msul1", "echo:hello")

        def history():
            return json.loads(self.lonc.status_file.read_text())["daemon"]["history"]

        wait_for(lambda: len(history()) >= 3, "three samples in the file")
        samples = history()
        self.assertEqual([sample["at"] for sample in samples], sorted({sample["at"] for sample in samples}))
        self.assertEqual((samples[-1]["up"], samples[-1]["down"]), (2, 1))  # there is no lond for data1
        self.assertGreaterEqual(samples[-1]["requests"], samples[-1]["replies"])
        self.assertGreater(samples[-1]["replies"], 0)

    def test_health(self):
        for target in ("/healthz", "/readyz"):
            reply = self.admin.get(target)
            self.assertEqual((reply.status, reply.text), (200, "ok\n"), target)

    def test_page(self):
        reply = self.admin.get("/")
        self.assertEqual((reply.status, reply.type), (200, "text/html; charset=utf-8"))
        self.assertTrue(reply.text.startswith("<!DOCTYPE html>"), reply.text[:100])

    def test_drain_and_reconnect(self):
        in_flight = self.lonc.request_in_flight(self.peer, "msul1", "late:500:x")
        self.assertEqual(self.post("/drain", {"peers": ["msul1"]}), {"done": 1})
        self.assert_lost_at_once(self.lonc, "msul1")
        self.assertEqual(in_flight.line(), "x")
        in_flight.close()
        self.wait_state("msul1", "drained")
        wait_for(lambda: self.admin.peer("msul1")["connections"] == 0, "its connections are closed")
        attempts = self.admin.peer("msul1")["counters"]["attempts"]
        self.lonc.status()  # by SIGUSR1
        self.assertEqual(self.post("/reconnect", {"all": True}), {"done": 2})
        self.assert_lost_at_once(self.lonc, "msul1")
        self.assertEqual(self.admin.peer("msul1")["counters"]["attempts"], attempts)
        self.assertEqual(self.lonc.request("msul2", "whoami"), "msul2")
        self.assertEqual(self.post("/reconnect", {"peers": ["msul1"]}), {"done": 1})
        self.lonc.wait_up("msul1")
        self.assertEqual(self.admin.peer("msul1")["counters"]["reconnects"], 1)

    def test_a_reload_ends_a_drain(self):
        self.post("/drain", {"peers": HOSTS})
        self.wait_state("msul2", "drained")
        result = self.post("/reload", {})
        self.assertEqual((result["peers"], result["added"], result["problems"]), (3, 0, []))
        for host in HOSTS:
            self.lonc.wait_up(host)

    def test_unknown_peers_do_nothing(self):
        for target in ("/drain", "/reconnect"):
            self.assertIn("nobody", self.post(target, {"peers": ["msul1", "nobody"]}, 404)["error"])
            self.post(target, {"peers": []}, 400)
        self.assertEqual(self.state("msul1"), "up")

    def test_reload(self):
        self.lonc.write_hosts(["msul1"])
        self.lonc.settings["threads"] = 2
        self.lonc.config.write_text("request-timeout = 7s\n")
        result = self.post("/reload", {})
        self.assertEqual({name: result[name] for name in ("peers", "added", "removed", "moved", "adjusted")},
                         {"peers": 2, "added": 0, "removed": 1, "moved": 0, "adjusted": 2})
        self.lonc.config.write_text("threads = 2\n")
        self.assertEqual(self.post("/reload", {})["needs_restart"], ["threads"])
        self.lonc.config.write_text("request-timeout = soon\n")
        refused = self.post("/reload", {}, 409)
        self.assertTrue(refused["error"])
        self.assertIn("request-timeout", " ".join(refused["problems"]))
        self.assertEqual(self.lonc.request("msul1", "whoami"), "msul1")

    def test_log_level(self):
        self.assertEqual(self.admin.get("/log-level").json(), {"level": "info"})
        self.assertEqual(self.post("/log-level", {"level": "debug"}), {"level": "debug"})
        wait_for(lambda: self.admin.status()["daemon"]["log_level"] == "debug", "the status says so")
        self.assertEqual(self.admin.get("/log-level").json(), {"level": "debug"})
        self.post("/log-level", {"level": "loud"}, 400)
        self.post("/reload", {})
        self.assertEqual(self.admin.get("/log-level").json(), {"level": "info"})

    def test_methods_and_names(self):
        self.assertEqual(self.admin.post("/status", {}).status, 405)
        self.assertEqual(self.admin.get("/reload").status, 405)
        self.assertEqual(self.admin.get("/no-such").status, 404)
        self.assertEqual(self.admin.get("/healthz?x=1").status, 200)

    def test_no_socket_is_not_ready(self):
        (self.lonc.sockets / "late1").mkdir()
        self.lonc.write_hosts([*HOSTS, "late1"])
        self.post("/reload", {})
        reply = self.admin.get("/readyz")
        self.assertEqual(reply.status, 503)
        self.assertIn("late1", reply.json()["error"])
        self.assertEqual(self.admin.get("/healthz").status, 200)
        self.assertFalse(self.admin.status()["daemon"]["ready"])
        (self.lonc.sockets / "late1").rmdir()
        wait_for(lambda: self.admin.get("/readyz").status == 200, "ready", 20)


class TcpTest(E2eTest):
    def test_reading_over_tcp(self):
        port = Network().port
        _, lonc = self.pair(["msul1"], settings={"admin-address": f"127.0.0.1:{port}"})
        tcp = lonc.admin(port)
        self.assertEqual(tcp.status()["daemon"]["pid"], lonc.pid())
        self.assertEqual(tcp.get("/healthz").text, "ok\n")
        self.assertTrue(tcp.get("/").text.startswith("<!DOCTYPE html>"))
        refused = tcp.post("/drain", {"peers": ["msul1"]})
        self.assertEqual(refused.status, 405)
        self.assertIn("read", refused.json()["error"])
        self.assertEqual(tcp.ask("GET", "/status", headers={"Host": "evil.example"}).status, 403)
        for host, status in (("localhost", 200), ("evil.example", 403)):
            head = tcp.raw(f"HEAD /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            self.assertTrue(head.startswith(f"HTTP/1.1 {status} ".encode()), head)
            self.assertTrue(head.endswith(b"\r\n\r\n"), head)
        self.assertEqual(lonc.admin().peer("msul1")["state"], "up")

    def test_unusable_settings_are_reported_and_the_rest_works(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            _, lonc = self.pair(["msul1"], settings={"admin-address": address, "admin-group": "no-such-group"})
            lonc.wait_logged(f"Status and metrics cannot be served at {address}")
            lonc.wait_logged("there is no group no-such-group")
            self.assertEqual(lonc.admin().get("/healthz").status, 200)
            self.assertIn("admin-group", lonc.run("--check").stdout)


if __name__ == "__main__":
    unittest.main()
