// Folders and what moves between them: backup and restore.

#define _GNU_SOURCE
#include "CLinuxSys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) result_ = (call); result_ < 0 ? -errno : result_; })

const int32_t tcs_errno_not_empty = ENOTEMPTY;

int32_t tcs_identity(int32_t descriptor, tcs_identity_t *identity) {
    struct stat status;
    int32_t result = RESULT(fstat(descriptor, &status));
    if (result < 0) return result;
    identity->device = status.st_dev;
    identity->number = status.st_ino;
    identity->user = status.st_uid;
    identity->group = status.st_gid;
    return 0;
}
int32_t tcs_change_owner(int32_t descriptor, uint32_t user, uint32_t group) {
    return RESULT(fchown(descriptor, user, group));
}
int32_t tcs_lock(int32_t descriptor) { return RESULT(flock(descriptor, LOCK_EX | LOCK_NB)); }
int32_t tcs_lock_holder(int32_t descriptor, int64_t start, int64_t count) {
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = count};
    int32_t result = RESULT(fcntl(descriptor, F_GETLK, &lock));
    if (result < 0) return result;
    return lock.l_type == F_UNLCK ? 0 : lock.l_pid > 0 ? lock.l_pid : 1;
}
int32_t tcs_move(int32_t from_folder, const char *from, int32_t to_folder, const char *to) {
    return RESULT(renameat(from_folder, from, to_folder, to));
}
int32_t tcs_remove_folder_in(int32_t folder, const char *name) {
    return RESULT(unlinkat(folder, name, AT_REMOVEDIR));
}
