/** A client of the server: its messages, the replies to them, and events. */

import { messageOf } from "../errors.ts";
import {
  type Command,
  CommandFailure,
  type TakeDescriptor,
} from "./arguments.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import type { Transport } from "./transport.ts";
import { type Incoming, Wire } from "./wire.ts";

/** The commands of a monitor by name. */
export type CommandTable = ReadonlyMap<string, Command>;

/** More than the kernel's limit for the arguments of an exec. */
const MAX_INPUT_BYTES = 8 * 1024 * 1024;
/** As in QEMU's own parser. */
const MAX_DEPTH = 1024;
/** As the QMP specification demands of a server. */
const LINE_END = "\r\n";
/** Pending output for a client that does not read; beyond, it is disconnected. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;

/** The one command that is accepted before the negotiation. */
const NEGOTIATE = "qmp_capabilities";

/**
 * Runs a command.
 *
 * @throws {CommandFailure} if there is no such command, or for invalid
 *   arguments; anything that the command throws
 */
export function runCommand(
  commands: CommandTable,
  name: string,
  args: JsonObject,
  takeDescriptor?: TakeDescriptor,
): Promise<Json> {
  const command = commands.get(name);
  if (command === undefined) {
    throw notFound(`The command ${name} has not been found`);
  }
  return command.run(args, takeDescriptor);
}

/** One connection; it begins with the negotiation. */
export class Conversation {
  readonly #wire: Wire;
  /** Whether the client gets events. */
  #negotiated = false;
  /** The current or last reply. */
  #reply: Promise<void> = Promise.resolve();

  constructor(
    private readonly transport: Transport,
    private readonly commands: CommandTable,
  ) {
    const limits = { maxBytes: MAX_INPUT_BYTES, maxDepth: MAX_DEPTH };
    this.#wire = new Wire(transport, limits, LINE_END);
  }

  async serve(greeting: JsonObject): Promise<void> {
    try {
      await this.#wire.send(greeting);
      for await (const incoming of this.#wire.incoming()) {
        this.#reply = this.#answer(incoming)
          .then((reply) => this.#wire.send(reply));
        await this.#reply;
      }
    } catch {
      // Only the connection can fail here: the client has disconnected.
    } finally {
      this.#wire.close();
    }
  }

  notify(event: JsonObject): void {
    if (!this.#negotiated) return;
    if (this.#wire.backlog > MAX_BACKLOG_BYTES) this.close();
    else this.#wire.send(event).catch(() => this.close());
  }

  flushed(): Promise<void> {
    return this.#wire.flushed();
  }

  async answered(): Promise<void> {
    await this.#reply.catch(() => {
      // The client has disconnected, which ends serve().
    });
    await this.flushed();
  }

  close(): void {
    this.#wire.close();
  }

  /** The reply to a message; never throws. */
  async #answer(incoming: Incoming): Promise<JsonObject> {
    if ("problem" in incoming) {
      const { problem, offset } = incoming;
      const what = `JSON parse error at byte ${offset}: ${problem}`;
      return errorReply(new CommandFailure(what));
    }
    const { message } = incoming;
    const id: JsonObject = isObject(message) && Object.hasOwn(message, "id")
      ? { id: message["id"] ?? null }
      : {};
    try {
      const { name, args } = readRequest(message);
      return { return: await this.#run(name, args), ...id };
    } catch (error) {
      return { ...id, ...errorReply(error) };
    }
  }

  async #run(name: string, args: JsonObject): Promise<Json> {
    if (name !== NEGOTIATE) {
      const take = () => this.transport.takeDescriptor?.();
      if (this.#negotiated) {
        return await runCommand(this.commands, name, args, take);
      }
      throw notFound(`Expecting capabilities negotiation with '${NEGOTIATE}'`);
    }
    const again =
      "Capabilities negotiation is already complete, command ignored";
    if (this.#negotiated) throw notFound(again);
    const { enable = [] } = args;
    if (!Array.isArray(enable) || enable.length > 0) {
      throw new CommandFailure("This monitor offers no capability to enable");
    }
    this.#negotiated = true;
    return {};
  }
}

function errorReply(error: unknown): JsonObject {
  const isKnown = error instanceof CommandFailure;
  const errorClass = isKnown ? error.errorClass : "GenericError";
  return { error: { class: errorClass, desc: messageOf(error) } };
}

function notFound(description: string): CommandFailure {
  return new CommandFailure(description, "CommandNotFound");
}

function readRequest(message: Json): { name: string; args: JsonObject } {
  if (!isObject(message)) {
    throw new CommandFailure("QMP input must be a JSON object");
  }
  const { execute, arguments: args = {}, id: _, ...others } = message;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new CommandFailure(`QMP input member '${other}' is unexpected`);
  }
  if (execute === undefined) {
    throw new CommandFailure("QMP input lacks member 'execute'");
  }
  if (typeof execute !== "string") {
    throw new CommandFailure("QMP input member 'execute' must be a string");
  }
  if (!isObject(args)) {
    throw new CommandFailure("QMP input member 'arguments' must be an object");
  }
  return { name: execute, args };
}
