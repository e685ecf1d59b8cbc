"""Shared by the tests of loncctl: its exit codes, runs with an expected exit code, runs on a terminal, a web server."""
import fcntl
import http.server
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time

from e2e.harness import LONCCTL, SLOWNESS, USER, E2eTest

OK, FAILED, USAGE, UNREACHABLE, NO_MATCH, CON_LOST, ERROR_REPLY, TIMEOUT = range(8)


class CtlTest(E2eTest):
    def run_ctl(self, node, *words, code=OK, **options):
        done = node.ctl(*words, **options)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done

    def out(self, node, *words, code=OK, **options):
        return self.run_ctl(node, *words, code=code, **options).stdout

    def freeze(self, node):
        """It listens, but does nothing, as if its loop were stuck; continued at the latest when the test ends."""
        node.signal(signal.SIGSTOP)
        self.addCleanup(node.signal, signal.SIGCONT)

    def web(self, address, answer=None, date=None, status=200, location=None):
        server = Web(address, answer, date, status, location)
        self.addCleanup(server.close)
        return server


class Terminal:
    """loncctl on its own terminal."""

    def __init__(self, node, *words, columns=80, lines=24, environment=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.slave = slave
        self.text = ""
        pairs = [word for name, value in node.settings.items() for word in ("--set", f"{name}={value}")]
        command = [LONCCTL, *words, "--config", str(node.config), "--perlsetvar", str(node.perl_set_var),
                   "--user", USER, *pairs]
        variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                        env=variables | {"TERM": "xterm"} | (environment or {}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)

    def modes(self):
        """Echo and canonical mode, as a shell expects its terminal."""
        return termios.tcgetattr(self.slave)[3] & (termios.ECHO | termios.ICANON)

    def press(self, keys):
        os.write(self.master, keys)

    def read(self):
        while select.select([self.master], [], [], 0.01)[0]:
            self.text += os.read(self.master, 65536).decode()
        return self.text

    def finish(self, seconds=10):
        """The exit code and the whole output."""
        deadline = time.monotonic() + seconds * SLOWNESS
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        assert self.process.poll() is not None, f"loncctl does not end: {self.text}"
        return self.process.returncode, self.read()


class Web:
    """A web server at an address with its own port; `answer` gives the body for each path, `date` its clock."""

    def __init__(self, address, answer, date, status, location):
        web = self
        self.paths = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                web.paths.append(self.path)
                self.send_response_only(status)
                self.send_header("Date", date or self.date_time_string())
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(answer(self.path).encode() if answer else b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
