import { swtpmsAt } from "../../process/swtpm.ts";
import {
  type CheckContext,
  type Finding,
  ok,
  type PreflightCheck,
  refuse,
  warn,
} from "../check.ts";
import { quoted } from "../wording.ts";
import { socketClients } from "./socket_clients.ts";

const REMEDY = "Start the VM with a swtpm that was started without --terminate";

/** The VM's TPM is there when the next program connects to it. */
export const tpmServer: PreflightCheck = {
  id: "tpm-server",
  async run(context) {
    const chardevs = context.next.values("tpmdev")
      .filter((it) => it.get("type") === "emulator")
      .map((it) => it.get("chardev"));
    for (const { name, path, abstract } of socketClients(context.next)) {
      if (!chardevs.includes(name) || path === undefined || abstract) continue;
      return await judge(path, context);
    }
    return ok("the VM has no TPM that it connects to");
  },
};

async function judge(
  path: string,
  { facts, files }: CheckContext,
): Promise<Finding> {
  const socket = await files.stat(path);
  if (socket === undefined) return ok("said under chardev-peers");
  // Whoever else calls themselves so says nothing of this VM.
  const trusted = [0, facts.owner.uid, socket.uid];
  const servers = (await swtpmsAt(socket))
    .filter(({ uid }) => trusted.includes(uid));
  const ending = servers.find(({ terminates }) => terminates);
  if (ending !== undefined) {
    return refuse(
      `The VM's TPM (swtpm, process ${ending.pid}) ends when its connection ` +
        "does, as it does in an update",
      REMEDY,
    );
  }
  return servers.length > 0
    ? ok("the VM's TPM takes another connection")
    : warn(
      `It cannot be told whether the TPM at ${quoted(path)} ends when its ` +
        "connection does, as it does in an update",
      REMEDY,
    );
}
