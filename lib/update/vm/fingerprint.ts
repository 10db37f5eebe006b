/**
 * What a VM is made of, as far as its monitor tells and the guest itself does
 * not change it: taken before the checks look at the VM, and once more as soon
 * as it stands still. In between, somebody else may have had its monitor.
 *
 * @module
 */

import {
  isObject,
  type Json,
  type JsonObject,
  type QmpClient,
  QmpCommandError,
} from "../../qmp/mod.ts";
import { UpdateProblem } from "../error.ts";

type Question = readonly [command: string, words?: JsonObject];

const QUESTIONS: readonly Question[] = [
  ["query-block"],
  ["query-named-block-nodes", { flat: true }],
  ["query-jobs"],
  ["query-block-exports"],
  // vCPUs and memory that were added at run time are devices as well.
  ["qom-list", { path: "/machine/peripheral" }],
  ["qom-list", { path: "/machine/peripheral-anon" }],
  ["qom-list", { path: "/objects" }],
  ["qom-list", { path: "/chardevs" }],
];

/** What changes by what the guest does, or by the VM's coming to a stop. */
const OF_THE_GUEST = new Set([
  "actual-size",
  "active",
  "count",
  "busy",
  "io-status",
  "locked",
  "tray_open",
]);

/** A VM's answers. */
export class Fingerprint {
  readonly #answers: readonly string[];

  private constructor(answers: readonly string[]) {
    this.#answers = answers;
  }

  /** Asks; all at once, since the guest may be waiting. */
  static async take(client: QmpClient): Promise<Fingerprint> {
    return new Fingerprint(
      await Promise.all(QUESTIONS.map((question) => answer(client, question))),
    );
  }

  /**
   * Compares with a later one.
   *
   * @throws {UpdateProblem} naming what is another now
   */
  requireSame(later: Fingerprint): void {
    const changed = QUESTIONS.filter((_, index) =>
      this.#answers[index] !== later.#answers[index]
    ).map(([command, words]) => `${command} ${words?.["path"] ?? ""}`.trim());
    if (changed.length === 0) return;
    throw new UpdateProblem(
      "changed-meanwhile",
      "The VM was changed after the checks had looked at it: " +
        `${changed.join(", ")} tells something else now`,
      { remedy: "Run the same command again, when nobody else changes the VM" },
    );
  }
}

async function answer(
  client: QmpClient,
  [command, words]: Question,
): Promise<string> {
  try {
    return JSON.stringify(lasting(await client.execute(command, words)));
  } catch (error) {
    // A program that does not know the question has nothing to tell.
    if (error instanceof QmpCommandError) return error.errorClass;
    throw error;
  }
}

/** With the keys in one order, whatever order the answer has. */
function lasting(value: Json): Json {
  if (Array.isArray(value)) return value.map(lasting);
  if (!isObject(value)) {
    return typeof value === "bigint" ? String(value) : value;
  }
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => !OF_THE_GUEST.has(key))
      .sort(([a], [b]) => a < b ? -1 : 1)
      .map(([key, member]) => [key, lasting(member)]),
  );
}
