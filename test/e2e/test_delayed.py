"""Delayed messages, from the file that a program left to the line that the peer received and the permanent log."""
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from e2e.harness import SLOWNESS, E2eTest, wait_for
from e2e.spool import PERMANENT_LINE, Spool

SECRET = "korte:s3cret"
MIN_AGE = 5.0  # the default of delayed-min-age
EARLY = 0.2  # clocks and file systems round


class DelayedTest(E2eTest):
    """Default settings except those that a test names; messages are old unless a test is about their age."""

    def prepare(self, hosts=("msul1",), down=(), **options):
        """A peer that journals, and a node that has not been started."""
        self.peer = self.standin(hosts, journal=self.directory / "journal")
        for host in down:
            self.peer.down(host)
        self.lonc = self.node(hosts, start=False, **options)
        self.spool = Spool(self.lonc)

    def prepare_up(self, hosts=("msul1",), **options):
        self.prepare(hosts, **options)
        self.lonc.start()
        for host in hosts:
            self.lonc.wait_up(host)

    def arrived(self, host="msul1"):
        return [request for request in self.peer.arrived(host) if request not in ("whoami", "exit")]

    def wait_arrived(self, requests, host="msul1", seconds=10):
        def have_come():
            self.assertEqual(self.arrived(host), requests)
            return True

        wait_for(have_come, f"{host} got what was left for it", seconds)

    def wait_gone(self, names=(), seconds=10):
        """Waits until no file is left except `names`."""

        def are_gone():
            self.assertEqual(self.spool.waiting(), sorted(names))
            return True

        wait_for(are_gone, "the files are gone", seconds)

    def assert_sent_once(self, commands, host=None):
        self.assertEqual(sorted(self.spool.permanent("S", host)), sorted(commands))

    def assert_stays(self, seconds, condition, what):
        """The condition holds all the time: there is no event to wait for if something must not happen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertTrue(condition(), what)
            time.sleep(0.02)

    def first_live_answer(self, host="msul1", line="echo:live"):
        """Sends requests until the peer is back; from then on the request waits for its turn."""
        return wait_for(lambda: answer if (answer := self.lonc.request(host, line, 30)) != "con_lost" else None,
                        f"{host} is back")


class NameTest(DelayedTest):
    def test_order_and_both_forms(self):
        """By timestamp, as a number, then by the time of the file's last change; the directory has another order."""
        self.prepare()
        names = {"999999999.9.1.echo.msul1": 100,
                 "1000000000.10.7.echo.msul1": 300, "1000000000.echo.msul1": 250, "1000000000.2.7.echo.msul1": 200,
                 "1000000001.1.99.echo.msul1": 400, "1000000001.1.100.echo.msul1": 390,
                 "1000000002.1.5..msul1": 500, "1000000002..msul1": 450, "1000000003.-.msul1": 600}
        for name, age in reversed(names.items()):
            self.spool.leave(name, f"echo:{name}\n", age)
        self.lonc.start()
        expected = [f"echo:{name}" for name in names]
        self.wait_arrived(expected)
        self.wait_gone()
        self.assertEqual(self.spool.permanent("S", "msul1"), expected)

    def test_ids_are_matched_whole(self):
        hosts = ["msul1", "xmsul1", "b", "a.b", "a-b", "msua_1"]
        self.prepare(hosts)
        for host in hosts:
            self.spool.leave(f"1000000000.echo.{host}", f"echo:three parts for {host}\n")
            self.spool.leave(f"1000000001.1.2.echo.{host}", f"echo:five parts for {host}\n")
        self.spool.leave("1000000002.a.b", "echo:command a for b\n")
        self.lonc.start()
        for host in hosts:
            more = ["echo:command a for b"] if host == "b" else []
            self.wait_arrived([f"echo:three parts for {host}", f"echo:five parts for {host}"] + more, host)
        self.wait_gone()

    def test_files_for_unknown_hosts_are_not_touched(self):
        """Until HUP makes the host known."""
        names = ["1000000000.1.2.echo.msul9", "1000000000.echo.a.msul1", "1000000000.1.2.echo.sul1", "README.msul1",
                 "1000000000.msul1", "core", "1000000000.1.2.echo.msul2"]
        self.prepare(["msul1", "msul2"])
        self.lonc.write_hosts(["msul1"])
        for name in names:
            self.spool.leave(name, f"echo:{name}\n")
        self.spool.message("msul1", "echo:mine")
        self.lonc.start()
        self.wait_arrived(["echo:mine"])
        self.wait_gone(names)
        self.assertEqual(self.spool.quarantined(), {})

        self.lonc.write_hosts(["msul1", "msul2"])
        self.lonc.hang_up()
        self.wait_arrived([f"echo:{names[-1]}"], "msul2")
        self.wait_gone(names[:-1])
        self.assertEqual(self.arrived(), ["echo:mine"])

        self.lonc.write_hosts(["msul1"])
        self.lonc.hang_up()
        wait_for(lambda: not self.lonc.socket_path("msul2").exists(), "msul2 is gone")
        late = self.spool.message("msul2", "echo:too late").name
        self.spool.message("msul1", "echo:marker")
        self.wait_arrived(["echo:mine", "echo:marker"])
        self.wait_gone([*names[:-1], late])
        for name in names[:-1]:
            self.assertEqual((self.spool.directory / name).read_text(), f"echo:{name}\n")


class ContentTest(DelayedTest):
    def test_permanent_log(self):
        """One line for each message, after those of other programs, in the format that loncron reads."""
        self.prepare()
        others = ("1000000000:D:msul1:put:msu:korte:Thu Jan  1 00:00:00 1970\n"
                  "1000000000:F:msul1:x:Thu Jan  1 00:00:00 1970\n")
        self.spool.permanent_log.write_text(others)
        commands = ["echo:a", "put:msu:korte:environment:a=b%20c&d=e", "echo:" + "x" * 5000, "count", "echo: a  b "]
        for number, command in enumerate(commands):
            self.spool.leave(f"{1000000000 + number}.echo.msul1", command + "\n")
        before = time.time()
        with_unknown = [command for command in commands if not command.startswith("put")]  # the stand-in has no put
        self.lonc.start()
        self.wait_arrived(commands)
        self.wait_gone()
        text = self.spool.permanent_log.read_text()
        self.assertTrue(text.startswith(others), text)
        lines = text[len(others):].splitlines()
        self.assertEqual([line.split(":", 1)[1][:-25] for line in lines],
                         [f"S:msul1:{command}" for command in with_unknown])
        for line in lines:
            self.assertRegex(line, PERMANENT_LINE)
            stamp = int(line.split(":")[0])
            self.assertLessEqual(int(before), stamp)
            self.assertEqual(time.ctime(stamp), line[-24:])
        self.lonc.wait_logged("Delayed echo: >other<")
        self.lonc.wait_logged("Delayed put: >unknown_cmd<")

    def test_encrypted(self):
        """On the wire as enc:; its body is in no log, status or error, whatever happens to it."""
        hosts = ["msul1", "msul2", "msul3", "msul4", "msul5", "msul6"]
        self.prepare(hosts, settings={"log-level": "debug", "delayed-max-attempts": "2", "max-line-length": "1024"})
        self.spool.message("msul1", f"encrypt:echo:{SECRET}")
        self.spool.message("msul1", f"encrypt:wire:{SECRET}")
        self.spool.message("msul2", f"encrypt:lostfirst:1:{SECRET}")
        self.spool.message("msul3", f"encrypt:cut:{SECRET}")
        self.spool.message("msul4", f"encrypt:echo:error:{SECRET}")
        self.spool.message("msul4", f"encrypt:echo:refused {SECRET}")
        self.spool.message("msul4", f"encrypt:{SECRET}")
        self.spool.message("msul5", f"encrypt:echo:{SECRET}\n{SECRET}")
        self.spool.message("msul5", f"encrypt:echo:{SECRET}" + "x" * 2000)
        self.spool.message("msul5", f"msul5:encrypt:echo:{SECRET}")
        self.spool.message("msul6", f"encrypt:late:50:{SECRET}")
        self.lonc.start()
        self.wait_gone(seconds=20)
        sent = {host: self.peer.journalled(host) for host in hosts}
        self.assertEqual(sent["msul1"],
                         [("msul1", "encrypted", f"echo:{SECRET}"), ("msul1", "encrypted", f"wire:{SECRET}")])
        for host in hosts:
            self.assertTrue(all(how == "encrypted" for _, how, _ in sent[host]), sent[host])
        self.assertEqual([len(sent[host]) for host in hosts], [2, 2, 2, 3, 0, 1])
        self.assert_sent_once(["encrypt:echo", "encrypt:wire", "encrypt:lostfirst", "encrypt:late"])
        self.assertEqual(len(self.spool.quarantined()), 7)
        self.lonc.status()
        self.lonc.stop()
        places = [self.lonc.log_file, self.lonc.error_file, self.lonc.status_text, self.lonc.status_file,
                  self.spool.permanent_log, *self.spool.quarantine_directory.glob("*.reason"),
                  *(path for path in self.spool.directory.iterdir() if path.is_file())]
        for path in places:
            self.assertNotIn("s3cret", path.read_text(), path.name)

    def test_bad_files_are_quarantined(self):
        """Each with a reason, none is deleted, and those behind them are sent."""
        unprivileged = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
        self.prepare(settings={"max-line-length": "1024"}, prefix=unprivileged)
        contents = {"empty": b"", "blank": b"\n", "several": b"echo:a\necho:b\n", "tail": b"echo:a\nb",
                    "nul": b"echo:a\0b\n", "long": b"echo:" + b"x" * 1020 + b"\n", "prefix": b"msul1:echo:a\n",
                    "unreadable": b"echo:a\n"}
        reasons = {"empty": "empty", "blank": "empty", "several": "several lines", "tail": "several lines",
                   "nul": "NUL", "long": "longer than max-line-length", "prefix": "host id",
                   "unreadable": "cannot be read",
                   "directory": "not a file", "link": "not a file", "dangling": "not a file", "pipe": "not a file",
                   "socket": "not a file"}

        def name(kind):
            return f"1000000000.{kind}.msul1"

        for kind, content in contents.items():
            self.spool.leave(name(kind), content)
        place = self.spool.directory
        (place / name("unreadable")).chmod(0)
        (place / name("directory")).mkdir()
        (place / name("directory") / "inside").write_text("kept")
        target = self.spool.leave("target", "echo:through a link\n")
        (place / name("link")).symlink_to(target)
        (place / name("dangling")).symlink_to("nowhere")
        os.mkfifo(place / name("pipe"))
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(place / name("socket")))
        fits = "echo:" + "x" * 1019
        for number, command in enumerate(["echo:first", fits, "echo:last"]):
            self.spool.leave(f"{999999999 + number}.echo.msul1", command + "\n")
        self.spool.leave("1000000002.echo.msul1", "echo:and msul1:inside, and line ends behind\n\n\n")
        self.lonc.start()
        expected = ["echo:first", fits, "echo:last", "echo:and msul1:inside, and line ends behind"]
        self.wait_arrived(expected, seconds=20)
        self.wait_gone(["target"])
        self.assert_sent_once(expected)

        found = self.spool.quarantined()
        self.assertEqual(sorted(found), sorted(map(name, reasons)))
        for kind, reason in reasons.items():
            self.assertIn(reason, found[name(kind)], kind)
            self.lonc.wait_logged(f"{name(kind)} was quarantined")
        aside = self.spool.quarantine_directory
        (aside / name("unreadable")).chmod(0o600)
        for kind, content in contents.items():
            self.assertEqual((aside / name(kind)).read_bytes(), content, kind)
        self.assertEqual((aside / name("directory") / "inside").read_text(), "kept")
        self.assertEqual(os.readlink(aside / name("dangling")), "nowhere")

    def test_same_name_is_quarantined_twice(self):
        self.prepare_up()
        name = "1000000000.echo.msul1"
        for content in ("echo:a\necho:b\n", "echo:c\necho:d\n"):
            self.spool.leave(name, content)
            self.wait_gone()
        self.assertEqual(sorted(path.read_text() for path in self.spool.quarantine_directory.glob("*.msul1*")
                                if path.suffix != ".reason"), ["echo:a\necho:b\n", "echo:c\necho:d\n"])


class HalfWrittenTest(DelayedTest):
    """The directory is read again every second: a file is seen while it is being written, before it is closed."""

    def test_written_in_two_steps(self):
        """Without delayed-min-age, so it would be sent as soon as it is seen."""
        self.prepare_up(settings={"delayed-min-age": "0s", "delayed-rescan": "1s"})
        self.spool.message("msul1", "echo:marker")
        self.wait_arrived(["echo:marker"])
        path = self.spool.directory / "1000000000.1.2.echo.msul1"
        with path.open("w") as file:
            file.write("echo:first ha")
            file.flush()
            self.assert_stays(1.5, lambda: self.arrived() == ["echo:marker"], "half a line was sent")
            file.write("lf and second")
            file.flush()
            self.assert_stays(1.5, lambda: self.arrived() == ["echo:marker"], "half a line was sent")
            file.write("\n")
        self.wait_arrived(["echo:marker", "echo:first half and second"], seconds=8)
        self.wait_gone()
        self.assertEqual(self.spool.quarantined(), {})

    def test_empty_first(self):
        """open() and write() of a writer, seconds apart: an empty file is not quarantined at once."""
        self.prepare_up(settings={"delayed-min-age": "0s", "delayed-rescan": "1s"})
        path = self.spool.directory / "1000000000.1.2.echo.msul1"
        with path.open("w") as file:
            self.assert_stays(2, lambda: path.exists() and not self.spool.quarantined(), "it was quarantined")
            file.write("echo:later\n")
        self.wait_arrived(["echo:later"], seconds=8)
        self.assertEqual(self.spool.quarantined(), {})

    def test_unterminated_line_is_sent_when_settled(self):
        self.prepare_up(settings={"delayed-min-age": "0s", "delayed-rescan": "1s"})
        path = self.spool.directory / "1000000000.1.2.echo.msul1"
        path.write_text("echo:no line end")
        changed = path.stat().st_mtime
        self.wait_arrived(["echo:no line end"], seconds=10)
        self.assertGreaterEqual(time.time() - changed, MIN_AGE - EARLY)
        self.wait_gone()
        self.assert_sent_once(["echo:no line end"])


class AgeTest(DelayedTest):
    def test_sent_at_min_age_while_the_peer_is_up(self):
        """Not before, and live requests are not affected."""
        self.prepare_up()
        path = self.spool.message("msul1", "echo:young", age=0)
        changed = path.stat().st_mtime
        number = 0
        while "echo:young" not in self.arrived():
            # A request that is held back would take delayed-first, 2 s.
            self.assertEqual(self.assert_quick(1.5, self.lonc.request, "msul1", f"echo:live{number}"), f"live{number}")
            number += 1
            self.assertLess(time.time() - changed, (MIN_AGE + 3) * SLOWNESS, "it was not sent")
        self.assertGreaterEqual(time.time() - changed, MIN_AGE - EARLY)
        self.assertGreater(number, 10)
        self.wait_gone()

    def test_young_message_delays_nothing_after_a_reconnection(self):
        self.prepare(settings={"delayed-first": "30s", "delayed-min-age": "20s"})
        self.peer.down("msul1")
        self.lonc.start()
        self.lonc.wait_lost("msul1")
        self.spool.message("msul1", "echo:young", age=0)
        self.peer.up("msul1")
        self.assertEqual(self.assert_quick(5, self.first_live_answer), "live")
        self.assertEqual(self.assert_quick(1.5, self.lonc.request, "msul1", "echo:second"), "second")
        self.assertNotIn("echo:young", self.arrived())

    def test_old_message_is_sent_at_once(self):
        """delayed-min-age counts from the last change, not from when it was found."""
        self.prepare_up(settings={"delayed-min-age": "1h"})
        self.spool.message("msul1", "echo:old", age=3601)
        self.assert_quick(3, self.wait_arrived, ["echo:old"])


class OrderTest(DelayedTest):
    """After a reconnection: what is sent first. One connection, so that the journal shows the order."""

    def go_away(self, messages, command, settings):
        self.prepare_up(settings={"max-connections": "1", "connect-wait": "0s"} | settings)
        self.peer.down("msul1")
        self.lonc.wait_lost("msul1")
        self.messages = [f"{command}:d{number}" for number in range(messages)]
        for message in self.messages:
            self.spool.message("msul1", message)

    def turns(self):
        """D for each delayed message and L for each live request, in the order in which they arrived."""
        return "".join("D" if request in self.messages else "L" for request in self.arrived())

    def test_live_requests_wait_delayed_first_and_then_alternate(self):
        self.go_away(60, "delay:50", {"delayed-first": "1s"})
        over = threading.Event()

        def ask_on():
            while not over.is_set():
                self.lonc.request("msul1", "delay:20:live", 30)

        workers = [threading.Thread(target=ask_on) for _ in range(3)]
        self.peer.up("msul1")
        self.first_live_answer()
        for worker in workers:
            worker.start()
        try:
            self.wait_gone(seconds=30)
        finally:
            over.set()
            for worker in workers:
                worker.join()
        turns = self.turns()
        before, _, after = turns.partition("L")
        # One second of messages that take 50 ms each; slow machines send fewer.
        self.assertLessEqual(len(before), 22, turns)
        self.assertGreaterEqual(len(before), 15 / SLOWNESS**2, turns)
        together = after[2:after.rfind("D") - 1]
        self.assertGreater(together.count("D"), 20, turns)
        self.assertNotIn("DD", together, turns)
        self.assertLess(together.count("L"), together.count("D") * 1.3, turns)
        self.assertEqual(self.spool.permanent(), self.messages)

    def test_strict(self):
        self.go_away(60, "delay:30", {"delayed-first": "strict"})
        self.peer.up("msul1")
        self.first_live_answer()
        self.assertRegex(self.turns(), "^D{60}L+$")

    def test_zero(self):
        """delayed-first = 0s: they alternate from the start."""
        self.go_away(60, "delay:30", {"delayed-first": "0s"})
        self.peer.up("msul1")
        self.first_live_answer()
        self.assertLessEqual(self.turns().index("L"), 3, self.turns())

    def test_failed_message_precedes_nothing(self):
        """After one failure it waits behind live requests, and after a further reconnection these do not wait."""
        self.go_away(1, "cutfirst:2", {"delayed-first": "strict", "delayed-max-attempts": "5"})
        self.peer.up("msul1")
        wait_for(lambda: "D" in self.turns(), "the first attempt")
        start = time.monotonic()
        self.assertEqual(self.first_live_answer(), "live")
        self.assertLess(time.monotonic() - start, 4 * SLOWNESS)
        self.wait_gone(seconds=30)
        self.assertEqual(self.arrived().count(self.messages[0]), 3)
        self.assert_sent_once(self.messages)


class AnswerTest(DelayedTest):
    def test_refusals_are_quarantined_and_con_lost_is_retried(self):
        self.prepare()
        refused = {"echo:refused": "refused", "echo:rejected": "rejected", "nonsense:x": "unknown_cmd",
                   "echo:error:12 no such user": "error", "echo:error": "error", "echo:refused by rule": "refused"}
        names = {command: self.spool.message("msul1", command).name for command in refused}
        delivered = ["lostfirst:2:ok", "echo:refusedly", "echo:ok", "echo:no_such_host", "echo:0", "echo:con_delayed"]
        for command in delivered:
            self.spool.message("msul1", command)
        self.lonc.start()
        self.wait_arrived([*refused, *delivered[:1] * 3, *delivered[1:]], seconds=20)
        self.wait_gone()
        self.assertEqual(self.spool.permanent(), delivered)
        found = self.spool.quarantined()
        self.assertEqual(sorted(found), sorted(names.values()))
        for command, word in refused.items():
            self.assertEqual(found[names[command]], f"the answer was {word}")
            self.assertEqual((self.spool.quarantine_directory / names[command]).read_text(), command + "\n")
        for text in ("Delayed echo: >refused<", "Delayed echo: >error<", "Delayed nonsense: >unknown_cmd<",
                     "Delayed lostfirst: >con_lost<", "Delayed lostfirst: >ok<"):
            self.lonc.wait_logged(text)

    def test_message_that_breaks_the_connection(self):
        """It is sent delayed-max-attempts times and no more; those behind it are sent."""
        self.prepare(settings={"delayed-max-attempts": "3"})
        name = self.spool.message("msul1", "cut:always").name
        self.spool.message("msul1", "cutfirst:2:ok")
        self.spool.message("msul1", "echo:behind")
        self.lonc.start()
        self.wait_arrived(["cut:always"] * 3 + ["cutfirst:2:ok"] * 3 + ["echo:behind"], seconds=40)
        self.wait_gone()
        self.assertEqual(list(self.spool.quarantined()), [name])
        self.assertIn("3 times in a row", self.spool.quarantined()[name])
        self.assertEqual(self.spool.permanent(), ["cutfirst:2:ok", "echo:behind"])

    def test_message_without_an_answer(self):
        """delayed-timeout applies, and the late answer is not taken for that to the next message."""
        self.prepare(settings={"delayed-max-attempts": "2", "delayed-timeout": "300ms"})
        names = [self.spool.message("msul1", command).name for command in ("stall:x", "late:600:refused")]
        self.spool.message("msul1", "echo:behind")
        self.lonc.start()
        self.wait_arrived(["stall:x"] * 2 + ["late:600:refused"] * 2 + ["echo:behind"], seconds=40)
        self.wait_gone()
        self.assertEqual(sorted(self.spool.quarantined()), sorted(names))
        self.assert_sent_once(["echo:behind"])

    def test_bad_message_of_one_peer_delays_no_other(self):
        self.prepare(["msul1", "msul2"], settings={"delayed-max-attempts": "1000"})
        self.spool.message("msul1", "stall:x")
        for number in range(50):
            self.spool.message("msul2", f"echo:{number}")
        self.lonc.start()
        self.wait_arrived([f"echo:{number}" for number in range(50)], "msul2", seconds=5)


class DirectoryTest(DelayedTest):
    def check_delivery(self, text, seconds=3):
        """Through inotify: the next delayed-rescan is a minute away."""
        before = self.arrived()
        self.spool.message("msul1", f"echo:{text}")
        self.assert_quick(seconds, self.wait_arrived, [*before, f"echo:{text}"])
        self.wait_gone()

    def test_deleted_and_created_again(self):
        self.prepare_up()
        self.check_delivery("before")
        shutil.rmtree(self.spool.directory)
        wait_for(self.spool.directory.exists, "lonc has made it again")
        self.check_delivery("after")

    def test_moved_away_and_replaced(self):
        """Messages in the old directory are not sent, those in the new one are."""
        self.prepare_up()
        new = self.spool.directory.with_name("new")
        new.mkdir()
        (new / "1000000000.1.2.echo.msul1").write_text("echo:came with it\n")
        os.utime(new / "1000000000.1.2.echo.msul1", (1000000000, 1000000000))
        self.spool.directory.rename(self.spool.directory.with_name("old"))
        if self.spool.directory.exists():  # lonc was quick
            shutil.rmtree(self.spool.directory)
        new.rename(self.spool.directory)
        self.wait_arrived(["echo:came with it"])
        self.check_delivery("after")

    def test_missing_at_the_start(self):
        self.prepare()
        self.spool.directory.rmdir()
        self.lonc.start()
        self.lonc.wait_up("msul1")
        wait_for(self.spool.directory.exists, "lonc has made it")
        self.check_delivery("first")

    def test_something_else_in_its_place(self):
        self.prepare()
        self.spool.directory.rmdir()
        self.spool.directory.write_text("in the way")
        self.lonc.start()
        self.lonc.wait_up("msul1")
        self.lonc.wait_logged("Delayed messages are not sent")
        self.assertEqual(self.assert_quick(1.5, self.lonc.request, "msul1", "echo:x"), "x")
        self.spool.directory.unlink()
        self.spool.message("msul1", "echo:at last")
        self.wait_arrived(["echo:x", "echo:at last"], seconds=15)

    def test_answer_arrives_when_the_directory_is_gone(self):
        """It was delivered, so it has its S: line."""
        self.prepare_up()
        self.spool.message("msul1", "delay:2000:x")
        self.wait_arrived(["delay:2000:x"])
        self.spool.directory.rename(self.spool.directory.with_name("old"))

        def is_in_the_way():
            try:
                self.spool.directory.open("x").close()
            except FileExistsError:  # lonc has created it again
                shutil.rmtree(self.spool.directory)
                return False
            return True

        wait_for(is_in_the_way, "something else is in its place")
        self.lonc.wait_logged("Delayed messages are not sent", 1.5)
        wait_for(lambda: self.spool.permanent() == ["delay:2000:x"], "the S: line")

    def test_inotify_overflow(self):
        """A scan replaces events that the kernel dropped; the next delayed-rescan is an hour away."""
        with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
            most = int(file.read())
        if most > 100_000:
            self.skipTest(f"fs.inotify.max_queued_events is {most}: too many files")
        self.prepare_up(settings={"delayed-rescan": "1h"})
        os.kill(self.lonc.pid(), signal.SIGSTOP)
        try:
            for number in range(most + 10):
                os.close(os.open(self.spool.directory / f"no message {number}", os.O_CREAT | os.O_WRONLY))
            self.spool.message("msul1", "echo:unseen")
        finally:
            os.kill(self.lonc.pid(), signal.SIGCONT)
        self.wait_arrived(["echo:unseen"], seconds=20)
        for path in self.spool.directory.glob("no message*"):
            path.unlink()

    def test_without_inotify(self):
        """A user namespace without inotify instances: messages are found by rescans."""
        limit = "/proc/sys/user/max_inotify_instances"
        probe = subprocess.run(["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", f"echo 0 >{limit}"],
                               capture_output=True, text=True)
        if probe.returncode != 0:
            self.skipTest(f"no user namespace: {probe.stderr}")
        self.prepare(settings={"delayed-rescan": "1s"},
                     prefix=["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c",
                             f'echo 0 >{limit} && exec "$@"', "sh"])
        self.lonc.start()
        self.lonc.wait_up("msul1")
        self.lonc.wait_logged("by scanning (delayed-rescan): inotify")
        for number in range(3):
            self.check_delivery(str(number), seconds=8)


class SeveralDaemonsTest(DelayedTest):
    def test_successor_waits_for_the_one_that_drains(self):
        """The first has a message in flight, the second is up already: none is sent twice, none out of order."""
        self.prepare(settings={"drain-timeout": "20s"})
        messages = ["echo:0", "delay:2000:1", *(f"echo:{number}" for number in range(2, 200))]
        for message in messages:
            self.spool.message("msul1", message)
        self.lonc.start()
        wait_for(lambda: "delay:2000:1" in self.arrived(), "the first is at work")
        first = self.lonc.process
        first.terminate()
        wait_for(lambda: not self.lonc.pid_file.exists(), "the pid file is gone")
        self.lonc.start()
        self.assertIsNone(first.poll(), "the first had ended already")
        self.assertEqual(first.wait(20 * SLOWNESS), 0)
        self.wait_gone(seconds=20)
        self.assertEqual(self.arrived(), messages)
        self.assertEqual(self.spool.permanent(), messages)
        self.assertNotIn("may have two S: lines", self.lonc.log())

    def test_restart_in_the_middle(self):
        """TERM ends it cleanly: there are no possible duplicates afterwards."""
        self.prepare()
        messages = [f"delay:2:{number}" for number in range(500)]
        for message in messages:
            self.spool.message("msul1", message)
        for part in (0.2, 0.5, 0.8):
            self.lonc.start()
            wait_for(lambda: len(self.arrived()) > part * len(messages), "some have been sent")
            self.lonc.stop()
        self.lonc.start()
        self.wait_gone(seconds=20)
        self.assertEqual(self.arrived(), messages)
        self.assertEqual(self.spool.permanent(), messages)
        self.assertNotIn("may have two S: lines", self.lonc.log())
