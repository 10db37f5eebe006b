import type { Facts } from "../vm/facts.ts";
import type { CommandDraft } from "./draft.ts";
import type { LiveProcess } from "./live_process.ts";

/** What a rule may know of the VM besides its command line. */
export interface Situation {
  readonly facts: Facts;
  readonly live: LiveProcess;
}

/** Edits what would lose or slow down the VM; a second time it finds nothing. */
export type Rule = (draft: CommandDraft, situation: Situation) => void;
