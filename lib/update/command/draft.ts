import { type Mount, readMountinfo } from "../../proc/mountinfo.ts";
import { readFdinfo } from "../../proc/fdinfo.ts";
import { readDescriptors } from "../../proc/descriptors.ts";
import {
  type Argument,
  keysOf,
  type OptionTable,
  type OptionValue,
  parseArguments,
  redactedWord,
  withValue,
} from "../../cmdline/mod.ts";
import type { UpdateProblem } from "../error.ts";
import type { VhostNet } from "../process/vhost_net.ts";
import type { Facts } from "../vm/facts.ts";

/** A descriptor of a tap interface: one queue of it. */
export interface TapQueue {
  readonly descriptor: number;
  /** Name of the interface. */
  readonly interface: string;
  /** Whether exec closes it. */
  readonly closesOnExec: boolean;
}

/** What /proc says about a process. */
export interface LiveProcess {
  /** In the order in which they were opened. */
  readonly taps: readonly TapQueue[];
  /** Where file systems of huge pages are mounted. */
  readonly hugePageMounts: readonly string[];
  /** Descriptors of vhost-net, in use or left from before an exec. */
  readonly vhostNets: readonly number[];
  /** Why vhost-net cannot be opened for a descriptor in its place, if so. */
  readonly vhostProblem: (descriptor: number) => UpdateProblem | undefined;
}

const TUN = "/dev/net/tun";
const HUGE_PAGES = "hugetlbfs";

/** Reads it from /proc. */
export async function readLiveProcess(
  pid: number,
  vhostNet: VhostNet,
): Promise<LiveProcess> {
  const [links, mounts] = await Promise.all([
    readDescriptors(pid),
    readMountinfo(pid),
  ]);
  return {
    taps: await readTaps(pid, links),
    hugePageMounts: hugePageMounts(mounts),
    vhostNets: [...links].filter(([, link]) => link === vhostNet.path)
      .map(([number]) => number),
    vhostProblem: (descriptor) => vhostNet.problemOf(pid, descriptor),
  };
}

async function readTaps(
  pid: number,
  all: Iterable<readonly [number, string]>,
): Promise<TapQueue[]> {
  const taps: TapQueue[] = [];
  const links = [...all].sort(([a], [b]) => a - b);
  for (const [descriptor, link] of links) {
    if (link !== TUN) continue;
    const info = await readFdinfo(pid, descriptor);
    if (info?.interface === undefined) continue; // it belongs to none yet
    const { interface: name, closesOnExec } = info;
    taps.push({ descriptor, interface: name, closesOnExec });
  }
  return taps;
}

/** Where file systems of huge pages are mounted. */
export function hugePageMounts(mounts: readonly Mount[]): string[] {
  return mounts.filter(({ type }) => type === HUGE_PAGES)
    .map(({ mountPoint }) => mountPoint);
}

/** A problem that no edit of the command line can solve. */
export interface CommandProblem {
  readonly verdict: "warn" | "refuse";
  readonly detail: string;
  /** One imperative sentence. */
  readonly remedy: string;
}

/** What a rule knows about the VM, besides its command line. */
export interface Situation {
  readonly facts: Facts;
  readonly live: LiveProcess;
}

/**
 * Edits options that would lose the VM or slow it down. Applying it a second
 * time changes nothing.
 */
export type Rule = (draft: CommandDraft, situation: Situation) => void;

/** A change to the command line, with its reason. */
export interface CommandChange {
  /** Null if words were added. */
  readonly from: string | null;
  /** Null if words were removed. */
  readonly to: string | null;
  readonly why: string;
}

/**
 * A command line while rules edit it for the next program, one after the other.
 * Each edit is recorded with its reason. Arguments that no rule touches keep
 * their exact words.
 */
export class CommandDraft {
  #arguments: readonly Argument[];
  readonly #changes: CommandChange[] = [];
  readonly #problems: CommandProblem[] = [];

  readonly #options: OptionTable | undefined;

  /**
   * @param options that the program knows; default: QEMU's own
   * @throws {CmdlineError} when the words cannot be read
   */
  constructor(words: readonly string[], options?: OptionTable) {
    this.#options = options;
    this.#arguments = this.#parse(words);
  }

  /** The current arguments. */
  get arguments(): readonly Argument[] {
    return this.#arguments;
  }

  /** The current words. */
  get words(): string[] {
    return this.#arguments.flatMap(({ words }) => words);
  }

  get changes(): readonly CommandChange[] {
    return this.#changes;
  }

  get problems(): readonly CommandProblem[] {
    return this.#problems;
  }

  /** The arguments of these options, in order. */
  of(...options: readonly string[]): Argument[] {
    return this.#arguments.filter(({ option }) => options.includes(option));
  }

  /** Replaces an argument with other words, or removes it if there are none. */
  replace(argument: Argument, words: readonly string[], why: string): void {
    this.#arguments = this.#arguments.flatMap((each) =>
      each === argument ? this.#parse(words) : [each]
    );
    this.#note(argument.words, words, why);
  }

  /** Gives an argument another value. */
  setValue(argument: Argument, value: string | OptionValue, why: string): void {
    this.replace(argument, withValue(argument, String(value)).words, why);
  }

  /** Removes an argument. */
  remove(argument: Argument, why: string): void {
    this.replace(argument, [], why);
  }

  /** Removes a key of an argument, and the argument if nothing is left. */
  removeKey(argument: Argument, key: string, why: string): void {
    const rest = keysOf(argument).without(key);
    if (rest.entries.length === 0) this.remove(argument, why);
    else this.setValue(argument, rest, why);
  }

  /** Adds words at the end. */
  append(words: readonly string[], why: string): void {
    this.#arguments = [...this.#arguments, ...this.#parse(words)];
    this.#note([], words, why);
  }

  /** Records that the new program must not be started like this. */
  refuse(detail: string, remedy: string): void {
    this.#problems.push({ verdict: "refuse", detail, remedy });
  }

  /** Records a side effect of starting the new program. */
  warn(detail: string, remedy: string): void {
    this.#problems.push({ verdict: "warn", detail, remedy });
  }

  #parse(words: readonly string[]): Argument[] {
    return parseArguments(words, this.#options);
  }

  #note(from: readonly string[], to: readonly string[], why: string): void {
    this.#changes.push({
      from: from.length === 0 ? null : shellWords(from),
      to: to.length === 0 ? null : shellWords(to),
      why,
    });
  }
}

/** Words that a shell does not change. */
const PLAIN = /^[\w%+,.:=@/-]+$/;

/** Words as one would type them into a shell, with secrets redacted. */
export function shellWords(words: readonly string[]): string {
  return words.map(redactedWord).map((word) =>
    PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
  ).join(" ");
}
