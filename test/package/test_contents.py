"""The contents of the package, and lintian's verdict."""

import os
import pathlib
import subprocess
import tarfile
import unittest

DEB = pathlib.Path(os.environ["LONC_DEB"])
SOURCE = pathlib.Path(os.environ["LONC_SOURCE"])
BUILD = pathlib.Path(os.environ["LONC_BUILD"])

# Files that an administrator would miss.
FILES = """
    /usr/sbin/lonc /usr/bin/loncctl
    /lib/systemd/system/lonc.service /usr/lib/sysusers.d/lonc.conf /usr/lib/tmpfiles.d/lonc.conf
    /etc/lonc/lonc.conf /etc/lonc/logrotate.conf /etc/logrotate.d/lonc
    /usr/share/lonc/lonDaemons-lonc /usr/lib/lonc/loncapa-files
    /usr/share/man/man8/lonc.8.gz /usr/share/man/man1/loncctl.1.gz /usr/share/man/man5/lonc.conf.5.gz
    /usr/share/doc/lonc/copyright /usr/share/doc/lonc/changelog.Debian.gz /usr/share/doc/lonc/README.md
""".split()

# Made by other parts of this tree, and in the package if they exist.
WHERE_THERE = {
    "config/status.html": "/usr/share/lonc/status.html",
    "config/loncctl.bash-completion.in": "/usr/share/bash-completion/completions/loncctl",
}


def run(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def field(name):
    return run("dpkg-deb", "--field", DEB, name).strip()


class ContentsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not DEB.exists():
            raise AssertionError(f"there is no {DEB}: make it with cpack in {BUILD}")
        cls.entries = {}
        for line in run("dpkg-deb", "--contents", DEB).splitlines():
            mode, owner, _, _, _, path = line.split(maxsplit=5)
            cls.entries[path.removeprefix(".").rstrip("/")] = (mode, owner)

    def test_everything_is_there(self):
        expected = [path.replace("/lib/systemd", "/usr/lib/systemd", 1) for path in FILES]
        expected += [target for source, target in WHERE_THERE.items() if (SOURCE / source).exists()]
        self.assertEqual([path for path in expected if path not in self.entries], [])

    def test_nothing_is_in_the_tree_of_loncapa(self):
        self.assertEqual([path for path in self.entries if path.startswith(("/home", "/usr/local", "/var"))], [])

    def test_everything_belongs_to_root_and_only_root_may_write(self):
        for path, (mode, owner) in self.entries.items():
            self.assertEqual(owner, "root/root", path)
            self.assertNotEqual(mode[5], "w", path)
            self.assertNotEqual(mode[8], "w", path)

    def test_files_that_an_administrator_edits_are_conffiles(self):
        conffiles = run("dpkg-deb", "--info", DEB, "conffiles").split()
        self.assertEqual(sorted(conffiles), sorted(path for path in self.entries if self.is_setting(path)))

    def is_setting(self, path):
        return path.startswith("/etc/") and self.entries[path][0].startswith("-")

    def test_libraries_are_found_by_their_packages(self):
        depends = field("Depends")
        for library in ("libc6 (>=", "libstdc++6 (>=", "libboost-program-options1.81.0"):
            self.assertIn(library, depends)

    def test_the_man_page_names_the_place_that_the_program_reads(self):
        page = run("sh", "-c", 'dpkg-deb --fsys-tarfile "$0" | tar -xO ./usr/share/man/man8/lonc.8.gz | gunzip', DEB)
        self.assertIn("/etc/lonc/lonc.conf", page)
        self.assertNotIn("/usr/local", page)

    def test_lintian_finds_neither_error_nor_warning(self):
        result = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", DEB],
                                text=True, capture_output=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertNotRegex(result.stdout, r"(?m)^[EWO]:")


class SourceTest(unittest.TestCase):
    def test_the_tarball_has_the_files_of_git(self):
        name = f"lonc-{field('Version').rsplit('-', 1)[0]}"
        with tarfile.open(BUILD / f"{name}.tar.gz") as archive:
            packed = {member.name.removeprefix(name + "/") for member in archive if member.isfile()}
        if not (SOURCE / ".git").exists():
            self.assertIn("CMakeLists.txt", packed)
            return
        tracked = set(run("git", "-c", f"safe.directory={SOURCE}", "-C", SOURCE, "ls-files").splitlines())
        self.assertEqual(tracked - packed, set())
        self.assertEqual([path for path in packed if path.startswith("build/") or ".git/" in path], [])


if __name__ == "__main__":
    unittest.main()
