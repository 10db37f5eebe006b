import {
  type Executor,
  isObject,
  type Json,
  type JsonObject,
} from "../../qmp/mod.ts";
import { asArray, ifKnown, text } from "./reply.ts";

/** For one query; all of them share the time budget of the connection. */
const QUERY_TIMEOUT_MS = 10_000;

/** No VM has more of anything; each item may need further queries. */
const MAX_ITEMS = 4096;

/** A child of an object in the QOM tree. */
export interface QomChild {
  readonly path: string;
  readonly name: string;
  readonly type: string;
}

/** A question that the running program does not know. */
export class UnknownQueryError extends Error {
  override readonly name = "UnknownQueryError";
}

/** An answer that no QEMU gives. */
export class UnlikelyAnswerError extends Error {
  override readonly name = "UnlikelyAnswerError";
}

/** What the monitor says about the VM; each query is sent once. */
export class Inventory {
  readonly #answers = new Map<string, Promise<Json>>();

  constructor(private readonly client: Executor) {}

  /**
   * Sends a query, or returns the answer of before.
   *
   * @throws {QmpError}
   */
  ask(command: string, args?: JsonObject): Promise<Json> {
    const key = `${command} ${JSON.stringify(args ?? {})}`;
    return this.#answers.getOrInsertComputed(
      key,
      () => this.client.execute(command, args, { timeoutMs: QUERY_TIMEOUT_MS }),
    );
  }

  /**
   * The objects of an answer that is a list.
   *
   * @throws {UnlikelyAnswerError} when it is too long
   */
  async list(command: string, args?: JsonObject): Promise<JsonObject[]> {
    const items = asArray(await this.ask(command, args));
    if (items.length > MAX_ITEMS) {
      throw new UnlikelyAnswerError(
        `Too long an answer to "${command}": ${items.length} items`,
      );
    }
    return items.filter(isObject);
  }

  /** What the human monitor prints. */
  async human(line: string): Promise<string[]> {
    const answer = await this.ask("human-monitor-command", {
      "command-line": line,
    });
    const printed = text(answer) ?? "";
    if (printed.startsWith("unknown command")) {
      throw new UnknownQueryError(printed.trim());
    }
    return printed.split(/\r?\n/);
  }

  /** The children of an object. */
  async children(path: string): Promise<QomChild[]> {
    const children: QomChild[] = [];
    for (const property of await this.list("qom-list", { path })) {
      const name = text(property["name"]);
      const type = /^child<(.+)>$/.exec(text(property["type"]) ?? "")?.[1];
      if (name === undefined || type === undefined) continue;
      children.push({ path: `${path}/${name}`, name, type });
    }
    return children;
  }

  /** A property of an object. */
  property(path: string, property: string): Promise<Json> {
    return this.ask("qom-get", { path, property });
  }

  /** The same; undefined if the object or this QEMU has no such property. */
  knownProperty(path: string, property: string): Promise<Json | undefined> {
    return ifKnown(this.property(path, property));
  }

  /** The devices of -device and device_add, with an id or without. */
  async devices(): Promise<QomChild[]> {
    return [
      ...await this.children("/machine/peripheral"),
      ...await this.children("/machine/peripheral-anon"),
    ];
  }

  /** Those that were added after the start. */
  async hotPlugged(): Promise<QomChild[]> {
    const devices = await this.devices();
    const late = await Promise.all(
      devices.map(({ path }) => this.property(path, "hotplugged")),
    );
    return devices.filter((_device, at) => late[at] === true);
  }
}
