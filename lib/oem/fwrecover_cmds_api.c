/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The OEM commands over a context of libfreeipmi. PROTOCOL §3, §5. */
#include <errno.h>
#include <stddef.h>

#include "oem/ipmi-oem-fwrecover.h"

/* The request object of a command, to be passed to send_request(); NULL with errno. */
static fiid_obj_t open_request(ipmi_ctx_t ctx, fiid_template_t tmpl_rq, fiid_template_t tmpl_rs,
                               fiid_obj_t obj_cmd_rs) {
  if (ctx == NULL || fiid_obj_valid(obj_cmd_rs) != 1 ||
      fiid_obj_template_compare(obj_cmd_rs, tmpl_rs) != 1) {
    errno = EINVAL;
    return NULL;
  }
  fiid_obj_t obj_cmd_rq = fiid_obj_create(tmpl_rq);
  if (obj_cmd_rq == NULL) errno = ENOMEM;
  return obj_cmd_rq;
}

static int check_response(uint32_t iana, fiid_obj_t obj_cmd_rs) {
  uint64_t comp_code = 0;
  if (fiid_obj_get(obj_cmd_rs, "comp_code", &comp_code) != 1) {
    errno = EPROTO;
    return -1;
  }
  if (comp_code != IPMI_COMP_CODE_COMMAND_SUCCESS) {
    errno = EREMOTEIO;
    return -1;
  }
  uint64_t answered_iana = 0;
  if (fiid_obj_packet_valid(obj_cmd_rs) != 1 ||
      fiid_obj_get(obj_cmd_rs, "iana", &answered_iana) != 1 || answered_iana != iana) {
    errno = EPROTO;
    return -1;
  }
  return 0;
}

/* Sends what was filled, when `filled` says that it was, and takes the request object. */
static int send_request(ipmi_ctx_t ctx, uint32_t iana, int filled, fiid_obj_t obj_cmd_rq,
                        fiid_obj_t obj_cmd_rs) {
  if (filled < 0) {
    fiid_obj_destroy(obj_cmd_rq);
    errno = EINVAL;
    return -1;
  }
  const int sent =
      ipmi_cmd(ctx, IPMI_BMC_IPMB_LUN_BMC, IPMI_NET_FN_OEM_GROUP_RQ, obj_cmd_rq, obj_cmd_rs);
  fiid_obj_destroy(obj_cmd_rq);
  if (sent < 0) {
    errno = EIO;
    return -1;
  }
  return check_response(iana, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_get_recovery_capabilities(ipmi_ctx_t ctx, uint32_t iana, uint8_t version,
                                                     fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rq,
                               tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_get_recovery_capabilities(iana, version, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_request_firmware(ipmi_ctx_t ctx, uint32_t iana, uint8_t version,
                                            uint8_t flags, const void* nonce,
                                            uint32_t manufacturer_id, uint16_t product_id,
                                            uint8_t device_id, uint8_t hardware_revision,
                                            const char* component, fiid_obj_t obj_cmd_rs) {
  static const uint8_t kBest[IPMI_OEM_FWRECOVER_DIGEST_LENGTH];
  return ipmi_cmd_oem_fwrecover_request_firmware_after(
      ctx, iana, version, flags, nonce, manufacturer_id, product_id, device_id, hardware_revision,
      component, kBest, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_request_firmware_after(ipmi_ctx_t ctx, uint32_t iana, uint8_t version,
                                                  uint8_t flags, const void* nonce,
                                                  uint32_t manufacturer_id, uint16_t product_id,
                                                  uint8_t device_id, uint8_t hardware_revision,
                                                  const char* component, const void* after,
                                                  fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_request_firmware_rq,
                               tmpl_cmd_oem_fwrecover_request_firmware_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_request_firmware_after(
      iana, version, flags, nonce, manufacturer_id, product_id, device_id, hardware_revision,
      component, after, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_get_manifest(ipmi_ctx_t ctx, uint32_t iana, const void* digest,
                                        uint8_t part, uint16_t offset, uint16_t count,
                                        fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_get_manifest_rq,
                               tmpl_cmd_oem_fwrecover_get_manifest_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_get_manifest(iana, digest, part, offset, count, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_accept_offer(ipmi_ctx_t ctx, uint32_t iana, const void* nonce,
                                        const void* digest, const void* token,
                                        fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_accept_offer_rq,
                               tmpl_cmd_oem_fwrecover_accept_offer_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_accept_offer(iana, nonce, digest, token, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_release_offer(ipmi_ctx_t ctx, uint32_t iana, uint32_t handle,
                                         fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_release_offer_rq,
                               tmpl_cmd_oem_fwrecover_release_offer_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_release_offer(iana, handle, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_read_hash_tree(ipmi_ctx_t ctx, uint32_t iana, uint32_t handle,
                                          uint64_t offset, uint16_t count, fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_read_hash_tree_rq,
                               tmpl_cmd_oem_fwrecover_read_hash_tree_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_read_hash_tree(iana, handle, offset, count, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_read_image(ipmi_ctx_t ctx, uint32_t iana, uint32_t handle,
                                      uint64_t offset, uint16_t count, fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_read_image_rq,
                               tmpl_cmd_oem_fwrecover_read_image_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_read_image(iana, handle, offset, count, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_report_result(ipmi_ctx_t ctx, uint32_t iana, uint32_t handle,
                                         uint8_t result, const void* text, unsigned int text_len,
                                         fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_report_result_rq,
                               tmpl_cmd_oem_fwrecover_report_result_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_report_result(iana, handle, result, text, text_len, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_get_donor_status(ipmi_ctx_t ctx, uint32_t iana, fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_get_donor_status_rq,
                               tmpl_cmd_oem_fwrecover_get_donor_status_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_get_donor_status(iana, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_list_images(ipmi_ctx_t ctx, uint32_t iana, const void* after,
                                       fiid_obj_t obj_cmd_rs) {
  fiid_obj_t rq = open_request(ctx, tmpl_cmd_oem_fwrecover_list_images_rq,
                               tmpl_cmd_oem_fwrecover_list_images_rs, obj_cmd_rs);
  if (rq == NULL) return -1;
  const int filled = fill_cmd_oem_fwrecover_list_images(iana, after, rq);
  return send_request(ctx, iana, filled, rq, obj_cmd_rs);
}

int ipmi_cmd_oem_fwrecover_retry_after(fiid_obj_t obj_cmd_rs, uint16_t* seconds) {
  uint8_t bytes[1 + 1 + 3 + 2]; /* cmd, comp_code, iana, seconds */
  if (seconds == NULL || fiid_obj_valid(obj_cmd_rs) != 1 ||
      fiid_obj_template_compare(obj_cmd_rs, tmpl_cmd_oem_fwrecover_accept_offer_rs) != 1 ||
      fiid_obj_len_bytes(obj_cmd_rs) < (int)sizeof bytes ||
      ipmi_check_completion_code(obj_cmd_rs, IPMI_COMP_CODE_OEM_FWRECOVER_BUSY) != 1 ||
      fiid_obj_get_block(obj_cmd_rs, "cmd", "handle", bytes, sizeof bytes) < (int)sizeof bytes) {
    errno = EINVAL;
    return -1;
  }
  *seconds = (uint16_t)(bytes[5] | bytes[6] << 8);
  return 0;
}
