"""End-to-end tests: the real lonc, real sockets, real signals, and stand-ins for the peers."""
