"""/metrics of a running daemon: the values are correct, and promtool accepts them."""
import os
import shutil
import subprocess
import time
import unittest

from e2e.harness import SLOWNESS, E2eTest, wait_for
from e2e.peers import Load


class MetricsTest(E2eTest):
    def test_metrics_of_a_running_daemon(self):
        _, lonc = self.pair(["msul1", "msul2"], settings={"delayed-min-age": "1h", "delayed-rescan": "1s"})
        lonc.request("msul1", "echo:hello")
        old = int(time.time()) - 100
        (lonc.sockets / "delayed" / f"{old}.1.1.echo.msul1").write_text("echo:later\n")
        quarantine = lonc.sockets / "delayed" / "quarantine"
        quarantine.mkdir(exist_ok=True)
        (quarantine / f"{old}.2.1.echo.msul2").write_text("echo:never\n")
        admin = lonc.admin()

        def metrics():
            reply = admin.get("/metrics")
            self.assertEqual((reply.status, reply.type), (200, "text/plain; version=0.0.4; charset=utf-8"))
            lines = [line for line in reply.text.splitlines() if not line.startswith("#")]
            return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}

        wait_for(lambda: metrics()['lonc_peer_delayed_waiting_messages{peer="msul1"}'] == 1, "the message is seen")
        values = metrics()
        self.assertEqual(values['lonc_peer_up{peer="msul1"}'], 1)
        self.assertEqual(values['lonc_peer_up{peer="data1"}'], 0)
        self.assertEqual(values['lonc_peers{state="up"}'], 2)
        answered = values['lonc_peer_requests_answered_total{peer="msul1",outcome="reply"}']
        self.assertEqual(values['lonc_peer_round_trip_seconds_count{peer="msul1"}'], answered)
        self.assertGreater(answered, 0)
        age = values['lonc_peer_delayed_oldest_age_seconds{peer="msul1"}']
        self.assertTrue(100 <= age < 100 + 60 * SLOWNESS, age)
        quarantined = 'lonc_peer_delayed_quarantined_messages{peer="msul2"}'
        wait_for(lambda: metrics()[quarantined] == 1, "the quarantine is seen")
        self.assertEqual(admin.peer("msul2")["delayed"]["quarantined"], 1)
        self.assertIsNone(admin.peer("msul2")["delayed"]["oldest_age_s"])
        self.assertEqual(admin.peer("msul1")["delayed"]["waiting"], 1)
        wait_for(lambda: metrics()['lonc_loop_lag_seconds_count'] > 0, "the loop was looked at")

    def test_promtool_accepts_them(self):
        _, lonc = self.pair(["msul1"])
        if not shutil.which("promtool"):
            # One of several tests: a skip would not be visible from outside, so it fails where all tests must run.
            self.assertNotIn("CI", os.environ, "promtool is missing: cmake/bootstrap.sh install test")
            self.skipTest("promtool is missing: cmake/bootstrap.sh install test")
        done = subprocess.run(["promtool", "check", "metrics"], input=lonc.admin().get("/metrics").text, text=True,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_scrapes_of_a_thousand_peers_do_not_delay_the_relay(self):
        self.standin(["msul1"])
        away = [f"away{i}:msu:library:away{i}.example.org:127.254.{i // 250 + 1}.{i % 250 + 1}" for i in range(1000)]
        lonc = self.node(["msul1", *away], settings={"log-level": "warning", "threads": "2"})
        lonc.wait_up("msul1")
        admin = lonc.admin()
        wait_for(lambda: sum(peer["state"] == "away" for peer in admin.status()["peers"]) >= 1000, "all are away", 60)
        with Load(lonc, ["msul1"], clients=8, seconds=3, rate=500) as running:
            scrapes = 0
            while running.process.poll() is None:
                reply = admin.get("/metrics")
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.text.count("\nlonc_peer_up{"), 1002)
                scrapes += 1
            tally = running.finish()
        self.assertGreater(scrapes, 1)
        self.assert_all_right(tally, 300)
        self.assert_not_held_up(tally)


if __name__ == "__main__":
    unittest.main()
