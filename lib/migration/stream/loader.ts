import { Sink, Source } from "../../stream/mod.ts";
import { loadState, saveState, type VmState } from "../../vmstate/mod.ts";
import {
  type Configuration,
  configurationBody,
  configurationState,
} from "./configuration.ts";
import { Command, RAM_SECTION } from "./framing.ts";
import { decodeStream } from "./decode.ts";
import type {
  DecodedStream,
  DeviceSection,
  OpaqueSection,
  RamSection,
} from "./decoded.ts";
import {
  hex,
  type MigrationStreamError,
  problemAt,
  problemIn,
} from "./error.ts";
import { type IncomingRam, RamLoad } from "./ram_load.ts";
import type { CommandRecord } from "./records.ts";
import { PLAIN_RAM_LAYOUT } from "./ram_block.ts";
import { bodySize, type VmsdDescription } from "./vmdesc.ts";

/** A device that waits for its state. */
export interface SaveStateEntry<V extends object = object> {
  readonly idstr: string;
  readonly instanceId: number;
  readonly state: VmState<V>;
  /** Applies the state. Called once, after the whole stream was valid. */
  load(value: V): void;
}

/** The machine that a stream is loaded into. */
export interface LoadTarget {
  /** Machine type; the stream must have the same. */
  readonly machine: string;
  /** Layout capabilities; the stream must have the same. */
  readonly capabilities?: readonly string[];
  /** 16 bytes; a stream with another UUID is refused. */
  readonly uuid?: Uint8Array;
  /** Every device of this machine; each must be in the stream, once. */
  readonly entries: readonly SaveStateEntry[];
  readonly ram: IncomingRam;
  /** Start of the stream in its file; mapped-ram has offsets in the file. */
  readonly fileOffset?: number | undefined;
}

/**
 * Loads a stream of the embedded machine. Unlike QEMU it refuses missing
 * devices, trailing bytes, and a vmdesc that does not match. Everything is
 * decoded before the first device is changed, so that a refused stream leaves
 * the machine unchanged.
 *
 * @throws {MigrationStreamError | VmstateError} naming section, instance,
 * field and offset
 */
export function loadStream(stream: Uint8Array, target: LoadTarget): void {
  const { fileOffset } = target;
  const decoded = decodeStream(stream, { action: "load", fileOffset });
  const load = new StreamLoad(decoded, target);
  load.check();
  load.apply();
}

class StreamLoad {
  readonly #ram: RamLoad;
  readonly #sectionIds = new Set<number>();
  /** Applies the state of each device. */
  readonly #loads = new Map<SaveStateEntry, () => void>();
  #switchover = false;

  constructor(
    private readonly stream: DecodedStream,
    private readonly target: LoadTarget,
  ) {
    this.#ram = new RamLoad(stream, target.ram);
  }

  check(): void {
    const { configuration, records } = this.stream;
    const problem = configurationProblem(configuration, this.target);
    if (problem !== undefined) throw this.#problem(problem, 0);
    for (const record of records) {
      if (record.type === "command") this.#command(record);
      else if (record.type === "full") this.#device(record);
      else if (record.type === "opaque") throw unknown(record);
      else this.#memory(record);
    }
    this.#checkComplete();
  }

  apply(): void {
    this.#ram.apply();
    for (const load of this.#loads.values()) load();
  }

  #memory(section: RamSection): void {
    if (section.instanceId !== RAM_SECTION.instanceId) throw unknown(section);
    if (section.type === "start") this.#takeId(section);
    this.#ram.check(section);
  }

  #takeId(section: RamSection | DeviceSection): void {
    const { sectionId } = section;
    if (this.#sectionIds.has(sectionId)) {
      throw problemIn(section, `section id ${hex(sectionId)} comes twice`);
    }
    this.#sectionIds.add(sectionId);
  }

  #device(section: DeviceSection): void {
    this.#takeId(section);
    const entry = this.target.entries.find(({ idstr, instanceId }) =>
      idstr === section.name && instanceId === section.instanceId
    );
    if (entry === undefined) throw unknown(section);
    const { state, version, name, instanceId: instance } = section;
    if (version > entry.state.version) {
      throw problemIn(
        section,
        `unsupported version ${version}: newer than ${entry.state.version}`,
      );
    }
    if (!(state instanceof Uint8Array)) {
      throw new TypeError("The state was decoded already");
    }
    const base = state.byteOffset - this.stream.input.byteOffset;
    const source = new Source(state, { base });
    const value = loadState(entry.state, source, {
      version,
      section: name,
      instance,
    });
    if (source.remaining > 0) {
      throw problemIn(
        section,
        `${state.length} bytes, not ${state.length - source.remaining}`,
      );
    }
    this.#loads.set(entry, () => entry.load(value));
  }

  #command({ command, offset }: CommandRecord): void {
    if (command !== Command.SWITCHOVER_START) {
      throw this.#problem(`command ${command} has no place in a file`, offset);
    }
    if (this.#switchover) {
      throw this.#problem("the switchover starts twice", offset);
    }
    this.#switchover = true;
  }

  #checkComplete(): void {
    const { trailing, hasFooters } = this.stream;
    if (!hasFooters) throw this.#problem("its sections have no footers");
    const missing = this.target.entries.filter((it) => !this.#loads.has(it))
      .map(({ idstr, instanceId }) => `"${idstr}" instance ${instanceId}`);
    if (missing.length > 0) {
      throw this.#problem(`sections are missing: ${missing.join(", ")}`);
    }
    if (!this.#ram.ended) {
      throw this.#problem(`section "${RAM_SECTION.name}" has no end`);
    }
    if (!this.#switchover) throw this.#problem("the switchover is missing");
    this.#ram.checkComplete();
    if (trailing.length > 0) {
      throw this.#problem(`${trailing.length} bytes follow the description`);
    }
    const states = [...this.#loads.keys()].map(({ state }) => state);
    const problem = vmdescProblem(this.stream, states);
    if (problem !== undefined) {
      throw this.#problem(
        `the description does not fit the stream: ${problem}`,
        this.stream.vmdesc?.offset,
      );
    }
  }

  #problem(
    problem: string,
    offset: number = this.stream.input.length,
  ): MigrationStreamError {
    return problemAt(problem, offset);
  }
}

function unknown(
  section: DeviceSection | OpaqueSection | RamSection,
): MigrationStreamError {
  return problemIn(
    section,
    "unknown section or instance: the machine that saved has it, this one " +
      "has not",
  );
}

function configurationProblem(
  received: Configuration | undefined,
  target: LoadTarget,
): string | undefined {
  if (received === undefined) return "it has no configuration";
  if (received.machine !== target.machine) {
    return `machine type received is "${received.machine}" and local is ` +
      `"${target.machine}"`;
  }
  const theirs = new Set(received.capabilities);
  const ours = new Set(target.capabilities);
  const different = theirs.symmetricDifference(ours);
  for (const name of different) {
    return `capability "${name}" is ${onOff(ours.has(name))} here, but ` +
      `${onOff(theirs.has(name))} in the stream`;
  }
  const [their, our] = [received.uuid?.toHex(), target.uuid?.toHex()];
  if (their !== undefined && our !== undefined && their !== our) {
    return `UUID received is ${their} and local is ${our}`;
  }
  return undefined;
}

function onOff(on: boolean): string {
  return on ? "on" : "off";
}

/**
 * How the vmdesc of a stream differs from the machine that was loaded: by other
 * names, or another order. Sections, versions and sizes were already compared
 * while the stream was decoded.
 *
 * @param states of the devices, in stream order
 */
export function vmdescProblem(
  { vmdesc, configuration }: DecodedStream,
  states: readonly VmState<object>[],
): string | undefined {
  if (vmdesc === undefined) return "there is none";
  const { description } = vmdesc;
  const { pageSize, devices } = description;
  if (pageSize !== PLAIN_RAM_LAYOUT.pageSize) return `page size ${pageSize}`;
  if (configuration === undefined || description.configuration === undefined) {
    return "it has no configuration";
  }
  const sink = new Sink();
  saveState(configurationState, configurationBody(configuration), sink);
  const size = bodySize(description.configuration);
  const inConfiguration =
    difference(description.configuration, configurationState) ??
      (size === sink.offset ? undefined : `${size} bytes, not ${sink.offset}`);
  if (inConfiguration !== undefined) return `configuration: ${inConfiguration}`;
  for (const [index, { name, instanceId, vmsd }] of devices.entries()) {
    const state = states[index];
    const problem = vmsd === undefined || state === undefined
      ? "it is not described"
      : difference(vmsd, state);
    if (problem !== undefined) {
      return `section "${name}" instance ${instanceId}: ${problem}`;
    }
  }
  return undefined;
}

/** Compares names at the top level; of nested structs only the size. */
function difference(
  vmsd: VmsdDescription,
  state: VmState<object>,
): string | undefined {
  if (vmsd.name !== state.name) return `it is named "${vmsd.name}"`;
  const names = state.fields.map(({ name }) => name);
  let next = 0;
  for (const { name } of vmsd.fields) {
    const found = names.indexOf(name, next);
    if (found < 0) return `field "${name}" has no place there`;
    next = found;
  }
  for (const sub of vmsd.subsections) {
    const known = state.subsections.find(({ state }) =>
      state.name === sub.name
    );
    if (known === undefined) return `subsection "${sub.name}" is not known`;
    const problem = difference(sub, known.state);
    if (problem !== undefined) return `subsection "${sub.name}": ${problem}`;
  }
  return undefined;
}
