/**
 * Numbers of the migration stream. Everything on the wire is big-endian.
 *
 * ```
 * stream  = "QEVM" be32 3  [07 configuration]  record…  00  [06 be32 length, JSON]
 * record  = section | command
 * section = 01|04 be32 id, u8+idstr, be32 instance, be32 version, payload, footer
 *         | 02|03 be32 id, payload, footer
 * footer  = 7e be32 id
 * command = 08 be16 number, be16 length, payload
 * ```
 *
 * @module
 */

/** "QEVM", the first four bytes. */
export const STREAM_MAGIC = 0x5145_564d;
/** The current version of the stream format. */
export const STREAM_VERSION = 3;
/** The version before it, which QEMU has not supported since 2009. */
export const OBSOLETE_STREAM_VERSION = 2;

/** The byte before each record. */
export const RecordType = {
  EOF: 0x00,
  SECTION_START: 0x01,
  SECTION_PART: 0x02,
  SECTION_END: 0x03,
  SECTION_FULL: 0x04,
  SUBSECTION: 0x05,
  VMDESCRIPTION: 0x06,
  CONFIGURATION: 0x07,
  COMMAND: 0x08,
  SECTION_FOOTER: 0x7e,
} as const;

/** Numbers of the commands. */
export const Command = {
  OPEN_RETURN_PATH: 1,
  PING: 2,
  POSTCOPY_ADVISE: 3,
  POSTCOPY_LISTEN: 4,
  POSTCOPY_RUN: 5,
  POSTCOPY_RAM_DISCARD: 6,
  PACKAGED: 7,
  ENABLE_COLO: 8,
  POSTCOPY_RESUME: 9,
  RECV_BITMAP: 10,
  SWITCHOVER_START: 11,
} as const;

/** The section of guest memory. */
export const RAM_SECTION = { name: "ram", instanceId: 0, version: 4 } as const;
