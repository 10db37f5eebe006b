/** Keeps a state, and says how much memory that took, and what is in doubt. */
import { SavedState } from "../../../../lib/update/transaction/saved_state.ts";

using state = SavedState.open(Deno.args[0] ?? "");
const doubt = state.keep(true) ?? null;
state.restore();
const status = Deno.readTextFileSync("/proc/self/status");
const kibibytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
console.log(JSON.stringify([kibibytes * 1024, doubt]));
