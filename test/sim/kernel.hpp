// The system calls of lonc in the simulated world. The functions of the same names that kernel.cpp defines take
// precedence over those of the C library: clocks show the time of the world, waiting moves it on, a TCP connection is a
// pair of local sockets whose other end belongs to a simulated peer, writes are cut, and the disk fails on command.
// Other threads run only when the world lets them.
#pragma once

#include "sim/world.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lonc::sim {

// Who is notified of what lonc does with its sockets. Nothing here may call lonc.
class SocketHooks {
 public:
  virtual ~SocketHooks() = default;
  // lonc connects a socket to a place of a peer. Replaces the socket by one end of a pair. Returns the error of
  // connect(), EINPROGRESS if there is none so far.
  virtual int connecting(int fd, int peer, int place) = 0;
  virtual int connect_error(int fd) = 0;  // what SO_ERROR says
  // How much of a write of `size` bytes the kernel takes; 0: it would block.
  virtual std::size_t accepted_size(int fd, std::size_t size) = 0;
  virtual void has_written(int fd, std::size_t bytes) = 0;
  virtual void has_read(int fd) = 0;
  virtual void has_closed(int fd) = 0;
  // A client's connection was accepted; `name` is what the client's socket is bound to.
  virtual void has_accepted(int fd, std::string_view name) = 0;
};

class DiskHooks {
 public:
  virtual ~DiskHooks() = default;
  // Called before each step of the spool's disk: its error, 0 for none.
  virtual int error_of(std::string_view operation) = 0;
  virtual Time sync_time() = 0;
};

namespace kernel {

// From here on this process lives in the world.
void begin(SocketHooks& sockets, DiskHooks& disk);
// How often lonc's loop has turned, also without waiting.
std::uint64_t wake_ups();
// How long the other threads wait until they get to work that was given to them.
extern Time thread_latency;

// --- the calls of the world itself, which are not simulated
int pair(int (&fds)[2]);
ssize_t send(int fd, std::string_view bytes);
ssize_t receive(int fd, char* to, std::size_t size);
void close(int fd);
void replace(int fd, int by);
// Connects to a listening path from a name of the client's own; negative: the error.
int connect_local(const std::string& path, const std::string& name);

}  // namespace kernel
}  // namespace lonc::sim
