"""lonc --check and the other calls that do not start the daemon."""
from e2e.harness import E2eTest


class CheckTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.lonc = self.node(["msul1", "msul2"], start=False)

    def check(self, *arguments):
        done = self.lonc.run("--check", *arguments)
        self.lonc.assert_nothing_left()
        return done.returncode, done.stdout + done.stderr

    def test_good(self):
        self.lonc.config.write_text("request-timeout = 30s\n")
        code, text = self.check("--set", "max-connections=3")
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"host-id +(= +)?data1 .*access\.conf")
        self.assertRegex(text, r"request-timeout +(= +)?30s .*lonc\.conf")
        self.assertRegex(text, r"max-connections +(= +)?3 .*command line")
        self.assertRegex(text, r"connect-timeout +(= +)?10s .*default")

    def test_precedence(self):
        self.lonc.write_perl_set_var(londPort=1001)
        self.assertRegex(self.check()[1], r"lond-port +(= +)?1001 ")
        self.lonc.config.write_text("lond-port = 1002\n")
        self.assertRegex(self.check()[1], r"lond-port +(= +)?1002 ")
        self.assertRegex(self.check("--set", "lond-port=1003")[1], r"lond-port +(= +)?1003 ")

    def test_problems_with_file_and_line(self):
        self.lonc.config.write_text("request-timeout = 30s\nconnect-timeout = soon\nno-such-setting = 1\n")
        code, text = self.check()
        self.assertNotEqual(code, 0)
        self.assertIn(f"{self.lonc.config}:2", text)
        self.assertIn(f"{self.lonc.config}:3", text)
        self.assertNotEqual(self.lonc.run().returncode, 0)

    def test_ten_thousand_hosts(self):
        self.lonc.write_hosts([f"msul{number}:msu:library:msul{number}.example:10.{number // 250}.{number % 250}.1"
                               for number in range(10000)])
        code, text = self.assert_quick(1, self.check)
        self.assertEqual(code, 0, text[-2000:])
        self.assertIn("Peers: 10001 ", text)

    def test_problems_of_hosts_tab(self):
        self.lonc.write_hosts(["msul1", "bad line:", "msul1:msu:library:twice:127.0.0.9", 
                               "../x:msu:library:x:127.0.0.8"])
        code, text = self.check()
        self.assertEqual(code, 0, text)
        for line in (2, 3, 4):
            self.assertIn(f"{self.lonc.hosts_tab}:{line}", text)

    def test_missing_hosts_tab(self):
        self.lonc.hosts_tab.unlink()
        code, text = self.check()
        self.assertNotEqual(code, 0)
        self.assertIn("hosts.tab", text)

    def test_missing_directory(self):
        (self.lonc.sockets / "delayed").rmdir()
        self.lonc.sockets.rmdir()
        done = self.lonc.run("--check")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("socket-dir", done.stdout + done.stderr)
        self.assertNotEqual(self.lonc.run().returncode, 0)

    def test_lines_that_2002_read_differently(self):
        with self.lonc.perl_set_var.open("a") as file:
            file.write("#PerlSetVar londPort 1\n   PerlSetVar lonSysEMail sys@example.org\n")
        code, text = self.check()
        self.assertEqual(code, 0, text)
        self.assertRegex(text, rf"lond-port +(= +)?{self.network.port} ")
        self.assertRegex(text, r"sys-email +(= +)?sys@example\.org ")
        self.assertRegex(text, r"access\.conf:7: warning")

    def test_version_and_help(self):
        version = self.lonc.run("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"^lonc \d+\.\d+\.\d+")
        usage = self.lonc.run("--help")
        self.assertEqual(usage.returncode, 0)
        for word in ("--perlsetvar", "request-timeout", "--daemonize"):
            self.assertIn(word, usage.stdout)
        wrong = self.lonc.run("--no-such-option")
        self.assertNotEqual(wrong.returncode, 0)
        self.assertTrue(wrong.stderr)
