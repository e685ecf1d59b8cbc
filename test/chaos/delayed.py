"""Judges what happened to the messages left in the spool, from the journals of the peers and from lonc's log."""
import dataclasses
import re

WORD = "chaosdelayed"
FIRST_SECOND = 1_700_000_000
# lonc names the file before it sends a message a second time: after an attempt without an answer, or after a restart.
NAMED = re.compile(r"\bDelayed (?:message (\S+) may have two S: lines|" + WORD + r" .*; (\S+) is sent again$)")


def file_name(number, host):
    return f"{FIRST_SECOND + number}.{number}.1.{WORD[:8]}.{host}"


def named_in(log):
    """The names of the messages that may have arrived twice, from the lines of a log."""
    found = (NAMED.search(line) for line in log)
    return {name for match in found if match for name in match.groups() if name}


@dataclasses.dataclass
class Judgement:
    left: int = 0
    missing: list = dataclasses.field(default_factory=list)  # names of files
    misplaced: list = dataclasses.field(default_factory=list)  # hosts at which one arrived before an older one
    doubled: list = dataclasses.field(default_factory=list)
    unnamed: list = dataclasses.field(default_factory=list)  # doubled, but not named in the log

    def is_content(self):
        return not self.missing and not self.misplaced and not self.unnamed

    def __str__(self):
        return (f"{self.left} left, {len(self.missing)} missing, {len(self.misplaced)} hosts out of order, "
                f"{len(self.doubled)} more than once, {len(self.unnamed)} of these not named in the log")


def judge(left, received, log):
    """`left` and `received` have the numbers of the messages of each host, in order; `log` has lines."""
    judgement = Judgement(left=sum(map(len, left.values())))
    for host, numbers in left.items():
        got = received.get(host, [])
        first = list(dict.fromkeys(got))
        judgement.missing += [file_name(number, host) for number in numbers if number not in set(first)]
        judgement.doubled += [file_name(number, host) for number in first if got.count(number) > 1]
        if first != sorted(first):
            judgement.misplaced.append(host)
    named = named_in(log)
    judgement.unnamed = [name for name in judgement.doubled if name not in named]
    return judgement
