"""Documents as lonc writes them (docs/status-json.md), for states of a network that no test could produce."""
import datetime
import time


def moment(seconds_ago=0.0):
    at = datetime.datetime.fromtimestamp(time.time() - seconds_ago, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def peer(host_id, state="up", error=None, **more):
    """`more` replaces members; within `delayed`, `counters` and `round_trip` it replaces single values."""
    is_up = state == "up"
    made = {
        "id": host_id, "name": f"{host_id}.example.edu", "address": "192.0.2.7:5663", "state": state,
        "since": moment(5400), "text": state, "text_since": moment(60), "connections": 2 if is_up else 0, "opening": 0,
        "in_flight": 0, "queued": 0, "clients": 0, "failed_in_a_row": 0 if is_up else 7,
        "next_attempt": None if is_up else moment(-23), "last_error": error,
        "last_error_at": moment(37) if error else None,
        "remedy": "lond does not listen there: start it on the peer" if state == "away" else None, "last_log": None,
        "round_trip": {"count": 100, "mean_ms": 12.25, "p50_ms": 9.5, "p99_ms": 140.0},
        "delayed": {"waiting": 0, "oldest_age_s": None, "quarantined": 0, "attempts": 0, "tried": None, "delivered": 0,
                    "failed": 0, "set_aside": 0},
        "counters": {"requests": 1200, "replies": 1100, "con_lost": 100, "errors": 0, "timeouts": 0, "attempts": 3,
                     "failed_attempts": 2, "reconnects": 1, "bytes_sent": 10, "bytes_received": 20},
    }
    for name, value in more.items():
        made[name] = made[name] | value if isinstance(value, dict) else value
    return made


def history(up, down, samples, requests, con_lost, age, interval=30):
    """There is traffic, and a few minutes ago some peers were lost. Ends with the given sums."""
    counts = {"requests": 0, "con_lost": 0}
    made = []
    for number in range(samples):
        are_away = number > samples * 0.7
        counts["requests"] += int(interval * (40 + 25 * ((number * 7) % 11) / 10))
        counts["con_lost"] += interval * (3 + number % 4) if are_away and down else 0
        made.append({"at": moment(age + (samples - number) * interval), "up": up + (0 if are_away else down),
                     "down": down if are_away else 0, "requests": counts["requests"],
                     "replies": counts["requests"] - counts["con_lost"], "con_lost": counts["con_lost"], "errors": 0,
                     "timeouts": 0, "delayed_waiting": 0})
    for sample in made:
        sample["requests"] += requests - counts["requests"] - 700
        sample["con_lost"] += con_lost - counts["con_lost"]
    return made


def status(peers, age=0.0, delayed=None, samples=40, **daemon):
    up = sum(each["state"] == "up" for each in peers)
    requests, con_lost = (sum(each["counters"][name] for each in peers) for name in ("requests", "con_lost"))
    waiting = sum(each["delayed"]["waiting"] for each in peers)
    return {
        "version": 1, "written": moment(age),
        "daemon": {
            "host_id": "msul1", "pid": 4711, "program_version": "0.1.0", "started": moment(200000), "text": "Running",
            "text_since": moment(200000), "ready": True, "interval_s": 30, "log_level": "info",
            "last_log": {"at": moment(300), "text": "msul3 online again after 42 s"},
            "delayed": {"open": True, "waiting": waiting, "quarantined": 0, "for_unknown_hosts": 0, "other_files": 0,
                        "doubtful": 0, "doubtful_names": [], "trouble": None, "trouble_since": None, "remedy": None} | (delayed or {}),
            "history": history(up, len(peers) - up, samples, requests, con_lost, age),
        } | daemon,
        "peers": peers,
    }


def campus(count=37):
    """A usual network on a usual night."""
    peers = [peer(f"msul{number}", counters={"requests": 90000 // (number + 1) + number * 37, "con_lost": number % 5},
                  in_flight=number % 3, queued=1 if number == 8 else 0, address=f"192.0.2.{1 + number % 250}:5663",
                  since=moment(1000 + number * 7919),
                  round_trip={"mean_ms": 0.6 + (number * 37 % 90), "p99_ms": 3.0 + (number * 91 % 700)})
             for number in range(1, count + 1)]
    return peers


def troubled():
    """A bad night: every state, and trouble with delayed messages."""
    peers = campus()
    for place, changed in {
            0: peer("msul1", "away", "Connection refused", delayed={"waiting": 14, "oldest_age_s": 3605}),
            3: peer("msul4", "away", "Connection refused", delayed={"quarantined": 1}, address="192.0.2.4:5663"),
            6: peer("msul7", "away", "the peer's name could not be resolved (at msul7.example.edu)", address=None),
            9: peer("msul10", "starting", next_attempt=None, opening=1, failed_in_a_row=0),
            12: peer("msul13", "drained", next_attempt=None, failed_in_a_row=0,
                     remedy="put it back into service with loncctl reconnect msul13"),
    }.items():
        peers[place] = changed
    return status(peers, delayed={"quarantined": 1})
