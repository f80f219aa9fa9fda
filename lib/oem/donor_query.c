/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One question-and-answer session with a donor over libfreeipmi. PROTOCOL §5.1, §5.2, §5.8. */
#include "oem/donor_query.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "oem/ipmi-oem-fwrecover.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What an ipmi_errnum of libfreeipmi means to somebody who looks after donors. */
struct Meaning {
  int ipmi_errnum;
  enum FwrDonorErrorCode code;
  const char* text;
};

static const struct Meaning kMeanings[] = {
    {IPMI_ERR_PERMISSION, FWR_DONOR_SYSTEM, "permission denied by this system"},
    {IPMI_ERR_USERNAME_INVALID, FWR_DONOR_AUTHENTICATION, "the donor has no such user"},
    {IPMI_ERR_PASSWORD_INVALID, FWR_DONOR_AUTHENTICATION, "wrong password or K_g"},
    {IPMI_ERR_K_G_INVALID, FWR_DONOR_AUTHENTICATION, "wrong K_g"},
    {IPMI_ERR_PRIVILEGE_LEVEL_INSUFFICIENT, FWR_DONOR_PRIVILEGE,
     "the command needs a higher privilege level"},
    {IPMI_ERR_PRIVILEGE_LEVEL_CANNOT_BE_OBTAINED, FWR_DONOR_PRIVILEGE,
     "the user may not have this privilege level"},
    {IPMI_ERR_AUTHENTICATION_TYPE_UNAVAILABLE, FWR_DONOR_NO_CIPHER_SUITE,
     "the donor does not allow this kind of authentication"},
    {IPMI_ERR_CIPHER_SUITE_ID_UNAVAILABLE, FWR_DONOR_NO_CIPHER_SUITE,
     "the donor does not allow this cipher suite"},
    {IPMI_ERR_PASSWORD_VERIFICATION_TIMEOUT, FWR_DONOR_AUTHENTICATION,
     "no answer to the proof of the password; it may be wrong"},
    {IPMI_ERR_IPMI_2_0_UNAVAILABLE, FWR_DONOR_NO_RESPONSE,
     "something answers there, but it does not speak IPMI v2.0"},
    {IPMI_ERR_CONNECTION_TIMEOUT, FWR_DONOR_NO_RESPONSE, "no answer"},
    {IPMI_ERR_SESSION_TIMEOUT, FWR_DONOR_SESSION_LOST, "the donor stopped answering"},
    {IPMI_ERR_MESSAGE_TIMEOUT, FWR_DONOR_SESSION_LOST, "the donor stopped answering"},
    {IPMI_ERR_BAD_COMPLETION_CODE, FWR_DONOR_REJECTED, "refused by the donor"},
    /* Lack of resources and suites without a match have their own, so an algorithm it must be. */
    {IPMI_ERR_BAD_RMCPPLUS_STATUS_CODE, FWR_DONOR_NO_CIPHER_SUITE,
     "the donor refused an algorithm of this cipher suite"},
    {IPMI_ERR_BMC_BUSY, FWR_DONOR_SESSION_LIMIT, "the donor has no room for another session now"},
    {IPMI_ERR_OUT_OF_MEMORY, FWR_DONOR_SYSTEM, "no memory"},
    {IPMI_ERR_HOSTNAME_INVALID, FWR_DONOR_BAD_HOST, "no address is known for this name"},
    {IPMI_ERR_IPMI_ERROR, FWR_DONOR_NO_RESPONSE, "no usable answer"},
    {IPMI_ERR_SYSTEM_ERROR, FWR_DONOR_SYSTEM, "this system refused to send"},
};

/* The name that a completion code has in PROTOCOL §3.1, or in the IPMI specification. */
struct CodeName {
  uint8_t code;
  const char* text;
};

static const struct CodeName kCodeNames[] = {
    {IPMI_COMP_CODE_OEM_FWRECOVER_NO_COMPATIBLE_IMAGE, "no compatible image"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_OFFER_EXPIRED, "offer expired"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_UNKNOWN_IMAGE, "unknown image"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_BUSY, "busy"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_LEASE_ENDED, "lease ended"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_VERSION_UNSUPPORTED, "protocol version not supported"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_IMAGE_UNREADABLE, "image unreadable"},
    {IPMI_COMP_CODE_INVALID_COMMAND,
     "the command is unknown: this is no donor, or it has another IANA number"},
    {IPMI_COMP_CODE_REQUEST_DATA_LENGTH_INVALID, "wrong length"},
    {IPMI_COMP_CODE_PARAMETER_OUT_OF_RANGE, "out of range"},
    {IPMI_COMP_CODE_INVALID_DATA_FIELD_IN_REQUEST, "invalid field"},
    {IPMI_COMP_CODE_INSUFFICIENT_PRIVILEGE_LEVEL, "the command needs a higher privilege level"},
    {IPMI_COMP_CODE_UNSPECIFIED_ERROR, "unspecified error"},
};

__attribute__((format(printf, 3, 4))) static int fail(struct FwrDonorError* error,
                                                      enum FwrDonorErrorCode code,
                                                      const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  error->code = (int)code;
  (void)vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return -1;
}

static int fail_context(struct FwrDonorError* error, ipmi_ctx_t ctx, const char* doing) {
  const int number = ipmi_ctx_errnum(ctx);
  for (size_t i = 0; i < LENGTH_OF(kMeanings); ++i)
    if (kMeanings[i].ipmi_errnum == number)
      return fail(error, kMeanings[i].code, "%s: %s", doing, kMeanings[i].text);
  return fail(error, FWR_DONOR_SYSTEM, "%s: %s", doing, ipmi_ctx_strerror(number));
}

static int fail_completion_code(struct FwrDonorError* error, fiid_obj_t response,
                                const char* doing) {
  uint64_t code = 0;
  (void)fiid_obj_get(response, "comp_code", &code);
  error->completion_code = (uint8_t)code;
  const enum FwrDonorErrorCode kind = code == IPMI_COMP_CODE_INSUFFICIENT_PRIVILEGE_LEVEL
                                          ? FWR_DONOR_PRIVILEGE
                                          : FWR_DONOR_REJECTED;
  for (size_t i = 0; i < LENGTH_OF(kCodeNames); ++i)
    if (kCodeNames[i].code == code)
      return fail(error, kind, "%s: refused by the donor: %s (%02Xh)", doing, kCodeNames[i].text,
                  (unsigned int)code);
  return fail(error, kind, "%s: refused by the donor with completion code %02Xh", doing,
              (unsigned int)code);
}

/* After an ipmi_cmd_oem_fwrecover_* function gave -1; errno is what it left. */
static int fail_command(struct FwrDonorError* error, ipmi_ctx_t ctx, fiid_obj_t response,
                        int command_errno, const char* doing) {
  switch (command_errno) {
    case EIO: return fail_context(error, ctx, doing);
    case EREMOTEIO: return fail_completion_code(error, response, doing);
    case EPROTO:
      return fail(error, FWR_DONOR_MALFORMED,
                  "%s: the answer is too short, or of another IANA number", doing);
    case ENOMEM: return fail(error, FWR_DONOR_SYSTEM, "%s: no memory", doing);
    default: return fail(error, FWR_DONOR_BAD_ARGUMENT, "%s: bad argument", doing);
  }
}

/* Only for fields that a valid response has: 0 otherwise. */
static uint64_t number(fiid_obj_t response, const char* field) {
  uint64_t value = 0;
  (void)fiid_obj_get(response, field, &value);
  return value;
}

static void bytes(fiid_obj_t response, const char* field, unsigned char* out, size_t length) {
  memset(out, 0, length);
  (void)fiid_obj_get_data(response, field, out, (unsigned int)length);
}

/* `out` has one byte more than the field. Somebody will print it. */
static void text(fiid_obj_t response, const char* field, char* out, size_t size) {
  memset(out, 0, size);
  (void)fiid_obj_get_data(response, field, out, (unsigned int)(size - 1));
  for (char* c = out; *c != '\0'; ++c)
    if (*c < ' ' || *c > '~') *c = '?';
}

static int ask_capabilities(ipmi_ctx_t ctx, uint32_t iana, struct FwrDonorCapabilities* out,
                            struct FwrDonorError* error) {
  static const char kDoing[] = "Get Recovery Capabilities";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rs);
  if (rs == NULL) return fail(error, FWR_DONOR_SYSTEM, "%s: no memory", kDoing);
  int result = ipmi_cmd_oem_fwrecover_get_recovery_capabilities(
      ctx, iana, IPMI_OEM_FWRECOVER_PROTOCOL_VERSION, rs);
  if (result < 0) {
    result = fail_command(error, ctx, rs, errno, kDoing);
  } else {
    out->version = (uint8_t)number(rs, "version");
    out->oldest_version = (uint8_t)number(rs, "oldest_version");
    out->role = (uint8_t)number(rs, "role");
    out->media = (uint8_t)number(rs, "media");
    out->read_limit = (uint16_t)number(rs, "read_limit");
    out->segment_limit = (uint16_t)number(rs, "segment_limit");
    out->credit_limit = (uint32_t)number(rs, "credit_limit");
    out->lease_limit = (uint8_t)number(rs, "lease_limit");
  }
  fiid_obj_destroy(rs);
  return result;
}

static int ask_status(ipmi_ctx_t ctx, uint32_t iana, struct FwrDonorStatus* out,
                      struct FwrDonorError* error) {
  static const char kDoing[] = "Get Donor Status";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_oem_fwrecover_get_donor_status_rs);
  if (rs == NULL) return fail(error, FWR_DONOR_SYSTEM, "%s: no memory", kDoing);
  int result = ipmi_cmd_oem_fwrecover_get_donor_status(ctx, iana, rs);
  if (result < 0) {
    result = fail_command(error, ctx, rs, errno, kDoing);
  } else {
    out->role = (uint8_t)number(rs, "role");
    out->load = (uint8_t)number(rs, "load");
    bytes(rs, "donor_guid", out->guid, sizeof out->guid);
    out->images = (uint16_t)number(rs, "images");
    out->leases = (uint8_t)number(rs, "leases");
    out->lease_limit = (uint8_t)number(rs, "lease_limit");
    out->uptime = (uint32_t)number(rs, "uptime");
    out->recovered = (uint32_t)number(rs, "recovered");
    out->failed = (uint32_t)number(rs, "failed");
    out->bytes_served = number(rs, "bytes_served");
    text(rs, "name", out->name, sizeof out->name);
  }
  fiid_obj_destroy(rs);
  return result;
}

static void take_offer(fiid_obj_t rs, struct FwrDonorOffer* out) {
  out->version = (uint8_t)number(rs, "version");
  out->role = (uint8_t)number(rs, "role");
  out->media = (uint8_t)number(rs, "media");
  out->load = (uint8_t)number(rs, "load");
  bytes(rs, "donor_guid", out->guid, sizeof out->guid);
  bytes(rs, "digest", out->digest, sizeof out->digest);
  out->security_version = (uint32_t)number(rs, "security_version");
  out->size = number(rs, "size");
  out->hold = (uint16_t)number(rs, "hold");
  bytes(rs, "token", out->token, sizeof out->token);
  text(rs, "image_version", out->image_version, sizeof out->image_version);
  text(rs, "component", out->component, sizeof out->component);
}

static int ask_offer(ipmi_ctx_t ctx, uint32_t iana, const struct FwrDonorPlatform* platform,
                     struct FwrDonorAnswer* answer, struct FwrDonorError* error) {
  static const char kDoing[] = "Request Firmware";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_oem_fwrecover_request_firmware_rs);
  if (rs == NULL) return fail(error, FWR_DONOR_SYSTEM, "%s: no memory", kDoing);
  int result = ipmi_cmd_oem_fwrecover_request_firmware(
      ctx, iana, IPMI_OEM_FWRECOVER_PROTOCOL_VERSION, 0, platform->nonce, platform->manufacturer_id,
      platform->product_id, platform->device_id, platform->hardware_revision, platform->component,
      rs);
  if (result == 0) {
    unsigned char nonce[IPMI_OEM_FWRECOVER_NONCE_LENGTH];
    bytes(rs, "nonce", nonce, sizeof nonce);
    if (memcmp(nonce, platform->nonce, sizeof nonce) != 0)
      result = fail(error, FWR_DONOR_MALFORMED, "%s: the offer is for another request", kDoing);
    else
      take_offer(rs, &answer->offer);
  } else if (errno == EREMOTEIO &&
             number(rs, "comp_code") == IPMI_COMP_CODE_OEM_FWRECOVER_NO_COMPATIBLE_IMAGE) {
    answer->offer_code = IPMI_COMP_CODE_OEM_FWRECOVER_NO_COMPATIBLE_IMAGE;
    result = 0;
  } else {
    result = fail_command(error, ctx, rs, errno, kDoing);
  }
  fiid_obj_destroy(rs);
  return result;
}

static int longer_than(const char* string, size_t limit) {
  return string != NULL && strnlen(string, limit + 1) > limit;
}

static int check_arguments(const struct FwrDonorAccess* access,
                           const struct FwrDonorPlatform* platform, struct FwrDonorError* error) {
  if (access->host == NULL || access->host[0] == '\0')
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "no donor is named");
  if (longer_than(access->user_name, FWR_DONOR_QUERY_USER_NAME_MAX))
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "a user name has at most %d bytes",
                FWR_DONOR_QUERY_USER_NAME_MAX);
  if (longer_than(access->password, FWR_DONOR_QUERY_PASSWORD_MAX))
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "a password has at most %d bytes",
                FWR_DONOR_QUERY_PASSWORD_MAX);
  if (access->k_g != NULL && access->k_g_length > FWR_DONOR_QUERY_K_G_MAX)
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "K_g has at most %d bytes", FWR_DONOR_QUERY_K_G_MAX);
  if (access->cipher_suite_id != 17 && access->cipher_suite_id != 3)
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "cipher suite %u is neither 17 nor 3",
                (unsigned int)access->cipher_suite_id);
  if (access->privilege_level < IPMI_PRIVILEGE_LEVEL_USER ||
      access->privilege_level > IPMI_PRIVILEGE_LEVEL_ADMIN)
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "privilege level %u is unknown",
                (unsigned int)access->privilege_level);
  const unsigned int session =
      access->session_timeout != 0 ? access->session_timeout : IPMI_SESSION_TIMEOUT_DEFAULT;
  const unsigned int retransmission = access->retransmission_timeout != 0
                                          ? access->retransmission_timeout
                                          : IPMI_RETRANSMISSION_TIMEOUT_DEFAULT;
  if (retransmission >= session)
    return fail(
        error, FWR_DONOR_BAD_ARGUMENT,
        "the retransmission timeout (%u ms) is not shorter than the session timeout (%u ms)",
        retransmission, session);
  if (access->iana > IPMI_OEM_FWRECOVER_IANA_MAX)
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "IANA number %u has more than 24 bits",
                (unsigned int)access->iana);
  if (platform != NULL && (platform->component == NULL || platform->component[0] == '\0' ||
                           longer_than(platform->component, 15)))
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "a component has 1 to 15 characters");
  if (platform != NULL && platform->manufacturer_id > 0xFFFFFF)
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "manufacturer id %u has more than 24 bits",
                (unsigned int)platform->manufacturer_id);
  return 0;
}

static int open_session(ipmi_ctx_t ctx, const struct FwrDonorAccess* access,
                        struct FwrDonorError* error) {
  /* libfreeipmi reads 20 bytes of K_g whatever the length is. */
  unsigned char k_g[FWR_DONOR_QUERY_K_G_MAX] = {0};
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
    return fail(error, FWR_DONOR_BAD_HOST, "\"%.100s\" is no host or host:port", access->host);
  return fail_context(error, ctx, "opening a session");
}

int fwr_donor_query(const struct FwrDonorAccess* access, const struct FwrDonorPlatform* platform,
                    struct FwrDonorAnswer* answer, struct FwrDonorError* error) {
  struct FwrDonorError unwanted;
  if (error == NULL) error = &unwanted;
  memset(error, 0, sizeof *error);
  if (access == NULL || answer == NULL)
    return fail(error, FWR_DONOR_BAD_ARGUMENT, "nothing to ask with");
  memset(answer, 0, sizeof *answer);
  if (check_arguments(access, platform, error) < 0) return -1;

  ipmi_ctx_t ctx = ipmi_ctx_create();
  if (ctx == NULL) return fail(error, FWR_DONOR_SYSTEM, "no memory");
  int result = open_session(ctx, access, error);
  if (result == 0) {
    result = ask_capabilities(ctx, access->iana, &answer->capabilities, error);
    if (result == 0) result = ask_status(ctx, access->iana, &answer->status, error);
    if (result == 0 && platform != NULL)
      result = ask_offer(ctx, access->iana, platform, answer, error);
    (void)ipmi_ctx_close(ctx); /* best effort: the donor closes an idle session by itself */
  }
  ipmi_ctx_destroy(ctx);
  return result;
}
