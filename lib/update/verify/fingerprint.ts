/**
 * A description of a VM at one moment. It is taken four times:
 *
 * ```
 * moment    on           compared with   a difference
 * checked   source
 * stopped   source       checked         a client changed the VM: starts over
 * started   destination  checked         the guest would see it: rolls back
 * loaded    destination  both            the same
 * ```
 *
 * By cpr-transfer all of "stopped" is taken just before the stop, and what must
 * not be lost once more after it, as "saved".
 *
 * @module
 */

import { type Executor, isObject, type Json } from "../../qmp/mod.ts";
import { UpdateProblem } from "../error.ts";
import { blockNodes, drives } from "./block_graph.ts";
import { devices, pciDevices } from "./devices.ts";
import {
  type Difference,
  differencesBetween,
  phraseOfAll,
} from "./difference.ts";
import {
  backEnds,
  machine,
  memoryBackends,
  memoryDevices,
  vcpus,
} from "./machine.ts";
import { askAll, MOMENTS, type Replies } from "./queries.ts";
import { chardevs, objects, SETTINGS } from "./settings.ts";
import type { Objects, View } from "./view.ts";

/** The VM was changed after the checks. */
export class VmChangedProblem extends UpdateProblem {
  override readonly name = "VmChangedProblem";
}

/** What a new program must have as the old one had it. */
const VM = {
  /** The program and its command line alone decide on it. */
  made: [
    ...[machine, vcpus, memoryBackends],
    ...[drives, blockNodes, backEnds],
    ...[objects, chardevs],
  ],
  /** The guest's state does as well. */
  loaded: [memoryDevices, devices, pciDevices],
} as const satisfies Readonly<Record<string, readonly View[]>>;

/** A part of what is compared. */
export type Part = keyof typeof VM;
const ALL: readonly Part[] = ["made", "loaded"];

/** Until the runtime has compiled what is executed often. */
const WARM_UP_ROUNDS = 4;

/** A VM at one moment. */
export class Fingerprint {
  readonly #objects = new Map<View, Objects>();

  private constructor(private readonly replies: Replies) {}

  /**
   * Sends all queries of a moment at once: the guest may be stopped.
   *
   * @param like of the same VM
   */
  static async take(
    client: Executor,
    moment: keyof typeof MOMENTS,
    like?: Fingerprint,
  ): Promise<Fingerprint> {
    const replies = await askAll(client, MOMENTS[moment], like?.replies);
    return new Fingerprint(replies);
  }

  /** What a new program has before it has the guest's state. */
  static async ofNew(client: Executor): Promise<Fingerprint> {
    const [started, loaded] = await Promise.all([
      Fingerprint.take(client, "started"),
      Fingerprint.take(client, "loaded"),
    ]);
    return started.updatedBy(loaded);
  }

  /** This one, with what a later one has. */
  updatedBy(later: Fingerprint): Fingerprint {
    return new Fingerprint({ ...this.replies, ...later.replies });
  }

  /**
   * Compares what an administrator can change with a later moment.
   *
   * @throws {VmChangedProblem} naming what differs
   */
  requireUnchanged(later: Fingerprint): void {
    const changed = this.#differences(later, SETTINGS);
    if (changed.length === 0) return;
    throw new VmChangedProblem(
      "changed-meanwhile",
      `The VM was changed after the checks: ${phraseOfAll(changed)}`,
      {
        remedy:
          "Wait until the other client has finished changing the VM, then run " +
          "the same command again",
      },
    );
  }

  /**
   * Compiles what {@linkcode take} and {@linkcode differencesTo} execute: the
   * first time takes several times as long as the next.
   */
  async warmUp(client: Executor): Promise<void> {
    const later = await Fingerprint.ofNew(client);
    for (let round = 0; round < WARM_UP_ROUNDS; round++) {
      // A fingerprint reads its replies only once.
      const before = new Fingerprint(later.replies);
      const after = new Fingerprint(later.replies);
      for (const view of partsOf(ALL)) before.#compare(view, after);
    }
  }

  /** Does the part of {@linkcode differencesTo} that needs no later one. */
  prepareComparison(): void {
    for (const view of partsOf(ALL)) this.#objectsOf(view);
  }

  /** Compares everything, or a part, with the VM on another program. */
  differencesTo(
    later: Fingerprint,
    parts: readonly Part[] = ALL,
  ): Difference[] {
    return this.#differences(later, partsOf(parts));
  }

  #differences(later: Fingerprint, views: readonly View[]): Difference[] {
    return views.flatMap((view) => {
      const before = view.from.map((name) => this.replies[name] ?? null);
      const after = view.from.map((name) => later.replies[name] ?? null);
      // What the old program does not report cannot be compared.
      if (before[0] === null || isSame(before, after)) return [];
      return this.#compare(view, later);
    });
  }

  #compare(view: View, later: Fingerprint): Difference[] {
    return [
      ...differencesBetween(
        view.kind,
        this.#objectsOf(view),
        later.#objectsOf(view),
      ),
    ];
  }

  #objectsOf(view: View): Objects {
    return this.#objects.getOrInsertComputed(
      view,
      () => view.of(this.replies),
    );
  }
}

function partsOf(parts: readonly Part[]): readonly View[] {
  return parts.flatMap((part): readonly View[] => VM[part]);
}

/** Most replies are the same in every value, which is quickly found out. */
function isSame(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length &&
      one.every((element, index) => isSame(element, other[index]));
  }
  if (!isObject(one)) return one === other;
  const keys = Object.keys(one);
  return isObject(other) && Object.keys(other).length === keys.length &&
    keys.every((key) => isSame(one[key], other[key]));
}
