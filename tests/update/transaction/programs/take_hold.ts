/** Takes hold of a VM's process, and says what came of it. */
import { PidFd } from "../../../../ffi/process.ts";
import { UpdateProblem } from "../../../../lib/update/error.ts";
import { Hold } from "../../../../lib/update/transaction/hold.ts";

using process = PidFd.open(Number(Deno.args[0]));
try {
  using hold = Hold.take(process, []);
  console.log(hold.cprState.descriptors.length);
} catch (error) {
  if (!(error instanceof UpdateProblem)) throw error;
  console.log(error.code);
}
