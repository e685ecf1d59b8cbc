"""loncctl call: a request as a worker sends it, with the result as the exit code."""
import os
import unittest

from e2e.ctl import CON_LOST, ERROR_REPLY, FAILED, NO_MATCH, OK, TIMEOUT, UNREACHABLE, USAGE, CtlTest

SECRET = "QJ7secret"


class CallTest(CtlTest):
    def setUp(self):
        super().setUp()
        self.peer = self.standin(["msul1"], journal=self.directory / "journal")
        self.lonc = self.node(["msul1", "closed"], settings={"request-timeout": "30s"})
        self.lonc.wait_up("msul1")
        self.lonc.wait_lost("closed")

    def test_reply(self):
        self.assertEqual(self.out(self.lonc, "call", "msul1", "echo:from the command line"), "from the command line\n")
        self.assertEqual(self.out(self.lonc, "call", "msul1", text="echo:from a pipe\n"), "from a pipe\n")
        self.assertEqual(self.out(self.lonc, "call", "msul1", "-", text="echo:no line end"), "no line end\n")

    def test_encrypted(self):
        for words, text in ((("--encrypt", "msul1"), f"echo:{SECRET}\n"), (("msul1", f"encrypt:echo:{SECRET}"), ""),
                            (("--encrypt", "msul1"), f"encrypt:echo:{SECRET}\n")):
            self.assertEqual(self.out(self.lonc, "call", *words, text=text), SECRET + "\n")
        asked = [entry for entry in self.peer.journalled("msul1") if SECRET in entry[2]]
        self.assertEqual(asked, [("msul1", "encrypted", f"echo:{SECRET}")] * 3)
        self.assertNotIn(SECRET, self.lonc.log())

    def test_con_lost(self):
        done = self.run_ctl(self.lonc, "call", "closed", "echo:x", code=CON_LOST)
        self.assertEqual(done.stdout, "con_lost\n")
        self.assertIn("loncctl status closed", done.stderr)

    def test_error(self):
        self.assertEqual(self.out(self.lonc, "call", "msul1", "echo:error:no such user", code=ERROR_REPLY),
                         "error:no such user\n")

    def test_timeout(self):
        done = self.assert_quick(5, lambda: self.run_ctl(self.lonc, "call", "msul1", "stall", "--timeout", "0.3", code=TIMEOUT))
        self.assertIn("in time", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_invalid_requests(self):
        for text in ("", "\n", "echo:a\necho:b\n"):
            self.run_ctl(self.lonc, "call", "msul1", text=text, code=FAILED)
        self.run_ctl(self.lonc, "call", "msul1", "echo:a\necho:b", code=FAILED)
        self.lonc.settings["max-line-length"] = "4096"
        self.assertIn("max-line-length", self.run_ctl(self.lonc, "call", "msul1", text="x" * 5000, code=FAILED).stderr)
        self.run_ctl(self.lonc, "call", code=USAGE)
        self.run_ctl(self.lonc, "call", "msul1", "echo:x", "y", code=USAGE)

    def test_no_such_host(self):
        for host in ("nobody1", "../msul1", ""):
            self.assertIn("no host", self.run_ctl(self.lonc, "call", host, "ping", code=NO_MATCH).stderr)

    def test_no_daemon(self):
        self.lonc.stop()
        done = self.run_ctl(self.lonc, "call", "msul1", "ping", code=UNREACHABLE)
        self.assertIn(f"the socket {self.lonc.sockets}/msul1 does not exist", done.stderr)

    def test_killed_daemon(self):
        self.lonc.process.kill()
        self.lonc.process.wait()
        self.assertIn("nothing listens", self.run_ctl(self.lonc, "call", "msul1", "ping", code=UNREACHABLE).stderr)
        self.lonc.start()
        self.lonc.wait_up("msul1")
        self.assertEqual(self.run_ctl(self.lonc, "call", "msul1", "echo:x").returncode, OK)

    @unittest.skipIf(os.getuid() != 0, "only root can be somebody else")
    def test_another_user(self):
        done = self.run_ctl(self.lonc, "call", "msul1", "ping", code=UNREACHABLE, user="nobody", group="nogroup")
        self.assertRegex(done.stderr, "you may not use the socket .*: it belongs to `root` .*, and you are `nobody`")
