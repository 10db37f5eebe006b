/** Connects to the socket of its first argument and waits for a word. */
import { UnixSocket } from "../../../ffi/socket.ts";

using socket = await UnixSocket.connect(Deno.args[0] ?? "", 30_000);
const bytes = await socket.receive(100, 30_000);
Deno.exitCode = new TextDecoder().decode(bytes) === "go" ? 0 : 1;
