"""The logrotate configuration, with the real logrotate."""

from package.debian_root import RootTest

RULES = "/etc/logrotate.d/lonc"
HOW = "/etc/lonc/logrotate.conf"
LOGS = "/home/httpd/perl/logs"
LONG = "a line of the log\n" * 700_000  # more than ten million bytes


class RotationTest(RootTest):
    def setUp(self):
        super().setUp()
        self.root.make_node()
        self.root.install()

    def log(self, text):
        self.root.write(f"{LOGS}/lonc.log", text, 0o640)
        self.root.run("chown", "www:www", f"{LOGS}/lonc.log")

    def rotate(self, *options):
        return self.root.run("logrotate", *options, RULES, check=False)

    def names(self):
        return sorted(path.name for path in self.root.path(LOGS).iterdir())

    def test_a_large_log_is_renamed(self):
        self.log(LONG)
        done = self.rotate()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.names(), ["lonc.log.1"])
        self.assertEqual(self.root.path(f"{LOGS}/lonc.log.1").read_text(), LONG)
        self.log(LONG)
        self.assertEqual(self.rotate().returncode, 0)
        self.assertEqual(self.names(), ["lonc.log.1", "lonc.log.2.gz"])

    def test_a_small_log_is_not_rotated(self):
        self.log("short\n")
        done = self.rotate()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.names(), ["lonc.log"])

    def test_with_loncron_the_log_is_left_to_loncron(self):
        """Silently, however large it is, and even if forced."""
        self.root.write("/home/httpd/perl/loncron", "#!/usr/bin/perl\n", 0o755)
        self.log("short\n")
        self.root.write(f"{LOGS}/lonc.log.1", "of loncron\n")
        done = self.rotate()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for text, options in (("short\n", ["--force"]), (LONG, [])):
            self.log(text)
            done = self.rotate(*options)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(self.names(), ["lonc.log", "lonc.log.1"])
            self.assertEqual(self.root.path(f"{LOGS}/lonc.log").read_text(), text)

    def test_the_permanent_log_is_never_named(self):
        self.log(LONG)
        self.root.write(f"{LOGS}/lonnet.perm.log", LONG)
        self.rotate("--force")
        self.assertEqual(self.root.path(f"{LOGS}/lonnet.perm.log").read_text(), LONG)
        for name in (RULES, HOW):
            rules = [line for line in self.root.path(name).read_text().splitlines() if not line.startswith("#")]
            self.assertNotIn("perm", "\n".join(rules))
