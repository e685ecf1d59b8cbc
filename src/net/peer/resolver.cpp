#include <lonc/net/peer/resolver.hpp>

#include <lonc/core/base/error.hpp>
#include <lonc/core/hosts/host_table.hpp>

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
#include <set>
#include <thread>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::chrono::seconds idle_time{10};  // then a thread without work ends
// At most this many lookups begin at once, so that no burst of thousands reaches the name server. One that takes
// longer than `longest_place` is waiting for the network, and its place is given to the next.
constexpr std::size_t most_places = 64;
constexpr std::chrono::milliseconds longest_place{25};

// It does not matter to the callers which getaddrinfo() error it was.
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

// As in hosts.tab: an address that cannot belong to any one machine leads to this very server, or nowhere.
bool is_of_one_machine(const boost::asio::ip::address& address) {
  namespace ip = boost::asio::ip;
  const auto v6 = address.is_v6() ? address.to_v6() : ip::make_address_v6(ip::v4_mapped, address.to_v4());
  return core::is_of_one_machine(v6.to_bytes());
}

// Signals are handled by the thread that runs the loop.
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
  Job(std::string wanted, Priority when, const Strand& where, Handler what)
      : name(std::move(wanted)), priority(when), strand(where), handler(std::move(what)) {}

  const std::string name;
  const Priority priority;
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
    boost::asio::post(*strand, [handler = std::exchange(handler, nullptr), result = std::move(result)]() mutable {
      handler(std::move(result));
    });
    strand.reset();
  }

  void cancel() {
    const std::lock_guard lock(mutex);
    strand.reset();
    handler = nullptr;
  }
};

// Shared with the threads, which are detached: a stuck lookup must not delay the end of the process. While any job
// waits, one thread waits with it, unless the maximum number of threads is reached.
struct Resolver::State : std::enable_shared_from_this<State> {
  using Clock = std::chrono::steady_clock;
  using Queue = std::deque<std::shared_ptr<Job>>;

  Lookup lookup;
  std::size_t most_threads = 0;

  std::mutex mutex;
  std::condition_variable wake;
  Queue high;
  Queue low;
  std::multiset<Clock::time_point> places;  // start times of the lookups that still hold a place
  std::size_t threads = 0;
  std::size_t idle = 0;
  std::size_t busy_with_low = 0;
  bool is_stopping = false;

  // All of the following are called with `mutex` held.

  bool has_jobs() const { return !high.empty() || !low.empty(); }

  // False if there is no thread to do the work.
  bool provide_thread() {
    if (!has_jobs()) return true;
    if (idle != 0) {
      wake.notify_one();
      return true;
    }
    if (threads >= most_threads) return true;
    try {
      const SignalsBlocked blocked;
      std::thread([self = shared_from_this()] { self->work(); }).detach();
      ++threads;
      ++idle;
    } catch (const std::system_error&) {
      return threads != 0;
    }
    return true;
  }

  std::shared_ptr<Job> take_job(Clock::time_point now) {
    places.erase(places.begin(), places.upper_bound(now - longest_place));
    if (places.size() >= most_places) return nullptr;
    const bool may_be_low = busy_with_low < std::max<std::size_t>(1, most_threads / 2);
    if (high.empty() && (low.empty() || !may_be_low)) return nullptr;
    Queue& queue = high.empty() ? low : high;
    auto job = std::move(queue.front());
    queue.pop_front();
    return job;
  }

  Clock::time_point next_look(Clock::time_point now, Clock::time_point leave) const {
    return has_jobs() && places.size() >= most_places ? std::max(now, *places.begin() + longest_place) : leave;
  }

  // Null if the thread is to end. A thread counts as idle while it waits here, starting with its creation.
  std::shared_ptr<Job> next_job(std::unique_lock<std::mutex>& lock) {
    const auto leave = Clock::now() + idle_time;
    std::shared_ptr<Job> job;
    for (auto now = Clock::now(); !is_stopping && !(job = take_job(now)) && now < leave; now = Clock::now())
      wake.wait_until(lock, next_look(now, leave));
    --idle;
    return job;
  }

  // --- on a thread

  void work() {
    std::unique_lock lock(mutex);
    while (const auto job = next_job(lock)) {
      const auto begun = Clock::now();
      places.insert(begun);
      const std::size_t low_ones = job->priority == Priority::low ? 1 : 0;
      busy_with_low += low_ones;
      provide_thread();
      lock.unlock();
      if (job->is_wanted()) job->answer(look_up(job->name));
      lock.lock();
      busy_with_low -= low_ones;
      if (const auto place = places.find(begun); place != places.end()) places.erase(place);
      ++idle;
    }
    --threads;
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
  State::Queue high;
  State::Queue low;
  const std::lock_guard lock(state_->mutex);
  state_->is_stopping = true;
  state_->high.swap(high);
  state_->low.swap(low);
  state_->wake.notify_all();
}

Resolver::Request Resolver::lookup(std::string name, const Strand& strand, Handler handler, Priority priority) {
  const auto job = std::make_shared<Job>(std::move(name), priority, strand, std::move(handler));
  Request request(job.get(), [job](void*) { job->cancel(); });
  {
    const std::lock_guard lock(state_->mutex);
    auto& queue = priority == Priority::high ? state_->high : state_->low;
    queue.push_back(job);
    if (state_->provide_thread()) return request;
    queue.pop_back();
  }
  job->answer({std::make_error_code(std::errc::resource_unavailable_try_again), {}});
  return request;
}

}  // namespace lonc::net
