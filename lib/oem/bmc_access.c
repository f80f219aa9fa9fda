/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions and in-band interfaces of libfreeipmi, and words for what went wrong. */
#include "oem/bmc_access.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What an ipmi_errnum of libfreeipmi means to somebody who looks after controllers. */
struct Meaning {
  int ipmi_errnum;
  enum FwrBmcErrorCode code;
  int names_peer; /* the text goes on behind "the donor" or "the BMC" */
  const char* text;
};

static const struct Meaning kMeanings[] = {
    {IPMI_ERR_PERMISSION, FWR_BMC_SYSTEM, 0, "permission denied by this system"},
    {IPMI_ERR_USERNAME_INVALID, FWR_BMC_AUTHENTICATION, 1, "has no such user"},
    {IPMI_ERR_PASSWORD_INVALID, FWR_BMC_AUTHENTICATION, 0, "wrong password or K_g"},
    {IPMI_ERR_K_G_INVALID, FWR_BMC_AUTHENTICATION, 0, "wrong K_g"},
    {IPMI_ERR_PRIVILEGE_LEVEL_INSUFFICIENT, FWR_BMC_PRIVILEGE, 0,
     "the command needs a higher privilege level"},
    {IPMI_ERR_PRIVILEGE_LEVEL_CANNOT_BE_OBTAINED, FWR_BMC_PRIVILEGE, 0,
     "the user may not have this privilege level"},
    {IPMI_ERR_AUTHENTICATION_TYPE_UNAVAILABLE, FWR_BMC_NO_CIPHER_SUITE, 1,
     "does not allow this kind of authentication"},
    {IPMI_ERR_CIPHER_SUITE_ID_UNAVAILABLE, FWR_BMC_NO_CIPHER_SUITE, 1,
     "does not allow this cipher suite"},
    {IPMI_ERR_PASSWORD_VERIFICATION_TIMEOUT, FWR_BMC_AUTHENTICATION, 0,
     "no answer to the proof of the password; it may be wrong"},
    {IPMI_ERR_IPMI_2_0_UNAVAILABLE, FWR_BMC_NO_RESPONSE, 0,
     "something answers there, but it does not speak IPMI v2.0"},
    {IPMI_ERR_CONNECTION_TIMEOUT, FWR_BMC_NO_RESPONSE, 0, "no answer"},
    {IPMI_ERR_SESSION_TIMEOUT, FWR_BMC_SESSION_LOST, 1, "stopped answering"},
    {IPMI_ERR_MESSAGE_TIMEOUT, FWR_BMC_SESSION_LOST, 1, "stopped answering"},
    {IPMI_ERR_BAD_COMPLETION_CODE, FWR_BMC_REJECTED, 1, "refused"},
    /* Lack of resources and suites without a match have their own, so an algorithm it must be. */
    {IPMI_ERR_BAD_RMCPPLUS_STATUS_CODE, FWR_BMC_NO_CIPHER_SUITE, 1,
     "refused an algorithm of this cipher suite"},
    {IPMI_ERR_BMC_BUSY, FWR_BMC_SESSION_LIMIT, 1, "has no room for another session now"},
    {IPMI_ERR_DRIVER_BUSY, FWR_BMC_NO_DEVICE, 0,
     "the interface does not react; a libfreeipmi without port input and output cannot use a KCS"},
    {IPMI_ERR_DRIVER_TIMEOUT, FWR_BMC_NO_DEVICE, 0, "the interface does not react in time"},
    {IPMI_ERR_DEVICE_NOT_FOUND, FWR_BMC_NO_DEVICE, 0, "the device of the interface is missing"},
    {IPMI_ERR_OUT_OF_MEMORY, FWR_BMC_SYSTEM, 0, "no memory"},
    {IPMI_ERR_HOSTNAME_INVALID, FWR_BMC_BAD_HOST, 0, "no address is known for this name"},
    {IPMI_ERR_IPMI_ERROR, FWR_BMC_NO_RESPONSE, 0, "no usable answer"},
    {IPMI_ERR_SYSTEM_ERROR, FWR_BMC_SYSTEM, 0, "this system refused to send"},
};

static const struct FwrBmcCodeName kCodeNames[] = {
    {IPMI_COMP_CODE_NODE_BUSY, "busy"},
    {IPMI_COMP_CODE_INVALID_COMMAND, "the command is unknown"},
    {IPMI_COMP_CODE_COMMAND_TIMEOUT, "it got no answer in time"},
    {IPMI_COMP_CODE_REQUEST_DATA_LENGTH_INVALID, "wrong length"},
    {IPMI_COMP_CODE_REQUEST_DATA_LENGTH_LIMIT_EXCEEDED, "the request is too long"},
    {IPMI_COMP_CODE_PARAMETER_OUT_OF_RANGE, "out of range"},
    {IPMI_COMP_CODE_CANNOT_RETURN_REQUESTED_NUMBER_OF_BYTES, "the answer does not fit"},
    {IPMI_COMP_CODE_INVALID_DATA_FIELD_IN_REQUEST, "invalid field"},
    {IPMI_COMP_CODE_DESTINATION_UNAVAILABLE, "the destination is not there"},
    {IPMI_COMP_CODE_INSUFFICIENT_PRIVILEGE_LEVEL, "the command needs a higher privilege level"},
    {IPMI_COMP_CODE_UNSPECIFIED_ERROR, "unspecified error"},
};

int fwr_bmc_fail(struct FwrBmcError* error, enum FwrBmcErrorCode code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  error->code = (int)code;
  (void)vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return -1;
}

int fwr_bmc_fail_context(struct FwrBmcError* error, ipmi_ctx_t ctx, const char* peer,
                         const char* doing) {
  const int number = ipmi_ctx_errnum(ctx);
  for (size_t i = 0; i < LENGTH_OF(kMeanings); ++i) {
    const struct Meaning* meaning = &kMeanings[i];
    if (meaning->ipmi_errnum != number) continue;
    if (meaning->names_peer)
      return fwr_bmc_fail(error, meaning->code, "%s: the %s %s", doing, peer, meaning->text);
    return fwr_bmc_fail(error, meaning->code, "%s: %s", doing, meaning->text);
  }
  return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: %s", doing, ipmi_ctx_strerror(number));
}

static const char* name_of(uint8_t code, const struct FwrBmcCodeName* names) {
  for (; names != NULL && names->text != NULL; ++names)
    if (names->code == code) return names->text;
  for (size_t i = 0; i < LENGTH_OF(kCodeNames); ++i)
    if (kCodeNames[i].code == code) return kCodeNames[i].text;
  return NULL;
}

int fwr_bmc_fail_completion_code(struct FwrBmcError* error, uint8_t code,
                                 const struct FwrBmcCodeName* names, const char* peer,
                                 const char* doing) {
  error->completion_code = code;
  const enum FwrBmcErrorCode kind =
      code == IPMI_COMP_CODE_INSUFFICIENT_PRIVILEGE_LEVEL ? FWR_BMC_PRIVILEGE : FWR_BMC_REJECTED;
  const char* name = name_of(code, names);
  if (name != NULL)
    return fwr_bmc_fail(error, kind, "%s: refused by the %s: %s (%02Xh)", doing, peer, name,
                        (unsigned int)code);
  return fwr_bmc_fail(error, kind, "%s: refused by the %s with completion code %02Xh", doing, peer,
                      (unsigned int)code);
}

uint64_t fwr_bmc_number(fiid_obj_t response, const char* field) {
  uint64_t value = 0;
  (void)fiid_obj_get(response, field, &value);
  return value;
}

int fwr_bmc_longer_than(const char* string, size_t limit) {
  return string != NULL && strnlen(string, limit + 1) > limit;
}

static int check_timeouts(const struct FwrBmcAccess* access, struct FwrBmcError* error) {
  const unsigned int session =
      access->session_timeout != 0 ? access->session_timeout : IPMI_SESSION_TIMEOUT_DEFAULT;
  const unsigned int retransmission = access->retransmission_timeout != 0
                                          ? access->retransmission_timeout
                                          : IPMI_RETRANSMISSION_TIMEOUT_DEFAULT;
  if (retransmission < session) return 0;
  return fwr_bmc_fail(
      error, FWR_BMC_BAD_ARGUMENT,
      "the retransmission timeout (%u ms) is not shorter than the session timeout (%u ms)",
      retransmission, session);
}

int fwr_bmc_check_access(const struct FwrBmcAccess* access, const char* peer,
                         struct FwrBmcError* error) {
  if (access->host == NULL) return 0;
  if (access->host[0] == '\0')
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "no %s is named", peer);
  if (fwr_bmc_longer_than(access->user_name, FWR_BMC_USER_NAME_MAX))
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "a user name has at most %d bytes",
                        FWR_BMC_USER_NAME_MAX);
  if (fwr_bmc_longer_than(access->password, FWR_BMC_PASSWORD_MAX))
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "a password has at most %d bytes",
                        FWR_BMC_PASSWORD_MAX);
  if (access->k_g != NULL && access->k_g_length > FWR_BMC_K_G_MAX)
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "K_g has at most %d bytes", FWR_BMC_K_G_MAX);
  if (access->cipher_suite_id != 17 && access->cipher_suite_id != 3)
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "cipher suite %u is neither 17 nor 3",
                        (unsigned int)access->cipher_suite_id);
  if (access->privilege_level < IPMI_PRIVILEGE_LEVEL_USER ||
      access->privilege_level > IPMI_PRIVILEGE_LEVEL_ADMIN)
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "privilege level %u is unknown",
                        (unsigned int)access->privilege_level);
  return check_timeouts(access, error);
}

static int open_session(ipmi_ctx_t ctx, const struct FwrBmcAccess* access, const char* peer,
                        struct FwrBmcError* error) {
  /* libfreeipmi reads 20 bytes of K_g whatever the length is. */
  unsigned char k_g[FWR_BMC_K_G_MAX] = {0};
  if (access->k_g != NULL) memcpy(k_g, access->k_g, access->k_g_length);
  const int has_k_g = access->k_g != NULL && access->k_g_length != 0;
  const int opened = ipmi_ctx_open_outofband_2_0(
      ctx, access->host, access->user_name, access->password, has_k_g ? k_g : NULL,
      has_k_g ? sizeof k_g : 0, access->privilege_level, access->cipher_suite_id,
      access->session_timeout, access->retransmission_timeout, access->workaround_flags,
      IPMI_FLAGS_DEFAULT);
  explicit_bzero(k_g, sizeof k_g);
  if (opened == 0) return 0;
  if (ipmi_ctx_errnum(ctx) == IPMI_ERR_PARAMETERS)
    return fwr_bmc_fail(error, FWR_BMC_BAD_HOST, "\"%.100s\" is no host or host:port",
                        access->host);
  return fwr_bmc_fail_context(error, ctx, peer, "opening a session");
}

/* Whether the firmware of this system names such an interface to its controller. */
static int is_located(ipmi_interface_type_t type) {
  ipmi_locate_ctx_t locate = ipmi_locate_ctx_create();
  if (locate == NULL) return 0;
  struct ipmi_locate_info info;
  const int found = ipmi_locate_discover_device_info(locate, type, &info) == 0;
  ipmi_locate_ctx_destroy(locate);
  return found;
}

static int open_driver(ipmi_ctx_t ctx, ipmi_driver_type_t driver) {
  return ipmi_ctx_open_inband(ctx, driver, 0, 0, 0, NULL, 0, IPMI_FLAGS_DEFAULT);
}

/* Not by ipmi_ctx_find_inband(), which takes a KCS for granted where nothing is found. */
static int open_inband(ipmi_ctx_t ctx, const char* peer, struct FwrBmcError* error) {
  static const char kDoing[] = "opening the system interface";
  if (geteuid() != 0)
    return fwr_bmc_fail(error, FWR_BMC_NO_PERMISSION, "%s: only root may do that", kDoing);
  /* It carries no Send Message and no Get Message of programs, and takes the answers itself. */
  if (open_driver(ctx, IPMI_DEVICE_OPENIPMI) == 0) {
    (void)ipmi_ctx_close(ctx);
    return fwr_bmc_fail(error, FWR_BMC_NO_DEVICE,
                        "%s: the driver of the kernel bridges nothing for others: "
                        "unload ipmi_si and ipmi_ssif",
                        kDoing);
  }
  ipmi_driver_type_t driver = IPMI_DEVICE_UNKNOWN;
  if (is_located(IPMI_INTERFACE_KCS))
    driver = IPMI_DEVICE_KCS;
  else if (is_located(IPMI_INTERFACE_SSIF))
    driver = IPMI_DEVICE_SSIF;
  else
    return fwr_bmc_fail(error, FWR_BMC_NO_DEVICE, "this system has no KCS or SSIF to a %s", peer);
  if (open_driver(ctx, driver) == 0) return 0;
  return fwr_bmc_fail_context(error, ctx, peer, kDoing);
}

int fwr_bmc_open(ipmi_ctx_t ctx, const struct FwrBmcAccess* access, const char* peer,
                 struct FwrBmcError* error) {
  if (access->host == NULL) return open_inband(ctx, peer, error);
  return open_session(ctx, access, peer, error);
}
