/** Founds a session, tries again, and says how both went. */
import { OsError } from "../../../ffi/libc.ts";
import { setsid } from "../../../ffi/process.ts";

const id = setsid();
try {
  setsid();
} catch (error) {
  console.log(id === Deno.pid, error instanceof OsError ? error.code : error);
}
