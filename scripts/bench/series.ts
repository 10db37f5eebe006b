/** Numbers that were measured under the same name. */

/** What was measured, in one unit. */
export class Series {
  readonly #sorted: number[] = [];

  /** Adds a number. */
  add(value: number): void {
    this.#sorted.push(value);
    this.#sorted.sort((a, b) => a - b);
  }

  /** How many there are. */
  get count(): number {
    return this.#sorted.length;
  }

  get least(): number {
    return this.#at(0);
  }

  get median(): number {
    const { count } = this;
    const lower = this.#at(Math.floor((count - 1) / 2));
    const upper = this.#at(Math.ceil((count - 1) / 2));
    return (lower + upper) / 2;
  }

  get most(): number {
    return this.#at(this.count - 1);
  }

  #at(index: number): number {
    return this.#sorted[index] ?? NaN;
  }
}

/** Measures once. */
export type Measure = () => number | Promise<number>;

/**
 * Measures each in turn, round after round: what the machine does besides hits
 * all alike. Each round begins with another one, as the first may have to warm
 * up what the others use.
 */
export async function interleave<Name extends string>(
  rounds: number,
  measures: Readonly<Record<Name, Measure>>,
): Promise<Record<Name, Series>> {
  const names = Object.keys(measures) as Name[];
  const entries = names.map((name) => [name, new Series()] as const);
  const series = Object.fromEntries(entries) as Record<Name, Series>;
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length];
      if (name !== undefined) series[name].add(await measures[name]());
    }
  }
  return series;
}
