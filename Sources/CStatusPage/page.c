// Puts page.html into the program at compile time. The file is the only copy: nothing is generated,
// so nothing can be out of date.

#include "CStatusPage.h"

// Of C23; this compiler knows it in every mode and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t page[] = {
#embed "page.html"
};

const uint8_t *tcp_page(void) { return page; }
size_t tcp_page_bytes(void) { return sizeof page; }
