import { text } from "../../vm/reply.ts";
import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { type SocketClient, socketClients } from "./socket_clients.ts";
import { forEachLine } from "../../../bounded_file.ts";

/** In /proc/net/unix: somebody accepts connections. */
const ACCEPTS = 0x10000;
/** What the monitor puts before the address of a socket without a peer. */
const DISCONNECTED = "disconnected:";

/**
 * Somebody listens where the VM's character devices are to connect again. A
 * QEMU that cannot connect one at its start ends, the old one too.
 */
export const chardevPeers: PreflightCheck = {
  id: "chardev-peers",
  async run(context) {
    const clients = socketClients(context.next);
    const problems: string[] = [];
    for (const client of clients) {
      if (client.reconnects) continue;
      const problem = await problemOf(client, context);
      if (problem !== undefined) {
        problems.push(
          `Character device ${quoted(client.name)} could not connect again: ` +
            problem,
        );
      }
    }
    return problems.length === 0
      ? ok("character devices can connect again")
      : refuse(
        joined(problems),
        "Start the program that listens there, or restart the VM with " +
          "reconnect-ms on the character device",
      );
  },
};

async function problemOf(
  { name, path, abstract }: SocketClient,
  context: CheckContext,
): Promise<string | undefined> {
  if (path === undefined) {
    return await isConnected(name, context)
      ? undefined
      : "its TCP connection is down";
  }
  if (!abstract && await context.files.stat(path) === undefined) {
    return `there is no socket ${quoted(path)}`;
  }
  return await somebodyListens(context.facts.pid, path)
    ? undefined
    : `nobody listens at ${quoted(path)}`;
}

/** A device without an id of its own is taken to be connected. */
async function isConnected(
  name: string,
  { inventory }: CheckContext,
): Promise<boolean> {
  const chardev = (await inventory.list("query-chardev"))
    .find(({ label }) => text(label) === name);
  return !(text(chardev?.["filename"]) ?? "").startsWith(DISCONNECTED);
}

/**
 * The kernel tells a socket's path as its listener wrote it: relative, or
 * through other folders. So the last part has to do.
 */
async function somebodyListens(pid: number, path: string): Promise<boolean> {
  const name = path.split("/").at(-1);
  let listens = false;
  await forEachLine(`/proc/${pid}/net/unix`, (line) => {
    const [, , , flags = "", , , , ...rest] = line.split(" ").filter((it) =>
      it
    );
    const bound = rest.join(" ").replace(/^@/, "");
    listens ||= (Number.parseInt(flags, 16) & ACCEPTS) !== 0 &&
      bound.split("/").at(-1) === name;
  });
  return listens;
}
