#include <lonc/app/status_files.hpp>

#include <lonc/net/file_write.hpp>
#include <lonc/net/unique_fd.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace lonc::app {
namespace {

// Removes a temporary file unless it has got its name.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  Temporary(Temporary&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  std::error_code write(std::string_view text) {
    ::unlink(path_.c_str());
    const net::UniqueFd fd{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!fd) return net::last_error();
    if (const auto error = net::write_all(fd.get(), text)) return error;
    return ::fsync(fd.get()) == 0 ? std::error_code{} : net::last_error();
  }

  std::error_code rename_to(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) return net::last_error();
    path_.clear();
    return {};
  }

 private:
  std::string path_;
};

std::error_code sync_directory(const std::string& directory) {
  const net::UniqueFd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return fd && ::fsync(fd.get()) == 0 ? std::error_code{} : net::last_error();
}

}  // namespace

FileError write_whole_files(const std::string& directory, const std::vector<WholeFile>& files) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return {net::last_error(), directory};
  std::vector<Temporary> temporaries;
  for (const WholeFile& file : files) {
    // With the pid: a predecessor that is draining may write its last status at the same time.
    Temporary temporary{directory + "/." + file.name + "." + std::to_string(::getpid())};
    if (const auto error = temporary.write(file.text)) return {error, directory + "/" + file.name};
    temporaries.push_back(std::move(temporary));
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string path = directory + "/" + files[i].name;
    if (const auto error = temporaries[i].rename_to(path)) return {error, path};
  }
  return {sync_directory(directory), directory};
}

FileError write_status_files(const std::string& doc_root, std::string_view text, std::string_view json) {
  return write_whole_files(doc_root + "/lon-status", {{"loncstatus.txt", text}, {"loncstatus.json", json}});
}

}  // namespace lonc::app
