/** Connections of clients to the VM, which end with the program. @module */

import { QmpCommandError } from "../../qmp/mod.ts";
import { placeOf } from "../command/set_aside.ts";
import type { Facts } from "../vm/facts.ts";
import { asArray, objectsIn, text } from "../vm/reply.ts";
import { connectionsIn, LIST_CONNECTIONS } from "../vm/user_connections.ts";
import {
  type CheckContext,
  joined,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
} from "./check.ts";
import { UnknownQueryError } from "../vm/inventory.ts";

/** Reports which clients will lose their connection. */
export const clients: PreflightCheck = {
  id: "clients",
  async run(context) {
    const connected = [
      ...await chardevClients(context),
      ...await vncClients(context),
      ...await guestConnections(context),
    ];
    return ok(
      connected.length === 0
        ? "no client has a connection that would end"
        : "these connections will end; clients can reconnect at once: " +
          joined(connected),
    );
  },
};

/** A socket with a peer; without one, "disconnected:" is at the beginning. */
const CONNECTED = /^(unix|tcp|telnet|tn3270|websocket):/;

async function chardevClients(
  { inventory, facts }: CheckContext,
): Promise<string[]> {
  const chardevs = await inventory.list("query-chardev");
  return chardevs.flatMap(({ label, filename }) => {
    const where = text(filename) ?? "";
    return isOurMonitor(facts, where) || !CONNECTED.test(where)
      ? []
      : [`that of character device ${quoted(text(label) ?? "")}`];
  });
}

/** The socket's path may be relative to the program's working directory. */
function isOurMonitor({ address }: Facts, where: string): boolean {
  const [, bound = ""] = /^unix:([^,]+)/.exec(where) ?? [];
  const path = placeOf(bound);
  return "path" in address && path !== "" &&
    (address.path === path || address.path.endsWith(`/${path}`));
}

async function vncClients(
  { inventory, running }: CheckContext,
): Promise<string[]> {
  if (running.texts("vnc").length === 0) return [];
  const servers = await inventory.list("query-vnc-servers");
  const { length } = servers.flatMap(({ clients }) => asArray(clients));
  return length === 0 ? [] : [`${length} of VNC`];
}

async function guestConnections(
  { inventory }: CheckContext,
): Promise<string[]> {
  try {
    const lines = await inventory.human(LIST_CONNECTIONS);
    const { length } = connectionsIn(lines);
    return length === 0 ? [] : [`${length} of user networking`];
  } catch (error) {
    const isUnknown = error instanceof QmpCommandError ||
      error instanceof UnknownQueryError;
    if (!isUnknown) throw error;
    return [];
  }
}

export const displays: PreflightCheck = problemCheck({
  id: "displays",
  verdict: "warn",
  ok: ({ running }) =>
    running.has("vnc")
      ? "VNC servers listen where the command line puts them"
      : "there is no VNC server",
  detail: (found) =>
    `VNC servers listen at ${found}, which the command line does not name`,
  remedy: "Set the address again after the update (display-update)",
  async find(context) {
    const named = context.running.texts("vnc");
    if (named.length === 0) return [];
    return (await vncServices(context))
      .filter((service) => !named.some((it) => mayListenAt(it, service)))
      .map(quoted);
  },
});

async function vncServices({ inventory }: CheckContext): Promise<string[]> {
  const servers = await inventory.list("query-vnc-servers");
  return servers.flatMap(({ server }) =>
    objectsIn(server)
      .filter(({ websocket }) => websocket !== true)
      .flatMap(({ service }) => text(service) ?? [])
  );
}

/** The port of display 0. */
const VNC_PORT = 5900;

/** Whether `HOST:DISPLAY` or `unix:PATH` of a -vnc can be this service. */
function mayListenAt(option: string, service: string): boolean {
  const [address = "", ...rest] = option.split(",");
  if (rest.some((it) => it.startsWith("to="))) return true;
  if (address.startsWith("unix:")) {
    return address.slice("unix:".length) === service;
  }
  const display = /:(\d+)$/.exec(address)?.[1];
  return display === undefined || service === `${VNC_PORT + Number(display)}`;
}
