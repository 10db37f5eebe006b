import { type CheckContext, ok, type PreflightCheck, warn } from "../check.ts";
import { listed } from "../wording.ts";

/**
 * A line of "info usernet" for a port that is forwarded to the guest:
 *
 * ```
 * Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
 * TCP[HOST_FORWARD]  17       127.0.0.1 39021       10.0.2.15    22     0     0
 * ```
 */
const LINE = /^\s*(\w+)\[HOST_FORWARD\]\s+\d+\s+(\S+)\s+(\d+)\s+\S+\s+(\d+) /;
const FORWARD = /\[HOST_FORWARD\]/;
/** Such as "tcp:127.0.0.1:39021-:22". */
const OPTION = /^(tcp|udp|):([\d.]*):(\d+)-[\d.]*:(\d+)$/;
const ANY_PORT = "0";

/** Ports are forwarded as the command line says. */
export const hostForwards: PreflightCheck = {
  id: "host-forwards",
  async run(context) {
    const lines = (await context.inventory.human("info usernet"))
      .filter((line) => FORWARD.test(line));
    const options = named(context);
    if (lines.length !== options.length) {
      return warn(
        `${lines.length} ports are forwarded to the guest, and ` +
          `${options.length} will be`,
        REMEDY,
      );
    }
    const is = lines.map(ofLine);
    const will = options.map(ofOption);
    // Not all of them can be compared.
    const lost = will.includes(undefined)
      ? []
      : is.flatMap((it) => it === undefined || will.includes(it) ? [] : [it]);
    return lost.length === 0
      ? ok("ports are forwarded as on the command line")
      : warn(
        `Ports that are forwarded to the guest will not be: ${listed(lost)}`,
        REMEDY,
      );
  },
};

const REMEDY =
  "Change them again after the update (hostfwd_add, hostfwd_remove)";

function named({ running }: CheckContext): string[] {
  return running.values("netdev", "nic", "net").flatMap(({ entries }) =>
    entries.filter(({ key }) => /^hostfwd(\.\d+\.str)?$/.test(key))
      .map(({ value }) => value)
  );
}

function ofLine(line: string): string | undefined {
  const [, protocol = "", host = "", from, to] = LINE.exec(line) ?? [];
  return from === undefined || to === undefined
    ? undefined
    : forward(protocol, host, from, to);
}

function ofOption(text: string): string | undefined {
  const [, protocol = "", host = "", from, to] = OPTION.exec(text) ?? [];
  return from === undefined || to === undefined || from === ANY_PORT
    ? undefined
    : forward(protocol, host, from, to);
}

function forward(protocol: string, host: string, from: string, to: string) {
  const address = host === "*" || host === "0.0.0.0" ? "" : host;
  return `${protocol.toLowerCase() || "tcp"}:${address}:${from}-:${to}`;
}
