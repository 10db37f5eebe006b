import { QmpCommandError } from "../../../qmp/mod.ts";
import { asArray, text } from "../../vm/reply.ts";
import type { Facts } from "../../vm/facts.ts";
import { connectionsIn, LIST_CONNECTIONS } from "../../vm/user_connections.ts";
import { type CheckContext, ok, type PreflightCheck } from "../check.ts";
import { UnknownQueryError } from "../inventory.ts";
import { joined, quoted } from "../wording.ts";

/** A socket with somebody at its other end; "disconnected:" is before others. */
const CONNECTED = /^(unix|tcp|telnet|tn3270|websocket):/;

/** Says who will see a connection end: it does not outlive the program. */
export const clients: PreflightCheck = {
  id: "clients",
  async run(context) {
    const connected = [
      ...await ofChardevs(context),
      ...await ofVnc(context),
      ...await ofGuest(context),
    ];
    return ok(
      connected.length === 0
        ? "no client has a connection that would end"
        : "these connections will end, and can be made again at once: " +
          joined(connected),
    );
  },
};

async function ofChardevs(
  { inventory, facts }: CheckContext,
): Promise<string[]> {
  const chardevs = await inventory.list("query-chardev");
  return chardevs.flatMap(({ label, filename }) => {
    const where = text(filename) ?? "";
    return isOurs(facts, where) || !CONNECTED.test(where)
      ? []
      : [`that of character device ${quoted(text(label) ?? "")}`];
  });
}

/** The program may name its socket by a path that begins in its folder. */
function isOurs({ address }: Facts, where: string): boolean {
  const [, path = ""] = /^unix:([^,]+)/.exec(where) ?? [];
  return "path" in address && path !== "" &&
    (address.path === path || address.path.endsWith(`/${path}`));
}

async function ofVnc({ inventory, running }: CheckContext): Promise<string[]> {
  if (running.texts("vnc").length === 0) return [];
  const servers = await inventory.list("query-vnc-servers");
  return counted(
    servers.flatMap((server) => asArray(server["clients"])).length,
    "VNC",
  );
}

async function ofGuest({ inventory }: CheckContext): Promise<string[]> {
  try {
    const lines = await inventory.human(LIST_CONNECTIONS);
    return counted(connectionsIn(lines).length, "user networking");
  } catch (error) {
    const unknown = error instanceof QmpCommandError ||
      error instanceof UnknownQueryError;
    if (!unknown) throw error;
    return [];
  }
}

function counted(count: number, of: string): string[] {
  return count === 0 ? [] : [`${count} of ${of}`];
}
