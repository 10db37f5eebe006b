/** Shared by the files that carry changes over. @module */

import { type Argument, keysOf, type OptionValue } from "../../cmdline/mod.ts";
import { type JsonObject, stringifyJson } from "../../qmp/mod.ts";
import type { CommandDraft, LiveProcess } from "../command/draft.ts";
import type { Inventory } from "../vm/inventory.ts";
import type { CarriedCommand } from "./carried.ts";

/** No real VM has longer words, or more of them. */
const MAX_WORD = 64 * 1024;
const MAX_WORDS = 512;

/** In JSON, what QEMU does not read: NUL, and halves of characters. */
const NO_TEXT = /\\u(0000|d[89a-f]..)/i;

/** Something that was changed at run time cannot be given to a program. */
export class CannotCarry extends Error {
  override readonly name = "CannotCarry";
}

/** Whether a program can be given it. */
export function isWord(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0") &&
    text.length <= MAX_WORD;
}

function noArgument(): CannotCarry {
  return new CannotCarry("it has a value that no argument can give");
}

/** The command line while it is brought up to date with the VM. */
export class CarryWork {
  readonly commands: CarriedCommand[] = [];
  readonly devices = new Set<string>();
  readonly obstacles = new Map<string, string>();
  readonly unknown: string[] = [];
  /** Descriptor sets by path, which the next program has later than files. */
  readonly sentSets = new Set<string>();
  /** Ids of back ends that commands make, as arguments cannot. */
  readonly sentNetdevs = new Set<string>();
  /** Names of such block nodes. */
  readonly sentNodes = new Set<string>();
  /** QOM paths of devices that depend on them. */
  readonly sentDevices = new Set<string>();
  readonly #values = new WeakMap<Argument, OptionValue>();
  readonly #nodeNames = new WeakMap<Argument, readonly string[]>();
  #nodes: ReadonlyMap<string, OptionValue> = new Map();
  /** The arguments that they were found in; an edit replaces the array. */
  #nodesOf: readonly Argument[] | undefined;
  #added = 0;

  constructor(
    readonly draft: CommandDraft,
    readonly inventory: Inventory,
    readonly live: LiveProcess,
  ) {}

  /** Adds an option in JSON: no name in it can have a meaning of its own. */
  add(option: string, value: JsonObject, why: string): void {
    const text = stringifyJson(value);
    if (NO_TEXT.test(text)) throw noArgument();
    this.addText(option, text, why);
  }

  /** Adds an option as QEMU writes it where it takes no JSON. */
  addText(option: string, value: string, why: string): void {
    this.#requireLikely(value);
    this.draft.append([`-${option}`, value], why);
  }

  /** Adds a command; the journal has it as well. */
  addCommand(execute: string, given: JsonObject, descriptor?: number): void {
    this.#requireLikely(stringifyJson(given));
    this.commands.push({
      ...{ execute, arguments: given },
      ...descriptor === undefined ? {} : { descriptor },
    });
  }

  #requireLikely(value: string): void {
    if (!isWord(value)) throw noArgument();
    if (++this.#added > MAX_WORDS) {
      throw new CannotCarry("more was added than a VM can have");
    }
  }

  /** The keys of an argument, parsed once. */
  valueOf(argument: Argument): OptionValue {
    return this.#values.getOrInsertComputed(argument, () => keysOf(argument));
  }

  /** The -blockdev or -drive of each block node on the command line. */
  get nodes(): ReadonlyMap<string, OptionValue> {
    const { draft } = this;
    if (this.#nodesOf !== draft.arguments) {
      this.#nodesOf = draft.arguments;
      this.#nodes = new Map(
        draft.of("blockdev", "drive").flatMap((argument) =>
          this.#nodeNames.getOrInsertComputed(
            argument,
            () => nodeNames(this.valueOf(argument)),
          ).map((name) => [name, this.valueOf(argument)] as const)
        ),
      );
    }
    return this.#nodes;
  }

  /** The only argument of an option with this id. */
  argument(option: string, id: string): Argument | undefined {
    return this.draft.of(option)
      .find((it) => this.valueOf(it).get("id") === id);
  }

  /** Removes the arguments whose ids the VM no longer has. */
  removeGone(
    option: string,
    present: ReadonlySet<string>,
    key = "id",
  ): void {
    for (const argument of this.draft.of(option)) {
      const id = this.valueOf(argument).get(key);
      if (id !== undefined && !present.has(id)) {
        this.draft.remove(argument, "removed at run time");
      }
    }
  }

  /** Does one thing; if it cannot be carried, a check refuses it by name. */
  async attempt(id: string, work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CannotCarry)) throw error;
      this.obstacles.set(id, error.message);
    }
  }
}

/** The nodes that an option makes: its own, and those it has inside. */
function nodeNames({ entries }: OptionValue): string[] {
  return entries.filter(({ key }) => /(^|\.)node-name$/.test(key))
    .map(({ value }) => value);
}
