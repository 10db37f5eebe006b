/** Reads untrusted JSON, with every type checked. @module */

/** An object of a document, with unchecked members. */
export type ForeignObject = Readonly<Record<string, unknown>>;

/** The keys and indices of a value. */
export type ForeignPath = readonly (string | number)[];

/** Keys and indices that are shown at each end of a long path. */
const SHOWN_KEYS = 5;

/**
 * A path as text, such as `.devices[3].name`; the middle of a long one is left
 * out.
 */
export function pathText(path: ForeignPath): string {
  const text = (keys: ForeignPath) =>
    keys.map((key) => typeof key === "number" ? `[${key}]` : `.${key}`)
      .join("");
  return path.length <= 2 * SHOWN_KEYS
    ? text(path)
    : `${text(path.slice(0, SHOWN_KEYS))}…${text(path.slice(-SHOWN_KEYS))}`;
}

/**
 * A document. Descriptions of devices have thousands of objects, so paths are
 * not stored, but searched for a message.
 */
export class ForeignJson {
  readonly root: ForeignObject;
  readonly #problem: (path: ForeignPath, what: string) => Error;

  /**
   * @param problem creates the error, from the path (empty for the document)
   * and the problem there
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
    if (typeof value === "string") return value;
    throw this.#wrong(object, key, "is not a string");
  }

  flag(object: ForeignObject, key: string): boolean {
    const value = object[key];
    if (typeof value === "boolean") return value;
    throw this.#wrong(object, key, "is not a boolean");
  }

  /** A non-negative integer, such as a size, version or id. */
  count(object: ForeignObject, key: string): number {
    const value = object[key];
    const isNumber = typeof value === "number";
    if (isNumber && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#wrong(object, key, "is not a count");
  }

  object(object: ForeignObject, key: string): ForeignObject {
    const value = object[key];
    if (isObject(value)) return value;
    throw this.#wrong(object, key, "is not an object");
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

  /** The error for a problem with an object. */
  problem(object: ForeignObject, what: string): Error {
    return this.#problem(this.#pathOf(object), what);
  }

  #wrong(object: ForeignObject, key: string, what: string): Error {
    return object[key] === undefined
      ? this.problem(object, `has no "${key}"`)
      : this.#problem([...this.#pathOf(object), key], what);
  }

  /** Without recursion, since the depth is not limited here. */
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

/** An object or array during the search. */
class OpenValue {
  readonly #keys: readonly string[] | undefined;
  #at = 0;

  constructor(
    readonly value: ForeignObject | readonly unknown[],
    readonly key: string | number = "",
  ) {
    this.#keys = isArray(value) ? undefined : Object.keys(value);
  }

  /** The next object or array in it. */
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

/** Whether a value is an object. */
export function isObject(value: unknown): value is ForeignObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
