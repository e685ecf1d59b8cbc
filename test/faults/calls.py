"""The driver's side of fault_calls.cpp: which calls can fail and with what, and the page that is shared with lonc."""
import errno
import mmap
import socket
import struct

# In the order of Kind in fault_calls.cpp.
KINDS = ["none", "accept4", "connect", "socket", "recv", "send", "sendmsg", "setsockopt", "epoll_ctl", "epoll_wait",
         "open", "read", "write", "fsync", "fdatasync", "rename", "unlink", "link", "ftruncate", "fallocate",
         "inotify_init1", "inotify_add_watch", "inotify_read", "getaddrinfo", "clone", "posix_spawn", "malloc"]
SHORT = 10_000  # only one byte is taken
DISK = "EIO ENOSPC EDQUOT EROFS EACCES"
ERRORS = {
    "accept4": "EMFILE ENFILE ENOBUFS ENOMEM ECONNABORTED EINTR EPROTO EPERM",
    "connect": "ECONNREFUSED ETIMEDOUT ENETUNREACH EHOSTUNREACH EADDRNOTAVAIL EACCES EAGAIN",
    "socket": "EMFILE ENFILE ENOBUFS ENOMEM EACCES EAFNOSUPPORT",
    "recv": "ECONNRESET ETIMEDOUT EHOSTUNREACH ENOMEM EINTR SHORT",
    "send": "EPIPE ECONNRESET ENOBUFS ENOMEM EINTR SHORT",
    "sendmsg": "EPIPE ECONNRESET ENOBUFS ENOMEM EINTR SHORT",
    "setsockopt": "ENOBUFS ENOMEM EINVAL",
    "epoll_ctl": "ENOMEM ENOSPC",
    "epoll_wait": "EINTR",
    "open": "EMFILE ENFILE ENOMEM EINTR ENOENT " + DISK,
    "read": "EIO EINTR ENOMEM SHORT",
    "write": "EIO ENOSPC EDQUOT EINTR SHORT",
    "fsync": "EIO ENOSPC EDQUOT",
    "fdatasync": "EIO ENOSPC EDQUOT",
    "rename": DISK,
    "unlink": "EIO EROFS EACCES EBUSY",
    "link": "EMLINK EPERM " + DISK,
    "ftruncate": "EIO ENOSPC EINTR",
    "fallocate": "EIO ENOSPC EOPNOTSUPP EINTR",
    "inotify_init1": "EMFILE ENFILE ENOMEM",
    "inotify_add_watch": "ENOSPC ENOMEM ENOENT EACCES",
    "inotify_read": "EINTR EIO",
    "getaddrinfo": "EAI_AGAIN EAI_NONAME EAI_FAIL EAI_MEMORY EAI_SYSTEM",
    "clone": "EAGAIN ENOMEM",
    "posix_spawn": "EAGAIN ENOMEM",
    "malloc": "ENOMEM",
}
HEAD = "=IiiIII"
SIZE = struct.calcsize(HEAD) + 64 * 8


def number(name):
    """What the library takes: the numbers of getaddrinfo are negative, so it negates them itself."""
    if name == "SHORT":
        return SHORT
    return -getattr(socket, name) if name.startswith("EAI_") else getattr(errno, name)


class Page:
    def __init__(self, path):
        path.write_bytes(bytes(SIZE))
        self.file = path.open("r+b")
        self.memory = mmap.mmap(self.file.fileno(), SIZE)

    def close(self):
        self.memory.close()
        self.file.close()

    def arm(self, call, nth, error, always):
        """The `nth` call from now on fails; with `always` the later ones too."""
        self.lift()
        struct.pack_into("=iiII", self.memory, 4, nth, number(error), always, 0)
        struct.pack_into("=I", self.memory, 0, KINDS.index(call))

    def lift(self):
        """Returns how many calls have failed."""
        struct.pack_into("=I", self.memory, 0, 0)
        return self.failed()

    def failed(self):
        return struct.unpack_from(HEAD, self.memory)[4]

    def seen(self, call):
        return struct.unpack_from("=Q", self.memory, struct.calcsize(HEAD) + 8 * KINDS.index(call))[0]
