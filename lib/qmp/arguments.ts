/**
 * What a command accepts: each type checks a JSON value and gives it its
 * TypeScript type. Refusals are worded as QEMU words them, so that what knows
 * QEMU's answers knows ours.
 *
 * ```ts
 * import { command, flag, optional, text } from "./arguments.ts";
 *
 * const greet = command(
 *   { name: text(), loud: optional(flag()) },
 *   ({ name, loud }) => loud ? name.toUpperCase() : name,
 * );
 * await greet.run({ name: "vm1" });
 * ```
 *
 * @module
 */

import { QmpError } from "./errors.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

/** A command's refusal: what the client gets for an answer. */
export class CommandFailure extends QmpError {
  override readonly name: string = "CommandFailure";

  constructor(
    description: string,
    /** QMP's error class. */
    readonly errorClass: string = "GenericError",
  ) {
    super("qmp-command", description);
  }
}

/** The type of one argument. */
export interface ArgumentType<T> {
  /**
   * The value, checked.
   *
   * @param name the argument's, for the refusal: "channels[0].addr"
   * @throws {CommandFailure}
   */
  read(value: Json, name: string): T;
  /** Whether it may be left out; then the value is undefined. */
  readonly optional?: true;
}

/** The arguments of a command, or the members of an object. */
export type Members = { readonly [name: string]: ArgumentType<unknown> };

type OptionalNames<M extends Members> = {
  [N in keyof M]: M[N] extends { optional: true } ? N : never;
}[keyof M];

/** The TypeScript type of what {@linkcode Members} accept. */
export type Arguments<M extends Members> =
  & {
    [N in Exclude<keyof M, OptionalNames<M>>]: M[N] extends
      ArgumentType<infer T> ? T : never;
  }
  & {
    [N in OptionalNames<M>]?: M[N] extends ArgumentType<infer T> ? T : never;
  };

function wrongType(name: string, expected: string): CommandFailure {
  return new CommandFailure(
    `Invalid parameter type for '${name}', expected: ${expected}`,
  );
}

/** A string. */
export function text(): ArgumentType<string> {
  return {
    read(value, name) {
      if (typeof value !== "string") throw wrongType(name, "string");
      return value;
    },
  };
}

/** A boolean. */
export function flag(): ArgumentType<boolean> {
  return {
    read(value, name) {
      if (typeof value !== "boolean") throw wrongType(name, "boolean");
      return value;
    },
  };
}

function isInteger(value: Json): value is number | bigint {
  return typeof value === "bigint" || Number.isSafeInteger(value);
}

/** An integer of 64 bits; a bigint only beyond 2^53. */
export function integer(): ArgumentType<number | bigint> {
  return {
    read(value, name) {
      if (!isInteger(value)) throw wrongType(name, "integer");
      return value;
    },
  };
}

/** An unsigned integer of 64 bits; a bigint only beyond 2^53. */
export function unsigned(): ArgumentType<number | bigint> {
  return {
    read(value, name) {
      if (isInteger(value) && value >= 0) return value;
      throw new CommandFailure(`Parameter '${name}' expects uint64`);
    },
  };
}

/** One of some words. */
export function oneOf<const T extends string>(
  ...words: readonly T[]
): ArgumentType<T> {
  return {
    read(value, name) {
      const given = text().read(value, name);
      const word = words.find((it) => it === given);
      if (word !== undefined) return word;
      throw new CommandFailure(
        `Parameter '${name}' does not accept value '${given}'`,
      );
    },
  };
}

/** An array. */
export function list<T>(item: ArgumentType<T>): ArgumentType<T[]> {
  return {
    read(value, name) {
      if (!Array.isArray(value)) throw wrongType(name, "array");
      return value.map((it, index) => item.read(it, `${name}[${index}]`));
    },
  };
}

/** An object of known members. */
export function record<M extends Members>(
  members: M,
): ArgumentType<Arguments<M>> {
  return {
    read(value, name) {
      if (!isObject(value)) throw wrongType(name, "object");
      return readMembers(members, value, `${name}.`);
    },
  };
}

/** Any value at all. */
export function anything(): ArgumentType<Json> {
  return { read: (value) => value };
}

/** What may be left out. */
export function optional<T>(
  type: ArgumentType<T>,
): ArgumentType<T> & { optional: true } {
  return { ...type, optional: true };
}

/** What a command does, arguments unchecked. */
export interface Command {
  /**
   * @throws {CommandFailure} for arguments that it does not accept, and
   *   whatever the command itself throws
   */
  run(args: JsonObject): Promise<Json>;
}

/**
 * A command of the given arguments.
 *
 * @param run what it does; what it returns is the answer, `{}` if nothing
 */
export function command<M extends Members>(
  members: M,
  run: (args: Arguments<M>) => Json | void | Promise<Json | void>,
): Command {
  return {
    async run(args) {
      const answer = await run(readMembers(members, args, ""));
      return answer === undefined ? {} : answer;
    },
  };
}

function readMembers<M extends Members>(
  members: M,
  given: JsonObject,
  prefix: string,
): Arguments<M> {
  const read: { [name: string]: unknown } = {};
  for (const [name, type] of Object.entries(members)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value !== undefined) {
      read[name] = type.read(value, prefix + name);
    } else if (!type.optional) {
      throw new CommandFailure(`Parameter '${prefix}${name}' is missing`);
    }
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(members, name)) {
      throw new CommandFailure(`Parameter '${prefix}${name}' is unexpected`);
    }
  }
  // Each member was read by its own type just now.
  return read as Arguments<M>;
}
