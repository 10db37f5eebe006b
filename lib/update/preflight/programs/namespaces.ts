import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined } from "../wording.ts";

/** Those that no process can move to which has begun elsewhere. */
const CLOSED = ["user", "pid", "time"];

/** A rollback starts the old program where the VM is. */
export const namespaces: PreflightCheck = {
  id: "namespaces",
  async run({ facts }) {
    const own: string[] = [];
    for (const kind of CLOSED) {
      const [its, ours] = await Promise.all([
        namespace(facts.pid, kind),
        namespace("self", kind),
      ]);
      if (its !== ours) own.push(kind);
    }
    return own.length === 0 ? ok("cprctl is in the VM's namespaces") : refuse(
      "The VM is in namespaces where it could not be put back " +
        `(${joined(own)})`,
      "Run cprctl in the VM's container",
    );
  },
};

/** Undefined where the kernel knows no such kind. */
async function namespace(
  pid: number | "self",
  kind: string,
): Promise<string | undefined> {
  try {
    return await Deno.readLink(`/proc/${pid}/ns/${kind}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
