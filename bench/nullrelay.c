// The least that a relay can do on this kernel: read, cut behind the last `</event>`, write to all
// the others. It parses nothing, routes nothing, keeps no team, no picture and no limit worth the
// name. What it costs is what the kernel costs; every server is measured against it
// (docs/performance.md).
//
//     nullrelay PORT [keep]      with `keep` a newcomer gets the last event of each client
//
// One thread, epoll, level-triggered. A receiver that does not keep up loses whole stretches.

#define _GNU_SOURCE
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
#include <unistd.h>

enum { PLACES = 2048, READ = 65536, WAITING = 1 << 20, KEPT = 4096 };

struct client {
    int socket, active;
    size_t begun;                   // bytes of an event whose end has not come
    size_t waiting, waiting_start;  // bytes that the socket did not take
    size_t kept;
    char *open, *out, *last;
};

static struct client clients[PLACES];
static int active[PLACES], count, poller, keeps;
static char buffer[2 * READ];

static void watch(int index, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)index};
    epoll_ctl(poller, operation, clients[index].socket, &event);
}

static void leave(int index) {
    struct client *client = &clients[index];
    close(client->socket);
    client->socket = -1;
    int last = active[--count];
    active[client->active] = last;
    clients[last].active = client->active;
}

static void flush(int index) {
    struct client *client = &clients[index];
    ssize_t sent = send(client->socket, client->out + client->waiting_start, client->waiting,
        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return leave(index);
    if (sent < 0) return;
    client->waiting_start += (size_t)sent;
    client->waiting -= (size_t)sent;
    if (client->waiting == 0) watch(index, EPOLL_CTL_MOD, EPOLLIN);
}

static void deliver(int index, const char *bytes, size_t length) {
    struct client *client = &clients[index];
    size_t sent = 0;
    if (client->waiting == 0) {
        ssize_t result = send(client->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        // Whoever has gone is noticed when it is read from.
        if (result == (ssize_t)length || (result < 0 && errno != EAGAIN)) return;
        if (result > 0) sent = (size_t)result;
        client->waiting_start = 0;
        watch(index, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
    if (!client->out) client->out = malloc(WAITING);
    if (client->waiting_start + client->waiting + length - sent > WAITING) {
        memmove(client->out, client->out + client->waiting_start, client->waiting);
        client->waiting_start = 0;
    }
    if (client->waiting + length - sent > WAITING) return;
    memcpy(client->out + client->waiting_start + client->waiting, bytes + sent, length - sent);
    client->waiting += length - sent;
}

static const char *last_end(const char *bytes, size_t length) {
    static const char end[] = "</event>";
    size_t size = sizeof end - 1;
    for (const char *at = bytes + length; at >= bytes + size; at--)
        if (at[-1] == '>' && memcmp(at - size, end, size) == 0) return at;
    return NULL;
}

static void keep(struct client *client, const char *bytes, const char *end) {
    const char *start = end - 8;
    while (start > bytes && memcmp(start, "<event ", 7) != 0) start--;
    if ((size_t)(end - start) > KEPT) return;
    if (!client->last) client->last = malloc(KEPT);
    client->kept = (size_t)(end - start);
    memcpy(client->last, start, client->kept);
}

static void receive(int index) {
    struct client *client = &clients[index];
    memcpy(buffer, client->open, client->begun);
    ssize_t got = recv(client->socket, buffer + client->begun, READ, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return leave(index);
    size_t length = client->begun + (size_t)got;
    const char *end = last_end(buffer, length);
    if (end) {
        for (int i = 0; i < count; i++)
            if (active[i] != index) deliver(active[i], buffer, (size_t)(end - buffer));
        if (keeps) keep(client, buffer, end);
    }
    size_t taken = end ? (size_t)(end - buffer) : 0;
    client->begun = length - taken;
    if (client->begun > READ) client->begun = 0;
    memcpy(client->open, buffer + taken, client->begun);
}

static void join(int listener) {
    int one = 1, index = 0, descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (descriptor < 0) return;
    while (index < PLACES && clients[index].socket >= 0) index++;
    if (index == PLACES) {
        close(descriptor);
        return;
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct client *client = &clients[index];
    client->socket = descriptor;
    client->active = count;
    client->begun = client->waiting = client->kept = 0;
    if (!client->open) client->open = malloc(READ);
    active[count++] = index;
    watch(index, EPOLL_CTL_ADD, EPOLLIN);
    for (int i = 0; keeps && i < count - 1; i++)
        deliver(index, clients[active[i]].last, clients[active[i]].kept);
}

int main(int argc, char **argv) {
    if (argc < 2) return 64;
    keeps = argc > 2;
    struct rlimit files = {4096, 4096};
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < PLACES; i++) clients[i].socket = -1;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&name, sizeof name) || listen(listener, 1024)) {
        perror("nullrelay");
        return 71;
    }
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = PLACES};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event ready[64];
        int found = epoll_wait(poller, ready, 64, -1);
        for (int i = 0; i < found; i++) {
            int index = (int)ready[i].data.u32;
            if (index == PLACES) join(listener);
            else if (clients[index].socket >= 0 && ready[i].events & EPOLLOUT) flush(index);
            else if (clients[index].socket >= 0) receive(index);
        }
    }
}
