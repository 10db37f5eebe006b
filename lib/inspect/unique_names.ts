/** Makes names unique: a repeated one gets a number. */
export class UniqueNames {
  /** The last number that was tried for each name. */
  readonly #numbers = new Map<string, number>();

  /** @param separator between name and number */
  constructor(private readonly separator: string) {}

  /** The name itself at first, then `x#2`, `x#3`… */
  take(name: string): string {
    const numbers = this.#numbers;
    let number = numbers.get(name) ?? 1;
    let unique = name;
    while (numbers.has(unique)) unique = name + this.separator + ++number;
    if (unique !== name) numbers.set(name, number);
    numbers.set(unique, 1);
    return unique;
  }
}
