/**
 * Features and configuration space of virtio devices, by the type of the
 * device. Names are those of the virtio specification without their prefix:
 * `VIRTIO_NET_F_CSUM` is `CSUM`.
 *
 * @module
 */

import { type Numbered, numbered } from "./numbered.ts";

/** A virtio device type. */
export interface VirtioKind {
  /** Part of the name of what its features mean. */
  readonly name: string;
  /** Bits below 24, and device bits from 50 on. */
  readonly features?: Numbered;
  /** Fields of the configuration space, in order; all little-endian. */
  readonly config?: string;
}

/** Feature bits of every device. */
const COMMON_FEATURES = numbered(`
  24 NOTIFY_ON_EMPTY, 26 LOG_ALL, 27 ANY_LAYOUT, 28 INDIRECT_DESC, 29 EVENT_IDX,
  30 PROTOCOL_FEATURES, 32 VERSION_1, 33 ACCESS_PLATFORM, 34 RING_PACKED,
  35 IN_ORDER, 36 ORDER_PLATFORM, 37 SR_IOV, 38 NOTIFICATION_DATA,
  39 NOTIF_CONFIG_DATA, 40 RING_RESET, 41 ADMIN_VQ
`);

/** Device types by the number that the specification gives them. */
const KINDS: Readonly<Record<number, VirtioKind>> = {
  1: {
    name: "net",
    features: numbered(`
      0 CSUM, 1 GUEST_CSUM, 2 CTRL_GUEST_OFFLOADS, 3 MTU, 5 MAC, 6 GSO,
      7 GUEST_TSO4, 8 GUEST_TSO6, 9 GUEST_ECN, 10 GUEST_UFO, 11 HOST_TSO4,
      12 HOST_TSO6, 13 HOST_ECN, 14 HOST_UFO, 15 MRG_RXBUF, 16 STATUS,
      17 CTRL_VQ, 18 CTRL_RX, 19 CTRL_VLAN, 20 CTRL_RX_EXTRA, 21 GUEST_ANNOUNCE,
      22 MQ, 23 CTRL_MAC_ADDR, 50 DEVICE_STATS, 51 HASH_TUNNEL, 52 VQ_NOTF_COAL,
      53 NOTF_COAL, 54 GUEST_USO4, 55 GUEST_USO6, 56 HOST_USO, 57 HASH_REPORT,
      59 GUEST_HDRLEN, 60 RSS, 61 RSC_EXT, 62 STANDBY, 63 SPEED_DUPLEX
    `),
    config: `
      mac 6 bytes:mac, status le16:virtio net status, max_virtqueue_pairs,
      mtu le16, speed le32, duplex, rss_max_key_size uint8,
      rss_max_indirection_table_length le16, supported_hash_types le32:hex
    `,
  },
  2: {
    name: "blk",
    features: numbered(`
      0 BARRIER, 1 SIZE_MAX, 2 SEG_MAX, 4 GEOMETRY, 5 RO, 6 BLK_SIZE, 7 SCSI,
      9 FLUSH, 10 TOPOLOGY, 11 CONFIG_WCE, 12 MQ, 13 DISCARD, 14 WRITE_ZEROES,
      15 LIFETIME, 16 SECURE_ERASE, 17 ZONED
    `),
    config: `
      capacity le64, size_max, seg_max le32, cylinders le16, heads,
      sectors uint8, blk_size le32, physical_block_exp, alignment_offset uint8,
      min_io_size le16, opt_io_size le32, writeback, reserved uint8,
      num_queues le16, max_discard_sectors, max_discard_seg,
      discard_sector_alignment, max_write_zeroes_sectors,
      max_write_zeroes_seg le32, write_zeroes_may_unmap uint8,
      reserved2 3 bytes, max_secure_erase_sectors, max_secure_erase_seg,
      secure_erase_sector_alignment, zone_sectors, max_open_zones,
      max_active_zones, max_append_sectors, write_granularity le32,
      zoned_model uint8, reserved3 3 bytes
    `,
  },
  3: {
    name: "console",
    features: numbered("0 SIZE, 1 MULTIPORT, 2 EMERG_WRITE"),
    config: "cols, rows le16, max_nr_ports, emerg_wr le32",
  },
  4: { name: "rng" },
  5: {
    name: "balloon",
    features: numbered(`
      0 MUST_TELL_HOST, 1 STATS_VQ, 2 DEFLATE_ON_OOM, 3 FREE_PAGE_HINT,
      4 PAGE_POISON, 5 REPORTING
    `),
    config: `
      num_pages, actual, free_page_hint_cmd_id le32, poison_val le32:hex
    `,
  },
  8: {
    name: "scsi",
    features: numbered("0 INOUT, 1 HOTPLUG, 2 CHANGE, 3 T10_PI"),
    config: `
      num_queues, seg_max, max_sectors, cmd_per_lun, event_info_size,
      sense_size, cdb_size le32, max_channel, max_target le16, max_lun le32
    `,
  },
  9: { name: "9p", features: numbered("0 MOUNT_TAG"), config: "tag_len le16" },
  16: {
    name: "gpu",
    features: numbered(`
      0 VIRGL, 1 EDID, 2 RESOURCE_UUID, 3 RESOURCE_BLOB, 4 CONTEXT_INIT
    `),
    config: "events_read, events_clear, num_scanouts, num_capsets le32",
  },
  17: { name: "rtc", features: numbered("0 ALARM") },
  18: {
    name: "input",
    config: `
      select uint8:hex, subsel, size uint8, reserved 5 bytes, data 128 bytes
    `,
  },
  19: {
    name: "vsock",
    features: numbered("0 STREAM, 1 SEQPACKET, 2 NO_IMPLIED_STREAM"),
    config: "guest_cid le64",
  },
  20: {
    name: "crypto",
    features: numbered(`
      0 REVISION_1, 1 CIPHER_STATELESS_MODE, 2 HASH_STATELESS_MODE,
      3 MAC_STATELESS_MODE, 4 AEAD_STATELESS_MODE, 5 AKCIPHER_STATELESS_MODE
    `),
    config: `
      status le32:hex, max_dataqueues le32, crypto_services, cipher_algo_l,
      cipher_algo_h, hash_algo, mac_algo_l, mac_algo_h, aead_algo le32:hex,
      max_cipher_key_len, max_auth_key_len le32, akcipher_algo le32:hex,
      max_size le64
    `,
  },
  23: {
    name: "iommu",
    features: numbered(`
      0 INPUT_RANGE, 1 DOMAIN_RANGE, 2 MAP_UNMAP, 3 BYPASS, 4 PROBE, 5 MMIO,
      6 BYPASS_CONFIG
    `),
    config: `
      page_size_mask, input_range_start, input_range_end le64:hex,
      domain_range_start, domain_range_end, probe_size le32, bypass uint8,
      reserved 3 bytes
    `,
  },
  24: {
    name: "mem",
    features: numbered(
      "0 ACPI_PXM, 1 UNPLUGGED_INACCESSIBLE, 2 PERSISTENT_SUSPEND",
    ),
    config: `
      block_size le64, node_id le16, padding 6 bytes, addr le64:hex,
      region_size, usable_region_size, plugged_size, requested_size le64
    `,
  },
  25: {
    name: "sound",
    features: numbered("0 CTLS"),
    config: "jacks, streams, chmaps, controls le32",
  },
  26: {
    name: "fs",
    features: numbered("0 NOTIFICATION"),
    config: "tag 36 bytes, num_request_queues, notify_buf_size le32",
  },
  27: {
    name: "pmem",
    features: numbered("0 SHMEM_REGION"),
    config: "start le64:hex, size le64",
  },
  28: { name: "rpmb" },
  32: { name: "scmi", features: numbered("0 P2A_CHANNELS, 1 SHARED_MEMORY") },
  34: { name: "i2c", features: numbered("0 ZERO_LENGTH_REQUEST") },
  36: {
    name: "can",
    features: numbered("0 CAN_CLASSIC, 1 CAN_FD"),
    config: "status le16:hex",
  },
  41: {
    name: "gpio",
    features: numbered("0 IRQ"),
    config: "ngpio le16, padding 2 bytes, gpio_names_size le32",
  },
};

/** Where the name of QEMU's description does not end with the type's name. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  "virtio-serial": "console",
  "virtio-snd": "sound",
  "vhost-scsi": "scsi",
  "vhost-user-scsi": "scsi",
  "vhost-user-snd": "sound",
};

/** A device type that is not known. */
export const UNKNOWN_KIND: VirtioKind = { name: "any" };

/** The device type of a number. */
export function kindOfNumber(id: number): VirtioKind | undefined {
  return KINDS[id];
}

/** The device type of a description, such as "virtio-net". */
export function kindOfDescription(vmsd: string): VirtioKind | undefined {
  return kindOfName(
    DESCRIPTIONS[vmsd] ?? vmsd.slice(vmsd.lastIndexOf("-") + 1),
  );
}

/** The device type of a name. */
export function kindOfName(name: string): VirtioKind | undefined {
  return Object.values(KINDS).find((kind) => kind.name === name);
}

/** The name of a feature bit, of a type of device or of every device. */
export function featureName(kind: string): Numbered {
  const own = kindOfName(kind)?.features;
  return (bit) => own?.(bit) ?? COMMON_FEATURES(bit);
}
