/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks one donor over LAN what it can do, how it is, and what it would offer.
 *
 * Installed. One call opens an IPMI v2.0 session through libfreeipmi, sends the OEM commands of
 * ipmi-oem-fwrecover.h and closes it. The sections are those of fwrecover's doc/PROTOCOL.md.
 */
#ifndef FWR_DONOR_QUERY_H
#define FWR_DONOR_QUERY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define FWR_DONOR_QUERY_K_G_MAX 20       /* bytes, IPMI v2.0 §13.33 */
#define FWR_DONOR_QUERY_PASSWORD_MAX 20  /* bytes, IPMI v2.0 §22.30 */
#define FWR_DONOR_QUERY_USER_NAME_MAX 16 /* bytes, IPMI v2.0 §22.28 */

/* Members are added at the end of these structs. So a program says which it was compiled with: it
 * sets `size` of each that it passes, to sizeof of it, and gets no more than that. The structs
 * inside of an answer have room for what comes. */

enum FwrDonorRole { FWR_DONOR_CONSOLE = 0, FWR_DONOR_PEER = 1 };

/* Bits of media. */
enum FwrDonorMedia {
  FWR_DONOR_WIRED = 1,
  FWR_DONOR_WIRELESS = 2,
  FWR_DONOR_ICMB = 4,
  FWR_DONOR_BLUETOOTH = 8,
  FWR_DONOR_SERIAL = 16
};

enum FwrDonorPrivilege {
  FWR_DONOR_PRIVILEGE_USER = 2,
  FWR_DONOR_PRIVILEGE_OPERATOR = 3,
  FWR_DONOR_PRIVILEGE_ADMINISTRATOR = 4
};

/* How to reach the donor. The strings and K_g are only read during the call. */
struct FwrDonorAccess {
  uint32_t size;                       /* sizeof (struct FwrDonorAccess) */
  const char* host;                    /* name or address, with ":port" when it is not 623; an IPv6
                                          address with a port is in brackets */
  const char* user_name;               /* NULL: the empty name */
  const char* password;                /* NULL: the empty password */
  const unsigned char* k_g;            /* BMC key; NULL: none */
  unsigned int k_g_length;             /* bytes, at most 20 */
  uint8_t privilege_level;             /* enum FwrDonorPrivilege; 0: User */
  uint8_t cipher_suite_id;             /* 17 or 3; suite 0 proves nothing, and is refused */
  unsigned int session_timeout;        /* milliseconds without an answer; 0: 3,000 */
  unsigned int retransmission_timeout; /* milliseconds, shorter than session_timeout; 0: 1,000 */
  unsigned int workaround_flags;       /* IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_*; 0: none */
  uint32_t iana; /* enterprise number of the deployment, 24 bits; 0: that of this
                    library, see configure --with-iana-pen */
};

/* Which system to ask an offer for. §5.2 */
struct FwrDonorPlatform {
  uint32_t size;            /* sizeof (struct FwrDonorPlatform) */
  unsigned char nonce[16];  /* random */
  uint32_t manufacturer_id; /* 24 bits, as in Get Device ID */
  uint16_t product_id;
  uint8_t device_id;
  uint8_t hardware_revision;
  const char* component; /* 1 to 15 characters */
};

/* §5.1 */
struct FwrDonorCapabilities {
  uint8_t version;        /* highest protocol version */
  uint8_t oldest_version; /* lowest protocol version */
  uint8_t role;           /* enum FwrDonorRole */
  uint8_t media;          /* of enum FwrDonorMedia */
  uint16_t read_limit;    /* bytes */
  uint16_t segment_limit; /* granules of 64 bytes */
  uint32_t credit_limit;  /* bytes */
  uint8_t lease_limit;
  unsigned char reserved[32];
};

/* §5.8 */
struct FwrDonorStatus {
  uint8_t role;           /* enum FwrDonorRole */
  uint8_t load;           /* percent */
  unsigned char guid[16]; /* as it travels: least significant byte first */
  uint16_t images;
  uint8_t leases;
  uint8_t lease_limit;
  uint32_t uptime; /* seconds */
  uint32_t recovered;
  uint32_t failed;
  uint64_t bytes_served;
  char name[33]; /* what is not printable ASCII is a '?' */
  unsigned char reserved[32];
};

/* §5.2 */
struct FwrDonorOffer {
  uint8_t version;
  uint8_t role;  /* enum FwrDonorRole */
  uint8_t media; /* of enum FwrDonorMedia */
  uint8_t load;  /* percent */
  unsigned char guid[16];
  unsigned char digest[32];
  uint32_t security_version;
  uint64_t size; /* bytes */
  uint16_t hold; /* seconds */
  unsigned char token[16];
  char image_version[33]; /* what is not printable ASCII is a '?' */
  char component[17];
  unsigned char reserved[32];
};

struct FwrDonorAnswer {
  uint32_t size; /* sizeof (struct FwrDonorAnswer) */
  struct FwrDonorCapabilities capabilities;
  struct FwrDonorStatus status;
  /* Completion code of Request Firmware (§3.1), when a platform was given. Only with 00h is there
   * an offer; 80h: no compatible image. */
  uint8_t offer_code;
  struct FwrDonorOffer offer;
};

enum FwrDonorErrorCode {
  FWR_DONOR_OK = 0,
  FWR_DONOR_BAD_ARGUMENT = 1,    /* of the caller, before anything was sent */
  FWR_DONOR_BAD_HOST = 2,        /* the name cannot be resolved */
  FWR_DONOR_NO_RESPONSE = 3,     /* nothing answers there, or no IPMI v2.0 */
  FWR_DONOR_AUTHENTICATION = 4,  /* user name, password or K_g */
  FWR_DONOR_NO_CIPHER_SUITE = 5, /* the donor does not allow the suite */
  FWR_DONOR_PRIVILEGE = 6,       /* the user may not have the level, or the command needs more */
  FWR_DONOR_SESSION_LIMIT = 7,   /* no room for another session now */
  FWR_DONOR_SESSION_LOST = 8,    /* the donor stopped answering in mid-session */
  FWR_DONOR_REJECTED = 9,        /* a completion code other than 00h: see completion_code */
  FWR_DONOR_MALFORMED = 10,      /* an answer that does not follow PROTOCOL.md */
  FWR_DONOR_SYSTEM = 11          /* memory, sockets, or a defect */
};

struct FwrDonorError {
  uint32_t size;           /* sizeof (struct FwrDonorError) */
  int code;                /* one of enum FwrDonorErrorCode */
  uint8_t completion_code; /* with FWR_DONOR_REJECTED */
  char text[256];          /* what happened, and with which command; no full stop at the end */
};

/* platform may be NULL, and error, too: then no offer is asked for. Returns 0, or -1 with *error. A
 * donor without a compatible image is no error. Not to be called from two threads before one call
 * has returned. */
int fwr_donor_query(const struct FwrDonorAccess* access, const struct FwrDonorPlatform* platform,
                    struct FwrDonorAnswer* answer, struct FwrDonorError* error);

/* One image of a donor's catalogue. */
struct FwrDonorImage {
  uint32_t size; /* sizeof (struct FwrDonorImage) of this library */
  unsigned char digest[32];
  uint8_t flags;        /* b0: it has expired, so that it is not offered. §5.9 */
  const char* manifest; /* JSON as in §7.2, with a zero byte behind it; nothing has verified
                           its signature */
  unsigned int manifest_length; /* bytes */
};
#define FWR_DONOR_IMAGES_MAX 256 /* §8.2 */

/* Calls `take` once for each image, in the order of their digests; what it is given is only valid
 * during that call. It returns 0 to go on; another value ends the listing, which is no error then.
 * A donor of an older release gives FWR_DONOR_REJECTED with completion code C1h. Returns 0, or -1
 * with *error. Not to be called from two threads before one call has returned. */
int fwr_donor_list_images(const struct FwrDonorAccess* access,
                          int (*take)(const struct FwrDonorImage* image, void* context),
                          void* context, struct FwrDonorError* error);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
