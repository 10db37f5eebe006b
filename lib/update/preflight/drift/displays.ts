import { isObject } from "../../../qmp/mod.ts";
import { asArray, text } from "../../vm/reply.ts";
import { type CheckContext, ok, type PreflightCheck, warn } from "../check.ts";
import { listed } from "../wording.ts";

/** Display 0 of VNC. */
const VNC_PORT = 5900;

/** VNC servers listen where the command line puts them. */
export const displays: PreflightCheck = {
  id: "displays",
  async run(context) {
    const named = context.running.texts("vnc");
    if (named.length === 0) return ok("there is no VNC server");
    const unknown = (await services(context))
      .filter((service) => !named.some((it) => mayBe(it, service)));
    return unknown.length === 0
      ? ok("VNC servers listen where the command line puts them")
      : warn(
        `VNC servers listen at ${listed(unknown)}, which the command line ` +
          "does not name",
        "Set the address again after the update (display-update)",
      );
  },
};

async function services({ inventory }: CheckContext): Promise<string[]> {
  const servers = await inventory.list("query-vnc-servers");
  return servers.flatMap(({ server }) =>
    asArray(server).filter(isObject)
      .filter(({ websocket }) => websocket !== true)
      .flatMap(({ service }) => text(service) ?? [])
  );
}

/** Whether `HOST:DISPLAY` or `unix:PATH` of a -vnc can be this service. */
function mayBe(option: string, service: string): boolean {
  const [address = "", ...rest] = option.split(",");
  if (rest.some((it) => it.startsWith("to="))) return true;
  if (address.startsWith("unix:")) {
    return address.slice("unix:".length) === service;
  }
  const display = /:(\d+)$/.exec(address)?.[1];
  return display === undefined || service === `${VNC_PORT + Number(display)}`;
}
