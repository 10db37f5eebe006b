/**
 * Executes a program that finds a connection at a number: `FD PATH PROGRAM
 * ARGUMENT…`.
 */
import { execvp } from "../../../ffi/exec.ts";
import { duplicate } from "../../../ffi/fd.ts";
import { UnixSocket } from "../../../ffi/socket.ts";

const [number = "", path = "", ...argv] = Deno.args;
using connection = await UnixSocket.connect(path, 10_000);
const passed = duplicate(connection.number);
// As QEMU wants it at first, and as every program expects it.
passed.setNonblocking(false);
passed.takeNumber(Number(number));
execvp(argv);
