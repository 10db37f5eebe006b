/**
 * Features and configuration space of virtio devices, by the type of the
 * device. Names are those of the virtio specification without their prefix:
 * `VIRTIO_NET_F_CSUM` is `CSUM`.
 *
 * @module
 */

/** A virtio device type. */
export interface VirtioKind {
  /** Part of the name of what its features mean. */
  readonly name: string;
  /** Bits below 24, and device bits from 50 on. */
  readonly features: Readonly<Record<number, string>>;
  /** Fields of the configuration space, in order; all little-endian. */
  readonly config: readonly (readonly [name: string, type: string])[];
}

/** Feature bits of every device. */
export const COMMON_FEATURES: Readonly<Record<number, string>> = {
  24: "NOTIFY_ON_EMPTY",
  26: "LOG_ALL",
  27: "ANY_LAYOUT",
  28: "INDIRECT_DESC",
  29: "EVENT_IDX",
  30: "PROTOCOL_FEATURES",
  32: "VERSION_1",
  33: "ACCESS_PLATFORM",
  34: "RING_PACKED",
  35: "IN_ORDER",
  36: "ORDER_PLATFORM",
  37: "SR_IOV",
  38: "NOTIFICATION_DATA",
  39: "NOTIF_CONFIG_DATA",
  40: "RING_RESET",
  41: "ADMIN_VQ",
};

/** A device without features and without configuration of its own. */
function plain(name: string): VirtioKind {
  return { name, features: {}, config: [] };
}

const NET: VirtioKind = {
  name: "net",
  features: {
    0: "CSUM",
    1: "GUEST_CSUM",
    2: "CTRL_GUEST_OFFLOADS",
    3: "MTU",
    5: "MAC",
    6: "GSO",
    7: "GUEST_TSO4",
    8: "GUEST_TSO6",
    9: "GUEST_ECN",
    10: "GUEST_UFO",
    11: "HOST_TSO4",
    12: "HOST_TSO6",
    13: "HOST_ECN",
    14: "HOST_UFO",
    15: "MRG_RXBUF",
    16: "STATUS",
    17: "CTRL_VQ",
    18: "CTRL_RX",
    19: "CTRL_VLAN",
    20: "CTRL_RX_EXTRA",
    21: "GUEST_ANNOUNCE",
    22: "MQ",
    23: "CTRL_MAC_ADDR",
    50: "DEVICE_STATS",
    51: "HASH_TUNNEL",
    52: "VQ_NOTF_COAL",
    53: "NOTF_COAL",
    54: "GUEST_USO4",
    55: "GUEST_USO6",
    56: "HOST_USO",
    57: "HASH_REPORT",
    59: "GUEST_HDRLEN",
    60: "RSS",
    61: "RSC_EXT",
    62: "STANDBY",
    63: "SPEED_DUPLEX",
  },
  config: [
    ["mac", "6 bytes:mac"],
    ["status", "le16:virtio net status"],
    ["max_virtqueue_pairs", "le16"],
    ["mtu", "le16"],
    ["speed", "le32"],
    ["duplex", "uint8"],
    ["rss_max_key_size", "uint8"],
    ["rss_max_indirection_table_length", "le16"],
    ["supported_hash_types", "le32:hex"],
  ],
};

const BLOCK: VirtioKind = {
  name: "blk",
  features: {
    0: "BARRIER",
    1: "SIZE_MAX",
    2: "SEG_MAX",
    4: "GEOMETRY",
    5: "RO",
    6: "BLK_SIZE",
    7: "SCSI",
    9: "FLUSH",
    10: "TOPOLOGY",
    11: "CONFIG_WCE",
    12: "MQ",
    13: "DISCARD",
    14: "WRITE_ZEROES",
    15: "LIFETIME",
    16: "SECURE_ERASE",
    17: "ZONED",
  },
  config: [
    ["capacity", "le64"],
    ["size_max", "le32"],
    ["seg_max", "le32"],
    ["cylinders", "le16"],
    ["heads", "uint8"],
    ["sectors", "uint8"],
    ["blk_size", "le32"],
    ["physical_block_exp", "uint8"],
    ["alignment_offset", "uint8"],
    ["min_io_size", "le16"],
    ["opt_io_size", "le32"],
    ["writeback", "uint8"],
    ["reserved", "uint8"],
    ["num_queues", "le16"],
    ["max_discard_sectors", "le32"],
    ["max_discard_seg", "le32"],
    ["discard_sector_alignment", "le32"],
    ["max_write_zeroes_sectors", "le32"],
    ["max_write_zeroes_seg", "le32"],
    ["write_zeroes_may_unmap", "uint8"],
    ["reserved2", "3 bytes"],
    ["max_secure_erase_sectors", "le32"],
    ["max_secure_erase_seg", "le32"],
    ["secure_erase_sector_alignment", "le32"],
    ["zone_sectors", "le32"],
    ["max_open_zones", "le32"],
    ["max_active_zones", "le32"],
    ["max_append_sectors", "le32"],
    ["write_granularity", "le32"],
    ["zoned_model", "uint8"],
    ["reserved3", "3 bytes"],
  ],
};

const CONSOLE: VirtioKind = {
  name: "console",
  features: { 0: "SIZE", 1: "MULTIPORT", 2: "EMERG_WRITE" },
  config: [
    ["cols", "le16"],
    ["rows", "le16"],
    ["max_nr_ports", "le32"],
    ["emerg_wr", "le32"],
  ],
};

const BALLOON: VirtioKind = {
  name: "balloon",
  features: {
    0: "MUST_TELL_HOST",
    1: "STATS_VQ",
    2: "DEFLATE_ON_OOM",
    3: "FREE_PAGE_HINT",
    4: "PAGE_POISON",
    5: "REPORTING",
  },
  config: [
    ["num_pages", "le32"],
    ["actual", "le32"],
    ["free_page_hint_cmd_id", "le32"],
    ["poison_val", "le32:hex"],
  ],
};

const SCSI: VirtioKind = {
  name: "scsi",
  features: { 0: "INOUT", 1: "HOTPLUG", 2: "CHANGE", 3: "T10_PI" },
  config: [
    ["num_queues", "le32"],
    ["seg_max", "le32"],
    ["max_sectors", "le32"],
    ["cmd_per_lun", "le32"],
    ["event_info_size", "le32"],
    ["sense_size", "le32"],
    ["cdb_size", "le32"],
    ["max_channel", "le16"],
    ["max_target", "le16"],
    ["max_lun", "le32"],
  ],
};

const GPU: VirtioKind = {
  name: "gpu",
  features: {
    0: "VIRGL",
    1: "EDID",
    2: "RESOURCE_UUID",
    3: "RESOURCE_BLOB",
    4: "CONTEXT_INIT",
  },
  config: [
    ["events_read", "le32"],
    ["events_clear", "le32"],
    ["num_scanouts", "le32"],
    ["num_capsets", "le32"],
  ],
};

const INPUT: VirtioKind = {
  name: "input",
  features: {},
  config: [
    ["select", "uint8:hex"],
    ["subsel", "uint8"],
    ["size", "uint8"],
    ["reserved", "5 bytes"],
    ["data", "128 bytes"],
  ],
};

const VSOCK: VirtioKind = {
  name: "vsock",
  features: { 0: "STREAM", 1: "SEQPACKET", 2: "NO_IMPLIED_STREAM" },
  config: [["guest_cid", "le64"]],
};

const CRYPTO: VirtioKind = {
  name: "crypto",
  features: {
    0: "REVISION_1",
    1: "CIPHER_STATELESS_MODE",
    2: "HASH_STATELESS_MODE",
    3: "MAC_STATELESS_MODE",
    4: "AEAD_STATELESS_MODE",
    5: "AKCIPHER_STATELESS_MODE",
  },
  config: [
    ["status", "le32:hex"],
    ["max_dataqueues", "le32"],
    ["crypto_services", "le32:hex"],
    ["cipher_algo_l", "le32:hex"],
    ["cipher_algo_h", "le32:hex"],
    ["hash_algo", "le32:hex"],
    ["mac_algo_l", "le32:hex"],
    ["mac_algo_h", "le32:hex"],
    ["aead_algo", "le32:hex"],
    ["max_cipher_key_len", "le32"],
    ["max_auth_key_len", "le32"],
    ["akcipher_algo", "le32:hex"],
    ["max_size", "le64"],
  ],
};

const IOMMU: VirtioKind = {
  name: "iommu",
  features: {
    0: "INPUT_RANGE",
    1: "DOMAIN_RANGE",
    2: "MAP_UNMAP",
    3: "BYPASS",
    4: "PROBE",
    5: "MMIO",
    6: "BYPASS_CONFIG",
  },
  config: [
    ["page_size_mask", "le64:hex"],
    ["input_range_start", "le64:hex"],
    ["input_range_end", "le64:hex"],
    ["domain_range_start", "le32"],
    ["domain_range_end", "le32"],
    ["probe_size", "le32"],
    ["bypass", "uint8"],
    ["reserved", "3 bytes"],
  ],
};

const MEM: VirtioKind = {
  name: "mem",
  features: {
    0: "ACPI_PXM",
    1: "UNPLUGGED_INACCESSIBLE",
    2: "PERSISTENT_SUSPEND",
  },
  config: [
    ["block_size", "le64"],
    ["node_id", "le16"],
    ["padding", "6 bytes"],
    ["addr", "le64:hex"],
    ["region_size", "le64"],
    ["usable_region_size", "le64"],
    ["plugged_size", "le64"],
    ["requested_size", "le64"],
  ],
};

const SOUND: VirtioKind = {
  name: "sound",
  features: { 0: "CTLS" },
  config: [
    ["jacks", "le32"],
    ["streams", "le32"],
    ["chmaps", "le32"],
    ["controls", "le32"],
  ],
};

const FS: VirtioKind = {
  name: "fs",
  features: { 0: "NOTIFICATION" },
  config: [
    ["tag", "36 bytes"],
    ["num_request_queues", "le32"],
    ["notify_buf_size", "le32"],
  ],
};

const PMEM: VirtioKind = {
  name: "pmem",
  features: { 0: "SHMEM_REGION" },
  config: [["start", "le64:hex"], ["size", "le64"]],
};

const GPIO: VirtioKind = {
  name: "gpio",
  features: { 0: "IRQ" },
  config: [
    ["ngpio", "le16"],
    ["padding", "2 bytes"],
    ["gpio_names_size", "le32"],
  ],
};

/** Device types by the number that the specification gives them. */
const KINDS: ReadonlyMap<number, VirtioKind> = new Map([
  [1, NET],
  [2, BLOCK],
  [3, CONSOLE],
  [4, plain("rng")],
  [5, BALLOON],
  [8, SCSI],
  [9, {
    name: "9p",
    features: { 0: "MOUNT_TAG" },
    config: [["tag_len", "le16"]],
  }],
  [16, GPU],
  [17, { name: "rtc", features: { 0: "ALARM" }, config: [] }],
  [18, INPUT],
  [19, VSOCK],
  [20, CRYPTO],
  [23, IOMMU],
  [24, MEM],
  [25, SOUND],
  [26, FS],
  [27, PMEM],
  [28, plain("rpmb")],
  [32, {
    name: "scmi",
    features: { 0: "P2A_CHANNELS", 1: "SHARED_MEMORY" },
    config: [],
  }],
  [34, { name: "i2c", features: { 0: "ZERO_LENGTH_REQUEST" }, config: [] }],
  [36, {
    name: "can",
    features: { 0: "CAN_CLASSIC", 1: "CAN_FD" },
    config: [["status", "le16:hex"]],
  }],
  [41, GPIO],
]);

/** Where the name of QEMU's description does not end with the type's name. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  "virtio-serial": "console",
  "virtio-snd": "sound",
  "vhost-scsi": "scsi",
  "vhost-user-scsi": "scsi",
  "vhost-user-snd": "sound",
};

/** A device type that is not known. */
export const UNKNOWN_KIND: VirtioKind = plain("any");

/** The device type of a number. */
export function kindOfNumber(id: number): VirtioKind | undefined {
  return KINDS.get(id);
}

/** The device type of a description, such as "virtio-net". */
export function kindOfDescription(vmsd: string): VirtioKind | undefined {
  return kindOfName(
    DESCRIPTIONS[vmsd] ?? vmsd.slice(vmsd.lastIndexOf("-") + 1),
  );
}

/** The device type of a name. */
export function kindOfName(name: string): VirtioKind | undefined {
  return KINDS.values().find((kind) => kind.name === name);
}
