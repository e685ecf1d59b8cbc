#!/usr/bin/env python3
"""How fast delayed messages are replayed, relative to the minimum that any replay must do on the same disk.

    python3 -B test/bench/replay.py --build build/release

The bare loop opens, reads and deletes each file in order and syncs the directory after every 32 of them (or after
each). lonc, between the same kind of files and a stand-in for lond on loopback, also sends them to the peer, keeps its
journal, writes the permanent log, and quarantines the invalid ones: one file in a hundred. Both take turns; the medians
are compared. Exits with 1 if the ratio for the default batch is below --least.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TEST_DIR = pathlib.Path(__file__).resolve().parent.parent
BATCH = 32  # the default of delayed-sync-batch
SPOILT = 100  # one invalid file in this number
LONGEST = 1800  # seconds, the limit for a replay


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, help="build directory of lonc, lond-standin and lonc-load; "
                        "without it the environment says where they are, as for the other tests")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--strict-files", type=int, default=10_000, help="for the batch of 1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", type=float, default=0.5, help="ratio for the default batch; 0: nothing is judged")
    parser.add_argument("--directory", type=pathlib.Path, help="on the disk in question; default: where the build is")
    parser.add_argument("--verbose", action="store_true", help="the seconds of each round, too")
    return parser.parse_args()


def use_build(directory):
    places = {"LONC_BINARY": "src/lonc", "LONC_STANDIN": "test/peers/lond-standin",
              "LONC_LOAD": "test/clients/lonc-load"}
    for name, place in places.items():
        path = (directory / place).resolve()
        if not path.exists():
            sys.exit(f"{path} has not been built")
        os.environ[name] = str(path)


def fill(directory, files):
    """Creates `files` messages for msul1 in a shuffled order; returns their names in the order of sending."""
    names = [f"{1000000000 + number // 10}.{number % 10}.4711.putmsukorte.msul1" for number in range(files)]
    step = next(step for step in (7919, 7907, 7901) if files % step)  # coprime: each is created once
    for at in range(files):
        number = at * step % files
        line = f"echo:msu:korte:environment:number={number}\n"
        content = line + line if number % SPOILT == SPOILT // 2 else line
        fd = os.open(directory / names[number], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, content.encode())
        os.close(fd)
    subprocess.run(["sync", "-f", str(directory)], check=True)  # only the replay is measured, not this
    return names


def bare(place, files, batch):
    """Seconds of the bare loop."""
    directory = place / "bare"
    directory.mkdir()
    names = fill(directory, files)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    start = time.monotonic()
    for number, name in enumerate(names, 1):
        file = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.read(file, 65536)
        os.close(file)
        os.unlink(name, dir_fd=fd)
        if number % batch == 0 or number == files:
            os.fsync(fd)
    took = time.monotonic() - start
    os.close(fd)
    directory.rmdir()
    return took


def replay(place, files, batch):
    """Seconds that lonc takes, from the first message that the peer receives until no file is left to send."""
    from e2e.harness import Network
    from e2e.node import Node
    from e2e.peers import Standin
    from e2e.spool import Spool
    from support.waiting import wait_for

    network = Network()
    peer = Standin(network, ["msul1"])
    node = Node(place / "node", network, ["msul1"],
                settings={"delayed-min-age": "0s", "delayed-sync-batch": str(batch), "delayed-timeout": "10m"})
    try:
        spool = Spool(node)
        fill(spool.directory, files)
        spoilt = sum(number % SPOILT == SPOILT // 2 for number in range(files))
        node.start()
        count = lambda: peer.stats("msul1")["requests"]
        wait_for(lambda: count() > 0, "the first message", LONGEST, 0.001)
        start = time.monotonic()
        wait_for(lambda: count() >= files - spoilt, "the last message", LONGEST, 0.02)
        wait_for(lambda: not spool.waiting(), "an empty spool", LONGEST, 0.002)
        took = time.monotonic() - start
        node.stop()
        delivered = spool.permanent("S", "msul1")
        assert len(delivered) == len(set(delivered)) == files - spoilt, f"{len(delivered)} S: lines"
        assert len(spool.quarantined()) == spoilt, "spoilt ones"
    finally:
        if node.process and node.process.poll() is None:
            node.process.kill()
            node.process.wait()
        peer.close()
        shutil.rmtree(node.directory)
    return took


def compare(place, files, batch, rounds, verbose):
    """The ratio of the rates: 1 means as fast as the bare loop."""
    times = {bare: [], replay: []}
    for _ in range(rounds):
        for run, taken in times.items():
            taken.append(run(place, files, batch))
    ratios = [least / took for least, took in zip(times[bare], times[replay])]
    ratio = statistics.median(times[bare]) / statistics.median(times[replay])
    if verbose:
        print("seconds:", {run.__name__: [f"{seconds:.2f}" for seconds in taken] for run, taken in times.items()})
    print(f"delayed-sync-batch {batch}: {ratio:.2f} of the bare loop's rate (median of {rounds}; "
          f"{min(ratios):.2f} to {max(ratios):.2f} in single rounds; {files} files, one in {SPOILT} spoilt)",
          flush=True)
    return ratio


def main():
    options = arguments()
    if options.build:
        use_build(options.build)
    sys.path.insert(0, str(TEST_DIR))
    place = pathlib.Path(tempfile.mkdtemp(prefix="replay-", dir=options.directory or options.build)).resolve()
    try:
        ratio = compare(place, options.files, BATCH, options.rounds, options.verbose)
        compare(place, options.strict_files, 1, options.rounds, options.verbose)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if ratio < options.least:
        print(f"that is below {options.least}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
