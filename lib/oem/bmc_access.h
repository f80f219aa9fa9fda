/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening a management controller through libfreeipmi, and what its errors mean. */
#ifndef FWR_BMC_ACCESS_H
#define FWR_BMC_ACCESS_H

#include <freeipmi/freeipmi.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FWR_BMC_K_G_MAX 20       /* bytes, IPMI v2.0 §13.33 */
#define FWR_BMC_PASSWORD_MAX 20  /* bytes, IPMI v2.0 §22.30 */
#define FWR_BMC_USER_NAME_MAX 16 /* bytes, IPMI v2.0 §22.28 */

/* How to reach it. The strings and K_g are only read during the call. */
struct FwrBmcAccess {
  const char* host; /* as in struct FwrDonorAccess; NULL: in-band, and nothing else matters */
  const char* user_name;
  const char* password;
  const unsigned char* k_g;
  unsigned int k_g_length; /* bytes */
  uint8_t privilege_level;
  uint8_t cipher_suite_id;
  unsigned int session_timeout;        /* milliseconds; 0: 20,000 */
  unsigned int retransmission_timeout; /* milliseconds; 0: 1,000 */
  unsigned int workaround_flags;
};

/* The first twelve are those of enum FwrDonorErrorCode. */
enum FwrBmcErrorCode {
  FWR_BMC_OK = 0,
  FWR_BMC_BAD_ARGUMENT = 1,
  FWR_BMC_BAD_HOST = 2,
  FWR_BMC_NO_RESPONSE = 3,
  FWR_BMC_AUTHENTICATION = 4,
  FWR_BMC_NO_CIPHER_SUITE = 5,
  FWR_BMC_PRIVILEGE = 6,
  FWR_BMC_SESSION_LIMIT = 7,
  FWR_BMC_SESSION_LOST = 8,
  FWR_BMC_REJECTED = 9,
  FWR_BMC_MALFORMED = 10,
  FWR_BMC_SYSTEM = 11,
  FWR_BMC_NO_DEVICE = 12,     /* no in-band interface that can be used */
  FWR_BMC_NO_PERMISSION = 13, /* to use it */
  FWR_BMC_NO_CHANNEL = 14,    /* no ICMB channel */
  FWR_BMC_NO_ANSWER = 15      /* of a node behind the controller, which itself answers */
};

struct FwrBmcError {
  int code;                /* one of enum FwrBmcErrorCode */
  uint8_t completion_code; /* with FWR_BMC_REJECTED */
  char text[256];          /* what happened, and with which command; no full stop at the end */
};

/* The name that a completion code has for one command; a list ends with a text of NULL. */
struct FwrBmcCodeName {
  uint8_t code;
  const char* text;
};

/* All of these fill *error and return -1. `peer` is what the controller is called: "donor", "BMC".
 * `names` may be NULL; the codes of the IPMI specification are known. */
__attribute__((format(printf, 3, 4))) int fwr_bmc_fail(struct FwrBmcError* error,
                                                       enum FwrBmcErrorCode code,
                                                       const char* format, ...);
/* After a function of libfreeipmi failed without a completion code. */
int fwr_bmc_fail_context(struct FwrBmcError* error, ipmi_ctx_t ctx, const char* peer,
                         const char* doing);
int fwr_bmc_fail_completion_code(struct FwrBmcError* error, uint8_t code,
                                 const struct FwrBmcCodeName* names, const char* peer,
                                 const char* doing);

/* 0, or -1 with *error. */
int fwr_bmc_check_access(const struct FwrBmcAccess* access, const char* peer,
                         struct FwrBmcError* error);
/* Opens ctx, which ipmi_ctx_close() closes. The access has been checked. 0, or -1 with *error. */
int fwr_bmc_open(ipmi_ctx_t ctx, const struct FwrBmcAccess* access, const char* peer,
                 struct FwrBmcError* error);

/* Of a response; 0 when it has no such field. */
uint64_t fwr_bmc_number(fiid_obj_t response, const char* field);
/* NULL is not longer. */
int fwr_bmc_longer_than(const char* string, size_t limit);

#ifdef __cplusplus
}
#endif

#endif
