/** From a client's message to the reply. */

import { messageOf } from "../errors.ts";
import { type Command, CommandFailure } from "./arguments.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

/** The commands of a monitor by name. */
export type CommandTable = ReadonlyMap<string, Command>;

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
): Promise<Json> {
  const command = commands.get(name);
  if (command === undefined) {
    throw notFound(`The command ${name} has not been found`);
  }
  return command.run(args);
}

/** The session of one client; it begins with the negotiation. */
export class Conversation {
  #negotiated = false;

  constructor(private readonly commands: CommandTable) {}

  /** Whether the client gets events. */
  get negotiated(): boolean {
    return this.#negotiated;
  }

  /** The reply to a message; never throws. */
  async answer(message: Json): Promise<JsonObject> {
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
      if (this.#negotiated) return await runCommand(this.commands, name, args);
      throw notFound(`Expecting capabilities negotiation with '${NEGOTIATE}'`);
    }
    if (this.#negotiated) {
      throw notFound(
        "Capabilities negotiation is already complete, command ignored",
      );
    }
    const { enable = [] } = args;
    if (!Array.isArray(enable) || enable.length > 0) {
      throw new CommandFailure("This monitor offers no capability to enable");
    }
    this.#negotiated = true;
    return {};
  }
}

/** The reply to a message that is not JSON. */
export function parseErrorReply(problem: string, offset: number): JsonObject {
  return errorReply(
    new CommandFailure(`JSON parse error at byte ${offset}: ${problem}`),
  );
}

function errorReply(error: unknown): JsonObject {
  return {
    error: {
      class: error instanceof CommandFailure
        ? error.errorClass
        : "GenericError",
      desc: messageOf(error),
    },
  };
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
