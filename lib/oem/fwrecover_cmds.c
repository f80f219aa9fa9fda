/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Templates of the OEM commands, and the functions that fill the requests. PROTOCOL §5. */
#include <errno.h>
#include <string.h>

#include "oem/ipmi-oem-fwrecover.h"

#define REQUIRED (FIID_FIELD_REQUIRED | FIID_FIELD_LENGTH_FIXED)
/* A response with a completion code other than 00h may end after it. */
#define SUFFICIENT (REQUIRED | FIID_FIELD_MAKES_PACKET_SUFFICIENT)
#define VARIABLE (FIID_FIELD_OPTIONAL | FIID_FIELD_LENGTH_VARIABLE)
#define BYTES(n) (8 * (n))

/* What every request and every response begin with. PROTOCOL §3. */
/* clang-format off */
#define REQUEST_HEAD                 \
  {BYTES(1), "cmd", REQUIRED},       \
  {BYTES(3), "iana", REQUIRED}
#define RESPONSE_HEAD                \
  {BYTES(1), "cmd", SUFFICIENT},     \
  {BYTES(1), "comp_code", SUFFICIENT}, \
  {BYTES(3), "iana", REQUIRED}
#define END {0, "", 0}
/* libfreeipmi drops a response that is longer than its template; PROTOCOL §10 lets a later version
 * add bytes to the fields that this one knows. */
#define LATER_VERSION {BYTES(IPMI_OEM_FWRECOVER_LATER_VERSION_MAX), "later_version", VARIABLE}

/* PROTOCOL §5.1 */
fiid_template_t tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rq = {
    REQUEST_HEAD,                                      /* 1:3 */
    {BYTES(1), "version", REQUIRED},                   /* 4 */
    {BYTES(28), "padding", REQUIRED},                  /* 5:32 */
    END};
fiid_template_t tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rs = {
    RESPONSE_HEAD,                                     /* 1, 2:4 */
    {BYTES(1), "version", REQUIRED},                   /* 5 */
    {BYTES(1), "oldest_version", REQUIRED},            /* 6 */
    {BYTES(1), "role", REQUIRED},                      /* 7 */
    {BYTES(1), "media", REQUIRED},                     /* 8 */
    {BYTES(2), "read_limit", REQUIRED},                /* 9:10, bytes */
    {BYTES(2), "segment_limit", REQUIRED},             /* 11:12, granules of 64 bytes */
    {BYTES(4), "credit_limit", REQUIRED},              /* 13:16, bytes */
    {BYTES(1), "lease_limit", REQUIRED},               /* 17 */
    LATER_VERSION,
    END};

/* PROTOCOL §5.2 */
fiid_template_t tmpl_cmd_oem_fwrecover_request_firmware_rq = {
    REQUEST_HEAD,                                      /* 1:3 */
    {BYTES(1), "version", REQUIRED},                   /* 4 */
    {BYTES(1), "flags", REQUIRED},                     /* 5 */
    {BYTES(16), "nonce", REQUIRED},                    /* 6:21 */
    {BYTES(3), "manufacturer_id", REQUIRED},           /* 22:24 */
    {BYTES(2), "product_id", REQUIRED},                /* 25:26 */
    {BYTES(1), "device_id", REQUIRED},                 /* 27 */
    {BYTES(1), "hardware_revision", REQUIRED},         /* 28 */
    {BYTES(16), "component", REQUIRED},                /* 29:44, text */
    {BYTES(32), "after", REQUIRED},                    /* 45:76 */
    {BYTES(84), "padding", REQUIRED},                  /* 77:160 */
    END};
fiid_template_t tmpl_cmd_oem_fwrecover_request_firmware_rs = {
    RESPONSE_HEAD,                                     /* 1, 2:4 */
    {BYTES(1), "version", REQUIRED},                   /* 5 */
    {BYTES(1), "role", REQUIRED},                      /* 6 */
    {BYTES(1), "media", REQUIRED},                     /* 7 */
    {BYTES(1), "load", REQUIRED},                      /* 8, percent */
    {BYTES(16), "nonce", REQUIRED},                    /* 9:24 */
    {BYTES(16), "donor_guid", REQUIRED},               /* 25:40 */
    {BYTES(32), "digest", REQUIRED},                   /* 41:72 */
    {BYTES(4), "security_version", REQUIRED},          /* 73:76 */
    {BYTES(5), "size", REQUIRED},                      /* 77:81, bytes */
    {BYTES(2), "hold", REQUIRED},                      /* 82:83, seconds */
    {BYTES(16), "token", REQUIRED},                    /* 84:99 */
    {BYTES(32), "image_version", REQUIRED},            /* 100:131, text */
    {BYTES(16), "component", REQUIRED},                /* 132:147, text */
    LATER_VERSION,
    END};

/* PROTOCOL §5.3 */
fiid_template_t tmpl_cmd_oem_fwrecover_get_manifest_rq = {
    REQUEST_HEAD,                                      /* 1:3 */
    {BYTES(32), "digest", REQUIRED},                   /* 4:35 */
    {BYTES(1), "part", REQUIRED},                      /* 36 */
    {BYTES(2), "offset", REQUIRED},                    /* 37:38, bytes */
    {BYTES(2), "count", REQUIRED},                     /* 39:40, bytes */
    END};
fiid_template_t tmpl_cmd_oem_fwrecover_get_manifest_rs = {
    RESPONSE_HEAD,                                     /* 1, 2:4 */
    {BYTES(2), "total", REQUIRED},                     /* 5:6, bytes */
    {BYTES(IPMI_OEM_FWRECOVER_READ_MAX), "data", VARIABLE}, /* 7: */
    END};

/* PROTOCOL §5.4 */
fiid_template_t tmpl_cmd_oem_fwrecover_accept_offer_rq = {
    REQUEST_HEAD,                                      /* 1:3 */
    {BYTES(16), "nonce", REQUIRED},                    /* 4:19 */
    {BYTES(32), "digest", REQUIRED},                   /* 20:51 */
    {BYTES(16), "token", REQUIRED},                    /* 52:67 */
    END};
fiid_template_t tmpl_cmd_oem_fwrecover_accept_offer_rs = {
    RESPONSE_HEAD,                                     /* 1, 2:4 */
    {BYTES(4), "handle", REQUIRED},                    /* 5:8 */
    {BYTES(2), "lease", REQUIRED},                     /* 9:10, seconds */
    {BYTES(5), "image_size", REQUIRED},                /* 11:15, bytes */
    {BYTES(5), "tree_size", REQUIRED},                 /* 16:20, bytes */
    {BYTES(2), "segment_limit", REQUIRED},             /* 21:22, granules of 64 bytes */
    {BYTES(4), "credit_limit", REQUIRED},              /* 23:26, bytes */
    LATER_VERSION,
    END};

/* PROTOCOL §5.5 */
fiid_template_t tmpl_cmd_oem_fwrecover_release_offer_rq = {
    REQUEST_HEAD,                                      /* 1:3 */
    {BYTES(4), "handle", REQUIRED},                    /* 4:7 */
    END};
fiid_template_t tmpl_cmd_oem_fwrecover_release_offer_rs = {
    RESPONSE_HEAD,                                     /* 1, 2:4 */
    LATER_VERSION,
    END};

/* PROTOCOL §5.6 */
#define READ_REQUEST {                                 \
    REQUEST_HEAD,                    /* 1:3 */         \
    {BYTES(4), "handle", REQUIRED},  /* 4:7 */         \
    {BYTES(5), "offset", REQUIRED},  /* 8:12, bytes */ \
    {BYTES(2), "count", REQUIRED},   /* 13:14, bytes */ \
    END}
#define READ_RESPONSE {                                \
    RESPONSE_HEAD,                   /* 1, 2:4 */      \
    {BYTES(IPMI_OEM_FWRECOVER_READ_MAX), "data", VARIABLE}, /* 5: */ \
    END}
fiid_template_t tmpl_cmd_oem_fwrecover_read_hash_tree_rq = READ_REQUEST;
fiid_template_t tmpl_cmd_oem_fwrecover_read_hash_tree_rs = READ_RESPONSE;
fiid_template_t tmpl_cmd_oem_fwrecover_read_image_rq = READ_REQUEST;
fiid_template_t tmpl_cmd_oem_fwrecover_read_image_rs = READ_RESPONSE;

/* PROTOCOL §5.7 */
fiid_template_t tmpl_cmd_oem_fwrecover_report_result_rq = {
    REQUEST_HEAD,                                      /* 1:3 */
    {BYTES(4), "handle", REQUIRED},                    /* 4:7 */
    {BYTES(1), "result", REQUIRED},                    /* 8 */
    {BYTES(IPMI_OEM_FWRECOVER_REPORT_TEXT_MAX), "text", VARIABLE}, /* 9: */
    END};
fiid_template_t tmpl_cmd_oem_fwrecover_report_result_rs = {
    RESPONSE_HEAD,                                     /* 1, 2:4 */
    LATER_VERSION,
    END};

/* PROTOCOL §5.8 */
fiid_template_t tmpl_cmd_oem_fwrecover_get_donor_status_rq = {
    REQUEST_HEAD,                                      /* 1:3 */
    END};
fiid_template_t tmpl_cmd_oem_fwrecover_get_donor_status_rs = {
    RESPONSE_HEAD,                                     /* 1, 2:4 */
    {BYTES(1), "role", REQUIRED},                      /* 5 */
    {BYTES(1), "load", REQUIRED},                      /* 6, percent */
    {BYTES(16), "donor_guid", REQUIRED},               /* 7:22 */
    {BYTES(2), "images", REQUIRED},                    /* 23:24 */
    {BYTES(1), "leases", REQUIRED},                    /* 25 */
    {BYTES(1), "lease_limit", REQUIRED},               /* 26 */
    {BYTES(4), "uptime", REQUIRED},                    /* 27:30, seconds */
    {BYTES(4), "recovered", REQUIRED},                 /* 31:34 */
    {BYTES(4), "failed", REQUIRED},                    /* 35:38 */
    {BYTES(8), "bytes_served", REQUIRED},              /* 39:46 */
    {BYTES(32), "name", REQUIRED},                     /* 47:78, text */
    LATER_VERSION,
    END};

/* PROTOCOL §5.9 */
fiid_template_t tmpl_cmd_oem_fwrecover_list_images_rq = {
    REQUEST_HEAD,                                      /* 1:3 */
    {BYTES(32), "after", REQUIRED},                    /* 4:35 */
    END};
fiid_template_t tmpl_cmd_oem_fwrecover_list_images_rs = {
    RESPONSE_HEAD,                                     /* 1, 2:4 */
    {BYTES(32), "digest", REQUIRED},                   /* 5:36 */
    {BYTES(1), "flags", REQUIRED},                     /* 37 */
    LATER_VERSION,
    END};
/* clang-format on */

static int refuse(void) {
  errno = EINVAL;
  return -1;
}

/* Clears a request and sets what all have. PROTOCOL §3. */
static int begin(fiid_obj_t obj_cmd_rq, fiid_template_t tmpl, uint8_t cmd, uint32_t iana) {
  if (fiid_obj_valid(obj_cmd_rq) != 1 || fiid_obj_template_compare(obj_cmd_rq, tmpl) != 1 ||
      iana > IPMI_OEM_FWRECOVER_IANA_MAX)
    return refuse();
  if (fiid_obj_clear(obj_cmd_rq) < 0 || fiid_obj_set(obj_cmd_rq, "cmd", cmd) < 0 ||
      fiid_obj_set(obj_cmd_rq, "iana", iana) < 0)
    return refuse();
  return 0;
}

static int set(fiid_obj_t obj_cmd_rq, const char* field, uint64_t value) {
  return fiid_obj_set(obj_cmd_rq, field, value) < 0 ? refuse() : 0;
}

/* libfreeipmi truncates what is longer than the field without an error: `length` is the field's. */
static int set_bytes(fiid_obj_t obj_cmd_rq, const char* field, const void* data,
                     unsigned int length) {
  if (data == NULL || fiid_obj_set_data(obj_cmd_rq, field, data, length) != (int)length)
    return refuse();
  return 0;
}

static int set_zeros(fiid_obj_t obj_cmd_rq, fiid_template_t tmpl, const char* field) {
  static const uint8_t kZeros[84]; /* the longest padding, §5.2 */
  const int length = fiid_template_field_len_bytes(tmpl, field);
  if (length < 0 || (size_t)length > sizeof kZeros) return refuse();
  return set_bytes(obj_cmd_rq, field, kZeros, (unsigned int)length);
}

/* The last byte of the field stays zero. PROTOCOL §7.2: a component has 1 to 15 characters. */
static int set_component(fiid_obj_t obj_cmd_rq, const char* component) {
  char field[IPMI_OEM_FWRECOVER_COMPONENT_LENGTH] = {0};
  const size_t length = component == NULL ? 0 : strnlen(component, sizeof field);
  if (length == 0 || length == sizeof field) return refuse();
  memcpy(field, component, length);
  return set_bytes(obj_cmd_rq, "component", field, sizeof field);
}

static int count_valid(uint16_t count) {
  return count >= 1 && count <= IPMI_OEM_FWRECOVER_READ_MAX;
}

int fill_cmd_oem_fwrecover_get_recovery_capabilities(uint32_t iana, uint8_t version,
                                                     fiid_obj_t obj_cmd_rq) {
  fiid_field_t* tmpl = tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rq;
  if (begin(obj_cmd_rq, tmpl, IPMI_CMD_OEM_FWRECOVER_GET_RECOVERY_CAPABILITIES, iana) < 0 ||
      set(obj_cmd_rq, "version", version) < 0)
    return -1;
  return set_zeros(obj_cmd_rq, tmpl, "padding");
}

int fill_cmd_oem_fwrecover_request_firmware(uint32_t iana, uint8_t version, uint8_t flags,
                                            const void* nonce, uint32_t manufacturer_id,
                                            uint16_t product_id, uint8_t device_id,
                                            uint8_t hardware_revision, const char* component,
                                            fiid_obj_t obj_cmd_rq) {
  static const uint8_t kBest[IPMI_OEM_FWRECOVER_DIGEST_LENGTH];
  return fill_cmd_oem_fwrecover_request_firmware_after(iana, version, flags, nonce, manufacturer_id,
                                                       product_id, device_id, hardware_revision,
                                                       component, kBest, obj_cmd_rq);
}

int fill_cmd_oem_fwrecover_request_firmware_after(uint32_t iana, uint8_t version, uint8_t flags,
                                                  const void* nonce, uint32_t manufacturer_id,
                                                  uint16_t product_id, uint8_t device_id,
                                                  uint8_t hardware_revision, const char* component,
                                                  const void* after, fiid_obj_t obj_cmd_rq) {
  fiid_field_t* tmpl = tmpl_cmd_oem_fwrecover_request_firmware_rq;
  if (manufacturer_id > 0xFFFFFF) return refuse();
  if (begin(obj_cmd_rq, tmpl, IPMI_CMD_OEM_FWRECOVER_REQUEST_FIRMWARE, iana) < 0 ||
      set(obj_cmd_rq, "version", version) < 0 || set(obj_cmd_rq, "flags", flags) < 0 ||
      set_bytes(obj_cmd_rq, "nonce", nonce, IPMI_OEM_FWRECOVER_NONCE_LENGTH) < 0 ||
      set(obj_cmd_rq, "manufacturer_id", manufacturer_id) < 0 ||
      set(obj_cmd_rq, "product_id", product_id) < 0 ||
      set(obj_cmd_rq, "device_id", device_id) < 0 ||
      set(obj_cmd_rq, "hardware_revision", hardware_revision) < 0 ||
      set_component(obj_cmd_rq, component) < 0 ||
      set_bytes(obj_cmd_rq, "after", after, IPMI_OEM_FWRECOVER_DIGEST_LENGTH) < 0)
    return -1;
  return set_zeros(obj_cmd_rq, tmpl, "padding");
}

int fill_cmd_oem_fwrecover_get_manifest(uint32_t iana, const void* digest, uint8_t part,
                                        uint16_t offset, uint16_t count, fiid_obj_t obj_cmd_rq) {
  if (part > IPMI_OEM_FWRECOVER_PART_SIGNATURE || !count_valid(count)) return refuse();
  if (begin(obj_cmd_rq, tmpl_cmd_oem_fwrecover_get_manifest_rq, IPMI_CMD_OEM_FWRECOVER_GET_MANIFEST,
            iana) < 0 ||
      set_bytes(obj_cmd_rq, "digest", digest, IPMI_OEM_FWRECOVER_DIGEST_LENGTH) < 0 ||
      set(obj_cmd_rq, "part", part) < 0 || set(obj_cmd_rq, "offset", offset) < 0)
    return -1;
  return set(obj_cmd_rq, "count", count);
}

int fill_cmd_oem_fwrecover_accept_offer(uint32_t iana, const void* nonce, const void* digest,
                                        const void* token, fiid_obj_t obj_cmd_rq) {
  if (begin(obj_cmd_rq, tmpl_cmd_oem_fwrecover_accept_offer_rq, IPMI_CMD_OEM_FWRECOVER_ACCEPT_OFFER,
            iana) < 0 ||
      set_bytes(obj_cmd_rq, "nonce", nonce, IPMI_OEM_FWRECOVER_NONCE_LENGTH) < 0 ||
      set_bytes(obj_cmd_rq, "digest", digest, IPMI_OEM_FWRECOVER_DIGEST_LENGTH) < 0)
    return -1;
  return set_bytes(obj_cmd_rq, "token", token, IPMI_OEM_FWRECOVER_TOKEN_LENGTH);
}

int fill_cmd_oem_fwrecover_release_offer(uint32_t iana, uint32_t handle, fiid_obj_t obj_cmd_rq) {
  if (begin(obj_cmd_rq, tmpl_cmd_oem_fwrecover_release_offer_rq,
            IPMI_CMD_OEM_FWRECOVER_RELEASE_OFFER, iana) < 0)
    return -1;
  return set(obj_cmd_rq, "handle", handle);
}

static int fill_read(fiid_template_t tmpl, uint8_t cmd, uint32_t iana, uint32_t handle,
                     uint64_t offset, uint16_t count, fiid_obj_t obj_cmd_rq) {
  if (offset >> 40 != 0 || !count_valid(count)) return refuse();
  if (begin(obj_cmd_rq, tmpl, cmd, iana) < 0 || set(obj_cmd_rq, "handle", handle) < 0 ||
      set(obj_cmd_rq, "offset", offset) < 0)
    return -1;
  return set(obj_cmd_rq, "count", count);
}

int fill_cmd_oem_fwrecover_read_hash_tree(uint32_t iana, uint32_t handle, uint64_t offset,
                                          uint16_t count, fiid_obj_t obj_cmd_rq) {
  return fill_read(tmpl_cmd_oem_fwrecover_read_hash_tree_rq, IPMI_CMD_OEM_FWRECOVER_READ_HASH_TREE,
                   iana, handle, offset, count, obj_cmd_rq);
}

int fill_cmd_oem_fwrecover_read_image(uint32_t iana, uint32_t handle, uint64_t offset,
                                      uint16_t count, fiid_obj_t obj_cmd_rq) {
  return fill_read(tmpl_cmd_oem_fwrecover_read_image_rq, IPMI_CMD_OEM_FWRECOVER_READ_IMAGE, iana,
                   handle, offset, count, obj_cmd_rq);
}

int fill_cmd_oem_fwrecover_report_result(uint32_t iana, uint32_t handle, uint8_t result,
                                         const void* text, unsigned int text_len,
                                         fiid_obj_t obj_cmd_rq) {
  if (text_len > IPMI_OEM_FWRECOVER_REPORT_TEXT_MAX) return refuse();
  if (begin(obj_cmd_rq, tmpl_cmd_oem_fwrecover_report_result_rq,
            IPMI_CMD_OEM_FWRECOVER_REPORT_RESULT, iana) < 0 ||
      set(obj_cmd_rq, "handle", handle) < 0 || set(obj_cmd_rq, "result", result) < 0)
    return -1;
  return text_len == 0 ? 0 : set_bytes(obj_cmd_rq, "text", text, text_len);
}

int fill_cmd_oem_fwrecover_get_donor_status(uint32_t iana, fiid_obj_t obj_cmd_rq) {
  return begin(obj_cmd_rq, tmpl_cmd_oem_fwrecover_get_donor_status_rq,
               IPMI_CMD_OEM_FWRECOVER_GET_DONOR_STATUS, iana);
}

int fill_cmd_oem_fwrecover_list_images(uint32_t iana, const void* after, fiid_obj_t obj_cmd_rq) {
  if (begin(obj_cmd_rq, tmpl_cmd_oem_fwrecover_list_images_rq, IPMI_CMD_OEM_FWRECOVER_LIST_IMAGES,
            iana) < 0)
    return -1;
  return set_bytes(obj_cmd_rq, "after", after, IPMI_OEM_FWRECOVER_DIGEST_LENGTH);
}
