// Files of one folder that is held open: data packages and their temporaries, and the dump.

#define _GNU_SOURCE
#include "CLinuxSys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) result_ = (call); result_ < 0 ? -errno : result_; })

const int32_t tcs_errno_no_space = ENOSPC, tcs_errno_quota = EDQUOT;
const int32_t tcs_errno_file_too_big = EFBIG, tcs_errno_name_too_long = ENAMETOOLONG;
const int32_t tcs_errno_not_implemented = ENOSYS, tcs_errno_invalid = EINVAL;
const int32_t tcs_errno_not_seekable = ESPIPE, tcs_errno_link = ELOOP;

const int32_t tcs_working_folder = AT_FDCWD;
int32_t tcs_open_folder(const char *path) {
    return RESULT(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}
int32_t tcs_open_folder_in(int32_t folder, const char *name) {
    return RESULT(openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}
int32_t tcs_make_folder_in(int32_t folder, const char *name, uint32_t mode) {
    return RESULT(mkdirat(folder, name, mode));
}
int32_t tcs_file_create(int32_t folder, const char *name, uint32_t mode) {
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    return RESULT(openat(folder, name, flags, mode));
}
int32_t tcs_file_open(int32_t folder, const char *name) {
    return RESULT(openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
}
int32_t tcs_file_open_to_change(int32_t folder, const char *name) {
    return RESULT(openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
}
int32_t tcs_file_cut(int32_t descriptor, int64_t size_bytes) {
    return RESULT(ftruncate(descriptor, size_bytes));
}
int32_t tcs_file_rename(int32_t folder, const char *from, const char *to) {
    return RESULT(renameat(folder, from, folder, to));
}
int32_t tcs_file_unlink(int32_t folder, const char *name) {
    return RESULT(unlinkat(folder, name, 0));
}
int32_t tcs_file_facts(int32_t folder, const char *name, tcs_file_facts_t *facts) {
    struct stat status;
    int32_t result = RESULT(fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW));
    if (result < 0) return result;
    facts->is_regular = S_ISREG(status.st_mode);
    facts->size_bytes = status.st_size;
    facts->modified_milliseconds =
        (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    return 0;
}
int32_t tcs_file_may_write(int32_t folder, const char *name) {
    return RESULT(faccessat(folder, name, W_OK, AT_EACCESS));
}
int32_t tcs_sync(int32_t descriptor) { return RESULT(fsync(descriptor)); }
int32_t tcs_writeback_start(int32_t descriptor, int64_t offset, int64_t count) {
    return RESULT(sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE));
}
int32_t tcs_writeback_wait(int32_t descriptor, int64_t offset, int64_t count) {
    unsigned flags =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    return RESULT(sync_file_range(descriptor, offset, count, flags));
}
int64_t tcs_sendfile(int32_t socket, int32_t file, int64_t offset, size_t count) {
    off_t position = offset;
    return RESULT(sendfile(socket, file, &position, count));
}
int32_t tcs_rewind(int32_t descriptor) {
    return lseek(descriptor, 0, SEEK_SET) < 0 ? -errno : 0;
}
int64_t tcs_folder_read(int32_t folder, void *bytes, size_t count) {
    return RESULT(getdents64(folder, bytes, count));
}
const size_t tcs_folder_name_offset = offsetof(struct dirent64, d_name);
const size_t tcs_folder_length_offset = offsetof(struct dirent64, d_reclen);
int32_t tcs_space(int32_t folder, tcs_space_t *space) {
    struct statvfs found;
    int32_t result = RESULT(fstatvfs(folder, &found));
    if (result < 0) return result;
    space->block_bytes = found.f_frsize;
    space->blocks_available = found.f_bavail;
    return 0;
}
