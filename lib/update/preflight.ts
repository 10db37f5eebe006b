import { asArray, asObject, type Facts, text } from "./facts.ts";
import { type QmpClient, QmpCommandError } from "../qmp/mod.ts";
import { RefusedError } from "./error.ts";
import type { Check } from "./report.ts";

/**
 * Looks for what would lose or refuse the VM, without touching it.
 *
 * @throws {RefusedError} naming every check that refuses
 */
export async function preflight(
  client: QmpClient,
  facts: Facts,
  binary: string,
): Promise<Check[]> {
  const checks = [
    await checkBinary(binary),
    await checkMode(client),
    await checkRam(client),
    checkRunState(facts),
  ];
  const refusals = checks.filter(({ verdict }) => verdict === "refuse");
  if (refusals.length > 0) {
    throw new RefusedError(
      refusals[0]?.id ?? "refused",
      refusals.map(({ detail }) => detail).join("; "),
      refusals[0]?.remedy ? { remedy: refusals[0].remedy } : {},
    );
  }
  return checks;
}

function verdict(
  id: string,
  refusal: string | undefined,
  detail: string,
  remedy: string | null = null,
): Check {
  return refusal === undefined
    ? { id, verdict: "ok", detail, remedy: null }
    : { id, verdict: "refuse", detail: refusal, remedy };
}

const EXECUTABLE_BITS = 0o111;

async function checkBinary(binary: string): Promise<Check> {
  const id = "new-binary";
  const remedy = "Name an executable file with --binary";
  try {
    const info = await Deno.stat(binary);
    const runs = info.isFile && ((info.mode ?? 0) & EXECUTABLE_BITS) !== 0;
    return verdict(
      id,
      runs ? undefined : `New binary "${binary}" is not executable`,
      `"${binary}" is executable`,
      remedy,
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return verdict(id, `New binary "${binary}" does not exist`, "", remedy);
  }
}

async function checkMode(client: QmpClient): Promise<Check> {
  const reply = asObject(await client.execute("query-migrate-parameters"));
  return verdict(
    "cpr-exec",
    reply["cpr-exec-command"] === undefined
      ? "The running program does not know migration mode cpr-exec"
      : undefined,
    "the running program knows cpr-exec",
    "It has to be restarted once: cpr-exec came with QEMU 10.2",
  );
}

/**
 * QEMU checks in mode cpr-transfer, and only there, that all RAM can be
 * preserved: cpr-exec would lose what is not shared without a word. The mode
 * is put back at once.
 */
async function checkRam(client: QmpClient): Promise<Check> {
  const parameters = asObject(await client.execute("query-migrate-parameters"));
  const mode = text(parameters["mode"]) ?? "normal";
  let reasons: string[];
  try {
    await client.execute("migrate-set-parameters", { mode: "cpr-transfer" });
    const reply = asObject(await client.execute("query-migrate"));
    reasons = asArray(reply["blocked-reasons"]).map(String);
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
    reasons = [error.description];
  } finally {
    await client.execute("migrate-set-parameters", { mode });
  }
  return verdict(
    "blockers",
    reasons.length > 0 ? reasons.join("; ") : undefined,
    "nothing blocks the migration, all RAM can be preserved",
    "Start the VM with share=on for its memory-backend and aux-ram-share=on " +
      "for its machine",
  );
}

function checkRunState(facts: Facts): Check {
  const known = ["running", "paused", "prelaunch"].includes(facts.runState);
  return verdict(
    "run-state",
    known ? undefined : `The VM is in run state "${facts.runState}"`,
    `the VM is ${facts.runState}`,
    "Wait until it is running or paused",
  );
}
