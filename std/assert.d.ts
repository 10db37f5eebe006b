/** The part of @std/assert that the tests use. */

export class AssertionError extends Error {}

export function assert(condition: unknown, message?: string): asserts condition;
export function assertEquals<T>(actual: T, expected: T, message?: string): void;
export function assertNotEquals<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T;
export function assertExists<T>(
  actual: T,
  message?: string,
): asserts actual is NonNullable<T>;
export function assertGreater<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
export function assertLess<T>(actual: T, expected: T, message?: string): void;
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
// deno-lint-ignore no-explicit-any -- a constructor of anything, as upstream types it
type AnyConstructor<T> = new (...args: any[]) => T;
export function assertInstanceOf<T>(
  actual: unknown,
  expected: AnyConstructor<T>,
  message?: string,
): asserts actual is T;
export function assertMatch(
  actual: string,
  expected: RegExp,
  message?: string,
): void;
export function assertNotMatch(
  actual: string,
  expected: RegExp,
  message?: string,
): void;
export function assertStringIncludes(
  actual: string,
  expected: string,
  message?: string,
): void;
export function assertObjectMatch(
  actual: object,
  expected: object,
  message?: string,
): void;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: AnyConstructor<E>,
  messageIncludes?: string,
  message?: string,
): E;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: AnyConstructor<E>,
  messageIncludes?: string,
  message?: string,
): Promise<E>;
export function fail(message?: string): never;
export function unreachable(reason?: string): never;
