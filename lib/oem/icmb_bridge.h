/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An ICMB bus behind a management controller: Send Message and Get Message. PROTOCOL §11.8. */
#ifndef FWR_ICMB_BRIDGE_H
#define FWR_ICMB_BRIDGE_H

#include <stddef.h>
#include <stdint.h>

#include "oem/bmc_access.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FWR_ICMB_REQUEST_MAX 25  /* bytes of data behind the command: the message has 32 */
#define FWR_ICMB_ANSWER_MAX 128  /* bytes of data behind the completion code */
#define FWR_ICMB_LIFE_MS 5000    /* of a bridged sequence number */
#define FWR_ICMB_NODES_MAX 64    /* of a bus */
#define FWR_ICMB_GUID_LENGTH 16  /* bytes */
#define FWR_ICMB_CHANNEL_MAX 0xB /* IPMI v2.0 §6.3: the last one that is a medium */

struct FwrIcmbBridge;

struct FwrIcmbChannel {
  uint8_t number;
  uint8_t medium; /* 2: ICMB v1.0, 3: ICMB v0.9 */
};

/* To the controller of a chassis (IPMB address 20h), or to its bridge. */
struct FwrIcmbRequest {
  uint16_t node; /* FFFFh: all */
  uint8_t net_fn;
  uint8_t command;
  const unsigned char* data;
  size_t length; /* bytes */
};

struct FwrIcmbAnswer {
  unsigned char data[FWR_ICMB_ANSWER_MAX]; /* behind the completion code, which is 00h */
  size_t length;
};

struct FwrIcmbNode {
  uint16_t address;
  int has_guid;
  unsigned char guid[FWR_ICMB_GUID_LENGTH]; /* as it travels */
};
typedef void (*FwrIcmbFound)(void* context, const struct FwrIcmbNode* node);

/* Opens the access and looks for the channel; `channel` 0: the first that says it is ICMB. NULL
 * with *error. fwr_icmb_close() takes what it gave, and NULL. */
struct FwrIcmbBridge* fwr_icmb_open(const struct FwrBmcAccess* access, uint8_t channel,
                                    struct FwrBmcError* error);
void fwr_icmb_close(struct FwrIcmbBridge* bridge);
struct FwrIcmbChannel fwr_icmb_channel(const struct FwrIcmbBridge* bridge);

/* All give 0, or -1 with *error. A completion code other than 00h is FWR_BMC_REJECTED. */

/* Asks the bridge of the controller itself (network function 02h). */
int fwr_icmb_ask_local(struct FwrIcmbBridge* bridge, uint8_t command, struct FwrIcmbAnswer* answer,
                       struct FwrBmcError* error);
/* Asks a node, up to `tries` times, and waits `wait_ms` for each answer; FWR_ICMB_LIFE_MS is the
 * longest that makes sense, and the longest that is waited. */
int fwr_icmb_ask(struct FwrIcmbBridge* bridge, const struct FwrIcmbRequest* request,
                 unsigned int tries, unsigned int wait_ms, struct FwrIcmbAnswer* answer,
                 struct FwrBmcError* error);
/* Tells each node once. `wait_ms` without an answer ends a round. */
int fwr_icmb_discover(struct FwrIcmbBridge* bridge, unsigned int wait_ms, FwrIcmbFound found,
                      void* context, struct FwrBmcError* error);

#ifdef __cplusplus
}
#endif

#endif
