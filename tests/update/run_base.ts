import { Base } from "../../testing/program/base.ts";

/**
 * Gives this process a runtime directory of its own, so that a test meets no
 * other cprctl's; what was there before is put back at the end.
 */
export function withRunDirectory(): Promise<Base> {
  return Base.make();
}
