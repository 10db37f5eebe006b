import { text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined, quoted } from "../wording.ts";

/** A job that did its work and waits to be forgotten. */
const OVER = ["concluded", "null"];

/** No job works on the disks: an exec drops it without a word. */
export const blockJobs: PreflightCheck = {
  id: "block-jobs",
  async run({ inventory }) {
    const jobs = (await inventory.list("query-jobs"))
      .filter(({ status }) => !OVER.includes(text(status) ?? ""))
      .map(({ id, type, status }) =>
        `${quoted(text(id) ?? "")} (${text(type)}, ${text(status)})`
      );
    return jobs.length === 0 ? ok("no block job runs") : refuse(
      `Block jobs run: ${joined(jobs)}`,
      "Wait for them, or complete or cancel them (job-complete, job-cancel)",
    );
  },
};
