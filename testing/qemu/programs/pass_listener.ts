/**
 * Executes a program that finds a socket listening at a number, as a service
 * manager has it: `FD PATH PROGRAM ARGUMENT…`.
 */
import { execvp } from "../../../ffi/exec.ts";
import { duplicate } from "../../../ffi/fd.ts";
import { UnixListener } from "../../../ffi/socket.ts";

const [number = "", path = "", ...argv] = Deno.args;
using listener = UnixListener.listen(path);
duplicate(listener.number).takeNumber(Number(number));
execvp(argv);
