// The status page, as it stands in page.html. No header of a C library is included but the one that
// the compiler brings.
#ifndef CSTATUSPAGE_H
#define CSTATUSPAGE_H

#include <stddef.h>
#include <stdint.h>

/// The first byte of the page. It is constant memory.
const uint8_t *tcp_page(void);
size_t tcp_page_bytes(void);

#endif
