/**
 * The environment of this process and of its children.
 *
 * @module
 */

import { libc } from "./libc.ts";
import { cStringVector } from "./memory.ts";

/** "NAME=value" for each variable, in the form of environ. */
export function environmentVector(
  environment: Readonly<Record<string, string>>,
): BigUint64Array<ArrayBuffer> {
  return cStringVector(
    Object.entries(environment).map(([name, value]) => `${name}=${value}`),
  );
}

/**
 * The current `char **environ`, for a foreign function that is called at once:
 * setting a variable may move it.
 */
export function environ(): BigUint64Array<ArrayBuffer> {
  const variable = libc().environ;
  const vector = variable &&
    new Deno.UnsafePointerView(variable).getPointer();
  // C allows no environment at all, after clearenv(3).
  if (vector === null) return cStringVector([]);
  // Its length is not needed: C reads until the null pointer.
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
