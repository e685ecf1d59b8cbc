#include <lonc/net/resolver.hpp>

#include <lonc/core/error.hpp>
#include <lonc/core/numeric_address.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::chrono::seconds idle_time{10};  // then a thread without work leaves

// Which of getaddrinfo's errors it was does not matter to what follows.
Resolver::Answer system_lookup(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (failure == EAI_SYSTEM) return {{errno, std::system_category()}, {}};
  if (failure != 0) return {core::Errc::name_not_found, {}};
  Resolver::Answer answer;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    boost::asio::ip::tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    answer.addresses.push_back(endpoint.address());
  }
  ::freeaddrinfo(found);
  return answer;
}

// As in hosts.tab: what can be nobody's leads to this very server, or nowhere.
bool is_of_one_machine(const boost::asio::ip::address& address) {
  namespace ip = boost::asio::ip;
  const auto v6 = address.is_v6() ? address.to_v6() : ip::make_address_v6(ip::v4_mapped, address.to_v4());
  return core::is_of_one_machine(v6.to_bytes());
}

// Signals are the business of the thread that runs the loop.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

struct Resolver::Job {
  std::string name;
  std::mutex mutex;
  std::optional<Strand> strand;  // none once answered or cancelled: a strand must not outlive its io_context
  Handler handler;

  bool is_wanted() {
    const std::lock_guard lock(mutex);
    return strand.has_value();
  }

  // Posts while it holds the mutex, so that after cancel() nobody touches the strand any more.
  void answer(Answer result) {
    const std::lock_guard lock(mutex);
    if (!strand) return;
    boost::asio::post(
        *strand, [handler = std::move(handler), result = std::move(result)]() mutable { handler(std::move(result)); });
    strand.reset();
    handler = nullptr;
  }

  void cancel() {
    const std::lock_guard lock(mutex);
    strand.reset();
    handler = nullptr;
  }
};

// Shared with the threads, which are detached: a look-up that is stuck must not delay the end of the process.
struct Resolver::State : std::enable_shared_from_this<State> {
  Lookup lookup;
  std::size_t most_threads = 0;

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::shared_ptr<Job>> jobs;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool is_stopping = false;

  // With `mutex` held. False if nobody is there to do the work.
  bool provide_thread() {
    if (idle >= jobs.size()) {
      wake.notify_one();
      return true;
    }
    if (threads >= most_threads) return true;
    try {
      const SignalsBlocked blocked;
      std::thread([self = shared_from_this()] { self->work(); }).detach();
      ++threads;
    } catch (const std::system_error&) {
      return threads != 0;
    }
    return true;
  }

  void work() {
    while (const auto job = next_job()) {
      if (job->is_wanted()) job->answer(look_up(job->name));
    }
  }

  std::shared_ptr<Job> next_job() {
    std::unique_lock lock(mutex);
    ++idle;
    wake.wait_for(lock, idle_time, [this] { return is_stopping || !jobs.empty(); });
    --idle;
    if (is_stopping || jobs.empty()) {
      --threads;
      return nullptr;
    }
    const auto job = std::move(jobs.front());
    jobs.pop_front();
    return job;
  }

  Answer look_up(const std::string& name) const {
    try {
      Answer answer = lookup(name);
      std::erase_if(answer.addresses, [](const auto& address) { return !is_of_one_machine(address); });
      if (!answer.error && answer.addresses.empty()) answer.error = core::Errc::name_not_found;
      return answer;
    } catch (...) {
      return {core::Errc::name_not_found, {}};
    }
  }
};

Resolver::Resolver(std::size_t most_threads, Lookup lookup) : state_(std::make_shared<State>()) {
  state_->most_threads = std::max<std::size_t>(1, most_threads);
  state_->lookup = lookup ? std::move(lookup) : Lookup(system_lookup);
}

Resolver::~Resolver() {
  std::deque<std::shared_ptr<Job>> dropped;
  const std::lock_guard lock(state_->mutex);
  state_->is_stopping = true;
  state_->jobs.swap(dropped);
  state_->wake.notify_all();
}

Resolver::Request Resolver::lookup(std::string name, const Strand& strand, Handler handler) {
  auto job = std::make_shared<Job>();
  job->name = std::move(name);
  job->strand = strand;
  job->handler = std::move(handler);
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(job);
    if (state_->provide_thread()) return Request(std::move(job));
    state_->jobs.pop_back();
  }
  job->answer({std::make_error_code(std::errc::resource_unavailable_try_again), {}});
  return Request(std::move(job));
}

Resolver::Request& Resolver::Request::operator=(Request&& other) noexcept {
  if (this != &other) {
    cancel();
    job_ = std::move(other.job_);
  }
  return *this;
}

void Resolver::Request::cancel() {
  if (const auto job = std::exchange(job_, nullptr)) job->cancel();
}

}  // namespace lonc::net
