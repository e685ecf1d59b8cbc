"""Waiting for a condition with a deadline, for all tests and measurements."""
import os
import time

# Time limits are multiplied by this: sanitizers and busy machines are slow.
SLOWNESS = float(os.environ.get("LONC_SLOWNESS", "1"))
PAUSE = 0.005


class NotInTime(AssertionError):
    """The deadline passed before the condition held."""


def wait_for(condition, what, seconds=10.0, pause=PAUSE):
    """Polls until `condition()` is true and returns its result. An exception of it means: not yet."""
    deadline = time.monotonic() + seconds * SLOWNESS
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = f"it was {value!r}"
        except (OSError, LookupError, ValueError, AssertionError) as error:
            last = repr(error)
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {seconds * SLOWNESS:g} s: {what} ({last})")
        time.sleep(pause)
