/**
 * Gets a filter of system calls of its own and executes what it is told, or
 * waits for the end of its input. The filter refuses sethostname, with EACCES, and nothing else.
 */

import { execvp } from "../../../ffi/exec.ts";
import { addSeccompFilter } from "../../../ffi/seccomp.ts";
import { forbidNewPrivileges } from "../../../ffi/capabilities.ts";
import { REFUSE_SETHOSTNAME } from "../filter.ts";

if (!Deno.env.has("WITH_PRIVILEGES")) forbidNewPrivileges();
addSeccompFilter(REFUSE_SETHOSTNAME);
if (Deno.args.length > 0) execvp(Deno.args);
console.log();
for await (const _chunk of Deno.stdin.readable);
