/**
 * Does something with every item, with so many at a time.
 *
 * @throws what one threw, when all others have ended
 */
export async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const end of ends) {
    if (end.status === "rejected") throw end.reason;
  }
}
