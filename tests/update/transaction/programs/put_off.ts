/** Gets a signal while signals are put off, and says which ones were. */
import { DeferredSignals } from "../../../../lib/update/transaction/deferred_signals.ts";

using signals = new DeferredSignals();
Deno.kill(Deno.pid, Deno.args[0] as Deno.Signal);
await signals.first;
console.log(signals.seen.join());
