/**
 * Block nodes and media: -blockdev, -drive, and the drive= of each -device.
 *
 * ```
 * at the start            after blockdev-snapshot         on the next command line
 *
 * vd0 ─▶ base (qcow2)     vd0 ─▶ over ─▶ base             -blockdev base, -blockdev over,
 *                                                         -device …,id=vd0,drive=over
 * ```
 *
 * The files are opened by the VM's program alone, with the rights that it has.
 *
 * @module
 */

import { type Argument, keysOf, type OptionValue } from "../../cmdline/mod.ts";
import {
  isObject,
  type Json,
  type JsonObject,
  parseJson,
} from "../../qmp/mod.ts";
import {
  type BlockDevice,
  blockDevices,
  blockNodes,
  DESCRIPTORS,
  fileUnder,
  GIVEN_NODE,
} from "../vm/block_devices.ts";
import { asObject, objectsIn, text } from "../vm/reply.ts";
import { CannotCarry, type CarryWork } from "./work.ts";

const ADDED = "added at run time";
const ON_TOP = "the image that is used now";
const EMPTY = "no medium is inserted";
const BELOW = "it is now read-only, as an image below an overlay is";
const WRITABLE = "it is now writable: an overlay was committed into it";

/** The first character of names that QEMU generates at each start. */
const GENERATED = "#";

/** Drivers of nodes that are on a file of the host. */
const ON_FILES = ["file", "host_device", "host_cdrom"];
/** Formats whose options QEMU reports, or that need none. */
const FORMATS = ["raw", "qcow2", "qcow", "qed", "vdi", "vhdx", "vmdk", "vpc"];
const WITHOUT_FILE = ["null-co", "null-aio"];

const DETECT_ZEROES = ["off", "on", "unmap"];

/** More images than any real chain has. */
const MAX_DEPTH = 256;
/** More nodes than are added at run time to any real VM. */
const MAX_NODES = 1024;

/**
 * Brings the options of disks up to date.
 *
 * @returns names on the command line of nodes that had a generated one
 */
export async function carryBlocks(
  work: CarryWork,
): Promise<ReadonlyMap<string, string>> {
  const nodes = new Map(
    (await blockNodes(work.inventory)).map((node) =>
      [text(node["node-name"]) ?? "", node] as const
    ),
  );
  const devices = await blockDevices(work.inventory);
  const blocks = new Blocks(work, nodes);
  work.removeGone("blockdev", new Set(nodes.keys()), "node-name");
  keepReadOnly(work, nodes);
  keepReopened(work, nodes);
  const drives = devices.filter(({ drive }) => drive !== undefined);
  // First, because a -drive may create a node that has a name.
  for (const drive of drives) await carryDrive(work, drive, nodes);
  for (const name of nodes.keys()) {
    if (!name.startsWith(GENERATED)) await blocks.carry(name);
  }
  for (const device of devices) {
    if (device.drive === undefined) await blocks.carryMedium(device);
  }
  work.removeGone(
    "drive",
    new Set(devices.map(({ drive }) => drive ?? "")),
  );
  return blocks.names;
}

/** Nodes that QEMU has made read-only, or writable, since the start. */
function keepReadOnly({ draft }: CarryWork, nodes: LiveNodes): void {
  for (const argument of draft.of("blockdev")) {
    const value = keysOf(argument);
    const node = nodes.get(value.get("node-name") ?? "");
    // With auto-read-only, QEMU changes it as it is needed.
    const chosen = value.boolean("read-only") === true ||
      value.boolean("auto-read-only") === true;
    if (node?.["ro"] === true && !chosen) {
      draft.setValue(argument, value.with("read-only", true), BELOW);
    } else if (node !== undefined) {
      const now = writableNow(value, "", node, nodes);
      if (now !== value) draft.setValue(argument, now, WRITABLE);
    }
  }
}

/** Also for the nodes that the option makes below this one. */
function writableNow(
  value: OptionValue,
  prefix: string,
  node: JsonObject,
  nodes: LiveNodes,
): OptionValue {
  const key = `${prefix}read-only`;
  const isChanged = node["ro"] === false && value.boolean(key) === true;
  return objectsIn(node["children"]).reduce((now, child) => {
    const below = `${prefix}${text(child["child"])}.`;
    const live = nodes.get(text(child["node-name"]) ?? "");
    const isMade = now.entries.some(({ key }) => key.startsWith(below));
    return isMade && live !== undefined
      ? writableNow(now, below, live, nodes)
      : now;
  }, isChanged ? value.with(key, false) : value);
}

const REOPENED = "changed by blockdev-reopen";

/** What QEMU reports of the options that blockdev-reopen can change. */
function keepReopened({ draft }: CarryWork, nodes: LiveNodes): void {
  for (const argument of draft.of("blockdev")) {
    let value = keysOf(argument);
    const before = String(value);
    const node = nodes.get(value.get("node-name") ?? "");
    const cache = asObject(node?.["cache"]);
    for (const key of ["direct", "no-flush"]) {
      const was = value.boolean(`cache.${key}`) ?? false;
      const is = cache[key];
      if (typeof is !== "boolean" || is === was) continue;
      value = value.with(`cache.${key}`, is);
    }
    const zeroes = text(node?.["detect_zeroes"]) ?? "";
    if (
      DETECT_ZEROES.includes(zeroes) &&
      zeroes !== (value.get("detect-zeroes") ?? "off")
    ) value = value.with("detect-zeroes", zeroes);
    if (String(value) !== before) draft.setValue(argument, value, REOPENED);
  }
}

type LiveNodes = ReadonlyMap<string, JsonObject>;

class Blocks {
  /** Names of nodes that had a generated one. */
  readonly names = new Map<string, string>();
  /** Nodes that were described: none is on the command line twice. */
  readonly #begun = new Set<string>();

  constructor(
    private readonly work: CarryWork,
    private readonly nodes: LiveNodes,
  ) {}

  /** Adds a node, after those below it, unless the command line has it. */
  async carry(live: string, name = live, depth = 0): Promise<void> {
    if (this.#begun.has(live) || this.work.nodes.has(name)) return;
    await this.work.attempt(name, async () => {
      const described = await this.#describe(live, depth);
      const node = { ...described, "node-name": name };
      if (this.#needsSent(node)) {
        this.work.addCommand("blockdev-add", node);
        this.work.sentNodes.add(name);
      } else this.work.add("blockdev", node, ADDED);
      if (live !== name) this.names.set(live, name);
      if (described["discard"] === undefined && !described["read-only"]) {
        this.work.unknown.push(`discard= of block node "${name}"`);
      }
    });
  }

  /** Whether it is on a descriptor that arguments cannot name. */
  #needsSent(node: JsonObject): boolean {
    const { sentNodes, sentSets } = this.work;
    return Object.entries(node).some(([key, value]) =>
      isObject(value) ? this.#needsSent(value) : typeof value === "string" &&
        (key === "filename" ? sentSets : sentNodes).has(value)
    );
  }

  /** Gives the -device of a drive its present node. */
  async carryMedium({ device, medium }: BlockDevice): Promise<void> {
    const { draft } = this.work;
    const argument = device === undefined
      ? undefined
      : this.work.argument("device", device);
    if (medium !== undefined && device !== undefined) {
      const { node } = medium;
      if (node.startsWith(GENERATED)) {
        await this.carry(node, this.#freeName(GIVEN_NODE + device));
      }
    }
    if (argument === undefined) return;
    const value = keysOf(argument);
    if (medium === undefined) {
      if (value.has("drive")) {
        draft.setValue(argument, value.without("drive"), EMPTY);
      }
      return;
    }
    const node = this.names.get(medium.node) ?? medium.node;
    if (value.get("drive") === node || !this.work.nodes.has(node)) return;
    draft.setValue(argument, value.with("drive", node), ON_TOP);
  }

  /** A free name; the node of an earlier medium may still have this one. */
  #freeName(wanted: string): string {
    let name = wanted;
    for (let number = 2; this.nodes.has(name); number++) {
      name = `${wanted}-${number}`;
    }
    return name;
  }

  /** A node, with those below it that have no name of their own. */
  async #describe(name: string, depth: number): Promise<JsonObject> {
    const node = this.nodes.get(name);
    if (node === undefined || this.#begun.has(name)) {
      throw new CannotCarry("QEMU does not report what is below it");
    }
    if (depth > MAX_DEPTH || this.#begun.size >= MAX_NODES) {
      throw new CannotCarry("more was added than a VM can have");
    }
    this.#begun.add(name);
    const driver = text(node["drv"]) ?? "";
    const isFormat = FORMATS.includes(driver);
    if (![...ON_FILES, ...WITHOUT_FILE].includes(driver) && !isFormat) {
      throw new CannotCarry(
        `QEMU does not report the options of a node with driver "${driver}"`,
      );
    }
    if (node["encrypted"] === true) throw new CannotCarry("it is encrypted");
    const { direct, "no-flush": noFlush } = asObject(node["cache"]);
    const zeroes = node["detect_zeroes"] ?? "off";
    const discard = zeroes === "unmap" ? "unmap" : this.#discardBelow(name);
    return {
      ...ownOptions(node, this.work.sentSets),
      driver,
      "read-only": node["ro"] === true,
      "cache": { direct: direct === true, "no-flush": noFlush === true },
      ...zeroes === "off" ? {} : { "detect-zeroes": zeroes },
      ...discard === undefined ? {} : { discard },
      ...isFormat ? await this.#childrenOf(node, depth + 1) : {},
    };
  }

  async #childrenOf(
    node: JsonObject,
    depth: number,
  ): Promise<JsonObject> {
    if (node["children"] === undefined) {
      throw new CannotCarry("this QEMU does not report what is below it");
    }
    const below: JsonObject = {};
    for (const child of objectsIn(node["children"])) {
      const role = text(child["child"]) ?? "";
      const name = text(child["node-name"]) ?? "";
      if (role !== "file" && role !== "backing") {
        throw new CannotCarry(`it has a "${role}"`);
      }
      if (name.startsWith(GENERATED)) {
        below[role] = await this.#describe(name, depth);
        continue;
      }
      await this.carry(name, name, depth);
      if (!this.work.nodes.has(name) && !this.work.sentNodes.has(name)) {
        throw new CannotCarry(`block node "${name}" cannot be carried over`);
      }
      below[role] = name;
    }
    // Otherwise QEMU would open what the image names.
    const hasHeader = node["drv"] !== "raw";
    return hasHeader ? { "backing": null, ...below } : below;
  }

  /** How the node below that is on the command line discards. */
  #discardBelow(name: string): string | undefined {
    let at: string | undefined = name;
    for (let depth = 0; at !== undefined && depth < MAX_DEPTH; depth++) {
      const there = this.work.nodes.get(at);
      if (there?.get("node-name") === at) {
        return there.get("discard") ?? "ignore";
      }
      const children = objectsIn(this.nodes.get(at)?.["children"]);
      at = text(
        children.find((it) => it["child"] === "backing")?.["node-name"],
      );
    }
    return undefined;
  }
}

/** The options of one node that QEMU reports, without those below it. */
function ownOptions(
  node: JsonObject,
  sets: ReadonlySet<string>,
): JsonObject {
  const driver = text(node["drv"]) ?? "";
  const name = text(node["file"]) ?? "";
  if (!name.startsWith("json:")) {
    if (ON_FILES.includes(driver)) return { filename: absolute(name, sets) };
    return {};
  }
  let options: Json;
  try {
    options = parseJson(name.slice("json:".length));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CannotCarry("the name of its image is too long for QEMU");
  }
  if (!isObject(options) || options["driver"] !== driver) {
    throw new CannotCarry("QEMU does not report its options");
  }
  const own = Object.entries(options).filter(([, value]) =>
    typeof value !== "object"
  );
  const { filename } = options;
  if (ON_FILES.includes(driver)) absolute(text(filename) ?? "", sets);
  return Object.fromEntries(own);
}

/**
 * What begins otherwise may be relative, or have a protocol.
 *
 * @param sets descriptor sets that the next program has
 */
function absolute(
  name: string,
  sets: ReadonlySet<string> = new Set<string>(),
): string {
  if (sets.has(name)) return name;
  if (name.startsWith("/") && !name.startsWith(DESCRIPTORS)) return name;
  throw new CannotCarry(`its file has no absolute name: "${name}"`);
}

/** Keys with which QEMU looks for the image; with others it is not changed. */
const OF_IMAGE = ["file", "format"];
const KEPT = [
  ...["if", "id", "media", "index", "bus", "unit", "cache", "aio", "discard"],
  ...["werror", "rerror", "read-only", "readonly", "detect-zeroes"],
  ...["copy-on-read", "serial", "auto-read-only", "node-name"],
];
/** With one of these, QEMU does not start an empty drive. */
const OF_MEDIUM = [
  ...[...OF_IMAGE, "node-name"],
  ...["cache", "discard", "auto-read-only", "serial"],
];
/** Limits do not matter for the image. */
const LIMIT = /^(throttling\.|bps|iops)/;

/** Gives a -drive its present image. */
async function carryDrive(
  work: CarryWork,
  { drive = "", medium }: BlockDevice,
  nodes: LiveNodes,
): Promise<void> {
  const argument = work.argument("drive", drive);
  if (argument === undefined) return; // the check "disk-images" reports it
  const value = keysOf(argument);
  const named = fileUnder(value.get("file") ?? "") ?? "";
  if ((medium?.file ?? "") === named) return;
  await work.attempt(drive, () => {
    requirePlain(value);
    if (medium === undefined) {
      const empty = OF_MEDIUM.reduce((it, key) => it.without(key), value);
      work.draft.setValue(argument, empty, EMPTY);
      for (const key of ["cache", "discard"]) {
        if (!value.has(key)) continue;
        work.unknown.push(`${key}= of the next medium in drive "${drive}"`);
      }
    } else setImage(work, argument, nodes, medium.node);
  });
}

function setImage(
  { draft }: CarryWork,
  argument: Argument,
  nodes: LiveNodes,
  name: string,
): void {
  const node = nodes.get(name);
  if (node === undefined) {
    throw new CannotCarry("QEMU does not report its node");
  }
  requireOpensAlike(node, nodes);
  let value = keysOf(argument)
    .with("file", absolute(text(node["file"]) ?? ""))
    .with("format", text(node["drv"]) ?? "");
  if (!name.startsWith(GENERATED)) value = value.with("node-name", name);
  else value = value.without("node-name");
  const isReadOnly = node["ro"] === true;
  const wasReadOnly = value.get("media") === "cdrom" ||
    (value.boolean("read-only") ?? value.boolean("readonly")) === true;
  if (isReadOnly !== wasReadOnly) {
    value = value.without("readonly").with("read-only", isReadOnly);
  }
  draft.setValue(argument, value, ON_TOP);
}

function requirePlain(value: OptionValue): void {
  const key = value.entries.map(({ key }) => key)
    .find((it) =>
      !OF_IMAGE.includes(it) && !KEPT.includes(it) && !LIMIT.test(it)
    );
  if (key === undefined) return;
  throw new CannotCarry(`"${key}" may belong to the image that it had`);
}

/** The image and those that its header names are the nodes that are in use. */
function requireOpensAlike(root: JsonObject, nodes: LiveNodes): void {
  for (let node = root, depth = 0;; depth++) {
    if (depth > nodes.size || !FORMATS.includes(text(node["drv"]) ?? "")) {
      throw new CannotCarry("QEMU does not report its options");
    }
    const child = (role: string) => {
      const found = objectsIn(node["children"])
        .find((it) => it["child"] === role);
      const name = text(found?.["node-name"]) ?? GENERATED;
      if (!name.startsWith(GENERATED)) {
        throw new CannotCarry(`-drive cannot name node "${name}" below it`);
      }
      return nodes.get(name);
    };
    const file = child("file");
    if (file === undefined || !ON_FILES.includes(text(file["drv"]) ?? "")) {
      throw new CannotCarry("its image is not a file");
    }
    const image = asObject(node["image"]);
    const backing = child("backing");
    const written = text(image["full-backing-filename"]) ??
      text(image["backing-filename"]);
    if (backing === undefined && written === undefined) return;
    if (
      backing === undefined || written === undefined ||
      fileUnder(written) !== fileUnder(text(backing["file"]) ?? "") ||
      image["backing-filename-format"] !== backing["drv"]
    ) {
      throw new CannotCarry(
        "the backing file in its header is not the one in use",
      );
    }
    node = backing;
  }
}
