"""The field of a chaos run: peers, lonc and clients, each its own process, in one temporary directory."""
import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import threading
import time

from support.waiting import wait_for

OWN_ID = "data1"
SETTINGS = {
    "request-timeout": "300ms", "connect-timeout": "300ms", "pong-timeout": "300ms", "connect-wait": "200ms",
    "backoff-first": "100ms", "backoff-longest": "1s", "delayed-min-age": "0s", "delayed-timeout": "2s",
    "delayed-rescan": "1s", "delayed-max-attempts": "1000", "drain-timeout": "1s",
}


def end_process(process, first=signal.SIGTERM, seconds=10):
    """By its id; works for a stopped process as well."""
    if process.poll() is None:
        for number in (first, signal.SIGCONT):
            process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Peer:
    """One host. Its process may be killed and restarted; its journal is kept."""

    def __init__(self, program, host, address, port, journal, options):
        self.host, self.address = host, address
        self.command = [str(program), "--id", host, "--client", OWN_ID, "--address", address, "--port", str(port),
                        "--journal", str(journal), *options]
        self.journal = journal
        self.stopped_until = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(self.process.stdin.fileno(), False)
        port = self.process.stdout.readline()
        if not port:
            raise RuntimeError(f"{self.host} at {self.address} does not start")
        self.port = int(port)

    def listen_on(self, port):
        """Used from the next start on, in place of port 0."""
        self.command[self.command.index("--port") + 1] = str(port)

    def fault(self, line):
        try:
            os.write(self.process.stdin.fileno(), line.encode() + b"\n")
        except BlockingIOError:
            pass  # it has been stopped for a long time

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close_pipes()
        self.stopped_until = None
        self.start()

    def freeze(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        self.stopped_until = time.monotonic() + seconds

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
        self.stopped_until = None

    def close_pipes(self):
        self.process.stdin.close()
        self.process.stdout.close()

    def stop(self):
        end_process(self.process, signal.SIGKILL)
        self.close_pipes()

    def delayed(self):
        """The numbers of the delayed messages that it has received, in order of arrival."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        return [int(line.split(":")[1]) for line in lines]


def hash_of(request):
    """FNV-1a, as in token.cpp."""
    value = 14695981039346656037
    for byte in request.encode():
        value = (value ^ byte) * 1099511628211 % (1 << 64)
    return value


def is_answer(line, host, request):
    """Whether it is the answer of `host` to exactly this request."""
    words = line.split(":")
    return len(words) > 4 and words[:2] == ["A", host] and words[4] == f"{hash_of(request):x}"


def ask(path, line, seconds=10):
    """The answer of a relay on a new connection; empty if there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(seconds)
            client.connect(str(path))
            client.sendall(line.encode() + b"\n")
            return client.recv(4096).decode(errors="replace").strip()
    except OSError:
        return ""


class Lonc:
    def __init__(self, binary, directory, port, threads, settings=None):
        self.binary, self.directory, self.port = binary, directory, port
        for name in ("sockets/delayed", "perl/logs", "lonTabs", "html/lon-status"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "lonc.conf").write_text("")
        (directory / "perlsetvar.conf").write_text("")
        values = SETTINGS | {
            "host-id": OWN_ID, "socket-dir": directory / "sockets", "daemon-dir": directory / "perl",
            "tab-dir": directory / "lonTabs", "doc-root": directory / "html", "lond-port": port,
            "user": pwd.getpwuid(os.getuid()).pw_name, "threads": threads,
        } | (settings or {})
        self.command = [str(binary), "--config", str(directory / "lonc.conf"), "--perlsetvar",
                        str(directory / "perlsetvar.conf")]
        self.command += [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
        self.errors = (directory / "lonc.err").open("ab")
        self.process = None
        self.has_disk = False
        self.spool = directory / "sockets/delayed"

    def give_spool_a_disk(self):
        """Mounts a small file system, which can be filled; returns the reason if that fails, or an empty text."""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=755", "tmpfs", str(self.spool)],
                              capture_output=True, text=True, check=False)
        self.has_disk = done.returncode == 0
        return done.stderr.strip()

    def write_hosts(self, hosts):
        path = self.directory / "lonTabs/hosts.tab"
        new = path.with_suffix(".new")
        new.write_text("".join(f"{host}:msu:library:{host}.example.org:{address}\n"
                               for host, address in hosts.items()))
        # Otherwise lonc would wait until it is sure that nobody is writing the file.
        long_ago = time.time() - 60
        os.utime(new, (long_ago, long_ago))
        new.rename(path)

    def start(self, probe="p0"):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors)
        wait_for(lambda: self.ask(probe) or not self.is_running(), "lonc answers")
        if not self.is_running():
            raise RuntimeError("lonc does not start: " + (self.directory / "lonc.err").read_text()[-2000:])

    def is_running(self):
        return self.process.poll() is None

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def ask(self, host, line="chaosprobe"):
        """con_lost also counts as an answer."""
        return ask(self.directory / "sockets" / host, line)

    def leave_message(self, name, text, changed):
        """False if the disk is full: a real program would report that to its user."""
        new = self.spool / ".new"
        try:
            new.write_text(text)
            os.utime(new, (changed, changed))
            new.rename(self.spool / name)
        except OSError:
            new.unlink(missing_ok=True)
            return False
        return True

    def waiting_messages(self):
        return [name for name in os.listdir(self.spool) if name[0].isdigit()]

    def log_lines(self):
        """Of all its processes, including rotated files."""
        files = sorted((self.directory / "perl/logs").glob("lonc.log*"))
        return [line for file in files for line in file.read_text(errors="replace").splitlines()]

    def resident_kb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        if self.process:
            end_process(self.process)
        if self.has_disk:
            subprocess.run(["umount", "--lazy", str(self.spool)], check=False)
        self.errors.close()


class Load:
    """The clients. They confirm each command; the last line of counts is `counts`."""

    def __init__(self, program, sockets, peers, requests, seed, limit_ms, options=()):
        self.process = subprocess.Popen(
            [str(program), "--sockets", str(sockets), "--peers", str(peers), "--requests", str(requests),
             "--seed", str(seed), "--limit-ms", str(limit_ms), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.counts = {}
        self.complaints = []
        self.done = threading.Semaphore(0)
        self.readers = [threading.Thread(target=self.read, daemon=True),
                        threading.Thread(target=self.read_errors, daemon=True)]
        for reader in self.readers:
            reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.counts = json.loads(line)
            elif line.startswith("done"):
                self.done.release()

    def read_errors(self):
        self.complaints += [line.rstrip() for line in self.process.stderr]

    def tell(self, command):
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return
        while not self.done.acquire(timeout=0.1):
            if self.process.poll() is not None:
                return

    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        end_process(self.process, signal.SIGKILL)
        for reader in self.readers:
            reader.join()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # commands that were no longer read
        self.process.stdout.close()
        self.process.stderr.close()
