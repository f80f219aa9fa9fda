// SPDX-License-Identifier: GPL-3.0-or-later
// Starts fwdonord and looks at it from outside.
#include "donor_process.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstdlib>
#include <random>
#include <sstream>
#include <thread>

#include "base/unique_fd.hpp"
#include "support/test_signer.hpp"

namespace fwr::hostile {

namespace {

/// Should the test be killed: its donor ends by itself.
constexpr const char* kLifetime = "4h";
constexpr auto kPoll = 10ms;
constexpr auto kReadyPatience = 20s;  // the machine may be busy
constexpr auto kStopPatience = 3s;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// One that nothing uses: the kernel gives it to a socket, which goes at once.
std::uint16_t free_port() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (!fd.is_open() || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

void must(const test::Scratch& scratch, const std::vector<std::string>& command) {
  const auto ran = test::run(scratch, command);
  if (!ran || ran->status != 0)
    throw std::runtime_error(command.front() + ": " + (ran ? ran->output : "cannot be started"));
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& log) {
  const auto pid = test::spawn(command, log);
  if (!pid) throw std::runtime_error("cannot start " + command.front());
  pid_ = *pid;
}

Process::~Process() {
  if (!is_alive()) return;
  signal(SIGTERM);
  if (wait(kStopPatience)) return;
  signal(SIGKILL);
  (void)wait(kStopPatience);
}

bool Process::is_alive() {
  return !wait(0ms);
}

std::optional<int> Process::wait(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!status_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else {
      if (std::chrono::steady_clock::now() >= until) return std::nullopt;
      std::this_thread::sleep_for(kPoll);
    }
  }
  return status_;
}

void Process::signal(int number) const {
  if (!status_) kill(pid_, number);
}

std::string program(const char* variable) {
  const char* path = std::getenv(variable);
  if (path == nullptr)
    throw std::runtime_error(std::string(variable) + " is not set: \"make check\" does");
  return path;
}

bool is_long_form() {
  return std::getenv("FWR_TEST_LONG") != nullptr;
}

DonorProcess::DonorProcess(const DonorOptions& options) : port_(free_port()) {
  std::mt19937 engine(20260);
  image_.resize(kImage_bytes);
  for (std::byte& b : image_) b = static_cast<std::byte>(engine() & 0xffU);
  write_files(options);
  add_image();
  start();
}

void DonorProcess::write_files(const DonorOptions& options) {
  std::filesystem::create_directory(scratch_.path("catalogue"));
  std::ostringstream config;
  config << "[catalogue]\ndirectory = \"" << scratch_.path("catalogue") << "\"\n"
         << "[trust]\nkeys = [\""
         << scratch_.put("vendor.pub", test::TestSigner().public_key_text())
         << "\"]\n[donor]\nrole = \"console\"\nname = \"under attack\"\n"
         << "guid = \"00112233-4455-4677-8899-aabbccddeeff\"\n"
         << options.donor << "\n[lan]\nlisten = [\"127.0.0.1:" << port_ << "\"]\n[session]\n"
         << options.session << '\n';
  const auto user = [&](const Account& account, const char* privilege) {
    const std::string name(account.name);
    const std::string file = scratch_.put("password-" + name, account.password);
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    config << "[user." << name << "]\npassword_file = \"" << file << "\"\nprivilege = \""
           << privilege << "\"\n";
  };
  user(kAlice, "user");
  user(kBob, "user");
  user(kSixteen, "user");
  user(kOperator, "operator");
  user(kRoot, "administrator");
  (void)scratch_.put("donor.toml", config.str());
}

void DonorProcess::add_image() {
  const std::string image = scratch_.put("image", as_text(image_));
  const std::string tool = program("FWDONOR");
  must(scratch_,
       {tool, "manifest", image, "--name", "test-bmc", "--image-version", "2.0",
        "--security-version", "2", "--quiet", "--platform", "manufacturer=32473,product=7"});
  (void)scratch_.put("image.manifest.json.minisig",
                     test::TestSigner().sign(scratch_.get("image.manifest.json")));
  must(scratch_, {tool, "--config", scratch_.path("donor.toml"), "add", image});
}

void DonorProcess::start() {
  // A deliberately broken build takes the place of the good one when the harness itself is tested.
  const char* other = std::getenv("FWR_HOSTILE_DONORD");
  process_ = std::make_unique<Process>(
      std::vector<std::string>{other != nullptr ? other : program("FWDONORD"), "--config",
                               scratch_.path("donor.toml"), "--json", "--for", kLifetime},
      scratch_.put("donor.log", ""));
  const auto until = std::chrono::steady_clock::now() + kReadyPatience;
  // After "ready" it reads its images once more, and has their files open for that time.
  while (log().find("\"event\":\"checked\"") == std::string::npos) {
    if (!is_alive() || std::chrono::steady_clock::now() > until)
      throw std::runtime_error("fwdonord does not start: " + log());
    std::this_thread::sleep_for(kPoll);
  }
}

std::optional<int> DonorProcess::stop() {
  process_->signal(SIGTERM);
  return process_->wait(kReadyPatience);
}

std::size_t DonorProcess::resident_kib() const {
  const std::string status = text_of("/proc/" + std::to_string(process_->pid()) + "/status");
  const auto at = status.find("VmRSS:");
  return at == std::string::npos ? 0 : std::strtoul(status.c_str() + at + 6, nullptr, 10);
}

std::size_t DonorProcess::open_files() const {
  std::size_t count = 0;
  std::error_code gone;
  for (std::filesystem::directory_iterator
           at("/proc/" + std::to_string(process_->pid()) + "/fd", gone),
       end;
       !gone && at != end; at.increment(gone))
    ++count;
  return count;
}

double DonorProcess::cpu_s() const {
  const std::string stat = text_of("/proc/" + std::to_string(process_->pid()) + "/stat");
  // After the name in parentheses: fields 14 and 15 of proc(5), user and system time.
  std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 2, stat.size())));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace fwr::hostile
