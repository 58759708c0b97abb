// The calls of SQLite that the catalogue makes.

#include "CSQLite.h"

#include <errno.h>
#include <sqlite3.h>

const int32_t tcq_ok = SQLITE_OK, tcq_row = SQLITE_ROW, tcq_done = SQLITE_DONE;
const int32_t tcq_no_memory = SQLITE_NOMEM, tcq_full = SQLITE_FULL, tcq_busy = SQLITE_BUSY;
const int32_t tcq_corrupt = SQLITE_CORRUPT, tcq_not_a_database = SQLITE_NOTADB;
const int32_t tcq_input_output = SQLITE_IOERR, tcq_read_only = SQLITE_READONLY;
const int32_t tcq_cannot_open = SQLITE_CANTOPEN, tcq_locked = SQLITE_LOCKED;
const int32_t tcq_input_output_no_memory = SQLITE_IOERR_NOMEM, tcq_error = SQLITE_ERROR;
const int32_t tcq_input_output_sync = SQLITE_IOERR_FSYNC;
const int32_t tcq_input_output_sync_folder = SQLITE_IOERR_DIR_FSYNC;

static int nothing_to_start(void *unused) {
    (void)unused;
    return SQLITE_OK;
}
static void nothing_to_stop(void *unused) { (void)unused; }

int32_t tcq_config_memory(
    void *(*allocate)(int32_t), void (*release)(void *), void *(*resize)(void *, int32_t),
    int32_t (*size)(void *), int32_t (*round_up)(int32_t)) {
    sqlite3_mem_methods methods = {
        .xMalloc = allocate,
        .xFree = release,
        .xRealloc = resize,
        .xSize = size,
        .xRoundup = round_up,
        .xInit = nothing_to_start,
        .xShutdown = nothing_to_stop,
    };
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
int32_t tcq_config_single_thread(void) { return sqlite3_config(SQLITE_CONFIG_SINGLETHREAD); }
int32_t tcq_config_no_lookaside(void) { return sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); }
int32_t tcq_config_no_file_mapping(void) {
    return sqlite3_config(SQLITE_CONFIG_MMAP_SIZE, (sqlite3_int64)0, (sqlite3_int64)0);
}
int32_t tcq_initialize(void) { return sqlite3_initialize(); }
int64_t tcq_hard_heap_limit(int64_t bytes) { return sqlite3_hard_heap_limit64(bytes); }
int64_t tcq_memory_used(void) { return sqlite3_memory_used(); }
int64_t tcq_pages_written(sqlite3 *database) {
    int pages = 0, unused = 0;
    sqlite3_db_status(database, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &unused, 0);
    return pages;
}
int64_t tcq_take_largest_request(void) {
    sqlite3_int64 now = 0, most = 0;
    sqlite3_status64(SQLITE_STATUS_MALLOC_SIZE, &now, &most, 1);
    return most;
}

int32_t tcq_open(const char *path, tcq_database **database) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE;
    errno = 0;
    return sqlite3_open_v2(path, database, flags, 0);
}
int32_t tcq_close(tcq_database *database) { return sqlite3_close(database); }
int32_t tcq_no_extensions(tcq_database *database) {
    return sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, (int *)0);
}
int32_t tcq_defensive(tcq_database *database) {
    return sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
}
int32_t tcq_execute(tcq_database *database, const char *sql) {
    errno = 0;
    return sqlite3_exec(database, sql, 0, 0, 0);
}
int32_t tcq_system_errno(void) { return errno; }
int32_t tcq_is_read_only(tcq_database *database) {
    return sqlite3_db_readonly(database, "main") == 1;
}
int32_t tcq_is_autocommit(tcq_database *database) { return sqlite3_get_autocommit(database); }
int32_t tcq_autocheckpoint(tcq_database *database, int32_t pages) {
    return sqlite3_wal_autocheckpoint(database, pages);
}
int32_t tcq_checkpoint(tcq_database *database) {
    errno = 0;
    return sqlite3_wal_checkpoint_v2(database, "main", SQLITE_CHECKPOINT_TRUNCATE, 0, 0);
}
int64_t tcq_total_changes(tcq_database *database) {
    return sqlite3_total_changes64(database);
}
static sqlite3_file *file_of(tcq_database *database) {
    sqlite3_file *file = 0;
    sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file;
}
int32_t tcq_file_size(tcq_database *database, int64_t *bytes) {
    sqlite3_file *file = file_of(database);
    sqlite3_int64 size = 0;
    errno = 0;
    int result = file->pMethods->xFileSize(file, &size);
    *bytes = size;
    return result;
}
int32_t tcq_file_read(tcq_database *database, void *bytes, int32_t count, int64_t offset) {
    sqlite3_file *file = file_of(database);
    errno = 0;
    return file->pMethods->xRead(file, bytes, count, offset);
}

int32_t tcq_prepare(
    tcq_database *database, const char *sql, int32_t bytes, tcq_statement **statement) {
    return sqlite3_prepare_v3(database, sql, bytes, SQLITE_PREPARE_PERSISTENT, statement, 0);
}
int32_t tcq_finalize(tcq_statement *statement) { return sqlite3_finalize(statement); }
int32_t tcq_step(tcq_statement *statement) {
    errno = 0;
    return sqlite3_step(statement);
}
int32_t tcq_reset(tcq_statement *statement) { return sqlite3_reset(statement); }
int32_t tcq_bind_text(
    tcq_statement *statement, int32_t index, const void *bytes, int32_t count) {
    return sqlite3_bind_text(statement, index, bytes, count, SQLITE_STATIC);
}
int32_t tcq_bind_integer(tcq_statement *statement, int32_t index, int64_t value) {
    return sqlite3_bind_int64(statement, index, value);
}
int32_t tcq_clear(tcq_statement *statement) { return sqlite3_clear_bindings(statement); }
int64_t tcq_integer(tcq_statement *statement, int32_t column) {
    return sqlite3_column_int64(statement, column);
}
const void *tcq_text(tcq_statement *statement, int32_t column) {
    return sqlite3_column_blob(statement, column);
}
int32_t tcq_text_bytes(tcq_statement *statement, int32_t column) {
    return sqlite3_column_bytes(statement, column);
}
