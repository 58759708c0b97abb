// Process, memory, clocks, files, epoll and signals.

#define _GNU_SOURCE
#include "CLinuxSys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) result_ = (call); result_ < 0 ? -errno : result_; })

const int32_t tcs_errno_again = EAGAIN, tcs_errno_interrupted = EINTR;
const int32_t tcs_errno_descriptors_process = EMFILE, tcs_errno_descriptors_system = ENFILE;
const int32_t tcs_errno_no_buffers = ENOBUFS, tcs_errno_no_memory = ENOMEM;
const int32_t tcs_errno_absent = ENOENT, tcs_errno_exists = EEXIST;
const int32_t tcs_errno_refused = ECONNREFUSED, tcs_errno_access = EACCES;
const int32_t tcs_errno_family = EAFNOSUPPORT, tcs_errno_address = EADDRNOTAVAIL;
const int32_t tcs_errno_not_permitted = EPERM;
const int32_t tcs_errno_in_progress = EINPROGRESS, tcs_errno_timed_out = ETIMEDOUT;
const uint32_t tcs_event_readable = EPOLLIN, tcs_event_writable = EPOLLOUT;
const int32_t tcs_signal_terminate = SIGTERM, tcs_signal_interrupt = SIGINT;
const int32_t tcs_signal_hang_up = SIGHUP;
const int32_t tcs_limit_descriptors = RLIMIT_NOFILE, tcs_limit_data = RLIMIT_DATA;
const int32_t tcs_limit_address_space = RLIMIT_AS;

const char *tcs_error_text(int32_t number) {
    const char *text = strerrordesc_np(number);
    return text ? text : "unknown error";
}

static int32_t argument_count;
static char **arguments;
// glibc hands these to constructors in static and in dynamic programs.
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
    argument_count = count;
    arguments = values;
}
int32_t tcs_argument_count(void) { return argument_count; }
const char *tcs_argument(int32_t index) {
    return index >= 0 && index < argument_count ? arguments[index] : 0;
}
const char *tcs_environment(const char *name) { return getenv(name); }

int32_t tcs_map(size_t bytes, void **memory) {
    void *result = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED) return -errno;
    *memory = result;
    return 0;
}
int32_t tcs_unmap(void *memory, size_t bytes) { return RESULT(munmap(memory, bytes)); }
// Linux 5.14; older headers do not name it.
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
int32_t tcs_populate(void *memory, size_t bytes) {
    return RESULT(madvise(memory, bytes, MADV_POPULATE_WRITE));
}
#ifdef TCS_WRAP_HEAP
// From the linker: where the file begins in memory, and where its code ends. Data follows later, on
// pages of its own.
extern char __ehdr_start[], etext[];
void tcs_release_program(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)__ehdr_start & ~(page - 1), end = (uintptr_t)etext & ~(page - 1);
    (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}
#else
void tcs_release_program(void) {}
#endif

uint64_t tcs_monotonic_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
#ifdef TCS_TEST_CLOCK
// For tests only: milliseconds to add to the wall clock, in a file that the test changes while we
// run. A static program has no other way to be shown a wrong clock.
static const _Atomic int64_t *shared_offset;
__attribute__((constructor)) static void find_test_clock(void) {
    const char *path = getenv("TINYCOT_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *shared_offset, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) shared_offset = memory;
}
static int64_t wall_offset(void) { return shared_offset ? *shared_offset : 0; }
#else
static int64_t wall_offset(void) { return 0; }
#endif
int64_t tcs_wall_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000 + wall_offset();
}
int64_t tcs_boot_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}
int32_t tcs_wall_is_synchronised(void) {
    struct timex clock = {.modes = 0};
    return adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0;
}
int32_t tcs_random(void *bytes, size_t count) {
    return (int32_t)RESULT(getrandom(bytes, count, 0));
}

uint32_t tcs_user(void) { return geteuid(); }
int32_t tcs_process(void) { return getpid(); }
int32_t tcs_host_name(void *bytes, size_t count) {
    struct utsname names;
    int32_t result = RESULT(uname(&names));
    if (result < 0) return result;
    size_t length = strnlen(names.nodename, sizeof names.nodename);
    if (length > count) length = count;
    memcpy(bytes, names.nodename, length);
    return (int32_t)length;
}
int32_t tcs_limit_get(int32_t which, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    int32_t result = RESULT(getrlimit(which, &limit));
    if (result < 0) return result;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}
int32_t tcs_limit_set(int32_t which, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return RESULT(setrlimit(which, &limit));
}
_Noreturn void tcs_abort(void) { abort(); }
_Noreturn void tcs_exit(int32_t code) { _exit(code); }

int32_t tcs_thread(void *(*entry)(void *), void *argument, size_t stack_bytes) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_t thread;
    int result = pthread_create(&thread, &attributes, entry, argument);
    pthread_attr_destroy(&attributes);
    return -result;
}

int32_t tcs_close(int32_t descriptor) { return RESULT(close(descriptor)); }
int64_t tcs_read(int32_t descriptor, void *bytes, size_t count) {
    return RESULT(read(descriptor, bytes, count));
}
int64_t tcs_write(int32_t descriptor, const void *bytes, size_t count) {
    return RESULT(write(descriptor, bytes, count));
}
int32_t tcs_open_for_reading(const char *path) {
    // Without O_NONBLOCK, opening a FIFO by mistake would wait for ever.
    return RESULT(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}
int64_t tcs_read_at(int32_t descriptor, void *bytes, size_t count, int64_t offset) {
    return RESULT(pread(descriptor, bytes, count, offset));
}
int32_t tcs_poll_writable(int32_t descriptor) {
    struct pollfd entry = {.fd = descriptor, .events = POLLOUT};
    return poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT) != 0;
}
int32_t tcs_await(int32_t descriptor, int32_t writing, int32_t milliseconds) {
    struct pollfd entry = {.fd = descriptor, .events = writing ? POLLOUT : POLLIN};
    return RESULT(poll(&entry, 1, milliseconds));
}
int32_t tcs_is_socket(int32_t descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int32_t keep_status(int32_t result, const struct stat *from, tcs_file_status *to) {
    if (result < 0) return result;
    to->user = from->st_uid;
    to->is_directory = S_ISDIR(from->st_mode);
    to->size_bytes = from->st_size;
    return 0;
}
int32_t tcs_status_of_link(const char *path, tcs_file_status *status) {
    struct stat found;
    return keep_status(RESULT(lstat(path, &found)), &found, status);
}
int32_t tcs_status_of(const char *path, tcs_file_status *status) {
    struct stat found;
    return keep_status(RESULT(stat(path, &found)), &found, status);
}
int32_t tcs_status_of_descriptor(int32_t descriptor, tcs_file_status *status) {
    struct stat found;
    return keep_status(RESULT(fstat(descriptor, &found)), &found, status);
}
int32_t tcs_make_directory(const char *path, uint32_t mode) { return RESULT(mkdir(path, mode)); }
int32_t tcs_change_mode(const char *path, uint32_t mode) { return RESULT(chmod(path, mode)); }
int32_t tcs_unlink(const char *path) { return RESULT(unlink(path)); }

int32_t tcs_poller(void) { return RESULT(epoll_create1(EPOLL_CLOEXEC)); }
static int32_t control(
    int32_t poller, int what, int32_t descriptor, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return RESULT(epoll_ctl(poller, what, descriptor, &event));
}
int32_t tcs_poller_add(int32_t poller, int32_t descriptor, uint32_t events, uint64_t data) {
    return control(poller, EPOLL_CTL_ADD, descriptor, events, data);
}
int32_t tcs_poller_change(int32_t poller, int32_t descriptor, uint32_t events, uint64_t data) {
    return control(poller, EPOLL_CTL_MOD, descriptor, events, data);
}
int32_t tcs_poller_wait(int32_t poller, tcs_event *events, int32_t count, int32_t milliseconds) {
    struct epoll_event found[64];
    int32_t result = RESULT(epoll_wait(poller, found, count < 64 ? count : 64, milliseconds));
    for (int32_t i = 0; i < result; i++) {
        events[i] = (tcs_event){.data = found[i].data.u64, .events = found[i].events};
    }
    return result;
}

static sigset_t held_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}
int32_t tcs_hold_signals(void) {
    sigset_t set = held_signals();
    signal(SIGPIPE, SIG_IGN);
    return -pthread_sigmask(SIG_BLOCK, &set, 0);
}
int32_t tcs_signal_descriptor(void) {
    sigset_t set = held_signals();
    return RESULT(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}
int32_t tcs_next_signal(int32_t descriptor) {
    struct signalfd_siginfo information;
    ssize_t count = read(descriptor, &information, sizeof information);
    return count == sizeof information ? (int32_t)information.ssi_signo : -errno;
}
int32_t tcs_wake_descriptor(int32_t non_blocking) {
    return RESULT(eventfd(0, EFD_CLOEXEC | (non_blocking ? EFD_NONBLOCK : 0)));
}
int32_t tcs_wake(int32_t descriptor) {
    uint64_t one = 1;
    return (int32_t)RESULT(write(descriptor, &one, sizeof one));
}
int32_t tcs_wake_wait(int32_t descriptor) {
    uint64_t count;
    return (int32_t)RESULT(read(descriptor, &count, sizeof count));
}
