import { type Source, StreamError } from "../../stream/mod.ts";
import { loadState, type VmState, VmstateError } from "../../vmstate/mod.ts";
import { readCommand } from "./commands.ts";
import {
  type Configuration,
  configurationOf,
  configurationState,
} from "./configuration.ts";
import { Command, RAM_SECTION, RecordType } from "./constants.ts";
import { MigrationStreamError, problemText } from "./error.ts";
import {
  readSectionFooter,
  readSectionHeader,
  readStreamHeader,
  type SectionHeader,
} from "./framing.ts";
import { hex } from "./hex.ts";
import { checkVmdesc, type LoadedSection } from "./loaded_vmdesc.ts";
import { type IncomingRam, RamLoad } from "./ram_load.ts";

/** A device that waits for its state. */
export interface SaveStateEntry<V extends object = object> {
  readonly idstr: string;
  readonly instanceId: number;
  readonly state: VmState<V>;
  /** Takes the state over. Called once, when the whole stream was right. */
  load(value: V): void;
}

/** What a stream is loaded into. */
export interface LoadTarget {
  /** Class name of the machine; the stream must come from the same. */
  readonly machine: string;
  /** Layout capabilities that are on here; the same must be on there. */
  readonly capabilities?: readonly string[];
  /** 16 bytes; a stream that names another one is refused. */
  readonly uuid?: Uint8Array;
  /** Every device of this machine; each must be in the stream, once. */
  readonly entries: readonly SaveStateEntry[];
  readonly ram: IncomingRam;
}

/**
 * Loads a stream of the embedded machine, strictly: unlike QEMU it refuses a
 * stream with a device too few, bytes too many, or a description of something
 * else. Everything is decoded before the first device hears of it, so that a
 * stream that is refused leaves the machine as it was.
 *
 * @throws {MigrationStreamError | VmstateError} naming section, instance,
 * field and offset
 */
export function loadStream(source: Source, target: LoadTarget): void {
  const load = new StreamLoad(source, target);
  load.run();
  load.apply();
}

class StreamLoad {
  readonly #source: Source;
  readonly #target: LoadTarget;
  readonly #ram: RamLoad;
  readonly #idsSeen = new Set<number>();
  readonly #entriesSeen = new Set<SaveStateEntry>();
  readonly #loaded: LoadedSection[] = [];
  readonly #applications: (() => void)[] = [];
  #ramHeader: SectionHeader | undefined;
  /** The section being read, for messages. */
  #current: SectionHeader | undefined;
  #switchover = false;

  constructor(source: Source, target: LoadTarget) {
    this.#source = source;
    this.#target = target;
    this.#ram = new RamLoad(source, target.ram);
  }

  run(): void {
    try {
      readStreamHeader(this.#source);
      const configuration = this.#configuration();
      while (this.#record());
      this.#checkComplete();
      checkVmdesc(this.#source, configuration, this.#loaded);
    } catch (error) {
      throw this.#located(error);
    }
  }

  apply(): void {
    this.#ram.apply();
    for (const apply of this.#applications) apply();
  }

  #configuration(): number {
    const source = this.#source;
    const type = source.u8();
    if (type !== RecordType.CONFIGURATION) {
      throw this.#problem(`record ${hex(type)} in place of the configuration`);
    }
    const start = source.offset;
    const body = loadState(configurationState, source);
    const problem = configurationProblem(configurationOf(body), this.#target);
    if (problem !== undefined) throw this.#problem(problem, start);
    return source.offset - start;
  }

  /** Reads one record; false after EOF. */
  #record(): boolean {
    const type = this.#source.u8();
    switch (type) {
      case RecordType.EOF:
        return false;
      case RecordType.SECTION_START:
        this.#section(() => this.#ramStart());
        return true;
      case RecordType.SECTION_PART:
      case RecordType.SECTION_END:
        this.#section(() => this.#ramMore(type));
        return true;
      case RecordType.SECTION_FULL:
        this.#section(() => this.#device());
        return true;
      case RecordType.COMMAND:
        this.#command();
        return true;
      default:
        throw this.#problem(`unknown record type ${hex(type)}`);
    }
  }

  #section(read: () => SectionHeader): void {
    const header = read();
    readSectionFooter(this.#source, header);
    this.#current = undefined;
  }

  #header(): SectionHeader {
    const offset = this.#source.offset;
    const header = readSectionHeader(this.#source);
    this.#current = header;
    if (this.#idsSeen.has(header.sectionId)) {
      throw this.#problem(
        `section id ${hex(header.sectionId)} comes twice`,
        offset,
      );
    }
    this.#idsSeen.add(header.sectionId);
    return header;
  }

  #ramStart(): SectionHeader {
    const header = this.#header();
    const { idstr, instanceId, version } = RAM_SECTION;
    if (header.idstr !== idstr || header.instanceId !== instanceId) {
      throw this.#problem("unknown section or instance");
    }
    if (this.#ramHeader !== undefined) throw this.#problem("it starts twice");
    if (header.version !== version) {
      throw this.#problem(`unsupported version ${header.version}`);
    }
    this.#ramHeader = header;
    this.#ram.start();
    return header;
  }

  #ramMore(
    type: typeof RecordType.SECTION_PART | typeof RecordType.SECTION_END,
  ): SectionHeader {
    const sectionId = this.#source.u32();
    if (this.#ramHeader?.sectionId !== sectionId) {
      throw this.#problem(`section id ${hex(sectionId)} was not started`);
    }
    this.#current = this.#ramHeader;
    if (this.#ram.ended) throw this.#problem("it goes on after its end");
    if (type === RecordType.SECTION_PART) this.#ram.part();
    else this.#ram.end();
    return this.#ramHeader;
  }

  #device(): SectionHeader {
    const header = this.#header();
    const entry = this.#target.entries.find((entry) =>
      entry.idstr === header.idstr && entry.instanceId === header.instanceId
    );
    if (entry === undefined) {
      throw this.#problem(
        "unknown section or instance: the machine that saved has it, this " +
          "one has not",
      );
    }
    if (this.#entriesSeen.has(entry)) throw this.#problem("it comes twice");
    this.#entriesSeen.add(entry);
    this.#load(entry, header);
    return header;
  }

  #load(entry: SaveStateEntry, header: SectionHeader): void {
    const { version, idstr: section, instanceId: instance } = header;
    if (version > entry.state.version) {
      throw this.#problem(
        `unsupported version ${version}: newer than ${entry.state.version}`,
      );
    }
    const start = this.#source.offset;
    const value = loadState(entry.state, this.#source, {
      version,
      section,
      instance,
    });
    this.#loaded.push({
      header,
      state: entry.state,
      size: this.#source.offset - start,
    });
    this.#applications.push(() => entry.load(value));
  }

  #command(): void {
    const { command } = readCommand(this.#source);
    if (command !== Command.SWITCHOVER_START) {
      throw this.#problem(`command ${command} has no place in a file`);
    }
    if (this.#switchover) throw this.#problem("the switchover starts twice");
    this.#switchover = true;
  }

  #checkComplete(): void {
    const missing = this.#target.entries.filter((entry) =>
      !this.#entriesSeen.has(entry)
    );
    if (missing.length > 0) {
      const names = missing.map(({ idstr, instanceId }) =>
        `"${idstr}" instance ${instanceId}`
      );
      throw this.#problem(`sections are missing: ${names.join(", ")}`);
    }
    if (!this.#ram.ended) {
      throw this.#problem(`section "${RAM_SECTION.idstr}" has no end`);
    }
    if (!this.#switchover) throw this.#problem("the switchover is missing");
    this.#ram.checkComplete();
  }

  #problem(
    problem: string,
    offset: number = this.#source.offset,
  ): MigrationStreamError {
    return new MigrationStreamError(problem, {
      section: this.#current?.idstr,
      instance: this.#current?.instanceId,
      offset,
    });
  }

  /** Adds the section to errors of layers that do not know of sections. */
  #located(error: unknown): unknown {
    if (!(error instanceof StreamError) || error instanceof VmstateError) {
      return error;
    }
    const hasPlace = error instanceof MigrationStreamError &&
      (error.location.section !== undefined || this.#current === undefined);
    if (hasPlace) return error;
    return new MigrationStreamError(problemText(error), {
      section: this.#current?.idstr,
      instance: this.#current?.instanceId,
      offset: error.offset,
    }, { cause: error });
  }
}

function configurationProblem(
  received: Configuration,
  target: LoadTarget,
): string | undefined {
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
