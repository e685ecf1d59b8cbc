"""loncctl probe: the query of 2002 to another server's web server, with each of its answers."""
from e2e.ctl import FAILED, NO_MATCH, OK, UNREACHABLE, USAGE, CtlTest


class ProbeTest(CtlTest):
    def setUp(self):
        super().setUp()
        self.network.pin("local", "127.0.0.1")
        self.lonc = self.node(["local:msu:library:localhost:127.0.0.1", "msul2", "bare:msu:library:localhost:http"],
                              start=False)

    def probe(self, local, remote, *words, code=OK):
        return self.run_ctl(self.lonc, "probe", local, remote, *words, code=code)

    def test_answers(self):
        for answer, verdict, code in (("msul2\n", "ok", OK), ("con_lost\n", "con_lost", FAILED), ("", "", FAILED),
                                      ("other\nmsul2\n", "other", FAILED)):
            web = self.web("127.0.0.1", lambda _, text=answer: text)
            for local in ("local", "bare"):
                done = self.probe(local, "msul2", "--http-port", str(web.port), code=code)
                self.assertEqual(done.stdout, verdict + "\n")
            self.assertEqual(web.paths, ["/cgi-bin/ping.pl?msul2"] * 2)

    def test_unknown(self):
        self.assertEqual(self.probe("nobody1", "msul2", code=NO_MATCH).stdout, "local_unknown\n")
        self.assertEqual(self.probe("local", "nobody1", code=NO_MATCH).stdout, "remote_unknown\n")

    def test_local_error(self):
        web = self.web("127.0.0.1", status=404)
        done = self.probe("local", "msul2", "--http-port", str(web.port), code=UNREACHABLE)
        self.assertEqual(done.stdout, "local_error\n")
        self.assertIn("HTTP status 404", done.stderr)
        done = self.probe("local", "msul2", "--http-port", str(self.network.port), code=UNREACHABLE)
        self.assertEqual(done.stdout, "local_error\n")
        self.assertIn("Connection refused", done.stderr)

    def test_redirect(self):
        """As from a server that accepts only HTTPS."""
        place = "https://localhost/cgi-bin/ping.pl?msul2"
        for status, location, says in ((301, place + "\x9b", f"HTTP status 301 to {place}?; "),
                                       (302, None, "HTTP status 302; ")):
            web = self.web("127.0.0.1", status=status, location=location)
            done = self.probe("local", "msul2", "--http-port", str(web.port), code=UNREACHABLE)
            self.assertEqual(done.stdout, "local_error\n")
            self.assertIn(says, done.stderr)
            self.assertIn("plain HTTP only", done.stderr)
            self.assertNotIn("check that it has this script", done.stderr)
            self.assertEqual(len(web.paths), 1)

    def test_an_unknown_name_and_a_silent_server(self):
        self.lonc.write_hosts(["gone:msu:library:no-such-host.invalid:127.0.0.9", "msul2", "hole:msu:library:localhost:127.0.0.1"])
        done = self.assert_quick(10, lambda: self.probe("gone", "msul2", "--timeout", "1", code=UNREACHABLE))
        self.assertEqual(done.stdout, "local_error\n")
        self.network.pin("hole", "127.0.0.1")
        self.standin(["hole"], faults={"hole": "accept-only"})
        done = self.assert_quick(10, lambda: self.probe("hole", "msul2", "--http-port", str(self.network.port),
                                                        "--timeout", "0.3", code=UNREACHABLE))
        self.assertEqual(done.stdout, "local_error\n")

    def test_usage(self):
        for words in (("probe",), ("probe", "a"), ("probe", "a", "b", "c"), ("probe", "a", "b", "--http-port", "0"),
                      ("probe", "a", "b", "--http-port", "70000")):
            self.run_ctl(self.lonc, *words, code=USAGE)
