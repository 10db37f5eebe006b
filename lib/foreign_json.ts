/** JSON that someone else wrote, read with every type checked. @module */

/** An object of a document, of whose members nothing is known yet. */
export type ForeignObject = Readonly<Record<string, unknown>>;

/**
 * A document. Descriptions of devices have thousands of objects, so none knows
 * its path: it is looked for where it goes into a message.
 */
export class ForeignJson {
  readonly root: ForeignObject;
  readonly #problem: (path: string, what: string) => Error;

  /**
   * @param problem makes what is thrown, of a path such as `.devices[3].name`,
   * empty for the document, and what is wrong there
   */
  constructor(root: unknown, problem: (path: string, what: string) => Error) {
    if (!isObject(root)) throw problem("", "is not an object");
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
    const path = `${this.#pathOf(object)}.${key}[${stranger}]`;
    throw this.#problem(path, "is not an object");
  }

  /** The error for what is wrong with an object. */
  problem(object: ForeignObject, what: string): Error {
    return this.#problem(this.#pathOf(object), what);
  }

  #wrong(object: ForeignObject, key: string, what: string): Error {
    return object[key] === undefined
      ? this.problem(object, `has no "${key}"`)
      : this.#problem(`${this.#pathOf(object)}.${key}`, what);
  }

  /** Nesting has no bound here, so nothing calls itself. */
  #pathOf(wanted: ForeignObject): string {
    const open: [path: string, value: unknown][] = [["", this.root]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [path, value] = next;
      if (value === wanted) return path;
      if (Array.isArray(value)) {
        for (const [index, element] of value.entries()) {
          open.push([`${path}[${index}]`, element]);
        }
      } else if (isObject(value)) {
        for (const [key, member] of Object.entries(value)) {
          open.push([`${path}.${key}`, member]);
        }
      }
    }
    throw new TypeError("An object of another document was given");
  }
}

function isObject(value: unknown): value is ForeignObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
