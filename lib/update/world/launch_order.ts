import type { World } from "./world.ts";

/**
 * What the launcher is told, as JSON in a memfd. The numbers are descriptors
 * that it was given.
 */
export interface LaunchOrder {
  readonly world: World;
  readonly argv: readonly string[];
  /** Added to the world's environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly executable: number;
  readonly cwd: number;
  /** In the order of entering. */
  readonly namespaces: readonly number[];
}

/** The word that makes this program the launcher; for itself alone. */
export const LAUNCHER_WORD = "launch-in-world";
