/** A stretch of two lists: elements of both, or of only one. */
export type Stretch<T> =
  | { readonly same: readonly [T, T] }
  | { readonly left: readonly T[]; readonly right: readonly T[] };

/**
 * Aligns two lists by their longest common subsequence.
 */
export function align<T>(
  left: readonly T[],
  right: readonly T[],
  isSame: (a: T, b: T) => boolean,
): Stretch<T>[] {
  const stretches: Stretch<T>[] = [];
  // Most lists are equal: skip the common start.
  const start = left.findIndex((a, at) => {
    const b = right[at];
    return b === undefined || !isSame(a, b);
  });
  const begun = start < 0 ? left.length : start;
  const lengths = commonLengths(left.slice(begun), right.slice(begun), isSame);
  const common = (i: number, j: number) => lengths[i - begun]?.[j - begun] ?? 0;
  let i = 0;
  let j = 0;
  let gap: { left: T[]; right: T[] } | undefined;
  const open = () => {
    gap ??= { left: [], right: [] };
    return gap;
  };
  for (;;) {
    const a = left[i];
    const b = right[j];
    if (a !== undefined && b !== undefined && isSame(a, b)) {
      if (gap !== undefined) stretches.push(gap);
      gap = undefined;
      stretches.push({ same: [a, b] });
      i++;
      j++;
    } else if (
      a !== undefined &&
      (b === undefined ||
        common(i + 1, j) >= common(i, j + 1))
    ) {
      open().left.push(a);
      i++;
    } else if (b !== undefined) {
      open().right.push(b);
      j++;
    } else {
      if (gap !== undefined) stretches.push(gap);
      return stretches;
    }
  }
}

/** The lengths of the common subsequences from i and from j on. */
function commonLengths<T>(
  left: readonly T[],
  right: readonly T[],
  isSame: (a: T, b: T) => boolean,
): Uint16Array[] {
  const rows = Array.from(
    { length: left.length + 1 },
    () => new Uint16Array(right.length + 1),
  );
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const [a, b] = [left[i], right[j]];
      const row = rows[i];
      if (row === undefined || a === undefined || b === undefined) continue;
      row[j] = isSame(a, b)
        ? (rows[i + 1]?.[j + 1] ?? 0) + 1
        : Math.max(rows[i + 1]?.[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return rows;
}
