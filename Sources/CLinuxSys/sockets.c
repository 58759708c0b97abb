// TCP and Unix sockets.

#define _GNU_SOURCE
#include "CLinuxSys.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#define RESULT(call) ({ __typeof__(call) result_ = (call); result_ < 0 ? -errno : result_; })

// The family follows from the address: ::ffff:0:0/96 is IPv4.
static int is_ipv4(const tcs_endpoint *endpoint) {
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(endpoint->address, prefix, sizeof prefix) == 0;
}
static socklen_t ip_name(const tcs_endpoint *endpoint, struct sockaddr_storage *name) {
    memset(name, 0, sizeof *name);
    if (is_ipv4(endpoint)) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)name;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(endpoint->port);
        memcpy(&v4->sin_addr, endpoint->address + 12, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint->port);
    memcpy(&v6->sin6_addr, endpoint->address, 16);
    return sizeof *v6;
}
int32_t tcs_socket_tcp(const tcs_endpoint *endpoint) {
    int family = is_ipv4(endpoint) ? AF_INET : AF_INET6;
    return RESULT(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}
int32_t tcs_bind(int32_t descriptor, const tcs_endpoint *endpoint) {
    struct sockaddr_storage name;
    socklen_t length = ip_name(endpoint, &name);
    return RESULT(bind(descriptor, (struct sockaddr *)&name, length));
}
int32_t tcs_connect(int32_t descriptor, const tcs_endpoint *endpoint) {
    struct sockaddr_storage name;
    socklen_t length = ip_name(endpoint, &name);
    return RESULT(connect(descriptor, (struct sockaddr *)&name, length));
}
static int32_t get_option(int32_t descriptor, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    int32_t result = RESULT(getsockopt(descriptor, SOL_SOCKET, name, &value, &length));
    return result < 0 ? result : value;
}
int32_t tcs_pending_error(int32_t descriptor) {
    int32_t result = get_option(descriptor, SO_ERROR);
    return result < 0 ? result : -result;
}
int32_t tcs_listen(int32_t descriptor, int32_t backlog) {
    return RESULT(listen(descriptor, backlog));
}
static void tell(const struct sockaddr_storage *name, tcs_endpoint *endpoint) {
    memset(endpoint, 0, sizeof *endpoint);
    if (name->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)name;
        memcpy(endpoint->address, &v6->sin6_addr, 16);
        endpoint->port = ntohs(v6->sin6_port);
    } else if (name->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;
        endpoint->address[10] = endpoint->address[11] = 0xff;
        memcpy(endpoint->address + 12, &v4->sin_addr, 4);
        endpoint->port = ntohs(v4->sin_port);
    }
}
int32_t tcs_own_addresses(tcs_endpoint *list, size_t count) {
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0) return -errno;
    size_t found = 0;
    for (struct ifaddrs *one = all; one && found < count; one = one->ifa_next) {
        if (!one->ifa_addr || !(one->ifa_flags & IFF_UP)) continue;
        struct sockaddr_storage name;
        memset(&name, 0, sizeof name);
        if (one->ifa_addr->sa_family == AF_INET) {
            memcpy(&name, one->ifa_addr, sizeof(struct sockaddr_in));
        } else if (one->ifa_addr->sa_family == AF_INET6) {
            memcpy(&name, one->ifa_addr, sizeof(struct sockaddr_in6));
            if (IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)&name)->sin6_addr)) continue;
        } else {
            continue;
        }
        tell(&name, &list[found]);
        list[found++].port = 0;
    }
    freeifaddrs(all);
    return (int32_t)found;
}
int32_t tcs_accept(int32_t descriptor, tcs_endpoint *peer) {
    struct sockaddr_storage name;
    memset(&name, 0, sizeof name);
    socklen_t length = sizeof name;
    int32_t result = RESULT(
        accept4(descriptor, (struct sockaddr *)&name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (peer) tell(&name, peer);
    return result;
}
int32_t tcs_local_endpoint(int32_t descriptor, tcs_endpoint *endpoint) {
    struct sockaddr_storage name;
    memset(&name, 0, sizeof name);
    socklen_t length = sizeof name;
    int32_t result = RESULT(getsockname(descriptor, (struct sockaddr *)&name, &length));
    tell(&name, endpoint);
    return result;
}
int32_t tcs_shutdown_writing(int32_t descriptor) {
    return RESULT(shutdown(descriptor, SHUT_WR));
}
int64_t tcs_receive(int32_t descriptor, void *bytes, size_t count) {
    return RESULT(recv(descriptor, bytes, count, MSG_DONTWAIT));
}
int64_t tcs_send(int32_t descriptor, const void *bytes, size_t count) {
    return RESULT(send(descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL));
}
int64_t tcs_send_pieces(int32_t descriptor, const void *pieces, size_t count) {
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = count};
    return RESULT(sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int32_t set_option(int32_t descriptor, int level, int name, int32_t value) {
    return RESULT(setsockopt(descriptor, level, name, &value, sizeof value));
}
int32_t tcs_set_reuse_address(int32_t descriptor) {
    return set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
}
int32_t tcs_set_ipv6_only(int32_t descriptor) {
    return set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
}
int32_t tcs_set_no_delay(int32_t descriptor) {
    return set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
}
int32_t tcs_set_keep_alive(int32_t descriptor) {
    return set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
}
int32_t tcs_set_keep_alive_idle(int32_t descriptor, int32_t seconds) {
    return set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
}
int32_t tcs_set_keep_alive_interval(int32_t descriptor, int32_t seconds) {
    return set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
}
int32_t tcs_set_keep_alive_count(int32_t descriptor, int32_t count) {
    return set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, count);
}
int32_t tcs_set_user_timeout(int32_t descriptor, int32_t milliseconds) {
    return set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds);
}
int32_t tcs_unacknowledged(int32_t descriptor) {
    int bytes = 0;
    return ioctl(descriptor, TIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}
int32_t tcs_set_receive_buffer(int32_t descriptor, int32_t bytes) {
    return set_option(descriptor, SOL_SOCKET, SO_RCVBUF, bytes);
}
int32_t tcs_set_send_buffer(int32_t descriptor, int32_t bytes) {
    return set_option(descriptor, SOL_SOCKET, SO_SNDBUF, bytes);
}
int32_t tcs_set_receive_timeout(int32_t descriptor, int32_t seconds) {
    struct timeval time = {.tv_sec = seconds};
    return RESULT(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
}

int32_t tcs_set_reset_on_close(int32_t descriptor) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return RESULT(setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

const int32_t tcs_family_ipv4 = AF_INET, tcs_family_ipv6 = AF_INET6;
const int32_t tcs_type_stream = SOCK_STREAM;
int32_t tcs_socket_family(int32_t descriptor) { return get_option(descriptor, SO_DOMAIN); }
int32_t tcs_socket_type(int32_t descriptor) { return get_option(descriptor, SO_TYPE); }
int32_t tcs_socket_listens(int32_t descriptor) { return get_option(descriptor, SO_ACCEPTCONN); }
int32_t tcs_set_close_on_exec(int32_t descriptor) {
    return RESULT(fcntl(descriptor, F_SETFD, FD_CLOEXEC));
}
int32_t tcs_set_non_blocking(int32_t descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -errno : RESULT(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK));
}

int32_t tcs_socket_unix(int32_t non_blocking) {
    return RESULT(
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (non_blocking ? SOCK_NONBLOCK : 0), 0));
}
static int32_t unix_name(struct sockaddr_un *name, const char *path) {
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof name->sun_path) return -ENAMETOOLONG;
    strcpy(name->sun_path, path);
    return 0;
}
int32_t tcs_bind_unix(int32_t descriptor, const char *path) {
    struct sockaddr_un name;
    int32_t fit = unix_name(&name, path);
    return fit < 0 ? fit : RESULT(bind(descriptor, (struct sockaddr *)&name, sizeof name));
}
int32_t tcs_connect_unix(int32_t descriptor, const char *path) {
    struct sockaddr_un name;
    int32_t fit = unix_name(&name, path);
    return fit < 0 ? fit : RESULT(connect(descriptor, (struct sockaddr *)&name, sizeof name));
}
int32_t tcs_peer_process(int32_t descriptor) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    int32_t result = RESULT(getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length));
    return result < 0 ? result : peer.pid;
}
int32_t tcs_socket_unix_datagram(void) {
    return RESULT(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}
int64_t tcs_send_to_unix(
    int32_t descriptor, const char *path, const void *bytes, size_t count) {
    struct sockaddr_un name;
    int32_t fit = unix_name(&name, path);
    if (fit < 0) return fit;
    // The zero at the end belongs to a path and not to an abstract name.
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(path);
    if (name.sun_path[0] == '@') name.sun_path[0] = 0;
    else length++;
    return RESULT(sendto(
        descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&name, length));
}
