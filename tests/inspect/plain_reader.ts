/**
 * A second reading of migration streams, to hold the first against: written
 * from the format alone, and sharing nothing with lib/. It is as short as it
 * can be, knows no hostile input, and keeps all in memory.
 *
 * @module
 */

/** What a stream says. */
export interface PlainReading {
  readonly machine: string;
  readonly capabilities: readonly string[];
  readonly pageSize: number;
  /** By name and instance, such as "cpu:1": values by their paths. */
  readonly sections: ReadonlyMap<string, ReadonlyMap<string, PlainValue>>;
  readonly blocks: ReadonlyMap<string, PlainBlock>;
}

/** A value as JSON has it: 64-bit integers and bytes as text. */
export type PlainValue = boolean | number | string | null;

/** Guest memory of one block: how often a page was sent. */
export interface PlainBlock {
  readonly size: number;
  pages: number;
  zeroPages: number;
}

/** JavaScript's strings have an end. */
const LARGEST_VMDESC = 64 * 1024 * 1024;

/** What vmdesc says was sent; nothing of it is checked here. */
interface Description {
  readonly vmsd_name: string;
  readonly version: number;
  readonly fields: readonly Field[];
  readonly subsections?: readonly Description[];
}

interface Field extends Partial<Omit<Description, "version">> {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly index?: number;
  readonly array_len?: number;
  readonly struct?: Description;
}

interface Device extends Description {
  readonly name: string;
  readonly instance_id: number;
  /** Where it has no description. */
  readonly size: number;
}

/** Reads a whole stream. */
export function readPlainly(bytes: Uint8Array): PlainReading {
  return new PlainReader(bytes).read();
}

class PlainReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #sections = new Map<string, Map<string, PlainValue>>();
  readonly #blocks = new Map<string, PlainBlock>();
  #at = 0;
  #capabilities: string[] = [];
  #pageSize = 0;
  #block = "";

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  read(): PlainReading {
    if (this.#text(4) !== "QEVM" || this.#number(4) !== 3) throw this.#error();
    const machine = this.#configuration();
    const { devices, page_size } = this.#vmdesc();
    this.#pageSize = page_size;
    let next = 0;
    let hasFooters: boolean | undefined;
    for (let type = this.#number(1); type !== 0; type = this.#number(1)) {
      if (type === 8) {
        this.#skip(2);
        this.#skip(this.#number(2));
        continue;
      }
      const id = this.#number(4);
      const isNew = type === 1 || type === 4;
      const name = isNew ? this.#text(this.#number(1)) : "ram";
      const instance = isNew ? this.#number(4) : 0;
      if (isNew) this.#skip(4);
      if (type === 4) this.#device(name, instance, devices[next++]);
      else if (name === "ram") this.#ram();
      else throw this.#error();
      // All have a footer, or none.
      hasFooters ??= this.#bytes[this.#at] === 0x7e;
      const isWhole = !hasFooters ||
        this.#number(1) === 0x7e && this.#number(4) === id;
      if (!isWhole) throw this.#error();
    }
    if (next !== devices.length) throw this.#error();
    return {
      machine,
      capabilities: this.#capabilities,
      pageSize: this.#pageSize,
      sections: this.#sections,
      blocks: this.#blocks,
    };
  }

  #configuration(): string {
    if (this.#number(1) !== 7) throw this.#error();
    const machine = this.#text(this.#number(4));
    while (this.#bytes[this.#at] === 5) {
      this.#at++;
      const name = this.#text(this.#number(1));
      this.#skip(4);
      if (name === "configuration/capabilities") {
        for (let left = this.#number(4); left > 0; left--) {
          this.#capabilities.push(this.#text(this.#number(1)));
        }
      } else if (name === "configuration/target-page-bits") {
        this.#skip(4);
      } else if (name === "configuration/uuid") this.#skip(16);
      else throw this.#error();
    }
    return machine;
  }

  /** It is the last object of the file, behind its length. */
  #vmdesc(): { devices: readonly Device[]; page_size: number } {
    const { length } = this.#bytes;
    const end = this.#bytes.subarray(-LARGEST_VMDESC);
    const text = new TextDecoder("latin1").decode(end);
    const json = text.slice(text.lastIndexOf('{"configuration"'));
    if (this.#view.getUint32(length - json.length - 4) !== json.length) {
      throw this.#error();
    }
    return JSON.parse(json);
  }

  #ram(): void {
    for (;;) {
      const word = this.#long();
      const flags = Number(word % BigInt(this.#pageSize));
      const address = Number(word) - flags;
      if (flags === 0x10) return;
      if (flags === 0x200) continue;
      if (flags === 0x04) {
        this.#blockList(address);
        continue;
      }
      if ((flags & 0x20) === 0) this.#block = this.#text(this.#number(1));
      const block = this.#blocks.get(this.#block);
      if (block === undefined) throw this.#error();
      if ((flags & 0x08) !== 0) {
        block.pages++;
        this.#skip(this.#pageSize);
      } else if ((flags & 0x02) !== 0) {
        block.zeroPages++;
        this.#skip(1);
      } else if ((flags & 0x40) !== 0) {
        this.#skip(1);
        this.#skip(this.#number(2));
      } else throw this.#error();
    }
  }

  #blockList(total: number): void {
    for (let sum = 0; sum < total;) {
      const name = this.#text(this.#number(1));
      const size = Number(this.#long());
      sum += size;
      if (this.#capabilities.includes("x-ignore-shared")) this.#at += 8;
      const block = { size, pages: 0, zeroPages: 0 };
      if (this.#capabilities.includes("mapped-ram")) this.#mapped(block);
      this.#blocks.set(name, block);
    }
  }

  /** Little-endian words of a bitmap: bit i of byte j is page 8j + i. */
  #mapped(block: PlainBlock): void {
    this.#skip(4 + 8);
    const bitmap = Number(this.#long());
    const content = Number(this.#long());
    for (let page = 0; page < block.size / this.#pageSize; page++) {
      const byte = this.#bytes[bitmap + Math.floor(page / 8)] ?? 0;
      if ((byte >> page % 8 & 1) === 1) block.pages++;
      else block.zeroPages++;
    }
    this.#at = content + block.size;
  }

  #device(name: string, instance: number, described?: Device): void {
    if (described === undefined) throw this.#error();
    const { name: wanted, instance_id, vmsd_name, size } = described;
    if (wanted !== name || instance_id !== instance) throw this.#error();
    const values = new Map<string, PlainValue>();
    this.#sections.set(`${name}:${instance}`, values);
    if (vmsd_name === undefined) values.set("data", this.#hex(size));
    else this.#body(described, "", values);
  }

  #body(
    { fields, subsections = [] }: Pick<Description, "fields" | "subsections">,
    prefix: string,
    values: Map<string, PlainValue>,
  ): void {
    const isList = new Set<string>(); // names of more than one value
    const seen = new Set<string>();
    for (const { name, type, index, array_len } of fields) {
      const isElement = array_len !== undefined || index !== undefined ||
        type === "ptr-marker" || type === "nullptr";
      if (isElement || seen.has(name)) isList.add(name);
      seen.add(name);
    }
    const count = new Map<string, number>();
    for (const field of fields) {
      const { name, array_len = 1 } = field;
      for (let element = 0; element < array_len; element++) {
        const index = count.get(name) ?? 0;
        const path = prefix + name + (isList.has(name) ? `[${index}]` : "");
        const wasOne = this.#value(field, path, values);
        if (wasOne) count.set(name, index + 1);
      }
    }
    for (const subsection of subsections) {
      const { vmsd_name, version } = subsection;
      const isIt = this.#number(1) === 5 &&
        this.#text(this.#number(1)) === vmsd_name &&
        this.#number(4) === version;
      if (!isIt) throw this.#error();
      this.#body(subsection, `${prefix}${vmsd_name}.`, values);
    }
  }

  /** False for the marker of a value that comes next. */
  #value(
    { type, size, struct, fields }: Field,
    path: string,
    values: Map<string, PlainValue>,
  ): boolean {
    const isSigned = /^u?int/.test(type) && !type.startsWith("u");
    const inside = struct ??
      (fields !== undefined && !/^(q|gtree)/.test(type)
        ? { fields }
        : undefined);
    if (inside !== undefined) this.#body(inside, `${path}.`, values);
    else if (/^(ptr-marker|nullptr)$/.test(type)) {
      if (this.#number(1) === 0x31) return false;
      values.set(path, null);
    } else if (type === "bool") values.set(path, this.#number(1) !== 0);
    else if (/^(u?int(8|16|32))( equal| le)?$/.test(type)) {
      const number = this.#number(size);
      const isBelow = isSigned && number >= 2 ** (8 * size - 1);
      values.set(path, isBelow ? number - 2 ** (8 * size) : number);
    } else if (/^(int64|timer)$/.test(type)) {
      values.set(path, String(BigInt.asIntN(64, this.#long())));
    } else if (/^(uint64|int64 equal|CPU_Double_U)$/.test(type)) {
      values.set(path, String(this.#long()));
    } else if (type === "bitmap") {
      for (let word = 0; word < size / 8; word++) {
        values.set(`${path}[${word}]`, String(this.#long()));
      }
    } else if (type === "pci irq state") {
      for (let pin = 0; pin < 4; pin++) {
        values.set(`${path}[${pin}]`, this.#number(4));
      }
    } else values.set(path, this.#hex(size));
    return true;
  }

  #number(size: number): number {
    let value = 0;
    for (let left = size; left > 0; left--) {
      value = value * 256 + (this.#bytes[this.#at++] ?? NaN);
    }
    return value;
  }

  /** A call, as the count may have to be read first. */
  #skip(count: number): void {
    this.#at += count;
  }

  #long(): bigint {
    this.#at += 8;
    return this.#view.getBigUint64(this.#at - 8);
  }

  #text(length: number): string {
    let text = "";
    for (let left = length; left > 0; left--) {
      text += String.fromCharCode(this.#number(1));
    }
    return text;
  }

  #hex(length: number): string {
    let text = "";
    for (let left = length; left > 0; left--) {
      text += this.#number(1).toString(16).padStart(2, "0");
    }
    return text;
  }

  #error(): Error {
    return new Error(`Cannot read the stream at ${this.#at}`);
  }
}
