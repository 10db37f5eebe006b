/**
 * A description of a VM at one moment. It is taken three times:
 *
 * ```
 * moment    on           compared with   a difference
 * checked   source
 * stopped   source       checked         a client changed the VM: starts over
 * loaded    destination  both            the guest would see it: rolls back
 * ```
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
import type { View } from "./view.ts";

/** The VM was changed after the checks. */
export class VmChangedProblem extends UpdateProblem {
  override readonly name = "VmChangedProblem";
}

/** What a new program must have as the old one had it. */
const VM: readonly View[] = [
  ...[machine, vcpus, memoryBackends, memoryDevices, devices, pciDevices],
  ...[drives, blockNodes, backEnds],
  ...[objects, chardevs],
];

/** A VM at one moment. */
export class Fingerprint {
  private constructor(private readonly replies: Replies) {}

  /** Sends all queries of a moment at once: the guest may be stopped. */
  static async take(
    client: Executor,
    moment: keyof typeof MOMENTS,
  ): Promise<Fingerprint> {
    return new Fingerprint(await askAll(client, MOMENTS[moment]));
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
    this.differencesTo(await Fingerprint.take(client, "loaded"));
  }

  /** Compares everything with the VM on another program. */
  differencesTo(later: Fingerprint): Difference[] {
    return this.#differences(later, VM);
  }

  #differences(later: Fingerprint, views: readonly View[]): Difference[] {
    return views.flatMap(({ kind, from, of }) => {
      const before = from.map((name) => this.replies[name] ?? null);
      const after = from.map((name) => later.replies[name] ?? null);
      // What the old program does not tell cannot be compared.
      if (before[0] === null || isSame(before, after)) return [];
      return [
        ...differencesBetween(kind, of(this.replies), of(later.replies)),
      ];
    });
  }
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
