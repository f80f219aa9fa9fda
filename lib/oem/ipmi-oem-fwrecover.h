/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The OEM commands of fwrecover in the idiom of libfreeipmi: templates, fill functions, commands.
 *
 * Installed. The sections are those of fwrecover's doc/PROTOCOL.md, which has the byte tables: the
 * fields of a template have the names of its table, with underscores, and the completion code is
 * "comp_code" as everywhere in libfreeipmi.
 *
 * "iana" is the IANA enterprise number of the deployment (24 bits, §3). It starts the data of every
 * request and of every response.
 */
#ifndef IPMI_OEM_FWRECOVER_H
#define IPMI_OEM_FWRECOVER_H

#include <freeipmi/freeipmi.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* §3: the number of a deployment that has not got its own. */
#define IPMI_OEM_FWRECOVER_IANA_DEFAULT 32473
#define IPMI_OEM_FWRECOVER_IANA_MAX 0xFFFFFF

/* §4 */
#define IPMI_CMD_OEM_FWRECOVER_GET_RECOVERY_CAPABILITIES 0x01
#define IPMI_CMD_OEM_FWRECOVER_REQUEST_FIRMWARE 0x02
#define IPMI_CMD_OEM_FWRECOVER_GET_MANIFEST 0x03
#define IPMI_CMD_OEM_FWRECOVER_ACCEPT_OFFER 0x04
#define IPMI_CMD_OEM_FWRECOVER_RELEASE_OFFER 0x05
#define IPMI_CMD_OEM_FWRECOVER_READ_HASH_TREE 0x06
#define IPMI_CMD_OEM_FWRECOVER_READ_IMAGE 0x07
#define IPMI_CMD_OEM_FWRECOVER_REPORT_RESULT 0x08
#define IPMI_CMD_OEM_FWRECOVER_GET_DONOR_STATUS 0x09
#define IPMI_CMD_OEM_FWRECOVER_LIST_IMAGES 0x0A

/* §3.1; the standard codes are in freeipmi/spec/ipmi-comp-code-spec.h. */
#define IPMI_COMP_CODE_OEM_FWRECOVER_NO_COMPATIBLE_IMAGE 0x80
#define IPMI_COMP_CODE_OEM_FWRECOVER_OFFER_EXPIRED 0x81
#define IPMI_COMP_CODE_OEM_FWRECOVER_UNKNOWN_IMAGE 0x82
#define IPMI_COMP_CODE_OEM_FWRECOVER_BUSY 0x83
#define IPMI_COMP_CODE_OEM_FWRECOVER_LEASE_ENDED 0x84
#define IPMI_COMP_CODE_OEM_FWRECOVER_VERSION_UNSUPPORTED 0x85
#define IPMI_COMP_CODE_OEM_FWRECOVER_IMAGE_UNREADABLE 0x86

/* §5.1 */
#define IPMI_OEM_FWRECOVER_PROTOCOL_VERSION 1
#define IPMI_OEM_FWRECOVER_ROLE_MANAGEMENT_CONSOLE 0
#define IPMI_OEM_FWRECOVER_ROLE_PEER_SERVER 1
#define IPMI_OEM_FWRECOVER_MEDIA_WIRED 0x01
#define IPMI_OEM_FWRECOVER_MEDIA_WIRELESS 0x02
#define IPMI_OEM_FWRECOVER_MEDIA_ICMB 0x04
#define IPMI_OEM_FWRECOVER_MEDIA_BLUETOOTH 0x08
#define IPMI_OEM_FWRECOVER_MEDIA_SERIAL 0x10

/* Bytes, as §5 has them. */
#define IPMI_OEM_FWRECOVER_NONCE_LENGTH 16
#define IPMI_OEM_FWRECOVER_GUID_LENGTH 16
#define IPMI_OEM_FWRECOVER_DIGEST_LENGTH 32
#define IPMI_OEM_FWRECOVER_TOKEN_LENGTH 16
#define IPMI_OEM_FWRECOVER_COMPONENT_LENGTH 16
#define IPMI_OEM_FWRECOVER_IMAGE_VERSION_LENGTH 32
#define IPMI_OEM_FWRECOVER_NAME_LENGTH 32
#define IPMI_OEM_FWRECOVER_READ_MAX 900
#define IPMI_OEM_FWRECOVER_REPORT_TEXT_MAX 128
#define IPMI_OEM_FWRECOVER_LATER_VERSION_MAX 512

/* §5.2 */
#define IPMI_OEM_FWRECOVER_REQUEST_FLAGS_BROADCAST 0x01

/* §5.3 */
#define IPMI_OEM_FWRECOVER_PART_MANIFEST 0
#define IPMI_OEM_FWRECOVER_PART_SIGNATURE 1

/* §5.9 */
#define IPMI_OEM_FWRECOVER_IMAGE_FLAGS_EXPIRED 0x01

/* Templates of the requests and responses. A response that does not end in data ends in the
 * optional field "later_version": bytes that a later version of the protocol added (§10). */
extern fiid_template_t tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_request_firmware_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_request_firmware_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_get_manifest_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_get_manifest_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_accept_offer_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_accept_offer_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_release_offer_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_release_offer_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_read_hash_tree_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_read_hash_tree_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_read_image_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_read_image_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_report_result_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_report_result_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_get_donor_status_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_get_donor_status_rs;
extern fiid_template_t tmpl_cmd_oem_fwrecover_list_images_rq;
extern fiid_template_t tmpl_cmd_oem_fwrecover_list_images_rs;

/* fill_* functions clear obj_cmd_rq, which must be of the request template of the command, and set
 * all its fields. They return 0, or -1 with errno EINVAL when an argument is NULL, out of its range
 * or of another template; obj_cmd_rq is not to be sent then. */

/* §5.1. version: highest protocol version of the requester. */
int fill_cmd_oem_fwrecover_get_recovery_capabilities(uint32_t iana, uint8_t version,
                                                     fiid_obj_t obj_cmd_rq);

/* §5.2. nonce: 16 random bytes, new for every recovery. manufacturer_id: 24 bits, as in Get Device
 * ID. component: 1 to 15 characters, ended by a zero byte. The padding is filled in. */
int fill_cmd_oem_fwrecover_request_firmware(uint32_t iana, uint8_t version, uint8_t flags,
                                            const void* nonce, uint32_t manufacturer_id,
                                            uint16_t product_id, uint8_t device_id,
                                            uint8_t hardware_revision, const char* component,
                                            fiid_obj_t obj_cmd_rq);
/* after: the digest, 32 bytes, of an image that the donor offered: the next one in its order is
 * wanted. Zeros are what the function above sends: the best. An older donor ignores it. */
int fill_cmd_oem_fwrecover_request_firmware_after(uint32_t iana, uint8_t version, uint8_t flags,
                                                  const void* nonce, uint32_t manufacturer_id,
                                                  uint16_t product_id, uint8_t device_id,
                                                  uint8_t hardware_revision, const char* component,
                                                  const void* after, fiid_obj_t obj_cmd_rq);

/* §5.3. digest: 32 bytes. offset: bytes. count: bytes, 1 to 900. */
int fill_cmd_oem_fwrecover_get_manifest(uint32_t iana, const void* digest, uint8_t part,
                                        uint16_t offset, uint16_t count, fiid_obj_t obj_cmd_rq);

/* §5.4. nonce, digest and token: 16, 32 and 16 bytes, from the offer. */
int fill_cmd_oem_fwrecover_accept_offer(uint32_t iana, const void* nonce, const void* digest,
                                        const void* token, fiid_obj_t obj_cmd_rq);

/* §5.5. handle: of the lease, from Accept Offer. */
int fill_cmd_oem_fwrecover_release_offer(uint32_t iana, uint32_t handle, fiid_obj_t obj_cmd_rq);

/* §5.6. offset: bytes, 40 bits. count: bytes, 1 to 900. */
int fill_cmd_oem_fwrecover_read_hash_tree(uint32_t iana, uint32_t handle, uint64_t offset,
                                          uint16_t count, fiid_obj_t obj_cmd_rq);
int fill_cmd_oem_fwrecover_read_image(uint32_t iana, uint32_t handle, uint64_t offset,
                                      uint16_t count, fiid_obj_t obj_cmd_rq);

/* §5.7. result: 0, or an exit code of fwrecover(8). text: UTF-8 of text_len bytes, at most 128; may
 * be NULL when text_len is 0. */
int fill_cmd_oem_fwrecover_report_result(uint32_t iana, uint32_t handle, uint8_t result,
                                         const void* text, unsigned int text_len,
                                         fiid_obj_t obj_cmd_rq);

/* §5.8 */
int fill_cmd_oem_fwrecover_get_donor_status(uint32_t iana, fiid_obj_t obj_cmd_rq);

/* §5.9. after: 32 bytes, the digest of the image that was listed last; zeros: the first. An older
 * donor answers C1h. */
int fill_cmd_oem_fwrecover_list_images(uint32_t iana, const void* after, fiid_obj_t obj_cmd_rq);

/* ipmi_cmd_* functions send the command over an open context and wait for the answer. obj_cmd_rs
 * must be of the response template of the command. They return 0 when the donor did what was asked,
 * else -1 with errno
 *   EINVAL     an argument: as for fill_*, or obj_cmd_rs;
 *   ENOMEM     no memory;
 *   EIO        no valid answer: ipmi_ctx_errnum() and ipmi_ctx_errormsg() say why;
 *   EREMOTEIO  the donor refused: "comp_code" of obj_cmd_rs says why (§3.1);
 *   EPROTO     the answer is shorter than its table, or has another IANA number.
 * With completion code 83h Accept Offer says after how many seconds to ask again, see
 * ipmi_cmd_oem_fwrecover_retry_after(). */

int ipmi_cmd_oem_fwrecover_get_recovery_capabilities(ipmi_ctx_t ctx, uint32_t iana, uint8_t version,
                                                     fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_request_firmware(ipmi_ctx_t ctx, uint32_t iana, uint8_t version,
                                            uint8_t flags, const void* nonce,
                                            uint32_t manufacturer_id, uint16_t product_id,
                                            uint8_t device_id, uint8_t hardware_revision,
                                            const char* component, fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_request_firmware_after(ipmi_ctx_t ctx, uint32_t iana, uint8_t version,
                                                  uint8_t flags, const void* nonce,
                                                  uint32_t manufacturer_id, uint16_t product_id,
                                                  uint8_t device_id, uint8_t hardware_revision,
                                                  const char* component, const void* after,
                                                  fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_get_manifest(ipmi_ctx_t ctx, uint32_t iana, const void* digest,
                                        uint8_t part, uint16_t offset, uint16_t count,
                                        fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_accept_offer(ipmi_ctx_t ctx, uint32_t iana, const void* nonce,
                                        const void* digest, const void* token,
                                        fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_release_offer(ipmi_ctx_t ctx, uint32_t iana, uint32_t handle,
                                         fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_read_hash_tree(ipmi_ctx_t ctx, uint32_t iana, uint32_t handle,
                                          uint64_t offset, uint16_t count, fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_read_image(ipmi_ctx_t ctx, uint32_t iana, uint32_t handle,
                                      uint64_t offset, uint16_t count, fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_report_result(ipmi_ctx_t ctx, uint32_t iana, uint32_t handle,
                                         uint8_t result, const void* text, unsigned int text_len,
                                         fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_get_donor_status(ipmi_ctx_t ctx, uint32_t iana, fiid_obj_t obj_cmd_rs);
int ipmi_cmd_oem_fwrecover_list_images(ipmi_ctx_t ctx, uint32_t iana, const void* after,
                                       fiid_obj_t obj_cmd_rs);

/* §3.1: seconds after which to ask again, from an Accept Offer response with completion code 83h.
 * Returns 0, or -1 with errno EINVAL when obj_cmd_rs is not such a response. */
int ipmi_cmd_oem_fwrecover_retry_after(fiid_obj_t obj_cmd_rs, uint16_t* seconds);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
