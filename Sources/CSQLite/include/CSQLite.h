// SQLite, for Swift. One function is one call; it returns SQLite's result code and decides nothing.
// The functions of SQLite that take a varying number of arguments have one function a use here.
// No header of a C library is included, because the Embedded arm64 build reads this file without.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <stddef.h>
#include <stdint.h>

typedef struct sqlite3 tcq_database;
typedef struct sqlite3_stmt tcq_statement;

// Result codes that Swift has to compare with; the low byte of an extended code is one of them.
extern const int32_t tcq_ok, tcq_row, tcq_done, tcq_no_memory, tcq_full, tcq_busy, tcq_corrupt;
extern const int32_t tcq_not_a_database, tcq_input_output, tcq_read_only, tcq_cannot_open;
extern const int32_t tcq_locked, tcq_input_output_no_memory, tcq_error;
extern const int32_t tcq_input_output_sync, tcq_input_output_sync_folder;

// Set-up of the library, once in the life of a process, before tcq_initialize.
int32_t tcq_config_memory(
    void *(*allocate)(int32_t), void (*release)(void *), void *(*resize)(void *, int32_t),
    int32_t (*size)(void *), int32_t (*round_up)(int32_t));
int32_t tcq_config_single_thread(void);
int32_t tcq_config_no_lookaside(void);
int32_t tcq_config_no_file_mapping(void);
int32_t tcq_initialize(void);
/// SQLite's own limit on its heap; returns the limit before. A negative value only asks.
int64_t tcq_hard_heap_limit(int64_t bytes);
int64_t tcq_memory_used(void);
/// Pages that this connection has written, to the journal or to the database.
int64_t tcq_pages_written(tcq_database *database);
/// The most bytes that were asked for at once since the last call, granted or refused.
int64_t tcq_take_largest_request(void);

// A connection.
/// For reading and writing, made if absent.
int32_t tcq_open(const char *path, tcq_database **database);
int32_t tcq_close(tcq_database *database);
int32_t tcq_no_extensions(tcq_database *database);
int32_t tcq_defensive(tcq_database *database);
/// Statements whose results nobody wants; several, with `;` between.
int32_t tcq_execute(tcq_database *database, const char *sql);
/// The errno that tcq_open, tcq_execute or tcq_step has left, called directly before; 0 if no
/// system call failed. SQLite's own function for it does not know what a failed step found.
int32_t tcq_system_errno(void);
/// Because of the file, or of what its head says.
int32_t tcq_is_read_only(tcq_database *database);
/// 0 while a transaction is open.
int32_t tcq_is_autocommit(tcq_database *database);
/// The journal is written back when it has so many pages; 0: never by itself.
int32_t tcq_autocheckpoint(tcq_database *database, int32_t pages);
/// Writes the whole journal back and empties it.
int32_t tcq_checkpoint(tcq_database *database);
/// Rows that were inserted, changed or deleted since the database was opened.
int64_t tcq_total_changes(tcq_database *database);
/// The database's file, through SQLite's own descriptor: another one of this process would end the
/// locks of SQLite when it is closed.
int32_t tcq_file_size(tcq_database *database, int64_t *bytes);
int32_t tcq_file_read(tcq_database *database, void *bytes, int32_t count, int64_t offset);

// A prepared statement, kept for the life of the connection.
int32_t tcq_prepare(
    tcq_database *database, const char *sql, int32_t bytes, tcq_statement **statement);
int32_t tcq_finalize(tcq_statement *statement);
int32_t tcq_step(tcq_statement *statement);
int32_t tcq_reset(tcq_statement *statement);
/// The bytes must stay until the statement is reset.
int32_t tcq_bind_text(
    tcq_statement *statement, int32_t index, const void *bytes, int32_t count);
int32_t tcq_bind_integer(tcq_statement *statement, int32_t index, int64_t value);
/// Forgets every bound value, and with them the addresses of texts.
int32_t tcq_clear(tcq_statement *statement);
int64_t tcq_integer(tcq_statement *statement, int32_t column);
/// The bytes of a text as they lie in the row, without a zero behind them, so that nothing is
/// allocated. Valid until the next step or reset; null if there are none.
const void *tcq_text(tcq_statement *statement, int32_t column);
int32_t tcq_text_bytes(tcq_statement *statement, int32_t column);

#endif
