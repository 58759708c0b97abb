// The system calls of the edge, for Swift. One function is one call; it returns the value or
// -errno and decides nothing. Only freestanding headers are included here, because the Embedded
// arm64 build reads this file without the headers of a C library.
#ifndef CLINUXSYS_H
#define CLINUXSYS_H

#include <stddef.h>
#include <stdint.h>

// Numbers that the C library defines and Swift has to compare with.
extern const int32_t tcs_errno_again, tcs_errno_interrupted, tcs_errno_descriptors_process;
extern const int32_t tcs_errno_descriptors_system, tcs_errno_no_buffers, tcs_errno_no_memory;
extern const int32_t tcs_errno_absent, tcs_errno_exists, tcs_errno_refused, tcs_errno_access;
extern const int32_t tcs_errno_family, tcs_errno_address, tcs_errno_not_permitted;
extern const int32_t tcs_errno_in_progress, tcs_errno_timed_out;
extern const uint32_t tcs_event_readable, tcs_event_writable;
extern const int32_t tcs_signal_terminate, tcs_signal_interrupt, tcs_signal_hang_up;
extern const int32_t tcs_limit_descriptors, tcs_limit_data, tcs_limit_address_space;

/// A fixed sentence for an errno; never allocates.
const char *tcs_error_text(int32_t number);

// Arguments and environment. argv is kept by a constructor: Embedded Swift has no CommandLine.
int32_t tcs_argument_count(void);
const char *tcs_argument(int32_t index);
const char *tcs_environment(const char *name);

// Memory.
int32_t tcs_map(size_t bytes, void **memory);
// Takes the pages of a whole mapping now; what lies in them stays. 0, or -errno where the kernel
// cannot do it.
int32_t tcs_populate(void *memory, size_t bytes);
int32_t tcs_unmap(void *memory, size_t bytes);
// Gives back the program's own pages, those of the file that nobody can write; what is used again
// comes back by itself. Start touches a lot that relaying never does.
void tcs_release_program(void);

// Clocks and chance.
uint64_t tcs_monotonic_nanoseconds(void);
int64_t tcs_wall_milliseconds(void);
/// Since this boot, sleep included.
int64_t tcs_boot_milliseconds(void);
/// 1 if the kernel counts the wall clock as kept right by somebody, 0 if not.
int32_t tcs_wall_is_synchronised(void);
int32_t tcs_random(void *bytes, size_t count);

// The process.
uint32_t tcs_user(void);
int32_t tcs_process(void);
/// The name of the host, without an end; its length or -errno. What does not fit is left out.
int32_t tcs_host_name(void *bytes, size_t count);
int32_t tcs_limit_get(int32_t which, uint64_t *soft, uint64_t *hard);
int32_t tcs_limit_set(int32_t which, uint64_t soft, uint64_t hard);
_Noreturn void tcs_abort(void);
_Noreturn void tcs_exit(int32_t code);
/// A detached thread with a stack of its own size and all signals as its maker had them.
int32_t tcs_thread(void *(*entry)(void *), void *argument, size_t stack_bytes);

// Descriptors.
int32_t tcs_close(int32_t descriptor);
int64_t tcs_read(int32_t descriptor, void *bytes, size_t count);
int64_t tcs_write(int32_t descriptor, const void *bytes, size_t count);
int32_t tcs_open_for_reading(const char *path);
/// From a place in a file; moves nothing.
int64_t tcs_read_at(int32_t descriptor, void *bytes, size_t count, int64_t offset);
/// 1 if the descriptor takes bytes without waiting, 0 if not.
int32_t tcs_poll_writable(int32_t descriptor);
int32_t tcs_is_socket(int32_t descriptor);
/// Until bytes can be read or, if `writing` is 1, written, or something failed: 1; 0 if the time is
/// up.
int32_t tcs_await(int32_t descriptor, int32_t writing, int32_t milliseconds);

// Files.
typedef struct {
    uint32_t user;
    int32_t is_directory;
    int64_t size_bytes;
} tcs_file_status;
/// Does not follow a symbolic link at the end of the path.
int32_t tcs_status_of_link(const char *path, tcs_file_status *status);
int32_t tcs_status_of(const char *path, tcs_file_status *status);
int32_t tcs_status_of_descriptor(int32_t descriptor, tcs_file_status *status);
int32_t tcs_make_directory(const char *path, uint32_t mode);
int32_t tcs_change_mode(const char *path, uint32_t mode);
int32_t tcs_unlink(const char *path);

// Files of one folder that is held open.
extern const int32_t tcs_errno_no_space, tcs_errno_quota, tcs_errno_file_too_big;
extern const int32_t tcs_errno_name_too_long, tcs_errno_not_implemented, tcs_errno_invalid;
extern const int32_t tcs_errno_not_seekable, tcs_errno_link;
typedef struct {
    int32_t is_regular;
    int64_t size_bytes;
    int64_t modified_milliseconds;
} tcs_file_facts_t;
typedef struct {
    uint64_t block_bytes;
    uint64_t blocks_available;
} tcs_space_t;
/// In place of a folder: the one that the program works in, for paths from there or from the root.
extern const int32_t tcs_working_folder;
int32_t tcs_open_folder(const char *path);
/// A folder in a folder; does not follow a symbolic link.
int32_t tcs_open_folder_in(int32_t folder, const char *name);
int32_t tcs_make_folder_in(int32_t folder, const char *name, uint32_t mode);
/// For writing; fails if the name is taken, also by a symbolic link.
int32_t tcs_file_create(int32_t folder, const char *name, uint32_t mode);
int32_t tcs_file_open(int32_t folder, const char *name);
/// For reading and writing; does not follow a symbolic link.
int32_t tcs_file_open_to_change(int32_t folder, const char *name);
int32_t tcs_file_cut(int32_t descriptor, int64_t size_bytes);
int32_t tcs_file_rename(int32_t folder, const char *from, const char *to);
int32_t tcs_file_unlink(int32_t folder, const char *name);
int32_t tcs_file_facts(int32_t folder, const char *name, tcs_file_facts_t *facts);
int32_t tcs_file_may_write(int32_t folder, const char *name);
int32_t tcs_sync(int32_t descriptor);
/// Begins to bring a stretch of a file to the disk (sync_file_range). No promise that it survives.
int32_t tcs_writeback_start(int32_t descriptor, int64_t offset, int64_t count);
/// Waits until that has been done.
int32_t tcs_writeback_wait(int32_t descriptor, int64_t offset, int64_t count);
/// From a file to a socket. Raises SIGPIPE unless that is ignored.
int64_t tcs_sendfile(int32_t socket, int32_t file, int64_t offset, size_t count);
int32_t tcs_rewind(int32_t descriptor);
/// Entries as the kernel packs them (struct linux_dirent64): a 16-bit length and a name at these
/// offsets; 0 bytes at the end.
int64_t tcs_folder_read(int32_t folder, void *bytes, size_t count);
extern const size_t tcs_folder_name_offset, tcs_folder_length_offset;
int32_t tcs_space(int32_t folder, tcs_space_t *space);

// Folders, and what moves between them (folders.c).
extern const int32_t tcs_errno_not_empty;
typedef struct {
    uint64_t device;
    uint64_t number;
    uint32_t user;
    uint32_t group;
} tcs_identity_t;
int32_t tcs_identity(int32_t descriptor, tcs_identity_t *identity);
int32_t tcs_change_owner(int32_t descriptor, uint32_t user, uint32_t group);
/// For this opening of the file or folder alone (flock), until it is closed; never waits.
int32_t tcs_lock(int32_t descriptor);
/// The process that holds a lock of POSIX on a stretch of a file (1 if it is of another machine or
/// namespace), or 0.
int32_t tcs_lock_holder(int32_t descriptor, int64_t start, int64_t count);
int32_t tcs_move(int32_t from_folder, const char *from, int32_t to_folder, const char *to);
/// Only an empty one.
int32_t tcs_remove_folder_in(int32_t folder, const char *name);

// Sockets. Addresses are 16 bytes in network order; IPv4 is ::ffff:a.b.c.d.
typedef struct {
    uint8_t address[16];
    uint16_t port;
} tcs_endpoint;
/// The addresses of this machine's interfaces that are up, without those of a link alone, which say
/// nothing without their interface. At most `count`; their number, or -errno. Allocates.
int32_t tcs_own_addresses(tcs_endpoint *list, size_t count);
/// For TCP, of the family of this address.
int32_t tcs_socket_tcp(const tcs_endpoint *endpoint);
int32_t tcs_bind(int32_t descriptor, const tcs_endpoint *endpoint);
/// Begins to connect: -EINPROGRESS until the descriptor is writable; then ask for its error.
int32_t tcs_connect(int32_t descriptor, const tcs_endpoint *endpoint);
/// The errno that waits on a socket (SO_ERROR), as a number below 0, or 0.
int32_t tcs_pending_error(int32_t descriptor);
int32_t tcs_listen(int32_t descriptor, int32_t backlog);
/// Non-blocking and closed on exec. `peer` may be null.
int32_t tcs_accept(int32_t descriptor, tcs_endpoint *peer);
/// The address that the peer has reached.
int32_t tcs_local_endpoint(int32_t descriptor, tcs_endpoint *name);
int32_t tcs_shutdown_writing(int32_t descriptor);
int64_t tcs_receive(int32_t descriptor, void *bytes, size_t count);
int64_t tcs_send(int32_t descriptor, const void *bytes, size_t count);
/// `pieces` is an array of struct iovec. Never raises SIGPIPE, never waits.
int64_t tcs_send_pieces(int32_t descriptor, const void *pieces, size_t count);
int32_t tcs_set_reuse_address(int32_t descriptor);
int32_t tcs_set_ipv6_only(int32_t descriptor);
int32_t tcs_set_no_delay(int32_t descriptor);
int32_t tcs_set_keep_alive(int32_t descriptor);
int32_t tcs_set_keep_alive_idle(int32_t descriptor, int32_t seconds);
int32_t tcs_set_keep_alive_interval(int32_t descriptor, int32_t seconds);
int32_t tcs_set_keep_alive_count(int32_t descriptor, int32_t count);
int32_t tcs_set_user_timeout(int32_t descriptor, int32_t milliseconds);
// Bytes sent that the peer has not acknowledged (SIOCOUTQ).
int32_t tcs_unacknowledged(int32_t descriptor);
int32_t tcs_set_receive_buffer(int32_t descriptor, int32_t bytes);
int32_t tcs_set_send_buffer(int32_t descriptor, int32_t bytes);
int32_t tcs_set_receive_timeout(int32_t descriptor, int32_t seconds);
/// Closing throws away what waits and resets the connection: no port stays in TIME_WAIT.
int32_t tcs_set_reset_on_close(int32_t descriptor);

// Sockets that somebody else has made.
extern const int32_t tcs_family_ipv4, tcs_family_ipv6, tcs_type_stream;
int32_t tcs_socket_family(int32_t descriptor);
int32_t tcs_socket_type(int32_t descriptor);
/// 1 if it listens, 0 if not.
int32_t tcs_socket_listens(int32_t descriptor);
int32_t tcs_set_close_on_exec(int32_t descriptor);
int32_t tcs_set_non_blocking(int32_t descriptor);

// Unix sockets.
int32_t tcs_socket_unix(int32_t non_blocking);
int32_t tcs_bind_unix(int32_t descriptor, const char *path);
int32_t tcs_connect_unix(int32_t descriptor, const char *path);
/// The process that made the listening socket at the other end, or -errno.
int32_t tcs_peer_process(int32_t descriptor);
int32_t tcs_socket_unix_datagram(void);
/// A datagram to a path, or, if the name begins with '@', to an abstract name. Never waits.
int64_t tcs_send_to_unix(
    int32_t descriptor, const char *name, const void *bytes, size_t count);

// epoll. The kernel's struct is packed on amd64 and not on arm64, so it stays in C.
typedef struct {
    uint64_t data;
    uint32_t events;
} tcs_event;
int32_t tcs_poller(void);
int32_t tcs_poller_add(int32_t poller, int32_t descriptor, uint32_t events, uint64_t data);
int32_t tcs_poller_change(int32_t poller, int32_t descriptor, uint32_t events, uint64_t data);
/// At most 64 events a call. A timeout of -1 waits for ever.
int32_t tcs_poller_wait(int32_t poller, tcs_event *events, int32_t count, int32_t milliseconds);

// Signals and wake-ups.
/// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it makes, and ignores SIGPIPE.
int32_t tcs_hold_signals(void);
int32_t tcs_signal_descriptor(void);
/// The next held signal, or -errno.
int32_t tcs_next_signal(int32_t descriptor);
int32_t tcs_wake_descriptor(int32_t non_blocking);
int32_t tcs_wake(int32_t descriptor);
int32_t tcs_wake_wait(int32_t descriptor);

// Words that two threads share (atomics.c): loads acquire, stores release, counting is relaxed.
uint32_t tcs_load32(const uint32_t *word);
void tcs_store32(uint32_t *word, uint32_t value);
uint64_t tcs_load64(const uint64_t *word);
void tcs_store64(uint64_t *word, uint64_t value);
void tcs_add64(uint64_t *word, uint64_t more);

// The sealed heap (heap.c).
void tcs_heap_seal(void);
uint64_t tcs_heap_allocations_after_seal(void);
/// One allocation, made and given back, for the test that shows that the seal holds.
void tcs_heap_probe(void);

#endif
