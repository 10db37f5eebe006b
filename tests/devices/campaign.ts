/** Tries every type of device on every kind of machine. */

import type { QemuBuilds } from "../../testing/qemu/builds/builds.ts";
import type { DeviceType } from "../../testing/devices/catalogue.ts";
import { recipeFor } from "../../testing/devices/recipes.ts";
import { type Board, examine, move, type Verdict } from "./trial.ts";

/** What a type came to on a kind of machine. */
export interface Tried {
  readonly type: string;
  readonly board: Board;
  readonly verdict: Verdict;
}

/** So many share a VM; conventional PCI has places for thirty. */
const TOGETHER = 10;

/** Tries types on one kind of machine; one that fails is found alone. */
export async function tryOn(
  board: Board,
  types: readonly DeviceType[],
  builds: QemuBuilds,
  tell: (tried: Tried) => void,
): Promise<void> {
  const note = (type: DeviceType, verdict: Verdict) =>
    tell({ type: type.name, board, verdict });
  const passing: DeviceType[] = [];
  for (const type of types) {
    const verdict = await examine(type, board, builds);
    if (verdict === "passes") passing.push(type);
    else note(type, verdict);
  }
  const attempt = async (some: readonly DeviceType[]): Promise<void> => {
    if (some.length === 0) return;
    const verdict = await move(some, board, builds);
    if (some.length === 1 || verdict.kind === "updated") {
      for (const type of some) note(type, verdict);
      return;
    }
    const middle = Math.ceil(some.length / 2);
    await attempt(some.slice(0, middle));
    await attempt(some.slice(middle));
  };
  const isAlone = (type: DeviceType) => recipeFor(type, "0", "").alone;
  const social = passing.filter((type) => !isAlone(type));
  for (let at = 0; at < social.length; at += TOGETHER) {
    await attempt(social.slice(at, at + TOGETHER));
  }
  for (const type of passing.filter(isAlone)) await attempt([type]);
}
