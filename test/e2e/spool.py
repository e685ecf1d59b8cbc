"""Delayed messages: filing them as programs do, and what happened to them on the disk and in the permanent log."""
import os
import re
import time

TIME = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123]\d \d\d:\d\d:\d\d \d{4}"
# Half a line followed by another is not a command.
COMMAND = r"(?:(?!\d{10}:[DFS]:).)*"
PERMANENT_LINE = re.compile(rf"^\d{{10}}:(?P<kind>[DFS]):(?P<host>[^:]+):(?P<command>{COMMAND}):{TIME}$")
OLD = 100.0  # seconds since the last change: no need to wait


class Spool:
    """The directory of a node's delayed messages, as other programs see it."""

    def __init__(self, node):
        self.directory = node.sockets / "delayed"
        self.quarantine_directory = self.directory / "quarantine"
        self.permanent_log = node.logs / "lonnet.perm.log"
        self.count = 0

    # --- leaving messages

    def leave(self, name, content, age=OLD):
        """Puts a complete file in place, last changed `age` seconds ago."""
        self.directory.mkdir(exist_ok=True)
        new = self.directory / f".{name}"  # not visible before it has its age
        new.write_bytes(content if isinstance(content, bytes) else content.encode())
        then = time.time() - age
        os.utime(new, (then, then))
        return new.rename(self.directory / name)

    def message(self, host, command, age=OLD):
        """A message with a unique name, later than all previous ones."""
        self.count += 1
        return self.leave(f"1700000000.{self.count}.4711.{command[:8].strip(':')}.{host}".replace(":", ""),
                          f"{command}\n", age)

    def clean_up(self):
        """Removes what could not be put in place."""
        for path in self.directory.glob(".*.4711.*"):
            path.unlink()

    # --- what happened to them

    def waiting(self):
        """Names in the directory, without lonc's own files."""
        return sorted(path.name for path in self.directory.iterdir()
                      if not path.name.startswith(".") and path.name != "quarantine")

    def quarantined(self):
        """{name: reason} of the quarantined messages."""
        found = {}
        if self.quarantine_directory.exists():
            for path in self.quarantine_directory.iterdir():
                if not path.name.endswith(".reason"):
                    found[path.name] = path.with_name(path.name + ".reason").read_text().split("\n")[0]
        return found

    def permanent(self, kind="S", host=None, halves=0):
        """The commands in the permanent log.

        Every line of it must be well formed, except for at most `halves` lines that a killed process has left.
        """
        if not self.permanent_log.exists():
            return []
        text = self.permanent_log.read_text()
        assert text.endswith("\n") or not text, "a line without its end"
        lines = [(PERMANENT_LINE.match(line), line) for line in text.splitlines()]
        malformed = [line for match, line in lines if not match]
        assert len(malformed) <= halves, malformed
        return [match["command"] for match, _ in lines
                if match and match["kind"] == kind and host in (None, match["host"])]
