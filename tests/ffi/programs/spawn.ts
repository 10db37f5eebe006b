/** Spawns the command of its arguments with its own stdio. */
import { spawn } from "../../../ffi/spawn.ts";

using child = spawn(Deno.args, { descriptors: new Map([[1, 1], [2, 2]]) });
const { code } = await child.wait(30_000);
Deno.exitCode = code ?? 1;
