"""Installed, upgraded and purged without a running systemd: in a chroot, and on a node that has only loncron."""

import time

from e2e.harness import SLOWNESS, wait_for
from package.debian_root import RootTest

PID_FILE = "/home/httpd/perl/logs/lonc.pid"
START = "/home/httpd/perl/lonc"


class BareMachineTest(RootTest):
    """No LON-CAPA, or not yet."""

    def test_install_and_purge(self):
        before = self.files()
        out = self.root.install()
        self.assertNotRegex(out.stderr, r"(?i)error|warning|fail|can ?not")
        entry = self.root.run("getent", "passwd", "www").stdout.strip().split(":")
        self.assertEqual(entry[5:], ["/home/httpd", "/bin/sh"])
        self.assertEqual(self.root.run("passwd", "--status", "www").stdout.split()[1], "L", "www must have no password")
        self.assertFalse(self.root.path("/home/httpd").exists())
        self.assertTrue(self.root.path("/etc/systemd/system/multi-user.target.wants/lonc.service").is_symlink())
        self.assertRegex(self.root.run("lonc", "--version").stdout, r"^lonc \d")
        self.assertIn("/etc/lonc/lonc.conf", self.root.run("lonc", "--help").stdout)
        self.root.run("systemd-analyze", "verify", "--man=no", "lonc.service")

        self.root.run("dpkg", "--purge", "lonc")
        # The user is kept: it may own files of the node.
        self.assertEqual(sorted(self.files() - before), [])
        self.assertEqual(sorted(before - self.files()), [])

    def files(self):
        passed_over = ("/proc", "/run", "/var/lib/dpkg", "/var/log", "/etc/*-", "/etc/.pwd.lock")
        tests = [word for path in passed_over for word in ("-path", path, "-prune", "-o")]
        out = self.root.run("find", "/", "-xdev", *tests, "-print").stdout
        return set(out.splitlines())

    def test_a_www_that_exists_is_kept(self):
        self.root.run("useradd", "--uid", "1234", "--gid", "daemon", "--home-dir", "/srv", "--shell", "/bin/false", "www")
        before = self.root.run("getent", "passwd", "www").stdout
        self.root.install()
        self.assertEqual(self.root.run("getent", "passwd", "www").stdout, before)


class NodeTest(RootTest):
    """A node with LON-CAPA's tree, on which loncron starts and stops lonc."""

    def setUp(self):
        super().setUp()
        self.root.make_node()

    def start(self):
        """As loncron does: without arguments, and within two seconds there is a pid file."""
        begin = time.monotonic()
        done = self.root.run(START, user="www", check=False)
        self.assertLess(time.monotonic() - begin, 2 * SLOWNESS)
        self.assertTrue(self.root.path(PID_FILE).exists(), done.stderr)
        return done

    def one(self):
        """The only running lonc, whose pid is in the file."""
        pids = self.root.pids()
        self.assertEqual(len(pids), 1, pids)
        self.assertEqual(self.root.path(PID_FILE).read_text(), f"{pids[0]}\n")
        return pids[0]

    def test_start_stop_upgrade_remove(self):
        self.root.install()
        self.assertEqual(self.root.pids(), [], "loncron has not started it yet")
        self.assertEqual(self.start().returncode, 0)
        first = self.one()

        # The loser ends cleanly, and does not affect the winner.
        self.assertEqual(self.start().returncode, 1)
        self.assertEqual(self.one(), first)

        self.root.run("killall", "lonc", user="www")
        self.root.run("rm", "-f", PID_FILE, user="www")
        self.assertEqual(self.start().returncode, 0)
        second = wait_for(self.one, "the second alone", 20)
        self.assertNotEqual(second, first)

        self.root.install(self.root.newer_package())
        third = wait_for(self.one, "the upgrade has started the new one", 20)
        self.assertNotEqual(third, second)
        self.assertEqual(self.root.run("readlink", f"/proc/{third}/exe").stdout, "/usr/sbin/lonc\n")
        self.assertEqual(self.root.run("stat", "-c", "%U", f"/proc/{third}").stdout, "www\n")

        message = "/home/httpd/sockets/delayed/7.msul1"
        kept = {message: "put:x\n", "/home/httpd/perl/logs/lonnet.perm.log": "S\n"}
        for name, text in kept.items():
            self.root.write(name, text)
        self.root.run("dpkg", "--purge", "lonc")
        self.assertEqual(self.root.pids(), [])
        for name, text in kept.items():
            self.assertEqual(self.root.path(name).read_text(), text)
        self.assertEqual(list(self.root.path("/home/httpd/perl/logs").glob("lonc.*")), [])
        self.assertEqual(list(self.root.path("/home/httpd/html/lon-status").iterdir()), [])
        self.assertFalse(self.root.path("/etc/lonc").exists())

    def test_the_original_is_moved_away_and_restored(self):
        start = self.root.path(START)
        original = start.read_text()
        self.assertIn("lonc.original", self.root.install().stdout)
        self.assertIn("lonc --daemonize", start.read_text())
        self.assertEqual(self.root.path(START + ".original").read_text(), original)
        page = self.root.path("/home/httpd/html/lon-status/lonc.html")
        self.assertEqual(page.read_text(), self.root.path("/usr/share/lonc/status.html").read_text())

        # An update of LON-CAPA writes its own file again.
        start.write_text("#!/usr/bin/perl\n# newer\n")
        self.root.install(self.root.newer_package())
        self.assertIn("lonc --daemonize", start.read_text())

        self.root.run("dpkg", "--remove", "lonc")
        self.assertEqual(start.read_text(), "#!/usr/bin/perl\n# newer\n")
        self.assertEqual(start.stat().st_mode & 0o777, 0o755)
        self.assertFalse(page.exists())

    def test_no_link_of_www_is_followed(self):
        """www owns these directories; files that root writes there must not end up where a link of www points."""
        victim = self.root.path("/etc/victim")
        victim.write_text("untouched")
        for name in (START, "/home/httpd/html/lon-status/lonc.html"):
            self.root.run("ln", "-sfn", "/etc/victim", name)
        self.root.install()
        self.assertEqual(victim.read_text(), "untouched")
        self.assertFalse(self.root.path(START).is_symlink())

    def test_an_edited_configuration_survives(self):
        self.root.install()
        conf = self.root.path("/etc/lonc/lonc.conf")
        conf.write_text(conf.read_text() + "max-clients = 17\n")
        self.root.install(self.root.newer_package())
        self.assertIn("max-clients = 17", conf.read_text())
        self.root.run("dpkg", "--remove", "lonc")
        self.assertIn("max-clients = 17", conf.read_text())
