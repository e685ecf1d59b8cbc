"""How much of the system lonc's unit can access, as rated by systemd itself."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

DEB = pathlib.Path(os.environ["LONC_DEB"])
HIGHEST = 1.5


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
class UnitTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="lonc-unit-")
        self.addCleanup(directory.cleanup)
        subprocess.run(["dpkg-deb", "--extract", DEB, directory.name], check=True)
        self.unit = next(pathlib.Path(directory.name).rglob("lonc.service"))

    def test_exposure(self):
        table = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", self.unit], text=True,
                               capture_output=True, check=True).stdout
        exposure = float(table.rsplit("Overall exposure level for lonc.service: ", 1)[1].split()[0])
        self.assertLessEqual(exposure, HIGHEST, table)

    def test_a_reason_for_each_gap(self):
        """Only what lonc needs is open."""
        needed = {
            "PrivateNetwork", "RestrictAddressFamilies_AF_INET_INET6", "RestrictAddressFamilies_AF_UNIX", "IPAddressDeny",
            "RestrictAddressFamilies_AF_NETLINK",  # getaddrinfo
            "SystemCallFilter_privileged",  # chown, for socket-group
            "SystemCallFilter_resources",  # setpriority, for the thread of status and metrics
            "ProcSubset",  # the boot id, by which the spool knows whether its journal is complete
            "PrivateUsers",  # members of admin-group are known by their group
            "RootDirectoryOrRootImage", "ProtectHome", "UMask", "DeviceAllow", "SupplementaryGroups",
        }
        text = subprocess.run(["systemd-analyze", "security", "--offline=true", "--json=short", self.unit], text=True,
                              capture_output=True, check=True).stdout
        gaps = {entry["json_field"] for entry in json.loads(text)
                if entry["exposure"] not in (None, "0", "0.0") and not entry["set"]}
        self.assertEqual(gaps - needed, set())

    def test_it_is_restarted_however_it_ends(self):
        lines = self.unit.read_text().splitlines()
        for line in ("Type=notify", "Restart=always", "StartLimitIntervalSec=0", "ProtectHome=tmpfs", "User=www",
                     "ExecStart=/usr/sbin/lonc", "LimitCORE=0"):
            self.assertIn(line, lines)
        self.assertTrue(any(line.startswith("WatchdogSec=") for line in lines))


if __name__ == "__main__":
    unittest.main()
