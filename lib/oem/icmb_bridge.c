/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that a controller carries over its ICMB channel, and their answers. PROTOCOL §11.8. */
#include "oem/icmb_bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUED_MAX 64           /* of messages that waited before the first question */
#define SEQUENCES 64            /* a bridged sequence number has 6 bits */
#define MESSAGE_MAX 32          /* bytes: of a message on an IPMB, as PROTOCOL §11.8 counts them */
#define RECEIVED_MAX 1024       /* bytes: the most that libfreeipmi has room for */
#define POLL_FIRST_MS 10        /* between two Get Message; it doubles up to */
#define POLL_LAST_MS 80         /* this */
#define AFTER_REFUSAL_MS 160    /* until the same is asked again */
#define KEEP_ALIVE_MS 500       /* at most, between two commands while a number is waited for */
#define ROUNDS_MAX 80           /* of a discovery: a bus has 64 nodes, and each may need its own */
#define SILENT_ROUNDS 2         /* then nobody is left */
#define TELL_MAX 4              /* times that one node is told that it was found */
#define BROADCAST 0xFFFF        /* every node */
#define LAST_ADDRESS 0xFEFF     /* that can be assigned */
#define CONTROLLER_ADDRESS 0x20 /* IPMB address of the controller of a chassis */
#define PREPARE_FOR_DISCOVERY 0x10
#define GET_ADDRESSES 0x11
#define SET_DISCOVERED 0x12
#define SECONDS_MS 1000
#define MS_NS 1000000

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char kPeer[] = "BMC";

struct FwrIcmbBridge {
  ipmi_ctx_t ctx;
  struct FwrIcmbChannel channel;
  uint8_t sequence;           /* the next one */
  int emptied;                /* the queue, of what waited for others */
  int64_t used_at[SEQUENCES]; /* milliseconds; 0: never */
};

/* A message of our channel, from Get Message. */
struct Received {
  uint8_t sequence;
  size_t length; /* bytes behind the sequence number */
  unsigned char bytes[RECEIVED_MAX];
};

/* IPMI v2.0 §22.7 */
static const struct FwrBmcCodeName kSendNames[] = {
    {0x80, "the session handle is not valid"},
    {0x81, "the bus is busy: arbitration was lost"},
    {0x82, "error on the bus"},
    {0x83, "nobody at this address took it (NAK)"},
    {0, NULL},
};

static int64_t now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * SECONDS_MS + now.tv_nsec / MS_NS;
}

static void sleep_ms(int64_t duration) {
  if (duration <= 0) return;
  struct timespec rest = {.tv_sec = (time_t)(duration / SECONDS_MS),
                          .tv_nsec = (long)(duration % SECONDS_MS) * MS_NS};
  while (nanosleep(&rest, &rest) < 0 && errno == EINTR) {
  }
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* After a function of libfreeipmi gave -1. */
static int fail_command(struct FwrIcmbBridge* bridge, fiid_obj_t response,
                        const struct FwrBmcCodeName* names, const char* doing,
                        struct FwrBmcError* error) {
  const uint8_t code = (uint8_t)fwr_bmc_number(response, "comp_code");
  if (code != IPMI_COMP_CODE_COMMAND_SUCCESS)
    return fwr_bmc_fail_completion_code(error, code, names, kPeer, doing);
  return fwr_bmc_fail_context(error, bridge->ctx, kPeer, doing);
}

/* --- the channel ------------------------------------------------------------------------------ */

/* 1 with its medium, 0 when the controller has no such channel, -1 when it could not be asked. */
static int ask_medium(struct FwrIcmbBridge* bridge, uint8_t channel, uint8_t* medium,
                      struct FwrBmcError* error) {
  static const char kDoing[] = "Get Channel Info";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_get_channel_info_rs);
  if (rs == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: no memory", kDoing);
  int result = 0;
  if (ipmi_cmd_get_channel_info(bridge->ctx, channel, rs) == 0) {
    *medium = (uint8_t)fwr_bmc_number(rs, "channel_medium_type");
    result = 1;
  } else {
    const uint64_t code = fwr_bmc_number(rs, "comp_code");
    if (code == IPMI_COMP_CODE_COMMAND_SUCCESS ||
        code == IPMI_COMP_CODE_INSUFFICIENT_PRIVILEGE_LEVEL)
      result = fail_command(bridge, rs, NULL, kDoing, error);
  }
  fiid_obj_destroy(rs);
  return result;
}

static int is_icmb(uint8_t medium) {
  return medium == IPMI_CHANNEL_MEDIUM_TYPE_ICMB_10 || medium == IPMI_CHANNEL_MEDIUM_TYPE_ICMB_09;
}

static int find_channel(struct FwrIcmbBridge* bridge, uint8_t wanted, struct FwrBmcError* error) {
  const uint8_t first = wanted != 0 ? wanted : 1;
  const uint8_t last = wanted != 0 ? wanted : FWR_ICMB_CHANNEL_MAX;
  for (uint8_t channel = first; channel <= last; ++channel) {
    uint8_t medium = 0;
    const int known = ask_medium(bridge, channel, &medium, error);
    if (known < 0) return -1;
    if (known == 0 || !is_icmb(medium)) continue;
    bridge->channel.number = channel;
    bridge->channel.medium = medium;
    return 0;
  }
  if (wanted != 0)
    return fwr_bmc_fail(error, FWR_BMC_NO_CHANNEL, "channel %u of the %s is not an ICMB",
                        (unsigned int)wanted, kPeer);
  return fwr_bmc_fail(error, FWR_BMC_NO_CHANNEL, "the %s has no ICMB channel", kPeer);
}

struct FwrIcmbBridge* fwr_icmb_open(const struct FwrBmcAccess* access, uint8_t channel,
                                    struct FwrBmcError* error) {
  memset(error, 0, sizeof *error);
  if (fwr_bmc_check_access(access, kPeer, error) < 0) return NULL;
  if (channel > FWR_ICMB_CHANNEL_MAX) {
    (void)fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "channel %u: a medium has 1 to %d",
                       (unsigned int)channel, FWR_ICMB_CHANNEL_MAX);
    return NULL;
  }
  struct FwrIcmbBridge* bridge = calloc(1, sizeof *bridge);
  if (bridge == NULL || (bridge->ctx = ipmi_ctx_create()) == NULL) {
    free(bridge);
    (void)fwr_bmc_fail(error, FWR_BMC_SYSTEM, "no memory");
    return NULL;
  }
  /* Not always the same: what another program asked for may still come. */
  bridge->sequence = (uint8_t)(now_ms() % SEQUENCES);
  if (fwr_bmc_open(bridge->ctx, access, kPeer, error) == 0 &&
      find_channel(bridge, channel, error) == 0)
    return bridge;
  fwr_icmb_close(bridge);
  return NULL;
}

void fwr_icmb_close(struct FwrIcmbBridge* bridge) {
  if (bridge == NULL) return;
  (void)ipmi_ctx_close(bridge->ctx); /* best effort: the BMC closes an idle session by itself */
  ipmi_ctx_destroy(bridge->ctx);
  free(bridge);
}

struct FwrIcmbChannel fwr_icmb_channel(const struct FwrIcmbBridge* bridge) {
  return bridge->channel;
}

int fwr_icmb_ask_local(struct FwrIcmbBridge* bridge, uint8_t command, struct FwrIcmbAnswer* answer,
                       struct FwrBmcError* error) {
  static const char kDoing[] = "bridge command";
  unsigned char bytes[RECEIVED_MAX] = {0};
  memset(error, 0, sizeof *error);
  memset(answer, 0, sizeof *answer);
  const int length =
      ipmi_cmd_raw(bridge->ctx, 0, IPMI_NET_FN_BRIDGE_RQ, &command, 1, bytes, sizeof bytes);
  if (length < 0) return fwr_bmc_fail_context(error, bridge->ctx, kPeer, kDoing);
  if (length < 2 || bytes[0] != command || (size_t)length - 2 > sizeof answer->data)
    return fwr_bmc_fail(error, FWR_BMC_MALFORMED, "%s: the answer has %d bytes", kDoing, length);
  if (bytes[1] != IPMI_COMP_CODE_COMMAND_SUCCESS)
    return fwr_bmc_fail_completion_code(error, bytes[1], NULL, kPeer, kDoing);
  answer->length = (size_t)length - 2;
  memcpy(answer->data, bytes + 2, answer->length);
  return 0;
}

/* --- messages --------------------------------------------------------------------------------- */

static int send_request(struct FwrIcmbBridge* bridge, const struct FwrIcmbRequest* request,
                        uint8_t sequence, struct FwrBmcError* error) {
  static const char kDoing[] = "Send Message";
  if (request->length > FWR_ICMB_REQUEST_MAX)
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "%s: %zu bytes of data; %d fit", kDoing,
                        request->length, FWR_ICMB_REQUEST_MAX);
  unsigned char message[MESSAGE_MAX];
  size_t length = 0;
  message[length++] = (unsigned char)(sequence << 2);
  message[length++] = (unsigned char)(request->node & 0xFF);
  message[length++] = (unsigned char)(request->node >> 8);
  message[length++] = IPMI_CMD_BRIDGE_REQUEST;
  message[length++] = CONTROLLER_ADDRESS;
  message[length++] = (unsigned char)(request->net_fn << 2);
  message[length++] = request->command;
  if (request->length != 0) memcpy(message + length, request->data, request->length);
  length += request->length;

  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_send_message_rs);
  if (rs == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: no memory", kDoing);
  int result = ipmi_cmd_send_message(
      bridge->ctx, bridge->channel.number, IPMI_SEND_MESSAGE_AUTHENTICATION_NOT_REQUIRED,
      IPMI_SEND_MESSAGE_ENCRYPTION_NOT_REQUIRED,
      IPMI_SEND_MESSAGE_TRACKING_OPERATION_TRACKING_REQUEST, message, (unsigned int)length, rs);
  if (result < 0) result = fail_command(bridge, rs, kSendNames, kDoing, error);
  fiid_obj_destroy(rs);
  return result;
}

/* libfreeipmi knows these for the system interface only, where IPMI has them. As a raw command it
 * goes over LAN too, to those BMCs that allow it. 1 with a message of our channel, 0 when there is
 * none, -1 with *error. Another message is taken out, and gives 0 with *foreign set. */
static int get_message(struct FwrIcmbBridge* bridge, struct Received* message, int* foreign,
                       struct FwrBmcError* error) {
  static const char kDoing[] = "Get Message";
  const unsigned char command = IPMI_CMD_GET_MESSAGE;
  unsigned char bytes[RECEIVED_MAX] = {0};
  *foreign = 0;
  const int length =
      ipmi_cmd_raw(bridge->ctx, 0, IPMI_NET_FN_APP_RQ, &command, 1, bytes, sizeof bytes);
  if (length < 0) return fwr_bmc_fail_context(error, bridge->ctx, kPeer, kDoing);
  if (length < 2 || bytes[0] != command)
    return fwr_bmc_fail(error, FWR_BMC_MALFORMED, "%s: the answer has %d bytes", kDoing, length);
  if (bytes[1] == IPMI_COMP_CODE_GET_MESSAGE_DATA_NOT_AVAILABLE) return 0;
  if (bytes[1] != IPMI_COMP_CODE_COMMAND_SUCCESS)
    return fwr_bmc_fail_completion_code(error, bytes[1], NULL, kPeer, kDoing);
  /* Behind the command and the completion code: channel, sequence, and at least one more. */
  if (length < 5 || (bytes[2] & 0x0F) != bridge->channel.number) {
    *foreign = 1;
    return 0;
  }
  message->sequence = bytes[3] >> 2;
  message->length = (size_t)length - 4;
  memcpy(message->bytes, bytes + 4, message->length);
  return 1;
}

/* What waits before the first question is no answer to it, also when its number fits by chance: it
 * was for a program that did not stay. At most QUEUED_MAX messages, of whom they are. */
static int take_what_waits(struct FwrIcmbBridge* bridge, struct FwrBmcError* error) {
  for (int i = 0; i < QUEUED_MAX && !bridge->emptied; i++) {
    struct Received old = {0};
    int foreign = 0;
    const int got = get_message(bridge, &old, &foreign, error);
    if (got < 0 && error->code != FWR_BMC_REJECTED) return -1;
    bridge->emptied = got < 0 || (got == 0 && !foreign);
  }
  /* What refuses Get Message may refuse the question, too, and better says why. */
  memset(error, 0, sizeof *error);
  bridge->emptied = 1;
  return 0;
}

/* A number that no answer on its way can have. Waits for it, and says something now and then: a
 * session ends when it is silent. */
static int take_sequence(struct FwrIcmbBridge* bridge, uint8_t* sequence,
                         struct FwrBmcError* error) {
  if (take_what_waits(bridge, error) < 0) return -1;
  *sequence = bridge->sequence;
  bridge->sequence = (uint8_t)((*sequence + 1) % SEQUENCES);
  int64_t* used_at = &bridge->used_at[*sequence];
  while (*used_at != 0 && now_ms() < *used_at + FWR_ICMB_LIFE_MS) {
    struct Received old = {0};
    int foreign = 0;
    if (get_message(bridge, &old, &foreign, error) < 0) return -1;
    sleep_ms(least(*used_at + FWR_ICMB_LIFE_MS - now_ms(), KEEP_ALIVE_MS));
  }
  *used_at = now_ms() + 1; /* rounded up, because now_ms() cuts: the number lives the whole time */
  return 0;
}

/* 1 with the answer that has this number, 0 when it did not come in time, -1 with *error. */
static int await(struct FwrIcmbBridge* bridge, uint8_t sequence, int64_t deadline,
                 struct Received* message, struct FwrBmcError* error) {
  int64_t pause = POLL_FIRST_MS;
  for (;;) {
    int foreign = 0;
    const int got = get_message(bridge, message, &foreign, error);
    if (got < 0) return -1;
    if (got == 1 && message->sequence == sequence) return 1;
    const int64_t now = now_ms();
    if (now >= deadline) return 0;
    if (got == 1 || foreign) continue; /* an old one: the next may wait behind it */
    sleep_ms(least(pause, deadline - now));
    pause = least(pause * 2, POLL_LAST_MS);
  }
}

/* Completion codes of the remote bridge and of who was asked, then data. */
static int open_answer(const struct Received* message, struct FwrIcmbAnswer* answer,
                       struct FwrBmcError* error) {
  if (message->bytes[0] != IPMI_COMP_CODE_COMMAND_SUCCESS)
    return fwr_bmc_fail_completion_code(error, message->bytes[0], kSendNames, "bridge of the node",
                                        "BridgeRequest");
  if (message->length < 2)
    return fwr_bmc_fail(error, FWR_BMC_MALFORMED, "the bridged answer has no completion code");
  if (message->bytes[1] != IPMI_COMP_CODE_COMMAND_SUCCESS)
    return fwr_bmc_fail_completion_code(error, message->bytes[1], NULL, "node", "bridged command");
  const size_t length = message->length - 2;
  if (length > sizeof answer->data)
    return fwr_bmc_fail(error, FWR_BMC_MALFORMED, "the bridged answer has %zu bytes of data",
                        length);
  memcpy(answer->data, message->bytes + 2, length);
  answer->length = length;
  return 0;
}

static int64_t bounded_wait(unsigned int wait_ms) {
  return least(wait_ms, FWR_ICMB_LIFE_MS);
}

/* Whether the same question can go better the next time. */
static int is_passing(const struct FwrBmcError* error) {
  if (error->code == FWR_BMC_NO_ANSWER) return 1;
  if (error->code != FWR_BMC_REJECTED) return 0;
  switch (error->completion_code) {
    case 0x81:
    case 0x82:
    case 0x83:
    case IPMI_COMP_CODE_NODE_BUSY:
    case IPMI_COMP_CODE_COMMAND_TIMEOUT: return 1;
    default: return 0;
  }
}

static int ask_once(struct FwrIcmbBridge* bridge, const struct FwrIcmbRequest* request,
                    unsigned int wait_ms, struct FwrIcmbAnswer* answer, struct FwrBmcError* error) {
  memset(error, 0, sizeof *error);
  memset(answer, 0, sizeof *answer);
  uint8_t sequence = 0;
  if (take_sequence(bridge, &sequence, error) < 0) return -1;
  const int64_t deadline = now_ms() + bounded_wait(wait_ms);
  struct Received message = {0};
  if (send_request(bridge, request, sequence, error) < 0) return -1;
  const int got = await(bridge, sequence, deadline, &message, error);
  if (got < 0) return -1;
  if (got == 0)
    return fwr_bmc_fail(error, FWR_BMC_NO_ANSWER,
                        "the BMC took the request, and has no answer of the node");
  return open_answer(&message, answer, error);
}

int fwr_icmb_ask(struct FwrIcmbBridge* bridge, const struct FwrIcmbRequest* request,
                 unsigned int tries, unsigned int wait_ms, struct FwrIcmbAnswer* answer,
                 struct FwrBmcError* error) {
  for (unsigned int i = 1;; ++i) {
    const int64_t began = now_ms();
    if (ask_once(bridge, request, wait_ms, answer, error) == 0) return 0;
    if (i >= tries || !is_passing(error)) return -1;
    /* One that was refused at once: a busy bus stays busy for a while. */
    sleep_ms(began + least(bounded_wait(wait_ms), AFTER_REFUSAL_MS) - now_ms());
  }
}

/* --- discovery -------------------------------------------------------------------------------- */

struct Discovery {
  struct FwrIcmbBridge* bridge;
  unsigned int wait_ms;
  FwrIcmbFound found;
  void* context;
  struct {
    struct FwrIcmbNode node;
    unsigned int told;
    int knows; /* that it was found */
  } nodes[FWR_ICMB_NODES_MAX];
  size_t count;
};

static int send_to_all(struct FwrIcmbBridge* bridge, uint8_t command, uint8_t* sequence,
                       struct FwrBmcError* error) {
  const struct FwrIcmbRequest request = {
      .node = BROADCAST, .net_fn = IPMI_NET_FN_BRIDGE_RQ, .command = command};
  memset(error, 0, sizeof *error);
  if (take_sequence(bridge, sequence, error) < 0) return -1;
  if (send_request(bridge, &request, *sequence, error) == 0 || is_passing(error)) return 0;
  return -1;
}

/* 1 when it is new. */
static int note_node(struct Discovery* d, const struct FwrIcmbAnswer* answer) {
  if (answer->length < 2) return 0;
  struct FwrIcmbNode node = {.address = (uint16_t)(answer->data[0] | answer->data[1] << 8)};
  if (node.address == 0 || node.address > LAST_ADDRESS) return 0;
  if (answer->length >= 2 + sizeof node.guid) {
    node.has_guid = 1;
    memcpy(node.guid, answer->data + 2, sizeof node.guid);
  }
  for (size_t i = 0; i < d->count; ++i) {
    if (d->nodes[i].node.address != node.address) continue;
    d->nodes[i].knows = 0; /* it did not hear that it was found */
    return 0;
  }
  if (d->count == FWR_ICMB_NODES_MAX) return 0;
  d->nodes[d->count++].node = node;
  d->found(d->context, &node);
  return 1;
}

/* How many new ones answered, or -1. */
static int hear_addresses(struct Discovery* d, struct FwrBmcError* error) {
  uint8_t sequence = 0;
  if (send_to_all(d->bridge, GET_ADDRESSES, &sequence, error) < 0) return -1;
  const int64_t end = now_ms() + FWR_ICMB_LIFE_MS;
  int fresh = 0;
  for (;;) {
    struct Received message = {0};
    const int64_t quiet = least(now_ms() + bounded_wait(d->wait_ms), end);
    const int got = await(d->bridge, sequence, quiet, &message, error);
    if (got < 0) return -1;
    if (got == 0) return fresh;
    struct FwrIcmbAnswer answer = {0};
    struct FwrBmcError ignored;
    if (open_answer(&message, &answer, &ignored) == 0) fresh += note_node(d, &answer);
  }
}

/* A node that does not confirm it answers the next GetAddresses again. */
static int tell_nodes(struct Discovery* d, struct FwrBmcError* error) {
  for (size_t i = 0; i < d->count; ++i) {
    if (d->nodes[i].knows || d->nodes[i].told >= TELL_MAX) continue;
    ++d->nodes[i].told;
    const struct FwrIcmbRequest request = {.node = d->nodes[i].node.address,
                                           .net_fn = IPMI_NET_FN_BRIDGE_RQ,
                                           .command = SET_DISCOVERED};
    struct FwrIcmbAnswer answer;
    if (ask_once(d->bridge, &request, d->wait_ms, &answer, error) == 0)
      d->nodes[i].knows = 1;
    else if (error->code != FWR_BMC_NO_ANSWER && error->code != FWR_BMC_REJECTED &&
             error->code != FWR_BMC_MALFORMED)
      return -1;
  }
  return 0;
}

int fwr_icmb_discover(struct FwrIcmbBridge* bridge, unsigned int wait_ms, FwrIcmbFound found,
                      void* context, struct FwrBmcError* error) {
  struct Discovery d = {.bridge = bridge, .wait_ms = wait_ms, .found = found, .context = context};
  unsigned int silent = 0;
  for (unsigned int round = 0; round < ROUNDS_MAX && silent < SILENT_ROUNDS; ++round) {
    uint8_t unanswered = 0;
    /* Twice: one that misses it would keep silent if it was discovered before. */
    if (round < 2 && send_to_all(bridge, PREPARE_FOR_DISCOVERY, &unanswered, error) < 0) return -1;
    const int fresh = hear_addresses(&d, error);
    if (fresh < 0 || tell_nodes(&d, error) < 0) return -1;
    silent = fresh > 0 ? 0 : silent + 1;
  }
  memset(error, 0, sizeof *error);
  return 0;
}
