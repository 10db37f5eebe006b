/**
 * The environment of this process and of those it starts.
 *
 * @module
 */

import { libc } from "./libc.ts";
import { cStringVector } from "./memory.ts";

/** "NAME=value" of each variable, as environ has them. */
export function environmentVector(
  environment: Readonly<Record<string, string>>,
): BigUint64Array<ArrayBuffer> {
  return cStringVector(
    Object.entries(environment).map(([name, value]) => `${name}=${value}`),
  );
}

/**
 * `char **environ` as it is now, for a foreign function that reads it at once:
 * setting a variable may move it.
 */
export function environ(): BigUint64Array<ArrayBuffer> {
  const variable = libc().environ;
  const vector = variable === null
    ? null
    : new Deno.UnsafePointerView(variable).getPointer();
  // C allows no environment at all, after clearenv(3).
  if (vector === null) return cStringVector([]);
  // The first entry stands for all: only C knows where the vector ends.
  const { BYTES_PER_ELEMENT } = BigUint64Array;
  return new BigUint64Array(
    Deno.UnsafePointerView.getArrayBuffer(vector, BYTES_PER_ELEMENT),
  );
}

/** Sets variables of this process until the result is disposed. */
export function withVariables(variables: Record<string, string>): Disposable {
  const before = Object.keys(variables).map((name) =>
    [name, Deno.env.get(name)] as const
  );
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value);
  }
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
    },
  };
}
