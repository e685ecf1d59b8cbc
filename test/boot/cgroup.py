"""A control group for one container. Two systemd in one group would treat each other's services as their own."""
import os
import pathlib

MOUNTS = pathlib.Path("/sys/fs/cgroup")


class ControlGroup:
    """Below this process's own group, in each hierarchy that systemd uses (several before version 2)."""

    def __init__(self, name):
        self._directories = [parent / name for parent in _own_groups()]
        for directory in self._directories:
            directory.mkdir()

    def join(self):
        """For a child, before its exec."""
        for directory in self._directories:
            (directory / "cgroup.procs").write_text("0")

    def remove(self):
        """Call it when its processes have ended; removes also the groups that systemd has created in it."""
        for directory in self._directories:
            _remove(directory)


def remove_stale(prefix):
    """Removes groups named `prefix` and the pid of a process that has ended: left by a test that was killed."""
    for parent in _own_groups():
        for directory in parent.glob(f"{prefix}-*"):
            if not os.path.exists(f"/proc/{directory.name.rsplit('-', 1)[1]}"):
                _remove(directory)


def _own_groups():
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpuset" in controllers.split(","):
            continue  # a cpuset that is not filled accepts no process, and systemd does not use it
        mount = MOUNTS / controllers.removeprefix("name=")
        if not controllers and (MOUNTS / "unified").exists():
            mount = MOUNTS / "unified"
        group = mount / path.lstrip("/")
        if (group / "cgroup.procs").exists():
            yield group


def _remove(directory):
    for path, _, _ in os.walk(directory, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            return  # something still runs in it
