/** Names by their numbers; undefined for a number without one. */
export type Numbered = (number: number) => string | undefined;

/**
 * Names from text such as "0 SIZE, 1 MULTIPORT". Numbers may be in hex. The text
 * is read on the first use: most states have few of all these names.
 */
export function numbered(text: string): Numbered {
  let names: ReadonlyMap<number, string> | undefined;
  return (number) => (names ??= namesIn(text)).get(number);
}

function namesIn(text: string): Map<number, string> {
  const names = text.matchAll(/(\w+) ([^,]*[^,\s])/g);
  return new Map(
    Array.from(names, ([, number, name = ""]) => [Number(number), name]),
  );
}
