"""lonc under fire: real processes, real sockets, a fault every few milliseconds. See docs/reliability.md."""
import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from chaos import faults, rivals, trial  # noqa: E402

FINAL = ("crossed", "doubled", "lost", "hung", "late")


def report(run):
    seconds, away = run.recover()
    delayed = run.judge_delayed()
    counts = run.load.counts
    for complaint in [*run.load.complaints, *(f"not named in the log: {name}" for name in delayed.unnamed[:20])]:
        print(complaint)
    print("faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(run.faults.items())))
    print("memory at rest, kB: " + ", ".join(f"{at}s {kb} ({pid})" for at, kb, pid in run.memory))
    print(f"delayed messages: {delayed}")
    print(f"back {seconds:.2f} s after the last fault" + (f", but not {' '.join(away)}" if away else ""))
    print(f"seed {run.options.seed}, {run.options.threads} threads, {run.seconds:.0f} s, "
          f"{counts['requests'] / run.seconds:.0f} requests/s, {sum(run.faults.values())} faults: "
          + ", ".join(f"{value} {name}" for name, value in counts.items()))
    return (not any(counts[name] for name in FINAL) and not away and delayed.is_content()
            and run.load.process.returncode == 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, type=pathlib.Path, help="where chaos-peer and chaos-load were built")
    parser.add_argument("--lonc", help="the binary; else LONC_BINARY of the environment, else src/lonc of the build",
                        default=os.environ.get("LONC_BINARY"))
    parser.add_argument("--rival", choices=rivals.RIVALS, help="another relay in the place of lonc; only reports")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=170, help="after which no request is begun")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", type=int, default=20)
    parser.add_argument("--every", type=float, default=10, help="milliseconds between two faults")
    parser.add_argument("--limit", type=int, default=20, help="seconds after which a request hangs")
    parser.add_argument("--kinds", help="only these faults, with commas between them: " + ", ".join(
        [*faults.PEER_FAULTS, *faults.LONC_FAULTS]))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of lonc")
    parser.add_argument("--combine-faults", action="store_true",
                        help="omit and add lines on one connection, which no relay can tell; only reports")
    parser.add_argument("--keep", action="store_true", help="leave the directory where it is")
    options = parser.parse_args()
    options.lonc = options.lonc or options.build / "src/lonc"
    print(f"seed {options.seed}", flush=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="chaos"))
    run = (rivals.RivalTrial if options.rival else trial.Trial)(options, directory)
    try:
        run.start()
        run.fire()
        is_well = report(run)
        return 0 if is_well or options.combine_faults or options.rival else 1
    finally:
        run.stop()
        if options.keep:
            print(f"left: {directory}")
        else:
            shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
