// Many clients in one thread, to put a load on a relay and see what comes through: latency by the
// time that each event carries, losses and duplicates by its number, and what the server took for
// it, from /proc. Prints one line of JSON. The events are positions as a phone sends them.
//
//     load port=8087 server=PID [protocol=cot|mqtt] [clients=100] [senders=100] [seconds=10]
//          [rate=1]        events a second of each sender, or
//          [window=0]      as fast as they come through: so many of each sender are under way
//          [slow=0]        so many of the clients never read
//     load port=… server=PID late=20      newcomers, one after the other, until each has a picture
//                                         of all senders
//     load port=… server=PID churn=1000   connect, send a position, have it relayed, leave
//
// Sender and receiver are one process, so both times are of one clock.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 1100, WINDOW = 1024, OUT = 262144, READ = 262144, MARK = 52 };

struct client {
    int socket, reads, shares;
    size_t out, out_sent, kept;
    char rest[MARK];
    char *bytes;
};

static struct client clients[PLACES];
// What each sender has sent, and below which number all have got all of it.
static uint32_t sent[PLACES], base[PLACES];
static uint16_t got[PLACES][WINDOW];
// By receiver and sender: the next number that is expected.
static uint32_t (*expected)[PLACES];
static uint64_t delivered, duplicates, lost, buckets[64 * 32], highest, last_progress;
static int poller, is_mqtt, count = 100, senders = 100, slow, window, late, churn, port, server;
static double seconds = 10, rate = 1;
static char input[MARK + READ];

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

// What the server has used.

struct use {
    double cpu_seconds;
    uint64_t wakeups, peak_kib, resident_kib;
};

static uint64_t field(const char *path, const char *name) {
    char line[256];
    uint64_t value = 0;
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0) value = strtoull(line + strlen(name), NULL, 10);
    fclose(file);
    return value;
}

static struct use used(void) {
    struct use use = {0};
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", server);
    DIR *tasks = opendir(path);
    if (!tasks) fail("the server is gone");
    for (struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", server, task->d_name);
        FILE *file = fopen(path, "r");
        unsigned long long nanoseconds = 0;
        if (file && fscanf(file, "%llu", &nanoseconds) == 1) use.cpu_seconds += nanoseconds / 1e9;
        if (file) fclose(file);
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", server, task->d_name);
        use.wakeups += field(path, "voluntary_ctxt_switches:");
    }
    closedir(tasks);
    snprintf(path, sizeof path, "/proc/%d/status", server);
    use.peak_kib = field(path, "VmHWM:");
    use.resident_kib = field(path, "VmRSS:");
    return use;
}

// The histogram: 32 steps for each doubling.

static int bucket(uint64_t value) {
    if (value < 32) return (int)value;
    int shift = 63 - __builtin_clzll(value) - 5;
    return (shift + 1) * 32 + (int)(value >> shift & 31);
}

static double quantile(double part) {
    uint64_t sum = 0, goal = (uint64_t)(part * (double)delivered);
    for (int i = 0; i < 64 * 32; i++) {
        sum += buckets[i];
        if (sum <= goal) continue;
        int shift = i / 32 - 1;
        uint64_t value = i < 32 ? (uint64_t)i : (uint64_t)(32 + i % 32) << shift;
        return (double)value / 1e6;
    }
    return (double)highest / 1e6;
}

// Events.

static size_t event(char *text, int sender, uint32_t number, uint64_t time) {
    return (size_t)sprintf(text,
        "<event version=\"2.0\" uid=\"ANDROID-bench%011d\" type=\"a-f-G-U-C\""
        " time=\"2026-11-27T12:00:00.000Z\" start=\"2026-11-27T12:00:00.000Z\""
        " stale=\"2026-11-27T12:06:15.000Z\" how=\"m-g\">"
        "<point lat=\"47.%06d\" lon=\"11.%06d\" hae=\"612.4\" ce=\"9.3\" le=\"9999999.0\"/><detail>"
        "<takv os=\"34\" version=\"5.2.0.4 (aabbccdd).1717171717-CIV\" device=\"BENCH ONE\""
        " platform=\"ATAK-CIV\"/><contact endpoint=\"*:-1:stcp\" callsign=\"BENCH %d\"/>"
        "<uid Droid=\"BENCH %d\"/><precisionlocation altsrc=\"GPS\" geopointsrc=\"GPS\"/>"
        "<__group role=\"Team Member\" name=\"Cyan\"/><status battery=\"87\"/>"
        "<track course=\"134.07\" speed=\"1.2\"/>"
        "<bench s=\"%04d\" n=\"%09u\" t=\"%016llu\"/></detail></event>",
        sender, sender, (int)(number % 1000000), sender, sender, sender, number,
        (unsigned long long)time);
}

static size_t variable(char *bytes, size_t value) {
    size_t used = 0;
    do {
        bytes[used] = (char)(value & 127);
        value >>= 7;
        if (value) bytes[used] |= (char)128;
        used++;
    } while (value);
    return used;
}

// MQTT 5 (OASIS): PUBLISH with QoS 0 to the topic "b".
static size_t packet(char *bytes, int sender, uint32_t number, uint64_t time) {
    if (!is_mqtt) return event(bytes, sender, number, time);
    static char text[2048];
    size_t length = event(text, sender, number, time), head = 1;
    bytes[0] = 0x30;
    head += variable(bytes + 1, length + 4);
    memcpy(bytes + head, "\0\1b\0", 4);
    memcpy(bytes + head + 4, text, length);
    return head + 4 + length;
}

// Connections.

static void watch(int index, int operation) {
    struct client *client = &clients[index];
    struct epoll_event event = {.data.u32 = (uint32_t)index};
    if (client->reads) event.events |= EPOLLIN;
    if (client->out) event.events |= EPOLLOUT;
    epoll_ctl(poller, operation, client->socket, &event);
}

static int dial(void) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0) fail("no socket");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(descriptor, (struct sockaddr *)&name, sizeof name)) fail("cannot connect");
    return descriptor;
}

static void greet_mqtt(int descriptor, int index) {
    char hello[64], answer[256];
    size_t length = (size_t)sprintf(hello + 15, "b%04d", index);
    memcpy(hello, "\x10\x12\0\4MQTT\5\2\0\0\0\0\5", 15);
    if (send(descriptor, hello, 15 + length, 0) < 0) fail("no greeting");
    if (recv(descriptor, answer, sizeof answer, 0) < 4) fail("no CONNACK");
    // Without what we send ourselves (No Local), as a relay of CoT does it.
    if (send(descriptor, "\x82\7\0\1\0\0\1b\4", 9, 0) < 0) fail("no subscription");
    if (recv(descriptor, answer, sizeof answer, 0) < 4) fail("no SUBACK");
}

static void open_client(int index, int reads) {
    struct client *client = &clients[index];
    client->socket = dial();
    if (is_mqtt) greet_mqtt(client->socket, index);
    client->reads = reads;
    client->out = client->out_sent = client->kept = 0;
    if (!client->bytes) client->bytes = malloc(OUT);
    if (!reads) {
        int small = 4096;
        setsockopt(client->socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    watch(index, EPOLL_CTL_ADD);
}

static void flush(int index) {
    struct client *client = &clients[index];
    int had = client->out > 0;
    ssize_t result = send(client->socket, client->bytes + client->out_sent,
        client->out - client->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result < 0 && errno != EAGAIN) fail("the server has hung up");
    if (result > 0) client->out_sent += (size_t)result;
    if (client->out_sent == client->out) client->out = client->out_sent = 0;
    if (had != (client->out > 0) || client->out) watch(index, EPOLL_CTL_MOD);
}

static void queue(int index) {
    struct client *client = &clients[index];
    uint32_t number = sent[index]++;
    got[index][number % WINDOW] = 0;
    client->out += packet(client->bytes + client->out, index, number, now());
}

// Receiving.

static void note(int receiver, int sender, uint32_t number, uint64_t time, uint64_t moment) {
    uint32_t *next = &expected[receiver][sender];
    if (number < *next) {
        duplicates++;
        return;
    }
    lost += number - *next;
    *next = number + 1;
    delivered++;
    uint64_t taken = moment - time;
    buckets[bucket(taken)]++;
    if (taken > highest) highest = taken;
    got[sender][number % WINDOW]++;
    last_progress = moment;
}

static void advance(int sender) {
    int all = count - 1 - (sender < count - slow ? slow : slow - 1);
    while (base[sender] < sent[sender] && got[sender][base[sender] % WINDOW] >= all) base[sender]++;
}

static int receive(int index) {
    struct client *client = &clients[index];
    memcpy(input, client->rest, client->kept);
    ssize_t result = recv(client->socket, input + client->kept, READ, MSG_DONTWAIT);
    if (result < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (result <= 0) fail("the server has closed a connection");
    size_t length = client->kept + (size_t)result;
    const char *at = input, *end = input + length;
    uint64_t moment = now();
    int found = 0;
    for (const char *mark; (mark = memmem(at, (size_t)(end - at), "<bench s=\"", 10));) {
        if (end - mark < MARK) break;
        int sender = atoi(mark + 10);
        note(index, sender, (uint32_t)atoi(mark + 19), strtoull(mark + 33, NULL, 10), moment);
        if (window) advance(sender);
        at = mark + MARK;
        found++;
    }
    client->kept = (size_t)(end - at) < MARK - 1 ? (size_t)(end - at) : MARK - 1;
    memcpy(client->rest, end - client->kept, client->kept);
    return found;
}

static void wait_events(int64_t nanoseconds) {
    struct epoll_event ready[256];
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    int found = epoll_pwait2(poller, ready, 256, &time, NULL);
    for (int i = 0; i < found; i++) {
        int index = (int)ready[i].data.u32;
        if (ready[i].events & (EPOLLIN | EPOLLHUP)) receive(index);
        if (ready[i].events & EPOLLOUT) flush(index);
    }
}

static void rest_for(double time) {
    uint64_t end = now() + (uint64_t)(time * 1e9);
    for (uint64_t moment; (moment = now()) < end;) wait_events((int64_t)(end - moment));
}

static void forget(void) {
    delivered = duplicates = lost = highest = 0;
    memset(buckets, 0, sizeof buckets);
}

// The loads.

static void report(const char *kind, struct use before, double time, uint64_t due, double more) {
    struct use after = used();
    double cpu = after.cpu_seconds - before.cpu_seconds;
    printf("{\"load\":\"%s\",\"seconds\":%.3f,\"delivered\":%llu,\"due\":%llu,\"lost\":%llu,"
           "\"duplicates\":%llu,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"max_ms\":%.4f,"
           "\"cpu_seconds\":%.6f,\"wakeups\":%llu,\"peak_kib\":%llu,\"resident_kib\":%llu,"
           "\"median_ms\":%.4f}\n",
        kind, time, (unsigned long long)delivered, (unsigned long long)due,
        (unsigned long long)lost, (unsigned long long)duplicates, quantile(0.5), quantile(0.99),
        (double)highest / 1e6, cpu, (unsigned long long)(after.wakeups - before.wakeups),
        (unsigned long long)after.peak_kib, (unsigned long long)after.resident_kib, more);
}

static void steady(void) {
    uint64_t start = now(), step = senders ? (uint64_t)(1e9 / rate / senders) : 0;
    uint64_t end = start + (uint64_t)(seconds * 1e9), due = start, sum = 0;
    struct use before = used();
    for (uint64_t moment; (moment = now()) < end;) {
        while (senders && due <= moment) {
            int sender = (int)(sum++ % (uint64_t)senders);
            queue(sender);
            flush(sender);
            due += step;
        }
        wait_events((int64_t)((senders && due < end ? due : end) - moment));
    }
    double time = (double)(now() - start) / 1e9;
    struct use after = used();
    rest_for(1);
    // The last second is for stragglers; its own cost is not counted.
    struct use since = used();
    before.cpu_seconds += since.cpu_seconds - after.cpu_seconds;
    before.wakeups += since.wakeups - after.wakeups;
    report("steady", before, time, sum * (uint64_t)(count - slow - 1), 0);
}

static void flood(void) {
    uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9);
    struct use before = used();
    last_progress = start;
    for (uint64_t moment; (moment = now()) < end;) {
        for (int sender = 0; sender < senders; sender++) {
            // What got lost would hold it up for ever.
            if (moment - last_progress > 1000000000) base[sender] = sent[sender];
            if (clients[sender].out) continue;
            int more = 0;
            while (sent[sender] - base[sender] < (uint32_t)window && more < 128) {
                queue(sender);
                more++;
            }
            if (more) flush(sender);
        }
        if (moment - last_progress > 1000000000) last_progress = moment;
        wait_events(100000000);
    }
    report("flood", before, (double)(now() - start) / 1e9, delivered + lost, 0);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void come_late(void) {
    double *times = calloc((size_t)late, sizeof *times);
    for (int i = 0; i < senders; i++) {
        queue(i);
        flush(i);
    }
    rest_for(1);
    forget();
    struct use before = used();
    uint64_t start = now();
    for (int i = 0; i < late; i++) {
        memset(expected[count], 0, sizeof expected[count]);
        uint64_t begun = now(), goal = delivered + (uint64_t)senders;
        open_client(count, 1);
        while (delivered < goal && now() - begun < 5000000000) wait_events(1000000000);
        if (delivered < goal) {
            errno = ETIMEDOUT;
            fail("a newcomer has no picture");
        }
        times[i] = (double)(now() - begun) / 1e6;
        close(clients[count].socket);
        wait_events(2000000);
    }
    qsort(times, (size_t)late, sizeof *times, by_size);
    report("late", before, (double)(now() - start) / 1e9, (uint64_t)(late * senders),
        times[late / 2]);
}

static void come_and_go(void) {
    struct use before = used();
    uint64_t start = now();
    for (int i = 0; i < churn; i++) {
        int index = count;
        // What a newcomer is shown of the past is neither lost nor late.
        for (int sender = 0; sender <= count; sender++) expected[index][sender] = sent[sender];
        uint64_t goal = delivered + 1, begun = now();
        open_client(index, 1);
        queue(index);
        flush(index);
        // One of those that stay has it: the server has dealt with all of it.
        while (delivered < goal && now() - begun < 5000000000) wait_events(1000000000);
        epoll_ctl(poller, EPOLL_CTL_DEL, clients[index].socket, NULL);
        close(clients[index].socket);
    }
    rest_for(0.5);
    report("churn", before, (double)(now() - start) / 1e9, (uint64_t)churn, 0);
}

static void option(const char *text) {
    const char *value = strchr(text, '=');
    if (!value++) fail(text);
    if (!strncmp(text, "port=", 5)) port = atoi(value);
    else if (!strncmp(text, "server=", 7)) server = atoi(value);
    else if (!strncmp(text, "protocol=", 9)) is_mqtt = !strcmp(value, "mqtt");
    else if (!strncmp(text, "clients=", 8)) count = atoi(value);
    else if (!strncmp(text, "senders=", 8)) senders = atoi(value);
    else if (!strncmp(text, "seconds=", 8)) seconds = atof(value);
    else if (!strncmp(text, "rate=", 5)) rate = atof(value);
    else if (!strncmp(text, "window=", 7)) window = atoi(value);
    else if (!strncmp(text, "slow=", 5)) slow = atoi(value);
    else if (!strncmp(text, "late=", 5)) late = atoi(value);
    else if (!strncmp(text, "churn=", 6)) churn = atoi(value);
    else fail(text);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) option(argv[i]);
    struct rlimit files = {4096, 4096};
    setrlimit(RLIMIT_NOFILE, &files);
    expected = calloc(PLACES, sizeof *expected);
    poller = epoll_create1(0);
    for (int i = 0; i < count; i++) open_client(i, i < count - slow);
    rest_for(1);
    // Once around, so that every server knows every client.
    for (int i = 0; i < senders && !late; i++) {
        queue(i);
        flush(i);
        if (i % 50 == 49) rest_for(0.05);
    }
    rest_for(1);
    for (int i = 0; i < senders; i++) base[i] = sent[i];
    forget();
    if (late) come_late();
    else if (churn) come_and_go();
    else if (window) flood();
    else steady();
}
