/**
 * Names by their numbers, from text such as "0 SIZE, 1 MULTIPORT". Numbers may
 * be in hex.
 */
export function numbered(text: string): Readonly<Record<number, string>> {
  const names = text.matchAll(/(\w+) ([^,]*[^,\s])/g);
  return Object.fromEntries(
    Array.from(names, ([, number, name = ""]) => [Number(number), name]),
  );
}
