/**
 * The arguments of a server's commands: each type checks a JSON value and gives
 * it a TypeScript type. Error messages have QEMU's wording, for clients that
 * match it.
 *
 * @module
 */

import type { Fd } from "../../ffi/fd.ts";
import { QmpError } from "./errors.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

/** A command fails; the client gets the description as an error reply. */
export class CommandFailure extends QmpError {
  /** The description is what the client gets. */
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
   * Checks a value.
   *
   * @param name the argument's, for the error message: "channels[0].addr"
   * @throws {CommandFailure} if the value is not of this type
   */
  read(value: Json, name: string): T;
  /** Whether it may be omitted; then the value is undefined. */
  readonly optional?: true;
}

/** The arguments of a command, or the members of an object. */
export type Members = { readonly [name: string]: ArgumentType<unknown> };

/** The names of members that may be omitted. */
export type OptionalNames<M extends Members> = {
  [N in keyof M]: M[N] extends { optional: true } ? N : never;
}[keyof M];

/** The TypeScript type of values of {@linkcode Members}. */
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

/** A value of one type, which is also what the error calls it. */
function typed<T extends Json>(
  expected: string,
  isOne: (value: Json) => value is T,
): ArgumentType<T> {
  return {
    read(value, name) {
      if (!isOne(value)) throw wrongType(name, expected);
      return value;
    },
  };
}

/**
 * A string.
 *
 * @example
 * ```ts
 * import { command, text } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command({ value: text() }, ({ value }) => value);
 * assertEquals(await echo.run({ value: "vm1" }), "vm1");
 * ```
 */
export function text(): ArgumentType<string> {
  return typed("string", (value) => typeof value === "string");
}

/**
 * A boolean.
 *
 * @example
 * ```ts
 * import { command, flag } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command({ value: flag() }, ({ value }) => value);
 * assertEquals(await echo.run({ value: true }), true);
 * ```
 */
export function flag(): ArgumentType<boolean> {
  return typed("boolean", (value) => typeof value === "boolean");
}

function isInteger(value: Json): value is number | bigint {
  return typeof value === "bigint" || Number.isSafeInteger(value);
}

/**
 * A 64-bit integer; a bigint only beyond ±(2^53 - 1).
 *
 * @example
 * ```ts
 * import { command, integer } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command({ value: integer() }, ({ value }) => value);
 * assertEquals(await echo.run({ value: -1 }), -1);
 * ```
 */
export function integer(): ArgumentType<number | bigint> {
  return typed("integer", isInteger);
}

/**
 * An unsigned 64-bit integer; a bigint only beyond 2^53 - 1.
 *
 * @example
 * ```ts
 * import { command, unsigned } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command({ value: unsigned() }, ({ value }) => value);
 * assertEquals(await echo.run({ value: 2n ** 63n }), 2n ** 63n);
 * ```
 */
export function unsigned(): ArgumentType<number | bigint> {
  return {
    read(value, name) {
      if (isInteger(value) && value >= 0) return value;
      throw new CommandFailure(`Parameter '${name}' expects uint64`);
    },
  };
}

/**
 * One of the given words.
 *
 * @example
 * ```ts
 * import { command, oneOf } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command({ value: oneOf("on", "off") }, ({ value }) => value);
 * assertEquals(await echo.run({ value: "on" }), "on");
 * ```
 */
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

/**
 * An array of one type.
 *
 * @example
 * ```ts
 * import { command, list, text } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command({ value: list(text()) }, ({ value }) => value);
 * assertEquals(await echo.run({ value: ["a", "b"] }), ["a", "b"]);
 * ```
 */
export function list<T>(item: ArgumentType<T>): ArgumentType<T[]> {
  return {
    read(value, name) {
      if (!Array.isArray(value)) throw wrongType(name, "array");
      return value.map((it, index) => item.read(it, `${name}[${index}]`));
    },
  };
}

/**
 * An object with the given members.
 *
 * @example
 * ```ts
 * import { command, record, text } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command({ value: record({ id: text() }) }, ({ value }) => value);
 * assertEquals(await echo.run({ value: { id: "d0" } }), { id: "d0" });
 * ```
 */
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

/**
 * Any value.
 *
 * @example
 * ```ts
 * import { command, anything } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command({ value: anything() }, ({ value }) => value);
 * assertEquals(await echo.run({ value: null }), null);
 * ```
 */
export function anything(): ArgumentType<Json> {
  return { read: (value) => value };
}

/**
 * An argument that may be omitted.
 *
 * @example
 * ```ts
 * import { command, optional, text } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const echo = command(
 *   { value: optional(text()) },
 *   ({ value }) => value ?? "none",
 * );
 * assertEquals(await echo.run({}), "none");
 * ```
 */
export function optional<T>(
  type: ArgumentType<T>,
): ArgumentType<T> & { optional: true } {
  return { ...type, optional: true };
}

/**
 * Takes a descriptor that the client has sent with the command, which the caller
 * owns then; undefined if there is none.
 */
export type TakeDescriptor = () => Fd | undefined;

/** A command of a server. */
export interface Command {
  /**
   * Checks the arguments and runs the command.
   *
   * @throws {CommandFailure} for invalid arguments; anything that the command
   *   throws
   */
  run(args: JsonObject, takeDescriptor?: TakeDescriptor): Promise<Json>;
}

/**
 * Makes a command with the given arguments.
 *
 * @param run the command; its result is the reply, `{}` if it returns nothing
 *
 * @example
 * ```ts
 * import { command, flag, optional, text } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const greet = command(
 *   { name: text(), loud: optional(flag()) },
 *   ({ name, loud }) => loud ? name.toUpperCase() : name,
 * );
 * assertEquals(await greet.run({ name: "vm1", loud: true }), "VM1");
 * ```
 */
export function command<M extends Members>(
  members: M,
  run: (
    args: Arguments<M>,
    takeDescriptor: TakeDescriptor,
  ) => Json | void | Promise<Json | void>,
): Command {
  return {
    async run(args, takeDescriptor = () => undefined) {
      const given = readMembers(members, args, "");
      const answer = await run(given, takeDescriptor);
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
  // Each member was checked by its type.
  return read as Arguments<M>;
}
