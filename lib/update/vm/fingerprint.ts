/**
 * What an administrator may change of a VM while it runs: taken before the
 * checks look at it, and once more as soon as it stands still. In between,
 * another client may have had its monitor.
 *
 * What the guest changes is not in it: it writes, so that images grow; it
 * negotiates caching, opens trays, crosses write thresholds, fills disks.
 *
 * @module
 */

import {
  type Executor,
  isObject,
  type Json,
  type JsonObject,
  QmpCommandError,
} from "../../qmp/mod.ts";
import { UpdateProblem } from "../error.ts";
import { lastingOfDrive, lastingOfNode } from "./block_fields.ts";
import { type Fields, flatten } from "./fields.ts";
import { asArray, text } from "./reply.ts";

/** A VM that is not any more as the checks found it. */
export class ChangedMeanwhileProblem extends UpdateProblem {
  override readonly name = "ChangedMeanwhileProblem";
}

/** A question, and what each element of its answer says of one thing. */
interface Question {
  readonly command: string;
  readonly words?: JsonObject;
  /** What a person calls the thing. */
  readonly thing: string;
  /** The members that tell one thing from another: the first that is there. */
  readonly names: readonly string[];
  /** What of an element is compared. */
  readonly lasting: (element: JsonObject) => Json;
}

const QUESTIONS: readonly Question[] = [
  {
    command: "query-block",
    thing: "Drive",
    names: ["device", "qdev"],
    lasting: lastingOfDrive,
  },
  {
    command: "query-named-block-nodes",
    words: { flat: true },
    thing: "Block node",
    names: ["node-name"],
    lasting: lastingOfNode,
  },
  // How far a job got, and in which state it is, changes by itself.
  {
    command: "query-jobs",
    thing: "Job",
    names: ["id"],
    lasting: only("type"),
  },
  {
    command: "query-block-exports",
    thing: "Export",
    names: ["id"],
    lasting: only("type", "node-name"),
  },
  // vCPUs and memory that were added at run time are devices as well.
  children("/machine/peripheral", "Device"),
  children("/machine/peripheral-anon", "Device"),
  children("/objects", "Object"),
  children("/chardevs", "Character device"),
];

/** The things of one answer, and their fields. */
type Things = ReadonlyMap<string, Fields>;

/** So many differences say enough. */
const MAX_DIFFERENCES = 5;
/** A VM chooses what it says; a message does not grow with it. */
const MAX_SHOWN = 200;

/** A VM's answers. */
export class Fingerprint {
  readonly #answers: readonly Things[];

  private constructor(answers: readonly Things[]) {
    this.#answers = answers;
  }

  /** Asks; all at once, since the guest may be waiting. */
  static async take(client: Executor): Promise<Fingerprint> {
    return new Fingerprint(
      await Promise.all(QUESTIONS.map((question) => ask(client, question))),
    );
  }

  /**
   * Compares with a later one.
   *
   * @throws {ChangedMeanwhileProblem} naming what is another now, by field
   */
  requireSame(later: Fingerprint): void {
    const changed = QUESTIONS.flatMap(({ thing }, index) => {
      const before = this.#answers[index] ?? new Map();
      const after = later.#answers[index] ?? new Map();
      return [...differences(thing, before, after)];
    });
    if (changed.length === 0) return;
    const more = changed.length - MAX_DIFFERENCES;
    throw new ChangedMeanwhileProblem(
      "changed-meanwhile",
      "The VM was changed after the checks had looked at it: " +
        changed.slice(0, MAX_DIFFERENCES).join("; ") +
        (more > 0 ? `; and ${more} more` : ""),
      {
        remedy:
          "Find out which other client changes the VM, and run the same " +
          "command again when it is done",
      },
    );
  }
}

async function ask(client: Executor, question: Question): Promise<Things> {
  const { command, words, names, lasting } = question;
  let reply: Json;
  try {
    reply = await client.execute(command, words);
  } catch (error) {
    // A program that does not know the question has nothing to tell.
    if (error instanceof QmpCommandError) return new Map();
    throw error;
  }
  return new Map(
    asArray(reply).filter(isObject).map((element) => [
      names.map((name) => text(element[name])).find(Boolean) ?? "",
      flatten(lasting(element)),
    ]),
  );
}

/** What is there no more, what is new, and what is another. */
function* differences(
  thing: string,
  before: Things,
  after: Things,
): Iterable<string> {
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(name);
    const is = after.get(name);
    if (is === undefined) yield `${thing} "${clip(name)}" is gone`;
    else if (was === undefined) yield `${thing} "${clip(name)}" is new`;
    else {
      for (const field of differingFields(was, is)) {
        yield `${thing} "${clip(name)}": ${field}`;
      }
    }
  }
}

function* differingFields(before: Fields, after: Fields): Iterable<string> {
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(path) ?? "none";
    const is = after.get(path) ?? "none";
    if (was !== is) yield `"${path}" was ${clip(was)}, is ${clip(is)}`;
  }
}

function clip(value: string): string {
  return value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value;
}

function children(path: string, thing: string): Question {
  return {
    command: "qom-list",
    words: { path },
    thing,
    names: ["name"],
    lasting: only("type"),
  };
}

function only(...members: string[]): (element: JsonObject) => Json {
  return (element) =>
    Object.fromEntries(members.map((name) => [name, element[name] ?? null]));
}
