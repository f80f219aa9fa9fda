/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One question-and-answer session with a donor over libfreeipmi. PROTOCOL §5.1, §5.2, §5.8. */
#include "oem/donor_query.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "config.h"
#include "oem/bmc_access.h"
#include "oem/ipmi-oem-fwrecover.h"

_Static_assert((int)FWR_DONOR_SYSTEM == (int)FWR_BMC_SYSTEM &&
                   (int)FWR_DONOR_BAD_ARGUMENT == (int)FWR_BMC_BAD_ARGUMENT,
               "the codes are the same");

static const char kPeer[] = "donor";

/* What a zero in struct FwrDonorAccess stands for. */
enum { kSessionTimeout_ms = 3000 };

/* The names of PROTOCOL §3.1. */
static const struct FwrBmcCodeName kCodeNames[] = {
    {IPMI_COMP_CODE_OEM_FWRECOVER_NO_COMPATIBLE_IMAGE, "no compatible image"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_OFFER_EXPIRED, "offer expired"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_UNKNOWN_IMAGE, "unknown image"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_BUSY, "busy"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_LEASE_ENDED, "lease ended"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_VERSION_UNSUPPORTED, "protocol version not supported"},
    {IPMI_COMP_CODE_OEM_FWRECOVER_IMAGE_UNREADABLE, "image unreadable"},
    {IPMI_COMP_CODE_INVALID_COMMAND,
     "the command is unknown: this is no donor, or it has another IANA number"},
    {0, NULL},
};

/* After an ipmi_cmd_oem_fwrecover_* function gave -1; errno is what it left. */
static int fail_command(struct FwrBmcError* error, ipmi_ctx_t ctx, fiid_obj_t response,
                        int command_errno, const char* doing) {
  switch (command_errno) {
    case EIO: return fwr_bmc_fail_context(error, ctx, kPeer, doing);
    case EREMOTEIO:
      return fwr_bmc_fail_completion_code(error, (uint8_t)fwr_bmc_number(response, "comp_code"),
                                          kCodeNames, kPeer, doing);
    case EPROTO:
      return fwr_bmc_fail(error, FWR_BMC_MALFORMED,
                          "%s: the answer is too short, or of another IANA number", doing);
    case ENOMEM: return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: no memory", doing);
    default: return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "%s: bad argument", doing);
  }
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
                            struct FwrBmcError* error) {
  static const char kDoing[] = "Get Recovery Capabilities";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rs);
  if (rs == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: no memory", kDoing);
  int result = ipmi_cmd_oem_fwrecover_get_recovery_capabilities(
      ctx, iana, IPMI_OEM_FWRECOVER_PROTOCOL_VERSION, rs);
  if (result < 0) {
    result = fail_command(error, ctx, rs, errno, kDoing);
  } else {
    out->version = (uint8_t)fwr_bmc_number(rs, "version");
    out->oldest_version = (uint8_t)fwr_bmc_number(rs, "oldest_version");
    out->role = (uint8_t)fwr_bmc_number(rs, "role");
    out->media = (uint8_t)fwr_bmc_number(rs, "media");
    out->read_limit = (uint16_t)fwr_bmc_number(rs, "read_limit");
    out->segment_limit = (uint16_t)fwr_bmc_number(rs, "segment_limit");
    out->credit_limit = (uint32_t)fwr_bmc_number(rs, "credit_limit");
    out->lease_limit = (uint8_t)fwr_bmc_number(rs, "lease_limit");
  }
  fiid_obj_destroy(rs);
  return result;
}

static int ask_status(ipmi_ctx_t ctx, uint32_t iana, struct FwrDonorStatus* out,
                      struct FwrBmcError* error) {
  static const char kDoing[] = "Get Donor Status";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_oem_fwrecover_get_donor_status_rs);
  if (rs == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: no memory", kDoing);
  int result = ipmi_cmd_oem_fwrecover_get_donor_status(ctx, iana, rs);
  if (result < 0) {
    result = fail_command(error, ctx, rs, errno, kDoing);
  } else {
    out->role = (uint8_t)fwr_bmc_number(rs, "role");
    out->load = (uint8_t)fwr_bmc_number(rs, "load");
    bytes(rs, "donor_guid", out->guid, sizeof out->guid);
    out->images = (uint16_t)fwr_bmc_number(rs, "images");
    out->leases = (uint8_t)fwr_bmc_number(rs, "leases");
    out->lease_limit = (uint8_t)fwr_bmc_number(rs, "lease_limit");
    out->uptime = (uint32_t)fwr_bmc_number(rs, "uptime");
    out->recovered = (uint32_t)fwr_bmc_number(rs, "recovered");
    out->failed = (uint32_t)fwr_bmc_number(rs, "failed");
    out->bytes_served = fwr_bmc_number(rs, "bytes_served");
    text(rs, "name", out->name, sizeof out->name);
  }
  fiid_obj_destroy(rs);
  return result;
}

static void take_offer(fiid_obj_t rs, struct FwrDonorOffer* out) {
  out->version = (uint8_t)fwr_bmc_number(rs, "version");
  out->role = (uint8_t)fwr_bmc_number(rs, "role");
  out->media = (uint8_t)fwr_bmc_number(rs, "media");
  out->load = (uint8_t)fwr_bmc_number(rs, "load");
  bytes(rs, "donor_guid", out->guid, sizeof out->guid);
  bytes(rs, "digest", out->digest, sizeof out->digest);
  out->security_version = (uint32_t)fwr_bmc_number(rs, "security_version");
  out->size = fwr_bmc_number(rs, "size");
  out->hold = (uint16_t)fwr_bmc_number(rs, "hold");
  bytes(rs, "token", out->token, sizeof out->token);
  text(rs, "image_version", out->image_version, sizeof out->image_version);
  text(rs, "component", out->component, sizeof out->component);
}

static int ask_offer(ipmi_ctx_t ctx, uint32_t iana, const struct FwrDonorPlatform* platform,
                     struct FwrDonorAnswer* answer, struct FwrBmcError* error) {
  static const char kDoing[] = "Request Firmware";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_oem_fwrecover_request_firmware_rs);
  if (rs == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: no memory", kDoing);
  int result = ipmi_cmd_oem_fwrecover_request_firmware(
      ctx, iana, IPMI_OEM_FWRECOVER_PROTOCOL_VERSION, 0, platform->nonce, platform->manufacturer_id,
      platform->product_id, platform->device_id, platform->hardware_revision, platform->component,
      rs);
  if (result == 0) {
    unsigned char nonce[IPMI_OEM_FWRECOVER_NONCE_LENGTH];
    bytes(rs, "nonce", nonce, sizeof nonce);
    if (memcmp(nonce, platform->nonce, sizeof nonce) != 0)
      result =
          fwr_bmc_fail(error, FWR_BMC_MALFORMED, "%s: the offer is for another request", kDoing);
    else
      take_offer(rs, &answer->offer);
  } else if (errno == EREMOTEIO &&
             fwr_bmc_number(rs, "comp_code") == IPMI_COMP_CODE_OEM_FWRECOVER_NO_COMPATIBLE_IMAGE) {
    answer->offer_code = IPMI_COMP_CODE_OEM_FWRECOVER_NO_COMPATIBLE_IMAGE;
    result = 0;
  } else {
    result = fail_command(error, ctx, rs, errno, kDoing);
  }
  fiid_obj_destroy(rs);
  return result;
}

static int check_arguments(const struct FwrDonorAccess* access,
                           const struct FwrDonorPlatform* platform, struct FwrBmcError* error) {
  if (access->iana > IPMI_OEM_FWRECOVER_IANA_MAX)
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "IANA number %u has more than 24 bits",
                        (unsigned int)access->iana);
  if (platform != NULL && (platform->component == NULL || platform->component[0] == '\0' ||
                           fwr_bmc_longer_than(platform->component, 15)))
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "a component has 1 to 15 characters");
  if (platform != NULL && platform->manufacturer_id > 0xFFFFFF)
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "manufacturer id %u has more than 24 bits",
                        (unsigned int)platform->manufacturer_id);
  return 0;
}

static int query(const struct FwrBmcAccess* bmc, uint32_t iana,
                 const struct FwrDonorPlatform* platform, struct FwrDonorAnswer* answer,
                 struct FwrBmcError* error) {
  ipmi_ctx_t ctx = ipmi_ctx_create();
  if (ctx == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "no memory");
  int result = fwr_bmc_open(ctx, bmc, kPeer, error);
  if (result == 0) {
    result = ask_capabilities(ctx, iana, &answer->capabilities, error);
    if (result == 0) result = ask_status(ctx, iana, &answer->status, error);
    if (result == 0 && platform != NULL) result = ask_offer(ctx, iana, platform, answer, error);
    (void)ipmi_ctx_close(ctx); /* best effort: the donor closes an idle session by itself */
  }
  ipmi_ctx_destroy(ctx);
  return result;
}

/* Whether the caller's struct has all that the first version had, which is what we know; a later
 * version of ours will accept this size, too. */
static int has_size(uint32_t size, size_t least, const char* what, struct FwrBmcError* error) {
  if (size >= least) return 0;
  return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT,
                      "the size of struct %s is %u: set it to its sizeof", what,
                      (unsigned int)size);
}

/* `theirs` gets what both know; what is behind it is zero. `size` stays. */
static void give(void* theirs, uint32_t their_size, const void* ours, size_t our_size) {
  memset((unsigned char*)theirs + sizeof(uint32_t), 0, their_size - sizeof(uint32_t));
  memcpy((unsigned char*)theirs + sizeof(uint32_t), (const unsigned char*)ours + sizeof(uint32_t),
         (their_size < our_size ? their_size : our_size) - sizeof(uint32_t));
}

/* What the caller gave, with the defaults in place of zeros. */
static int take_access(const struct FwrDonorAccess* given, struct FwrDonorAccess* access,
                       struct FwrBmcAccess* bmc, struct FwrBmcError* error) {
  if (has_size(given->size, sizeof *given, "FwrDonorAccess", error) < 0) return -1;
  *access = *given;
  if (access->privilege_level == 0) access->privilege_level = FWR_DONOR_PRIVILEGE_USER;
  if (access->session_timeout == 0) access->session_timeout = kSessionTimeout_ms;
  if (access->iana == 0) access->iana = FWR_IANA_PEN;
  *bmc = (struct FwrBmcAccess){
      .host = access->host != NULL ? access->host : "", /* never in-band */
      .user_name = access->user_name,
      .password = access->password,
      .k_g = access->k_g,
      .k_g_length = access->k_g_length,
      .privilege_level = access->privilege_level,
      .cipher_suite_id = access->cipher_suite_id,
      .session_timeout = access->session_timeout,
      .retransmission_timeout = access->retransmission_timeout,
      .workaround_flags = access->workaround_flags,
  };
  return 0;
}

static int check_and_query(const struct FwrDonorAccess* access_given,
                           const struct FwrDonorPlatform* platform,
                           struct FwrDonorAnswer* answer_given, struct FwrBmcError* error) {
  struct FwrDonorAnswer answer = {0};
  struct FwrDonorAccess access;
  struct FwrBmcAccess bmc;
  if (access_given == NULL || answer_given == NULL)
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "nothing to ask with");
  if (take_access(access_given, &access, &bmc, error) < 0 ||
      has_size(answer_given->size, sizeof *answer_given, "FwrDonorAnswer", error) < 0)
    return -1;
  give(answer_given, answer_given->size, &answer, sizeof answer);
  if (platform != NULL && has_size(platform->size, sizeof *platform, "FwrDonorPlatform", error) < 0)
    return -1;
  if (fwr_bmc_check_access(&bmc, kPeer, error) < 0) return -1;
  if (check_arguments(&access, platform, error) < 0) return -1;
  const int result = query(&bmc, access.iana, platform, &answer, error);
  give(answer_given, answer_given->size, &answer, sizeof answer);
  return result;
}

static int give_error(int result, const struct FwrBmcError* found, struct FwrDonorError* error) {
  if (error == NULL) return result;
  struct FwrDonorError told = {0};
  told.code = found->code;
  told.completion_code = found->completion_code;
  memcpy(told.text, found->text, sizeof told.text);
  give(error, error->size, &told, sizeof told);
  return result;
}

int fwr_donor_query(const struct FwrDonorAccess* access, const struct FwrDonorPlatform* platform,
                    struct FwrDonorAnswer* answer, struct FwrDonorError* error) {
  struct FwrBmcError found = {0};
  /* Without its size nothing can be said there. */
  if (error != NULL && error->size < sizeof *error) return -1;
  const int result = check_and_query(access, platform, answer, &found);
  return give_error(result, &found, error);
}

/* --- the images ------------------------------------------------------------------------------ */

enum { MANIFEST_MAX = 16384 }; /* bytes, PROTOCOL §5.3 */

/* Returns 1 when there is an image, 0 when there is none behind `after`, -1 with *error. */
static int next_image(ipmi_ctx_t ctx, uint32_t iana, const unsigned char* after,
                      struct FwrDonorImage* out, struct FwrBmcError* error) {
  static const char kDoing[] = "List Images";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_oem_fwrecover_list_images_rs);
  if (rs == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: no memory", kDoing);
  int result = ipmi_cmd_oem_fwrecover_list_images(ctx, iana, after, rs);
  if (result == 0) {
    bytes(rs, "digest", out->digest, sizeof out->digest);
    out->flags = (uint8_t)fwr_bmc_number(rs, "flags");
    result = 1;
    /* The order is what ends the listing. */
    if (memcmp(out->digest, after, sizeof out->digest) <= 0)
      result = fwr_bmc_fail(error, FWR_BMC_MALFORMED, "%s: an image that comes before", kDoing);
  } else if (errno == EREMOTEIO &&
             fwr_bmc_number(rs, "comp_code") == IPMI_COMP_CODE_OEM_FWRECOVER_UNKNOWN_IMAGE) {
    result = 0;
  } else {
    result = fail_command(error, ctx, rs, errno, kDoing);
  }
  fiid_obj_destroy(rs);
  return result;
}

/* `manifest` has one byte more than a manifest may have. */
static int read_manifest(ipmi_ctx_t ctx, uint32_t iana, struct FwrDonorImage* image, char* manifest,
                         struct FwrBmcError* error) {
  static const char kDoing[] = "Get Manifest";
  fiid_obj_t rs = fiid_obj_create(tmpl_cmd_oem_fwrecover_get_manifest_rs);
  if (rs == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "%s: no memory", kDoing);
  unsigned int have = 0;
  uint64_t total = 1;
  int result = 0;
  while (result == 0 && have < total) {
    if (ipmi_cmd_oem_fwrecover_get_manifest(ctx, iana, image->digest,
                                            IPMI_OEM_FWRECOVER_PART_MANIFEST, (uint16_t)have,
                                            IPMI_OEM_FWRECOVER_READ_MAX, rs) < 0) {
      result = fail_command(error, ctx, rs, errno, kDoing);
      break;
    }
    total = fwr_bmc_number(rs, "total");
    unsigned char piece[IPMI_OEM_FWRECOVER_READ_MAX];
    const int length = fiid_obj_get_data(rs, "data", piece, sizeof piece);
    if (total > MANIFEST_MAX || length <= 0 || have + (unsigned int)length > total) {
      result = fwr_bmc_fail(error, FWR_BMC_MALFORMED, "%s: not as long as the donor says", kDoing);
      break;
    }
    memcpy(manifest + have, piece, (size_t)length);
    have += (unsigned int)length;
  }
  manifest[have] = '\0';
  image->manifest = manifest;
  image->manifest_length = have;
  fiid_obj_destroy(rs);
  return result;
}

static int list_images(ipmi_ctx_t ctx, uint32_t iana,
                       int (*take)(const struct FwrDonorImage* image, void* context), void* context,
                       struct FwrBmcError* error) {
  char manifest[MANIFEST_MAX + 1];
  unsigned char after[IPMI_OEM_FWRECOVER_DIGEST_LENGTH] = {0};
  for (int i = 0; i < FWR_DONOR_IMAGES_MAX; ++i) {
    struct FwrDonorImage image = {sizeof image, {0}, 0, NULL, 0};
    const int found = next_image(ctx, iana, after, &image, error);
    if (found <= 0) return found;
    if (read_manifest(ctx, iana, &image, manifest, error) < 0) return -1;
    if (take(&image, context) != 0) return 0;
    memcpy(after, image.digest, sizeof after);
  }
  return 0;
}

static int check_and_list(const struct FwrDonorAccess* given,
                          int (*take)(const struct FwrDonorImage* image, void* context),
                          void* context, struct FwrBmcError* error) {
  struct FwrDonorAccess access;
  struct FwrBmcAccess bmc;
  if (given == NULL || take == NULL)
    return fwr_bmc_fail(error, FWR_BMC_BAD_ARGUMENT, "nothing to ask with");
  if (take_access(given, &access, &bmc, error) < 0 ||
      fwr_bmc_check_access(&bmc, kPeer, error) < 0 || check_arguments(&access, NULL, error) < 0)
    return -1;
  ipmi_ctx_t ctx = ipmi_ctx_create();
  if (ctx == NULL) return fwr_bmc_fail(error, FWR_BMC_SYSTEM, "no memory");
  int result = fwr_bmc_open(ctx, &bmc, kPeer, error);
  if (result == 0) {
    result = list_images(ctx, access.iana, take, context, error);
    (void)ipmi_ctx_close(ctx); /* best effort: the donor closes an idle session by itself */
  }
  ipmi_ctx_destroy(ctx);
  return result;
}

int fwr_donor_list_images(const struct FwrDonorAccess* access,
                          int (*take)(const struct FwrDonorImage* image, void* context),
                          void* context, struct FwrDonorError* error) {
  struct FwrBmcError found = {0};
  if (error != NULL && error->size < sizeof *error) return -1;
  const int result = check_and_list(access, take, context, &found);
  return give_error(result, &found, error);
}
