// SPDX-License-Identifier: GPL-3.0-or-later
// Preloaded in the guest: the two functions of libfreeipmi that move bytes through the ports of a
// KCS.
//
// Debian 12's libfreeipmi is built without port input and output, so that its KCS driver opens,
// reads zeros and says "driver busy". With these two in their place the rest of it can be tested.
// IPMI v2.0 §9.15.
#include <freeipmi/freeipmi.h>
#include <stddef.h>

#if defined(__x86_64__)
#include <sys/io.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum {
  kOutputFull = 0x01,
  kInputFull = 0x02,
  kStateMask = 0xc0,
  kIdle = 0x00,
  kRead = 0x40,
  kWrite = 0x80,
  kWriteStart = 0x61,
  kWriteEnd = 0x62,
  kReadNext = 0x68,
  kPoll_us = 100,
  kPolls = 50000  // 5 s
};

static unsigned short data_port(ipmi_kcs_ctx_t ctx) {
  unsigned short address = 0;
  (void)ipmi_kcs_ctx_get_driver_address(ctx, &address);
  return address;
}

// -1 when the bits do not become what is wanted.
static int await_status(unsigned short port, unsigned mask, unsigned wanted) {
  for (int i = 0; i < kPolls; ++i) {
    if ((inb((unsigned short)(port + 1)) & mask) == wanted) return 0;
    (void)usleep(kPoll_us);
  }
  return -1;
}

// After each byte: the controller has taken it, and goes on in this state.
static int settle(unsigned short port, unsigned state) {
  if (await_status(port, kInputFull, 0) != 0) return -1;
  if ((inb((unsigned short)(port + 1)) & kStateMask) != state) return -1;
  if ((inb((unsigned short)(port + 1)) & kOutputFull) != 0 && state == kWrite) (void)inb(port);
  return 0;
}

EXPORT int ipmi_kcs_write(ipmi_kcs_ctx_t ctx, const void* buf, unsigned int buf_len) {
  const unsigned char* bytes = buf;
  const unsigned short port = data_port(ctx);
  if (iopl(3) != 0 || settle(port, kIdle) != 0) return -1;
  outb(kWriteStart, (unsigned short)(port + 1));
  if (settle(port, kWrite) != 0) return -1;
  for (unsigned int i = 0; i + 1 < buf_len; ++i) {
    outb(bytes[i], port);
    if (settle(port, kWrite) != 0) return -1;
  }
  outb(kWriteEnd, (unsigned short)(port + 1));
  if (settle(port, kWrite) != 0) return -1;
  outb(bytes[buf_len - 1], port);
  return (int)buf_len;
}

EXPORT int ipmi_kcs_read(ipmi_kcs_ctx_t ctx, void* buf, unsigned int buf_len) {
  unsigned char* bytes = buf;
  const unsigned short port = data_port(ctx);
  unsigned int count = 0;
  if (settle(port, kRead) != 0) return -1;
  while ((inb((unsigned short)(port + 1)) & kStateMask) == kRead) {
    if (await_status(port, kOutputFull, kOutputFull) != 0) return -1;
    const unsigned char byte = inb(port);
    if (count < buf_len) bytes[count++] = byte;
    outb(kReadNext, port);
    if (await_status(port, kInputFull, 0) != 0) return -1;
  }
  if (await_status(port, kOutputFull, kOutputFull) != 0) return -1;
  (void)inb(port);
  return (int)count;
}
#endif
