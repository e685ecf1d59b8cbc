"""loncctl reconnect, drain, reload, log-level and hosts, at a running daemon."""
import json

from e2e.ctl import FAILED, NO_MATCH, OK, UNREACHABLE, USAGE, CtlTest
from e2e.harness import wait_for


class ActionTest(CtlTest):
    def state(self, host):
        return json.loads(self.out(self.lonc, "status", host, "--json"))["state"]

    def wait_state(self, host, state):
        wait_for(lambda: self.state(host) == state, f"{host} is {state}")

    def setUp(self):
        super().setUp()
        self.peer = self.standin(["msul1", "msul2"])
        # A peer that is away is not tried again automatically while a test runs.
        self.lonc = self.node(["msul1", "msul2"], settings={"backoff-first": "60s", "backoff-longest": "60s"})
        for host in ("msul1", "msul2"):
            self.lonc.wait_up(host)

    def test_reconnect(self):
        for words in (("msul1",), ("--all",)):
            self.peer.down("msul1")
            self.wait_state("msul1", "away")
            self.peer.up("msul1")
            self.assertIn("to be tried now", self.out(self.lonc, "reconnect", *words))
            self.wait_state("msul1", "up")
        self.assertEqual(json.loads(self.out(self.lonc, "reconnect", "msul1", "msul2", "--json")), {"done": 2})
        self.assertIn("nobody1", self.run_ctl(self.lonc, "reconnect", "nobody1", code=NO_MATCH).stderr)

    def test_drain(self):
        self.assertEqual(self.out(self.lonc, "drain", "msul1"),
                         "1 peer drained, until `loncctl reconnect`, a reload or a restart\n")
        self.wait_state("msul1", "drained")
        self.assert_lost_at_once(self.lonc, "msul1")
        self.assertEqual(self.lonc.request("msul2", "echo:x"), "x")
        self.assertIn("loncctl reconnect msul1", self.out(self.lonc, "status", "msul1"))
        self.assertIn("1 drained", self.out(self.lonc, "status").splitlines()[0])
        self.run_ctl(self.lonc, "drain", "nobody1", code=NO_MATCH)
        self.out(self.lonc, "reconnect", "msul1")
        self.wait_state("msul1", "up")

    def test_reload(self):
        self.standin(["msul3"])
        self.lonc.write_hosts(["msul1", "msul3", "msul4", "a bad line:"])
        done = self.run_ctl(self.lonc, "reload")
        self.assertEqual(done.stdout, "reloaded: 4 peers, 2 added, 1 removed, 0 moved, 0 adjusted\n")
        self.assertIn(f"{self.lonc.hosts_tab}:4: error: ", done.stderr)
        self.assertEqual(self.lonc.request("msul3", "echo:x"), "x")
        self.assertEqual(sorted(self.out(self.lonc, "hosts").split()), ["data1", "msul1", "msul3", "msul4"])

    def test_reload_by_force(self):
        hosts = self.lonc.hosts_tab.read_text().splitlines(keepends=True)
        self.lonc.hosts_tab.write_text("".join(line for line in hosts if not line.startswith("data1:")))
        done = self.run_ctl(self.lonc, "reload", code=FAILED)
        self.assertIn("it lacks this server's own id", done.stderr)
        self.assertIn("loncctl reload --force", done.stderr)
        self.assertTrue(self.lonc.socket_path("data1").exists())
        done = self.run_ctl(self.lonc, "reload", "--force")
        self.assertEqual(done.stdout, "reloaded: 2 peers, 0 added, 1 removed, 0 moved, 0 adjusted\n")
        self.lonc.wait_logged("HUP: no longer in hosts.tab: data1")
        self.assertFalse(self.lonc.socket_path("data1").exists())

    def test_reload_of_bad_settings(self):
        self.lonc.config.write_text("request-timeout = soon\n")
        # loncctl itself reads these settings, and finds the same lonc by its other settings.
        done = self.run_ctl(self.lonc, "reload", code=UNREACHABLE)
        self.assertIn(f"{self.lonc.config}:1: error: ", done.stderr)
        good = self.directory / "good.conf"
        good.write_text("")
        done = self.run_ctl(self.lonc, "reload", code=UNREACHABLE)
        self.lonc.config, bad = good, self.lonc.config
        done = self.run_ctl(self.lonc, "reload", code=FAILED)
        self.assertIn("lonc says: ", done.stderr)
        self.assertIn(f"{bad}:1: error: ", done.stderr)
        self.lonc.config = bad

    def test_log_level(self):
        before = self.out(self.lonc, "log-level")
        self.assertEqual(self.out(self.lonc, "log-level", "debug"), "debug\n")
        self.assertEqual(self.out(self.lonc, "log-level"), "debug\n")
        self.assertEqual(json.loads(self.out(self.lonc, "log-level", "--json")), {"level": "debug"})
        self.out(self.lonc, "reload")
        self.assertEqual(self.out(self.lonc, "log-level"), before)
        self.assertIn("debug", self.run_ctl(self.lonc, "log-level", "loud", code=FAILED).stderr)

    def test_usage(self):
        for words in (("reconnect",), ("reconnect", "msul1", "--all"), ("drain",), ("drain", "--all"),
                      ("reload", "now"), ("log-level", "a", "b"), ("hosts", "x"), ("hosts", "--json")):
            self.assertTrue(self.run_ctl(self.lonc, *words, code=USAGE).stderr, words)

    def test_no_daemon(self):
        self.lonc.stop()
        for words in (("reconnect", "--all"), ("drain", "msul1"), ("reload",), ("log-level",)):
            self.assertIn("lonc is not running", self.run_ctl(self.lonc, *words, code=UNREACHABLE).stderr)
        self.run_ctl(self.lonc, "hosts", code=OK)
