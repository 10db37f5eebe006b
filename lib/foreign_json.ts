/** JSON that someone else wrote, read with every type checked. @module */

/** An object of a document, of whose members nothing is known yet. */
export type ForeignObject = Readonly<Record<string, unknown>>;

/** The keys and indices that lead to a value. */
export type ForeignPath = readonly (string | number)[];

/** Keys and indices of a long path that are shown of each end. */
const SHOWN_KEYS = 5;

/** A path as text, such as `.devices[3].name`; the middle of a long one is left out. */
export function pathText(path: ForeignPath): string {
  const text = (keys: ForeignPath) =>
    keys.map((key) => typeof key === "number" ? `[${key}]` : `.${key}`)
      .join("");
  return path.length <= 2 * SHOWN_KEYS
    ? text(path)
    : `${text(path.slice(0, SHOWN_KEYS))}…${text(path.slice(-SHOWN_KEYS))}`;
}

/**
 * A document. Descriptions of devices have thousands of objects, so none knows
 * its path: it is looked for where it goes into a message.
 */
export class ForeignJson {
  readonly root: ForeignObject;
  readonly #problem: (path: ForeignPath, what: string) => Error;

  /**
   * @param problem makes what is thrown, of the path, empty for the document,
   * and what is wrong there
   */
  constructor(
    root: unknown,
    problem: (path: ForeignPath, what: string) => Error,
  ) {
    if (!isObject(root)) throw problem([], "is not an object");
    this.root = root;
    this.#problem = problem;
  }

  text(object: ForeignObject, key: string): string {
    const value = object[key];
    if (typeof value !== "string") {
      throw this.#wrong(object, key, "is not a string");
    }
    return value;
  }

  flag(object: ForeignObject, key: string): boolean {
    const value = object[key];
    if (typeof value !== "boolean") {
      throw this.#wrong(object, key, "is not a boolean");
    }
    return value;
  }

  /** A size, version, number or id: an integer that is not negative. */
  count(object: ForeignObject, key: string): number {
    const value = object[key];
    if (
      typeof value !== "number" || !Number.isSafeInteger(value) || value < 0
    ) {
      throw this.#wrong(object, key, "is not a count");
    }
    return value;
  }

  object(object: ForeignObject, key: string): ForeignObject {
    const value = object[key];
    if (!isObject(value)) throw this.#wrong(object, key, "is not an object");
    return value;
  }

  /** A list of objects. */
  objects(object: ForeignObject, key: string): readonly ForeignObject[] {
    const value = object[key];
    if (!Array.isArray(value)) {
      throw this.#wrong(object, key, "is not an array");
    }
    const stranger = value.findIndex((element) => !isObject(element));
    if (stranger < 0) return value;
    const path = [...this.#pathOf(object), key, stranger];
    throw this.#problem(path, "is not an object");
  }

  /** The error for what is wrong with an object. */
  problem(object: ForeignObject, what: string): Error {
    return this.#problem(this.#pathOf(object), what);
  }

  #wrong(object: ForeignObject, key: string, what: string): Error {
    return object[key] === undefined
      ? this.problem(object, `has no "${key}"`)
      : this.#problem([...this.#pathOf(object), key], what);
  }

  /** Nesting has no bound here, so nothing calls itself. */
  #pathOf(wanted: ForeignObject): ForeignPath {
    const open = [new OpenValue(this.root, undefined)];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      if (top.value === wanted) return open.slice(1).map(({ key }) => key);
      const next = top.next();
      if (next === undefined) open.pop();
      else open.push(next);
    }
    throw new TypeError("An object of another document was given");
  }
}

/** An object or array on the way to what is looked for. */
class OpenValue {
  readonly #keys: readonly string[] | undefined;
  #at = 0;

  constructor(
    readonly value: ForeignObject | readonly unknown[],
    readonly key: string | number = "",
  ) {
    this.#keys = isArray(value) ? undefined : Object.keys(value);
  }

  /** The next object or array that is in it. */
  next(): OpenValue | undefined {
    const { value } = this;
    const keys = this.#keys;
    const end = isArray(value) ? value.length : keys?.length ?? 0;
    while (this.#at < end) {
      const index = this.#at++;
      const key = keys?.[index] ?? index;
      const member = isArray(value) ? value[index] : value[key];
      if (isObject(member) || isArray(member)) {
        return new OpenValue(member, key);
      }
    }
    return undefined;
  }
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** True for what a document has between braces. */
export function isObject(value: unknown): value is ForeignObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
